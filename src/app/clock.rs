//! The system's clock: the one place that reads it.

use jiff::Timestamp;

use crate::gateway::Clock;

/// The clock of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "everyone else gets the time from here"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
