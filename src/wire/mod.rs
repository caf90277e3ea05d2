//! Small pure codecs that several doors need. Bytes, time and nonces in; bytes and decisions out.

mod content_hash;
pub mod cookies;
pub mod digest;
mod secret;
pub mod sip;
pub mod stun;
pub mod tftp;
pub mod udp_connection_request;

pub use content_hash::{ContentHash, ContentHashError};
pub use digest::Credentials;
pub use secret::Secret;
