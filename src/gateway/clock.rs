//! The gateway's notion of now.

use jiff::Timestamp;

/// Where the gateway takes the time from; the application passes the system's clock in.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}
