//! A queue of what is due with one ACS.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Things in the order in which they fell due, each once at most, for one taker.
#[derive(Debug)]
pub(super) struct Lane<T> {
    waiting: Mutex<Waiting<T>>,
    added: Notify,
}

#[derive(Debug)]
struct Waiting<T> {
    order: VecDeque<T>,
    all: HashSet<T>,
}

impl<T: Copy + Eq + Hash> Lane<T> {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                order: VecDeque::new(),
                all: HashSet::new(),
            }),
            added: Notify::new(),
        }
    }

    /// Adds something unless it waits already.
    pub(super) fn add(&self, one: T) {
        {
            let mut waiting = self.lock();
            if !waiting.all.insert(one) {
                return;
            }
            waiting.order.push_back(one);
        }
        self.added.notify_one();
    }

    /// Waits for the next one, and takes it.
    pub(super) async fn next(&self) -> T {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(one) = waiting.order.pop_front() {
                    waiting.all.remove(&one);
                    return one;
                }
            }
            self.added.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        // No code that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_already_is_not_added_again() {
        let lane = Lane::new();
        for one in ['b', 'a', 'b'] {
            lane.add(one);
        }
        assert_eq!((lane.next().await, lane.next().await), ('b', 'a'));
        lane.add('b');
        assert_eq!(lane.next().await, 'b');
    }

    #[tokio::test]
    async fn a_taker_that_waits_gets_what_is_added() {
        let lane = std::sync::Arc::new(Lane::new());
        let taker = tokio::spawn({
            let lane = std::sync::Arc::clone(&lane);
            async move { lane.next().await }
        });
        tokio::task::yield_now().await;
        lane.add(7);
        assert_eq!(taker.await.unwrap(), 7);
    }
}
