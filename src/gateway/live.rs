//! What is in memory of a device that is not at rest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::controls::ControlOutcome;
use super::core::Gateway;
use super::due_sessions::Urgency;
use super::session_record::SessionRecord;
use super::version::VersionTrial;
use super::view::View;
use super::waking::Reachability;
use crate::cwmp::{CwmpVersion, EventCode};
use crate::device::Mark;
use crate::mapping::{ControlAction, Means};
use crate::native::Mac;

/// What the gateway knows of a device beyond its record. All of it may be lost with the process.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The running session.
    pub(super) session: Option<Box<RunningSession>>,
    /// Events that no session has tried to deliver: `2 PERIODIC`, which goes into the record when
    /// one fails, and `6 CONNECTION REQUEST`, which must not be retried.
    pub(super) passing_events: Vec<EventCode>,
    /// `14 HEARTBEAT` is due: it goes alone, and is not retried (cwmp.md section 4.1).
    pub(super) heartbeat_is_due: bool,
    /// Failed sessions since the last good one or the start of the gateway: the n of the retry
    /// policy (cwmp.md R1, R4).
    pub(super) failures: u32,
    /// Good sessions in a row whose ACS has not acknowledged a TransferComplete.
    pub(super) unacknowledged: u32,
    /// How many of them each call went through.
    pub(super) sessions_of_calls: BTreeMap<u64, u32>,
    /// Which version of CWMP is being tried with the ACS.
    pub(super) version_trial: VersionTrial,
    /// Transfers that were handed out and whose result is still to come.
    pub(super) running_transfers: BTreeSet<u64>,
    /// A lightweight notification was handed out and is on its way.
    pub(super) lightweight_is_running: bool,
    /// What is known of telling the phone something.
    pub(super) control: Control,
    /// What the data model shows, as of the record's present version; kept while a session runs.
    pub(super) view: Option<Arc<View>>,
}

/// How far it is with telling the phone something.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// A person wants the phone to fetch, whether or not it has to.
    pub(super) resync_is_wanted: bool,
    /// A person wants the phone to forget what was set at it.
    pub(super) reset_is_wanted: bool,
    /// The phone has refused every try so far to make it restart, as far as it has answered.
    pub(super) restart_is_unheard: bool,
    /// The means of those tries.
    pub(super) tried: Vec<Arc<Means>>,
    /// Tries so far.
    pub(super) tries: u32,
    /// The id of the last job.
    pub(super) id: u64,
    /// What that job tells, while it was handed out and its result is still to come.
    pub(super) in_flight: Option<Told>,
    /// Who waits for the outcome of the next job.
    pub(super) waiters: VecDeque<oneshot::Sender<ControlOutcome>>,
}

/// What a control job tells a phone.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) action: ControlAction,
    /// The desired revision when the job was made.
    pub(super) revision: u64,
    /// By what.
    pub(super) means: Arc<Means>,
    /// Who waits for its outcome.
    pub(super) waiters: VecDeque<oneshot::Sender<ControlOutcome>>,
}

/// A session that is under way.
#[derive(Debug)]
pub(super) struct RunningSession {
    /// The device's record when it was opened.
    pub(super) record: SessionRecord,
    /// What was owed when it was opened, and is in its Inform.
    pub(super) mark: Mark,
    /// Passing events that are in it.
    pub(super) passing_events: Vec<EventCode>,
    /// It has `14 HEARTBEAT` and nothing else: nothing of the record is delivered by it.
    pub(super) is_heartbeat: bool,
    /// It reports nothing but that a period is over.
    pub(super) is_routine: bool,
    /// Whether the ACS has taken the Inform.
    pub(super) informed: bool,
    /// A connection request came while the Inform of an earlier one was on its way.
    pub(super) is_woken_again: bool,
    /// What the CPE says in it besides.
    pub(super) calls: Vec<u64>,
    /// Those of them whose methods the ACS does not have.
    pub(super) unlisted: Vec<u64>,
    /// Good sessions after which a call that is not acknowledged is given up.
    pub(super) unacknowledged_limit: Option<u32>,
    /// The version of its Inform.
    pub(super) version: CwmpVersion,
    /// The highest that is spoken with the ACS.
    pub(super) highest_version: CwmpVersion,
    /// The ACS that it goes to.
    pub(super) acs_url: String,
    /// What its Inform tells of the ways to wake the device.
    pub(super) reachability: Reachability,
}

impl Live {
    /// Adds a passing event, once.
    pub(super) fn add_passing(&mut self, code: EventCode) {
        if !self.passing_events.contains(&code) {
            self.passing_events.push(code);
        }
    }

    /// How urgent a session for what is passing is.
    pub(super) fn urgency(&self) -> Urgency {
        let asked = EventCode::ConnectionRequest;
        if self.passing_events.contains(&asked) {
            Urgency::Wake
        } else {
            Urgency::Routine
        }
    }

    /// Whether nothing would be lost by forgetting all of it.
    pub(super) fn is_at_rest(&self) -> bool {
        self.session.is_none()
            && self.passing_events.is_empty()
            && !self.heartbeat_is_due
            && self.failures == 0
            && self.unacknowledged == 0
            && self.running_transfers.is_empty()
            && !self.lightweight_is_running
            && self.control.is_at_rest()
    }
}

impl Control {
    /// Somebody waits for the outcome of the next job. When no job comes, the receiver learns that
    /// too: its sender is dropped.
    pub(super) fn add_waiter(&mut self) -> oneshot::Receiver<ControlOutcome> {
        let (sender, receiver) = oneshot::channel();
        self.waiters.push_back(sender);
        receiver
    }

    /// A person waits for the phone to be told.
    pub(super) fn is_asked_for(&self) -> bool {
        self.resync_is_wanted || self.reset_is_wanted || !self.waiters.is_empty()
    }

    /// There is nothing to tell, or nobody to tell it to.
    pub(super) fn give_up(&mut self) {
        self.resync_is_wanted = false;
        self.reset_is_wanted = false;
        self.tries = 0;
        self.tried.clear();
        self.waiters.clear();
    }

    fn is_at_rest(&self) -> bool {
        self.tries == 0 && self.in_flight.is_none() && !self.is_asked_for()
    }
}

/// The right to change a device: whoever has it is the device's one writer. When it is given back
/// and the device is at rest, its memory is too.
pub(super) struct Held<'a> {
    gateway: &'a Gateway,
    mac: Mac,
    /// `None` only while it is dropped.
    guard: Option<OwnedMutexGuard<Live>>,
    at_rest: Live,
}

impl Gateway {
    /// Waits for the right to change a device.
    pub(super) async fn hold(&self, mac: Mac) -> Held<'_> {
        self.held(mac, self.cell(mac).lock_owned().await)
    }

    /// The right to change a device, if nobody has it at the moment.
    pub(super) fn try_hold(&self, mac: Mac) -> Option<Held<'_>> {
        let guard = self.cell(mac).try_lock_owned().ok()?;
        Some(self.held(mac, guard))
    }

    fn held(&self, mac: Mac, guard: OwnedMutexGuard<Live>) -> Held<'_> {
        Held {
            gateway: self,
            mac,
            guard: Some(guard),
            at_rest: Live::default(),
        }
    }
}

impl Deref for Held<'_> {
    type Target = Live;

    fn deref(&self) -> &Live {
        self.guard.as_deref().unwrap_or(&self.at_rest)
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Live {
        self.guard.as_deref_mut().unwrap_or(&mut self.at_rest)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else {
            return;
        };
        let is_at_rest = guard.is_at_rest();
        drop(guard);
        if is_at_rest {
            self.gateway.release(self.mac);
        }
    }
}
