//! A client's side of a read: the file comes in, block by block.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::packet::{ErrorCode, MAX_REQUEST_BYTES, Mode, Options, Packet, Request, error_packet};
use super::retransmission::{Action, Strangers, Tick, Timer};
use super::sending::low;
use super::terms::{
    BLOCK_SIZE, DEFAULT_BLOCK_BYTES, MAX_BLOCK_BYTES, MIN_BLOCK_BYTES, TRANSFER_SIZE,
};

/// What a file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivingLimits {
    /// Bytes of the largest file.
    pub max_bytes: usize,
    /// The longest time that it may take in all.
    pub max_time: Duration,
}

/// A file could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceivingFailure {
    /// The name can't stand in a request.
    #[error("the name has a NUL in it, or does not fit into {MAX_REQUEST_BYTES} bytes")]
    UnusableName,
    /// The server has no such file.
    #[error("the server has no such file: {message}")]
    NotFound {
        /// What it says.
        message: String,
    },
    /// The server refuses.
    #[error("the server refuses with error {code}: {message}")]
    Refused {
        /// Its reason.
        code: ErrorCode,
        /// The same in words.
        message: String,
    },
    /// The file is larger than wanted.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The server does not keep to the protocol.
    #[error("the server does not speak TFTP as it should: {problem}")]
    Protocol {
        /// What it did.
        problem: &'static str,
    },
    /// The server does not answer, or took too long.
    #[error("the server does not answer in time, {received} bytes have come")]
    Silent {
        /// Bytes that have come.
        received: usize,
    },
}

/// A file on its way from a server. It knows no clock: every call says what time it is.
///
/// It asks for blocks of [`MAX_BLOCK_BYTES`] and the size of the file, and again without options
/// when the server refuses those. After the last acknowledgement it is done: when that one is lost,
/// the server is left to give up by itself.
#[derive(Debug)]
pub struct Receiving {
    server: SocketAddr,
    /// The port from which the server has answered.
    peer: Option<SocketAddr>,
    name: Vec<u8>,
    asks_for_options: bool,
    limits: ReceivingLimits,
    block_bytes: usize,
    /// The block that comes next, from 1.
    next: u64,
    content: Vec<u8>,
    /// What was said last, to be said again.
    last_said: Vec<u8>,
    /// What is said now, and whether it wants an answer.
    to_say: Option<(Vec<u8>, bool)>,
    timer: Timer,
    strangers: Strangers,
    end: Option<Result<(), ReceivingFailure>>,
}

impl Receiving {
    /// A transfer that begins now. The request goes to `server`; the answer has to come from the
    /// same address, and from whatever port it likes.
    ///
    /// # Errors
    /// [`ReceivingFailure::UnusableName`]
    pub fn new(
        server: SocketAddr,
        name: &str,
        limits: ReceivingLimits,
        now: Instant,
    ) -> Result<Self, ReceivingFailure> {
        let name = name.as_bytes().to_vec();
        let request = request(&name, true);
        if name.contains(&0) || request.len() > MAX_REQUEST_BYTES {
            return Err(ReceivingFailure::UnusableName);
        }
        Ok(Self {
            server,
            peer: None,
            name,
            asks_for_options: true,
            limits,
            block_bytes: DEFAULT_BLOCK_BYTES,
            next: 1,
            content: Vec::new(),
            last_said: request.clone(),
            to_say: Some((request, true)),
            timer: Timer::new(now + limits.max_time),
            strangers: Strangers::default(),
            end: None,
        })
    }

    /// What to do now. The content is handed out once.
    pub fn poll(&mut self, now: Instant) -> Action<Result<Vec<u8>, ReceivingFailure>> {
        if let Some(answer) = self.strangers.answer() {
            return answer;
        }
        if self.end.is_none() {
            match self.timer.tick(now) {
                Tick::Quiet => {}
                Tick::Repeat => self.to_say = Some((self.last_said.clone(), true)),
                Tick::GiveUp => {
                    self.to_say = None;
                    self.end = Some(Err(ReceivingFailure::Silent {
                        received: self.content.len(),
                    }));
                }
            }
        }
        if let Some((datagram, wants_answer)) = self.to_say.take() {
            if wants_answer {
                self.timer.sent(now);
            }
            return Action::Send {
                to: self.peer.unwrap_or(self.server),
                datagram,
            };
        }
        match &self.end {
            Some(Ok(())) => Action::Done(Ok(std::mem::take(&mut self.content))),
            Some(Err(failure)) => Action::Done(Err(failure.clone())),
            None => Action::Wait(self.timer.next()),
        }
    }

    /// A datagram has come.
    pub fn on_datagram(&mut self, from: SocketAddr, datagram: &[u8]) {
        if self.end.is_some() {
            return;
        }
        match self.peer {
            Some(peer) if peer != from => {
                self.strangers.take(from, datagram);
                return;
            }
            None if from.ip().to_canonical() != self.server.ip().to_canonical() => return,
            _ => {}
        }
        match Packet::parse(datagram) {
            Ok(Packet::OptionAcknowledgement(options)) => self.on_options(from, &options),
            Ok(Packet::Data { block, content }) => self.on_data(from, block, content),
            Ok(Packet::Error { code, message }) => self.on_error(code, message),
            _ => {}
        }
    }

    fn on_options(&mut self, from: SocketAddr, options: &Options<'_>) {
        if !self.asks_for_options {
            self.fail(from, "it answers options that it was not asked for");
            return;
        }
        if self.next > 1 || self.peer.is_some() {
            if self.next == 1 {
                self.say_again();
            }
            return;
        }
        let is_known = |name: &[u8]| {
            [BLOCK_SIZE, TRANSFER_SIZE]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        };
        if !options.names().all(is_known) {
            self.fail(from, "it answers options that it was not asked for");
            return;
        }
        if options.has(BLOCK_SIZE) {
            let agreed = options.number(BLOCK_SIZE);
            let agreed = agreed.and_then(|agreed| usize::try_from(agreed).ok());
            let Some(agreed) =
                agreed.filter(|agreed| (MIN_BLOCK_BYTES..=MAX_BLOCK_BYTES).contains(agreed))
            else {
                self.fail(from, "it chooses a block size that it was not asked for");
                return;
            };
            self.block_bytes = agreed;
        }
        let limit = u64::try_from(self.limits.max_bytes).unwrap_or(u64::MAX);
        let announced = options.number(TRANSFER_SIZE);
        if announced.is_some_and(|announced| announced > limit) {
            self.refuse_size(from);
            return;
        }
        self.peer = Some(from);
        self.acknowledge(0);
    }

    fn on_data(&mut self, from: SocketAddr, block: u16, content: &[u8]) {
        if block != low(self.next) {
            // The one before has come again: our word on it was lost. More is not sent for it than
            // has come.
            if self.next > 1 && block == low(self.next - 1) {
                self.say_again();
            }
            return;
        }
        if content.len() > self.block_bytes {
            self.fail(from, "a block is longer than agreed");
            return;
        }
        if self.content.len() + content.len() > self.limits.max_bytes {
            self.refuse_size(from);
            return;
        }
        self.peer = Some(from);
        self.content.extend_from_slice(content);
        self.acknowledge(block);
        self.next += 1;
        if content.len() < self.block_bytes {
            self.end = Some(Ok(()));
        }
    }

    fn on_error(&mut self, code: ErrorCode, message: String) {
        let is_first = self.peer.is_none();
        if is_first && self.asks_for_options && code == ErrorCode::OPTION_NEGOTIATION {
            self.asks_for_options = false;
            self.last_said = request(&self.name, false);
            self.to_say = Some((self.last_said.clone(), true));
            self.timer.progressed();
            return;
        }
        self.to_say = None;
        self.end = Some(Err(if code == ErrorCode::FILE_NOT_FOUND {
            ReceivingFailure::NotFound { message }
        } else {
            ReceivingFailure::Refused { code, message }
        }));
    }

    fn acknowledge(&mut self, block: u16) {
        self.last_said = Packet::Acknowledgement { block }.encode();
        self.to_say = Some((self.last_said.clone(), true));
        self.timer.progressed();
    }

    /// The server has not heard us. The timer goes on as it was.
    fn say_again(&mut self) {
        if self.to_say.is_none() {
            self.to_say = Some((self.last_said.clone(), false));
        }
    }

    fn fail(&mut self, from: SocketAddr, problem: &'static str) {
        let code = ErrorCode::OPTION_NEGOTIATION;
        self.end_with(from, code, problem, ReceivingFailure::Protocol { problem });
    }

    fn refuse_size(&mut self, from: SocketAddr) {
        let limit = self.limits.max_bytes;
        let failure = ReceivingFailure::TooLarge { limit };
        self.end_with(from, ErrorCode::DISK_FULL, "the file is too large", failure);
    }

    fn end_with(
        &mut self,
        from: SocketAddr,
        code: ErrorCode,
        message: &str,
        failure: ReceivingFailure,
    ) {
        self.peer = Some(from);
        self.to_say = Some((error_packet(code, message), false));
        self.end = Some(Err(failure));
    }
}

fn request(name: &[u8], with_options: bool) -> Vec<u8> {
    let block_size = MAX_BLOCK_BYTES.to_string();
    let options = if with_options {
        Options::new(&[(BLOCK_SIZE, &block_size), (TRANSFER_SIZE, "0")])
    } else {
        Options::default()
    };
    let request = Request {
        name,
        mode: Mode::Octet,
        options,
    };
    Packet::Read(request).encode()
}
