//! The side that challenges: nonces that carry their own proof, and a short memory against replay.

use std::collections::BTreeMap;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::hash::{Algorithm, Ingredients, Protection, hex};
use super::header::{Section, quoted, sections};
use super::{Credentials, HashedCredentials, PasswordHash};

/// How long a nonce may be used.
const NONCE_LIFETIME: Duration = Duration::from_secs(60);
/// Nonces whose count is remembered. Only answers with the right password get into this memory.
const MAX_REMEMBERED: usize = 4096;

/// Checks Digest answers (MD5, `qop="auth"`, cwmp.md C2 and C10).
///
/// A nonce holds the moment and the number of its issue and a keyed hash over these and its
/// scope, so a challenge costs no memory. Of an answered nonce the highest `nc` is remembered.
#[derive(Debug)]
pub struct Verifier {
    key: NonceKey,
    realm: String,
    issued: u64,
    /// Highest `nc` by number of the nonce.
    counts: BTreeMap<u64, u32>,
    /// Nonces up to this number have been forgotten and count as old.
    forgotten: Option<u64>,
}

/// What an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The credentials are right, and the answer is new.
    Accepted,
    /// No answer, or a wrong one: challenge.
    Refused,
    /// The credentials are right, but the nonce is too old or was used: challenge with `stale`.
    Stale,
}

/// Keeps the key out of debug output.
struct NonceKey([u8; 64]);

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

struct Nonce {
    nanoseconds: u64,
    number: u64,
}

impl Verifier {
    /// `key` is random and lives as long as the process.
    pub fn new(key: [u8; 64], realm: impl Into<String>) -> Self {
        Self {
            key: NonceKey(key),
            realm: realm.into(),
            issued: 0,
            counts: BTreeMap::new(),
            forgotten: None,
        }
    }

    /// A value for `WWW-Authenticate` with a fresh nonce, good for 60 s within `scope` (what the
    /// credentials open: a path, a device). `stale` tells the client to try again with it.
    pub fn challenge(&mut self, now: Timestamp, scope: &str, stale: bool) -> String {
        self.issued = self.issued.wrapping_add(1);
        let nonce = Nonce {
            nanoseconds: nanoseconds(now),
            number: self.issued,
        };
        let mut value = format!(
            "Digest realm={}, nonce=\"{}\", algorithm=MD5, qop=\"auth\"",
            quoted(&self.realm),
            self.written(&nonce, scope)
        );
        if stale {
            value.push_str(", stale=true");
        }
        value
    }

    /// Judges an `Authorization` value. `uri` is the request target, which the answer must name.
    pub fn verify(
        &mut self,
        now: Timestamp,
        authorization: &str,
        method: &str,
        uri: &str,
        scope: &str,
        credentials: &Credentials,
    ) -> Verdict {
        let credentials = HashedCredentials {
            username: credentials.username.clone(),
            password_hash: PasswordHash::of(credentials, &self.realm),
        };
        self.verify_hashed(now, authorization, method, uri, scope, &credentials)
    }

    /// The same where only a hash of the password is kept, one for this verifier's realm.
    pub fn verify_hashed(
        &mut self,
        now: Timestamp,
        authorization: &str,
        method: &str,
        uri: &str,
        scope: &str,
        credentials: &HashedCredentials,
    ) -> Verdict {
        let found = sections(authorization);
        let Some((nonce, count)) = found
            .first()
            .filter(|section| section.scheme.eq_ignore_ascii_case("Digest"))
            .and_then(|section| self.proven(section, method, uri, scope, credentials))
        else {
            return Verdict::Refused;
        };
        let age = nanoseconds(now).checked_sub(nonce.nanoseconds);
        if age.is_none_or(|age| u128::from(age) > NONCE_LIFETIME.as_nanos())
            || self.forgotten.is_some_and(|last| nonce.number <= last)
            || self
                .counts
                .get(&nonce.number)
                .is_some_and(|seen| count <= *seen)
        {
            return Verdict::Stale;
        }
        self.counts.insert(nonce.number, count);
        if self.counts.len() > MAX_REMEMBERED {
            self.forgotten = self.counts.pop_first().map(|(number, _)| number);
        }
        Verdict::Accepted
    }

    /// The nonce and `nc` of an answer that only someone with the password can have made.
    fn proven(
        &self,
        section: &Section,
        method: &str,
        uri: &str,
        scope: &str,
        credentials: &HashedCredentials,
    ) -> Option<(Nonce, u32)> {
        if section
            .value("algorithm")
            .is_some_and(|name| Algorithm::from_name(name) != Some(Algorithm::Md5))
            || section.value("realm") != Some(self.realm.as_str())
            || section.value("uri") != Some(uri)
        {
            return None;
        }
        let written = section.value("nonce")?;
        let nonce = self.read(written, scope)?;
        // RFC 2069 clients send no qop; their nonce is good for one answer.
        let (protection, count) = match section.value("qop") {
            None => (None, 1),
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let digits = section.value("nc").filter(|digits| digits.len() == 8)?;
                let count = u32::from_str_radix(digits, 16).ok().filter(|n| *n > 0)?;
                (Some((Protection::Auth, digits)), count)
            }
            Some(_) => return None,
        };
        let expected = Ingredients {
            algorithm: Algorithm::Md5,
            realm: &self.realm,
            nonce: written,
            method,
            uri,
            protection,
            cnonce: section.value("cnonce").unwrap_or_default(),
            body: &b"",
        }
        .response_by_hash(credentials.password_hash.expose().to_owned());
        let right = section
            .value("response")?
            .as_bytes()
            .ct_eq(expected.as_bytes())
            & section
                .value("username")?
                .as_bytes()
                .ct_eq(credentials.username.as_bytes());
        bool::from(right).then_some((nonce, count))
    }

    /// Sixteen hex digits of time, sixteen of number, thirty-two of proof.
    fn written(&self, nonce: &Nonce, scope: &str) -> String {
        let proof = Hmac::<Sha256>::new(&self.key.0.into())
            .chain_update(nonce.nanoseconds.to_be_bytes())
            .chain_update(nonce.number.to_be_bytes())
            .chain_update(scope)
            .finalize()
            .into_bytes();
        let half: Vec<u8> = proof.into_iter().take(16).collect();
        format!(
            "{:016x}{:016x}{}",
            nonce.nanoseconds,
            nonce.number,
            hex(&half)
        )
    }

    /// Reads a nonce that this verifier issued for this scope.
    fn read(&self, written: &str, scope: &str) -> Option<Nonce> {
        let nonce = Nonce {
            nanoseconds: u64::from_str_radix(written.get(..16)?, 16).ok()?,
            number: u64::from_str_radix(written.get(16..32)?, 16).ok()?,
        };
        let expected = self.written(&nonce, scope);
        bool::from(written.as_bytes().ct_eq(expected.as_bytes())).then_some(nonce)
    }
}

fn nanoseconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_nanosecond()).unwrap_or(0)
}

#[cfg(test)]
use crate::wire;

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/digest.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::super::{Challenge, ClientState};
    use super::*;
    use crate::wire::Secret;

    const START: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(START + second).unwrap()
    }

    fn credentials(password: &str) -> Credentials {
        Credentials {
            username: "acs".into(),
            password: Secret::new(password),
        }
    }

    fn verifier() -> Verifier {
        Verifier::new([7; 64], "trestle")
    }

    fn client(challenge: &str) -> ClientState {
        ClientState::new(
            Challenge::parse_all([challenge])
                .into_iter()
                .next()
                .unwrap(),
        )
    }

    fn judge(verifier: &mut Verifier, second: i64, header: &str) -> Verdict {
        verifier.verify(at(second), header, "GET", "/abc", "abc", &credentials("pw"))
    }

    #[test]
    fn a_right_answer_is_accepted_once_and_again_with_a_higher_count() {
        let mut verifier = verifier();
        let mut client = client(&verifier.challenge(at(0), "abc", false));
        let first = client.answer("GET", "/abc", b"", &credentials("pw"), "c");
        let second = client.answer("GET", "/abc", b"", &credentials("pw"), "c");
        let third = client.answer("GET", "/abc", b"", &credentials("pw"), "c");
        assert_eq!(judge(&mut verifier, 1, &first), Verdict::Accepted);
        assert_eq!(judge(&mut verifier, 1, &first), Verdict::Stale);
        assert_eq!(judge(&mut verifier, 2, &third), Verdict::Accepted);
        assert_eq!(judge(&mut verifier, 3, &second), Verdict::Stale);
    }

    #[test]
    fn wrong_password_user_uri_method_scope_or_scheme_is_refused() {
        let mut verifier = verifier();
        let challenge = verifier.challenge(at(0), "abc", false);
        let answer = |method: &str, uri: &str, credentials: &Credentials| {
            client(&challenge).answer(method, uri, b"", credentials, "c")
        };
        let mut stranger = credentials("pw");
        stranger.username = "someone".into();
        for header in [
            answer("GET", "/abc", &credentials("other")),
            answer("GET", "/abc", &stranger),
            answer("GET", "/other", &credentials("pw")),
            answer("POST", "/abc", &credentials("pw")),
            "Basic YWNzOnB3".to_owned(),
            String::new(),
        ] {
            assert_eq!(
                judge(&mut verifier, 1, &header),
                Verdict::Refused,
                "{header}"
            );
        }
        let elsewhere = verifier.challenge(at(0), "other path", false);
        let header = client(&elsewhere).answer("GET", "/abc", b"", &credentials("pw"), "c");
        assert_eq!(judge(&mut verifier, 1, &header), Verdict::Refused);
    }

    #[test]
    fn an_old_nonce_is_stale_and_a_forged_one_is_refused() {
        let mut verifier = verifier();
        let challenge = verifier.challenge(at(0), "abc", false);
        let header = client(&challenge).answer("GET", "/abc", b"", &credentials("pw"), "c");
        assert_eq!(judge(&mut verifier, 61, &header), Verdict::Stale);
        assert_eq!(judge(&mut verifier, -1, &header), Verdict::Stale);
        assert_eq!(judge(&mut verifier, 60, &header), Verdict::Accepted);

        let foreign = Verifier::new([8; 64], "trestle").challenge(at(0), "abc", false);
        let header = client(&foreign).answer("GET", "/abc", b"", &credentials("pw"), "c");
        assert_eq!(judge(&mut verifier, 1, &header), Verdict::Refused);
    }

    #[test]
    fn every_challenge_has_its_own_nonce_and_says_stale_when_asked() {
        let mut verifier = verifier();
        let first = verifier.challenge(at(0), "abc", false);
        let second = verifier.challenge(at(0), "abc", true);
        assert_ne!(
            first,
            second.trim_end_matches(", stale=true"),
            "same moment, same nonce"
        );
        assert!(second.ends_with(", stale=true"));
    }

    #[test]
    fn an_answer_without_qop_is_good_for_one_use() {
        let mut verifier = verifier();
        let challenge = verifier
            .challenge(at(0), "abc", false)
            .replace(", qop=\"auth\"", "");
        let header = client(&challenge).answer("GET", "/abc", b"", &credentials("pw"), "c");
        assert_eq!(judge(&mut verifier, 1, &header), Verdict::Accepted);
        assert_eq!(judge(&mut verifier, 1, &header), Verdict::Stale);
    }

    #[test]
    fn what_falls_out_of_the_memory_cannot_be_replayed() {
        let mut verifier = verifier();
        let mut headers = Vec::new();
        for _ in 0..=MAX_REMEMBERED {
            let challenge = verifier.challenge(at(0), "abc", false);
            let header = client(&challenge).answer("GET", "/abc", b"", &credentials("pw"), "c");
            assert_eq!(judge(&mut verifier, 1, &header), Verdict::Accepted);
            headers.push(header);
        }
        assert_eq!(verifier.counts.len(), MAX_REMEMBERED);
        assert_eq!(judge(&mut verifier, 1, &headers[0]), Verdict::Stale);
    }

    #[test]
    fn the_law_holds_for_challenges_and_answers() {
        for seed in [
            include_str!("../../../tests/fuzz/seeds/digest/answer"),
            include_str!("../../../tests/fuzz/seeds/digest/basic-answer"),
            include_str!("../../../tests/fuzz/seeds/digest/challenge"),
            include_str!("../../../tests/fuzz/seeds/digest/several-schemes"),
        ] {
            law::holds(seed);
        }
    }

    proptest::proptest! {
        #[test]
        fn the_law_holds_for_any_text(text in "(Digest |Basic )?[ -~\\r\\n]{0,200}") {
            law::holds(&text);
        }
    }
}
