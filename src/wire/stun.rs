//! Classic STUN (RFC 3489), as far as a CPE needs it to be reached by UDP behind a NAT
//! (cwmp.md U1 to U6): Binding Requests out, Binding Responses and Error Responses in.
//!
//! There is no magic cookie: all sixteen bytes of a transaction id are free.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use nom::bytes::complete::take;
use nom::combinator::all_consuming;
use nom::multi::{length_data, many0};
use nom::number::complete::{be_u8, be_u16};
use nom::{IResult, Parser};
use sha1::Sha1;

use super::Credentials;

/// Bytes of the largest message that is read; an answer needs some 100.
pub const MAX_MESSAGE_BYTES: usize = 2048;

const HEADER_BYTES: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_RESPONSE: u16 = 0x0101;
const BINDING_ERROR_RESPONSE: u16 = 0x0111;
const MAPPED_ADDRESS: u16 = 0x0001;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const CONNECTION_REQUEST_BINDING: u16 = 0xC001;
const BINDING_CHANGE: u16 = 0xC002;
/// Tells the server that connection requests are heard on this binding; the blank at the end
/// belongs to it (cwmp.md U3).
const CONNECTION_REQUEST_VALUE: &[u8; 20] = b"dslforum.org/TR-111 ";
const INTEGRITY_BYTES: usize = 20;
/// The length to which the text under MESSAGE-INTEGRITY is filled up (RFC 3489 section 11.2.8).
const INTEGRITY_BLOCK: usize = 64;
const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;

/// Ties an answer to its request.
pub type TransactionId = [u8; 16];

/// A Binding Request from the port on which connection requests are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingRequest<'a> {
    /// Random; the same in every retransmission.
    pub id: TransactionId,
    /// Whether the mapped address was another one before: adds BINDING-CHANGE.
    pub binding_changed: bool,
    /// Adds USERNAME and MESSAGE-INTEGRITY: only for a server that has asked for them
    /// (cwmp.md U4).
    pub credentials: Option<&'a Credentials>,
}

/// What a server says to a Binding Request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingAnswer {
    /// The id of the request.
    pub id: TransactionId,
    /// What it says.
    pub outcome: BindingOutcome,
}

/// The content of a Binding Response or Binding Error Response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingOutcome {
    /// MAPPED-ADDRESS: where the server saw the request come from.
    Mapped(SocketAddr),
    /// ERROR-CODE, 100 to 699; 401 asks for USERNAME and MESSAGE-INTEGRITY.
    Refused(u16),
}

/// A datagram is no answer to a Binding Request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StunError {
    /// Not a STUN message: too short, too long, or not as long as it says.
    #[error("{bytes} bytes are no STUN message")]
    NoMessage {
        /// Its length.
        bytes: usize,
    },
    /// A message of another type.
    #[error("a STUN message of type {message_type:#06x} is no answer to a Binding Request")]
    OtherType {
        /// Its type.
        message_type: u16,
    },
    /// The attribute that makes the answer is missing or malformed.
    #[error("the STUN answer has no usable {attribute}")]
    NoOutcome {
        /// Which attribute.
        attribute: &'static str,
    },
}

/// Whether a datagram can be STUN and no connection request: its first two bits are zero, and no
/// letter's are.
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0xC0 == 0)
}

impl BindingRequest<'_> {
    /// The message as it is sent.
    pub fn encode(&self) -> Vec<u8> {
        let mut attributes = Vec::new();
        push_attribute(
            &mut attributes,
            CONNECTION_REQUEST_BINDING,
            CONNECTION_REQUEST_VALUE,
        );
        if self.binding_changed {
            push_attribute(&mut attributes, BINDING_CHANGE, b"");
        }
        let Some(credentials) = self.credentials else {
            return self.message(&attributes, 0);
        };
        let mut username = credentials.username.clone().into_bytes();
        // RFC 3489 section 11.2.6: the length is a multiple of four, and the value opaque.
        username.resize(username.len().next_multiple_of(4), 0);
        push_attribute(&mut attributes, USERNAME, &username);
        let mut message = self.message(&attributes, 4 + INTEGRITY_BYTES);
        let mut signed = message.clone();
        signed.resize(signed.len().next_multiple_of(INTEGRITY_BLOCK), 0);
        let signature = keyed(credentials.password.expose().as_bytes(), &signed);
        push_attribute(&mut message, MESSAGE_INTEGRITY, &signature);
        message
    }

    /// Header and attributes; `to_come` is the length of what will be appended.
    fn message(&self, attributes: &[u8], to_come: usize) -> Vec<u8> {
        // A user name has 256 characters at most, so the length fits.
        let length = u16::try_from(attributes.len() + to_come).unwrap_or(u16::MAX);
        let mut message = Vec::with_capacity(HEADER_BYTES + attributes.len() + to_come);
        message.extend_from_slice(&BINDING_REQUEST.to_be_bytes());
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&self.id);
        message.extend_from_slice(attributes);
        message
    }
}

fn push_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
}

fn keyed(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length.
    Hmac::<Sha1>::new_from_slice(key)
        .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

impl BindingAnswer {
    /// Reads a datagram. Attributes that are not needed are passed over, also such as RFC 3489
    /// would have a client refuse: a server of a later RFC adds some.
    ///
    /// # Errors
    /// [`StunError`]; such a datagram is to be ignored.
    pub fn parse(datagram: &[u8]) -> Result<Self, StunError> {
        let no_message = StunError::NoMessage {
            bytes: datagram.len(),
        };
        if datagram.len() > MAX_MESSAGE_BYTES {
            return Err(no_message);
        }
        let (_, (message_type, id, attributes)) = message(datagram).map_err(|_| no_message)?;
        let value = |wanted: u16| {
            let found = attributes.iter().find(|(kind, _)| *kind == wanted);
            found.map(|(_, value)| *value)
        };
        let outcome = match message_type {
            BINDING_RESPONSE => value(MAPPED_ADDRESS)
                .and_then(|value| address(value).ok())
                .map(|(_, address)| BindingOutcome::Mapped(address))
                .ok_or(StunError::NoOutcome {
                    attribute: "MAPPED-ADDRESS",
                })?,
            BINDING_ERROR_RESPONSE => value(ERROR_CODE)
                .and_then(|value| error_code(value).ok())
                .map(|(_, code)| BindingOutcome::Refused(code))
                .ok_or(StunError::NoOutcome {
                    attribute: "ERROR-CODE",
                })?,
            _ => return Err(StunError::OtherType { message_type }),
        };
        Ok(Self { id, outcome })
    }
}

type Attribute<'a> = (u16, &'a [u8]);

fn message(input: &[u8]) -> IResult<&[u8], (u16, TransactionId, Vec<Attribute<'_>>)> {
    let (input, message_type) = be_u16(input)?;
    let (input, length) = be_u16(input)?;
    let (input, id) = take(size_of::<TransactionId>()).parse(input)?;
    let (input, body) = all_consuming(take(length)).parse(input)?;
    let (_, attributes) = all_consuming(many0(attribute)).parse(body)?;
    // `take` gave just as many bytes.
    let id = TransactionId::try_from(id).unwrap_or_default();
    Ok((input, (message_type, id, attributes)))
}

/// An attribute; one whose length is no multiple of four, as RFC 5389 allows, is filled up.
fn attribute(input: &[u8]) -> IResult<&[u8], Attribute<'_>> {
    let (input, kind) = be_u16(input)?;
    let (input, value) = length_data(be_u16).parse(input)?;
    let filling = value.len().next_multiple_of(4) - value.len();
    // The last one may lack its filling.
    let (input, _) = take(filling.min(input.len())).parse(input)?;
    Ok((input, (kind, value)))
}

fn address(value: &[u8]) -> IResult<&[u8], SocketAddr> {
    let (value, (_, family, port)) = (be_u8, be_u8, be_u16).parse(value)?;
    let (value, address): (_, IpAddr) = match family {
        FAMILY_IPV4 => all_consuming(nom::number::complete::be_u32)
            .map(|bits| Ipv4Addr::from_bits(bits).into())
            .parse(value)?,
        // Not in RFC 3489, and written so by servers that know IPv6.
        FAMILY_IPV6 => all_consuming(nom::number::complete::be_u128)
            .map(|bits| Ipv6Addr::from_bits(bits).into())
            .parse(value)?,
        _ => {
            let kind = nom::error::ErrorKind::Verify;
            return Err(nom::Err::Error(nom::error::Error::new(value, kind)));
        }
    };
    Ok((value, SocketAddr::new(address, port)))
}

fn error_code(value: &[u8]) -> IResult<&[u8], u16> {
    let (value, (_, class, number)) = (be_u16, be_u8, be_u8).parse(value)?;
    let (class, number) = (u16::from(class & 0x07), u16::from(number));
    if !(1..=6).contains(&class) || number > 99 {
        let kind = nom::error::ErrorKind::Verify;
        return Err(nom::Err::Error(nom::error::Error::new(value, kind)));
    }
    Ok((value, class * 100 + number))
}

#[cfg(test)]
use crate::wire::stun;

#[cfg(test)]
#[path = "../../tests/fuzz/laws/stun.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Secret;

    const ID: TransactionId = [7; 16];

    fn answer(message_type: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            push_attribute(&mut body, *kind, value);
        }
        let mut message = message_type.to_be_bytes().to_vec();
        message.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&ID);
        message.extend_from_slice(&body);
        message
    }

    #[test]
    fn a_keep_alive_carries_the_text_with_its_blank_and_nothing_secret() {
        let request = BindingRequest {
            id: ID,
            binding_changed: false,
            credentials: None,
        };
        let mut expected = vec![0x00, 0x01, 0x00, 24];
        expected.extend_from_slice(&ID);
        expected.extend_from_slice(&[0xC0, 0x01, 0, 20]);
        expected.extend_from_slice(b"dslforum.org/TR-111 ");
        assert_eq!(request.encode(), expected);
    }

    #[test]
    fn a_signed_request_ends_with_the_hmac_of_all_before_it_filled_up_to_64() {
        let credentials = Credentials {
            username: "user1".into(),
            password: Secret::new("password"),
        };
        let request = BindingRequest {
            id: ID,
            binding_changed: true,
            credentials: Some(&credentials),
        };
        let message = request.encode();
        let (_, (message_type, _, attributes)) = super::message(&message).unwrap();
        assert_eq!(message_type, BINDING_REQUEST);
        let kinds: Vec<u16> = attributes.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [0xC001, 0xC002, USERNAME, MESSAGE_INTEGRITY]);
        assert_eq!(attributes[1].1, b"");
        assert_eq!(attributes[2].1, b"user1\0\0\0");
        let before = &message[..message.len() - 24];
        assert_eq!(before.len(), 20 + 24 + 4 + 12);
        let mut signed = before.to_vec();
        signed.resize(64, 0);
        assert_eq!(attributes[3].1, keyed(b"password", &signed));
    }

    #[test]
    fn a_mapped_address_is_read_whatever_stands_beside_it() {
        let mapped = [0, 1, 0x1D, 0x7B, 203, 0, 113, 9];
        let message = answer(
            BINDING_RESPONSE,
            &[
                (0x8022, b"odd"),
                (MAPPED_ADDRESS, &mapped),
                (0x0004, &mapped),
            ],
        );
        // The filling of the attribute of three bytes is missing: what follows is not where it
        // should be.
        assert!(BindingAnswer::parse(&message).is_err());
        let message = answer(
            BINDING_RESPONSE,
            &[(0x0004, &mapped), (MAPPED_ADDRESS, &mapped)],
        );
        assert_eq!(
            BindingAnswer::parse(&message).unwrap(),
            BindingAnswer {
                id: ID,
                outcome: BindingOutcome::Mapped("203.0.113.9:7547".parse().unwrap()),
            }
        );
    }

    #[test]
    fn a_refusal_tells_its_code() {
        let message = answer(BINDING_ERROR_RESPONSE, &[(ERROR_CODE, b"\0\0\x04\x01No")]);
        let outcome = BindingAnswer::parse(&message).unwrap().outcome;
        assert_eq!(outcome, BindingOutcome::Refused(401));
        let message = answer(BINDING_ERROR_RESPONSE, &[(ERROR_CODE, b"\0\0\x00\x01")]);
        assert!(BindingAnswer::parse(&message).is_err());
    }

    #[test]
    fn other_messages_are_no_answers() {
        let mapped = [0, 1, 0, 80, 203, 0, 113, 9];
        let request = answer(BINDING_REQUEST, &[(MAPPED_ADDRESS, &mapped)]);
        assert_eq!(
            BindingAnswer::parse(&request),
            Err(StunError::OtherType { message_type: 1 })
        );
        assert!(BindingAnswer::parse(&answer(BINDING_RESPONSE, &[])).is_err());
        assert!(BindingAnswer::parse(b"").is_err());
        assert!(!is_stun(b"GET http://h?"));
        assert!(is_stun(&request));
    }

    #[test]
    fn the_law_holds_for_answers_and_noise() {
        let mapped = [0, 1, 0, 80, 203, 0, 113, 9];
        law::holds(&answer(BINDING_RESPONSE, &[(MAPPED_ADDRESS, &mapped)]));
        law::holds(&answer(
            BINDING_ERROR_RESPONSE,
            &[(ERROR_CODE, b"\0\0\x04\x01")],
        ));
        for seed in [
            include_bytes!("../../tests/fuzz/seeds/stun/mapped").as_slice(),
            include_bytes!("../../tests/fuzz/seeds/stun/refused"),
            include_bytes!("../../tests/fuzz/seeds/stun/of-a-later-rfc"),
        ] {
            assert!(BindingAnswer::parse(seed).is_ok());
            law::holds(seed);
        }
    }

    proptest::proptest! {
        #[test]
        fn the_law_holds_for_any_bytes(bytes: Vec<u8>) {
            law::holds(&bytes);
        }
    }
}
