//! One fetch for all devices that want the same file at the same time.

use std::sync::{Mutex, PoisonError};

use super::super::acs_choice::AcsNumber;
use crate::device::Transfer;
use crate::native::Mac;
use crate::wire::Secret;

/// A transfer of a device.
type Whose = (Mac, u64);

/// What makes two fetches the same: whatever the file server, the way to it or the check of what
/// comes depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    url: String,
    username: String,
    password: Secret,
    file_type: String,
    file_size: u32,
    acs: AcsNumber,
}

/// A fetch that is under way, and who waits for it.
#[derive(Debug)]
struct Fetch {
    wanted: Wanted,
    by: Whose,
    waiting: Vec<Whose>,
}

/// Fetches that are under way: a few, as many as are carried out at once.
#[derive(Debug, Default)]
pub(in crate::gateway) struct SharedFetches(Mutex<Vec<Fetch>>);

impl SharedFetches {
    /// Whether a device has to fetch a file itself; otherwise somebody does already, and it gets
    /// what that one gets.
    pub(super) fn begin(&self, mac: Mac, transfer: &Transfer, acs: AcsNumber) -> bool {
        let wanted = Wanted {
            url: transfer.url.clone(),
            username: transfer.username.clone(),
            password: transfer.password.clone(),
            file_type: transfer.file_type.clone(),
            file_size: transfer.file_size,
            acs,
        };
        let mut fetches = self.lock();
        if let Some(fetch) = fetches.iter_mut().find(|fetch| fetch.wanted == wanted) {
            fetch.waiting.push((mac, transfer.id));
            return false;
        }
        fetches.push(Fetch {
            wanted,
            by: (mac, transfer.id),
            waiting: Vec::new(),
        });
        true
    }

    /// A fetch has ended: who waits for it besides the one that made it.
    pub(super) fn end(&self, mac: Mac, id: u64) -> Vec<Whose> {
        let mut fetches = self.lock();
        match fetches.iter().position(|fetch| fetch.by == (mac, id)) {
            Some(place) => fetches.swap_remove(place).waiting,
            None => Vec::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fetch>> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
