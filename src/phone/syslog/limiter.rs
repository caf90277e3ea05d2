//! How many lines a source may send.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Sources that are counted one by one. Beyond them all further ones share one count.
const MAX_SOURCES: usize = 16_384;
/// Seconds' worth of lines that a source may send at once: phones are silent for long, and have
/// much to say when they boot.
const BURST_SECONDS: f64 = 10.0;
/// How often sources that have been silent are forgotten, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The counts of all sources, in memory that does not grow.
#[derive(Debug)]
pub(super) struct Limiter {
    per_second: f64,
    sources: HashMap<IpAddr, Count>,
    further: Count,
    swept_at: Instant,
}

/// What a source may still send.
#[derive(Debug, Clone, Copy)]
struct Count {
    left: f64,
    at: Instant,
}

impl Count {
    fn take(&mut self, per_second: f64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * per_second).min(per_second * BURST_SECONDS);
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }

    fn is_full_again(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at).as_secs_f64() >= BURST_SECONDS
    }
}

impl Limiter {
    /// Each source may send so many lines a second.
    pub(super) fn new(per_second: NonZeroU32, now: Instant) -> Self {
        let per_second = f64::from(per_second.get());
        Self {
            per_second,
            sources: HashMap::with_capacity(MAX_SOURCES),
            further: Count {
                left: per_second * BURST_SECONDS,
                at: now,
            },
            swept_at: now,
        }
    }

    /// Whether a source may send a line now. Nothing is allocated.
    pub(super) fn admits(&mut self, source: IpAddr, now: Instant) -> bool {
        if let Some(count) = self.sources.get_mut(&source) {
            return count.take(self.per_second, now);
        }
        if self.sources.len() >= MAX_SOURCES {
            if now.saturating_duration_since(self.swept_at) >= SWEEP_EVERY {
                self.swept_at = now;
                self.sources.retain(|_, count| !count.is_full_again(now));
            }
            if self.sources.len() >= MAX_SOURCES {
                return self.further.take(self.per_second, now);
            }
        }
        let mut count = Count {
            left: self.per_second * BURST_SECONDS,
            at: now,
        };
        let admitted = count.take(self.per_second, now);
        self.sources.insert(source, count);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limiter: &mut Limiter, source: u32, now: Instant, tries: usize) -> usize {
        let source = IpAddr::from(source.to_be_bytes());
        (0..tries).filter(|_| limiter.admits(source, now)).count()
    }

    #[test]
    fn a_source_is_cut_to_its_rate_and_the_others_are_not_touched() {
        let start = tokio::time::Instant::now().into_std();
        let mut limiter = Limiter::new(NonZeroU32::new(5).unwrap(), start);
        assert_eq!(admitted(&mut limiter, 1, start, 1000), 50);
        assert_eq!(admitted(&mut limiter, 2, start, 10), 10);
        let later = start + Duration::from_secs(2);
        assert_eq!(admitted(&mut limiter, 1, later, 1000), 10);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(admitted(&mut limiter, 1, much_later, 1000), 50);
    }

    #[test]
    fn made_up_sources_share_a_count_and_are_forgotten() {
        let start = tokio::time::Instant::now().into_std();
        let mut limiter = Limiter::new(NonZeroU32::MIN, start);
        let capacity = limiter.sources.capacity();
        let admitted_in_all: usize = (0..100_000)
            .map(|source| admitted(&mut limiter, source, start, 1))
            .sum();
        assert_eq!(admitted_in_all, MAX_SOURCES + 10);
        assert_eq!(limiter.sources.capacity(), capacity);
        let later = start + Duration::from_secs(11);
        assert_eq!(admitted(&mut limiter, 200_000, later, 100), 10);
        assert_eq!(limiter.sources.len(), 1);
    }
}
