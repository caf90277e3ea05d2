//! Conversions between native values and parameter values, both ways.

mod address;
mod cases;
mod codecs;
mod conversion;
mod list;
mod scalar;

pub(super) use codecs::Part;
pub(super) use conversion::{Checker, Convert, Reading};
