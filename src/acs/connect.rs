//! One outgoing HTTP/1.1 connection: name, TCP, TLS, requests in turn. Shared by sessions and
//! file transfers. There is no pool: a connection belongs to one session or transfer and ends
//! with it (cwmp.md H2).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::rt::{Read, Write};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::body::RequestBody;
use super::settings::AcsSettings;
use super::trust::{ConnectorError, client_config};
use crate::cwmp::HttpRequest;

/// Name lookup, TCP and TLS together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// From a short request to the head of its response; cwmp.md H4 asks for 30 s at least.
pub(super) const RESPONSE_DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of a request per second that are waited for besides.
const SLOWEST_LINE: u64 = 16 * 1024;
/// What is left of a connection that nobody needs any more may take to close.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// Head of a response.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// No connection could be made; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFailure {
    #[error("`{0}` is not an http or https URL with a host")]
    Url(String),
    #[error("cannot find the address of {host}: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("{host} has no address that can be reached from {bind}")]
    Family { host: String, bind: IpAddr },
    #[error(
        "{address} ({host}) is a private, loopback or link-local address; name it under \
         [transfers] allow if it is meant"
    )]
    NotAllowed { host: String, address: IpAddr },
    #[error("cannot connect to {address}: {source}")]
    Tcp {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("TLS with {host} failed: {source}")]
    Tls { host: String, source: io::Error },
    #[error("HTTP with {host} failed: {source}")]
    Http { host: String, source: hyper::Error },
    #[error("no connection to {host} within {} s", CONNECT_DEADLINE.as_secs())]
    Deadline { host: String },
}

/// A request was sent, at least in part, and its response didn't come.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendFailure {
    /// The server closed a kept connection between two exchanges; the request may be repeated on
    /// a new one (cwmp.md H2).
    #[error("the server closed the connection between two requests")]
    ClosedBetween,
    #[error("the connection broke off: {}", with_reason(.0))]
    Broken(hyper::Error),
    #[error("no response within {} s", RESPONSE_DEADLINE.as_secs())]
    Deadline,
    #[error("the request cannot be written: {0}")]
    Unsendable(hyper::http::Error),
}

/// The body of a response didn't come whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyFailure {
    #[error("the response is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the connection broke off inside the response: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    #[error("the response did not end within {} s", deadline.as_secs())]
    Deadline { deadline: Duration },
}

/// Says which addresses a host may have; the host name comes first.
pub(super) type AddressRule<'a> = &'a (dyn Fn(&str, IpAddr) -> bool + Send + Sync);

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    tls: TlsConnector,
    bind: Option<IpAddr>,
}

impl Connector {
    /// For file servers: shows no certificate of its own and knows no pins.
    pub(super) fn new(
        bind: Option<IpAddr>,
        ca_file: Option<PathBuf>,
    ) -> Result<Self, ConnectorError> {
        let config = client_config(ca_file.as_deref(), None, &[])?;
        Ok(Self::with(bind, config))
    }

    /// For one ACS.
    pub(super) fn for_acs(settings: &AcsSettings) -> Result<Self, ConnectorError> {
        let config = client_config(
            settings.ca_file.as_deref(),
            settings.client.as_ref(),
            &settings.pins,
        )?;
        Ok(Self::with(settings.bind, config))
    }

    fn with(bind: Option<IpAddr>, config: ClientConfig) -> Self {
        Self {
            tls: TlsConnector::from(Arc::new(config)),
            bind,
        }
    }

    /// Connects to the server of a URL. Only addresses that the rule lets pass are tried; the
    /// name is looked up once, so a second answer of the name server can't get around the rule.
    pub(super) async fn open(
        &self,
        url: &Url,
        rule: AddressRule<'_>,
    ) -> Result<Connection, ConnectFailure> {
        let wrong = || {
            ConnectFailure::Url(format!(
                "{}://{}",
                url.scheme(),
                url.host_str().unwrap_or("")
            ))
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let host = url.host().ok_or_else(wrong)?;
        let port = url.port_or_known_default().ok_or_else(wrong)?;
        let name = host.to_string();
        timeout(CONNECT_DEADLINE, async {
            let stream = self.reach(&host, &name, port, rule).await?;
            if url.scheme() == "https" {
                let server = match &host {
                    Host::Domain(domain) => {
                        ServerName::try_from((*domain).to_owned()).map_err(|_| wrong())?
                    }
                    Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
                    Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
                };
                let tls = self.tls.connect(server, stream).await;
                let stream = tls.map_err(|source| ConnectFailure::Tls {
                    host: name.clone(),
                    source,
                })?;
                Connection::start(TokioIo::new(stream), &name).await
            } else {
                Connection::start(TokioIo::new(stream), &name).await
            }
        })
        .await
        .map_err(|_| ConnectFailure::Deadline { host: name.clone() })?
    }

    async fn reach(
        &self,
        host: &Host<&str>,
        name: &str,
        port: u16,
        rule: AddressRule<'_>,
    ) -> Result<TcpStream, ConnectFailure> {
        let resolved: Vec<SocketAddr> = match host {
            Host::Domain(domain) => tokio::net::lookup_host((*domain, port))
                .await
                .map_err(|source| ConnectFailure::Resolve {
                    host: name.to_owned(),
                    source,
                })?
                .collect(),
            Host::Ipv4(address) => vec![SocketAddr::from((*address, port))],
            Host::Ipv6(address) => vec![SocketAddr::from((*address, port))],
        };
        let mut failure = ConnectFailure::Resolve {
            host: name.to_owned(),
            source: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        };
        for address in resolved {
            if !rule(name, address.ip()) {
                failure = ConnectFailure::NotAllowed {
                    host: name.to_owned(),
                    address: address.ip(),
                };
                continue;
            }
            if let Some(bind) = self.bind
                && bind.is_ipv4() != address.is_ipv4()
            {
                failure = ConnectFailure::Family {
                    host: name.to_owned(),
                    bind,
                };
                continue;
            }
            match self.dial(address).await {
                Ok(stream) => return Ok(stream),
                Err(source) => failure = ConnectFailure::Tcp { address, source },
            }
        }
        Err(failure)
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if let Some(bind) = self.bind {
            socket.bind(SocketAddr::new(bind, 0))?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// An open connection; it closes when it is dropped.
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    /// A whole exchange has gone over it.
    used: bool,
    /// Dropping it tells the connection's task to come to an end.
    _owner: oneshot::Sender<()>,
}

impl Connection {
    async fn start<T>(io: T, host: &str) -> Result<Self, ConnectFailure>
    where
        T: Read + Write + Unpin + Send + 'static,
    {
        // Some ACSs and proxies tell header names apart by case.
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(io)
            .await
            .map_err(|source| ConnectFailure::Http {
                host: host.to_owned(),
                source,
            })?;
        let (owner, dropped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                // Its errors come out at the request they concern.
                _ = &mut connection => return,
                _ = dropped => {}
            }
            // Time for a TLS goodbye, not for a peer that has stopped reading.
            let _ = timeout(CLOSE_DEADLINE, connection).await;
        });
        Ok(Self {
            sender,
            used: false,
            _owner: owner,
        })
    }

    /// Sends one request and waits for the head of its response.
    pub(super) async fn send(
        &mut self,
        request: &HttpRequest,
        body: RequestBody,
    ) -> Result<Response<Incoming>, SendFailure> {
        // A long body gets the time that it takes on a slow line (cwmp.md M45).
        let length = body.size_hint().lower();
        let deadline = RESPONSE_DEADLINE + Duration::from_secs(length / SLOWEST_LINE);
        let request = to_hyper(request, body).map_err(SendFailure::Unsendable)?;
        let used = self.used;
        let exchange = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        let response = timeout(deadline, exchange)
            .await
            .map_err(|_| SendFailure::Deadline)?
            .map_err(|error| {
                if used && was_closed(&error) {
                    SendFailure::ClosedBetween
                } else {
                    SendFailure::Broken(error)
                }
            })?;
        self.used = true;
        Ok(response)
    }
}

/// Reads a body to its end.
pub(super) async fn read_body(
    body: Incoming,
    limit: usize,
    deadline: Duration,
) -> Result<Bytes, BodyFailure> {
    match timeout(deadline, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyFailure::TooLarge { limit }),
        Ok(Err(error)) => Err(BodyFailure::Broken(error)),
        Err(_) => Err(BodyFailure::Deadline { deadline }),
    }
}

/// The headers of a response as text.
pub(super) fn header_texts<T>(response: &Response<T>) -> Vec<(String, String)> {
    response
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn to_hyper(
    request: &HttpRequest,
    body: RequestBody,
) -> Result<Request<RequestBody>, hyper::http::Error> {
    let url = &request.url;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let mut builder = Request::builder()
        .method(request.method)
        .uri(target)
        .header(HOST, host)
        .header(USER_AGENT, concat!("trestle/", env!("CARGO_PKG_VERSION")));
    for (name, value) in &request.headers {
        builder = builder.header(*name, HeaderValue::from_bytes(value.as_bytes())?);
    }
    builder.body(body)
}

/// hyper says at which step a connection broke off; why it did, such as an alert of TLS, is the error
/// behind that.
fn with_reason(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(reason) => format!("{error}: {reason}"),
        None => error.to_string(),
    }
}

/// Whether the connection ended without a byte of a response.
fn was_closed(error: &hyper::Error) -> bool {
    let lost = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|source| {
            matches!(
                source.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof
            )
        });
    lost || error.is_canceled() || error.is_closed() || error.is_incomplete_message()
}
