//! The server of the scripted ACS: takes requests, records and checks them, asks the script.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::cpe::CpeMessage;
use super::device::Device;
use super::digest::{Authentication, NonceBook, Verdict};
use super::http::{Connection, Request, find_header};
use super::message::{Heading, Style};
use super::record::Exchange;
use super::reply::Reply;
use crate::sim::checks::{ExpectedType, Finding, SetCookie, check_cookies, check_message};

/// Name of the cookie that ties a request to its session.
const SESSION_COOKIE: &str = "acs-session";
/// Namespace to speak when the CPE named none.
const DEFAULT_NAMESPACE: &str = "urn:dslforum-org:cwmp-1-2";

/// How a scripted ACS is set up.
#[derive(Clone)]
pub struct AcsOptions {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// TLS with these certificates; `None` for plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Host name for its URL; `None`: the address.
    pub host: Option<String>,
    /// How it spells its messages.
    pub style: Style,
    /// Whether an InformResponse sets a session cookie.
    pub session_cookie: bool,
    /// Types of known paths, for check C005.
    pub expected_type: Option<Arc<ExpectedType>>,
    /// Sees every request as soon as it is recorded.
    pub observer: Option<Arc<Observer>>,
}

/// Looks at a request that the ACS has recorded.
pub type Observer = dyn Fn(&Exchange) + Send + Sync;

impl Default for AcsOptions {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            tls: None,
            host: None,
            style: Style::standard(),
            session_cookie: true,
            expected_type: None,
            observer: None,
        }
    }
}

/// A running ACS; it stops when this is dropped.
pub struct ScriptedAcs {
    shared: Arc<Shared>,
    address: SocketAddr,
    url: String,
    acceptor: Mutex<JoinHandle<()>>,
}

impl ScriptedAcs {
    /// Starts to listen. Devices without a script get the default answers: those of
    /// [`Style::answer`] to their requests, 204 at the empty POST.
    pub async fn start(options: AcsOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.bind).await?;
        let address = listener.local_addr()?;
        let scheme = if options.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let host = match &options.host {
            Some(host) => format!("{host}:{}", address.port()),
            None => address.to_string(),
        };
        let base = format!("{scheme}://{host}");
        let tls = options.tls.clone().map(TlsAcceptor::from);
        let shared = Arc::new(Shared {
            options,
            base: base.clone(),
            state: Mutex::default(),
        });
        let acceptor = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        Ok(Self {
            shared,
            address,
            url: format!("{base}/acs"),
            acceptor: Mutex::new(acceptor),
        })
    }

    /// Goes away, as an ACS that is stopped: connections break, new ones are refused. Scripts and
    /// records stay.
    pub fn close(&self) {
        self.lock_acceptor().abort();
    }

    /// Comes back at the same address after [`ScriptedAcs::close`].
    ///
    /// # Errors
    /// Somebody else has its port.
    pub async fn reopen(&self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        let tls = self.shared.options.tls.clone().map(TlsAcceptor::from);
        let acceptor = tokio::spawn(accept(listener, tls, Arc::clone(&self.shared)));
        let before = std::mem::replace(&mut *self.lock_acceptor(), acceptor);
        before.abort();
        Ok(())
    }

    /// The URL for a CPE: `http://127.0.0.1:40001/acs`. Any other path is served alike.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the device with this SerialNumber under a script: from now on its requests wait for
    /// what the script says, until the handle is dropped. A second handle takes over from a first.
    pub fn device(&self, serial: &str) -> Device {
        let (sender, receiver) = mpsc::unbounded_channel();
        let claim = {
            let mut state = self.shared.state();
            state.claims += 1;
            let claim = state.claims;
            state.device(serial).script = Some(Script { claim, sender });
            claim
        };
        Device::new(serial, claim, Arc::clone(&self.shared), receiver)
    }

    /// What devices without a demand of their own must show; `None`: nothing.
    pub fn require(&self, authentication: Option<Authentication>) {
        self.shared.state().authentication = authentication;
    }

    /// The requests of one device so far.
    pub fn exchanges(&self, serial: &str) -> Vec<Arc<Exchange>> {
        self.shared.exchanges(serial)
    }

    /// All requests so far.
    pub fn all_exchanges(&self) -> Vec<Arc<Exchange>> {
        self.shared.state().exchanges.clone()
    }

    /// The SerialNumbers seen so far, sorted.
    pub fn serials(&self) -> Vec<String> {
        let state = self.shared.state();
        let mut serials: Vec<_> = state
            .exchanges
            .iter()
            .filter_map(|exchange| exchange.serial.clone())
            .collect();
        serials.sort_unstable();
        serials.dedup();
        serials
    }

    /// What the checks found so far, with the device it concerns.
    pub fn findings(&self) -> Vec<(Option<String>, Finding)> {
        let state = self.shared.state();
        let of = |exchange: &Arc<Exchange>| {
            let serial = exchange.serial.clone();
            let findings = exchange.findings.clone();
            findings
                .into_iter()
                .map(move |finding| (serial.clone(), finding))
        };
        state.exchanges.iter().flat_map(of).collect()
    }

    /// How many TCP connections were opened so far; with TLS, also those whose handshake failed.
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    fn lock_acceptor(&self) -> MutexGuard<'_, JoinHandle<()>> {
        self.acceptor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ScriptedAcs {
    fn drop(&mut self) {
        self.close();
    }
}

/// A request that waits for the script.
#[derive(Debug)]
pub struct Incoming {
    /// The request.
    pub exchange: Arc<Exchange>,
    reply: oneshot::Sender<Reply>,
}

impl Incoming {
    /// Answers it. An unanswered one that is dropped gets the default answer.
    pub fn reply(self, reply: Reply) {
        // The CPE may have gone meanwhile; then nobody waits for the answer.
        let _ = self.reply.send(reply);
    }
}

pub(super) struct Shared {
    pub(super) options: AcsOptions,
    base: String,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    devices: HashMap<String, DeviceState>,
    cookies: HashMap<String, String>,
    exchanges: Vec<Arc<Exchange>>,
    authentication: Option<Authentication>,
    connections: u64,
    sessions: u64,
    claims: u64,
}

#[derive(Default)]
pub(super) struct DeviceState {
    script: Option<Script>,
    pub(super) authentication: Option<Authentication>,
    pub(super) style: Option<Style>,
    pub(super) nonces: NonceBook,
    session: u64,
    session_cookies: Vec<SetCookie>,
    namespace: String,
    /// Whether an Inform that comes now belongs to the session that is open.
    repeats: bool,
}

struct Script {
    claim: u64,
    sender: mpsc::UnboundedSender<Incoming>,
}

impl State {
    pub(super) fn device(&mut self, serial: &str) -> &mut DeviceState {
        self.devices.entry(serial.to_owned()).or_default()
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn exchanges(&self, serial: &str) -> Vec<Arc<Exchange>> {
        self.state()
            .exchanges
            .iter()
            .filter(|exchange| exchange.serial.as_deref() == Some(serial))
            .cloned()
            .collect()
    }

    pub(super) fn release(&self, serial: &str, claim: u64) {
        self.state()
            .device(serial)
            .script
            .take_if(|script| script.claim == claim);
    }

    pub(super) fn style(&self, serial: &str) -> Style {
        self.state()
            .device(serial)
            .style
            .clone()
            .unwrap_or_else(|| self.options.style.clone())
    }

    /// Records and checks a request; says what to answer when its credentials don't do.
    fn admit(&self, connection: u64, here: &mut Option<String>, request: Request) -> Admission {
        let message = CpeMessage::parse(&request.body).ok();
        let inform = message.as_ref().and_then(CpeMessage::inform);
        let mut findings = check_message(
            &request.headers,
            &request.body,
            self.options.expected_type.as_deref(),
        );
        let mut state = self.state();
        let serial = match &inform {
            Some(inform) => Some(inform.device_id.serial_number.clone()),
            None => state.serial_of_cookie(&request).or_else(|| here.clone()),
        };
        here.clone_from(&serial);
        let mut verdict = Verdict::NotAsked;
        let mut refusal = None;
        let mut session = 0;
        if let Some(serial) = &serial {
            if inform.is_some() && !state.device(serial).repeats {
                state.sessions += 1;
                let number = state.sessions;
                let device = state.device(serial);
                device.session = number;
                device.session_cookies.clear();
            }
            let demanded = state.authentication.clone();
            let device = state.device(serial);
            session = device.session;
            if let (Some(message), Some(_)) = (&message, &inform) {
                device.namespace.clone_from(&message.namespace);
            }
            findings.extend(check_cookies(
                &request.headers,
                &request.target,
                &device.session_cookies,
            ));
            if let Some(authentication) = device.authentication.clone().or(demanded) {
                verdict = device.nonces.verify(
                    &authentication,
                    connection,
                    &request.method,
                    &request.target,
                    request.header("authorization"),
                );
                if !verdict.passes() {
                    let stale = verdict == Verdict::Stale;
                    let challenges = device.nonces.challenge(&authentication, connection, stale);
                    refusal = Some(challenges.iter().fold(Reply::status(401), |reply, value| {
                        reply.with_header("WWW-Authenticate", value)
                    }));
                }
            }
        }
        let exchange = Arc::new(Exchange {
            at: Instant::now(),
            connection,
            method: request.method,
            target: request.target,
            headers: request.headers,
            body: request.body,
            message,
            serial,
            session,
            verdict,
            findings,
            status: AtomicU16::new(0),
        });
        state.exchanges.push(Arc::clone(&exchange));
        drop(state);
        if let Some(observer) = &self.options.observer {
            observer(&exchange);
        }
        Admission { exchange, refusal }
    }

    /// Hands a request to the script of its device, if there is one, and waits for the answer.
    async fn ask_script(&self, exchange: &Arc<Exchange>) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.state();
            let script = state.device(exchange.serial.as_deref()?).script.as_ref()?;
            let incoming = Incoming {
                exchange: Arc::clone(exchange),
                reply,
            };
            script.sender.send(incoming).ok()?;
        }
        answer.await.ok()
    }

    /// The answer without a script.
    fn default_reply(&self, exchange: &Exchange) -> Reply {
        if exchange.method != "POST" {
            return Reply::status(405);
        }
        if exchange.body.is_empty() {
            return Reply::status(204);
        }
        let Some(message) = &exchange.message else {
            return Reply::status(400);
        };
        let style = self.style(exchange.serial.as_deref().unwrap_or_default());
        let body = match message.method.as_str() {
            "Fault" => return Reply::status(204),
            response if response.ends_with("Response") => return Reply::status(204),
            method => style.answer(method),
        };
        let namespace = if message.namespace.is_empty() {
            DEFAULT_NAMESPACE
        } else {
            &message.namespace
        };
        Reply::message(style.envelope(
            &Heading {
                namespace,
                id: message.id.as_deref(),
                hold_requests: None,
                more: "",
            },
            &body,
        ))
    }

    /// Notes what a reply means for the session, and gives it the session cookie.
    fn finish(&self, exchange: &Exchange, mut reply: Reply) -> Reply {
        exchange
            .status
            .store(reply.status_code(), Ordering::Release);
        let Some(serial) = &exchange.serial else {
            return reply;
        };
        let mut state = self.state();
        let accepts = exchange.rpc() == "Inform"
            && reply.status_code() == 200
            && contains(reply.body(), "InformResponse");
        if accepts && self.options.session_cookie {
            let value = exchange.session.to_string();
            reply = reply.with_header("Set-Cookie", &format!("{SESSION_COOKIE}={value}"));
            state.cookies.insert(value, serial.clone());
        }
        let device = state.device(serial);
        let here = |location: &str| location.starts_with('/') || location.starts_with(&self.base);
        device.repeats = match reply.status_code() {
            401 => exchange.rpc() == "Inform",
            301 | 302 | 307 | 308 => find_header(reply.headers(), "location").is_some_and(here),
            _ => contains(reply.body(), "<FaultCode>8005</FaultCode>"),
        };
        for cookie in reply.cookies() {
            device
                .session_cookies
                .retain(|known| known.name != cookie.name);
            device.session_cookies.push(cookie);
        }
        reply
    }
}

struct Admission {
    exchange: Arc<Exchange>,
    refusal: Option<Reply>,
}

impl State {
    fn serial_of_cookie(&self, request: &Request) -> Option<String> {
        let cookies = request.header("cookie")?;
        let value = cookies.split(';').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == SESSION_COOKIE).then_some(value.trim())
        })?;
        self.cookies.get(value).cloned()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let number = {
            let mut state = shared.state();
            state.connections += 1;
            state.connections
        };
        connections.spawn(handle(stream, tls.clone(), Arc::clone(&shared), number));
        while connections.try_join_next().is_some() {}
    }
}

async fn handle(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>, connection: u64) {
    match tls {
        // A handshake that fails, or a connection that breaks, is the other side's doing and
        // shows in what the script does not receive.
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _ = serve(stream, &shared, connection).await;
            }
        }
        None => {
            let _ = serve(stream, &shared, connection).await;
        }
    }
}

async fn serve<S>(stream: S, shared: &Shared, number: u64) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection::new(stream);
    let mut here = None;
    while let Some(request) = connection.read_request().await? {
        let Admission { exchange, refusal } = shared.admit(number, &mut here, request);
        let reply = match refusal {
            Some(refusal) => refusal,
            None => match shared.ask_script(&exchange).await {
                Some(reply) => reply,
                None => shared.default_reply(&exchange),
            },
        };
        let reply = shared.finish(&exchange, reply);
        if reply.is_stall() {
            connection.wait_for_close().await;
            return Ok(());
        }
        connection.stream().write_all(&reply.bytes()).await?;
        connection.stream().flush().await?;
        if reply.closes() {
            return connection.stream().shutdown().await;
        }
    }
    Ok(())
}

fn contains(body: &[u8], text: &str) -> bool {
    memchr::memmem::find(body, text.as_bytes()).is_some()
}
