//! The phone's side of a NOTIFY, for the simulated phone.

use std::collections::VecDeque;
use std::net::SocketAddr;

use jiff::Timestamp;

use super::header::{Headers, Via};
use super::message::{Message, StartLine};
use crate::wire::digest::{Credentials, Verdict, Verifier};

/// Responses that are kept to answer repeated requests.
const KEPT_RESPONSES: usize = 32;

/// What a datagram was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Nothing that gets an answer.
    Nothing,
    /// A request: here is the response, to be sent to where the request came from.
    Request {
        /// The response.
        response: Vec<u8>,
        /// The Event of an accepted NOTIFY, parameters included, the first time it comes.
        event: Option<String>,
    },
}

/// Answers NOTIFY requests.
#[derive(Debug)]
pub struct NotifyServer {
    accepts: fn(&str) -> bool,
    challenger: Option<(Verifier, Credentials)>,
    /// Branch and response of the latest requests: what comes twice is answered twice and done
    /// once (RFC 3261 17.2.2).
    answered: VecDeque<(String, Vec<u8>)>,
}

/// A response: status, reason and, for some, a field with its name and value.
struct Decision {
    status: u16,
    reason: &'static str,
    field: Option<(&'static str, String)>,
}

impl NotifyServer {
    /// A server that accepts the events of which `accepts` says so, parameters included.
    pub fn new(accepts: fn(&str) -> bool) -> Self {
        Self {
            accepts,
            challenger: None,
            answered: VecDeque::new(),
        }
    }

    /// Makes every NOTIFY show these credentials. `key` is random.
    #[must_use]
    pub fn with_challenge(mut self, credentials: Credentials, key: [u8; 64]) -> Self {
        self.challenger = Some((Verifier::new(key, "phone"), credentials));
        self
    }

    /// Takes a datagram. `tag` is a random text for the To field.
    pub fn on_datagram(
        &mut self,
        datagram: &[u8],
        source: SocketAddr,
        tag: &str,
        now: Timestamp,
    ) -> Received {
        let Ok(request) = Message::parse(datagram) else {
            return Received::Nothing;
        };
        let (StartLine::Request { method, uri }, Some(via)) = (&request.start, request.top_via())
        else {
            return Received::Nothing;
        };
        // Nobody answers an ACK.
        if method == "ACK" {
            return Received::Nothing;
        }
        let branch = via.branch().unwrap_or_default().to_owned();
        if let Some((_, response)) = self.answered.iter().find(|(known, _)| *known == branch) {
            return Received::Request {
                response: response.clone(),
                event: None,
            };
        }
        let decision = self.decide(&request, method, uri, now);
        let response = respond(&request, &decision, source, tag).encode();
        if self.answered.len() == KEPT_RESPONSES {
            self.answered.pop_front();
        }
        self.answered.push_back((branch, response.clone()));
        let event = request.headers.first("Event").map(str::to_owned);
        Received::Request {
            response,
            event: event.filter(|_| decision.status == 200),
        }
    }

    fn decide(&mut self, request: &Message, method: &str, uri: &str, now: Timestamp) -> Decision {
        let plain = |status, reason| Decision {
            status,
            reason,
            field: None,
        };
        if method != "NOTIFY" {
            return Decision {
                field: Some(("Allow", "NOTIFY".to_owned())),
                ..plain(405, "Method Not Allowed")
            };
        }
        if let Some((verifier, credentials)) = &mut self.challenger {
            let verdict = request
                .headers
                .first("Authorization")
                .map_or(Verdict::Refused, |value| {
                    verifier.verify(now, value, method, uri, "", credentials)
                });
            if verdict != Verdict::Accepted {
                let challenge = verifier.challenge(now, "", verdict == Verdict::Stale);
                return Decision {
                    field: Some(("WWW-Authenticate", challenge)),
                    ..plain(401, "Unauthorized")
                };
            }
        }
        match request.headers.first("Event") {
            Some(event) if (self.accepts)(event) => plain(200, "OK"),
            _ => plain(489, "Bad Event"),
        }
    }
}

/// The response to a request (RFC 3261 8.2.6): it carries the request's Via, From, To, Call-ID and
/// CSeq; the topmost Via tells where the request came from (RFC 3581 4).
fn respond(request: &Message, decision: &Decision, source: SocketAddr, tag: &str) -> Message {
    let mut headers = Headers::default();
    for (number, value) in request.headers.all("Via").enumerate() {
        if number > 0 {
            headers.push("Via", value);
            continue;
        }
        let (mut via, rest) = Via::parse_first(value);
        via.parameters
            .retain(|(name, _)| !name.eq_ignore_ascii_case("received"));
        for (name, value) in &mut via.parameters {
            if name.eq_ignore_ascii_case("rport") {
                *value = Some(source.port().to_string());
            }
        }
        via.parameters
            .push(("received".to_owned(), Some(source.ip().to_string())));
        headers.push("Via", &via.to_text());
        if !rest.is_empty() {
            headers.push("Via", rest);
        }
    }
    for name in ["From", "Call-ID", "CSeq"] {
        for value in request.headers.all(name) {
            headers.push(name, value);
        }
    }
    for value in request.headers.all("To") {
        match value.contains(";tag=") {
            true => headers.push("To", value),
            false => headers.push("To", &format!("{value};tag={tag}")),
        }
    }
    if let Some((name, value)) = &decision.field {
        headers.push(name, value);
    }
    Message {
        start: StartLine::Response {
            status: decision.status,
            reason: decision.reason.to_owned(),
        },
        headers,
        body: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::wire::Secret;
    use crate::wire::sip::{Action, Notify, NotifyTransaction, Outcome, TransactionTokens};

    const NOTIFY: &[u8] = b"NOTIFY sip:200@192.0.2.20 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:40000;branch=z9hG4bKa;rport, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb\r\n\
        Via: SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKc\r\n\
        From: <sip:trestle@192.0.2.1>;tag=f\r\n\
        To: <sip:200@192.0.2.20>\r\n\
        Call-ID: c1\r\n\
        CSeq: 4 NOTIFY\r\n\
        Event: resync\r\n\r\n";

    fn source() -> SocketAddr {
        "192.0.2.77:40077".parse().unwrap()
    }

    fn reply(server: &mut NotifyServer, datagram: &[u8]) -> (Message, Option<String>) {
        match server.on_datagram(datagram, source(), "tag", Timestamp::UNIX_EPOCH) {
            Received::Request { response, event } => (Message::parse(&response).unwrap(), event),
            Received::Nothing => panic!("no answer"),
        }
    }

    fn status(message: &Message) -> u16 {
        match message.start {
            StartLine::Response { status, .. } => status,
            StartLine::Request { .. } => panic!("no response"),
        }
    }

    #[test]
    fn a_notify_is_accepted_and_the_response_finds_its_way_back() {
        let mut server = NotifyServer::new(|event| event == "resync");
        let (response, event) = reply(&mut server, NOTIFY);
        assert_eq!(event.as_deref(), Some("resync"));
        assert_eq!(status(&response), 200);
        assert_eq!(
            response.headers.all("Via").collect::<Vec<_>>(),
            [
                "SIP/2.0/UDP 192.0.2.1:40000;branch=z9hG4bKa;rport=40077;received=192.0.2.77",
                "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb",
                "SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKc",
            ]
        );
        assert_eq!(
            response.headers.first("To"),
            Some("<sip:200@192.0.2.20>;tag=tag")
        );
        assert_eq!(response.sequence(), Some((4, "NOTIFY")));
    }

    #[test]
    fn a_repeated_notify_is_answered_again_and_acted_upon_once() {
        let mut server = NotifyServer::new(|_| true);
        let (first, event) = reply(&mut server, NOTIFY);
        assert!(event.is_some());
        assert_eq!(reply(&mut server, NOTIFY), (first, None));
    }

    #[test]
    fn other_requests_are_refused_and_noise_is_not_answered() {
        let mut server = NotifyServer::new(|event| event == "check-sync");
        let (response, event) = reply(&mut server, NOTIFY);
        assert_eq!((status(&response), event), (489, None));
        let options = b"OPTIONS sip:200@192.0.2.20 SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z\r\n\r\n";
        let (response, event) = reply(&mut server, options);
        assert_eq!((status(&response), event), (405, None));
        for noise in [
            &b"\r\n\r\n"[..],
            b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z\r\n\r\n",
            b"ACK sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=y\r\n\r\n",
            b"NOTIFY sip:a SIP/2.0\r\nEvent: check-sync\r\n\r\n",
        ] {
            let received = server.on_datagram(noise, source(), "tag", Timestamp::UNIX_EPOCH);
            assert_eq!(received, Received::Nothing);
        }
    }

    /// Carries datagrams between a transaction and a server until it is over.
    fn converse(username: &str, password: &str) -> (Outcome, Vec<String>) {
        let credentials = |username: &str, password: &str| Credentials {
            username: username.into(),
            password: Secret::new(password),
        };
        let mut server = NotifyServer::new(|event| event == "check-sync;reboot=true")
            .with_challenge(credentials("200", "verbena"), [9; 64]);
        let notify = Notify::direct(
            "192.0.2.20:5060".parse().unwrap(),
            "200",
            "check-sync;reboot=true",
            source(),
        );
        let tokens = TransactionTokens {
            branch: "b1".into(),
            tag: "t1".into(),
            call_id: "c1".into(),
            cnonce: "n1".into(),
        };
        let now = Instant::now();
        let mut transaction =
            NotifyTransaction::new(notify, tokens, Some(credentials(username, password)), now);
        let mut events = Vec::new();
        loop {
            match transaction.poll(now) {
                Action::Send(datagram) => {
                    let received =
                        server.on_datagram(&datagram, source(), "tag", Timestamp::UNIX_EPOCH);
                    let Received::Request { response, event } = received else {
                        panic!("no answer");
                    };
                    events.extend(event);
                    transaction.on_datagram(&response, now);
                }
                Action::Done(outcome) => return (outcome, events),
                Action::Wait(_) => panic!("the answer was not taken"),
            }
        }
    }

    #[test]
    fn a_challenge_lets_those_pass_who_know_the_password() {
        assert_eq!(
            converse("200", "verbena"),
            (
                Outcome::Accepted { status: 200 },
                vec!["check-sync;reboot=true".to_owned()]
            )
        );
        for (username, password) in [("200", "wrong"), ("201", "verbena")] {
            assert_eq!(
                converse(username, password),
                (Outcome::Refused { status: 401 }, vec![])
            );
        }
    }
}
