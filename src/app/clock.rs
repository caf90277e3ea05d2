//! The system's clock: the one place that reads it.

use std::num::NonZeroU16;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::gateway::Clock;

/// The clock of the system, or, for rehearsals and tests, one that has run faster since a moment.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    /// When this clock and the system's said the same.
    since: Timestamp,
    speed: NonZeroU16,
}

impl SystemClock {
    /// A clock that runs so many times as fast as the system's from `since` on; `None`: from now.
    ///
    /// With the same `since` after a restart it goes on where it would have been, so that nothing
    /// that is stored lies in its future.
    pub fn hastened(speed: NonZeroU16, since: Option<Timestamp>) -> Self {
        Self {
            since: since.unwrap_or_else(system_now),
            speed,
        }
    }

    /// How often it ticks for each tick of the system's clock.
    pub fn speed(&self) -> NonZeroU16 {
        self.speed
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::hastened(NonZeroU16::MIN, None)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = system_now();
        if self.speed == NonZeroU16::MIN {
            return now;
        }
        let passed = now.duration_since(self.since);
        let passed = passed.saturating_mul(i32::from(self.speed.get()));
        self.since.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }

    fn sleep_for(&self, span: Duration) -> Duration {
        span / u32::from(self.speed.get())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "everyone else gets the time from here"
)]
fn system_now() -> Timestamp {
    static STEADY: Mutex<Steady> = Mutex::new(Steady { told: None });
    let mut steady = STEADY.lock().unwrap_or_else(PoisonError::into_inner);
    steady.tell(Timestamp::now(), Instant::now())
}

/// Time that does not go back: what is due in an hour would be due much later otherwise when the
/// system's clock is set back, and periodic Informs would stop for so long.
///
/// A clock that is set back is followed again once it has caught up, and after a restart.
#[derive(Debug)]
struct Steady {
    /// What was told last, and when.
    told: Option<(Timestamp, Instant)>,
}

impl Steady {
    /// The time to tell when the system's clock says `wall`. `now` is the time of a clock that
    /// nobody sets.
    fn tell(&mut self, wall: Timestamp, now: Instant) -> Timestamp {
        let time = match self.told {
            Some((told, at)) if wall < told => {
                let passed = now.saturating_duration_since(at);
                told.checked_add(passed).unwrap_or(told)
            }
            _ => wall,
        };
        self.told = Some((time, now));
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn time_goes_on_when_the_clock_is_set_back_and_follows_it_again_later() {
        let (wall, began) = (Timestamp::from_second(1_000_000).unwrap(), Instant::now());
        let hours = |hours| SignedDuration::from_hours(hours);
        let seconds = Duration::from_secs;
        let mut steady = Steady { told: None };
        assert_eq!(steady.tell(wall, began), wall);
        let back = wall - hours(3);
        assert_eq!(
            steady.tell(back, began + seconds(2)),
            wall + SignedDuration::from_secs(2)
        );
        assert_eq!(
            steady.tell(back, began + seconds(5)),
            wall + SignedDuration::from_secs(5)
        );
        let ahead = wall + hours(1);
        assert_eq!(steady.tell(ahead, began + seconds(6)), ahead);
    }

    #[test]
    fn a_hastened_clock_is_as_far_ahead_as_its_speed_says() {
        let speed = NonZeroU16::new(100).unwrap();
        let since = system_now() - SignedDuration::from_secs(60);
        let ahead = SystemClock::hastened(speed, Some(since)).now();
        let due = since + SignedDuration::from_secs(6_000);
        assert!(
            (ahead.as_second() - due.as_second()).abs() <= 600,
            "{ahead}"
        );
        let clock = SystemClock::hastened(speed, None);
        assert_eq!(
            clock.sleep_for(Duration::from_secs(100)),
            Duration::from_secs(1)
        );
        let ordinary = SystemClock::default();
        assert_eq!(
            ordinary.sleep_for(Duration::from_secs(7)),
            Duration::from_secs(7)
        );
    }
}
