//! FactoryReset (cwmp.md M82): after the session, what an ACS has made of a device goes.
//!
//! The phone's own file is again what was imported; its identity, and where it answers connection
//! requests, stay. Nothing of the file is lost: what it was is kept under its hash.

use std::sync::Arc;

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::{Draft, conventional_username};
use super::live::Live;
use super::random;
use crate::cwmp::{Event, EventCode, Fault};
use crate::device::{ChangeAuthor, CpeState, FileRecord, RebootOrders};
use crate::mapping::Rows;
use crate::native::Mac;
use crate::wire::Secret;

impl Gateway {
    /// The ACS orders a reset; it is carried out when the session has ended (cwmp.md N11), also
    /// when the gateway was restarted meanwhile.
    pub(super) async fn order_factory_reset(&self, mac: Mac) -> Result<(), Fault> {
        self.change(mac, |draft, _| {
            draft.record.cpe.factory_reset_is_due = true;
            Ok(())
        })
        .await
    }

    /// Carries out a reset that was ordered before the gateway was started.
    ///
    /// # Errors
    /// [`GatewayError`] when that is not possible; it stays due.
    pub(super) async fn catch_up_on_factory_reset(&self, mac: Mac) -> Result<(), GatewayError> {
        self.change(mac, |draft, live| self.reset_to_factory(draft, live))
            .await
    }

    /// Makes a device as if no ACS had ever seen it. The phone fetches its file as after any other
    /// change of it.
    ///
    /// # Errors
    /// [`GatewayError`] when a file can't be read or kept.
    pub(super) fn reset_to_factory(
        &self,
        draft: &mut Draft,
        live: &mut Live,
    ) -> Result<(), GatewayError> {
        self.restore_imported_file(draft)?;
        let record = &mut draft.record;
        let old = &mut record.cpe;
        let segment = std::mem::take(&mut old.connection_request_segment);
        let mut new = CpeState::new(segment, Secret::new(random::text()?));
        if let Some(identity) = &record.identity {
            new.connection_request_username = conventional_username(identity);
        }
        // A number that was in use may still come back in an answer.
        new.next_transfer_id = old.next_transfer_id;
        new.events = std::mem::take(&mut old.events);
        new.events.add(Event::plain(EventCode::Bootstrap));
        new.events.add(Event::plain(EventCode::Boot));
        *record.cpe = new;
        record.kept.clear();
        record.rows = Rows::default();
        record.delivery.reboot = RebootOrders::default();
        draft.derive_anew = true;
        draft.owed_before = false;
        live.passing_events.clear();
        live.heartbeat_is_due = false;
        live.failures = 0;
        live.unacknowledged = 0;
        tracing::info!(mac = %draft.mac, "factory reset: what its ACS had set is gone");
        Ok(())
    }

    /// Puts the imported bytes in the place of the phone's own file, if they are at hand.
    fn restore_imported_file(&self, draft: &mut Draft) -> Result<(), GatewayError> {
        let mac = draft.mac;
        let path = draft.record.own_file.clone();
        let Some(file) = self.load_file(&path)?.filter(FileRecord::is_edited) else {
            return Ok(());
        };
        let imported = match self.imported_document(draft, &path, &file) {
            Ok(Some(imported)) => imported,
            Ok(None) => {
                tracing::warn!(
                    %mac, file = %path, imported = %file.imported_hash,
                    "factory reset: the file stays as it is, what was imported is not at hand"
                );
                return Ok(());
            }
            Err(error @ GatewayError::Sealed { .. }) => {
                tracing::warn!(%mac, %error, "factory reset: the file stays as it is");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let before = self.inner.assets.put(&self.content_bytes(&path, &file)?)?;
        let pack = Arc::clone(&draft.pack);
        let (document, seal) = imported;
        draft.author = ChangeAuthor::Acs;
        draft.documents(self)?.replace_own(&pack, document, seal);
        tracing::warn!(
            %mac, file = %path, asset = %before,
            "factory reset: the file is as it was imported; what it was is kept as an asset"
        );
        Ok(())
    }
}
