//! What a Digest answer is made of (RFC 7616 section 3.4).

use md5::Md5;
use sha2::{Digest, Sha256};

use super::Credentials;
use super::body::BodyPieces;

/// The algorithms that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `MD5`, also when a challenge names none.
    Md5,
    /// `MD5-sess`.
    Md5Session,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Session,
}

/// Quality of protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// `auth`: method and URI.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

impl Protection {
    /// The value of `qop`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

impl Algorithm {
    /// Reads the value of `algorithm`, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            ("MD5", Self::Md5),
            ("MD5-sess", Self::Md5Session),
            ("SHA-256", Self::Sha256),
            ("SHA-256-sess", Self::Sha256Session),
        ]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, algorithm)| algorithm)
    }

    /// Whether the first cnonce goes into the key (`-sess`).
    pub fn is_session(self) -> bool {
        matches!(self, Self::Md5Session | Self::Sha256Session)
    }

    /// Hash of the parts with colons between them, in lower-case hex.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Session => joined::<Md5>(parts),
            Self::Sha256 | Self::Sha256Session => joined::<Sha256>(parts),
        }
    }

    /// Hash of a body, in lower-case hex.
    fn hash_body(self, body: &dyn BodyPieces) -> String {
        match self {
            Self::Md5 | Self::Md5Session => fed::<Md5>(body),
            Self::Sha256 | Self::Sha256Session => fed::<Sha256>(body),
        }
    }
}

fn fed<D: Digest>(body: &dyn BodyPieces) -> String {
    let mut hasher = D::new();
    body.feed(&mut |piece| hasher.update(piece));
    hex(&hasher.finalize())
}

fn joined<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hasher = D::new();
    let mut separator: &[u8] = b"";
    for part in parts {
        hasher.update(separator);
        hasher.update(part);
        separator = b":";
    }
    hex(&hasher.finalize())
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that goes into a `response` value.
pub(super) struct Ingredients<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) realm: &'a str,
    pub(super) nonce: &'a str,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    /// Protection and the eight hex digits of `nc`; `None` without qop (RFC 2069).
    pub(super) protection: Option<(Protection, &'a str)>,
    /// Only used with a protection or a `-sess` algorithm.
    pub(super) cnonce: &'a str,
    /// Only used with `auth-int`.
    pub(super) body: &'a dyn BodyPieces,
}

impl Ingredients<'_> {
    /// The `response` value of these credentials.
    pub(super) fn response(&self, credentials: &Credentials) -> String {
        self.response_by_hash(self.algorithm.hash(&[
            credentials.username.as_bytes(),
            self.realm.as_bytes(),
            credentials.password.expose().as_bytes(),
        ]))
    }

    /// The same from the hash of user name, realm and password.
    pub(super) fn response_by_hash(&self, mut secret: String) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (nonce, cnonce) = (self.nonce.as_bytes(), self.cnonce.as_bytes());
        if self.algorithm.is_session() {
            secret = hash(&[secret.as_bytes(), nonce, cnonce]);
        }
        let (method, uri) = (self.method.as_bytes(), self.uri.as_bytes());
        let request = match self.protection {
            Some((Protection::AuthInt, _)) => {
                let body = self.algorithm.hash_body(self.body);
                hash(&[method, uri, body.as_bytes()])
            }
            Some((Protection::Auth, _)) | None => hash(&[method, uri]),
        };
        match self.protection {
            None => hash(&[secret.as_bytes(), nonce, request.as_bytes()]),
            Some((protection, count)) => hash(&[
                secret.as_bytes(),
                nonce,
                count.as_bytes(),
                cnonce,
                protection.name().as_bytes(),
                request.as_bytes(),
            ]),
        }
    }
}
