//! Until when a phone has to have fetched what it should have, and what a person sees of its change
//! sets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::core::Gateway;
use super::door::GatewayError;
use super::schedule::after;
use crate::device::{ChangeSet, DeliveryDeadline, DeliveryStatus, DeviceRecord};
use crate::native::Mac;

/// What `device show` tells of a phone's change sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDetail {
    /// How far the desired revision has come.
    pub status: DeliveryStatus,
    /// How long the phone may take to fetch a change.
    pub deadline: DeliveryDeadline,
    /// Until when it has to fetch what it should have; `None` when it has it, or as long as it likes.
    pub due: Option<Timestamp>,
    /// Since when it is late.
    pub overdue_since: Option<Timestamp>,
    /// When it last restarted, as far as that was seen.
    pub booted_at: Option<Timestamp>,
    /// The last change sets, the oldest first.
    pub changes: Vec<ChangeSet>,
}

impl Gateway {
    /// Lets a phone have so long to fetch a change, from the moment of the first that it has not
    /// fetched.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when the store fails.
    pub async fn set_delivery_deadline(
        &self,
        mac: Mac,
        deadline: DeliveryDeadline,
    ) -> Result<(), GatewayError> {
        let now = self.inner.clock.now();
        self.change(mac, |draft, _| {
            draft.record.changes.deadline = deadline;
            if self.delivery_due(&draft.record).is_none_or(|due| due > now) {
                draft.record.changes.be_in_time();
            }
            Ok(())
        })
        .await
    }

    pub(super) fn delivery_detail(&self, record: &DeviceRecord) -> DeliveryDetail {
        DeliveryDetail {
            status: record.delivery_status(),
            deadline: record.changes.deadline,
            due: self.delivery_due(record),
            overdue_since: record.changes.overdue_since,
            booted_at: record.booted_at,
            changes: record.changes.list.clone(),
        }
    }

    /// Until when the phone has to fetch what it owes.
    fn delivery_due(&self, record: &DeviceRecord) -> Option<Timestamp> {
        let usual = self.inner.settings.delivery_deadline;
        let wait = record.changes.deadline.wait(usual)?;
        Some(after(record.changes.waiting_since?, wait))
    }

    /// Plans the moment at which a phone is late.
    pub(super) fn plan_delivery(&self, mac: Mac, record: &DeviceRecord) {
        let changes = &record.changes;
        match self.delivery_due(record) {
            Some(due) if changes.overdue_since.is_none() => self.inner.deliveries.arm(mac, due),
            _ => self.inner.deliveries.disarm(&mac),
        }
    }

    /// The moment has come.
    pub(super) async fn delivery_is_due(&self, mac: Mac) -> Result<(), GatewayError> {
        let now = self.inner.clock.now();
        self.change(mac, |draft, _| {
            let record = &mut draft.record;
            // It may have fetched, or been given more time, just before.
            if self.delivery_due(record).is_none_or(|due| due > now) {
                return Ok(());
            }
            record.changes.be_overdue(now);
            let (desired, since) = (record.delivery.desired, record.changes.waiting_since);
            tracing::warn!(
                %mac, revision = desired, since = since.map(tracing::field::display),
                "a phone has not fetched its file by the deadline"
            );
            self.log(
                mac,
                format_args!("overdue: revision {desired} of its file is not fetched"),
            );
            Ok(())
        })
        .await
    }
}
