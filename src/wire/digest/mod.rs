//! HTTP and SIP authentication, both sides: answers to Digest and Basic challenges (RFC 7616,
//! RFC 2617, RFC 7617), and a verifier of Digest answers with stateless nonces.
//!
//! Nothing here knows HTTP or SIP: header values, method and URI are plain text arguments.

mod answer;
mod body;
mod client;
mod hash;
mod header;
mod password_hash;
mod verifier;

pub use answer::{ShownAnswer, basic_challenge};
pub use body::BodyPieces;
pub use client::{Challenge, ClientState, DigestChallenge};
pub use hash::{Algorithm, Protection};
pub use password_hash::{HashedCredentials, PasswordHash};
pub use verifier::{Verdict, Verifier};

use super::Secret;

/// User name and password of one side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// User name; empty when there is none.
    pub username: String,
    /// Password.
    pub password: Secret,
}
