//! Budgets that refill evenly, one a key, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;

use jiff::Timestamp;

/// Keys that are kept of one kind. A key is there only while it has spent something.
const MAX_KEYS: usize = 65_536;

/// How large a budget is, and how fast it refills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// Misses; 0 is no limit.
    pub(super) capacity: u32,
    /// Seconds until a used-up budget is whole again.
    pub(super) refill: u32,
}

/// What a key had spent at a moment. One miss counts as many units as the refill has seconds, and
/// each second gives back as many as the budget has misses: so all numbers are whole.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    spent: u64,
    at: i64,
}

impl Rate {
    fn miss(self) -> u64 {
        u64::from(self.refill)
    }

    fn whole(self) -> u64 {
        u64::from(self.capacity) * u64::from(self.refill)
    }

    /// What is spent of a budget now.
    fn spent(self, bucket: Bucket, now: i64) -> u64 {
        let passed = u64::try_from(now.saturating_sub(bucket.at)).unwrap_or(0);
        bucket
            .spent
            .saturating_sub(passed.saturating_mul(u64::from(self.capacity)))
    }

    /// Seconds until there is room for one miss.
    fn wait(self, spent: u64) -> u64 {
        let over = (spent + self.miss()).saturating_sub(self.whole());
        over.div_ceil(u64::from(self.capacity.max(1)))
    }
}

/// The budgets of all keys of one kind.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    rate: Rate,
    spent: HashMap<K, Bucket>,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            spent: HashMap::new(),
        }
    }

    /// How large each budget is; 0 is no limit.
    pub(super) fn capacity(&self) -> u32 {
        self.rate.capacity
    }

    /// When a key has room for a miss again; `None`: it has room now.
    pub(super) fn used_up_until(&self, key: K, now: Timestamp) -> Option<Timestamp> {
        let bucket = *self.spent.get(&key)?;
        self.until(bucket, now)
    }

    fn until(&self, bucket: Bucket, now: Timestamp) -> Option<Timestamp> {
        if self.rate.capacity == 0 {
            return None;
        }
        let now = now.as_second();
        let wait = self.rate.wait(self.rate.spent(bucket, now));
        let until = now.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX));
        (wait > 0).then(|| Timestamp::from_second(until).unwrap_or(Timestamp::MAX))
    }

    /// Takes one miss from a key's budget, which has room for it.
    pub(super) fn spend(&mut self, key: K, now: Timestamp) {
        let miss = self.rate.miss();
        self.put(key, now, |spent| spent.saturating_add(miss));
    }

    /// Takes all that is left of a key's budget.
    pub(super) fn use_up(&mut self, key: K, now: Timestamp) {
        let whole = self.rate.whole();
        self.put(key, now, |_| whole);
    }

    fn put(&mut self, key: K, now: Timestamp, change: impl FnOnce(u64) -> u64) {
        if self.rate.capacity == 0 {
            return;
        }
        if self.spent.len() >= MAX_KEYS && !self.spent.contains_key(&key) {
            self.make_room(now);
        }
        let (rate, at) = (self.rate, now.as_second());
        let bucket = self.spent.entry(key).or_insert(Bucket { spent: 0, at });
        let spent = change(rate.spent(*bucket, at)).min(rate.whole());
        *bucket = Bucket { spent, at };
    }

    /// Forgets whoever has spent least, half of all: a source that has used up its budget can't get
    /// rid of that by asking from elsewhere, unless it uses up as many others as are kept.
    fn make_room(&mut self, now: Timestamp) {
        let (rate, now) = (self.rate, now.as_second());
        let mut spent: Vec<u64> = self
            .spent
            .values()
            .map(|bucket| rate.spent(*bucket, now))
            .collect();
        let half = spent.len() / 2;
        let (_, median, _) = spent.select_nth_unstable(half);
        let (median, mut to_go) = (*median, half);
        self.spent.retain(|_, bucket| {
            let goes = to_go > 0 && rate.spent(*bucket, now) <= median;
            to_go -= usize::from(goes);
            !goes
        });
    }

    /// Gives a key its whole budget back; whether anything was spent.
    pub(super) fn give_back(&mut self, key: K) -> bool {
        self.spent.remove(&key).is_some()
    }

    /// Gives everyone the whole budget back; how many had none left.
    pub(super) fn give_all_back(&mut self, now: Timestamp) -> usize {
        let used_up = self.used_up(now).count();
        self.spent.clear();
        used_up
    }

    /// Keys without room for a miss, and when they have some again.
    pub(super) fn used_up(&self, now: Timestamp) -> impl Iterator<Item = (K, Timestamp)> + '_ {
        let until = move |(key, bucket): (&K, &Bucket)| Some((*key, self.until(*bucket, now)?));
        self.spent.iter().filter_map(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn buckets<K: Copy + Eq + Hash>(capacity: u32, refill: u32) -> Buckets<K> {
        Buckets::new(Rate { capacity, refill })
    }

    #[test]
    fn a_budget_is_used_up_by_as_many_misses_as_it_has_and_refills_evenly() {
        let mut buckets = buckets(3, 600);
        for _ in 0..3 {
            assert_eq!(buckets.used_up_until("a", at(0)), None);
            buckets.spend("a", at(0));
        }
        assert_eq!(buckets.used_up_until("a", at(0)), Some(at(200)));
        assert_eq!(buckets.used_up_until("a", at(199)), Some(at(200)));
        assert_eq!(buckets.used_up_until("a", at(200)), None);
        assert_eq!(buckets.used_up_until("b", at(0)), None);
        buckets.spend("a", at(200));
        assert_eq!(buckets.used_up_until("a", at(200)), Some(at(400)));
        // It is whole after the refill, and not more than whole after ten of them.
        for _ in 0..3 {
            assert_eq!(buckets.used_up_until("a", at(6_000)), None);
            buckets.spend("a", at(6_000));
        }
        assert_eq!(buckets.used_up_until("a", at(6_000)), Some(at(6_200)));
        // A clock that is set back gives nothing.
        assert_eq!(buckets.used_up_until("a", at(0)), Some(at(200)));
    }

    #[test]
    fn all_of_a_budget_can_go_at_once_and_come_back() {
        let mut buckets = buckets(10, 100);
        buckets.use_up("a", at(0));
        assert_eq!(buckets.used_up(at(0)).collect::<Vec<_>>(), [("a", at(10))]);
        assert!(buckets.give_back("a") && !buckets.give_back("a"));
        assert_eq!(buckets.used_up_until("a", at(0)), None);
        buckets.use_up("a", at(0));
        assert_eq!(buckets.give_all_back(at(0)), 1);
        assert_eq!(buckets.used_up(at(0)).count(), 0);
    }

    #[test]
    fn without_a_limit_nothing_is_ever_used_up() {
        let mut buckets = buckets(0, 100);
        for _ in 0..1_000 {
            buckets.spend("a", at(0));
        }
        buckets.use_up("a", at(0));
        assert_eq!(buckets.used_up_until("a", at(0)), None);
        assert!(buckets.spent.is_empty());
    }

    #[test]
    fn a_used_up_budget_is_not_forgotten_for_many_that_are_hardly_touched() {
        let mut buckets = buckets(2, 1_000_000);
        buckets.spend(u32::MAX, at(0));
        buckets.spend(u32::MAX, at(0));
        for key in 0..200_000 {
            buckets.spend(key, at(1));
        }
        assert!(buckets.spent.len() <= MAX_KEYS);
        assert!(buckets.used_up_until(u32::MAX, at(1)).is_some());
    }
}
