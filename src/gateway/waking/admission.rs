//! Whether an authenticated connection request is admitted now.

use std::num::{NonZeroU16, NonZeroU32};
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};

use super::state::State;
use crate::gateway::controls::ControlOutcome;
use crate::gateway::core::Gateway;
use crate::native::Mac;

/// Devices whose admitted requests are counted before those that have become old are let go; later,
/// as soon as there are twice as many as were left, so that few requests pay for that.
const SWEEP_AT: usize = 4096;

/// When an authenticated connection request is refused all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WakingRules {
    /// How many are taken of one device; `None`: all (cwmp.md C8).
    pub throttle: Option<Throttle>,
    /// What one for a phone that does not answer gets (cwmp.md J5).
    pub unreachable: UnreachablePhone,
}

/// At most so many connection requests of one device in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// How many.
    pub requests: NonZeroU16,
    /// Seconds.
    pub seconds: NonZeroU32,
}

/// The text is no throttle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write how many requests of one device are taken in how many seconds, \"20/60\", or nothing \
     for all"
)]
pub struct ThrottleError;

/// What a connection request for a phone that was told something last, has not answered and was
/// not seen since gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnreachablePhone {
    /// A session like any other: the virtual CPE is there.
    #[default]
    Accept,
    /// 503.
    Refuse,
}

/// What becomes of an authenticated connection request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The device is to be woken.
    Admitted,
    /// There were too many of this device lately.
    Throttled,
    /// Its phone does not answer.
    Unreachable,
}

impl FromStr for Throttle {
    type Err = ThrottleError;

    fn from_str(text: &str) -> Result<Self, ThrottleError> {
        let (requests, seconds) = text.split_once('/').ok_or(ThrottleError)?;
        Ok(Self {
            requests: requests.parse().map_err(|_| ThrottleError)?,
            seconds: seconds.parse().map_err(|_| ThrottleError)?,
        })
    }
}

impl<'de> Deserialize<'de> for Throttle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Gateway {
    /// Judges a connection request that is authenticated, and counts it if it is admitted.
    pub fn admit_connection_request(&self, mac: Mac, rules: WakingRules) -> Admission {
        let now = self.inner.clock.now();
        let mut state = self.inner.waking.state();
        if rules.unreachable == UnreachablePhone::Refuse && state.silent_phones.contains(&mac) {
            return Admission::Unreachable;
        }
        match rules.throttle {
            Some(throttle) => state.count(mac, throttle, now),
            None => Admission::Admitted,
        }
    }

    /// Notes whether a phone that was told something has answered.
    pub(in crate::gateway) fn note_answer(&self, mac: Mac, outcome: &ControlOutcome) {
        let mut state = self.inner.waking.state();
        match outcome {
            ControlOutcome::NoAnswer => state.silent_phones.insert(mac),
            ControlOutcome::Accepted
            | ControlOutcome::Refused { .. }
            | ControlOutcome::Unexpected { .. } => state.silent_phones.remove(&mac),
            // That says nothing about the phone.
            ControlOutcome::NotSent { .. } | ControlOutcome::NoMeans => false,
        };
    }

    /// Notes that a phone has asked for a file.
    pub(in crate::gateway) fn note_sign_of_life(&self, mac: Mac) {
        self.inner.waking.state().silent_phones.remove(&mac);
    }
}

impl State {
    fn count(&mut self, mac: Mac, throttle: Throttle, now: Timestamp) -> Admission {
        let since = now
            .saturating_sub(SignedDuration::from_secs(throttle.seconds.get().into()))
            .unwrap_or(Timestamp::MIN);
        if self.admitted.len() >= SWEEP_AT.max(2 * self.admitted_lately) {
            self.admitted
                .retain(|_, times| times.back().is_some_and(|last| *last > since));
            self.admitted_lately = self.admitted.len();
        }
        let times = self.admitted.entry(mac).or_default();
        while times.front().is_some_and(|first| *first <= since) {
            times.pop_front();
        }
        if times.len() >= usize::from(throttle.requests.get()) {
            return Admission::Throttled;
        }
        times.push_back(now);
        Admission::Admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_counts_are_let_go_but_not_looked_for_at_every_request() {
        let mut state = State::default();
        let throttle: Throttle = "1/60".parse().unwrap();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let mac = |number: u16| {
            let [high, low] = number.to_be_bytes();
            Mac::new([0, 11, 130, 0, high, low])
        };
        for number in 0..=5_000 {
            let admission = state.count(mac(number), throttle, at(0));
            assert_eq!(admission, Admission::Admitted);
        }
        assert_eq!(state.admitted_lately, SWEEP_AT, "looked for once");
        for number in 10_000..=13_300 {
            state.count(mac(number), throttle, at(100));
        }
        assert!(state.admitted.len() < SWEEP_AT, "the old ones are gone");
    }

    #[test]
    fn a_throttle_is_two_numbers() {
        let throttle: Throttle = "20/60".parse().unwrap();
        assert_eq!((throttle.requests.get(), throttle.seconds.get()), (20, 60));
        for text in ["", "20", "0/60", "20/0", "-1/60", "20/60s", "20/60/1"] {
            assert!(text.parse::<Throttle>().is_err(), "{text}");
        }
    }
}
