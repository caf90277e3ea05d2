//! The record of a device, and of the parameters derived from its files.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::change_set::ChangeSets;
use super::control::ControlState;
use super::cpe::CpeState;
use super::delivery::{Contact, DeliveryState, DeliveryStatus};
use super::hand_over::HandOver;
use super::seen_by::SeenBy;
use super::syslog::SyslogSwitch;
use super::tree_path::TreePath;
use crate::cwmp::DeviceId;
use crate::datamodel::ParameterPath;
use crate::mapping::Rows;

/// A phone as trestle knows it. Its files and derived parameters are records of their own, so
/// that a session that changes nothing rewrites no document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Name of the mapping pack.
    pub vendor: String,
    /// The phone's own file.
    pub own_file: TreePath,
    /// Model, once a phone has said so.
    pub model: Option<String>,
    /// Firmware version, once a phone has said so.
    pub software_version: Option<String>,
    /// Who the virtual CPE is; fixed from the first announcement on.
    pub identity: Option<DeviceId>,
    /// Which row of the data model stands for which native slot.
    pub rows: Rows,
    /// When the phone last restarted, as far as it was seen.
    pub booted_at: Option<Timestamp>,
    /// When and where it was last seen.
    pub contact: Option<Contact>,
    /// How far its file has come.
    pub delivery: DeliveryState,
    /// What its virtual CPE remembers.
    pub cpe: Box<CpeState>,
    /// The lenses by which its rows and parameters were derived: set, version and template.
    pub lenses: String,
    /// Values of parameters for which no file has a place.
    pub kept: BTreeMap<ParameterPath, String>,
    /// Scheme, host and port by which the phone has reached the gateway for its own file.
    pub reached_by: Option<String>,
    /// That it is handed over to its own TR-069 client.
    pub hand_over: Option<HandOver>,
    /// By what it is known at the address of its contact.
    pub seen_by: SeenBy,
    /// Whether the phone was told to send its log here.
    pub syslog: SyslogSwitch,
    /// What it was given to show who it is, and what it has shown.
    pub access: Access,
    /// What it can be told with, and how far its restarts are.
    pub control: Box<ControlState>,
    /// What became of the last changes of its file.
    pub changes: ChangeSets,
}

impl DeviceRecord {
    /// A device of which nothing is known beside its file.
    pub fn new(vendor: String, own_file: TreePath, cpe: CpeState) -> Self {
        Self {
            vendor,
            own_file,
            model: None,
            software_version: None,
            identity: None,
            rows: Rows::default(),
            booted_at: None,
            contact: None,
            delivery: DeliveryState::default(),
            cpe: Box::new(cpe),
            lenses: String::new(),
            kept: BTreeMap::new(),
            reached_by: None,
            hand_over: None,
            seen_by: SeenBy::default(),
            syslog: SyslogSwitch::default(),
            access: Access::default(),
            control: Box::default(),
            changes: ChangeSets::default(),
        }
    }

    /// How far the delivery of the desired revision has come, in one word.
    pub fn delivery_status(&self) -> DeliveryStatus {
        if self.changes.overdue_since.is_some() {
            DeliveryStatus::Overdue
        } else {
            self.delivery.status()
        }
    }
}

/// The parameters that the lenses gave from the device's files, as of its last change. They can
/// always be derived anew; kept, they tell what a change of a file has changed for the ACS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoredParameters {
    /// The lenses that derived them: set, version and template.
    pub lenses: String,
    /// Path and canonical value of each parameter that a file sets, in order of the paths; the
    /// others have the default of those lenses. Values of hidden parameters are
    /// hashed: a change shows, the secret does not stand here a second time.
    pub values: Vec<(ParameterPath, String)>,
}

impl StoredParameters {
    /// The value of a parameter, as it stands here; `None` when it had its default.
    pub fn value(&self, path: &ParameterPath) -> Option<&str> {
        let place = self
            .values
            .binary_search_by(|(stored, _)| stored.cmp(path))
            .ok()?;
        self.values.get(place).map(|(_, value)| value.as_str())
    }
}

/// The same as it lies in the store, for a look at a few of its values: nothing is copied, and
/// paths are not checked again.
#[derive(Debug, Default, Deserialize)]
pub struct StoredParametersText<'a> {
    /// As in [`StoredParameters`].
    pub lenses: &'a str,
    #[serde(borrow)]
    values: Vec<(&'a str, &'a str)>,
}

impl<'a> StoredParametersText<'a> {
    /// As [`StoredParameters::value`].
    pub fn value(&self, path: &ParameterPath) -> Option<&'a str> {
        let place = self
            .values
            .binary_search_by(|(stored, _)| (*stored).cmp(path.as_str()))
            .ok()?;
        self.values.get(place).map(|(_, value)| *value)
    }
}
