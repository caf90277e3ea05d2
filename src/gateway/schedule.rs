//! When a device's next session, transfer and control job are due.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::core::Gateway;
use super::door::GatewayError;
use super::live::Live;
use super::random;
use super::view::provisional_identity;
use crate::cwmp::{EventCode, Notification};
use crate::device::{DeviceRecord, TransferState};
use crate::native::Mac;

/// CWMPRetryMinimumWaitInterval, in milliseconds (cwmp.md R1).
const RETRY_MINIMUM_WAIT: u64 = 5_000;
/// The n at which the range of the waits stops growing (cwmp.md R1).
const RETRY_LAST_RANGE: u32 = 10;
/// Waits before a TransferComplete that the ACS left unacknowledged is sent again: from the first
/// to the last, doubling (cwmp.md T2b).
const UNACKNOWLEDGED_FIRST_WAIT: u64 = 60;
const UNACKNOWLEDGED_LAST_WAIT: u64 = 3_600;
/// Sessions per second that are planned for what is owed when the gateway starts.
const START_RATE: u64 = 50;

impl Gateway {
    /// Plans everything that is due for every device. Called once, when the doors are open.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails. A damaged record is skipped and logged.
    pub async fn start(&self) -> Result<(), GatewayError> {
        self.announce_nameable().await;
        let now = self.inner.clock.now();
        let mut owing = 0_u64;
        for device in self.devices() {
            let (mac, record) = match device {
                Ok(device) => device,
                Err(error) => {
                    tracing::error!(%error, "a phone is left out");
                    continue;
                }
            };
            self.plan_period(mac, &record, now);
            if self.is_urgent(&record) {
                owing += 1;
                let spread = random::below(owing / START_RATE + 1)?;
                self.arm_session(mac, &record, after(now, Duration::from_secs(spread)));
            }
            self.plan_transfers(mac, &record, &Live::default());
            self.plan_control(mac, &record, now, true);
        }
        self.start_own_cpe().await
    }

    /// Announces devices that the present settings give a name.
    async fn announce_nameable(&self) {
        let nameable: Vec<Mac> = self
            .devices()
            .filter_map(Result::ok)
            .filter(|(_, record)| record.identity.is_none())
            .filter(|(mac, record)| {
                self.lenses(record).is_ok_and(|pack| {
                    let settings = &self.inner.settings;
                    let identity = provisional_identity(*mac, record, &pack, settings);
                    !identity.product_class.is_empty()
                })
            })
            .map(|(mac, _)| mac)
            .collect();
        for mac in nameable {
            // The commit of any change, also of none, announces what can be named.
            let announced = self.change(mac, |_, _| Ok::<(), GatewayError>(())).await;
            if let Err(error) = announced {
                tracing::error!(%mac, %error, "a phone can't be announced");
            }
        }
    }

    /// Waits until a device's session is due, and says whose.
    pub async fn next_session(&self) -> Mac {
        loop {
            tokio::select! {
                mac = self.inner.sessions.next(&*self.inner.clock) => return mac,
                mac = self.inner.periods.next(&*self.inner.clock) => {
                    if let Err(error) = self.period_is_over(mac).await {
                        tracing::error!(%mac, %error, "a periodic inform is lost");
                    }
                }
            }
        }
    }

    async fn period_is_over(&self, mac: Mac) -> Result<(), GatewayError> {
        let mut live = self.hold(mac).await;
        let Some((record, _)) = self.load(mac)? else {
            return Ok(());
        };
        let now = self.inner.clock.now();
        self.plan_period(mac, &record, now);
        if record.cpe.periodic_inform_enable {
            live.add_passing(EventCode::Periodic);
            if live.session.is_none() {
                self.arm_session(mac, &record, now);
            }
        }
        Ok(())
    }

    /// Plans what the record of a device makes due, after a change. While a session runs, its end
    /// does that.
    pub(super) fn plan(&self, mac: Mac, record: &DeviceRecord, live: &Live, has_news: bool) {
        let now = self.inner.clock.now();
        self.plan_period(mac, record, now);
        if live.session.is_some() {
            return;
        }
        // A new event ends the wait of the retry policy (cwmp.md R3); old ones go on waiting.
        if self.is_urgent(record) && (has_news || live.failures == 0 && live.unacknowledged == 0) {
            self.arm_session(mac, record, now);
        }
        self.plan_transfers(mac, record, live);
        if live.control.is_asked_for() && live.control.in_flight.is_none() {
            self.inner.controls.arm_no_later(mac, now);
        }
        // While tries are under way, the outcome of the last one plans the next.
        if live.control.tries == 0 && live.control.in_flight.is_none() {
            self.plan_control(mac, record, now, false);
        }
    }

    pub(super) fn arm_session(&self, mac: Mac, record: &DeviceRecord, due: Timestamp) {
        if record.identity.is_some() && self.endpoint(record).is_some() {
            self.inner.sessions.arm_no_later(mac, due);
        }
    }

    fn plan_period(&self, mac: Mac, record: &DeviceRecord, now: Timestamp) {
        let has_acs = record.identity.is_some() && self.endpoint(record).is_some();
        if !has_acs || !record.cpe.periodic_inform_enable {
            self.inner.periods.disarm(&mac);
            return;
        }
        let interval = record
            .cpe
            .periodic_inform_interval
            .unwrap_or(self.inner.settings.periodic_inform_interval)
            .max(1);
        let reference = match record.cpe.periodic_inform_time {
            Some(reference) => reference,
            None => random_phase(self.inner.phase_key, mac, interval),
        };
        self.inner
            .periods
            .arm(mac, next_in_phase(reference, interval, now));
    }

    fn plan_transfers(&self, mac: Mac, record: &DeviceRecord, live: &Live) {
        for transfer in &record.cpe.transfers {
            if let TransferState::Waiting { due } = transfer.state
                && !live.running_transfers.contains(&transfer.id)
            {
                self.inner.transfers.arm((mac, transfer.id), due);
            }
        }
    }

    /// Plans the retry of a failed session (cwmp.md R1): uniform in a range that doubles.
    pub(super) fn plan_retry(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        failures: u32,
    ) -> Result<(), GatewayError> {
        let range = failures.clamp(1, RETRY_LAST_RANGE) - 1;
        let shortest = RETRY_MINIMUM_WAIT << range;
        let wait = shortest + random::below(shortest)?;
        let due = after(self.inner.clock.now(), Duration::from_millis(wait));
        self.arm_session(mac, record, due);
        Ok(())
    }

    /// Plans the next report of transfers that the ACS has left unacknowledged.
    pub(super) fn plan_unacknowledged(&self, mac: Mac, record: &DeviceRecord, times: u32) {
        let wait = UNACKNOWLEDGED_FIRST_WAIT << times.clamp(1, 7).saturating_sub(1);
        let wait = Duration::from_secs(wait.min(UNACKNOWLEDGED_LAST_WAIT));
        self.arm_session(mac, record, after(self.inner.clock.now(), wait));
    }
}

impl Gateway {
    /// Whether the device owes its ACS something that does not wait for another session.
    pub(super) fn is_urgent(&self, record: &DeviceRecord) -> bool {
        owes_event_or_report(record) || self.owes_connection_request_url(record)
    }
}

fn owes_event_or_report(record: &DeviceRecord) -> bool {
    let cpe = &record.cpe;
    let has_event = cpe
        .events
        .events()
        .any(|event| event.code != EventCode::ValueChange);
    let has_change = cpe
        .events
        .changed()
        .any(|path| cpe.notification(path) == Notification::Active);
    let has_report = cpe
        .transfers
        .iter()
        .any(|transfer| matches!(transfer.state, TransferState::Finished(_)));
    has_event || has_change || has_report
}

pub(super) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// The first moment after `now` that lies a whole number of intervals from `reference`, however
/// far away that is (cwmp.md P1).
fn next_in_phase(reference: Timestamp, interval: u32, now: Timestamp) -> Timestamp {
    let interval = i64::from(interval.max(1));
    let passed = now
        .as_second()
        .saturating_sub(reference.as_second())
        .rem_euclid(interval);
    let next = now.as_second().saturating_add(interval - passed);
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
}

/// A phase of the device's own, the same after every restart (cwmp.md P2): it spreads the fleet.
fn random_phase(key: u64, mac: Mac, interval: u32) -> Timestamp {
    use sha2::Digest as _;
    let digest = sha2::Sha256::new()
        .chain_update(key.to_le_bytes())
        .chain_update(mac.bytes())
        .finalize();
    let number = digest
        .iter()
        .take(4)
        .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    Timestamp::from_second(i64::from(number % interval.max(1))).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn periods_keep_their_phase_however_far_the_reference_is() {
        assert_eq!(next_in_phase(at(7), 60, at(1_000)), at(1_027));
        assert_eq!(next_in_phase(at(7), 60, at(1_027)), at(1_087));
        assert_eq!(next_in_phase(at(1_000_007), 60, at(1_000)), at(1_007));
        assert_eq!(next_in_phase(at(0), 1, at(5)), at(6));
    }

    #[test]
    fn phases_spread_over_the_interval_and_do_not_move() {
        let phase =
            |number: u8| random_phase(42, Mac::new([0, 11, 130, 0, 0, number]), 600).as_second();
        let phases: Vec<i64> = (0..=255).map(phase).collect();
        assert_eq!(phases, (0..=255).map(phase).collect::<Vec<_>>());
        for slot in 0..10 {
            let share = phases.iter().filter(|phase| *phase / 60 == slot).count();
            assert!((10..=50).contains(&share), "{share} of 256 in slot {slot}");
        }
    }
}
