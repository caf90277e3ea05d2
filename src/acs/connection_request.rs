//! Connection requests over HTTP: one listener for all devices, told apart by one path segment
//! (cwmp.md section 5.1).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::settings::ConnectionRequestSettings;
use crate::gateway::{Admission, ConnectionRequestTarget, Gateway, WakingRules};
use crate::native::Mac;
use crate::wire::digest::{Credentials, Verdict, Verifier};

/// The realm of the challenge.
const REALM: &str = "trestle";
/// Bytes of a request target; a connection request URL has 256 at most (cwmp.md C1).
const MAX_TARGET_BYTES: usize = 1024;
/// Bytes of all header names and values.
const MAX_HEADER_BYTES: usize = 8 * 1024;
/// Connections held open at once.
const MAX_CONNECTIONS: usize = 4096;
/// Connections that may wait to be taken.
const BACKLOG: u32 = 2048;
/// A request's head must be there within this time.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection waits for the answer to a challenge.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The listener can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionRequestError {
    /// The address is taken or not ours.
    #[error("cannot listen for connection requests on {address}: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gives no random bytes for nonces.
    #[error("cannot get random bytes: {0}")]
    Random(getrandom::Error),
    /// There is no tokio runtime to ask the gateway on.
    #[error("connection requests need a running tokio runtime: {0}")]
    Runtime(#[from] tokio::runtime::TryCurrentError),
}

/// The listener for connection requests, bound and ready to run.
pub struct ConnectionRequestServer {
    server: Server,
    addresses: Vec<SocketAddr>,
}

impl ConnectionRequestServer {
    /// Opens the listener. Must be called within the runtime that the gateway works on.
    pub fn bind(
        gateway: Gateway,
        settings: &ConnectionRequestSettings,
    ) -> Result<Self, ConnectionRequestError> {
        Self::bind_to(gateway, settings)
    }

    fn bind_to<S: Switchboard>(
        switchboard: S,
        settings: &ConnectionRequestSettings,
    ) -> Result<Self, ConnectionRequestError> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(ConnectionRequestError::Random)?;
        let door = web::Data::new(Door {
            switchboard,
            authentication: settings.authentication,
            rules: settings.rules(),
            verifier: Mutex::new(Verifier::new(key, REALM)),
            started: Instant::now(),
            runtime: Handle::try_current()?,
        });
        let address = settings.listen;
        let server = HttpServer::new(move || {
            App::new()
                .app_data(door.clone())
                .default_service(web::to(handle::<S>))
        })
        .workers(1)
        .backlog(BACKLOG)
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(HEAD_DEADLINE)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(1)
        .disable_signals()
        .bind(address)
        .map_err(|source| ConnectionRequestError::Bind { address, source })?;
        let addresses = server.addrs();
        Ok(Self {
            server: server.run(),
            addresses,
        })
    }

    /// Where it listens, with the port that was chosen for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers requests until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let handle = self.server.handle();
        let mut server = std::pin::pin!(self.server);
        tokio::select! {
            ended = &mut server => return ended,
            () = shutdown.cancelled() => {}
        }
        let (ended, ()) = tokio::join!(server, handle.stop(true));
        ended
    }
}

/// What the listener asks of the gateway.
trait Switchboard: Clone + Send + Sync + 'static {
    fn target(
        &self,
        segment: String,
    ) -> impl Future<Output = Option<ConnectionRequestTarget>> + Send + 'static;
    fn admit(&self, mac: Mac, rules: WakingRules) -> Admission;
    fn wake(&self, mac: Mac) -> impl Future<Output = ()> + Send + 'static;
}

impl Switchboard for Gateway {
    fn target(
        &self,
        segment: String,
    ) -> impl Future<Output = Option<ConnectionRequestTarget>> + Send + 'static {
        let gateway = self.clone();
        async move { gateway.connection_request_target(&segment).await }
    }

    fn admit(&self, mac: Mac, rules: WakingRules) -> Admission {
        self.admit_connection_request(mac, rules)
    }

    fn wake(&self, mac: Mac) -> impl Future<Output = ()> + Send + 'static {
        let gateway = self.clone();
        async move { gateway.wake(mac).await }
    }
}

/// Shared by all requests.
struct Door<S> {
    switchboard: S,
    authentication: bool,
    rules: WakingRules,
    verifier: Mutex<Verifier>,
    /// Nonces count from here: their key lives no longer than the process, so a clock that
    /// someone sets cannot make them old or young.
    started: Instant,
    /// The server's own thread is only for HTTP.
    runtime: Handle,
}

async fn handle<S: Switchboard>(request: HttpRequest, door: web::Data<Door<S>>) -> HttpResponse {
    let mut response = match refusal(&request) {
        Some(status) => HttpResponse::new(status),
        None => door.answer(&request).await,
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response
            .headers_mut()
            .insert(header::ALLOW, header::HeaderValue::from_static("GET"));
    }
    // A body is not read, so nothing after it can be either (cwmp.md C3).
    let has_body = request.headers().contains_key(header::TRANSFER_ENCODING)
        || request
            .headers()
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0");
    if has_body
        || response.status().is_client_error() && response.status() != StatusCode::UNAUTHORIZED
    {
        response
            .head_mut()
            .set_connection_type(actix_web::http::ConnectionType::Close);
    }
    response
}

/// What is wrong with a request before anyone is asked (cwmp.md C11).
fn refusal(request: &HttpRequest) -> Option<StatusCode> {
    let target_length = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let header_length: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if target_length > MAX_TARGET_BYTES {
        Some(StatusCode::URI_TOO_LONG)
    } else if header_length > MAX_HEADER_BYTES {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else if request.method() != Method::GET {
        Some(StatusCode::METHOD_NOT_ALLOWED)
    } else {
        None
    }
}

/// The only segment of a path.
fn only_segment(path: &str) -> Option<&str> {
    path.strip_prefix('/')
        .filter(|segment| !segment.is_empty() && !segment.contains('/'))
}

impl<S: Switchboard> Door<S> {
    async fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let Some(segment) = only_segment(request.path()) else {
            return HttpResponse::new(StatusCode::NOT_FOUND);
        };
        let lookup = self.switchboard.target(segment.to_owned());
        let target = match self.runtime.spawn(lookup).await {
            Ok(Some(target)) => target,
            Ok(None) => return HttpResponse::new(StatusCode::NOT_FOUND),
            Err(error) => {
                tracing::error!(%error, "the lookup for a connection request failed");
                return HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        if self.authentication
            && let Err(challenge) = self.admit(request, segment, &target)
        {
            return HttpResponse::Unauthorized()
                .insert_header((header::WWW_AUTHENTICATE, challenge))
                .finish();
        }
        let admission = self.switchboard.admit(target.mac, self.rules);
        if admission != Admission::Admitted {
            tracing::info!(device = %target.mac, ?admission, "connection request refused");
            // Without Retry-After (cwmp.md C8).
            return HttpResponse::new(StatusCode::SERVICE_UNAVAILABLE);
        }
        tracing::info!(device = %target.mac, "connection request accepted");
        let wake = self.switchboard.wake(target.mac);
        // The device may be busy for a while; the answer does not wait for it.
        self.runtime.spawn(wake);
        HttpResponse::new(StatusCode::OK)
    }

    /// Whether the answer to a challenge is good; if not, the next challenge.
    fn admit(
        &self,
        request: &HttpRequest,
        segment: &str,
        target: &ConnectionRequestTarget,
    ) -> Result<(), String> {
        let elapsed = self.started.elapsed();
        let now = Timestamp::UNIX_EPOCH
            .checked_add(elapsed)
            .unwrap_or(Timestamp::MAX);
        let credentials = Credentials {
            username: target.credentials.username.clone(),
            password: target.credentials.password.clone(),
        };
        let uri = request
            .uri()
            .path_and_query()
            .map_or(request.path(), |target| target.as_str());
        let mut verifier = self.verifier.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = match request.headers().get(header::AUTHORIZATION) {
            Some(value) => {
                let value = String::from_utf8_lossy(value.as_bytes());
                verifier.verify(now, &value, "GET", uri, segment, &credentials)
            }
            None => Verdict::Refused,
        };
        match verdict {
            Verdict::Accepted => Ok(()),
            Verdict::Refused => Err(verifier.challenge(now, segment, false)),
            Verdict::Stale => Err(verifier.challenge(now, segment, true)),
        }
    }
}

#[cfg(test)]
#[path = "connection_request_tests.rs"]
mod tests;
