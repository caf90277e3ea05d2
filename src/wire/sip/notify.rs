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

/// By what a SIP message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SipTransport {
    /// Datagrams; what is lost is sent again.
    #[default]
    Udp,
    /// A stream.
    Tcp,
}

impl SipTransport {
    /// As it stands in a Via field.
    fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// A NOTIFY outside any dialog and subscription, as SIP servers send it to make phones fetch their
/// files (section 6 of the vendor sheets).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The user part of the phone's SIP URI; may be empty.
    pub user: String,
    /// What stands behind that in the URI: address and port of the phone, or the domain of its
    /// account.
    pub host: String,
    /// The Event field, parameters included: `check-sync;reboot=true`.
    pub event: String,
    /// Content-Type and body.
    pub body: Option<(String, String)>,
    /// The address under which the receiver sees us.
    pub local: SocketAddr,
    /// By what it goes.
    pub transport: SipTransport,
    /// The Route field, for a proxy that goes by it.
    pub route: Option<String>,
}

/// The random texts of one NOTIFY and of its repetition with credentials. Letters and digits only,
/// each at least 32 bits of randomness (RFC 3261 19.3), all different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionTokens {
    /// Branch of the first request, without the magic cookie. Those of the requests that answer a
    /// challenge have their CSeq number behind it.
    pub branch: String,
    /// From tag.
    pub tag: String,
    /// Call-ID, which must be unique among all transactions that run.
    pub call_id: String,
    /// Client nonce of the digest answer.
    pub cnonce: String,
}

impl Notify {
    /// One that goes to a phone itself by UDP, without a body.
    pub fn direct(target: SocketAddr, user: &str, event: &str, local: SocketAddr) -> Self {
        Self {
            user: user.to_owned(),
            host: target.to_string(),
            event: event.to_owned(),
            body: None,
            local,
            transport: SipTransport::Udp,
            route: None,
        }
    }

    /// The Request-URI.
    pub fn uri(&self) -> String {
        let host = &self.host;
        match self.user.as_str() {
            "" => format!("sip:{host}"),
            user => format!("sip:{}@{host}", utf8_percent_encode(user, USER_ESCAPED)),
        }
    }

    /// What a Digest answer with `auth-int` covers.
    pub(super) fn body_text(&self) -> &str {
        self.body.as_ref().map_or("", |(_, text)| text.as_str())
    }

    /// The request with this complete branch and CSeq number, and with the fields that carry
    /// credentials (name and value).
    pub(super) fn request(
        &self,
        tokens: &TransactionTokens,
        branch: &str,
        sequence: u32,
        credentials: &[(&str, String)],
    ) -> Message {
        let (local, uri) = (self.local, self.uri());
        let mut headers = Headers::default();
        let transport = self.transport.name();
        let via = format!("SIP/2.0/{transport} {local};branch={branch};rport");
        headers.push("Via", &via);
        if let Some(route) = &self.route {
            headers.push("Route", route);
        }
        headers.push("Max-Forwards", "70");
        headers.push("From", &format!("<sip:trestle@{local}>;tag={}", tokens.tag));
        headers.push("To", &format!("<{uri}>"));
        headers.push("Call-ID", &tokens.call_id);
        headers.push("CSeq", &format!("{sequence} NOTIFY"));
        let by_tcp = match self.transport {
            SipTransport::Udp => "",
            SipTransport::Tcp => ";transport=tcp",
        };
        headers.push("Contact", &format!("<sip:trestle@{local}{by_tcp}>"));
        headers.push("Event", &self.event);
        // There is no subscription that could go on; SIP servers write the same.
        headers.push("Subscription-State", "terminated;reason=timeout");
        headers.push("User-Agent", concat!("trestle/", env!("CARGO_PKG_VERSION")));
        for (name, value) in credentials {
            headers.push(name, value);
        }
        if let Some((content_type, _)) = &self.body {
            headers.push("Content-Type", content_type);
        }
        Message {
            start: StartLine::Request {
                method: "NOTIFY".to_owned(),
                uri,
            },
            headers,
            body: self.body_text().as_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> TransactionTokens {
        TransactionTokens {
            branch: "b1".into(),
            tag: "t1".into(),
            call_id: "c1".into(),
            cnonce: "n1".into(),
        }
    }

    fn notify() -> Notify {
        Notify::direct(
            "192.0.2.20:5062".parse().unwrap(),
            "200",
            "check-sync;reboot=true",
            "192.0.2.1:40000".parse().unwrap(),
        )
    }

    #[test]
    fn the_request_is_written_as_phones_know_it() {
        let request = notify().request(&tokens(), "z9hG4bKb1", 1, &[]);
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
            notify.host = target.into();
            assert_eq!(notify.uri(), uri);
        }
    }

    #[test]
    fn through_a_proxy_it_names_the_account_and_by_tcp_says_so() {
        let notify = Notify {
            host: "example.net".into(),
            body: Some(("application/xml".into(), "<a/>".into())),
            local: "[2001:db8::7]:40000".parse().unwrap(),
            transport: SipTransport::Tcp,
            route: Some("<sip:pbx.example.net;transport=tcp;lr>".into()),
            ..notify()
        };
        let request = notify.request(&tokens(), "z9hG4bKb1", 1, &[]);
        let read = Message::parse(&request.encode()).unwrap();
        let StartLine::Request { uri, .. } = &read.start else {
            panic!("no request");
        };
        assert_eq!(uri, "sip:200@example.net");
        let first = |name: &str| read.headers.first(name).unwrap();
        assert_eq!(first("Route"), "<sip:pbx.example.net;transport=tcp;lr>");
        assert_eq!(
            first("Via"),
            "SIP/2.0/TCP [2001:db8::7]:40000;branch=z9hG4bKb1;rport"
        );
        assert_eq!(first("To"), "<sip:200@example.net>");
        assert_eq!(
            first("Contact"),
            "<sip:trestle@[2001:db8::7]:40000;transport=tcp>"
        );
        assert_eq!(first("Content-Type"), "application/xml");
        assert_eq!(read.body, b"<a/>");
    }

    #[test]
    fn an_event_cannot_add_a_field() {
        let mut notify = notify();
        notify.event = "resync\r\nEvil: yes".into();
        let sent = notify.request(&tokens(), "z9hG4bKb1", 1, &[]);
        let read = Message::parse(&sent.encode()).unwrap();
        assert_eq!(read.headers.first("Evil"), None);
    }
}
