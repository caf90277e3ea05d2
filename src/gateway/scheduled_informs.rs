//! ScheduleInform: Informs that an ACS asks for (cwmp.md M120).

use std::time::Duration;

use jiff::Timestamp;

use super::core::Gateway;
use super::door::GatewayError;
use super::schedule::after;
use crate::cwmp::{Event, EventCode, Fault, FaultCode};
use crate::device::{DeviceRecord, ScheduledInform};
use crate::native::Mac;

/// Informs that may be pending, the undelivered ones included: an Inform has room for 64 events.
const MAX_PENDING: usize = 16;

impl Gateway {
    /// Takes the order durably.
    pub(super) async fn schedule_inform(
        &self,
        mac: Mac,
        delay_seconds: u32,
        command_key: String,
    ) -> Result<(), Fault> {
        if delay_seconds == 0 {
            return Err(Fault::new(
                FaultCode::InvalidArguments,
                "DelaySeconds is 0; at least 1 is wanted",
            ));
        }
        let delay = Duration::from_secs(delay_seconds.into());
        let due = after(self.inner.clock.now(), delay);
        self.change(mac, |draft, _| {
            let cpe = &mut draft.record.cpe;
            let events = cpe.events.events();
            let undelivered = events.filter(|event| event.code == EventCode::ScheduleInform);
            if cpe.scheduled_informs.len() + undelivered.count() >= MAX_PENDING {
                return Err(Fault::new(
                    FaultCode::ResourcesExceeded,
                    format!("{MAX_PENDING} Informs are pending already"),
                ));
            }
            cpe.scheduled_informs
                .push(ScheduledInform { due, command_key });
            Ok(())
        })
        .await
    }

    /// Plans the earliest of a device's Informs; none before `not_before`.
    pub(super) fn plan_scheduled_informs(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        not_before: Timestamp,
    ) {
        let pending = record.cpe.scheduled_informs.iter();
        match pending.map(|inform| inform.due).min() {
            Some(due) => self.inner.scheduled_informs.arm(mac, due.max(not_before)),
            None => self.inner.scheduled_informs.disarm(&mac),
        }
    }

    /// Makes events of the Informs that are due. The commit opens the session. Nobody waits for
    /// the disk: until the events are there the order is, and a whole fleet may be due at once.
    pub(super) async fn scheduled_inform_is_due(&self, mac: Mac) -> Result<(), GatewayError> {
        let now = self.inner.clock.now();
        let mut live = self.hold(mac).await;
        let mut draft = self.draft(mac)?;
        let cpe = &mut draft.record.cpe;
        let pending = std::mem::take(&mut cpe.scheduled_informs);
        let (due, later): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|inform| inform.due <= now);
        cpe.scheduled_informs = later;
        for inform in due {
            cpe.events.add(Event::plain(EventCode::Scheduled));
            cpe.events.add(Event {
                code: EventCode::ScheduleInform,
                command_key: inform.command_key,
            });
        }
        self.write(draft, &mut live)?;
        Ok(())
    }
}
