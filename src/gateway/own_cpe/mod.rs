//! The gateway itself as a CPE, beside those of the phones (cwmp.md J3): off unless the operator
//! wants it.
//!
//! Its record is a device's record with no phone and no file behind it. So sessions, events,
//! attributes, timers and retries are those of every device; what differs is what it shows and what
//! it refuses.

mod health;
mod record;
#[cfg(test)]
mod tests;
mod view;
mod virtual_devices;

pub(super) use record::{NO_VENDOR, OWN_MAC, OwnCpe, place_of, refusal};
pub(super) use view::{EMPTY_TABLES, is_unwatched, shares};
pub(super) use virtual_devices::{RowLink, row_link};
