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
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;
    use crate::wire::Secret;
    use crate::wire::digest::{Challenge, ClientState};

    /// Knows two devices, `one` and `two`, with a password each.
    #[derive(Clone)]
    struct TwoDevices {
        woken: Arc<UnboundedSender<Mac>>,
        admitted: Arc<Mutex<HashSet<Mac>>>,
    }

    fn mac(segment: &str) -> Option<Mac> {
        match segment {
            "one" => "00aabb000001".parse().ok(),
            "two" => "00aabb000002".parse().ok(),
            _ => None,
        }
    }

    impl Switchboard for TwoDevices {
        fn target(
            &self,
            segment: String,
        ) -> impl Future<Output = Option<ConnectionRequestTarget>> + Send + 'static {
            let target = mac(&segment).map(|mac| ConnectionRequestTarget {
                mac,
                credentials: Credentials {
                    username: "acs".into(),
                    password: Secret::new(format!("password of {segment}")),
                },
            });
            async move { target }
        }

        fn admit(&self, mac: Mac, rules: WakingRules) -> Admission {
            let is_first = self.admitted.lock().unwrap().insert(mac);
            if is_first || rules.throttle.is_none() {
                Admission::Admitted
            } else {
                Admission::Throttled
            }
        }

        fn wake(&self, mac: Mac) -> impl Future<Output = ()> + Send + 'static {
            let woken = Arc::clone(&self.woken);
            async move {
                let _ = woken.send(mac);
            }
        }
    }

    struct Running {
        address: SocketAddr,
        woken: UnboundedReceiver<Mac>,
        shutdown: CancellationToken,
        ended: tokio::task::JoinHandle<io::Result<()>>,
    }

    fn start(authentication: bool) -> Running {
        start_with(ConnectionRequestSettings {
            authentication,
            ..ConnectionRequestSettings::default()
        })
    }

    fn start_with(settings: ConnectionRequestSettings) -> Running {
        let (woken, receiver) = unbounded_channel();
        let settings = ConnectionRequestSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..settings
        };
        let switchboard = TwoDevices {
            woken: Arc::new(woken),
            admitted: Arc::default(),
        };
        let server = ConnectionRequestServer::bind_to(switchboard, &settings).unwrap();
        let address = server.addresses()[0];
        let shutdown = CancellationToken::new();
        let ended = tokio::spawn(server.run(shutdown.clone()));
        Running {
            address,
            woken: receiver,
            shutdown,
            ended,
        }
    }

    impl Running {
        /// Sends raw bytes and reads the head of the answer.
        async fn raw(&self, stream: &mut TcpStream, request: &str) -> String {
            // The server may refuse before it has read everything.
            let _ = stream.write_all(request.as_bytes()).await;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            String::from_utf8(head).unwrap()
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }

        async fn once(&self, request: &str) -> String {
            self.raw(&mut self.connect().await, request).await
        }

        /// A GET that answers the challenge on the same connection; the last answer.
        async fn get(&self, path: &str, uri: &str, username: &str, password: &str) -> String {
            let mut stream = self.connect().await;
            let first = self.raw(&mut stream, &request("GET", path, "")).await;
            let mut client = client(&first);
            let credentials = Credentials {
                username: username.into(),
                password: Secret::new(password),
            };
            let value = client.answer("GET", uri, b"", &credentials, "c0");
            let header = format!("Authorization: {value}\r\n");
            self.raw(&mut stream, &request("GET", path, &header)).await
        }

        /// Stops the server, and says who was woken.
        async fn stop(mut self) -> Vec<Mac> {
            self.shutdown.cancel();
            self.ended.await.unwrap().unwrap();
            let mut woken = Vec::new();
            // The wake-up of the last request may still be under way.
            while let Some(mac) = self.woken.recv().await {
                woken.push(mac);
            }
            woken
        }
    }

    fn request(method: &str, path: &str, headers: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
    }

    fn client(answer: &str) -> ClientState {
        let challenge = answer
            .lines()
            .find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("www-authenticate")
                    .then_some(value)
            })
            .unwrap_or_else(|| panic!("no challenge in {answer}"));
        ClientState::new(
            Challenge::parse_all([challenge])
                .into_iter()
                .next()
                .unwrap(),
        )
    }

    fn status(answer: &str) -> &str {
        answer.get(9..12).unwrap_or("cut")
    }

    #[tokio::test]
    async fn c157_c158_a_challenge_and_then_200_with_an_empty_body() {
        let server = start(true);
        let first = server.once(&request("GET", "/one", "")).await;
        let second = server.once(&request("GET", "/one", "")).await;
        assert_eq!(status(&first), "401");
        for part in [
            "realm=\"trestle\"",
            "qop=\"auth\"",
            "algorithm=MD5",
            "nonce=",
        ] {
            assert!(first.contains(part), "{first}");
        }
        assert_ne!(first, second, "the nonce is fresh");
        let answer = server.get("/one", "/one", "acs", "password of one").await;
        assert_eq!(status(&answer), "200");
        assert!(
            answer.to_lowercase().contains("content-length: 0"),
            "{answer}"
        );
        assert_eq!(server.stop().await, [mac("one").unwrap()]);
    }

    #[tokio::test]
    async fn c159_wrong_credentials_get_401_and_wake_nobody() {
        let server = start(true);
        for (path, uri, username, password) in [
            ("/one", "/one", "other", "password of one"),
            ("/one", "/one", "acs", "wrong"),
            ("/one", "/two", "acs", "password of one"),
            ("/one", "/one", "acs", "password of two"),
        ] {
            let answer = server.get(path, uri, username, password).await;
            assert_eq!(status(&answer), "401", "{path} {uri} {username} {password}");
        }
        let basic = "Authorization: Basic YWNzOnBhc3N3b3JkIG9mIG9uZQ==\r\n";
        let answer = server.once(&request("GET", "/one", basic)).await;
        assert_eq!(status(&answer), "401");
        assert_eq!(server.stop().await, []);
    }

    #[tokio::test]
    async fn c160_a_replay_is_challenged_with_stale() {
        let server = start(true);
        let mut stream = server.connect().await;
        let first = server.raw(&mut stream, &request("GET", "/one", "")).await;
        let credentials = Credentials {
            username: "acs".into(),
            password: Secret::new("password of one"),
        };
        let value = client(&first).answer("GET", "/one", b"", &credentials, "c0");
        let good = request("GET", "/one", &format!("Authorization: {value}\r\n"));
        assert_eq!(status(&server.once(&good).await), "200");
        let replayed = server.once(&good).await;
        assert_eq!(status(&replayed), "401");
        assert!(replayed.contains("stale=true"), "{replayed}");
        assert_eq!(server.stop().await.len(), 1);
    }

    #[tokio::test]
    async fn c163_what_is_not_admitted_gets_503_without_retry_after_and_only_with_credentials() {
        let server = start_with(ConnectionRequestSettings {
            throttle: Some("1/60".parse().unwrap()),
            ..ConnectionRequestSettings::default()
        });
        let answer = server.get("/one", "/one", "acs", "password of one").await;
        assert_eq!(status(&answer), "200");
        let answer = server.get("/one", "/one", "acs", "password of one").await;
        assert_eq!(status(&answer), "503");
        assert!(!answer.to_lowercase().contains("retry-after"), "{answer}");
        let answer = server.get("/one", "/one", "acs", "wrong").await;
        assert_eq!(status(&answer), "401");
        assert_eq!(server.stop().await.len(), 1);
    }

    #[tokio::test]
    async fn c165_odd_requests_get_an_error_and_the_listener_lives() {
        let server = start(false);
        let long = format!("/{}", "x".repeat(16 * 1024));
        let headers = "X-Filler: ".to_owned() + &"y".repeat(100 * 1024) + "\r\n";
        for (request, expected) in [
            (
                request("POST", "/one", "Content-Length: 4\r\n") + "body",
                "405",
            ),
            (request("HEAD", "/one", ""), "405"),
            (request("DELETE", "/one", ""), "405"),
            (request("GET", "/three", ""), "404"),
            (request("GET", "/", ""), "404"),
            (request("GET", "/one/", ""), "404"),
            (request("GET", "/one/two", ""), "404"),
            (request("GET", "//one", ""), "404"),
            (request("GET", &long, ""), "414"),
            (request("GET", "/one", &headers), "431"),
            ("rubbish\r\n\r\n".to_owned(), "400"),
        ] {
            let answer = server.once(&request).await;
            let line: String = request.chars().take(40).collect();
            assert_eq!(status(&answer), expected, "{line}");
        }
        let answer = server.once(&request("GET", "/two?ignored=1", "")).await;
        assert_eq!(status(&answer), "200");
        assert_eq!(server.stop().await, [mac("two").unwrap()]);
    }

    #[tokio::test]
    async fn c161_every_good_request_is_answered() {
        let server = start(true);
        for _ in 0..5 {
            let answer = server.get("/one", "/one", "acs", "password of one").await;
            assert_eq!(status(&answer), "200");
        }
        assert_eq!(server.stop().await.len(), 5);
    }

    #[tokio::test]
    async fn c212_many_connections_at_once_are_all_answered() {
        let server = start(true);
        let mut streams = Vec::new();
        for _ in 0..500 {
            streams.push(server.connect().await);
        }
        for stream in &mut streams {
            let line = request("GET", "/one", "");
            stream.write_all(line.as_bytes()).await.unwrap();
        }
        for stream in &mut streams {
            assert_eq!(status(&server.raw(stream, "").await), "401");
        }
        assert_eq!(server.stop().await, []);
    }

    #[tokio::test]
    async fn a_taken_port_is_named_in_the_error() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (woken, _receiver) = unbounded_channel();
        let switchboard = TwoDevices {
            woken: Arc::new(woken),
            admitted: Arc::default(),
        };
        let listen = taken.local_addr().unwrap();
        let settings = ConnectionRequestSettings {
            listen,
            ..ConnectionRequestSettings::default()
        };
        let error = ConnectionRequestServer::bind_to(switchboard, &settings)
            .err()
            .unwrap();
        assert!(error.to_string().contains(&listen.to_string()), "{error}");
    }
}
