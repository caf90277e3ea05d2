//! Firmware images: which are here, where they came from, which phones are to run them.

mod assignment;
mod catalogue;
mod sweep;

pub(in crate::gateway) use catalogue::downloaded;

pub use assignment::{Assigned, Assignment, Chosen};
pub use catalogue::{FirmwareAddition, FirmwareError, FirmwareView};
