//! A server that does not answer is left alone for a while, so that nobody waits for it.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which the server is left alone.
const PATIENCE: u32 = 2;
/// For how long, at first.
const FIRST_REST: Duration = Duration::from_secs(1);
/// And at most: each failed try doubles it.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Says whether a server may be asked.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Until then nobody asks; whoever comes first after it tries for all.
    resting_until: Option<Instant>,
}

impl Breaker {
    /// Whether nobody asks now.
    pub(super) fn is_resting(&self, now: Instant) -> bool {
        self.resting_until.is_some_and(|until| now < until)
    }

    /// Whether to ask now. After a rest it is yes for one, and no for the others until its outcome
    /// is known or as long a time has passed again.
    pub(super) fn may_ask(&mut self, now: Instant) -> bool {
        match self.resting_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.resting_until = Some(now + self.rest());
                true
            }
        }
    }

    /// It has answered; whether that is news.
    pub(super) fn answered(&mut self) -> bool {
        let was_resting = self.resting_until.take().is_some();
        self.failures = 0;
        was_resting
    }

    /// It has not; the rest that begins, if that is news.
    pub(super) fn failed(&mut self, now: Instant) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if self.failures < PATIENCE {
            return None;
        }
        let is_news = self.resting_until.is_none();
        self.resting_until = Some(now + self.rest());
        is_news.then(|| self.rest())
    }

    fn rest(&self) -> Duration {
        let doublings = self.failures.saturating_sub(PATIENCE).min(16);
        let rest = FIRST_REST.saturating_mul(1 << doublings);
        rest.min(LONGEST_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_server_rests_longer_and_longer_and_one_tries_for_all() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(breaker.may_ask(start));
        assert_eq!(breaker.failed(start), None, "one failure is none");
        assert!(breaker.may_ask(start));
        assert_eq!(breaker.failed(start), Some(FIRST_REST));
        assert!(!breaker.may_ask(start));
        assert!(breaker.may_ask(after(1)), "one tries");
        assert!(!breaker.may_ask(after(1)), "the others don't wait");
        assert_eq!(breaker.failed(after(1)), None, "known already");
        assert!(!breaker.may_ask(after(2)));
        assert!(breaker.may_ask(after(3)));
        for _ in 0..20 {
            breaker.failed(after(3));
        }
        assert!(!breaker.may_ask(after(62)));
        assert!(breaker.may_ask(after(63)));
        assert!(breaker.answered());
        assert!(breaker.may_ask(after(63)) && breaker.may_ask(after(63)));
        assert!(!breaker.answered());
    }

    #[test]
    fn a_try_whose_end_is_never_told_does_not_close_the_way_for_good() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        breaker.failed(start);
        breaker.failed(start);
        assert!(breaker.may_ask(start + FIRST_REST));
        assert!(breaker.may_ask(start + FIRST_REST * 2));
    }
}
