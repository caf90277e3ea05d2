//! Basic and Digest authentication for the simulators, both sides (RFC 7617, RFC 2617, RFC 7616
//! with MD5). Written apart from the gateway's own, so that the two check each other.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

/// What a server asks of its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// User name that is right.
    pub username: String,
    /// Password that is right.
    pub password: String,
    /// How it must be shown.
    pub scheme: Scheme,
}

/// How credentials are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// Basic.
    Basic,
    /// Digest with these traits of the challenge.
    Digest(DigestTraits),
    /// Both are offered in the challenge; either is taken, Digest ought to be chosen.
    Either(DigestTraits),
}

/// Traits of a Digest challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestTraits {
    /// The `qop` of the challenge, `auth` or `auth,auth-int`; `None` leaves it out (RFC 2069).
    pub qop: Option<String>,
    /// The `algorithm` of the challenge, `MD5` or `MD5-sess`; `None` leaves it out.
    pub algorithm: Option<String>,
    /// The `opaque` of the challenge.
    pub opaque: Option<String>,
    /// Whether a nonce is good on the TCP connection it was given on only, as with GenieACS.
    pub nonce_per_connection: bool,
}

impl Default for DigestTraits {
    fn default() -> Self {
        Self {
            qop: Some("auth".to_owned()),
            algorithm: Some("MD5".to_owned()),
            opaque: None,
            nonce_per_connection: false,
        }
    }
}

impl Authentication {
    /// Digest with MD5 and qop auth.
    pub fn digest(username: &str, password: &str) -> Self {
        Self::digest_with(username, password, DigestTraits::default())
    }

    /// Digest with a challenge of the given traits.
    pub fn digest_with(username: &str, password: &str, traits: DigestTraits) -> Self {
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
            scheme: Scheme::Digest(traits),
        }
    }

    /// Basic.
    pub fn basic(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
            scheme: Scheme::Basic,
        }
    }

    fn traits(&self) -> Option<&DigestTraits> {
        match &self.scheme {
            Scheme::Basic => None,
            Scheme::Digest(traits) | Scheme::Either(traits) => Some(traits),
        }
    }
}

/// What came of looking at a request's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is asked here.
    NotAsked,
    /// The request shows nothing.
    Absent,
    /// Right.
    Right {
        /// `Basic` or `Digest`.
        scheme: String,
        /// The nonce that was used, for Digest.
        nonce: Option<String>,
        /// The nonce count, for Digest with qop.
        count: Option<u32>,
        /// The client nonce, for Digest with qop.
        client_nonce: Option<String>,
    },
    /// Right, but with a nonce that is no longer good.
    Stale,
    /// Wrong, and why.
    Wrong(String),
}

impl Verdict {
    /// Whether the request may pass.
    pub fn passes(&self) -> bool {
        matches!(self, Self::NotAsked | Self::Right { .. })
    }
}

/// A server's nonces and how far each has been counted.
#[derive(Debug, Default)]
pub struct NonceBook {
    given: u64,
    current: HashMap<String, Nonce>,
}

#[derive(Debug)]
struct Nonce {
    connection: u64,
    highest_count: u32,
}

impl NonceBook {
    /// The `WWW-Authenticate` values of a challenge, with a fresh nonce.
    pub fn challenge(
        &mut self,
        authentication: &Authentication,
        connection: u64,
        stale: bool,
    ) -> Vec<String> {
        let basic = "Basic realm=\"scripted ACS\"".to_owned();
        let Some(traits) = authentication.traits() else {
            return vec![basic];
        };
        self.given += 1;
        let nonce = md5_hex(&format!("nonce {} of this scripted ACS", self.given));
        let mut digest = format!("Digest realm=\"scripted ACS\", nonce=\"{nonce}\"");
        if let Some(qop) = &traits.qop {
            digest.push_str(&format!(", qop=\"{qop}\""));
        }
        if let Some(algorithm) = &traits.algorithm {
            digest.push_str(&format!(", algorithm={algorithm}"));
        }
        if let Some(opaque) = &traits.opaque {
            digest.push_str(&format!(", opaque=\"{opaque}\""));
        }
        if stale {
            digest.push_str(", stale=true");
        }
        self.current.insert(
            nonce,
            Nonce {
                connection,
                highest_count: 0,
            },
        );
        match authentication.scheme {
            Scheme::Either(_) => vec![basic, digest],
            _ => vec![digest],
        }
    }

    /// Makes every nonce given so far stale.
    pub fn forget_all(&mut self) {
        self.current.clear();
    }

    /// Looks at the `Authorization` header of a request.
    pub fn verify(
        &mut self,
        authentication: &Authentication,
        connection: u64,
        method: &str,
        target: &str,
        authorization: Option<&str>,
    ) -> Verdict {
        let Some(authorization) = authorization else {
            return Verdict::Absent;
        };
        let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return verify_basic(authentication, rest);
        }
        let Some(traits) = authentication.traits() else {
            return Verdict::Wrong(format!("scheme {scheme} where Basic is asked"));
        };
        if !scheme.eq_ignore_ascii_case("digest") {
            return Verdict::Wrong(format!("unknown scheme {scheme}"));
        }
        self.verify_digest(authentication, traits, connection, method, target, rest)
    }

    fn verify_digest(
        &mut self,
        authentication: &Authentication,
        traits: &DigestTraits,
        connection: u64,
        method: &str,
        target: &str,
        fields: &str,
    ) -> Verdict {
        let fields = parse_fields(fields);
        let field = |name: &str| fields.get(name).map_or("", String::as_str);
        if field("username") != authentication.username {
            return Verdict::Wrong(format!("username {:?}", field("username")));
        }
        if field("uri") != target {
            return Verdict::Wrong(format!("uri {:?} for the target {target:?}", field("uri")));
        }
        if fields.get("opaque") != traits.opaque.as_ref() {
            return Verdict::Wrong(format!("opaque {:?}", fields.get("opaque")));
        }
        let counted = traits.qop.is_some();
        if !counted && (fields.contains_key("cnonce") || fields.contains_key("nc")) {
            return Verdict::Wrong("cnonce or nc without a qop in the challenge".to_owned());
        }
        if counted && field("qop") != "auth" {
            return Verdict::Wrong(format!("qop {:?}", field("qop")));
        }
        let expected = digest_response(&DigestInput {
            username: field("username"),
            password: &authentication.password,
            realm: field("realm"),
            nonce: field("nonce"),
            method,
            uri: target,
            session: traits.algorithm.as_deref() == Some("MD5-sess"),
            quality: counted.then(|| (field("nc"), field("cnonce"))),
        });
        if field("response") != expected {
            return Verdict::Wrong("the response does not fit".to_owned());
        }
        let Some(nonce) = self.current.get_mut(field("nonce")) else {
            return Verdict::Stale;
        };
        if traits.nonce_per_connection && nonce.connection != connection {
            return Verdict::Stale;
        }
        let mut count = None;
        if counted {
            let text = field("nc");
            let Some(number) = u32::from_str_radix(text, 16)
                .ok()
                .filter(|_| text.len() == 8)
            else {
                return Verdict::Wrong(format!("nc {text:?} is not eight hex digits"));
            };
            if number <= nonce.highest_count {
                return Verdict::Wrong(format!("nc {text} after {:08x}", nonce.highest_count));
            }
            nonce.highest_count = number;
            count = Some(number);
        }
        Verdict::Right {
            scheme: "Digest".to_owned(),
            nonce: Some(field("nonce").to_owned()),
            count,
            client_nonce: fields.get("cnonce").cloned(),
        }
    }
}

fn verify_basic(authentication: &Authentication, encoded: &str) -> Verdict {
    if matches!(authentication.scheme, Scheme::Digest(_)) {
        return Verdict::Wrong("Basic where Digest is asked".to_owned());
    }
    let expected = basic(&authentication.username, &authentication.password);
    if expected.strip_prefix("Basic ") == Some(encoded.trim()) {
        Verdict::Right {
            scheme: "Basic".to_owned(),
            nonce: None,
            count: None,
            client_nonce: None,
        }
    } else {
        Verdict::Wrong("Basic with other credentials".to_owned())
    }
}

/// The `Authorization` value for Basic.
pub fn basic(username: &str, password: &str) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    )
}

/// The parts that a Digest response is made of.
#[derive(Debug, Clone, Copy)]
pub struct DigestInput<'a> {
    /// User name.
    pub username: &'a str,
    /// Password.
    pub password: &'a str,
    /// Realm of the challenge.
    pub realm: &'a str,
    /// Nonce of the challenge.
    pub nonce: &'a str,
    /// Method of the request.
    pub method: &'a str,
    /// Digest uri.
    pub uri: &'a str,
    /// Whether the algorithm is MD5-sess.
    pub session: bool,
    /// nc and cnonce, with qop auth; `None` without qop.
    pub quality: Option<(&'a str, &'a str)>,
}

/// The `response` of a Digest answer: 32 lower-case hex digits.
pub fn digest_response(input: &DigestInput<'_>) -> String {
    let mut secret = md5_hex(&format!(
        "{}:{}:{}",
        input.username, input.realm, input.password
    ));
    if input.session {
        let client_nonce = input.quality.map_or("", |(_, client_nonce)| client_nonce);
        secret = md5_hex(&format!("{secret}:{}:{client_nonce}", input.nonce));
    }
    let request = md5_hex(&format!("{}:{}", input.method, input.uri));
    match input.quality {
        Some((count, client_nonce)) => md5_hex(&format!(
            "{secret}:{}:{count}:{client_nonce}:auth:{request}",
            input.nonce
        )),
        None => md5_hex(&format!("{secret}:{}:{request}", input.nonce)),
    }
}

/// The fields of a challenge or answer, names in lower case, quotes taken off.
pub fn parse_fields(text: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_start_matches([',', ' ', '\t']).trim_end();
        let after = after.trim_start();
        let value = if let Some(quoted) = after.strip_prefix('"') {
            let mut value = String::new();
            let mut characters = quoted.char_indices();
            rest = "";
            while let Some((at, character)) = characters.next() {
                match character {
                    '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                    '"' => {
                        rest = quoted.get(at + 1..).unwrap_or_default();
                        break;
                    }
                    other => value.push(other),
                }
            }
            value
        } else {
            let (value, after) = after.split_once(',').unwrap_or((after, ""));
            rest = after;
            value.trim().to_owned()
        };
        fields.insert(name.to_ascii_lowercase(), value);
    }
    fields
}

/// MD5 of a text as 32 lower-case hex digits.
pub fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_comes_out() {
        // RFC 2617 section 3.5.
        let response = digest_response(&DigestInput {
            username: "Mufasa",
            password: "Circle Of Life",
            realm: "testrealm@host.com",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            method: "GET",
            uri: "/dir/index.html",
            session: false,
            quality: Some(("00000001", "0a4f113b")),
        });
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    fn answer(challenge: &str, password: &str, count: &str) -> String {
        let fields = parse_fields(challenge.strip_prefix("Digest ").unwrap());
        let response = digest_response(&DigestInput {
            username: "u",
            password,
            realm: &fields["realm"],
            nonce: &fields["nonce"],
            method: "POST",
            uri: "/acs",
            session: false,
            quality: Some((count, "c")),
        });
        format!(
            "Digest username=\"u\", realm=\"{}\", nonce=\"{}\", uri=\"/acs\", qop=auth, nc={count}, cnonce=\"c\", response=\"{response}\"",
            fields["realm"], fields["nonce"]
        )
    }

    #[test]
    fn a_count_that_does_not_rise_is_wrong_and_an_old_nonce_is_stale() {
        let authentication = Authentication::digest("u", "p");
        let mut book = NonceBook::default();
        let challenge = book.challenge(&authentication, 1, false).remove(0);
        let verify = |book: &mut NonceBook, password: &str, count: &str| {
            let header = answer(&challenge, password, count);
            book.verify(&authentication, 1, "POST", "/acs", Some(&header))
        };
        assert!(verify(&mut book, "p", "00000001").passes());
        assert!(matches!(
            verify(&mut book, "p", "00000001"),
            Verdict::Wrong(_)
        ));
        assert!(matches!(
            verify(&mut book, "wrong", "00000002"),
            Verdict::Wrong(_)
        ));
        assert!(verify(&mut book, "p", "00000002").passes());
        book.forget_all();
        assert_eq!(verify(&mut book, "p", "00000003"), Verdict::Stale);
    }
}
