//! What several test programs need to drive the real binary.

mod listeners;
mod sessions;

pub(crate) use listeners::read_listeners;
pub(crate) use sessions::finish;
