//! `check`: reads a tree, writes nothing, says what is understood and what is not.

mod census;
mod phone;
mod source;
mod survey;

pub use survey::{Progress, check};
