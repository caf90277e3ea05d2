//! When a device's next session, transfer and control job are due.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::core::Gateway;
use super::door::GatewayError;
use super::due_sessions::{DueSession, Urgency};
use super::live::Live;
use super::notifications::owes_active_change;
use super::random;
use super::timed_queue::TimedQueue;
use super::view::{periodic_inform_interval, provisional_identity};
use crate::cwmp::{EventCode, Notification};
use crate::datamodel::Schema;
use crate::device::{DeviceRecord, TransferState};
use crate::native::Mac;

/// Wait until a phone is taken back again that could not be.
const TAKE_BACK_WAIT: Duration = Duration::from_secs(3600);

/// In a second.
const MICROSECONDS: i64 = 1_000_000;

/// What a start does for a device beyond planning.
enum Special {
    /// It can be announced with the present settings.
    Nameable,
    /// Its factory reset was not carried out.
    FactoryReset,
}

impl Gateway {
    /// Plans everything that is due for every device. Called once, when the doors are open.
    ///
    /// What devices owe their ACSs is spread over the time that each ACS needs for it at its rate.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails. A damaged record is skipped and logged.
    pub async fn start(&self) -> Result<(), GatewayError> {
        let now = self.inner.clock.now();
        let acss = self.inner.settings.acs_rules.len() + 1;
        let owing: Vec<AtomicU64> = (0..acss).map(|_| AtomicU64::new(0)).collect();
        let special: Mutex<Vec<(Mac, Special)>> = Mutex::default();
        self.for_each_device("phones planned", |device| {
            let (mac, record) = match device {
                Ok(device) => device,
                Err(error) => {
                    tracing::error!(%error, "a phone is left out");
                    return;
                }
            };
            match self.plan_at_start(mac, &record, &owing, now) {
                Ok(None) => {}
                Ok(Some(kind)) => special
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((mac, kind)),
                Err(error) => tracing::error!(%mac, %error, "a phone is left out"),
            }
        });
        let mut special = special.into_inner().unwrap_or_else(PoisonError::into_inner);
        special.sort_unstable_by_key(|(mac, _)| *mac);
        for (mac, special) in special {
            match special {
                // The commit plans what it leaves.
                Special::FactoryReset => {
                    if let Err(error) = self.catch_up_on_factory_reset(mac).await {
                        tracing::error!(%mac, %error, "a factory reset is still due");
                    }
                }
                // The commit of any change, also of none, announces what can be named.
                Special::Nameable => {
                    let announced = self.change(mac, |_, _| Ok::<(), GatewayError>(())).await;
                    if let Err(error) = announced {
                        tracing::error!(%mac, %error, "a phone can't be announced");
                    }
                    if let Ok(Some((record, _))) = self.load(mac) {
                        self.plan_control(mac, &record, now, true);
                    }
                }
            }
        }
        self.start_own_cpe().await
    }

    /// Plans what is due for one device; what can't be done without a commit is left to the caller.
    fn plan_at_start(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        owing: &[AtomicU64],
        now: Timestamp,
    ) -> Result<Option<Special>, GatewayError> {
        if record.cpe.factory_reset_is_due {
            return Ok(Some(Special::FactoryReset));
        }
        let pack = self.lenses(record)?;
        let settings = &self.inner.settings;
        if record.identity.is_none() {
            let identity = provisional_identity(mac, record, &pack, settings);
            if !identity.product_class.is_empty() {
                return Ok(Some(Special::Nameable));
            }
        }
        self.plan_hand_over(mac, record);
        self.plan_period(mac, record, now);
        self.plan_heartbeat(mac, record, now);
        self.plan_lightweight(mac, record, pack.schema(), now);
        let is_due = self.due(mac, record, pack.schema(), now).is_some();
        let mut scheduled = record.cpe.scheduled_informs.iter();
        let is_overdue = scheduled.any(|inform| inform.due <= now);
        let mut from = now;
        if is_due || is_overdue {
            let (number, acs) = settings.acs_of(mac, record);
            let before = owing
                .get(number.0)
                .map_or(0, |owing| owing.fetch_add(1, Ordering::Relaxed));
            let seconds = before / u64::from(acs.max_sessions_per_second.max(1));
            from = after(now, Duration::from_secs(random::below(seconds + 1)?));
        }
        if is_due {
            self.arm_session(mac, record, from, Urgency::Routine);
        }
        self.plan_scheduled_informs(mac, record, from);
        self.plan_transfers(mac, record, &Live::default());
        self.plan_control(mac, record, now, true);
        self.plan_delivery(mac, record);
        Ok(None)
    }

    /// Waits until a device's session is due, and says whose.
    pub async fn next_session(&self) -> DueSession {
        loop {
            tokio::select! {
                due = self.inner.sessions.next(&*self.inner.clock) => return due,
                mac = self.inner.periods.next(&*self.inner.clock) => {
                    if let Err(error) = self.period_is_over(mac).await {
                        tracing::error!(%mac, %error, "a periodic inform is late");
                        self.try_again(&self.inner.periods, mac, &error);
                    }
                }
                mac = self.inner.heartbeats.next(&*self.inner.clock) => {
                    if let Err(error) = self.heartbeat_is_due(mac).await {
                        tracing::error!(%mac, %error, "a heartbeat is late");
                        self.try_again(&self.inner.heartbeats, mac, &error);
                    }
                }
                mac = self.inner.scheduled_informs.next(&*self.inner.clock) => {
                    if let Err(error) = self.scheduled_inform_is_due(mac).await {
                        tracing::error!(%mac, %error, "a scheduled inform is late");
                        self.try_again(&self.inner.scheduled_informs, mac, &error);
                    }
                }
                mac = self.inner.hand_overs.next(&*self.inner.clock) => {
                    if let Err(error) = self.trial_is_over(mac).await {
                        tracing::error!(%mac, %error, "a phone can't be taken back from its own TR-069 client");
                        let later = after(self.inner.clock.now(), TAKE_BACK_WAIT);
                        self.inner.hand_overs.arm(mac, later);
                    }
                }
                () = self.inner.quarantine_writes.next(&*self.inner.clock) => {
                    if let Err(error) = self.write_quarantine().await {
                        tracing::error!(%error, "unknown phones can't be written down");
                    }
                }
                mac = self.inner.deliveries.next(&*self.inner.clock) => {
                    if let Err(error) = self.delivery_is_due(mac).await {
                        tracing::error!(%mac, %error, "a late phone can't be noted");
                        self.try_again(&self.inner.deliveries, mac, &error);
                    }
                }
                // The session that waits for it is planned besides.
                _ = self.inner.throttled.next(&*self.inner.clock) => {}
            }
        }
    }

    /// A period is armed only for a device that wants it and has an ACS, so its record need not be
    /// read here: the session that this one opens reads it, and arms the next period.
    async fn period_is_over(&self, mac: Mac) -> Result<(), GatewayError> {
        let mut live = self.hold(mac).await;
        let periodic = EventCode::Periodic;
        let mut is_owed = live.passing_events.contains(&periodic);
        if live.failures > 0 {
            let Some((record, _)) = self.load(mac)? else {
                return Ok(());
            };
            is_owed |= record.cpe.events.owes(periodic);
        }
        live.add_passing(periodic);
        // One that is owed already goes on waiting for its retry (cwmp.md P5, R3).
        if live.session.is_none() && (!is_owed || live.failures == 0) {
            let now = self.inner.clock.now();
            self.inner.sessions.arm_no_later(mac, now, Urgency::Routine);
        }
        Ok(())
    }

    async fn heartbeat_is_due(&self, mac: Mac) -> Result<(), GatewayError> {
        let mut live = self.hold(mac).await;
        let Some((record, _)) = self.load(mac)? else {
            return Ok(());
        };
        let now = self.inner.clock.now();
        self.plan_heartbeat(mac, &record, now);
        if record.cpe.heartbeat.enable && self.has_acs(mac, &record) {
            live.heartbeat_is_due = true;
            if live.session.is_none() {
                self.arm_session(mac, &record, now, Urgency::Routine);
            }
        }
        Ok(())
    }

    /// Plans what the record of a device makes due, after a change. While a session runs, its end
    /// does that.
    pub(super) fn plan(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        schema: &Schema,
        live: &Live,
        has_news: bool,
    ) {
        let now = self.inner.clock.now();
        self.plan_hand_over(mac, record);
        self.plan_period(mac, record, now);
        self.plan_heartbeat(mac, record, now);
        if !live.lightweight_is_running {
            self.plan_lightweight(mac, record, schema, now);
        }
        self.plan_scheduled_informs(mac, record, Timestamp::MIN);
        self.plan_delivery(mac, record);
        if live.session.is_some() {
            return;
        }
        // A new event ends the wait of the retry policy (cwmp.md R3); old ones go on waiting.
        if (has_news || live.failures == 0 && live.unacknowledged == 0)
            && let Some(due) = self.due(mac, record, schema, now)
        {
            self.arm_session(mac, record, due, Urgency::News);
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

    pub(super) fn arm_session(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        due: Timestamp,
        urgency: Urgency,
    ) {
        if self.has_acs(mac, record) {
            self.inner.sessions.arm_no_later(mac, due, urgency);
        }
    }

    /// Whether the device informs an ACS at all.
    fn has_acs(&self, mac: Mac, record: &DeviceRecord) -> bool {
        record.identity.is_some() && self.acs_with_url(mac, record).is_some()
    }

    pub(super) fn plan_period(&self, mac: Mac, record: &DeviceRecord, now: Timestamp) {
        let interval = periodic_inform_interval(mac, record, &self.inner.settings);
        let reference = record.cpe.periodic_inform_time;
        let is_wanted = record.cpe.periodic_inform_enable && self.has_acs(mac, record);
        let phase = is_wanted.then_some((reference, interval));
        self.plan_phase(&self.inner.periods, mac, phase, now);
    }

    fn plan_heartbeat(&self, mac: Mac, record: &DeviceRecord, now: Timestamp) {
        let heartbeat = &record.cpe.heartbeat;
        let is_wanted = heartbeat.enable && self.has_acs(mac, record);
        let phase = is_wanted.then_some((heartbeat.initiation, heartbeat.interval));
        self.plan_phase(&self.inner.heartbeats, mac, phase, now);
    }

    /// Plans the next moment of something that comes round; `None` is never.
    pub(super) fn plan_phase(
        &self,
        queue: &TimedQueue<Mac>,
        mac: Mac,
        phase: Option<(Option<Timestamp>, u32)>,
        now: Timestamp,
    ) {
        let Some((reference, interval)) = phase else {
            queue.disarm(&mac);
            return;
        };
        // One that is due and has not been taken yet must not be put off.
        if queue.due(&mac).is_some_and(|due| due <= now) {
            return;
        }
        let reference =
            reference.unwrap_or_else(|| random_phase(self.inner.phase_key, mac, interval));
        queue.arm(mac, next_in_phase(reference, interval, now));
    }
}

impl Gateway {
    /// When what a device owes its ACS opens a session of its own, retries aside: now, or when the
    /// throttle of active notifications ends (cwmp.md A7). `None` when all of it can wait for
    /// another session, or when nothing is owed.
    pub(super) fn due(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        schema: &Schema,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if owes_event_or_report(record) {
            return Some(now);
        }
        let due = if owes_active_change(schema, &record.cpe)
            || self.connection_request_url_change(record, schema) == Notification::Active
        {
            now
        } else {
            self.udp_address_due(mac, record, schema, now)?
        };
        let throttled = self.inner.throttled.due(&mac);
        Some(throttled.map_or(due, |until| until.max(due)))
    }

    /// A session has ended well: from now on the throttle counts.
    pub(super) fn begin_throttle(&self, mac: Mac, record: &DeviceRecord) {
        match record.cpe.active_notification_throttle {
            0 => self.inner.throttled.disarm(&mac),
            seconds => {
                let throttle = Duration::from_secs(seconds.into());
                let until = after(self.inner.clock.now(), throttle);
                self.inner.throttled.arm(mac, until);
            }
        }
    }
}

/// Whether there is more to say than that parameters have changed.
fn owes_event_or_report(record: &DeviceRecord) -> bool {
    let cpe = &record.cpe;
    let has_event = cpe
        .events
        .events()
        .any(|event| event.code != EventCode::ValueChange);
    let has_report = cpe
        .transfers
        .iter()
        .any(|transfer| matches!(transfer.state, TransferState::Finished(_)));
    has_event || has_report || !cpe.autonomous_reports.is_empty() || !cpe.wishes.is_empty()
}

pub(super) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// The first moment after `now` that lies a whole number of intervals from `reference`, however
/// far away that is (cwmp.md P1).
fn next_in_phase(reference: Timestamp, interval: u32, now: Timestamp) -> Timestamp {
    let interval = i64::from(interval.max(1)) * MICROSECONDS;
    let passed = now
        .as_microsecond()
        .saturating_sub(reference.as_microsecond())
        .rem_euclid(interval);
    let next = now.as_microsecond().saturating_add(interval - passed);
    Timestamp::from_microsecond(next).unwrap_or(Timestamp::MAX)
}

/// A phase of the device's own, the same after every restart (cwmp.md P2): it spreads the fleet,
/// also within a second, in which thousands of a large one are due.
fn random_phase(key: u64, mac: Mac, interval: u32) -> Timestamp {
    use sha2::Digest as _;
    let digest = sha2::Sha256::new()
        .chain_update(key.to_le_bytes())
        .chain_update(mac.bytes())
        .finalize();
    let number = |from: usize| {
        let bytes = digest.iter().skip(from).take(4);
        i64::from(bytes.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)))
    };
    let second = number(0) % i64::from(interval.max(1));
    let microsecond = second * MICROSECONDS + number(4) % MICROSECONDS;
    Timestamp::from_microsecond(microsecond).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
        let half = Timestamp::from_millisecond(7_500).unwrap();
        let next = Timestamp::from_millisecond(1_027_500).unwrap();
        assert_eq!(next_in_phase(half, 60, at(1_027)), next);
    }

    #[test]
    fn phases_spread_over_the_interval_and_do_not_move() {
        let phase =
            |number: u8| random_phase(42, Mac::new([0, 11, 130, 0, 0, number]), 600).as_second();
        let phases: Vec<i64> = (0..=255).map(phase).collect();
        assert_eq!(phases, (0..=255).map(phase).collect::<Vec<_>>());
        let within = (0..=255).map(|number| {
            let phase = random_phase(42, Mac::new([0, 11, 130, 0, 0, number]), 600);
            phase.subsec_millisecond() / 100
        });
        assert_eq!(within.collect::<BTreeSet<_>>().len(), 10);
        for slot in 0..10 {
            let share = phases.iter().filter(|phase| *phase / 60 == slot).count();
            assert!((10..=50).contains(&share), "{share} of 256 in slot {slot}");
        }
    }
}
