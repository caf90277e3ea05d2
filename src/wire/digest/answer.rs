//! What an `Authorization` header says before it is checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::header::{quoted, sections};
use super::{Credentials, Secret};

/// Longest value that is looked at, in bytes; a phone's has some hundred.
const MAX_LENGTH: usize = 4096;

/// An `Authorization` header as far as it says who it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShownAnswer {
    /// An answer to a Digest challenge, to be checked by a verifier.
    Digest {
        /// Whose it says it is.
        username: String,
    },
    /// User name and password as they are (RFC 7617).
    Basic(Credentials),
}

impl ShownAnswer {
    /// Reads a value of at most 4096 bytes; `None` for a longer one, and for what is neither.
    pub fn parse(authorization: &str) -> Option<Self> {
        if authorization.len() > MAX_LENGTH {
            return None;
        }
        let (scheme, rest) = authorization.trim().split_once([' ', '\t'])?;
        if scheme.eq_ignore_ascii_case("Digest") {
            let found = sections(authorization);
            let username = found.first()?.value("username")?.to_owned();
            return Some(Self::Digest { username });
        }
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (username, password) = text.split_once(':')?;
        Some(Self::Basic(Credentials {
            username: username.to_owned(),
            password: Secret::new(password),
        }))
    }

    /// Whose it says it is.
    pub fn username(&self) -> &str {
        match self {
            Self::Digest { username } => username,
            Self::Basic(credentials) => &credentials.username,
        }
    }
}

/// A value for `WWW-Authenticate` that asks for Basic.
pub fn basic_challenge(realm: &str) -> String {
    format!("Basic realm={}", quoted(realm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_read_of_both_schemes_and_rubbish_is_nobody() {
        let user = |text: &str| Some(ShownAnswer::parse(text)?.username().to_owned());
        // RFC 7617 section 2.
        let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(user(basic).as_deref(), Some("Aladdin"));
        let Some(ShownAnswer::Basic(credentials)) = ShownAnswer::parse(basic) else {
            panic!("no Basic");
        };
        assert_eq!(credentials.password.expose(), "open sesame");
        let digest = "digest username=\"000b82a1b2c3\", realm=\"x\"";
        assert_eq!(user(digest).as_deref(), Some("000b82a1b2c3"));
        let long = format!("Digest username=\"{}\"", "x".repeat(MAX_LENGTH));
        for text in [
            "",
            "Basic",
            "Basic ",
            "Basic ====",
            "Basic bm8gY29sb24=",
            "Bearer abc",
            "Digest realm=\"x\"",
            long.as_str(),
        ] {
            assert_eq!(ShownAnswer::parse(text), None, "{text:.40}");
        }
    }
}
