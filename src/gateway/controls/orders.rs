//! Orders for phones to act: of a person, and of the ACS.

use jiff::Timestamp;

use super::job::ControlOutcome;
use super::memory::MeansTried;
use crate::cwmp::{Fault, FaultCode};
use crate::device::DeviceRecord;
use crate::gateway::core::Gateway;
use crate::gateway::door::GatewayError;
use crate::gateway::draft::Draft;
use crate::gateway::schedule::after;
use crate::mapping::ControlAction;
use crate::native::Mac;

/// Restarts that may be ordered at once (an Inform has room for 64 events).
const MAX_REBOOTS: usize = 16;

impl Gateway {
    /// Orders the phone to fetch its file now, and waits for what it says. `None` when it was not
    /// told, because nobody knows where it is.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when the store fails.
    pub async fn resync(&self, mac: Mac) -> Result<Option<ControlOutcome>, GatewayError> {
        self.tell_once(mac, ControlAction::Resync).await
    }

    /// Orders the phone to forget what was set at it, as a factory reset does, and waits for what
    /// it says; `None` as for [`Gateway::resync`]. Its file stays as it is.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when the store fails.
    pub async fn reset_phone(&self, mac: Mac) -> Result<Option<ControlOutcome>, GatewayError> {
        self.tell_once(mac, ControlAction::FactoryReset).await
    }

    /// Tells a phone something that stands in no record: it is not told again after a restart of
    /// the gateway.
    async fn tell_once(
        &self,
        mac: Mac,
        action: ControlAction,
    ) -> Result<Option<ControlOutcome>, GatewayError> {
        let waiter = {
            let mut live = self.hold(mac).await;
            let (record, _) = self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
            if record.contact.is_none() {
                return Ok(None);
            }
            match action {
                ControlAction::FactoryReset => live.control.reset_is_wanted = true,
                ControlAction::Resync | ControlAction::Reboot => {
                    live.control.resync_is_wanted = true;
                }
            }
            live.control.tries = 0;
            self.inner.pace.urge(mac);
            self.inner.controls.arm(mac, self.inner.clock.now());
            live.control.add_waiter()
        };
        Ok(waiter.await.ok())
    }

    /// Orders the phone to restart, and waits for what it says; `None` as for
    /// [`Gateway::resync`]. The order stands until the phone has restarted, or its time is over.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when the store fails.
    pub async fn reboot(&self, mac: Mac) -> Result<Option<ControlOutcome>, GatewayError> {
        let waiter = self
            .change(mac, |draft, live| {
                let orders = &mut draft.record.delivery.reboot;
                if orders.keys.contains(&None) {
                    // The order stands already; the phone is told again.
                    orders.closed = false;
                } else {
                    orders.add(None);
                }
                live.control.tries = 0;
                let is_known = draft.record.contact.is_some();
                if is_known {
                    self.inner.pace.urge(mac);
                }
                Ok::<_, GatewayError>(is_known.then(|| live.control.add_waiter()))
            })
            .await?;
        match waiter {
            Some(waiter) => Ok(waiter.await.ok()),
            None => Ok(None),
        }
    }

    /// The ACS orders a restart; the phone is told after the session (cwmp.md M80).
    pub(in crate::gateway) async fn order_reboot(
        &self,
        mac: Mac,
        command_key: String,
    ) -> Result<(), Fault> {
        self.change(mac, |draft, live| {
            let orders = &mut draft.record.delivery.reboot;
            if orders.keys.len() >= MAX_REBOOTS {
                return Err(Fault::new(
                    FaultCode::ResourcesExceeded,
                    format!("{MAX_REBOOTS} restarts are ordered already"),
                ));
            }
            orders.add(Some(command_key));
            live.control.tries = 0;
            Ok(())
        })
        .await
    }

    /// When the order to restart is at its end although the phone has not restarted.
    pub(super) fn reboot_deadline(&self, record: &DeviceRecord) -> Option<Timestamp> {
        if record.delivery.reboot.keys.is_empty() {
            return None;
        }
        let ordered_at = record.control.reboot_ordered_at?;
        Some(after(
            ordered_at,
            self.inner.settings.control.reboot_deadline,
        ))
    }

    /// The means for a phone, in the order in which they are tried, with what is remembered of
    /// each for phones like it.
    pub(in crate::gateway) fn means_tried(&self, record: &DeviceRecord) -> Vec<MeansTried> {
        let Ok(pack) = self.lenses(record) else {
            return Vec::new();
        };
        [
            ControlAction::Resync,
            ControlAction::Reboot,
            ControlAction::FactoryReset,
        ]
        .into_iter()
        .flat_map(|action| {
            let means = self.means_for(record, &pack, action);
            let means = means
                .into_iter()
                .filter(move |means| means.action == action);
            means.collect::<Vec<_>>()
        })
        .map(|means| self.inner.memory.tried(record, &means))
        .collect()
    }
}

impl Draft {
    /// Notes when restarts were ordered, and forgets it with the last of them.
    pub(in crate::gateway) fn note_reboot_orders(&mut self, now: Timestamp) {
        let before = self
            .before()
            .map_or(0, |before| before.delivery.reboot.keys.len());
        let orders = &self.record.delivery.reboot;
        let control = &mut self.record.control;
        if orders.keys.is_empty() {
            control.reboot_ordered_at = None;
            control.reboot_agreed_at = None;
        } else if orders.keys.len() > before || control.reboot_ordered_at.is_none() {
            control.reboot_ordered_at = Some(now);
        }
        if orders.is_open() {
            control.reboot_agreed_at = None;
        }
    }
}
