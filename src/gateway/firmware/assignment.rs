//! A person gives phones a firmware image: as a Download of the ACS does, but for what is told of
//! it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::super::draft::Draft;
use super::super::live::Live;
use super::super::schedule::after;
use super::super::transfers::{Content, FIRMWARE, transfer_fault};
use super::super::values::ChangeError;
use super::catalogue::FirmwareError;
use crate::cwmp::{Fault, FaultCode};
use crate::device::{
    DeviceRecord, FirmwareRecord, Transfer, TransferKind, TransferOrder, TransferState,
};
use crate::native::Mac;
use crate::wire::{ContentHash, Secret};

/// Which phones are to run an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// These.
    Phones(Vec<Mac>),
    /// Those of a model, as they name it.
    Model(String),
    /// Those of a mapping pack.
    Vendor(String),
}

/// What a person wants phones to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// File name, or first digits of the hash.
    pub image: String,
    /// For whom.
    pub phones: Chosen,
    /// Seconds between one phone and the next.
    #[serde(default)]
    pub stagger: u32,
}

/// What came of an assignment for one phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// The phone.
    pub mac: Mac,
    /// When it is pointed at the image; `None` when it is not.
    pub due: Option<Timestamp>,
    /// Why it is not.
    pub refused: Option<String>,
}

impl Gateway {
    /// Gives phones an image. Each of them is pointed at it by its own file, told to fetch that, and
    /// pointed away again when it runs the image, or has failed to by the deadline.
    ///
    /// # Errors
    /// [`FirmwareError`] for an unknown image, or when the store fails. What a single phone can't
    /// take is told of that phone.
    pub async fn assign_firmware(
        &self,
        assignment: &Assignment,
    ) -> Result<Vec<Assigned>, FirmwareError> {
        let (hash, image) = self.find_firmware(&assignment.image)?;
        let now = self.inner.clock.now();
        let phones = match &assignment.phones {
            Chosen::Phones(phones) => phones.clone(),
            Chosen::Model(model) => self.phones_with(|record| record.model.as_ref() == Some(model)),
            Chosen::Vendor(vendor) => self.phones_with(|record| record.vendor == *vendor),
        };
        let mut report = Vec::with_capacity(phones.len());
        let mut taken = 0;
        for mac in phones {
            let wait = u64::from(assignment.stagger).saturating_mul(taken);
            let due = after(now, Duration::from_secs(wait));
            let outcome = self
                .change(mac, |draft, _| {
                    draft.assign(self, hash, &image, due)?;
                    Ok::<(), ChangeError>(())
                })
                .await;
            let refused = outcome.err().map(|error| match error {
                ChangeError::Fault(fault) => fault.text,
                ChangeError::Gateway(error) => error.to_string(),
            });
            taken += u64::from(refused.is_none());
            report.push(Assigned {
                mac,
                due: refused.is_none().then_some(due),
                refused,
            });
        }
        Ok(report)
    }

    fn phones_with(&self, fits: impl Fn(&DeviceRecord) -> bool) -> Vec<Mac> {
        let devices = self.devices().filter_map(Result::ok);
        devices
            .filter(|(_, record)| fits(record))
            .map(|(mac, _)| mac)
            .collect()
    }

    /// The moment has come to point a phone at the image that it was given.
    pub(in crate::gateway) async fn lay_out_assigned(
        &self,
        mac: Mac,
        id: u64,
        image: ContentHash,
        live: &mut Live,
    ) -> Result<(), GatewayError> {
        let now = self.inner.clock.now();
        let known = self.firmware_record(&image)?;
        let known = known.filter(|_| self.inner.assets.exists(&image));
        let mut draft = self.draft(mac)?;
        let Some(transfer) = draft.transfer_mut(id).cloned() else {
            return Ok(());
        };
        let laid_out = match known {
            Some(record) => {
                let content = Content {
                    hash: image,
                    length: record.length,
                };
                draft.hand_out(self, &transfer, content, now, now)?
            }
            None => Err(transfer_fault(
                FaultCode::FileInaccessible,
                "the image is not here any more",
            )),
        };
        if let Err(fault) = laid_out {
            draft.end_attempt(self, id, Some(fault), None, now);
        }
        self.commit(draft, live).await
    }
}

impl Draft {
    fn assign(
        &mut self,
        gateway: &Gateway,
        hash: ContentHash,
        image: &FirmwareRecord,
        due: Timestamp,
    ) -> Result<(), Fault> {
        let refuse = |text: String| Err(Fault::new(FaultCode::RequestDenied, text));
        let record = &self.record;
        if let Some(vendor) = &image.vendor
            && *vendor != record.vendor
        {
            return refuse(format!(
                "the image is for phones of {vendor}, this one is of {}",
                record.vendor
            ));
        }
        if image.version.is_some() && image.version == record.software_version {
            return refuse("it runs this version already".to_owned());
        }
        let has_one = |transfer: &Transfer| {
            transfer.kind == TransferKind::DownloadFirmware
                && !matches!(transfer.state, TransferState::Finished(_))
        };
        if record.cpe.transfers.iter().any(has_one) {
            return refuse("it has firmware to take already".to_owned());
        }
        let transfer = Transfer {
            id: 0,
            command_key: String::new(),
            kind: TransferKind::DownloadFirmware,
            url: String::new(),
            username: String::new(),
            password: Secret::default(),
            state: TransferState::Waiting { due },
            order: TransferOrder::Assigned(hash),
            file_type: FIRMWARE.to_owned(),
            file_size: u32::try_from(image.length).unwrap_or(u32::MAX),
            target_file_name: image.file_name.clone(),
        };
        gateway.plan_handout(&self.pack, &self.record, &transfer)?;
        self.queue_transfer(gateway, transfer)
    }
}
