//! A simulated phone: it boots, fetches its files, and fetches them again when a NOTIFY says so.
//!
//! It knows no vendor: which files it asks for and how it introduces itself are its options. It is
//! for `trestle demo`, tests and benchmarks.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::native::Mac;
use crate::wire::Secret;
use crate::wire::digest::Credentials;
use crate::wire::sip::{MAXIMUM_MESSAGE, NotifyServer, Received};

/// The longest file that it takes, in bytes.
const MAXIMUM_FILE: usize = 16 * 1024 * 1024;

/// How long one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// Reactions that wait while it is fetching.
const WAITING_REACTIONS: usize = 4;

/// What a simulated phone is.
#[derive(Debug, Clone)]
pub struct SimPhoneOptions {
    /// Its MAC address. It is sent nowhere: `user_agent` and `paths` carry it in the way of the
    /// phone that is simulated.
    pub mac: Mac,
    /// The complete User-Agent of its requests.
    pub user_agent: String,
    /// The paths that it fetches below `server`, in order, at each boot and resync.
    pub paths: Vec<String>,
    /// Base URL of the file server, `http` only.
    pub server: Url,
    /// The local address of its requests and of its SIP socket. With an address each (127.0.0.0/8)
    /// several phones share one machine.
    pub address: IpAddr,
    /// The UDP port of its SIP socket; 0 takes a free one.
    pub sip_port: u16,
    /// User name and password that a NOTIFY must show. `None`: every NOTIFY is obeyed.
    pub sip_credentials: Option<(String, Secret)>,
    /// How long it is silent when it restarts.
    pub boot_time: Duration,
}

/// Why a phone could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SimPhoneError {
    /// The file server's URL is of no use.
    #[error("`{url}` is no address of a file server: http://host:port/ is wanted")]
    Server {
        /// The URL.
        url: Url,
    },
    /// Its SIP socket can't be had.
    #[error("no SIP socket on {address}: {source}")]
    Socket {
        /// Where it should be.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no random numbers.
    #[error("no random numbers: {reason}")]
    Random {
        /// What the system says.
        reason: String,
    },
}

/// One fetch of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimFetch {
    /// As in the options.
    pub path: String,
    /// The HTTP status; `None` when no whole answer came.
    pub status: Option<u16>,
    /// Length of the body in bytes.
    pub bytes: usize,
}

/// A simulated phone that runs until it is stopped or dropped.
pub struct SimPhone {
    mac: Mac,
    sip_address: SocketAddr,
    log: Arc<Log>,
    /// How many fetches [`SimPhone::next_fetch`] has given out.
    seen: usize,
    count: watch::Receiver<usize>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl SimPhone {
    /// Switches the phone on: it opens its SIP socket and begins to fetch its files.
    pub async fn start(options: SimPhoneOptions) -> Result<Self, SimPhoneError> {
        if options.server.scheme() != "http" || options.server.host().is_none() {
            return Err(SimPhoneError::Server {
                url: options.server,
            });
        }
        let address = SocketAddr::new(options.address, options.sip_port);
        let bind = async {
            let socket = UdpSocket::bind(address).await?;
            let bound = socket.local_addr()?;
            Ok((socket, bound))
        };
        let (socket, sip_address) = bind
            .await
            .map_err(|source| SimPhoneError::Socket { address, source })?;
        let mut server = NotifyServer::new(|event| Reaction::to_event(event).is_some());
        if let Some((username, password)) = options.sip_credentials.clone() {
            let mut key = [0; 64];
            getrandom::fill(&mut key).map_err(|error| SimPhoneError::Random {
                reason: error.to_string(),
            })?;
            server = server.with_challenge(Credentials { username, password }, key);
        }

        let (count_sender, count) = watch::channel(0);
        let log = Arc::new(Log::default());
        let stop = CancellationToken::new();
        let mac = options.mac;
        let task = tokio::spawn(run(
            Fetcher {
                options,
                log: log.clone(),
                count: count_sender,
            },
            socket,
            server,
            stop.clone(),
        ));
        Ok(Self {
            mac,
            sip_address,
            log,
            seen: 0,
            count,
            stop,
            task,
        })
    }

    /// Its MAC address.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Where it listens for SIP.
    pub fn sip_address(&self) -> SocketAddr {
        self.sip_address
    }

    /// Every fetch so far, in order of time.
    pub fn fetches(&self) -> Vec<SimFetch> {
        self.log.read(|entries| entries.fetches.clone())
    }

    /// The first fetch that this method has not given out yet; waits for one if need be. `None`
    /// when the phone has stopped.
    pub async fn next_fetch(&mut self) -> Option<SimFetch> {
        let seen = self.seen;
        self.count.wait_for(|count| *count > seen).await.ok()?;
        let fetch = self.log.read(|entries| entries.fetches.get(seen).cloned());
        self.seen += 1;
        fetch
    }

    /// What the file at this path held when it was last fetched whole.
    pub fn current(&self, path: &str) -> Option<Bytes> {
        self.log.read(|entries| entries.contents.get(path).cloned())
    }

    /// Switches the phone off.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // It can only fail by a panic, which has been reported by then.
        let _ = (&mut self.task).await;
    }
}

impl Drop for SimPhone {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What it has fetched.
#[derive(Default)]
struct Log(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    fetches: Vec<SimFetch>,
    contents: HashMap<String, Bytes>,
}

impl Log {
    fn read<T>(&self, read: impl FnOnce(&Entries) -> T) -> T {
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a fetch; how many there are then.
    fn record(&self, fetch: SimFetch, content: Option<Bytes>) -> usize {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = content {
            entries.contents.insert(fetch.path.clone(), content);
        }
        entries.fetches.push(fetch);
        entries.fetches.len()
    }
}

/// What a NOTIFY makes it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaction {
    Resync,
    Reboot,
}

impl Reaction {
    /// The events that phones in the field understand (section 6 of the vendor sheets).
    fn to_event(event: &str) -> Option<Self> {
        let mut parts = event.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let reboot = parts.any(|part| part.eq_ignore_ascii_case("reboot=true"));
        match name {
            "reboot" => Some(Self::Reboot),
            "check-sync" if reboot => Some(Self::Reboot),
            "check-sync" | "resync" => Some(Self::Resync),
            _ => None,
        }
    }
}

async fn run(fetcher: Fetcher, socket: UdpSocket, server: NotifyServer, stop: CancellationToken) {
    let (reactions, waiting) = mpsc::channel(WAITING_REACTIONS);
    let silent = watch::Sender::new(false);
    tokio::select! {
        () = stop.cancelled() => {}
        () = listen(&socket, server, reactions, silent.subscribe()) => {}
        () = live(&fetcher, waiting, &silent) => {}
    }
}

/// Fetches at the start and at each reaction.
async fn live(
    fetcher: &Fetcher,
    mut waiting: mpsc::Receiver<Reaction>,
    silent: &watch::Sender<bool>,
) {
    fetcher.fetch_all().await;
    while let Some(reaction) = waiting.recv().await {
        if reaction == Reaction::Reboot {
            silent.send_replace(true);
            tokio::time::sleep(fetcher.options.boot_time).await;
            silent.send_replace(false);
        }
        fetcher.fetch_all().await;
    }
}

/// Answers NOTIFYs, unless the phone is restarting.
async fn listen(
    socket: &UdpSocket,
    mut server: NotifyServer,
    reactions: mpsc::Sender<Reaction>,
    silent: watch::Receiver<bool>,
) {
    let mut datagram = vec![0; MAXIMUM_MESSAGE];
    let started = Instant::now();
    loop {
        let Ok((length, source)) = socket.recv_from(&mut datagram).await else {
            continue;
        };
        if *silent.borrow() {
            continue;
        }
        // Nonces need a time that goes on, not the time of day.
        let now = SignedDuration::try_from(started.elapsed())
            .ok()
            .and_then(|elapsed| Timestamp::UNIX_EPOCH.checked_add(elapsed).ok())
            .unwrap_or(Timestamp::MAX);
        let Ok(tag) = getrandom::u64() else {
            continue;
        };
        let datagram = datagram.get(..length).unwrap_or_default();
        let received = server.on_datagram(datagram, source, &format!("{tag:016x}"), now);
        let Received::Request { response, event } = received else {
            continue;
        };
        if let Err(error) = socket.send_to(&response, source).await {
            tracing::debug!(%source, %error, "response not sent");
        }
        if let Some(reaction) = event.as_deref().and_then(Reaction::to_event) {
            // When it is full, a fetch is still to come anyhow.
            let _ = reactions.try_send(reaction);
        }
    }
}

struct Fetcher {
    options: SimPhoneOptions,
    log: Arc<Log>,
    count: watch::Sender<usize>,
}

impl Fetcher {
    async fn fetch_all(&self) {
        for path in &self.options.paths {
            let answer = tokio::time::timeout(FETCH_TIMEOUT, self.fetch(path)).await;
            let (status, content) = match answer {
                Ok(Ok((status, content))) => (Some(status), content),
                Ok(Err(error)) => {
                    tracing::debug!(device = %self.options.mac, path, %error, "fetch failed");
                    (None, Bytes::new())
                }
                Err(_) => {
                    tracing::debug!(device = %self.options.mac, path, "fetch timed out");
                    (None, Bytes::new())
                }
            };
            let fetch = SimFetch {
                path: path.clone(),
                status,
                bytes: content.len(),
            };
            let content = (status == Some(200)).then_some(content);
            self.count.send_replace(self.log.record(fetch, content));
        }
    }

    /// One file over a connection of its own, as phones do it.
    async fn fetch(&self, path: &str) -> Result<(u16, Bytes), FetchError> {
        let server = &self.options.server;
        let host = server.host_str().unwrap_or_default();
        let port = server.port_or_known_default().unwrap_or(80);
        let target = tokio::net::lookup_host((host.trim_matches(['[', ']']), port))
            .await?
            .find(|target| target.is_ipv4() == self.options.address.is_ipv4())
            .ok_or_else(|| io::Error::other("the server has no address of the phone's kind"))?;
        let socket = if target.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.bind(SocketAddr::new(self.options.address, 0))?;
        let stream = socket.connect(target).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = hyper::Request::get(format!(
            "{}/{}",
            server.path().trim_end_matches('/'),
            path.trim_start_matches('/')
        ))
        .header(HOST, format!("{host}:{port}"))
        .header(USER_AGENT, &self.options.user_agent)
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let content = Limited::new(response.into_body(), MAXIMUM_FILE)
                .collect()
                .await
                .map_err(FetchError::Body)?
                .to_bytes();
            Ok((status, content))
        };
        tokio::pin!(connection);
        tokio::pin!(exchange);
        tokio::select! {
            done = &mut exchange => done,
            closed = &mut connection => {
                // What has been read by then may be the whole answer.
                closed?;
                exchange.await
            }
        }
    }
}

/// Why a fetch failed; for the log only.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Connection(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error(transparent)]
    Request(#[from] hyper::http::Error),
    #[error("body: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::wire::sip::{Action, Notify, NotifyTransaction, Outcome, TransactionTokens};

    /// A file server that knows `own.cfg` only, and writes into it how often it was asked. It
    /// shows the requests.
    async fn file_server() -> (Url, mpsc::UnboundedReceiver<(SocketAddr, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/prov/", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let asked = AtomicUsize::new(0);
            loop {
                let (mut stream, source) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let answer = if head.starts_with("GET /prov/own.cfg HTTP/1.1\r\n") {
                    let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
                    format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfetch {number:02}")
                } else {
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone".to_owned()
                };
                // A test that is over reads no more.
                let _ = sender.send((source, head));
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (url.parse().unwrap(), requests)
    }

    fn options(server: Url) -> SimPhoneOptions {
        SimPhoneOptions {
            mac: Mac::new([0, 0x0b, 0x82, 0, 0, 1]),
            user_agent: "Phone One 1.0 000b82000001".into(),
            paths: vec!["shared.cfg".into(), "own.cfg".into()],
            server,
            address: "127.0.0.11".parse().unwrap(),
            sip_port: 0,
            sip_credentials: None,
            boot_time: Duration::ZERO,
        }
    }

    async fn notify(phone: &SimPhone, event: &str, password: Option<&str>) -> Outcome {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let local = socket.local_addr().unwrap();
        let notify = Notify::direct(phone.sip_address(), "200", event, local);
        let tokens = TransactionTokens {
            branch: format!("a{}", event.len()),
            tag: "t1".into(),
            call_id: "c1".into(),
            cnonce: "n1".into(),
        };
        let credentials = password.map(|password| Credentials {
            username: "200".into(),
            password: Secret::new(password),
        });
        let mut transaction = NotifyTransaction::new(notify, tokens, credentials, Instant::now());
        let mut datagram = vec![0; MAXIMUM_MESSAGE];
        loop {
            match transaction.poll(Instant::now()) {
                Action::Send(request) => {
                    socket.send_to(&request, phone.sip_address()).await.unwrap();
                }
                Action::Wait(until) => {
                    let received = socket.recv_from(&mut datagram);
                    if let Ok(received) = tokio::time::timeout_at(until.into(), received).await {
                        let (length, _) = received.unwrap();
                        transaction.on_datagram(&datagram[..length], Instant::now());
                    }
                }
                Action::Done(outcome) => return outcome,
            }
        }
    }

    fn fetch(path: &str, status: u16, bytes: usize) -> SimFetch {
        SimFetch {
            path: path.into(),
            status: Some(status),
            bytes,
        }
    }

    #[tokio::test]
    async fn it_fetches_its_files_in_order_from_its_own_address() {
        let (url, mut requests) = file_server().await;
        let mut phone = SimPhone::start(options(url)).await.unwrap();
        assert_eq!(phone.next_fetch().await, Some(fetch("shared.cfg", 404, 4)));
        assert_eq!(phone.next_fetch().await, Some(fetch("own.cfg", 200, 8)));
        assert_eq!(
            phone.fetches(),
            [fetch("shared.cfg", 404, 4), fetch("own.cfg", 200, 8)]
        );
        assert_eq!(phone.current("own.cfg").as_deref(), Some(&b"fetch 01"[..]));
        assert_eq!(phone.current("shared.cfg"), None);
        let (source, head) = requests.recv().await.unwrap();
        assert_eq!(source.ip().to_string(), "127.0.0.11");
        assert!(
            head.contains("user-agent: Phone One 1.0 000b82000001\r\n"),
            "{head}"
        );
        phone.stop().await;
    }

    #[tokio::test]
    async fn a_notify_makes_it_fetch_again() {
        let (url, _requests) = file_server().await;
        let mut phone = SimPhone::start(options(url)).await.unwrap();
        for (number, event) in ["", "check-sync", "resync", "check-sync;reboot=true"]
            .into_iter()
            .enumerate()
        {
            if !event.is_empty() {
                assert_eq!(
                    notify(&phone, event, None).await,
                    Outcome::Accepted { status: 200 }
                );
            }
            assert_eq!(phone.next_fetch().await, Some(fetch("shared.cfg", 404, 4)));
            assert_eq!(phone.next_fetch().await, Some(fetch("own.cfg", 200, 8)));
            let expected = format!("fetch {:02}", number + 1);
            assert_eq!(phone.current("own.cfg").unwrap(), expected.as_bytes());
        }
        assert_eq!(
            notify(&phone, "brew", None).await,
            Outcome::Refused { status: 489 }
        );
        assert_eq!(phone.fetches().len(), 8);
    }

    #[tokio::test]
    async fn it_can_ask_for_a_password() {
        let (url, _requests) = file_server().await;
        let mut options = options(url);
        options.sip_credentials = Some(("200".into(), Secret::new("verbena")));
        options.paths = vec!["own.cfg".into()];
        let mut phone = SimPhone::start(options).await.unwrap();
        assert!(phone.next_fetch().await.is_some());
        for (event, password, outcome) in [
            ("check-sync", None, Outcome::Refused { status: 401 }),
            ("resync", Some("wrong"), Outcome::Refused { status: 401 }),
            (
                "check-sync;reboot=true",
                Some("verbena"),
                Outcome::Accepted { status: 200 },
            ),
        ] {
            assert_eq!(notify(&phone, event, password).await, outcome, "{event}");
        }
        assert!(phone.next_fetch().await.is_some());
        assert_eq!(phone.fetches().len(), 2, "only the accepted one counts");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_a_fetch_without_status() {
        // Bound and not listening: nobody else gets the port.
        let nobody = TcpSocket::new_v4().unwrap();
        nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", nobody.local_addr().unwrap());
        let mut phone = SimPhone::start(options(url.parse().unwrap()))
            .await
            .unwrap();
        let fetch = phone.next_fetch().await.unwrap();
        assert_eq!((fetch.status, fetch.bytes), (None, 0));
        let https: Url = "https://127.0.0.1/".parse().unwrap();
        assert!(SimPhone::start(options(https)).await.is_err());
    }
}
