//! Conversions between native values and parameter values, both ways.

mod address;
mod cases;
mod codec_rows;
mod codecs;
mod conversion;
mod list;
mod scalar;

pub(super) use codec_rows::CodecRows;
pub(super) use codecs::Part;
pub(super) use conversion::{Checker, Convert, Reading};
