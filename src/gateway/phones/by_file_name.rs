//! Phones over TFTP: they say nothing of themselves, so the name of the file is all there is.

use std::net::IpAddr;

use super::super::core::Gateway;
use super::super::door::{FetchReceipt, GatewayError, Transport};
use super::super::draft::Draft;
use crate::device::{Contact, FileRole, SeenBy};
use crate::mapping::Recognised;
use crate::native::Mac;

impl Gateway {
    /// The phone that a fetch over TFTP is taken for: that of its own file, when it comes from
    /// where the phone is known to be, or when the phone has never been known by anything else.
    ///
    /// So a phone that speaks TFTP only is known by its fetches, also after it has got another
    /// address; and a phone that has said over HTTP who it is, is not moved or confirmed by somebody
    /// else who fetches its file over TFTP. Model and firmware stay unknown.
    pub(super) fn phone_of_file_name(
        &self,
        role: &FileRole,
        address: IpAddr,
    ) -> Result<Option<(Mac, Recognised)>, GatewayError> {
        let FileRole::Phone { mac, .. } = role else {
            return Ok(None);
        };
        let Some((record, _)) = self.load(*mac)? else {
            return Ok(None);
        };
        let is_it = record
            .contact
            .as_ref()
            .is_none_or(|contact| contact.address == address || record.seen_by == SeenBy::FileName);
        let recognised = Recognised {
            vendor: record.vendor,
            model: None,
            version: None,
            mac: None,
        };
        Ok(is_it.then_some((*mac, recognised)))
    }
}

impl Draft {
    /// Notes where the phone is that has taken its own file over TFTP. Over HTTP it was noted when
    /// it asked; here only who was there to acknowledge the last block has really asked.
    pub(super) fn note_place(&mut self, receipt: &FetchReceipt) {
        if receipt.transport != Transport::Tftp {
            return;
        }
        let record = &mut self.record;
        let known = record.contact.as_ref();
        if known.is_none() {
            record.seen_by = SeenBy::FileName;
        }
        if known.is_none_or(|known| known.address != receipt.source) {
            record.contact = Some(Contact {
                address: receipt.source,
                at: receipt.at,
            });
        }
    }
}
