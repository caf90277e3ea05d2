//! Phones that ask for what they have, again and again. A fetch that has changed nothing changes
//! nothing the next time either, as long as the phone's record, the request and the file are the
//! same: it is remembered here, and answered without working it out anew.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::super::core::Gateway;
use crate::native::Mac;

/// How long a poll is remembered. So its line stands in the phone's log about once in that time, and
/// whatever depends on the time of a fetch is worked out as often.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Most that are remembered: two of each phone's files, and nothing is lost with them.
const MAX_REMEMBERED: usize = 1 << 18;

/// Fetches that have changed nothing.
#[derive(Debug, Default)]
pub(in crate::gateway) struct QuietPolls {
    seen: Mutex<HashMap<Fingerprint, Timestamp>>,
    keys: RandomState,
}

/// A hash of everything that a step of a fetch depends on: the phone's record as it is stored, and
/// the request. Its key is secret, so nobody can make two that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint(u64);

impl QuietPolls {
    pub(super) fn fingerprint(&self, mac: Mac, record: &[u8], request: impl Hash) -> Fingerprint {
        Fingerprint(self.keys.hash_one((mac, record, request)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, Timestamp>> {
        // No code that can panic runs under this lock.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway {
    /// Whether a step has lately changed nothing, and so changes nothing now: the device is at rest
    /// as it was then.
    pub(super) fn is_quiet(&self, mac: Mac, step: Fingerprint) -> bool {
        let polls = &self.inner.quiet_polls;
        let Some(since) = polls.lock().get(&step).copied() else {
            return false;
        };
        let now = self.inner.clock.now();
        // Whether a phone fetches after it was told, is worth a note each time.
        self.is_at_rest(mac)
            && !self.inner.memory.awaits(mac, now)
            && now.duration_since(since) < REMEMBERED_FOR
    }

    /// Remembers a step that has just been worked out, if it has left the record as it was and the
    /// device at rest. `before` is the stored record from before it.
    pub(super) fn note_if_quiet(&self, mac: Mac, before: &[u8], step: Fingerprint) {
        let is_the_same = self
            .stored_record(mac)
            .is_ok_and(|now| now.as_deref() == Some(before));
        if !is_the_same || !self.is_at_rest(mac) {
            return;
        }
        let mut seen = self.inner.quiet_polls.lock();
        if seen.len() >= MAX_REMEMBERED {
            seen.clear();
        }
        seen.insert(step, self.inner.clock.now());
    }
}
