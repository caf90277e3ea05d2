//! Phones' own files: dialects, documents, layers and file names.
//!
//! A document keeps the bytes it was made from and the spans of its keys and values, so that
//! rendering gives the same bytes for every input and an edit changes one value only.

mod key;
mod mac;

pub use key::NativeKey;
pub use mac::{Mac, MacError};
