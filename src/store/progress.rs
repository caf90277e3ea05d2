//! How far the store is on disk, and waiting for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::watch;

use super::StoreError;

/// The promise that belongs to one commit: it is kept when the commit is on disk.
///
/// Dropping it is fine where nobody is told that the change is safe.
#[derive(Debug, Clone)]
#[must_use = "a commit is on disk only when its ticket says so"]
pub struct Ticket {
    progress: Arc<Progress>,
    sequence: u64,
}

/// "Durable up to": numbered commits, the highest number that is on disk, and the failure after
/// which it rises no more.
#[derive(Debug)]
pub(in crate::store) struct Progress {
    reached: watch::Sender<Reached>,
    /// Pairs with `changed` for those who wait without a runtime.
    gate: Mutex<()>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Reached {
    durable: u64,
    failure: Option<String>,
}

impl Ticket {
    /// Waits until the commit is on disk. Works on any runtime.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] when writing failed before the commit was on disk. It may be there
    /// after a restart or not, but never in part.
    pub async fn durable(self) -> Result<(), StoreError> {
        let mut reached = self.progress.reached.subscribe();
        let outcome = reached
            .wait_for(|reached| reached.outcome(self.sequence).is_some())
            .await
            .ok()
            .and_then(|reached| reached.outcome(self.sequence));
        outcome.unwrap_or_else(|| Err(poisoned("the store was closed")))
    }

    /// Blocks the thread until the commit is on disk; not for async code.
    ///
    /// # Errors
    /// As for [`Ticket::durable`].
    pub fn wait(self) -> Result<(), StoreError> {
        let progress = &self.progress;
        let mut gate = progress.gate.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = progress.reached.borrow().outcome(self.sequence) {
                return outcome;
            }
            gate = progress
                .changed
                .wait(gate)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Progress {
    pub(in crate::store) fn new() -> Arc<Self> {
        Arc::new(Self {
            reached: watch::Sender::new(Reached::default()),
            gate: Mutex::new(()),
            changed: Condvar::new(),
        })
    }

    /// The ticket of the commit with this number.
    pub(in crate::store) fn ticket(self: &Arc<Self>, sequence: u64) -> Ticket {
        Ticket {
            progress: Arc::clone(self),
            sequence,
        }
    }

    /// Says that all commits up to this number are on disk. A failed store stays failed.
    pub(in crate::store) fn durable(&self, sequence: u64) {
        self.publish(|reached| {
            if reached.failure.is_none() {
                reached.durable = reached.durable.max(sequence);
            }
        });
    }

    /// Says that nothing more will get to disk. The first failure is the one that is told.
    pub(in crate::store) fn fail(&self, cause: &str) {
        self.publish(|reached| {
            reached.failure.get_or_insert_with(|| cause.to_owned());
        });
    }

    /// An error once the store failed.
    pub(in crate::store) fn healthy(&self) -> Result<(), StoreError> {
        match &self.reached.borrow().failure {
            Some(cause) => Err(poisoned(cause)),
            None => Ok(()),
        }
    }

    fn publish(&self, change: impl FnOnce(&mut Reached)) {
        self.reached.send_modify(change);
        // Taken between a waiter's look and its sleep, this lock keeps the wake-up from being lost.
        drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

impl Reached {
    fn outcome(&self, sequence: u64) -> Option<Result<(), StoreError>> {
        if self.durable >= sequence {
            return Some(Ok(()));
        }
        self.failure.as_ref().map(|cause| Err(poisoned(cause)))
    }
}

fn poisoned(cause: &str) -> StoreError {
    StoreError::Poisoned {
        cause: cause.to_owned(),
    }
}
