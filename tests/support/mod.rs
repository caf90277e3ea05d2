//! What several test programs need to drive the real binary.

mod listeners;

pub(crate) use listeners::read_listeners;
