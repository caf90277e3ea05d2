//! Connection requests over UDP: one datagram with the request line of an HTTP GET, signed with the
//! ConnectionRequestPassword (cwmp.md U8 to U10).

use hmac::{Hmac, KeyInit, Mac};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, line_ending, one_of};
use nom::combinator::eof;
use nom::{IResult, Parser};
use percent_encoding::percent_decode_str;
use sha1::Sha1;

use super::Secret;

/// Bytes of the largest datagram that is read: a user name has 256 characters, each of which may be
/// written as three.
pub const MAX_DATAGRAM_BYTES: usize = 2048;

const SIGNATURE_BYTES: usize = 20;

/// A connection request as it was written. Whether its signature is right is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpConnectionRequest {
    timestamp: u64,
    id: u64,
    username: String,
    signature: [u8; SIGNATURE_BYTES],
    /// What is signed, as the characters stand in the datagram.
    text: String,
    /// The user name and what is signed, when percent escapes are taken for what they stand for.
    unescaped: Option<(String, String)>,
}

/// A datagram is no connection request; it is to be dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UdpConnectionRequestError {
    /// Longer than any request.
    #[error("a datagram of {bytes} bytes; a connection request has {MAX_DATAGRAM_BYTES} at most")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It does not begin with `GET http://host:port?… HTTP/1.1`.
    #[error("no request line of a connection request")]
    RequestLine,
    /// An argument of the request is missing, there twice, or of another form.
    #[error("the argument `{name}` is missing, repeated or malformed")]
    Argument {
        /// `ts`, `id`, `un`, `cn` or `sig`.
        name: &'static str,
    },
}

impl UdpConnectionRequest {
    /// Reads a datagram. What follows the request line, the Host header, does not matter.
    ///
    /// # Errors
    /// [`UdpConnectionRequestError`].
    pub fn parse(datagram: &[u8]) -> Result<Self, UdpConnectionRequestError> {
        let bytes = datagram.len();
        if bytes > MAX_DATAGRAM_BYTES {
            return Err(UdpConnectionRequestError::TooLong { bytes });
        }
        let (_, query) =
            request_line(datagram).map_err(|_| UdpConnectionRequestError::RequestLine)?;
        let query =
            std::str::from_utf8(query).map_err(|_| UdpConnectionRequestError::RequestLine)?;
        let argument = |name: &'static str| {
            let mut values = query
                .split('&')
                .filter_map(|argument| argument.split_once('='))
                .filter_map(|(found, value)| (found == name).then_some(value));
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(value),
                _ => Err(UdpConnectionRequestError::Argument { name }),
            }
        };
        let number = |name: &'static str| {
            let digits = argument(name)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let value = digits.parse().ok().filter(|_| is_number);
            let value = value.ok_or(UdpConnectionRequestError::Argument { name })?;
            Ok((digits, value))
        };
        let (timestamp_text, timestamp) = number("ts")?;
        let (id_text, id) = number("id")?;
        let (username, nonce) = (argument("un")?, argument("cn")?);
        let signature = signature(argument("sig")?)
            .ok_or(UdpConnectionRequestError::Argument { name: "sig" })?;
        let text = format!("{timestamp_text}{id_text}{username}{nonce}");
        let (plain_username, plain_nonce) = (unescape(username), unescape(nonce));
        let plain = format!("{timestamp_text}{id_text}{plain_username}{plain_nonce}");
        Ok(Self {
            timestamp,
            id,
            username: username.to_owned(),
            signature,
            unescaped: (plain != text).then_some((plain_username, plain)),
            text,
        })
    }

    /// `ts`: seconds since 1970 by the clock of the ACS.
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// `id`: the same in each copy of one request.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The user names that `un` can mean: as it is written, and with its escapes resolved.
    pub fn usernames(&self) -> impl Iterator<Item = &str> {
        let plain = self
            .unescaped
            .as_ref()
            .map(|(username, _)| username.as_str())
            .filter(|username| *username != self.username);
        std::iter::once(self.username.as_str()).chain(plain)
    }

    /// Whether someone with this password has made it (cwmp.md U9). Nobody can sign with an empty
    /// one.
    pub fn is_signed_with(&self, password: &Secret) -> bool {
        let plain = self.unescaped.as_ref().map(|(_, text)| text);
        !password.is_empty()
            && std::iter::once(&self.text)
                .chain(plain)
                .any(|text| self.is_signature_of(text, password))
    }

    fn is_signature_of(&self, text: &str, password: &Secret) -> bool {
        // HMAC takes a key of any length.
        Hmac::<Sha1>::new_from_slice(password.expose().as_bytes())
            .is_ok_and(|mac| mac.chain_update(text).verify_slice(&self.signature).is_ok())
    }
}

/// The query of the request line. A path is none of a connection request.
fn request_line(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let is_visible = |byte: u8| byte.is_ascii_graphic() || !byte.is_ascii();
    let (input, _) = tag("GET http://").parse(input)?;
    let (input, _) =
        take_while1(move |byte| is_visible(byte) && !b"/?#".contains(&byte)).parse(input)?;
    let (input, _) = char('?').parse(input)?;
    let (input, query) = take_while1(is_visible).parse(input)?;
    let (input, _) = (tag(" HTTP/1."), one_of("01"), alt((line_ending, eof))).parse(input)?;
    Ok((input, query))
}

/// Forty hex digits of either case.
fn signature(text: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let digits = text
        .chars()
        .map(|character| {
            character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<Vec<u8>>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    (digits.len() == 2 * SIGNATURE_BYTES)
        .then_some(bytes)?
        .try_into()
        .ok()
}

/// What percent escapes stand for; a text with escapes that are no UTF-8 is left as it is.
fn unescape(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8()
        .map_or_else(|_| text.to_owned(), |plain| plain.into_owned())
}

#[cfg(test)]
use crate::wire::{self, udp_connection_request};

#[cfg(test)]
#[path = "../../tests/fuzz/laws/udp_connection_request.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = include_bytes!("../../tests/fuzz/seeds/udp_connection_request/good");
    const ESCAPED: &[u8] = include_bytes!("../../tests/fuzz/seeds/udp_connection_request/escaped");
    const LINE: &[u8] = include_bytes!("../../tests/fuzz/seeds/udp_connection_request/line-only");

    fn password() -> Secret {
        Secret::new("password")
    }

    fn parse(text: &str) -> Result<UdpConnectionRequest, UdpConnectionRequestError> {
        UdpConnectionRequest::parse(text.as_bytes())
    }

    /// The good datagram with one change.
    fn changed(from: &str, to: &str) -> String {
        let good = String::from_utf8(GOOD.to_vec()).unwrap();
        assert!(good.contains(from), "{good}");
        good.replacen(from, to, 1)
    }

    #[test]
    fn a_datagram_of_an_acs_is_read_and_its_signature_is_right() {
        let request = UdpConnectionRequest::parse(GOOD).unwrap();
        assert_eq!(request.timestamp(), 1_800_000_000);
        assert_eq!(request.id(), 77);
        assert_eq!(
            request.usernames().collect::<Vec<_>>(),
            ["000B82-GXP2170-000B82A1B2C3"]
        );
        assert!(request.is_signed_with(&password()));
        assert!(!request.is_signed_with(&Secret::new("Password")));
        assert!(!request.is_signed_with(&Secret::default()));
        assert!(UdpConnectionRequest::parse(LINE).is_ok());
    }

    #[test]
    fn hex_digits_of_the_signature_may_be_upper_case() {
        let good = String::from_utf8(GOOD.to_vec()).unwrap();
        let (before, rest) = good.split_once("sig=").unwrap();
        let (digits, after) = rest.split_once(' ').unwrap();
        let upper = format!("{before}sig={} {after}", digits.to_ascii_uppercase());
        assert!(parse(&upper).unwrap().is_signed_with(&password()));
    }

    #[test]
    fn escapes_of_the_user_name_count_either_way() {
        let request = UdpConnectionRequest::parse(ESCAPED).unwrap();
        let usernames: Vec<&str> = request.usernames().collect();
        assert_eq!(usernames, ["a%20b%26c", "a b&c"]);
        assert!(request.is_signed_with(&password()));
    }

    #[test]
    fn a_signed_text_that_was_changed_is_not_signed_any_more() {
        for (from, to) in [
            ("ts=1800000000", "ts=1800000001"),
            ("id=77", "id=78"),
            ("un=000B82", "un=000B83"),
            ("cn=5ca1ab1e", "cn=5ca1ab1f"),
        ] {
            let request = parse(&changed(from, to)).unwrap();
            assert!(!request.is_signed_with(&password()), "{to}");
        }
    }

    #[test]
    fn everything_else_is_no_connection_request() {
        for (from, to) in [
            ("GET ", "POST "),
            ("GET ", "get "),
            ("http://", "https://"),
            (":7547?", ":7547/?"),
            (":7547?", ":7547/path?"),
            ("192.0.2.1:7547?", "?"),
            (" HTTP/1.1\r", " HTTP/2\r"),
            (" HTTP/1.1\r", "\r"),
            ("ts=1800000000", "ts=+1800000000"),
            ("ts=1800000000", "ts="),
            ("ts=1800000000", "ts=99999999999999999999999"),
            ("id=77", "id=77&id=78"),
            ("id=77&", ""),
            ("&sig=", "&sig=0"),
            ("&sig=", "&sig=é"),
        ] {
            assert!(parse(&changed(from, to)).is_err(), "{to}");
        }
        assert!(parse("").is_err());
        let long = changed("cn=", &format!("cn={}", "x".repeat(2048)));
        assert!(matches!(
            parse(&long),
            Err(UdpConnectionRequestError::TooLong { .. })
        ));
    }

    #[test]
    fn the_law_holds_for_requests() {
        for seed in [GOOD, ESCAPED, LINE] {
            assert!(UdpConnectionRequest::parse(seed).is_ok());
            law::holds(seed);
        }
    }

    proptest::proptest! {
        #[test]
        fn the_law_holds_for_any_user_name(name in "[!-~é]{0,40}", cut in 0_usize..200) {
            let good = changed("un=", &format!("un={name}"));
            law::holds(good.as_bytes());
            law::holds(good.as_bytes().get(cut..).unwrap_or_default());
        }
    }
}
