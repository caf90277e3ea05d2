//! The client's side of a NOTIFY: sending it again, waiting, and answering challenges (RFC 3261
//! 17.1.2 and 22).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::{Message, StartLine};
use super::notify::{Notify, SipTransport, TransactionTokens};
use crate::wire::digest::{Challenge, ClientState, Credentials};

/// T1: estimate of a round trip, and the wait before the first repetition (RFC 3261 17.1.2.2).
const T1: Duration = Duration::from_millis(500);

/// T2: the longest wait between repetitions.
const T2: Duration = Duration::from_secs(4);

/// Timer F, 64 times T1: when to give up.
const GIVE_UP: Duration = Duration::from_secs(32);

/// Marks branches that are unique (RFC 3261 8.1.1.7).
const MAGIC_COOKIE: &str = "z9hG4bK";

/// What the one who has the socket must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this message to where the NOTIFY goes, then poll again.
    Send(Vec<u8>),
    /// Wait for a response, at most until then, then poll again.
    Wait(Instant),
    /// It is over.
    Done(Outcome),
}

/// How a NOTIFY ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx response.
    Accepted {
        /// The status code.
        status: u16,
    },
    /// A final response of another class. 401 and 407 are among them when there are no credentials
    /// for the challenge, or the phone refused those that it was given.
    Refused {
        /// The status code.
        status: u16,
    },
    /// No final response in time.
    NoAnswer,
}

/// What challenges are answered with.
#[derive(Debug, Clone, Default)]
pub struct NotifyCredentials {
    /// Those of the phone's account.
    pub phone: Option<Credentials>,
    /// Those that the proxy wants; without them it is shown the phone's.
    pub proxy: Option<Credentials>,
}

impl From<Option<Credentials>> for NotifyCredentials {
    fn from(phone: Option<Credentials>) -> Self {
        Self { phone, proxy: None }
    }
}

/// One NOTIFY on its way. It knows no clock: every call says what time it is.
#[derive(Debug)]
pub struct NotifyTransaction {
    notify: Notify,
    tokens: TransactionTokens,
    /// For 401 and for 407.
    answers: [Answering; 2],
    attempt: Attempt,
    outcome: Option<Outcome>,
}

/// How challenges of one kind are answered.
#[derive(Debug)]
struct Answering {
    asked: &'static str,
    answered: &'static str,
    /// Not shown yet, in the order in which they are: each is shown once, for who challenges again
    /// does not want it.
    untried: VecDeque<Credentials>,
    /// The challenge and the credentials that it is answered with, from then on in every request.
    current: Option<(ClientState, Credentials)>,
}

/// One request and its repetitions.
#[derive(Debug)]
struct Attempt {
    branch: String,
    sequence: u32,
    datagram: Vec<u8>,
    send_at: Instant,
    /// The wait after the next sending.
    interval: Duration,
    is_repeated: bool,
    give_up_at: Instant,
}

impl NotifyTransaction {
    /// A transaction that begins now. Without credentials a challenge is a refusal.
    pub fn new(
        notify: Notify,
        tokens: TransactionTokens,
        credentials: impl Into<NotifyCredentials>,
        now: Instant,
    ) -> Self {
        let attempt = Attempt::new(&notify, &tokens, 1, &[], now);
        let NotifyCredentials { phone, proxy } = credentials.into();
        // A PBX that stands between challenges by 401 as if it were the phone.
        let for_phone = phone.iter().chain(&proxy).cloned().collect();
        let for_proxy = proxy.or(phone).into_iter().collect();
        let answering = |asked, answered, untried| Answering {
            asked,
            answered,
            untried,
            current: None,
        };
        Self {
            notify,
            tokens,
            answers: [
                answering("WWW-Authenticate", "Authorization", for_phone),
                answering("Proxy-Authenticate", "Proxy-Authorization", for_proxy),
            ],
            attempt,
            outcome: None,
        }
    }

    /// The Call-ID of all its requests, by which its responses are told from those of others.
    pub fn call_id(&self) -> &str {
        &self.tokens.call_id
    }

    /// What to do now.
    pub fn poll(&mut self, now: Instant) -> Action {
        if self.outcome.is_none() && now >= self.attempt.give_up_at {
            self.outcome = Some(Outcome::NoAnswer);
        }
        if let Some(outcome) = self.outcome {
            return Action::Done(outcome);
        }
        let attempt = &mut self.attempt;
        if now >= attempt.send_at {
            attempt.send_at = now + attempt.interval;
            if attempt.is_repeated {
                attempt.interval = T2.min(attempt.interval * 2);
            }
            return Action::Send(attempt.datagram.clone());
        }
        Action::Wait(attempt.send_at.min(attempt.give_up_at))
    }

    /// Takes a datagram that came in. Whatever is no response to this transaction's present
    /// request changes nothing.
    pub fn on_datagram(&mut self, datagram: &[u8], now: Instant) {
        if let Ok(message) = Message::parse(datagram) {
            self.on_message(&message, now);
        }
    }

    /// The same for a message that has been parsed.
    pub fn on_message(&mut self, message: &Message, now: Instant) {
        let StartLine::Response { status, .. } = message.start else {
            return;
        };
        let is_ours = message.call_id() == Some(self.call_id());
        if self.outcome.is_some() || !is_ours || !self.attempt.is_answered_by(message) {
            return;
        }
        match status {
            // RFC 3261 17.1.2.2: once it proceeds, the request is repeated every T2 only.
            ..200 if self.attempt.is_repeated => self.attempt.interval = T2,
            ..200 => {}
            200..300 => self.outcome = Some(Outcome::Accepted { status }),
            401 | 407 => {
                if !self.take_challenge(status, message) {
                    self.outcome = Some(Outcome::Refused { status });
                    return;
                }
                let uri = self.notify.uri();
                let body = self.notify.body_text();
                let fields: Vec<(&str, String)> = self
                    .answers
                    .iter_mut()
                    .filter_map(|answering| {
                        let (state, credentials) = answering.current.as_mut()?;
                        let cnonce = &self.tokens.cnonce;
                        let value = state.answer("NOTIFY", &uri, &body, credentials, cnonce);
                        Some((answering.answered, value))
                    })
                    .collect();
                let sequence = self.attempt.sequence + 1;
                self.attempt = Attempt::new(&self.notify, &self.tokens, sequence, &fields, now);
            }
            _ => self.outcome = Some(Outcome::Refused { status }),
        }
    }

    /// Chooses what a challenge is answered with; whether there is something.
    fn take_challenge(&mut self, status: u16, message: &Message) -> bool {
        let [of_phone, of_proxy] = &mut self.answers;
        let answering = if status == 401 { of_phone } else { of_proxy };
        // Basic must not be used with SIP (RFC 3261 22): it would give the password away.
        let digests = Challenge::parse_all(message.headers.all(answering.asked))
            .into_iter()
            .filter(|challenge| matches!(challenge, Challenge::Digest(_)));
        let Some(challenge) = Challenge::strongest(digests) else {
            return false;
        };
        let Some(credentials) = answering.untried.pop_front() else {
            return false;
        };
        answering.current = Some((ClientState::new(challenge), credentials));
        true
    }
}

impl Attempt {
    fn new(
        notify: &Notify,
        tokens: &TransactionTokens,
        sequence: u32,
        credentials: &[(&str, String)],
        now: Instant,
    ) -> Self {
        let first = &tokens.branch;
        let branch = match sequence {
            1 => format!("{MAGIC_COOKIE}{first}"),
            _ => format!("{MAGIC_COOKIE}{first}{sequence}"),
        };
        let request = notify.request(tokens, &branch, sequence, credentials);
        Self {
            branch,
            sequence,
            datagram: request.encode(),
            send_at: now,
            // What goes by a stream arrives, or the stream breaks (RFC 3261 17.1.2.2).
            interval: match notify.transport {
                SipTransport::Udp => T1,
                SipTransport::Tcp => GIVE_UP,
            },
            is_repeated: notify.transport == SipTransport::Udp,
            give_up_at: now + GIVE_UP,
        }
    }

    /// RFC 3261 17.1.3: the branch and the method in CSeq name the transaction.
    fn is_answered_by(&self, response: &Message) -> bool {
        let same_branch = response
            .top_via()
            .is_some_and(|via| via.branch() == Some(&self.branch));
        let same_request = response.sequence().is_some_and(|(number, method)| {
            number == self.sequence && method.eq_ignore_ascii_case("NOTIFY")
        });
        same_branch && same_request
    }
}

#[cfg(test)]
use crate::wire;

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/sip_notify.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Secret;

    fn transaction(username: Option<&str>, now: Instant) -> NotifyTransaction {
        let credentials = username.map(|username| credentials(username, "verbena"));
        NotifyTransaction::new(notify(), tokens(), credentials, now)
    }

    fn notify() -> Notify {
        Notify::direct(
            "192.0.2.20:5060".parse().unwrap(),
            "200",
            "resync",
            "192.0.2.1:40000".parse().unwrap(),
        )
    }

    fn credentials(username: &str, password: &str) -> Credentials {
        Credentials {
            username: username.into(),
            password: Secret::new(password),
        }
    }

    fn tokens() -> TransactionTokens {
        TransactionTokens {
            branch: "first".into(),
            tag: "t1".into(),
            call_id: "c1".into(),
            cnonce: "0a4f113b".into(),
        }
    }

    fn response(status: &str, branch: &str, sequence: &str, more: &str) -> Vec<u8> {
        format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1:40000;branch={branch};rport=40000\r\n\
             Call-ID: c1\r\nCSeq: {sequence}\r\n{more}\r\n"
        )
        .into_bytes()
    }

    /// Polls until it is over, waiting as long as it says; the times of sending, in milliseconds.
    fn run(transaction: &mut NotifyTransaction, start: Instant, from: Instant) -> Vec<u128> {
        let mut now = from;
        let mut sent = Vec::new();
        loop {
            match transaction.poll(now) {
                Action::Send(_) => sent.push((now - start).as_millis()),
                Action::Wait(until) => {
                    assert!(until > now, "a wait that does not end");
                    now = until;
                }
                Action::Done(_) => {
                    sent.push((now - start).as_millis());
                    return sent;
                }
            }
        }
    }

    fn sent(transaction: &mut NotifyTransaction, now: Instant) -> Message {
        let Action::Send(datagram) = transaction.poll(now) else {
            panic!("nothing to send");
        };
        Message::parse(&datagram).unwrap()
    }

    #[test]
    fn it_is_repeated_with_growing_waits_and_given_up() {
        let start = Instant::now();
        let mut transaction = transaction(None, start);
        assert_eq!(
            run(&mut transaction, start, start),
            [
                0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500, 32000
            ]
        );
        assert_eq!(
            transaction.poll(start),
            Action::Done(Outcome::NoAnswer),
            "what is over stays over"
        );
    }

    #[test]
    fn a_provisional_response_slows_it_down_and_does_not_end_it() {
        let start = Instant::now();
        let mut transaction = transaction(None, start);
        sent(&mut transaction, start);
        transaction.on_datagram(
            &response("100 Trying", "z9hG4bKfirst", "1 NOTIFY", ""),
            start,
        );
        assert_eq!(
            run(&mut transaction, start, start),
            [500, 4500, 8500, 12500, 16500, 20500, 24500, 28500, 32000]
        );
    }

    #[test]
    fn the_final_response_ends_it() {
        for (status, outcome) in [
            ("200 OK", Outcome::Accepted { status: 200 }),
            ("202", Outcome::Accepted { status: 202 }),
            ("302 Moved", Outcome::Refused { status: 302 }),
            ("489 Bad Event", Outcome::Refused { status: 489 }),
            ("503 Busy", Outcome::Refused { status: 503 }),
            ("603 Decline", Outcome::Refused { status: 603 }),
        ] {
            let now = Instant::now();
            let mut transaction = transaction(None, now);
            sent(&mut transaction, now);
            transaction.on_datagram(&response(status, "z9hG4bKfirst", "1 notify", ""), now);
            assert_eq!(transaction.poll(now), Action::Done(outcome), "{status}");
        }
    }

    #[test]
    fn what_is_no_response_to_it_changes_nothing() {
        let now = Instant::now();
        let mut transaction = transaction(None, now);
        sent(&mut transaction, now);
        for datagram in [
            response("200 OK", "z9hG4bKother", "1 NOTIFY", ""),
            response("200 OK", "z9hG4bKfirst", "2 NOTIFY", ""),
            response("200 OK", "z9hG4bKfirst", "1 OPTIONS", ""),
            b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
            String::from_utf8(response("200 OK", "z9hG4bKfirst", "1 NOTIFY", ""))
                .unwrap()
                .replace("c1", "c2")
                .into_bytes(),
            b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKfirst\r\nCSeq: 1 NOTIFY\r\n\r\n".to_vec(),
            b"\r\n\r\n".to_vec(),
        ] {
            transaction.on_datagram(&datagram, now);
            assert!(matches!(transaction.poll(now), Action::Wait(_)));
        }
    }

    const CHALLENGE: &str =
        "WWW-Authenticate: Digest realm=\"phone\", nonce=\"abc\", qop=\"auth\", algorithm=MD5\r\n";

    #[test]
    fn a_challenge_is_answered_once_with_a_request_of_its_own() {
        let start = Instant::now();
        let mut transaction = transaction(Some("200"), start);
        assert_eq!(
            sent(&mut transaction, start).headers.first("Authorization"),
            None
        );
        let later = start + Duration::from_secs(30);
        transaction.on_datagram(
            &response("401 Unauthorized", "z9hG4bKfirst", "1 NOTIFY", CHALLENGE),
            later,
        );
        let second = sent(&mut transaction, later);
        assert_eq!(second.top_via().unwrap().branch(), Some("z9hG4bKfirst2"));
        assert_eq!(second.sequence(), Some((2, "NOTIFY")));
        assert_eq!(second.call_id(), Some("c1"));
        let answer = second.headers.first("Authorization").unwrap();
        // MD5 of 200:phone:verbena, nonce, nc, cnonce, auth, NOTIFY:sip:200@192.0.2.20:5060, made
        // with another program.
        assert!(
            answer.contains("response=\"3998f880907c01acf81ba408ebf5bb43\""),
            "{answer}"
        );
        assert!(
            answer.contains("uri=\"sip:200@192.0.2.20:5060\""),
            "{answer}"
        );

        // The late repetition of the first challenge is not the second challenge.
        transaction.on_datagram(
            &response("401 Unauthorized", "z9hG4bKfirst", "1 NOTIFY", CHALLENGE),
            later,
        );
        assert_eq!(
            transaction.poll(later),
            Action::Wait(later + Duration::from_millis(500)),
            "times begin anew"
        );
        transaction.on_datagram(
            &response("401 Unauthorized", "z9hG4bKfirst2", "2 NOTIFY", CHALLENGE),
            later,
        );
        assert_eq!(
            transaction.poll(later),
            Action::Done(Outcome::Refused { status: 401 })
        );
    }

    #[test]
    fn a_proxy_is_answered_in_its_own_field() {
        let now = Instant::now();
        let mut transaction = transaction(Some("200"), now);
        sent(&mut transaction, now);
        let challenge = CHALLENGE.replace("WWW-", "Proxy-");
        transaction.on_datagram(
            &response("407 Asks", "z9hG4bKfirst", "1 NOTIFY", &challenge),
            now,
        );
        let second = sent(&mut transaction, now);
        assert!(second.headers.first("Proxy-Authorization").is_some());
        assert!(second.headers.first("Authorization").is_none());
    }

    #[test]
    fn a_challenge_that_cannot_be_answered_is_a_refusal() {
        for (username, challenge) in [
            (None, CHALLENGE),
            (Some("200"), ""),
            (Some("200"), "WWW-Authenticate: Basic realm=\"phone\"\r\n"),
            (Some("200"), "WWW-Authenticate: Digest \r\n"),
        ] {
            let now = Instant::now();
            let mut transaction = transaction(username, now);
            sent(&mut transaction, now);
            transaction.on_datagram(
                &response("401 Unauthorized", "z9hG4bKfirst", "1 NOTIFY", challenge),
                now,
            );
            assert_eq!(
                transaction.poll(now),
                Action::Done(Outcome::Refused { status: 401 }),
                "{username:?} {challenge}"
            );
        }
    }

    #[test]
    fn a_proxy_and_the_phone_behind_it_are_each_shown_their_own() {
        let now = Instant::now();
        let credentials = NotifyCredentials {
            phone: Some(credentials("200", "verbena")),
            proxy: Some(credentials("gateway", "mooring")),
        };
        let mut transaction = NotifyTransaction::new(notify(), tokens(), credentials, now);
        sent(&mut transaction, now);
        let of_proxy = CHALLENGE.replace("WWW-", "Proxy-");
        transaction.on_datagram(
            &response("407 Asks", "z9hG4bKfirst", "1 NOTIFY", &of_proxy),
            now,
        );
        let second = sent(&mut transaction, now);
        let of = |message: &Message, name: &str| message.headers.first(name).map(str::to_owned);
        let shown = of(&second, "Proxy-Authorization").unwrap();
        assert!(shown.contains("username=\"gateway\""), "{shown}");
        assert_eq!(of(&second, "Authorization"), None);
        transaction.on_datagram(
            &response("401 No", "z9hG4bKfirst2", "2 NOTIFY", CHALLENGE),
            now,
        );
        let third = sent(&mut transaction, now);
        let shown = of(&third, "Proxy-Authorization").unwrap();
        assert!(shown.contains("nc=00000002"), "{shown}");
        let shown = of(&third, "Authorization").unwrap();
        assert!(shown.contains("username=\"200\""), "{shown}");
        // It may have been the proxy that asked: its own are shown too, and then no more.
        for sequence in [3, 4] {
            transaction.on_datagram(
                &response(
                    "401 No",
                    &format!("z9hG4bKfirst{sequence}"),
                    &format!("{sequence} NOTIFY"),
                    CHALLENGE,
                ),
                now,
            );
            if sequence == 3 {
                let shown = of(&sent(&mut transaction, now), "Authorization").unwrap();
                assert!(shown.contains("username=\"gateway\""), "{shown}");
            }
        }
        assert_eq!(
            transaction.poll(now),
            Action::Done(Outcome::Refused { status: 401 })
        );
    }

    #[test]
    fn what_goes_by_a_stream_is_sent_once() {
        let start = Instant::now();
        let notify = Notify {
            transport: SipTransport::Tcp,
            ..notify()
        };
        let mut transaction = NotifyTransaction::new(notify, tokens(), None, start);
        sent(&mut transaction, start);
        for _ in 0..3 {
            transaction.on_datagram(
                &response("100 Trying", "z9hG4bKfirst", "1 NOTIFY", ""),
                start,
            );
        }
        assert_eq!(run(&mut transaction, start, start), [32_000]);
        assert_eq!(transaction.poll(start), Action::Done(Outcome::NoAnswer));
    }

    #[test]
    fn scripts_of_answers_and_times_hold_the_law() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/seeds/sip_notify");
        for seed in std::fs::read_dir(folder).unwrap() {
            law::holds(&std::fs::read(seed.unwrap().path()).unwrap());
        }
        law::holds(&[0; 64]);
        law::holds(b"");
    }
}
