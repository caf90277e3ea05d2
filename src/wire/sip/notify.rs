//! The NOTIFY request that tells a phone to fetch its file or to restart.

use std::net::SocketAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::header::Headers;
use super::message::{Message, StartLine};

/// What may stand unescaped in the user part of a SIP URI: `unreserved` and `user-unreserved`
/// (RFC 3261 25.1).
const USER_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',')
    .remove(b';')
    .remove(b'?')
    .remove(b'/');

/// A NOTIFY outside any dialog and subscription, as SIP servers send it to make phones fetch their
/// files (section 6 of the vendor sheets).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Where the phone listens for SIP.
    pub target: SocketAddr,
    /// The user part of the phone's SIP URI; may be empty.
    pub user: String,
    /// The Event field, parameters included: `check-sync;reboot=true`.
    pub event: String,
    /// The address under which the phone sees us.
    pub local: SocketAddr,
}

/// The random texts of one NOTIFY and of its repetition with credentials. Letters and digits only,
/// each at least 32 bits of randomness (RFC 3261 19.3), all different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionTokens {
    /// Branch of the first request, without the magic cookie.
    pub branch: String,
    /// Branch of the request that answers a challenge, without the magic cookie.
    pub second_branch: String,
    /// From tag.
    pub tag: String,
    /// Call-ID, which must be unique among all transactions that run.
    pub call_id: String,
    /// Client nonce of the digest answer.
    pub cnonce: String,
}

impl Notify {
    /// The Request-URI.
    pub fn uri(&self) -> String {
        match self.user.as_str() {
            "" => format!("sip:{}", self.target),
            user => format!(
                "sip:{}@{}",
                utf8_percent_encode(user, USER_ESCAPED),
                self.target
            ),
        }
    }

    /// The request with this complete branch and CSeq number, and with a field that carries
    /// credentials when there is one (its name and value).
    pub(super) fn request(
        &self,
        tokens: &TransactionTokens,
        branch: &str,
        sequence: u32,
        credentials: Option<(&str, &str)>,
    ) -> Message {
        let (local, uri) = (self.local, self.uri());
        let mut headers = Headers::default();
        headers.push("Via", &format!("SIP/2.0/UDP {local};branch={branch};rport"));
        headers.push("Max-Forwards", "70");
        headers.push("From", &format!("<sip:trestle@{local}>;tag={}", tokens.tag));
        headers.push("To", &format!("<{uri}>"));
        headers.push("Call-ID", &tokens.call_id);
        headers.push("CSeq", &format!("{sequence} NOTIFY"));
        headers.push("Contact", &format!("<sip:trestle@{local}>"));
        headers.push("Event", &self.event);
        // There is no subscription that could go on; SIP servers write the same.
        headers.push("Subscription-State", "terminated;reason=timeout");
        headers.push("User-Agent", concat!("trestle/", env!("CARGO_PKG_VERSION")));
        if let Some((name, value)) = credentials {
            headers.push(name, value);
        }
        Message {
            start: StartLine::Request {
                method: "NOTIFY".to_owned(),
                uri,
            },
            headers,
            body: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> TransactionTokens {
        TransactionTokens {
            branch: "b1".into(),
            second_branch: "b2".into(),
            tag: "t1".into(),
            call_id: "c1".into(),
            cnonce: "n1".into(),
        }
    }

    fn notify() -> Notify {
        Notify {
            target: "192.0.2.20:5062".parse().unwrap(),
            user: "200".into(),
            event: "check-sync;reboot=true".into(),
            local: "192.0.2.1:40000".parse().unwrap(),
        }
    }

    #[test]
    fn the_request_is_written_as_phones_know_it() {
        let request = notify().request(&tokens(), "z9hG4bKb1", 1, None);
        let expected = concat!(
            "NOTIFY sip:200@192.0.2.20:5062 SIP/2.0\r\n",
            "Via: SIP/2.0/UDP 192.0.2.1:40000;branch=z9hG4bKb1;rport\r\n",
            "Max-Forwards: 70\r\n",
            "From: <sip:trestle@192.0.2.1:40000>;tag=t1\r\n",
            "To: <sip:200@192.0.2.20:5062>\r\n",
            "Call-ID: c1\r\n",
            "CSeq: 1 NOTIFY\r\n",
            "Contact: <sip:trestle@192.0.2.1:40000>\r\n",
            "Event: check-sync;reboot=true\r\n",
            "Subscription-State: terminated;reason=timeout\r\n",
            "User-Agent: trestle/",
            env!("CARGO_PKG_VERSION"),
            "\r\n",
            "Content-Length: 0\r\n",
            "\r\n"
        );
        assert_eq!(String::from_utf8(request.encode()).unwrap(), expected);
    }

    #[test]
    fn the_uri_carries_any_user_and_both_kinds_of_address() {
        let mut notify = notify();
        for (user, target, uri) in [
            ("", "192.0.2.20:5060", "sip:192.0.2.20:5060"),
            ("200", "[2001:db8::1]:5060", "sip:200@[2001:db8::1]:5060"),
            (
                "a b@c>",
                "192.0.2.20:5060",
                "sip:a%20b%40c%3E@192.0.2.20:5060",
            ),
            ("+49;x=1", "192.0.2.20:5060", "sip:+49;x=1@192.0.2.20:5060"),
        ] {
            notify.user = user.into();
            notify.target = target.parse().unwrap();
            assert_eq!(notify.uri(), uri);
        }
    }

    #[test]
    fn an_event_cannot_add_a_field() {
        let mut notify = notify();
        notify.event = "resync\r\nEvil: yes".into();
        let sent = notify.request(&tokens(), "z9hG4bKb1", 1, None);
        let read = Message::parse(&sent.encode()).unwrap();
        assert_eq!(read.headers.first("Evil"), None);
    }
}
