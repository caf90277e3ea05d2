//! Phones' own files: dialects, documents, layers and file names.
//!
//! A document keeps the bytes it was made from and the spans of its keys and values, so that
//! rendering gives the same bytes for every input and an edit changes one value only.

mod charset;
mod derived;
mod dialect;
mod document;
mod edit;
mod file_rule;
mod index;
mod key;
mod layer;
mod lines;
mod mac;
mod mac_search;
mod merge;
mod opaque;
mod parsed;
mod place;
mod problem;
mod reread;
mod seal;

#[cfg(test)]
mod edits_by_file_tests;
#[cfg(any(test, fuzzing))]
pub mod law;
#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod odd_file_tests;

pub use dialect::{Dialect, DialectError};
pub use document::{Document, Setting};
pub use edit::EditError;
pub use file_rule::{FileIdentity, FileRule, Sniff, WrappedName, sniff};
pub use key::NativeKey;
pub use layer::{Effective, Layer, LayerKind, Layers, ReadingOrder};
pub use mac::{Mac, MacError};
pub use merge::{Collision, CollisionReason, Merged, Side, merge};
pub use opaque::Opaque;
pub use parsed::Mark;
pub use problem::{Problem, ProblemKind};
pub use seal::{KeyDerivation, Seal, SealError};
