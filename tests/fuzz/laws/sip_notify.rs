//! A NOTIFY on its way, told any script of answers and times: it sends no more requests than it has
//! credentials for, each a message of its own Call-ID, never a password; once it is over it stays over;
//! and left alone it ends in time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::wire::Secret;
use super::wire::digest::Credentials;
use super::wire::sip::{
    Action, Message, Notify, NotifyCredentials, NotifyTransaction, Outcome, TransactionTokens,
};

const CALL_ID: &str = "the-call";
const PASSWORD: &str = "verbena";
/// The first request, one for each set of credentials that a phone may be shown, and one for the
/// proxy.
const MAX_REQUESTS: usize = 4;
/// Sendings of one request: at 0, 0.5, 1.5 … up to 32 seconds.
const MAX_SENDINGS: usize = 11;

/// Parts of the script end in a byte 0. An empty one lets time pass; any other is what follows
/// `SIP/2.0 ` in an answer to the last request, and the fields of that request that an answer repeats
/// come after its first line.
pub(crate) fn holds(script: &[u8]) {
    let mut played = Played::begin();
    for part in script.split(|byte| *byte == 0) {
        let Some(until) = played.wait() else {
            break;
        };
        if part.is_empty() {
            played.now = until;
        } else {
            let answer = played.answer(part);
            played.transaction.on_datagram(&answer, played.now);
        }
    }
    // Each request is given up after 32 seconds.
    let begun = played.now;
    while let Some(until) = played.wait() {
        played.now = until;
    }
    assert!(played.now <= begun + Duration::from_secs(32));
    let outcome = played.outcome;
    let answer = played.answer(b"200 OK\r\n");
    played.transaction.on_datagram(&answer, played.now);
    assert_eq!(played.wait(), None);
    assert_eq!(played.outcome, outcome, "it is over");
}

struct Played {
    transaction: NotifyTransaction,
    now: Instant,
    sent: Vec<u8>,
    sendings: usize,
    sequences: BTreeSet<u32>,
    outcome: Option<Outcome>,
}

impl Played {
    fn begin() -> Self {
        let now = Instant::now();
        let credentials = |name: &str| Credentials {
            username: name.into(),
            password: Secret::new(PASSWORD),
        };
        let [phone, local] = ["192.0.2.20:5060", "192.0.2.1:5060"];
        let notify = Notify::direct(
            phone.parse().expect("an address"),
            "200",
            "check-sync",
            local.parse().expect("an address"),
        );
        let tokens = TransactionTokens {
            branch: "branch".into(),
            tag: "tag".into(),
            call_id: CALL_ID.into(),
            cnonce: "cnonce".into(),
        };
        let shown = NotifyCredentials {
            phone: Some(credentials("phone")),
            proxy: Some(credentials("proxy")),
        };
        Self {
            transaction: NotifyTransaction::new(notify, tokens, shown, now),
            now,
            sent: Vec::new(),
            sendings: 0,
            sequences: BTreeSet::new(),
            outcome: None,
        }
    }

    /// Does what is to be done now; until when it waits, `None` when it is over.
    fn wait(&mut self) -> Option<Instant> {
        loop {
            match self.transaction.poll(self.now) {
                Action::Send(datagram) => self.note(datagram),
                Action::Wait(until) => {
                    assert!(until > self.now);
                    return Some(until);
                }
                Action::Done(outcome) => {
                    assert_eq!(*self.outcome.get_or_insert(outcome), outcome);
                    return None;
                }
            }
        }
    }

    fn note(&mut self, datagram: Vec<u8>) {
        assert_eq!(self.outcome, None, "it is over");
        let text = String::from_utf8_lossy(&datagram);
        assert!(!text.contains(PASSWORD));
        let message = Message::parse(&datagram).expect("it is a message");
        assert_eq!(message.call_id(), Some(CALL_ID));
        let sequence = message.sequence().expect("it is a request").0;
        if self.sequences.insert(sequence) {
            self.sendings = 0;
        }
        self.sendings += 1;
        assert!(self.sequences.len() <= MAX_REQUESTS);
        assert!(self.sendings <= MAX_SENDINGS);
        self.sent = datagram;
    }

    fn answer(&self, part: &[u8]) -> Vec<u8> {
        let (first, rest) = match part.iter().position(|byte| *byte == b'\n') {
            Some(end) => part.split_at(end + 1),
            None => (part, &b""[..]),
        };
        let request = String::from_utf8_lossy(&self.sent);
        let repeated = request.split("\r\n").filter(|line| {
            ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "]
                .iter()
                .any(|name| line.starts_with(name))
        });
        let mut answer = b"SIP/2.0 ".to_vec();
        answer.extend_from_slice(first);
        if !first.ends_with(b"\n") {
            answer.extend_from_slice(b"\r\n");
        }
        for line in repeated {
            answer.extend_from_slice(line.as_bytes());
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(rest);
        answer
    }
}
