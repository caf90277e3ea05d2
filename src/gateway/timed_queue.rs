//! A queue of keys, each due at a moment: one small entry in memory per waiting key, no task.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::clock::Clock;
use super::due_heap::DueHeap;

/// Keys that become due. A key stands in the queue once at most. Keys that are due at the same
/// moment come in their own order.
///
/// Moments are kept to the microsecond: a key is never due before the moment that was asked for,
/// and less than a microsecond after it.
#[derive(Debug)]
pub(super) struct TimedQueue<K> {
    entries: Mutex<DueHeap<K>>,
    earlier: Notify,
}

impl<K: Copy + Ord + Hash> TimedQueue<K> {
    pub(super) fn new() -> Self {
        Self {
            entries: Mutex::new(DueHeap::default()),
            earlier: Notify::new(),
        }
    }

    /// Sets the moment at which a key is due, in place of any other.
    pub(super) fn arm(&self, key: K, due: Timestamp) {
        let is_first = self.lock().set(key, microseconds(due));
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Sets the moment unless the key is due earlier already.
    pub(super) fn arm_no_later(&self, key: K, due: Timestamp) {
        let due = microseconds(due);
        let is_first = {
            let mut entries = self.lock();
            entries.due(&key).is_none_or(|present| due < present) && entries.set(key, due)
        };
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Takes a key out.
    pub(super) fn disarm(&self, key: &K) {
        self.lock().remove(key);
    }

    /// Takes out a key that is due, if there is one.
    pub(super) fn take_due(&self, now: Timestamp) -> Option<K> {
        let mut entries = self.lock();
        let (due, key) = entries.first()?;
        if moment(due) > now {
            return None;
        }
        entries.remove(&key);
        Some(key)
    }

    /// How many keys wait.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// When a key is due.
    pub(super) fn due(&self, key: &K) -> Option<Timestamp> {
        self.lock().due(key).map(moment)
    }

    /// Waits until a key is due, and takes it out.
    pub(super) async fn next(&self, clock: &dyn Clock) -> K {
        loop {
            let now = clock.now();
            if let Some(key) = self.take_due(now) {
                return key;
            }
            let first = self.lock().first();
            match first {
                None => self.earlier.notified().await,
                Some((due, _)) => {
                    // A clock that is set back may make the wait long: look again every minute.
                    let wait = Duration::try_from(moment(due).duration_since(now))
                        .unwrap_or(Duration::ZERO);
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

    fn lock(&self) -> MutexGuard<'_, DueHeap<K>> {
        // No code that can panic runs under this lock.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first whole microsecond that is not before a moment.
fn microseconds(due: Timestamp) -> i64 {
    let is_whole = due.subsec_nanosecond() % 1_000 == 0;
    let floor = due.as_nanosecond().div_euclid(1_000);
    let floor = i64::try_from(floor).unwrap_or(i64::MAX);
    floor.saturating_add(i64::from(!is_whole))
}

fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

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

    #[test]
    fn a_key_is_not_due_before_its_moment() {
        let queue = TimedQueue::new();
        let due = Timestamp::new(7, 1_500).unwrap();
        queue.arm('a', due);
        assert_eq!(queue.take_due(due), None);
        assert_eq!(queue.take_due(Timestamp::new(7, 2_000).unwrap()), Some('a'));
        for extreme in [Timestamp::MIN, Timestamp::MAX] {
            queue.arm('a', extreme);
            assert_eq!(queue.due(&'a'), Some(extreme));
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Arm(u8, i64),
        ArmNoLater(u8, i64),
        Disarm(u8),
        Take(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..40_u8, 0..20_i64).prop_map(|(key, due)| Step::Arm(key, due)),
            (0..40_u8, 0..20_i64).prop_map(|(key, due)| Step::ArmNoLater(key, due)),
            (0..40_u8).prop_map(Step::Disarm),
            (0..20_i64).prop_map(Step::Take),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_a_sorted_list_does(steps in prop::collection::vec(step(), 0..300)) {
            let queue = TimedQueue::new();
            let mut model: BTreeMap<u8, i64> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Arm(key, due) => {
                        queue.arm(key, at(due));
                        model.insert(key, due);
                    }
                    Step::ArmNoLater(key, due) => {
                        queue.arm_no_later(key, at(due));
                        let present = model.entry(key).or_insert(due);
                        *present = due.min(*present);
                    }
                    Step::Disarm(key) => {
                        queue.disarm(&key);
                        model.remove(&key);
                    }
                    Step::Take(now) => {
                        let first = model.iter().map(|(key, due)| (*due, *key)).min();
                        let due = first.filter(|(due, _)| *due <= now).map(|(_, key)| key);
                        prop_assert_eq!(queue.take_due(at(now)), due);
                        if let Some(key) = due {
                            model.remove(&key);
                        }
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                for (key, due) in &model {
                    prop_assert_eq!(queue.due(key), Some(at(*due)));
                }
            }
        }
    }
}
