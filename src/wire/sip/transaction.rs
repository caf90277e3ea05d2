//! The client's side of a NOTIFY over UDP: sending it again, waiting, and answering one challenge
//! (RFC 3261 17.1.2 and 22).

use std::time::{Duration, Instant};

use super::message::{Message, StartLine};
use super::notify::{Notify, TransactionTokens};
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
    /// Send this datagram to the phone, then poll again.
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

/// One NOTIFY on its way. It knows no clock: every call says what time it is.
#[derive(Debug)]
pub struct NotifyTransaction {
    notify: Notify,
    tokens: TransactionTokens,
    credentials: Option<Credentials>,
    attempt: Attempt,
    outcome: Option<Outcome>,
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
    give_up_at: Instant,
}

impl NotifyTransaction {
    /// A transaction that begins now. Without credentials a challenge is a refusal.
    pub fn new(
        notify: Notify,
        tokens: TransactionTokens,
        credentials: Option<Credentials>,
        now: Instant,
    ) -> Self {
        let attempt = Attempt::new(&notify, &tokens, &tokens.branch, 1, None, now);
        Self {
            notify,
            tokens,
            credentials,
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
            attempt.interval = T2.min(attempt.interval * 2);
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
        if self.outcome.is_some() || !self.attempt.is_answered_by(message) {
            return;
        }
        match status {
            // RFC 3261 17.1.2.2: once it proceeds, the request is repeated every T2 only.
            ..200 => self.attempt.interval = T2,
            200..300 => self.outcome = Some(Outcome::Accepted { status }),
            401 | 407 => match self.answer_challenge(status, message) {
                Some((name, value)) => {
                    self.attempt = Attempt::new(
                        &self.notify,
                        &self.tokens,
                        &self.tokens.second_branch,
                        self.attempt.sequence + 1,
                        Some((name, &value)),
                        now,
                    );
                }
                None => self.outcome = Some(Outcome::Refused { status }),
            },
            _ => self.outcome = Some(Outcome::Refused { status }),
        }
    }

    /// Name and value of the field that answers a challenge. The credentials are used up by it: a
    /// phone that challenges again does not want them.
    fn answer_challenge(
        &mut self,
        status: u16,
        message: &Message,
    ) -> Option<(&'static str, String)> {
        let credentials = self.credentials.take()?;
        let (asked, answered) = match status {
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => ("WWW-Authenticate", "Authorization"),
        };
        // Basic must not be used with SIP (RFC 3261 22): it would give the password away.
        let digests = Challenge::parse_all(message.headers.all(asked))
            .into_iter()
            .filter(|challenge| matches!(challenge, Challenge::Digest(_)));
        let value = ClientState::new(Challenge::strongest(digests)?).answer(
            "NOTIFY",
            &self.notify.uri(),
            b"",
            &credentials,
            &self.tokens.cnonce,
        );
        Some((answered, value))
    }
}

impl Attempt {
    fn new(
        notify: &Notify,
        tokens: &TransactionTokens,
        branch: &str,
        sequence: u32,
        credentials: Option<(&str, &str)>,
        now: Instant,
    ) -> Self {
        let branch = format!("{MAGIC_COOKIE}{branch}");
        let request = notify.request(tokens, &branch, sequence, credentials);
        Self {
            branch,
            sequence,
            datagram: request.encode(),
            send_at: now,
            interval: T1,
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
mod tests {
    use super::*;
    use crate::wire::Secret;

    fn transaction(username: Option<&str>, now: Instant) -> NotifyTransaction {
        let notify = Notify {
            target: "192.0.2.20:5060".parse().unwrap(),
            user: "200".into(),
            event: "resync".into(),
            local: "192.0.2.1:40000".parse().unwrap(),
        };
        let tokens = TransactionTokens {
            branch: "first".into(),
            second_branch: "second".into(),
            tag: "t1".into(),
            call_id: "c1".into(),
            cnonce: "0a4f113b".into(),
        };
        let credentials = username.map(|username| Credentials {
            username: username.into(),
            password: Secret::new("verbena"),
        });
        NotifyTransaction::new(notify, tokens, credentials, now)
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
        assert_eq!(second.top_via().unwrap().branch(), Some("z9hG4bKsecond"));
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
            &response("401 Unauthorized", "z9hG4bKsecond", "2 NOTIFY", CHALLENGE),
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
}
