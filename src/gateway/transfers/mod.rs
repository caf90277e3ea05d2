//! Files that go to a phone or come from it (cwmp.md M90–M144, T1–T7): the orders of the ACS, the
//! queue, what becomes of a file that is here, and what is told of it.

mod autonomous;
mod configuration;
mod handout;
mod orders;
mod outcome;
mod queue;
mod shared_fetches;
mod windows;
mod wishes;

pub(in crate::gateway) use handout::{FIRMWARE, Take};
pub(in crate::gateway) use outcome::{Content, is_web_page, transfer_fault};
pub(in crate::gateway) use shared_fetches::SharedFetches;
pub use wishes::WishError;
