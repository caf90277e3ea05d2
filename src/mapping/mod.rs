//! Mapping packs: what ties a phone's own settings to the parameters of the data model.
//!
//! A pack is data, one TOML file a vendor (`mappings/*.toml`; `mappings/README.md` tells the
//! format). It is compiled once into lenses. A lens reads native values as parameter values and
//! writes them back, by laws: writing back what was read changes no byte, and what was written is
//! what is read.

mod carry;
mod convert;
mod embedded;
mod error;
mod identity;
mod lens;
mod lens_file;
mod lens_limits;
mod native_names;
mod pack;
mod pack_file;
mod packs;
mod read;
mod rows;
mod section;
mod template;
mod write;

#[cfg(test)]
mod example;
#[cfg(test)]
mod laws;

pub use carry::{CarriedOver, LeftBehind};
pub use error::{PackError, PackProblem};
pub use identity::Recognised;
pub use pack::{Pack, Parameter, ValueState};
pub use packs::Packs;
pub use rows::{Row, Rows};
pub use write::{Change, NativeEdit, Refusal, RefusalReason};
