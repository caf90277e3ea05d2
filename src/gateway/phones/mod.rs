//! The side towards the phones: what they ask for, and what their asking tells.

mod by_file_name;
mod contents;
mod fetch;
mod lookup;
mod quiet_polls;
mod sightings;

pub(super) use contents::Contents;
pub(in crate::gateway) use lookup::{named_mac, with_mac_of};
pub(super) use quiet_polls::QuietPolls;
