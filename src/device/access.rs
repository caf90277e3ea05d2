//! What a phone was given to show who it is, and what it has shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::wire::digest::PasswordHash;

/// How many of one kind may be good at once: the one that the phone uses, and those that it was
/// given since and has not shown yet.
const MAX_VALID: usize = 4;

/// What is kept of how a phone shows who it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    /// Passwords; the user name is the phone's MAC address.
    pub passwords: Issued<PasswordHash>,
    /// Tokens: the first segment of the path by which it fetches.
    pub tokens: Issued<TokenHash>,
    /// Since when it has shown a certificate with its own name.
    pub certificate_since: Option<Timestamp>,
    /// Its own file does not carry any more what it has used: the file was replaced. The phone will
    /// forget it, and has to begin anew.
    pub is_lost: bool,
}

impl Access {
    /// Whether the phone has ever shown who it is, and its file has not been taken from it since.
    pub fn is_in_use(&self) -> bool {
        let since = [
            self.passwords.used_since,
            self.tokens.used_since,
            self.certificate_since,
        ];
        !self.is_lost && since.iter().any(Option::is_some)
    }
}

/// What a phone was given of one kind, by and by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued<T> {
    /// Those that are good, the newest last. Of several the phone uses the first.
    pub valid: Vec<T>,
    /// When the newest was made.
    pub issued_at: Option<Timestamp>,
    /// When the phone showed one of those that are good for the first time; `None`: it has used
    /// none.
    pub used_since: Option<Timestamp>,
}

impl<T> Default for Issued<T> {
    fn default() -> Self {
        Self {
            valid: Vec::new(),
            issued_at: None,
            used_since: None,
        }
    }
}

/// A phone has been given several in a row and has used none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the phone has not used the last {} that it was given", MAX_VALID - 1)]
pub struct TooManyIssued;

impl<T> Issued<T> {
    /// Whether the phone was given one that it has not used yet.
    pub fn waits(&self) -> bool {
        self.valid.len() > usize::from(self.used_since.is_some())
    }

    /// Adds one. Those before stay good until the phone uses it.
    ///
    /// # Errors
    /// [`TooManyIssued`] when four are good already.
    pub fn issue(&mut self, new: T, now: Timestamp) -> Result<(), TooManyIssued> {
        if self.valid.len() >= MAX_VALID {
            return Err(TooManyIssued);
        }
        self.valid.push(new);
        self.issued_at = Some(now);
        Ok(())
    }

    /// Whether a use of the one at a place is news.
    pub fn is_news(&self, place: usize) -> bool {
        place > 0 || self.used_since.is_none()
    }

    /// The phone has used the one at a place: those before it are good no more.
    pub fn note_use(&mut self, place: usize, now: Timestamp) {
        if self.is_news(place) {
            self.valid.drain(..place.min(self.valid.len()));
            self.used_since = Some(now);
        }
    }
}

/// The SHA-256 of a token. A token has 128 random bits, so its hash does not tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether it is the same, told in constant time.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_old_one_is_good_until_the_new_one_is_used() {
        let mut tokens = Issued::default();
        tokens.issue("a", at(1)).unwrap();
        assert!(tokens.waits() && tokens.is_news(0));
        tokens.note_use(0, at(2));
        assert!(!tokens.waits() && !tokens.is_news(0));
        assert_eq!(tokens.used_since, Some(at(2)));
        tokens.issue("b", at(3)).unwrap();
        assert!(tokens.waits());
        tokens.note_use(0, at(4));
        assert_eq!(tokens.valid, ["a", "b"]);
        assert_eq!(tokens.used_since, Some(at(2)), "nothing new");
        tokens.note_use(1, at(5));
        assert_eq!(tokens.valid, ["b"]);
        assert_eq!(tokens.used_since, Some(at(5)));
        assert!(!tokens.waits());
    }

    #[test]
    fn a_phone_that_uses_none_is_not_given_more_and_more() {
        let mut tokens = Issued::default();
        for number in 0..4 {
            tokens.issue(number, at(number)).unwrap();
        }
        assert_eq!(tokens.issue(4, at(4)), Err(TooManyIssued));
        // The one in between is the one that the phone has: those after it wait on.
        tokens.note_use(2, at(5));
        assert_eq!(tokens.valid, [2, 3]);
        assert!(tokens.waits());
    }
}
