//! How many sessions one ACS gets per second, and how it is spared while it is in trouble.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use crate::gateway::Urgency;

/// Share of the full rate that an ACS in trouble gets at least.
const LEAST_SHARE: f64 = 0.125;
/// Of the full rate so much comes back with each second in which sessions end well: from the least
/// share it takes about a minute.
const RECOVERY: f64 = 1.0 / 64.0;
/// What one session counts in the running share of those that fail: about the last sixteen count.
const WEIGHT: f64 = 1.0 / 16.0;
/// The share of failing sessions from which on an ACS is in trouble.
const TROUBLE: f64 = 0.5;
/// The rate changes once in this time at most: sessions that were under way together count once.
const STEP: Duration = Duration::from_secs(1);
/// The longest that one answer can hold back routine sessions of the fleet. A device that was asked
/// to wait longer does so itself.
const LONGEST_HOLD: Duration = Duration::from_secs(300);

/// How a session ended, as far as it tells how the ACS does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Well.
    Good,
    /// The ACS has said when it wants to be asked again.
    Busy(Duration),
    /// Otherwise.
    Failed,
}

/// What has changed by a verdict: for the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// It gets fewer sessions, so many per second.
    Slower(f64),
    /// It gets all of them again.
    Full,
}

/// The pace towards one ACS. It knows no clock: moments are arguments.
#[derive(Debug)]
pub(super) struct Pace {
    full: f64,
    /// All sessions together.
    all: Bucket,
    /// Those of devices that have not failed: fewer while the ACS is in trouble. The others wait by
    /// their retry policies already.
    fresh: Bucket,
    /// Share of the last sessions that failed.
    failing: f64,
    stepped_at: Timestamp,
    /// Until then no routine session begins.
    held_until: Timestamp,
}

#[derive(Debug)]
struct Bucket {
    /// Tokens per second; a second's tokens is also the most that it holds, and one at least.
    rate: f64,
    tokens: f64,
    filled_at: Timestamp,
}

impl Pace {
    pub(super) fn new(per_second: NonZeroU32, now: Timestamp) -> Self {
        let full = f64::from(per_second.get());
        Self {
            full,
            all: Bucket::full(full, now),
            fresh: Bucket::full(full, now),
            failing: 0.0,
            stepped_at: now,
            held_until: Timestamp::MIN,
        }
    }

    /// Begins a session if one may begin now; else says how long that will take at least.
    pub(super) fn begin(&mut self, urgency: Urgency, now: Timestamp) -> Result<(), Duration> {
        self.all.fill(now);
        self.fresh.fill(now);
        let is_fresh = matches!(urgency, Urgency::Routine | Urgency::News);
        let wait = match urgency {
            // It is counted, so that others make up for it.
            Urgency::Wake => Duration::ZERO,
            Urgency::Retry => self.all.wait(),
            Urgency::News => self.all.wait().max(self.fresh.wait()),
            Urgency::Routine => {
                let hold = Duration::try_from(self.held_until.duration_since(now));
                let hold = hold.unwrap_or(Duration::ZERO);
                self.all.wait().max(self.fresh.wait()).max(hold)
            }
        };
        if wait > Duration::ZERO {
            return Err(wait);
        }
        self.all.take();
        if is_fresh {
            self.fresh.take();
        }
        Ok(())
    }

    /// A session has ended.
    pub(super) fn ended(&mut self, verdict: Verdict, now: Timestamp) -> Option<Change> {
        let is_good = verdict == Verdict::Good;
        self.failing += WEIGHT * (f64::from(u8::from(!is_good)) - self.failing);
        let is_in_trouble = self.failing > TROUBLE;
        if let Verdict::Busy(wait) = verdict
            && is_in_trouble
        {
            let until = now.saturating_add(wait.min(LONGEST_HOLD));
            self.held_until = self.held_until.max(until.unwrap_or(now));
        }
        let passed = now.duration_since(self.stepped_at);
        if passed.unsigned_abs() < STEP {
            return None;
        }
        if is_in_trouble && !is_good {
            let rate = (self.fresh.rate / 2.0).max(self.full * LEAST_SHARE);
            return self.step(rate, now).then_some(Change::Slower(rate));
        }
        if is_good && !is_in_trouble {
            let rate = (self.fresh.rate + self.full * RECOVERY).min(self.full);
            let is_full = self.step(rate, now) && rate >= self.full;
            return is_full.then_some(Change::Full);
        }
        None
    }

    fn step(&mut self, rate: f64, now: Timestamp) -> bool {
        let is_another = (rate - self.fresh.rate).abs() > f64::EPSILON;
        if is_another {
            self.fresh.rate = rate;
            self.stepped_at = now;
        }
        is_another
    }
}

impl Bucket {
    fn full(rate: f64, now: Timestamp) -> Self {
        Self {
            rate,
            tokens: rate,
            filled_at: now,
        }
    }

    /// A clock that is set back brings nothing, and takes nothing away.
    fn fill(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.filled_at).as_secs_f64().max(0.0);
        self.filled_at = now;
        self.tokens = (self.tokens + passed * self.rate).min(self.rate.max(1.0));
    }

    /// Until there is a token.
    fn wait(&self) -> Duration {
        let missing = (1.0 - self.tokens).max(0.0);
        // The sum of many parts of tokens is not exact.
        if missing < 1e-6 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(missing / self.rate).unwrap_or(STEP)
    }

    /// Debts of a second at most: what has to begin at once must not stop the rest for long.
    fn take(&mut self) {
        self.tokens = (self.tokens - 1.0).max(-self.rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    fn pace(per_second: u32) -> Pace {
        Pace::new(NonZeroU32::new(per_second).unwrap(), at(0))
    }

    /// Sessions that begin in a second of which one is due at each millisecond.
    fn begun(pace: &mut Pace, urgency: Urgency, second: i64) -> usize {
        (0..1_000)
            .filter(|millisecond| {
                pace.begin(urgency, at(1_000 * second + millisecond))
                    .is_ok()
            })
            .count()
    }

    #[test]
    fn so_many_begin_in_a_second_after_a_burst() {
        let mut pace = pace(200);
        assert!((395..=400).contains(&begun(&mut pace, Urgency::Routine, 0)));
        for second in 1..5 {
            let count = begun(&mut pace, Urgency::Routine, second);
            assert!((198..=201).contains(&count), "{count} in second {second}");
        }
        let waits = (0..2).filter_map(|_| pace.begin(Urgency::News, at(5_000)).err());
        let wait = waits.last().unwrap();
        assert!(wait <= Duration::from_millis(5), "{wait:?}");
    }

    #[test]
    fn what_the_acs_asks_for_never_waits_and_others_make_up_for_it() {
        let mut pace = pace(10);
        while pace.begin(Urgency::Routine, at(0)).is_ok() {}
        for _ in 0..5 {
            assert_eq!(pace.begin(Urgency::Wake, at(0)), Ok(()));
        }
        assert!(pace.begin(Urgency::Routine, at(500)).is_err());
        assert!(pace.begin(Urgency::Routine, at(650)).is_ok());
    }

    #[test]
    fn one_device_that_fails_slows_nobody() {
        let mut pace = pace(200);
        for second in 0..100 {
            let verdict = if second % 3 == 0 {
                Verdict::Failed
            } else {
                Verdict::Good
            };
            assert_eq!(pace.ended(verdict, at(1_000 * second)), None);
        }
    }

    #[test]
    fn an_acs_in_trouble_gets_fewer_and_comes_back_step_by_step() {
        let mut pace = pace(160);
        let mut now = 0;
        for _ in 0..20 {
            for _ in 0..16 {
                pace.ended(Verdict::Failed, at(now));
            }
            now += 1_000;
        }
        let second = now / 1_000;
        begun(&mut pace, Urgency::Routine, second);
        let slow = begun(&mut pace, Urgency::Routine, second + 1);
        assert!((19..=21).contains(&slow), "an eighth: {slow}");
        let retries = begun(&mut pace, Urgency::Retry, second + 2);
        assert!(
            retries >= 138,
            "retries wait by their own policy: {retries}"
        );
        now += 3_000;
        let mut seconds = 0;
        let mut before = 20.0;
        loop {
            let changes: Vec<Change> = (0..16)
                .filter_map(|_| pace.ended(Verdict::Good, at(now)))
                .collect();
            assert!(pace.fresh.rate >= before && pace.fresh.rate - before <= 2.6);
            before = pace.fresh.rate;
            seconds += 1;
            now += 1_000;
            if changes.contains(&Change::Full) {
                break;
            }
        }
        assert!((50..=70).contains(&seconds), "{seconds} s");
    }

    #[test]
    fn a_busy_acs_is_left_alone_as_long_as_it_says_and_no_longer_than_that() {
        let mut pace = pace(100);
        let wait = Duration::from_secs(60);
        assert_eq!(pace.ended(Verdict::Busy(wait), at(0)), None);
        assert!(
            pace.begin(Urgency::Routine, at(0)).is_ok(),
            "it was one device"
        );
        for _ in 0..20 {
            pace.ended(Verdict::Busy(wait), at(0));
        }
        assert_eq!(
            pace.begin(Urgency::Routine, at(1_000)),
            Err(Duration::from_secs(59))
        );
        assert!(pace.begin(Urgency::News, at(1_000)).is_ok());
        assert!(pace.begin(Urgency::Wake, at(1_000)).is_ok());
        assert!(pace.begin(Urgency::Routine, at(60_000)).is_ok());
        for _ in 0..20 {
            pace.ended(Verdict::Busy(Duration::MAX), at(100_000));
        }
        assert!(pace.begin(Urgency::Routine, at(401_000)).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut pace = pace(1);
        assert!(pace.begin(Urgency::News, at(100_000)).is_ok());
        assert!(pace.begin(Urgency::News, at(50_000)).is_err());
        assert!(pace.begin(Urgency::News, at(51_000)).is_ok());
    }
}
