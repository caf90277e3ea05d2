//! A queue of keys, each due at a moment: one entry in memory per waiting key, no task.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::clock::Clock;

/// Keys that become due. A key stands in the queue once at most.
#[derive(Debug)]
pub(super) struct TimedQueue<K> {
    entries: Mutex<Entries<K>>,
    earlier: Notify,
}

#[derive(Debug)]
struct Entries<K> {
    order: BTreeSet<(Timestamp, K)>,
    due: HashMap<K, Timestamp>,
}

impl<K: Copy + Ord + Hash> TimedQueue<K> {
    pub(super) fn new() -> Self {
        Self {
            entries: Mutex::new(Entries {
                order: BTreeSet::new(),
                due: HashMap::new(),
            }),
            earlier: Notify::new(),
        }
    }

    /// Sets the moment at which a key is due, in place of any other.
    pub(super) fn arm(&self, key: K, due: Timestamp) {
        let is_first = {
            let mut entries = self.lock();
            if let Some(old) = entries.due.insert(key, due) {
                entries.order.remove(&(old, key));
            }
            entries.order.insert((due, key));
            entries.order.first() == Some(&(due, key))
        };
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Sets the moment unless the key is due earlier already.
    pub(super) fn arm_no_later(&self, key: K, due: Timestamp) {
        if self.due(&key).is_none_or(|present| due < present) {
            self.arm(key, due);
        }
    }

    /// Takes a key out.
    pub(super) fn disarm(&self, key: &K) {
        let mut entries = self.lock();
        if let Some(due) = entries.due.remove(key) {
            entries.order.remove(&(due, *key));
        }
    }

    /// Takes out a key that is due, if there is one.
    pub(super) fn take_due(&self, now: Timestamp) -> Option<K> {
        let mut entries = self.lock();
        let (due, key) = entries.order.first().copied()?;
        if due > now {
            return None;
        }
        entries.order.pop_first();
        entries.due.remove(&key);
        Some(key)
    }

    /// How many keys wait.
    pub(super) fn len(&self) -> usize {
        self.lock().due.len()
    }

    /// When a key is due.
    pub(super) fn due(&self, key: &K) -> Option<Timestamp> {
        self.lock().due.get(key).copied()
    }

    /// Waits until a key is due, and takes it out.
    pub(super) async fn next(&self, clock: &dyn Clock) -> K {
        loop {
            let now = clock.now();
            if let Some(key) = self.take_due(now) {
                return key;
            }
            let first = {
                let entries = self.lock();
                entries.order.first().copied()
            };
            match first {
                None => self.earlier.notified().await,
                Some((due, _)) => {
                    // A clock that is set back may make the wait long: look again every minute.
                    let wait =
                        Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO);
                    let wait = clock
                        .sleep_for(wait)
                        .clamp(Duration::from_millis(1), Duration::from_secs(60));
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.earlier.notified() => {}
                    }
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries<K>> {
        // No code that can panic runs under this lock.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Timestamp);

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn keys_come_in_the_order_in_which_they_are_due() {
        let queue = TimedQueue::new();
        queue.arm('b', at(20));
        queue.arm('a', at(30));
        queue.arm('c', at(10));
        queue.arm('a', at(5));
        queue.arm_no_later('c', at(15));
        let clock = Fixed(at(100));
        assert_eq!(queue.next(&clock).await, 'a');
        assert_eq!(queue.next(&clock).await, 'c');
        assert_eq!(queue.next(&clock).await, 'b');
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_armed_while_someone_waits_is_seen() {
        let queue = std::sync::Arc::new(TimedQueue::new());
        queue.arm('z', at(1_000));
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.next(&Fixed(at(100))).await }
        });
        tokio::task::yield_now().await;
        queue.arm('a', at(50));
        assert_eq!(waiting.await.unwrap(), 'a');
        assert_eq!(queue.due(&'z'), Some(at(1_000)));
    }
}
