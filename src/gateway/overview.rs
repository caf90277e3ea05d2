//! What people see of devices: lists, one device, its parameters.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::AccessSummary;
use super::closed::if_open;
use super::controls::MeansTried;
use super::core::Gateway;
use super::deliveries::DeliveryDetail;
use super::door::GatewayError;
use super::hand_over::{self, HandOverState};
use super::values::ChangeError;
use super::view::provisional_identity;
use crate::datamodel::PathQuery;
use crate::device::{DeliveryStatus, DeviceRecord, TransferState};
use crate::mapping::ValueState;
use crate::native::Mac;

/// What a person sees in place of a secret.
const MASK: &str = "***";

/// One line of `device list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSummary {
    /// The phone.
    pub mac: Mac,
    /// Its mapping pack.
    pub vendor: String,
    /// Its model, once it is known.
    pub model: Option<String>,
    /// Its firmware, once it is known.
    pub version: Option<String>,
    /// False: its model is one whose settings the mapping pack does not know.
    pub covered: bool,
    /// Whether its identity is fixed and it informs its ACS, where it has one.
    pub announced: bool,
    /// Whether an ACS has taken an Inform of it.
    pub known_to_acs: bool,
    /// Where it was last seen.
    pub address: Option<IpAddr>,
    /// When that was.
    pub last_contact: Option<Timestamp>,
    /// The revision of its file that it should have.
    pub desired: u64,
    /// The revision that it has fetched.
    pub served: Option<u64>,
    /// The revision that is seen to be in effect.
    pub confirmed: Option<u64>,
    /// How far the desired revision has come.
    pub status: DeliveryStatus,
    /// Its own file in the tree.
    pub file: String,
    /// How far it is with its own TR-069 client, when it is handed over to that.
    #[serde(default)]
    pub hand_over: Option<HandOverState>,
    /// Its record can't be read, so that nothing else here is known, and it is served only what
    /// needs no record: what is wrong, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// `device show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDetail {
    /// What `device list` shows.
    pub device: DeviceSummary,
    /// How the ACS knows it: OUI, ProductClass, SerialNumber.
    pub oui: String,
    /// See above.
    pub product_class: String,
    /// See above.
    pub serial_number: String,
    /// Where its ACS is; empty when it has none.
    pub acs_url: String,
    /// Where the ACS may wake it; empty when nothing listens.
    pub connection_request_url: String,
    /// Files that it reads, in its order: the last one has the last word.
    pub files: Vec<String>,
    /// When it fetched the revision in `served`.
    pub served_at: Option<Timestamp>,
    /// When it was told of the desired revision and said yes.
    pub told_at: Option<Timestamp>,
    /// Events that the ACS has not taken yet.
    pub events: Vec<String>,
    /// Transfers that wait or whose report the ACS has not taken.
    pub transfers: Vec<TransferSummary>,
    /// Sessions that have failed since the last good one.
    pub retry_count: u32,
    /// Restarts that it has been ordered and has not carried out.
    pub reboots: u64,
    /// What it has to show when it fetches its file, and has shown.
    pub access: AccessSummary,
    /// By which means it is made to act, in the order in which they are tried, and what became of
    /// that on phones of its model and firmware.
    pub means: Vec<MeansTried>,
    /// What became of the last changes of its file.
    pub delivery: DeliveryDetail,
}

/// A transfer in `device show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferSummary {
    /// Key of the RPC.
    pub command_key: String,
    /// File server and path, without credentials.
    pub url: String,
    /// Whether the file is here, and the phone has to take it.
    #[serde(default)]
    pub installing: bool,
    /// Whether it has ended.
    pub finished: bool,
    /// Its fault code, when it failed.
    pub fault: Option<u16>,
}

/// One line of `device get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterLine {
    /// Full path.
    pub path: String,
    /// The value; `***` in place of a secret.
    pub value: String,
    /// Type, as on the wire.
    #[serde(rename = "type")]
    pub value_type: String,
    /// Whether it can be set.
    pub writable: bool,
    /// Whether it is a secret.
    pub secret: bool,
    /// File that it stands in; `None` for a default and for the CPE's own parameters.
    pub file: Option<String>,
    /// Line in that file.
    pub line: Option<u32>,
}

impl Gateway {
    /// All devices, in order of the MAC. One whose record is damaged is among them, and says so.
    pub fn list(&self) -> impl Iterator<Item = Result<DeviceSummary, GatewayError>> + '_ {
        self.devices().map(|device| match device {
            Ok((mac, record)) => Ok(self.summary(mac, &record)),
            Err(error @ GatewayError::Damaged { mac, .. }) => {
                self.note_damaged_device(&error);
                Ok(damaged_summary(mac, &error))
            }
            Err(error) => Err(error),
        })
    }

    /// One device.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when its record can't be read.
    pub async fn show(&self, mac: Mac) -> Result<DeviceDetail, GatewayError> {
        let mut draft = self.draft(mac)?;
        let files = match if_open(draft.documents(self))? {
            Some(documents) => documents
                .layers
                .counting()
                .iter()
                .map(|layer| layer.path.clone())
                .collect(),
            None => vec![draft.record.own_file.to_string()],
        };
        let record = &draft.record;
        let identity = record.identity.clone().unwrap_or_else(|| {
            provisional_identity(mac, record, &draft.pack, &self.inner.settings)
        });
        Ok(DeviceDetail {
            device: self.summary(mac, record),
            oui: identity.oui,
            product_class: identity.product_class,
            serial_number: identity.serial_number,
            acs_url: self
                .endpoint(mac, record)
                .map(|endpoint| endpoint.url.to_string())
                .unwrap_or_default(),
            connection_request_url: self.connection_request_url(record),
            files,
            served_at: record.delivery.served.as_ref().map(|served| served.at),
            told_at: record.delivery.told_at,
            events: record
                .cpe
                .events
                .events()
                .map(|event| event.code.to_string())
                .collect(),
            transfers: record.cpe.transfers.iter().map(transfer_summary).collect(),
            retry_count: record.cpe.retry_count,
            reboots: record.delivery.reboot.keys.len() as u64,
            access: self.access_summary(mac, record),
            means: self.means_tried(record),
            delivery: self.delivery_detail(record),
        })
    }

    /// The parameters below a path, or one parameter, secrets masked.
    ///
    /// # Errors
    /// [`ChangeError`]: an unknown phone, or the fault that an ACS would get for an unknown name.
    pub async fn parameters(
        &self,
        mac: Mac,
        path: &str,
    ) -> Result<Vec<ParameterLine>, ChangeError> {
        let unknown = || super::rpc::unknown_name(path);
        let query: PathQuery = path.parse().map_err(|_| unknown())?;
        let view = self.view(mac, &mut *self.hold(mac).await)?;
        let now = self.inner.clock.now();
        let selected = view.select(&query).ok_or_else(|| {
            let object = format!("{path}.").parse::<PathQuery>().ok();
            let mut fault = unknown();
            if object.is_some_and(|object| view.select(&object).is_some()) {
                fault
                    .text
                    .push_str("; an object is written with a dot at its end");
            }
            fault
        })?;
        Ok(selected
            .into_iter()
            .filter_map(|one| view.shown(one, now))
            .map(|parameter| {
                let place = match parameter.state {
                    Some(ValueState::Set { layer, line }) => Some((layer, line)),
                    _ => None,
                };
                ParameterLine {
                    path: parameter.path.to_string(),
                    value: if parameter.hidden && !parameter.value.is_empty() {
                        MASK.to_owned()
                    } else {
                        parameter.value
                    },
                    value_type: parameter.value_type.xsd_name().to_owned(),
                    writable: parameter.writable,
                    secret: parameter.hidden,
                    line: place.as_ref().map(|(_, line)| *line),
                    file: place.map(|(file, _)| file),
                }
            })
            .collect())
    }

    /// The phone's own file as it would be served now.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when its file can't be read.
    pub fn own_file(&self, mac: Mac) -> Result<(String, Vec<u8>), GatewayError> {
        let (record, _) = self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        let bytes =
            self.file_bytes(&record.own_file)?
                .ok_or_else(|| GatewayError::MissingContent {
                    path: record.own_file.clone(),
                })?;
        Ok((record.own_file.to_string(), bytes))
    }
}

impl Gateway {
    fn summary(&self, mac: Mac, record: &DeviceRecord) -> DeviceSummary {
        let covered = record.model.as_ref().is_none_or(|model| {
            self.lenses(record)
                .is_ok_and(|pack| pack.covers_model(model))
        });
        DeviceSummary {
            covered,
            mac,
            vendor: record.vendor.clone(),
            model: record.model.clone(),
            version: record.software_version.clone(),
            announced: record.identity.is_some(),
            known_to_acs: record.cpe.informed_acs.is_some(),
            address: record.contact.as_ref().map(|contact| contact.address),
            last_contact: record.contact.as_ref().map(|contact| contact.at),
            desired: record.delivery.desired,
            served: record
                .delivery
                .served
                .as_ref()
                .map(|served| served.revision),
            confirmed: record.delivery.confirmed,
            status: record.delivery_status(),
            file: record.own_file.to_string(),
            hand_over: record.hand_over.as_ref().map(hand_over::state),
            damaged: None,
        }
    }
}

/// The line of a phone of which nothing can be read.
fn damaged_summary(mac: Mac, error: &GatewayError) -> DeviceSummary {
    DeviceSummary {
        mac,
        vendor: String::new(),
        model: None,
        version: None,
        covered: false,
        announced: false,
        known_to_acs: false,
        address: None,
        last_contact: None,
        desired: 0,
        served: None,
        confirmed: None,
        status: DeliveryStatus::Pending,
        file: String::new(),
        hand_over: None,
        damaged: Some(error.to_string()),
    }
}

fn transfer_summary(transfer: &crate::device::Transfer) -> TransferSummary {
    let fault = match &transfer.state {
        TransferState::Finished(report) => report.fault.as_ref().map(|fault| fault.code.number()),
        TransferState::Waiting { .. } | TransferState::Installing(_) => None,
    };
    TransferSummary {
        command_key: transfer.command_key.clone(),
        url: transfer.url.clone(),
        installing: matches!(transfer.state, TransferState::Installing(_)),
        finished: matches!(transfer.state, TransferState::Finished(_)),
        fault,
    }
}
