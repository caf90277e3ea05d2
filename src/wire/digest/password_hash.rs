//! What a verifier can keep in place of a password.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::hash::Algorithm;
use super::{Credentials, Secret};

/// The MD5 of user name, realm and password (RFC 7616 3.4.2): enough to check Digest and Basic
/// answers. Whoever has it can answer a Digest challenge of that realm, so it is as secret as the
/// password is; it does not tell the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(Secret);

/// User name and password of one side, the password as its hash for one realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedCredentials {
    /// User name.
    pub username: String,
    /// The hash of that, the realm and the password.
    pub password_hash: PasswordHash,
}

impl PasswordHash {
    /// The hash of these credentials for a realm.
    pub fn of(credentials: &Credentials, realm: &str) -> Self {
        Self(Secret::new(Algorithm::Md5.hash(&[
            credentials.username.as_bytes(),
            realm.as_bytes(),
            credentials.password.expose().as_bytes(),
        ])))
    }

    /// Whether it is the hash of these credentials for the realm, told in constant time.
    pub fn is_of(&self, credentials: &Credentials, realm: &str) -> bool {
        let other = Self::of(credentials, realm);
        let (own, other) = (self.0.expose().as_bytes(), other.0.expose().as_bytes());
        own.ct_eq(other).into()
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_its_own_credentials_and_realm_only_and_is_not_shown() {
        let credentials = |username: &str, password: &str| Credentials {
            username: username.to_owned(),
            password: Secret::new(password),
        };
        // RFC 2617 3.5.
        let hash = PasswordHash::of(
            &credentials("Mufasa", "Circle Of Life"),
            "testrealm@host.com",
        );
        assert_eq!(hash.expose(), "939e7578ed9e3c518a452acee763bce9");
        assert!(hash.is_of(
            &credentials("Mufasa", "Circle Of Life"),
            "testrealm@host.com"
        ));
        assert!(!hash.is_of(
            &credentials("Mufasa", "Circle of Life"),
            "testrealm@host.com"
        ));
        assert!(!hash.is_of(
            &credentials("Simba", "Circle Of Life"),
            "testrealm@host.com"
        ));
        assert!(!hash.is_of(&credentials("Mufasa", "Circle Of Life"), "another"));
        assert_eq!(format!("{hash:?}"), "PasswordHash(***)");
    }
}
