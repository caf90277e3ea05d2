//! Files that go to a phone or come from it (cwmp.md M90–M144, T1–T7): the orders of the ACS, the
//! queue, what becomes of a file that is here, and what is told of it.

mod autonomous;
mod configuration;
mod handout;
mod orders;
mod outcome;
mod queue;
mod windows;
mod wishes;

pub(in crate::gateway) use handout::Take;
pub use wishes::WishError;
