//! Telling phones to fetch their file, or to restart.

use std::time::Duration;

use jiff::Timestamp;

use super::core::Gateway;
use super::door::{ControlAction, ControlJob, ControlOutcome, GatewayError};
use super::live::{Live, Told};
use super::schedule::after;
use crate::cwmp::{Fault, FaultCode};
use crate::datamodel::ObjectPath;
use crate::device::DeviceRecord;
use crate::native::Mac;
use crate::wire::{Credentials, Secret};

/// The port of SIP, for phones whose file names none.
const SIP_PORT: u16 = 5060;
/// The accounts of a phone.
const PROFILES: &str = "Device.Services.VoiceService.1.VoiceProfile.";
/// Times that a phone is told before it is left to fetch on its own.
const MAX_TRIES: u32 = 6;
/// Restarts that may be ordered at once (an Inform has room for 64 events).
const MAX_REBOOTS: usize = 16;
/// Wait after the first try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(30);

impl Gateway {
    /// Orders the phone to fetch its file now, and waits for what it says. `None` when it was not
    /// told, because nobody knows where it is.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when the store fails.
    pub async fn resync(&self, mac: Mac) -> Result<Option<ControlOutcome>, GatewayError> {
        let waiter = {
            let mut live = self.hold(mac).await;
            let (record, _) = self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
            if record.contact.is_none() {
                return Ok(None);
            }
            live.control.resync_is_wanted = true;
            live.control.tries = 0;
            self.inner.controls.arm(mac, self.inner.clock.now());
            live.control.add_waiter()
        };
        Ok(waiter.await.ok())
    }

    /// Orders the phone to restart, and waits for what it says; `None` as for
    /// [`Gateway::resync`]. The order stands until the phone has restarted.
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
                Ok::<_, GatewayError>(is_known.then(|| live.control.add_waiter()))
            })
            .await?;
        match waiter {
            Some(waiter) => Ok(waiter.await.ok()),
            None => Ok(None),
        }
    }

    /// The ACS orders a restart; the phone is told after the session (cwmp.md M80).
    pub(super) async fn order_reboot(&self, mac: Mac, command_key: String) -> Result<(), Fault> {
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

    /// Plans that a phone is told what it has not been told yet. After a start of the gateway it
    /// is told once more to fetch a file that it has not fetched: that does no harm.
    pub(super) fn plan_control(
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
    }

    /// Makes the next try due that has come due during a session, and could not be made then.
    pub(super) fn plan_missed_control(&self, mac: Mac, live: &Live) {
        let control = &live.control;
        let is_planned = control.in_flight.is_some() || self.inner.controls.due(&mac).is_some();
        if control.tries > 0 && !is_planned {
            self.inner.controls.arm(mac, self.inner.clock.now());
        }
    }

    /// Waits until a phone has to be told something, and hands it out.
    pub async fn next_control(&self) -> ControlJob {
        loop {
            let mac = self.inner.controls.next(&*self.inner.clock).await;
            match self.control_job(mac).await {
                Ok(Some(job)) => return job,
                Ok(None) => {}
                Err(error) => tracing::error!(%mac, %error, "a phone can't be told"),
            }
        }
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
        let mut draft = self.draft(mac)?;
        let delivery = &mut draft.record.delivery;
        let action = if delivery.reboot.is_open() {
            ControlAction::Reboot
        } else if live.control.resync_is_wanted || delivery.is_outstanding() {
            ControlAction::Resync
        } else {
            return Ok(None);
        };
        let Some(contact) = draft.record.contact.clone() else {
            return Ok(None);
        };
        if live.control.tries >= MAX_TRIES {
            tracing::warn!(%mac, tries = MAX_TRIES, "the phone does not do as it is told; it is left to come on its own");
            delivery.given_up = Some(delivery.desired);
            delivery.reboot.closed = true;
            self.commit(draft, live).await?;
            return Ok(None);
        }
        if action == ControlAction::Reboot && delivery.reboot.told_at.is_none() {
            // Noted before it is told: its yes may get lost, and its restart must still count.
            delivery.reboot.told_at = Some(self.inner.clock.now());
            live.control.tries += 1;
            self.commit(draft, live).await?;
        } else {
            live.control.tries += 1;
        }
        live.control.id += 1;
        live.control.resync_is_wanted = false;
        let view = self.view(mac, live)?;
        live.control.in_flight = Some(Told {
            action,
            revision: view.record.delivery.desired,
        });
        let event = match action {
            ControlAction::Resync => view.pack.resync_event(),
            ControlAction::Reboot => view.pack.reboot_event(),
        };
        // The first of the phone's accounts that is there.
        let first = |table: String| -> Option<ObjectPath> {
            view.rows(&table.parse().ok()?).next().cloned()
        };
        let profile = first(PROFILES.to_owned());
        let line = profile
            .as_ref()
            .and_then(|profile| first(format!("{profile}Line.")));
        let value = |object: &Option<ObjectPath>, name: &str| -> &str {
            let path = object.as_ref().map(|object| format!("{object}{name}"));
            path.and_then(|path| view.lens_value(&path))
                .unwrap_or_default()
        };
        let user = value(&line, "DirectoryNumber").to_owned();
        let auth_user = value(&line, "SIP.AuthUserName");
        let port = value(&profile, "SIP.UserAgentPort");
        let port = port.parse().unwrap_or(SIP_PORT);
        Ok(Some(ControlJob {
            mac,
            id: live.control.id,
            action,
            event: event.to_owned(),
            address: contact.address,
            port: if port == 0 { SIP_PORT } else { port },
            credentials: Credentials {
                // Phones take their user id where no authentication id is set.
                username: if auth_user.is_empty() {
                    user.clone()
                } else {
                    auth_user.to_owned()
                },
                password: Secret::new(value(&line, "SIP.AuthPassword")),
            },
            user,
        }))
    }

    /// Takes the result of a control job. Only a fetch shows that the phone did as it was told, so
    /// it is told to fetch again until it does, some times; a restart that it has agreed to is not
    /// repeated.
    pub async fn finish_control(&self, mac: Mac, id: u64, outcome: ControlOutcome) {
        let now = self.inner.clock.now();
        self.note_answer(mac, &outcome);
        let result = self
            .change(mac, |draft, live| {
                if live.control.id != id {
                    return Ok(());
                }
                let told = live.control.in_flight.take();
                if let Some(told) = &told {
                    self.log(mac, told_line(told.action, &outcome));
                }
                for waiter in live.control.waiters.drain(..) {
                    // Who waits no longer does not matter.
                    let _ = waiter.send(outcome.clone());
                }
                let delivery = &mut draft.record.delivery;
                // What was ordered meanwhile is not what the phone has agreed to.
                match told.filter(|_| outcome == ControlOutcome::Accepted) {
                    Some(told) if told.action == ControlAction::Reboot => {
                        delivery.reboot.closed = true;
                    }
                    Some(told) if told.revision == delivery.desired => {
                        delivery.told_at = Some(now);
                    }
                    _ => {}
                }
                if delivery.is_outstanding() || delivery.reboot.is_open() {
                    let doublings = live.control.tries.saturating_sub(1).min(10);
                    let wait = FIRST_WAIT * 2_u32.pow(doublings);
                    self.inner.controls.arm(mac, after(now, wait));
                } else {
                    live.control.tries = 0;
                }
                Ok::<(), GatewayError>(())
            })
            .await;
        if let Err(error) = result {
            tracing::error!(%mac, %error, "the answer of a phone could not be noted");
            self.hold(mac).await.control.in_flight = None;
            // It is told again, or there is nothing to tell any more.
            self.try_again(&self.inner.controls, mac, &error);
        }
    }
}

/// What the log says of a phone that was told something.
fn told_line(action: ControlAction, outcome: &ControlOutcome) -> String {
    let told = match action {
        ControlAction::Resync => "told to fetch its file",
        ControlAction::Reboot => "told to restart",
    };
    match outcome {
        ControlOutcome::Accepted => format!("{told}: yes"),
        ControlOutcome::Refused { status } => format!("{told}: refused with SIP status {status}"),
        ControlOutcome::NoAnswer => format!("{told}: no answer"),
        ControlOutcome::NotSent { reason } => format!("{told}: not sent, {reason}"),
    }
}
