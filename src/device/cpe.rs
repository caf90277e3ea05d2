//! What a virtual CPE remembers on its own account: everything of Device.ManagementServer.,
//! attributes, undelivered events, transfers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::events::EventQueue;
use crate::cwmp::{Notification, TransferComplete};
use crate::datamodel::ParameterPath;
use crate::wire::Secret;

/// Where this device's ACS is, where the ACS has set it; what is `None` comes from the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AcsOverride {
    /// ManagementServer.URL.
    pub url: Option<String>,
    /// ManagementServer.Username.
    pub username: Option<String>,
    /// ManagementServer.Password.
    pub password: Option<Secret>,
}

/// The attributes of a parameter that differ from the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// How the ACS wants to hear of a change.
    pub notification: Notification,
    /// Entities that may write besides the ACS; `None` is the default list (cwmp.md M64).
    pub access_list: Option<Vec<String>>,
}

/// Which way a file goes, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferKind {
    /// Download of the vendor configuration file.
    DownloadConfiguration {
        /// Bytes that the ACS announced; 0 is "not known".
        file_size: u32,
    },
    /// Upload of the vendor configuration file.
    UploadConfiguration,
}

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferState {
    /// Not begun, or begun and cut off by a restart of the gateway: it begins anew.
    Waiting {
        /// Not before this moment.
        due: Timestamp,
    },
    /// Ended; the ACS has not acknowledged the report.
    Finished(TransferComplete),
}

/// A transfer that the ACS has ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Unique within the device, never used twice.
    pub id: u64,
    /// Key of the RPC.
    pub command_key: String,
    /// What goes where.
    pub kind: TransferKind,
    /// http or https.
    pub url: String,
    /// User for the file server.
    pub username: String,
    /// Password for the file server.
    pub password: Secret,
    /// How far it is.
    pub state: TransferState,
}

/// What the virtual CPE remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpeState {
    /// The last segment of the ConnectionRequestURL: random, one per device.
    pub connection_request_segment: String,
    /// ConnectionRequestUsername.
    pub connection_request_username: String,
    /// ConnectionRequestPassword.
    pub connection_request_password: Secret,
    /// Where the ACS is.
    pub acs: AcsOverride,
    /// The URL of the ACS that took the last Inform: another one gets a `0 BOOTSTRAP`.
    pub informed_acs: Option<String>,
    /// The ConnectionRequestURL in the last Inform that was taken: another one is a change that
    /// the ACS has to hear of (cwmp.md C13).
    pub told_connection_request_url: Option<String>,
    /// PeriodicInformEnable.
    pub periodic_inform_enable: bool,
    /// PeriodicInformInterval in seconds; `None` comes from the settings.
    pub periodic_inform_interval: Option<u32>,
    /// PeriodicInformTime; `None` is the Unknown Time.
    pub periodic_inform_time: Option<Timestamp>,
    /// ParameterKey.
    pub parameter_key: String,
    /// DeviceInfo.ProvisioningCode.
    pub provisioning_code: String,
    /// UpgradesManaged.
    pub upgrades_managed: bool,
    /// Attributes that are not the default.
    pub attributes: BTreeMap<ParameterPath, Attribute>,
    /// What is owed to the ACS and must outlive a restart of the gateway.
    pub events: EventQueue,
    /// Transfers that wait, run, or wait for their acknowledgement.
    pub transfers: Vec<Transfer>,
    /// The id that the next transfer gets.
    pub next_transfer_id: u64,
    /// Inform.RetryCount: failed tries since the last good session (cwmp.md R4, R5).
    pub retry_count: u32,
}

impl CpeState {
    /// The state of a device that no ACS has seen.
    pub fn new(connection_request_segment: String, connection_request_password: Secret) -> Self {
        Self {
            connection_request_segment,
            connection_request_username: String::new(),
            connection_request_password,
            acs: AcsOverride::default(),
            informed_acs: None,
            told_connection_request_url: None,
            periodic_inform_enable: true,
            periodic_inform_interval: None,
            periodic_inform_time: None,
            parameter_key: String::new(),
            provisioning_code: String::new(),
            upgrades_managed: false,
            attributes: BTreeMap::new(),
            events: EventQueue::default(),
            transfers: Vec::new(),
            next_transfer_id: 1,
            retry_count: 0,
        }
    }

    /// How the ACS wants to hear of a change of this parameter.
    pub fn notification(&self, path: &ParameterPath) -> Notification {
        self.attributes
            .get(path)
            .map_or(Notification::Off, |attribute| attribute.notification)
    }
}
