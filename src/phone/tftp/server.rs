//! Takes requests and lets each have a transfer.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::allowed::AllowedSources;
use super::held::HeldFiles;
use super::listener::{Listener, Received, transfer_socket};
use crate::gateway::{FetchAnswer, FetchRequest, Shown, Transport};
use crate::phone::files::FileSource;
use crate::phone::path::undecoded_path;
use crate::phone::upstream::PhoneFiles;
use crate::wire::tftp::{
    Action, ErrorCode, MAX_REQUEST_BYTES, Mode, Packet, Request, Sending, SendingEnd, error_packet,
};

/// Transfers at once. Requests beyond that are dropped; clients repeat them.
const MAX_TRANSFERS: usize = 512;

/// Transfers at once with one address: a site behind one address has many phones.
const MAX_TRANSFERS_PER_SOURCE: usize = 128;

/// Room for the largest request, and one byte by which a longer one shows.
const REQUEST_BUFFER: usize = MAX_REQUEST_BYTES + 1;

/// Room for an acknowledgement or an error.
const ANSWER_BUFFER: usize = 600;

/// How long transfers have to finish when the server stops.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How long the socket rests after it could not be read.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// So often at most the log says that requests were dropped.
const REPORT_PAUSE: Duration = Duration::from_secs(60);

/// Keys of `[phones]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TftpSettings {
    /// Where it listens, `0.0.0.0:69`; `None`: not at all.
    pub listen: Option<SocketAddr>,
    /// From where requests are taken.
    pub allow: AllowedSources,
}

/// The server can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TftpServerError {
    /// The address can't be listened on.
    #[error("phones.tftp = \"{address}\" can't be listened on: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Files for phones over TFTP, bound and ready to run.
pub struct TftpServer(Serving<PhoneFiles>);

impl TftpServer {
    /// Opens the socket, if the settings want one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`TftpServerError::Bind`] when the address can't be had.
    pub fn bind(
        settings: &TftpSettings,
        files: PhoneFiles,
    ) -> Result<Option<Self>, TftpServerError> {
        Ok(Serving::bind(settings, files)?.map(Self))
    }

    /// Where it listens, with the port that was chosen for port 0.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Serves until `shutdown`; transfers that are under way have a short while then.
    pub async fn run(self, shutdown: CancellationToken) {
        self.0.run(shutdown).await;
    }
}

/// The same with files from anywhere.
pub(super) struct Serving<S> {
    listener: Listener,
    allow: AllowedSources,
    files: Files<S>,
    transfers: JoinSet<()>,
    running: HashMap<Id, Running>,
    dropped: Dropped,
}

/// What a transfer began with: by that a repeated request is known.
struct Running {
    from: SocketAddr,
    request: Vec<u8>,
}

#[derive(Clone)]
struct Files<S> {
    source: S,
    held: HeldFiles,
}

impl<S: FileSource> Serving<S> {
    pub(super) fn bind(
        settings: &TftpSettings,
        source: S,
    ) -> Result<Option<Self>, TftpServerError> {
        let Some(address) = settings.listen else {
            return Ok(None);
        };
        let listener =
            Listener::bind(address).map_err(|source| TftpServerError::Bind { address, source })?;
        Ok(Some(Self {
            listener,
            allow: settings.allow.clone(),
            files: Files {
                source,
                held: HeldFiles::default(),
            },
            transfers: JoinSet::new(),
            running: HashMap::new(),
            dropped: Dropped::default(),
        }))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut buffer = vec![0; REQUEST_BUFFER];
        loop {
            let received = tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = self.transfers.join_next_with_id() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(error) => error.id(),
                    };
                    self.running.remove(&id);
                    continue;
                }
                received = self.listener.receive(&mut buffer) => received,
            };
            match received {
                Ok(received) => {
                    let datagram = buffer.get(..received.length).unwrap_or_default();
                    self.take(received, datagram);
                }
                Err(error) => {
                    tracing::warn!(%error, "the TFTP socket can't be read");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
        let finish = async { while self.transfers.join_next().await.is_some() {} };
        // Those that are still under way then are dropped with the set.
        let _ = tokio::time::timeout(STOP_LIMIT, finish).await;
    }

    /// Decides who gets a transfer. Nobody else is answered here: a flood must cost nothing.
    fn take(&mut self, received: Received, datagram: &[u8]) {
        if !self.allow.allow(received.from.ip()) {
            self.dropped
                .note(received.from, "phones.tftp_allow does not name them");
            return;
        }
        // Read requests and write requests.
        if !matches!(datagram, [0, 1 | 2, ..]) {
            return;
        }
        let is_repeated =
            |running: &Running| running.from == received.from && running.request == datagram;
        if self.running.values().any(is_repeated) {
            return;
        }
        let from_there = self
            .running
            .values()
            .filter(|running| running.from.ip() == received.from.ip());
        if self.running.len() >= MAX_TRANSFERS || from_there.count() >= MAX_TRANSFERS_PER_SOURCE {
            self.dropped
                .note(received.from, "there are too many transfers at once");
            return;
        }
        let request = datagram.to_vec();
        let running = Running {
            from: received.from,
            request: request.clone(),
        };
        let files = self.files.clone();
        let task = self.transfers.spawn(async move {
            files.answer(received, &request).await;
        });
        self.running.insert(task.id(), running);
    }
}

impl<S: FileSource> Files<S> {
    /// Answers a request on a socket of its own.
    async fn answer(&self, received: Received, datagram: &[u8]) {
        let from = received.from;
        let socket = match transfer_socket(&received).await {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, "there is no socket for a TFTP transfer");
                return;
            }
        };
        let refusal = match Packet::parse(datagram) {
            Ok(Packet::Read(request)) => match self.serve(&socket, from, &request).await {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            Ok(_) => Refusal {
                code: ErrorCode::ACCESS_VIOLATION,
                message: "files are only read here, never written".to_owned(),
            },
            Err(error) => Refusal {
                code: error.code(),
                message: error.to_string(),
            },
        };
        let Refusal { code, message } = refusal;
        tracing::info!(source = %from, %code, message, "phone request over TFTP refused");
        send(&socket, from, &error_packet(code, &message)).await;
    }

    async fn serve(
        &self,
        socket: &UdpSocket,
        from: SocketAddr,
        request: &Request<'_>,
    ) -> Result<(), Refusal> {
        if request.mode != Mode::Octet {
            return Err(Refusal {
                code: ErrorCode::NOT_DEFINED,
                message: "only mode octet is offered: files go byte for byte".to_owned(),
            });
        }
        let path = undecoded_path(request.name).ok_or_else(Refusal::no_such_file)?;
        let answer = self.source.fetch(FetchRequest {
            transport: Transport::Tftp,
            shown: Shown {
                method: "RRQ".to_owned(),
                target: String::from_utf8_lossy(request.name).into_owned(),
                ..Shown::default()
            },
            ..FetchRequest::new(path.clone(), from)
        });
        let FetchAnswer::File {
            body,
            etag,
            receipt,
        } = answer.await
        else {
            return Err(Refusal::no_such_file());
        };
        let held = self.held.hold(etag, body).ok_or_else(|| Refusal {
            code: ErrorCode::NOT_DEFINED,
            message: "too much is on its way now, come again".to_owned(),
        })?;
        let bytes = held.content().len();
        let mut sending = Sending::new(from, held.content(), &request.options, Instant::now());
        let end = transfer(socket, &mut sending).await;
        match end {
            SendingEnd::Complete => {
                tracing::info!(source = %from, path, bytes, "phone request over TFTP");
                // In a task of its own: it is noted also when the server stops just now.
                let source = self.source.clone();
                tokio::spawn(async move { source.fetched(receipt).await });
            }
            SendingEnd::Refused { code, message } => {
                tracing::info!(source = %from, path, %code, message, "TFTP transfer ended by the phone");
            }
            SendingEnd::Silent { acknowledged } => {
                tracing::info!(source = %from, path, bytes, acknowledged, "TFTP transfer without answer");
            }
        }
        Ok(())
    }
}

async fn transfer(socket: &UdpSocket, sending: &mut Sending) -> SendingEnd {
    let mut buffer = vec![0; ANSWER_BUFFER];
    loop {
        match sending.poll(Instant::now()) {
            Action::Send { to, datagram } => send(socket, to, &datagram).await,
            Action::Wait(until) => {
                let received = tokio::select! {
                    received = socket.recv_from(&mut buffer) => received,
                    () = tokio::time::sleep_until(until.into()) => continue,
                };
                match received {
                    Ok((length, from)) => {
                        let datagram = buffer.get(..length).unwrap_or_default();
                        sending.on_datagram(from, datagram);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a TFTP transfer's socket can't be read");
                        tokio::time::sleep(ERROR_PAUSE).await;
                    }
                }
            }
            Action::Done(end) => return end,
        }
    }
}

/// What does not leave is a lost packet: it is sent again when its time comes.
async fn send(socket: &UdpSocket, to: SocketAddr, datagram: &[u8]) {
    if let Err(error) = socket.send_to(datagram, to).await {
        tracing::debug!(%to, %error, "a TFTP packet could not be sent");
    }
}

/// What a client is told instead of a file.
struct Refusal {
    code: ErrorCode,
    message: String,
}

impl Refusal {
    fn no_such_file() -> Self {
        Self {
            code: ErrorCode::FILE_NOT_FOUND,
            message: "no such file".to_owned(),
        }
    }
}

/// Requests that nobody answers. The log hears of them now and then: a flood must not fill it.
#[derive(Default)]
struct Dropped {
    count: u64,
    reported_at: Option<Instant>,
}

impl Dropped {
    fn note(&mut self, source: SocketAddr, reason: &'static str) {
        self.count += 1;
        let now = Instant::now();
        let is_fresh = |at: Instant| now.duration_since(at) < REPORT_PAUSE;
        if self.reported_at.is_some_and(is_fresh) {
            return;
        }
        let count = std::mem::take(&mut self.count);
        tracing::warn!(%source, count, reason, "TFTP requests were dropped");
        self.reported_at = Some(now);
    }
}
