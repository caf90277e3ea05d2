//! When something is sent again, and when it was enough.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::packet::{ErrorCode, Packet, error_packet};

/// How often a packet is sent again that the other side, which has answered before, does not
/// answer.
const RETRANSMISSIONS: u32 = 5;

/// The same for the first packet to a client. It repeats its request by itself, and who has not
/// answered may never have asked: so a forged request has little sent to its victim.
const RETRANSMISSIONS_TO_A_STRANGER: u32 = 2;

/// The first wait; each further one is twice as long, unless the client has chosen the waits.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// So many packets from other ports are answered during one transfer.
const ANSWERS_TO_STRANGERS: u32 = 8;

/// What the one who has the socket must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<E> {
    /// Send this datagram, then poll again.
    Send {
        /// To whom.
        to: SocketAddr,
        /// What.
        datagram: Vec<u8>,
    },
    /// Wait for a datagram, at most until then, then poll again.
    Wait(Instant),
    /// It is over.
    Done(E),
}

/// The timer of one side.
#[derive(Debug)]
pub(super) struct Timer {
    fixed: Option<Duration>,
    wait: Duration,
    left: u32,
    due: Option<Instant>,
    /// When it has to be over altogether.
    pub(super) end_by: Instant,
}

/// What a timer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tick {
    /// Nothing is due.
    Quiet,
    /// What was sent last has to be sent again.
    Repeat,
    /// The other side has been silent for too long, or all of it took too long.
    GiveUp,
}

impl Timer {
    /// For a side that sends first to somebody who is known.
    pub(super) fn new(end_by: Instant) -> Self {
        Self {
            fixed: None,
            wait: FIRST_WAIT,
            left: RETRANSMISSIONS,
            due: None,
            end_by,
        }
    }

    /// For a side that answers a request that anybody may have sent; `fixed` is the wait that the
    /// request has chosen.
    pub(super) fn towards_a_stranger(fixed: Option<Duration>, end_by: Instant) -> Self {
        Self {
            fixed,
            wait: fixed.unwrap_or(FIRST_WAIT),
            left: RETRANSMISSIONS_TO_A_STRANGER,
            due: None,
            end_by,
        }
    }

    /// Something was sent that wants an answer.
    pub(super) fn sent(&mut self, now: Instant) {
        self.due = Some(now + self.wait);
    }

    /// An answer has come that goes further.
    pub(super) fn progressed(&mut self) {
        self.wait = self.fixed.unwrap_or(FIRST_WAIT);
        self.left = RETRANSMISSIONS;
        self.due = None;
    }

    pub(super) fn tick(&mut self, now: Instant) -> Tick {
        if now >= self.end_by {
            return Tick::GiveUp;
        }
        if self.due.is_none_or(|due| now < due) {
            return Tick::Quiet;
        }
        let Some(left) = self.left.checked_sub(1) else {
            return Tick::GiveUp;
        };
        self.left = left;
        self.wait = self.fixed.unwrap_or(self.wait * 2);
        self.due = None;
        Tick::Repeat
    }

    /// Until when there is nothing to do.
    pub(super) fn next(&self) -> Instant {
        self.due.map_or(self.end_by, |due| due.min(self.end_by))
    }
}

/// Answers to those who have nothing to do with the transfer (RFC 1350 section 4): they are told,
/// and it goes on.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    answered: u32,
    answer: Option<(SocketAddr, Vec<u8>)>,
}

impl Strangers {
    /// A datagram has come from somewhere else. Errors are not answered: two servers would never
    /// stop.
    pub(super) fn take(&mut self, from: SocketAddr, datagram: &[u8]) {
        let is_error = matches!(Packet::parse(datagram), Ok(Packet::Error { .. }));
        if is_error || self.answered >= ANSWERS_TO_STRANGERS {
            return;
        }
        self.answered += 1;
        let answer = error_packet(ErrorCode::UNKNOWN_TRANSFER, "no transfer of yours is here");
        self.answer = Some((from, answer));
    }

    /// What has to be sent to one of them.
    pub(super) fn answer<E>(&mut self) -> Option<Action<E>> {
        let (to, datagram) = self.answer.take()?;
        Some(Action::Send { to, datagram })
    }
}
