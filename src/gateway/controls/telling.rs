//! Telling phones to act, by one means after the other, until they are seen to have acted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::job::{ControlJob, ControlOutcome};
use super::memory::Change;
use super::pace::{Site, Turn};
use crate::device::{DeviceRecord, RebootOrders};
use crate::gateway::core::Gateway;
use crate::gateway::door::GatewayError;
use crate::gateway::draft::Draft;
use crate::gateway::live::{Live, Told};
use crate::gateway::schedule::after;
use crate::mapping::{ControlAction, Means, Pack};
use crate::native::Mac;

/// Times that a phone is told before it is left to fetch on its own.
const MAX_TRIES: u32 = 6;
/// Wait after the first try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// Wait after a means that the phone has refused, when there is another.
const NEXT_MEANS_WAIT: Duration = Duration::from_secs(1);
/// How long a phone that has agreed to restart may take until it fetches: it may wait for the end
/// of a call first.
const RESTARTS_WITHIN: Duration = Duration::from_secs(900);
/// Shortest pause between two looks at whose turn it is.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

impl Gateway {
    /// Plans that a phone is told what it has not been told yet. After a start of the gateway it
    /// is told once more to fetch a file that it has not fetched: that does no harm.
    pub(in crate::gateway) fn plan_control(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        now: Timestamp,
        again: bool,
    ) {
        let delivery = &record.delivery;
        // A phone that has never fetched will come on its own: it does not know of us.
        let wants_resync = delivery.served.is_some()
            && delivery.is_outstanding()
            && delivery.given_up != Some(delivery.desired)
            && (again || delivery.told_at.is_none());
        if record.contact.is_some() && (delivery.reboot.is_open() || wants_resync) {
            self.inner.controls.arm_no_later(mac, now);
        }
        self.plan_end_of_reboot(mac, record);
    }

    /// Plans that somebody looks after a restart that was ordered and does not come.
    fn plan_end_of_reboot(&self, mac: Mac, record: &DeviceRecord) {
        let moments = [restart_is_late_at(record), self.reboot_deadline(record)];
        if let Some(first) = moments.into_iter().flatten().min() {
            self.inner.controls.arm_no_later(mac, first);
        }
    }

    /// Makes the next try due that has come due during a session, and could not be made then.
    pub(in crate::gateway) fn plan_missed_control(&self, mac: Mac, live: &Live) {
        let control = &live.control;
        let is_planned = control.in_flight.is_some() || self.inner.controls.due(&mac).is_some();
        if control.tries > 0 && !is_planned {
            self.inner.controls.arm(mac, self.inner.clock.now());
        }
    }

    /// Waits until a phone has to be told something and may be, and hands it out.
    pub async fn next_control(&self) -> ControlJob {
        loop {
            let clock = &*self.inner.clock;
            let turn = self.inner.pace.turn(clock.now());
            let pause = match turn {
                Turn::Phone(mac) => {
                    match self.control_job(mac).await {
                        Ok(Some(job)) => return job,
                        Ok(None) => {}
                        Err(error) => tracing::error!(%mac, %error, "a phone can't be told"),
                    }
                    continue;
                }
                Turn::Wait(pause) => Some(clock.sleep_for(pause)),
                Turn::Nobody => None,
            };
            // All that are due stand in line before the next turn.
            tokio::select! {
                biased;
                mac = self.inner.controls.next(clock) => self.line_up(mac),
                () = sleep(pause) => {}
            }
            while let Some(mac) = self.inner.controls.take_due(clock.now()) {
                self.line_up(mac);
            }
        }
    }

    fn line_up(&self, mac: Mac) {
        let contact = match self.load(mac) {
            Ok(record) => record.and_then(|(record, _)| record.contact),
            // Whoever makes the job finds that out.
            Err(_) => None,
        };
        let address = contact.map_or(IpAddr::from([0, 0, 0, 0]), |contact| contact.address);
        let now = self.inner.clock.now();
        self.inner.pace.add(mac, Site::from(address), now);
    }

    async fn control_job(&self, mac: Mac) -> Result<Option<ControlJob>, GatewayError> {
        let mut live = self.hold(mac).await;
        if live.session.is_some() || live.control.in_flight.is_some() {
            // The end of the session, or of the job that is under way, plans it again
            // (cwmp.md N11).
            return Ok(None);
        }
        let job = self.prepare_control(mac, &mut live).await;
        if !matches!(job, Ok(Some(_))) {
            live.control.give_up();
        }
        job
    }

    async fn prepare_control(
        &self,
        mac: Mac,
        live: &mut Live,
    ) -> Result<Option<ControlJob>, GatewayError> {
        let now = self.inner.clock.now();
        let mut draft = self.draft(mac)?;
        if self
            .reboot_deadline(&draft.record)
            .is_some_and(|end| end <= now)
        {
            self.log(mac, "has not restarted in time; the order is at its end");
            draft.record.delivery.reboot = RebootOrders::default();
            self.commit(draft, live).await?;
            draft = self.draft(mac)?;
        }
        let Some(action) = wanted(&draft.record, live, now) else {
            self.plan_end_of_reboot(mac, &draft.record);
            return Ok(None);
        };
        let Some(contact) = draft.record.contact.clone() else {
            return Ok(None);
        };
        if live.control.tries >= MAX_TRIES {
            tracing::warn!(%mac, tries = MAX_TRIES, "the phone does not do as it is told; it is left to come on its own");
            self.leave_alone(draft, live).await?;
            return Ok(None);
        }
        let Some(means) = self.next_means(&draft, live, action) else {
            tracing::warn!(%mac, ?action, "no means is known, or switched on, that makes such a phone do this");
            for waiter in live.control.waiters.drain(..) {
                // Who waits no longer does not matter.
                let _ = waiter.send(ControlOutcome::NoMeans);
            }
            if action != ControlAction::FactoryReset {
                self.leave_alone(draft, live).await?;
            }
            return Ok(None);
        };
        let access = self.present_access(&mut draft)?;
        let sip = self.sip_aim(mac, &draft.record, &access);
        let web = self.web_aim(mac, &draft.record, &access);
        self.inner.memory.tells(mac, &draft.record, &means, now);
        let delivery = &mut draft.record.delivery;
        let revision = delivery.desired;
        live.control.tries += 1;
        if action == ControlAction::Reboot {
            // Noted before it is told: its yes may get lost, and its restart must still count.
            if delivery.reboot.told_at.is_none() {
                delivery.reboot.told_at = Some(now);
                live.control.restart_is_unheard = true;
            }
            delivery.reboot.closed = false;
            self.commit(draft, live).await?;
        }
        live.control.id += 1;
        live.control.resync_is_wanted = false;
        live.control.tried.push(Arc::clone(&means));
        live.control.in_flight = Some(Told {
            action,
            revision,
            means: Arc::clone(&means),
            // Who comes while it is under way waits for another one.
            waiters: std::mem::take(&mut live.control.waiters),
        });
        Ok(Some(ControlJob {
            mac,
            id: live.control.id,
            action,
            means,
            address: contact.address,
            sip,
            web,
        }))
    }

    /// The phone is told no more: it may still come on its own.
    async fn leave_alone(&self, mut draft: Draft, live: &mut Live) -> Result<(), GatewayError> {
        let delivery = &mut draft.record.delivery;
        delivery.given_up = Some(delivery.desired);
        delivery.reboot.closed = true;
        draft.record.control.reboot_agreed_at = None;
        let (mac, record) = (draft.mac, draft.record.clone());
        self.commit(draft, live).await?;
        self.plan_end_of_reboot(mac, &record);
        Ok(())
    }

    /// The means for a phone, the best first.
    pub(super) fn means_for(
        &self,
        record: &DeviceRecord,
        pack: &Pack,
        action: ControlAction,
    ) -> Vec<Arc<Means>> {
        let settings = &self.inner.settings.control;
        let (model, version) = (record.model.as_deref(), record.software_version.as_deref());
        let of = |action| pack.means(action, model, version, settings.with_likely);
        let restarts = action == ControlAction::Resync && settings.restart_to_fetch;
        let restarting = restarts.then(|| of(ControlAction::Reboot));
        let mut means: Vec<Arc<Means>> = of(action)
            .chain(restarting.into_iter().flatten())
            .filter(|means| settings.show_passwords || !means.shows_password())
            .map(Arc::clone)
            .collect();
        self.inner.memory.sort(record, action, &mut means);
        means
    }

    /// The best means that was not tried in this round; when all were, a new round begins.
    fn next_means(
        &self,
        draft: &Draft,
        live: &mut Live,
        action: ControlAction,
    ) -> Option<Arc<Means>> {
        if live.control.tries == 0 {
            live.control.tried.clear();
        }
        let means = self.means_for(&draft.record, &draft.pack, action);
        let is_new = |means: &&Arc<Means>| !live.control.tried.contains(*means);
        if let Some(next) = means.iter().find(is_new) {
            return Some(Arc::clone(next));
        }
        live.control.tried.clear();
        means.first().map(Arc::clone)
    }

    /// Takes the result of a control job. Only a fetch shows that the phone did as it was told, so
    /// it is told until it does, by another means each time; a restart that it has agreed to gets
    /// its time first.
    pub async fn finish_control(&self, mac: Mac, id: u64, outcome: ControlOutcome) {
        self.note_answer(mac, &outcome);
        let mut learned = None;
        let result = self
            .change(mac, |draft, live| {
                if live.control.id == id {
                    learned = self.take_outcome(draft, live, &outcome);
                }
                Ok::<(), GatewayError>(())
            })
            .await;
        if let Some(learned) = learned {
            self.remember(learned);
        }
        if let Err(error) = result {
            tracing::error!(%mac, %error, "the answer of a phone could not be noted");
            let control = &mut self.hold(mac).await.control;
            if let Some(told) = control.in_flight.take() {
                control.waiters.extend(told.waiters);
            }
            // It is told again, or there is nothing to tell any more.
            self.try_again(&self.inner.controls, mac, &error);
        }
    }

    fn take_outcome(
        &self,
        draft: &mut Draft,
        live: &mut Live,
        outcome: &ControlOutcome,
    ) -> Option<Change> {
        let (mac, now) = (draft.mac, self.inner.clock.now());
        let mut told = live.control.in_flight.take()?;
        self.log(mac, told_line(&told, outcome));
        let means = self.means_for(&draft.record, &draft.pack, told.action);
        let has_another = means
            .iter()
            .any(|means| !live.control.tried.contains(means));
        let moves_on = outcome.is_refusal() && has_another;
        if moves_on {
            live.control.waiters.append(&mut told.waiters);
        }
        for waiter in told.waiters.drain(..) {
            // Who waits no longer does not matter.
            let _ = waiter.send(outcome.clone());
        }
        let has_answered = matches!(
            outcome,
            ControlOutcome::Accepted
                | ControlOutcome::Refused { .. }
                | ControlOutcome::Unexpected { .. }
        );
        let memory = &self.inner.memory;
        let is_refusal = outcome.is_refusal();
        let learned = memory.told(mac, has_answered, is_refusal, now);

        let is_accepted = *outcome == ControlOutcome::Accepted;
        let delivery = &mut draft.record.delivery;
        match told.action {
            // Its yes may come after the restart, and is none to what was ordered since.
            ControlAction::Reboot if is_accepted && delivery.reboot.told_at.is_some() => {
                delivery.reboot.closed = true;
                draft.record.control.reboot_agreed_at = Some(now);
            }
            // Whatever it fetches for, it is not the restart that it has refused.
            ControlAction::Reboot if is_refusal && live.control.restart_is_unheard => {
                delivery.reboot.told_at = None;
            }
            // What was ordered meanwhile is not what the phone has agreed to.
            ControlAction::Resync if is_accepted && told.revision == delivery.desired => {
                delivery.told_at = Some(now);
            }
            ControlAction::FactoryReset => live.control.reset_is_wanted = moves_on,
            ControlAction::Reboot | ControlAction::Resync => {}
        }
        if !is_refusal {
            live.control.restart_is_unheard = false;
        }

        let record = &draft.record;
        let is_open = record.delivery.is_outstanding() || record.delivery.reboot.is_open();
        let next = if moves_on {
            live.control.resync_is_wanted |= told.action == ControlAction::Resync;
            Some(after(now, NEXT_MEANS_WAIT))
        } else if is_open {
            let doublings = live.control.tries.saturating_sub(1).min(10);
            Some(after(now, FIRST_WAIT * 2_u32.pow(doublings)))
        } else {
            None
        };
        if next.is_none() && restart_is_late_at(record).is_none() {
            live.control.tries = 0;
        }
        if let Some(next) = next {
            self.inner.controls.arm(mac, next);
        }
        self.plan_end_of_reboot(mac, record);
        learned
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause.max(SHORTEST_PAUSE)).await,
        None => std::future::pending().await,
    }
}

/// What a phone has to be told now.
fn wanted(record: &DeviceRecord, live: &Live, now: Timestamp) -> Option<ControlAction> {
    let delivery = &record.delivery;
    let is_left_alone = delivery.served.is_none() || delivery.given_up == Some(delivery.desired);
    let is_outstanding = delivery.is_outstanding() && (live.control.tries > 0 || !is_left_alone);
    let is_late = restart_is_late_at(record).is_some_and(|late_at| late_at <= now);
    if live.control.reset_is_wanted {
        Some(ControlAction::FactoryReset)
    } else if delivery.reboot.is_open() || is_late {
        Some(ControlAction::Reboot)
    } else if live.control.resync_is_wanted || is_outstanding {
        Some(ControlAction::Resync)
    } else {
        None
    }
}

/// When a phone that has agreed to restart should have fetched.
fn restart_is_late_at(record: &DeviceRecord) -> Option<Timestamp> {
    let orders = &record.delivery.reboot;
    let agreed_at = record.control.reboot_agreed_at?;
    (!orders.keys.is_empty() && orders.closed).then(|| after(agreed_at, RESTARTS_WITHIN))
}

/// What the log says of a phone that was told something.
fn told_line(told: &Told, outcome: &ControlOutcome) -> String {
    let means = &told.means.name;
    let told = match told.action {
        ControlAction::Resync => "told to fetch its file",
        ControlAction::Reboot => "told to restart",
        ControlAction::FactoryReset => "told to forget what was set at it",
    };
    match outcome {
        ControlOutcome::Accepted => format!("{told} ({means}): yes"),
        ControlOutcome::Refused { status } => {
            format!("{told} ({means}): refused with status {status}")
        }
        ControlOutcome::Unexpected { reason } => format!("{told} ({means}): {reason}"),
        ControlOutcome::NoAnswer => format!("{told} ({means}): no answer"),
        ControlOutcome::NotSent { reason } => format!("{told} ({means}): not sent, {reason}"),
        ControlOutcome::NoMeans => format!("{told} ({means}): no way"),
    }
}
