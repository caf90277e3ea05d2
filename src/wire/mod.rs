//! Small pure codecs that several doors need. Bytes, time and nonces in; bytes and decisions out.

mod secret;

pub use secret::Secret;
