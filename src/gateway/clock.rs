//! The gateway's notion of now.

use std::time::Duration;

use jiff::Timestamp;

/// Where the gateway takes the time from; the application passes the system's clock in.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// How long the process has to sleep until so much of this clock's time has passed: shorter
    /// than the span for a clock that runs faster than the system's.
    fn sleep_for(&self, span: Duration) -> Duration {
        span
    }
}
