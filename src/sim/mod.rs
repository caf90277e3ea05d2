//! The other sides of the gateway, played by programs: for `trestle demo`, tests and benchmarks.

pub mod acs;
pub mod checks;
pub mod file_server;
pub mod fleet;
mod phone;
pub mod quick_acs;
pub mod stun_server;

pub use phone::{SimFetch, SimPhone, SimPhoneError, SimPhoneOptions};
