//! How long a device waits before it tries again (cwmp.md section 3.1).

use std::hash::Hash;
use std::time::Duration;

use super::core::Gateway;
use super::door::GatewayError;
use super::due_sessions::Urgency;
use super::random;
use super::schedule::after;
use super::timed_queue::TimedQueue;
use crate::cwmp::RetryAfter;
use crate::device::{DeviceRecord, RetryPolicy};
use crate::native::Mac;

/// The n at which the range of the waits stops growing (cwmp.md R1).
const LAST_RANGE: u32 = 10;
/// The longest wait that an ACS can ask for by Retry-After.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(86_400);
/// Waits before a TransferComplete that the ACS left unacknowledged is sent again: from the first
/// to the last, doubling (cwmp.md T2b).
const UNACKNOWLEDGED_FIRST_WAIT: u64 = 60;
const UNACKNOWLEDGED_LAST_WAIT: u64 = 3_600;
/// Wait before something is tried again that the store or a file has spoiled.
pub(super) const ERROR_WAIT: Duration = Duration::from_secs(60);

/// The shortest and the longest wait before the n-th retry, in milliseconds (cwmp.md R1, R2).
fn range(policy: RetryPolicy, retry: u32) -> (u64, u64) {
    let grow = |wait: u128| wait.saturating_mul(u128::from(policy.multiplier)) / 1_000;
    let first = u128::from(policy.minimum_wait) * 1_000;
    let shortest = (1..retry.clamp(1, LAST_RANGE)).fold(first, |wait, _| grow(wait));
    let bounded = |wait: u128| u64::try_from(wait).unwrap_or(u64::MAX);
    (bounded(shortest), bounded(grow(shortest)))
}

impl Gateway {
    /// Plans the retry of a failed session: uniform in a range that grows, and not before the
    /// moment that the ACS has asked for, if it has (cwmp.md H11).
    pub(super) fn plan_retry(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        failures: u32,
        at_least: Duration,
    ) -> Result<(), GatewayError> {
        let (shortest, longest) = range(record.cpe.retry_policy, failures);
        let wait = shortest.saturating_add(random::below(longest.saturating_sub(shortest))?);
        let wait = Duration::from_millis(wait).max(at_least);
        self.arm_session(
            mac,
            record,
            after(self.inner.clock.now(), wait),
            Urgency::Retry,
        );
        Ok(())
    }

    /// How long the ACS has asked to be left alone, a day at most. Devices that were asked together
    /// do not all come back at one moment.
    pub(super) fn wait_asked_for(
        &self,
        policy: RetryPolicy,
        asked: Option<RetryAfter>,
    ) -> Result<Duration, GatewayError> {
        let Some(asked) = asked else {
            return Ok(Duration::ZERO);
        };
        let wait = asked.wait(self.inner.clock.now()).min(RETRY_AFTER_LIMIT);
        let spread = u64::from(policy.minimum_wait) * 1_000;
        Ok(wait + Duration::from_millis(random::below(spread)?))
    }

    /// Puts back what came due and could not be done. A device that is not known, or whose record
    /// can't be read, is left out until somebody mends it.
    pub(super) fn try_again<K: Copy + Ord + Hash>(
        &self,
        queue: &TimedQueue<K>,
        key: K,
        error: &GatewayError,
    ) {
        let is_left_out = matches!(
            error,
            GatewayError::Damaged { .. } | GatewayError::UnknownPhone(_)
        );
        if !is_left_out {
            queue.arm_no_later(key, after(self.inner.clock.now(), ERROR_WAIT));
        }
    }

    /// Plans what the end of a session would have planned, had it been possible to note it. Not at
    /// once: the next session may come to the same end.
    pub(super) async fn plan_after_error(&self, mac: Mac) {
        let live = self.hold(mac).await;
        let Ok(Some((record, _))) = self.load(mac) else {
            return;
        };
        let later = after(self.inner.clock.now(), ERROR_WAIT);
        self.arm_session(mac, &record, later, Urgency::Retry);
        self.plan_transfers(mac, &record, &live);
        self.plan_control(mac, &record, later, false);
        self.plan_missed_control(mac, &live);
    }

    /// Plans the next report of transfers that the ACS has left unacknowledged.
    pub(super) fn plan_unacknowledged(&self, mac: Mac, record: &DeviceRecord, times: u32) {
        let wait = UNACKNOWLEDGED_FIRST_WAIT << times.clamp(1, 7).saturating_sub(1);
        let wait = Duration::from_secs(wait.min(UNACKNOWLEDGED_LAST_WAIT));
        self.arm_session(
            mac,
            record,
            after(self.inner.clock.now(), wait),
            Urgency::Retry,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(minimum_wait: u32, multiplier: u32, retry: u32) -> (f64, f64) {
        let policy = RetryPolicy {
            minimum_wait,
            multiplier,
        };
        let (shortest, longest) = range(policy, retry);
        let seconds = |wait| Duration::from_millis(wait).as_secs_f64();
        (seconds(shortest), seconds(longest))
    }

    #[test]
    fn c073_c077_waits_double_up_to_the_tenth_by_default() {
        let mut shortest = 5.0;
        for retry in 1..=10 {
            assert_eq!(
                seconds(5, 2_000, retry),
                (shortest, 2.0 * shortest),
                "{retry}"
            );
            shortest *= 2.0;
        }
        assert_eq!(seconds(5, 2_000, 11), (2_560.0, 5_120.0));
        assert_eq!(seconds(5, 2_000, u32::MAX), (2_560.0, 5_120.0));
    }

    #[test]
    fn c076_c077_an_acs_sets_how_they_grow() {
        assert_eq!(seconds(2, 1_000, 7), (2.0, 2.0));
        assert_eq!(seconds(1, 1_500, 1), (1.0, 1.5));
        assert_eq!(seconds(1, 1_500, 3), (2.25, 3.375));
        let (shortest, longest) = seconds(65_535, 65_535, 10);
        assert!(shortest <= longest, "the largest numbers don't overflow");
    }
}
