//! Making phones act: what they are told, by which means, how fast, and what has worked.

mod access;
mod job;
mod memory;
mod orders;
mod pace;
mod settings;
mod telling;

#[cfg(test)]
mod tests;

pub(super) use self::memory::Memory;
pub(super) use self::memory::Remembered;
pub(super) use self::pace::Pace;

pub use self::job::{ControlJob, ControlOutcome, SipAim, SipVia, WebAim};
pub use self::memory::MeansTried;
pub use self::settings::{
    ControlSettings, Rate, RateError, SipRoute, SipTransportChoice, WebLoginRule,
};
