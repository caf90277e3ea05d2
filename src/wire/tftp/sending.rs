//! A server's side of a read: the file goes out in blocks.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::packet::{ErrorCode, Options, Packet};
use super::retransmission::{Action, Strangers, Tick, Timer};
use super::terms::Terms;

/// How long a transfer may take in all. Firmware of 64 MiB in blocks of 512 bytes takes 45 minutes
/// over a line with 20 ms to and fro.
const LONGEST_TRANSFER: Duration = Duration::from_secs(3600);

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendingEnd {
    /// The last block was acknowledged.
    Complete,
    /// The client has ended it.
    Refused {
        /// Its reason.
        code: ErrorCode,
        /// The same in words.
        message: String,
    },
    /// The client does not answer any more, or took more than an hour.
    Silent {
        /// Whole bytes that it has acknowledged.
        acknowledged: usize,
    },
}

/// A file on its way to a client. It knows no clock: every call says what time it is.
///
/// Block numbers go on from 65535 with 0, so there is no largest file. A block is sent again when
/// its time is up and never because an acknowledgement came twice: doubled packets stay doubled
/// once (RFC 1123 section 4.2.3.1, the Sorcerer's Apprentice).
#[derive(Debug)]
pub struct Sending {
    peer: SocketAddr,
    content: Bytes,
    terms: Terms,
    /// The packet that answers the options, until it is acknowledged.
    greeting: Option<Vec<u8>>,
    greeting_sent: bool,
    /// The last block of the file.
    last: u64,
    /// The last block that was acknowledged; 0 before the first.
    acknowledged: u64,
    /// The last block that was sent since then.
    sent: u64,
    /// The last block that was ever sent.
    furthest: u64,
    timer: Timer,
    strangers: Strangers,
    end: Option<SendingEnd>,
}

impl Sending {
    /// A transfer that begins now, to a client that has asked from this address and port, with
    /// these options.
    pub fn new(peer: SocketAddr, content: Bytes, options: &Options<'_>, now: Instant) -> Self {
        let (terms, greeting) = Terms::answer(options, content.len());
        // A file that fills its blocks ends with an empty one.
        let last = number(content.len() / terms.block_bytes) + 1;
        Self {
            peer,
            terms,
            greeting,
            greeting_sent: false,
            last,
            acknowledged: 0,
            sent: 0,
            furthest: 0,
            timer: Timer::towards_a_stranger(terms.timeout, now + LONGEST_TRANSFER),
            strangers: Strangers::default(),
            end: None,
            content,
        }
    }

    /// What to do now.
    pub fn poll(&mut self, now: Instant) -> Action<SendingEnd> {
        if let Some(answer) = self.strangers.answer() {
            return answer;
        }
        if let Some(end) = &self.end {
            return Action::Done(end.clone());
        }
        match self.timer.tick(now) {
            Tick::Quiet => {}
            Tick::Repeat => {
                self.greeting_sent = false;
                self.sent = self.acknowledged;
            }
            Tick::GiveUp => {
                let end = SendingEnd::Silent {
                    acknowledged: self.start_of(self.acknowledged + 1),
                };
                self.end = Some(end.clone());
                return Action::Done(end);
            }
        }
        match self.next_packet() {
            Some(datagram) => {
                self.timer.sent(now);
                Action::Send {
                    to: self.peer,
                    datagram,
                }
            }
            None => Action::Wait(self.timer.next()),
        }
    }

    /// A datagram has come.
    pub fn on_datagram(&mut self, from: SocketAddr, datagram: &[u8]) {
        if self.end.is_some() {
            return;
        }
        if from != self.peer {
            self.strangers.take(from, datagram);
            return;
        }
        match Packet::parse(datagram) {
            Ok(Packet::Acknowledgement { block }) => self.on_acknowledgement(block),
            Ok(Packet::Error { code, message }) => {
                self.end = Some(SendingEnd::Refused { code, message });
            }
            _ => {}
        }
    }

    fn on_acknowledgement(&mut self, block: u16) {
        if self.greeting.is_some() {
            if self.greeting_sent && block == 0 {
                self.greeting = None;
                self.timer.progressed();
            }
            return;
        }
        // The window is smaller than the circle of the numbers, so a number means one block.
        let further = u64::from(block.wrapping_sub(low(self.acknowledged)));
        if further == 0 || further > self.furthest - self.acknowledged {
            return;
        }
        self.acknowledged += further;
        // What was sent after it has not come in order, and is sent again (RFC 7440 section 4).
        self.sent = self.acknowledged;
        self.timer.progressed();
        if self.acknowledged == self.last {
            self.end = Some(SendingEnd::Complete);
        }
    }

    fn next_packet(&mut self) -> Option<Vec<u8>> {
        if let Some(greeting) = &self.greeting {
            if self.greeting_sent {
                return None;
            }
            self.greeting_sent = true;
            return Some(greeting.clone());
        }
        let window_end = self.acknowledged + u64::from(self.terms.window);
        if self.sent >= window_end.min(self.last) {
            return None;
        }
        self.sent += 1;
        self.furthest = self.furthest.max(self.sent);
        let start = self.start_of(self.sent);
        let end = self.start_of(self.sent + 1);
        let content = self.content.get(start..end).unwrap_or_default();
        let block = low(self.sent);
        Some(Packet::Data { block, content }.encode())
    }

    /// Where a block begins; the end of the file for those behind the last.
    fn start_of(&self, block: u64) -> usize {
        usize::try_from(block.saturating_sub(1))
            .unwrap_or(usize::MAX)
            .saturating_mul(self.terms.block_bytes)
            .min(self.content.len())
    }
}

/// The number of a block as it is sent.
pub(super) fn low(block: u64) -> u16 {
    let [.., high, low] = block.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX - 1)
}
