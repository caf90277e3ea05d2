//! Waking devices up: which connection requests are admitted, whom a datagram means, and the
//! bindings that keep a way through a NAT open (cwmp.md section 5).

mod admission;
mod binding;
mod datagram;
mod reachability;
mod state;
#[cfg(test)]
mod tests;

pub use admission::{Admission, Throttle, ThrottleError, UnreachablePhone, WakingRules};
pub use binding::{BindingJob, BindingResult};
pub(super) use reachability::{Reachability, UDP_ADDRESS};
pub(super) use state::Waking;
