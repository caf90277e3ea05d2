//! The sessions that are planned, and how much each may wait for others.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::clock::Clock;
use super::timed_queue::TimedQueue;
use crate::native::Mac;

/// How much a session may wait for others with the same ACS; the later ones wait less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A period or heartbeat, or something that was owed when the gateway started. An ACS in
    /// trouble gets fewer of them.
    Routine,
    /// A session that has failed before: the retry policy of its device has spread it already
    /// (cwmp.md R1).
    Retry,
    /// Something has happened that the ACS is to hear of at once. An ACS in trouble gets fewer of
    /// them.
    News,
    /// The ACS has asked for it: it waits for nothing but a free place.
    Wake,
}

/// A device whose session is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueSession {
    /// The device.
    pub mac: Mac,
    /// How much it may wait.
    pub urgency: Urgency,
}

/// Planned sessions, one of each device at most.
#[derive(Debug)]
pub(super) struct DueSessions {
    queue: TimedQueue<Mac>,
    /// Those of them that are more than routine.
    urgent: Mutex<HashMap<Mac, Urgency>>,
}

impl DueSessions {
    pub(super) fn new() -> Self {
        Self {
            queue: TimedQueue::new(),
            urgent: Mutex::default(),
        }
    }

    /// Plans a session unless one is due earlier already; the one that is planned is then as urgent
    /// as the more urgent of both.
    pub(super) fn arm_no_later(&self, mac: Mac, due: Timestamp, urgency: Urgency) {
        if urgency > Urgency::Routine {
            let mut urgent = self.lock();
            let known = urgent.entry(mac).or_insert(urgency);
            *known = urgency.max(*known);
        }
        self.queue.arm_no_later(mac, due);
    }

    /// Takes out the session of a device.
    pub(super) fn disarm(&self, mac: &Mac) {
        self.queue.disarm(mac);
        self.lock().remove(mac);
    }

    /// How many sessions are planned.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// When the session of a device is due.
    #[cfg(test)]
    pub(super) fn due(&self, mac: &Mac) -> Option<Timestamp> {
        self.queue.due(mac)
    }

    /// Waits until a session is due, and takes it out.
    pub(super) async fn next(&self, clock: &dyn Clock) -> DueSession {
        let mac = self.queue.next(clock).await;
        let urgency = self.lock().remove(&mac).unwrap_or(Urgency::Routine);
        DueSession { mac, urgency }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Mac, Urgency>> {
        // No code that can panic runs under this lock.
        self.urgent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            at(100)
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_session_is_as_urgent_as_the_most_urgent_reason_for_it() {
        let sessions = DueSessions::new();
        let [one, other] = [1, 2].map(|last| Mac::new([0, 11, 130, 0, 0, last]));
        sessions.arm_no_later(one, at(10), Urgency::Retry);
        sessions.arm_no_later(one, at(50), Urgency::Wake);
        sessions.arm_no_later(one, at(60), Urgency::Routine);
        sessions.arm_no_later(other, at(20), Urgency::News);
        sessions.disarm(&other);
        sessions.arm_no_later(other, at(20), Urgency::Routine);
        let due = |mac, urgency| DueSession { mac, urgency };
        assert_eq!(sessions.next(&Fixed).await, due(one, Urgency::Wake));
        assert_eq!(sessions.next(&Fixed).await, due(other, Urgency::Routine));
        sessions.arm_no_later(one, at(10), Urgency::Routine);
        assert_eq!(sessions.next(&Fixed).await, due(one, Urgency::Routine));
    }
}
