//! The side towards the phones: what they ask for, and what their asking tells.

mod fetch;
mod lookup;
mod quiet_polls;
mod shared_assets;
mod sightings;

pub(super) use lookup::mac_in_name;
pub(super) use quiet_polls::QuietPolls;
