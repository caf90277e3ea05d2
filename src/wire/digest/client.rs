//! The side that is challenged.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Credentials;
use super::body::BodyPieces;
use super::hash::{Algorithm, Ingredients, Protection};
use super::header::{Section, quoted, sections};

/// A challenge that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// Basic (RFC 7617).
    Basic,
    /// Digest (RFC 7616).
    Digest(DigestChallenge),
}

/// What a Digest challenge says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestChallenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// As the challenge wrote it, to be echoed; `None` when it named none.
    algorithm_name: Option<String>,
    /// `None`: no qop, as in RFC 2069.
    protection: Option<Protection>,
    stale: bool,
}

impl Challenge {
    /// Reads all values of `WWW-Authenticate` or `Proxy-Authenticate`. Each may hold several
    /// challenges; those that can't be answered (another scheme, algorithm or qop, no nonce) are
    /// left out.
    pub fn parse_all<'a>(headers: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        headers
            .into_iter()
            .flat_map(sections)
            .filter_map(|section| Self::read(&section))
            .collect()
    }

    /// The one to answer: SHA-256, SHA-256-sess, MD5, MD5-sess, Basic, in this order; the earlier
    /// one among equals (conformance check C038).
    pub fn strongest(challenges: impl IntoIterator<Item = Self>) -> Option<Self> {
        challenges.into_iter().min_by_key(Self::rank)
    }

    /// Whether the server says that only the nonce was too old.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Digest(challenge) if challenge.stale)
    }

    fn read(section: &Section) -> Option<Self> {
        if section.scheme.eq_ignore_ascii_case("Basic") {
            return Some(Self::Basic);
        }
        if !section.scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let algorithm_name = section.value("algorithm");
        let algorithm = match algorithm_name {
            Some(name) => Algorithm::from_name(name)?,
            None => Algorithm::Md5,
        };
        let protection = match section.value("qop") {
            Some(list) => Some(choose_protection(list)?),
            None => None,
        };
        Some(Self::Digest(DigestChallenge {
            realm: section.value("realm").unwrap_or_default().to_owned(),
            nonce: section.value("nonce")?.to_owned(),
            opaque: section.value("opaque").map(str::to_owned),
            algorithm,
            algorithm_name: algorithm_name.map(str::to_owned),
            protection,
            stale: section
                .value("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        }))
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Digest(challenge) => match challenge.algorithm {
                Algorithm::Sha256 => 0,
                Algorithm::Sha256Session => 1,
                Algorithm::Md5 => 2,
                Algorithm::Md5Session => 3,
            },
            Self::Basic => 4,
        }
    }
}

/// `auth` if the list has it, else `auth-int`.
fn choose_protection(list: &str) -> Option<Protection> {
    [Protection::Auth, Protection::AuthInt]
        .into_iter()
        .find(|wanted| {
            list.split([',', ' ', '\t'])
                .any(|offered| offered.eq_ignore_ascii_case(wanted.name()))
        })
}

/// A challenge being answered, request after request, with its nonce count.
#[derive(Debug, Clone)]
pub struct ClientState {
    challenge: Challenge,
    count: u32,
    /// The cnonce in the key of a `-sess` algorithm, which is that of the first answer.
    session_cnonce: Option<String>,
}

impl ClientState {
    /// Begins with `nc` 00000001.
    pub fn new(challenge: Challenge) -> Self {
        Self {
            challenge,
            count: 0,
            session_cnonce: None,
        }
    }

    /// The value of `Authorization` (or `Proxy-Authorization`) for one request. `cnonce` should be
    /// unguessable and made of hex digits. It isn't used when the challenge has no qop; with a
    /// `-sess` algorithm the first one stays for all answers, because servers differ in whether
    /// they put the first or the newest into the key.
    pub fn answer(
        &mut self,
        method: &str,
        uri: &str,
        body: &dyn BodyPieces,
        credentials: &Credentials,
        cnonce: &str,
    ) -> String {
        let challenge = match &self.challenge {
            Challenge::Basic => return basic(credentials),
            Challenge::Digest(challenge) => challenge,
        };
        let cnonce = if challenge.algorithm.is_session() {
            self.session_cnonce.get_or_insert_with(|| cnonce.to_owned())
        } else {
            cnonce
        };
        self.count = self.count.wrapping_add(1);
        let count = format!("{:08x}", self.count);
        let response = Ingredients {
            algorithm: challenge.algorithm,
            realm: &challenge.realm,
            nonce: &challenge.nonce,
            method,
            uri,
            protection: challenge.protection.map(|kind| (kind, count.as_str())),
            cnonce,
            body,
        }
        .response(credentials);

        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quoted(&credentials.username),
            quoted(&challenge.realm),
            quoted(&challenge.nonce),
            quoted(uri),
        );
        if let Some(name) = &challenge.algorithm_name {
            value.push_str(", algorithm=");
            value.push_str(name);
        }
        if let Some(opaque) = &challenge.opaque {
            value.push_str(", opaque=");
            value.push_str(&quoted(opaque));
        }
        if let Some(protection) = challenge.protection {
            value.push_str(", qop=");
            value.push_str(protection.name());
            value.push_str(", nc=");
            value.push_str(&count);
        }
        if challenge.protection.is_some() || challenge.algorithm.is_session() {
            value.push_str(", cnonce=");
            value.push_str(&quoted(cnonce));
        }
        value
    }
}

fn basic(credentials: &Credentials) -> String {
    let pair = zeroize::Zeroizing::new(format!(
        "{}:{}",
        credentials.username,
        credentials.password.expose()
    ));
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Secret;

    fn credentials(username: &str, password: &str) -> Credentials {
        Credentials {
            username: username.into(),
            password: Secret::new(password),
        }
    }

    fn only(header: &str) -> ClientState {
        let challenges = Challenge::parse_all([header]);
        assert_eq!(challenges.len(), 1, "{header}");
        ClientState::new(challenges.into_iter().next().unwrap())
    }

    fn value<'a>(header: &'a [Section], name: &str) -> Option<&'a str> {
        header[0].value(name)
    }

    /// RFC 2617 section 3.5.
    #[test]
    fn the_example_of_rfc_2617_comes_out() {
        let mut state = only(
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        );
        let header = state.answer(
            "GET",
            "/dir/index.html",
            b"",
            &credentials("Mufasa", "Circle Of Life"),
            "0a4f113b",
        );
        let read = sections(&header);
        assert_eq!(
            value(&read, "response"),
            Some("6629fae49393a05397450978507c4ef1")
        );
        assert_eq!(
            value(&read, "opaque"),
            Some("5ccc069c403ebaf9f0171e9517f40e41")
        );
        assert_eq!(value(&read, "nc"), Some("00000001"));
        assert_eq!(value(&read, "algorithm"), None);
        assert!(header.contains("qop=auth, nc=00000001, cnonce=\"0a4f113b\""));
    }

    /// RFC 7616 section 3.9.1, both challenges.
    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let mut state = only(&format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            ));
            let header = state.answer(
                "GET",
                "/dir/index.html",
                b"",
                &credentials("Mufasa", "Circle of Life"),
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            );
            let read = sections(&header);
            assert_eq!(value(&read, "response"), Some(response));
            assert_eq!(value(&read, "algorithm"), Some(algorithm));
        }
    }

    /// The user name and password of RFC 7617 section 2.
    #[test]
    fn basic_is_encoded_as_rfc_7617_has_it() {
        let mut state = only("Basic realm=\"WallyWorld\"");
        assert_eq!(
            state.answer("GET", "/", b"", &credentials("Aladdin", "open sesame"), "c"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
    }

    #[test]
    fn without_qop_neither_count_nor_cnonce_is_sent() {
        let mut state = only("Digest realm=\"r\", nonce=\"n\"");
        let header = state.answer("POST", "/acs", b"x", &credentials("u", "p"), "c");
        let read = sections(&header);
        for name in ["qop", "nc", "cnonce"] {
            assert_eq!(value(&read, name), None, "{header}");
        }
        // MD5(MD5("u:r:p") ":n:" MD5("POST:/acs")), computed with md5sum.
        assert_eq!(
            value(&read, "response"),
            Some("73d66eaa9b98677ce3d6ec4c3476a7c9")
        );
    }

    #[test]
    fn the_count_rises_with_every_request() {
        let mut state = only("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
        let counts: Vec<String> = (0..3)
            .map(|_| {
                let header = state.answer("POST", "/", b"", &credentials("u", "p"), "c");
                value(&sections(&header), "nc").unwrap().to_owned()
            })
            .collect();
        assert_eq!(counts, ["00000001", "00000002", "00000003"]);
    }

    #[test]
    fn auth_int_covers_the_body_and_is_taken_only_when_alone() {
        let mut state = only("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"");
        let first = state
            .clone()
            .answer("POST", "/", b"a", &credentials("u", "p"), "c");
        let second = state.answer("POST", "/", b"b", &credentials("u", "p"), "c");
        assert!(first.contains("qop=auth-int"));
        assert_ne!(first, second);
        let mut both = only("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int,auth\"");
        assert!(
            both.answer("POST", "/", b"", &credentials("u", "p"), "c")
                .contains("qop=auth,")
        );
    }

    #[test]
    fn a_session_algorithm_keeps_its_first_cnonce() {
        let mut state = only("Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=md5-SESS");
        state.answer("POST", "/", b"", &credentials("u", "p"), "first");
        let header = state.answer("POST", "/", b"", &credentials("u", "p"), "second");
        let read = sections(&header);
        assert_eq!(value(&read, "cnonce"), Some("first"));
        assert_eq!(value(&read, "algorithm"), Some("md5-SESS"));
        // Computed with md5sum: A1 is MD5("u:r:p") ":n:first".
        assert_eq!(
            value(&read, "response"),
            Some("d9566cf7b8d63f783f532a41e112c711")
        );
    }

    #[test]
    fn digest_wins_over_basic_in_any_order_and_any_number_of_headers() {
        let basic = "Basic realm=\"x\"";
        let md5 = "DIGEST realm = \"x\" , nonce = \"1\"";
        let sha = "digest realm=x, nonce=2, algorithm=\"SHA-256\", qop=\"auth\"";
        let joined = format!("{basic}, {md5}");
        for headers in [vec![basic, md5], vec![md5, basic], vec![joined.as_str()]] {
            let best = Challenge::strongest(Challenge::parse_all(headers)).unwrap();
            assert!(matches!(best, Challenge::Digest(d) if d.algorithm == Algorithm::Md5));
        }
        let best = Challenge::strongest(Challenge::parse_all([md5, basic, sha])).unwrap();
        assert!(matches!(best, Challenge::Digest(d) if d.nonce == "2"));
    }

    #[test]
    fn what_cannot_be_answered_is_left_out() {
        for header in [
            "Negotiate",
            "Digest realm=\"r\"",
            "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256",
            "Digest realm=\"r\", nonce=\"n\", qop=\"token\"",
            "",
        ] {
            assert_eq!(Challenge::parse_all([header]), [], "{header}");
        }
    }

    #[test]
    fn stale_is_seen() {
        let stale = Challenge::parse_all(["Digest nonce=\"n\", stale=True"]);
        assert!(stale.iter().all(Challenge::is_stale));
        assert!(!only("Digest nonce=\"n\"").challenge.is_stale());
    }

    #[test]
    fn quotes_in_names_are_escaped() {
        let mut state = only(r#"Digest realm="a\"b", nonce="n""#);
        let header = state.answer("GET", "/", b"", &credentials("o\"brien\\", "p"), "c");
        assert!(header.starts_with(r#"Digest username="o\"brien\\", realm="a\"b""#));
    }

    proptest::proptest! {
        /// The law of `tests/fuzz/fuzz_targets/digest.rs`.
        #[test]
        fn whatever_a_challenge_says_its_answer_is_one_header_line(
            values in proptest::collection::vec("\\PC{0,8}|[\\x00-\\xff]{0,8}|auth|MD5-sess", 4),
            raw in ".{0,60}",
        ) {
            let header = format!(
                "Digest realm=\"{}\", nonce=\"{}\", opaque=\"{}\", qop=\"{}\", {raw}",
                values[0], values[1], values[2], values[3],
            );
            for challenge in Challenge::parse_all([header.as_str(), raw.as_str()]) {
                let answer =
                    ClientState::new(challenge).answer("GET", "/", b"", &credentials("u", "p"), "c");
                assert!(!answer.contains(|c: char| c.is_control()), "{answer:?}");
            }
        }
    }
}
