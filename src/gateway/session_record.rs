//! A device's record for the length of a session: decoded when it opens, and not again while the same
//! bytes are stored. Most sessions change nothing.

use std::sync::Arc;

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use super::live::{Live, RunningSession};
use super::version::speaks_highest;
use crate::device::DeviceRecord;
use crate::native::Mac;
use crate::store::Record as _;

/// A record with the bytes that it was decoded from.
#[derive(Debug, Clone)]
pub(super) struct SessionRecord {
    pub(super) record: Arc<DeviceRecord>,
    pub(super) bytes: Vec<u8>,
}

impl SessionRecord {
    /// `bytes` are those of the record.
    pub(super) fn new(record: DeviceRecord, bytes: Vec<u8>) -> Self {
        Self {
            record: Arc::new(record),
            bytes,
        }
    }
}

impl Gateway {
    /// A draft of the device, from what the session has kept of it if that is still what is stored.
    ///
    /// # Errors
    /// As for any draft.
    pub(super) fn draft_in_session(
        &self,
        mac: Mac,
        session: &RunningSession,
    ) -> Result<Draft, GatewayError> {
        let kept = &session.record;
        match self.stored_record(mac)? {
            Some(bytes) if bytes == kept.bytes => {
                self.draft_of(mac, Arc::clone(&kept.record), bytes)
            }
            _ => self.draft(mac),
        }
    }

    /// Takes it from the ACS that it has the Inform, when there is nothing to write about that: it
    /// told the ACS nothing that is owed, and nothing that is new. False when it has to be written.
    ///
    /// # Errors
    /// [`GatewayError`] when the store can't be read.
    pub(super) fn is_delivered_without_change(
        &self,
        mac: Mac,
        live: &mut Live,
    ) -> Result<bool, GatewayError> {
        let Some(session) = &mut live.session else {
            return Ok(false);
        };
        let kept = &session.record;
        if self.stored_record(mac)?.as_ref() != Some(&kept.bytes) {
            return Ok(false);
        }
        let (record, cpe) = (&kept.record, &kept.record.cpe);
        let is_of_today = kept.bytes.first() == Some(&DeviceRecord::VERSION)
            && record.lenses == self.lenses(record)?.id().to_string();
        let owes = cpe.events.events().next().is_some() || cpe.events.changed().next().is_some();
        let reachability = &session.reachability;
        let url = Some(reachability.connection_request_url.as_str());
        let told_udp = cpe.told_udp_connection_request_address.as_deref();
        let last_accepted = self.last_udp_request(mac);
        let knows_all = cpe.informed_acs.as_deref() == Some(session.acs_url.as_str())
            && cpe.told_connection_request_url.as_deref() == url
            && told_udp.unwrap_or_default() == reachability.udp_address
            && last_accepted
                .is_none_or(|accepted| cpe.udp_connection_requests.last_accepted == accepted);
        if !is_of_today || owes || !knows_all || !speaks_highest(cpe, session) {
            return Ok(false);
        }
        session.informed = true;
        live.version_trial = Default::default();
        Ok(true)
    }
}
