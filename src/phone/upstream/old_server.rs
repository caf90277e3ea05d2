//! One question to the old server. By HTTP: a connection, a GET, redirects within its host, its
//! answer; by TFTP: a read.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, HOST, LOCATION, USER_AGENT,
    WWW_AUTHENTICATE,
};
use hyper::rt::{Read, Write};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::settings::{UpstreamError, UpstreamSettings};
use crate::gateway::{FetchRequest, Transport};
use crate::phone::tftp_client::{self, TftpFetchError, TftpLimits};
use crate::wire::digest::{Challenge, ClientState};
use crate::wire::tftp::ReceivingFailure;
use crate::wire::{Credentials, Secret};

/// Largest file that is taken from the old server.
const MAX_BODY: usize = 128 << 20;
/// Head of a response.
const MAX_HEAD: usize = 64 * 1024;
/// Redirects in a row.
const MAX_REDIRECTS: usize = 3;
/// Name lookup, TCP and TLS together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// Where TFTP servers listen.
const TFTP_PORT: u16 = 69;
/// What stays as it is in a path that no phone has written.
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// How long a question may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the request to the head of its response.
    pub head: Duration,
    /// From there to the end of the body.
    pub body: Duration,
    /// All of it by TFTP, where silence shows late.
    pub tftp: Duration,
}

impl Patience {
    /// For a phone that has nothing else to hope for.
    pub const LONG: Self = Self {
        head: Duration::from_secs(5),
        body: Duration::from_secs(60),
        tftp: Duration::from_secs(20),
    };
    /// For a phone whose file is here as well.
    pub const SHORT: Self = Self {
        head: Duration::from_secs(2),
        body: Duration::from_secs(5),
        tftp: Duration::from_secs(3),
    };
}

/// What the old server is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Path below the root of the tree, decoded: TFTP's name.
    pub path: String,
    /// Path with its query, as the phone has written it; begins with a slash.
    pub target: String,
    /// The phone's User-Agent.
    pub user_agent: Option<String>,
    /// What the phone shows of who it is.
    pub authorization: Option<Secret>,
}

impl Question {
    /// What a phone has asked.
    pub fn of(request: &FetchRequest) -> Self {
        let target = request.shown.target.as_str();
        let target = if request.transport == Transport::Tftp {
            None
        } else if target.starts_with('/') {
            Some(target.to_owned())
        } else {
            // The absolute form names a host first.
            target.parse::<Url>().ok().map(|url| target_in(&url))
        };
        Self {
            path: request.path.clone(),
            target: target.unwrap_or_else(|| target_of(&request.path)),
            user_agent: request.user_agent.clone(),
            authorization: request.shown.authorization.clone(),
        }
    }

    /// A path below the root of the tree, asked for by nobody in particular.
    pub fn of_path(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            target: target_of(path),
            user_agent: None,
            authorization: None,
        }
    }
}

fn target_of(path: &str) -> String {
    format!("/{}", utf8_percent_encode(path, IN_PATHS))
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OldAnswer {
    /// 200.
    File {
        /// All of it.
        body: Bytes,
        /// Whether it took credentials.
        protected: bool,
    },
    /// 401, with its challenges.
    Challenge(Vec<String>),
    /// Any other status: no file.
    Nothing(u16),
}

/// It does not answer, or not as a server of files.
#[derive(Debug, thiserror::Error)]
pub enum OldServerError {
    /// No connection.
    #[error("cannot connect to {host}: {source}")]
    Connect {
        /// Its host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// It takes too long.
    #[error("{host} does not answer within {} s", within.as_secs())]
    Silent {
        /// Its host.
        host: String,
        /// How long it had.
        within: Duration,
    },
    /// The connection breaks off.
    #[error("the connection broke off: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// The file is too large.
    #[error("the file is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// It sends phones elsewhere.
    #[error("it sends phones to another host, in a circle, or from https to http")]
    Redirect,
    /// The file is packed in a way that nobody asked for.
    #[error("it sends the file in the encoding {0:?}, which nobody asked for")]
    Encoded(String),
    /// The request can't be written.
    #[error("`{0}` can't be asked for")]
    Unsendable(String),
}

impl OldServerError {
    /// Whether the server itself is in trouble, so that it is the same for other files.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::Silent { .. } | Self::Broken(_)
        )
    }
}

/// The old server.
#[derive(Clone)]
pub struct OldServer {
    url: Url,
    credentials: Option<Credentials>,
    tls: TlsConnector,
}

impl OldServer {
    /// The server of these settings; nothing is asked yet.
    ///
    /// # Errors
    /// [`UpstreamError`] when the settings are of no use.
    pub fn new(settings: &UpstreamSettings) -> Result<Self, UpstreamError> {
        Self::check_url(&settings.url)?;
        let credentials = &settings.credentials;
        Ok(Self {
            url: settings.url.clone(),
            credentials: Some(credentials.clone())
                .filter(|credentials| !credentials.username.is_empty()),
            tls: TlsConnector::from(Arc::new(client_config(settings)?)),
        })
    }

    /// Whether a URL can be one of an old server.
    ///
    /// # Errors
    /// [`UpstreamError::Url`].
    pub fn check_url(url: &Url) -> Result<(), UpstreamError> {
        let problem = if !matches!(url.scheme(), "http" | "https" | "tftp") {
            Some("its scheme is none of http, https and tftp")
        } else if url.host().is_none() {
            Some("it has no host")
        } else if !url.username().is_empty() || url.password().is_some() {
            Some("credentials belong into phones.upstream_username and phones.upstream_password")
        } else if url.query().is_some() || url.fragment().is_some() {
            Some("it ends with its path")
        } else {
            None
        };
        match problem {
            Some(problem) => Err(UpstreamError::Url { problem }),
            None => Ok(()),
        }
    }

    /// Whether it is shown the credentials of the settings, in place of what phones show.
    pub(super) fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Its host, for messages.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Asks once; follows redirects within its host.
    ///
    /// # Errors
    /// [`OldServerError`].
    pub async fn ask(
        &self,
        question: &Question,
        patience: Patience,
    ) -> Result<OldAnswer, OldServerError> {
        if self.url.scheme() == "tftp" {
            return self.ask_by_tftp(question, patience).await;
        }
        let unsendable = || OldServerError::Unsendable(question.target.clone());
        let base = self.url.as_str().trim_end_matches('/');
        let mut url: Url = format!("{base}{}", question.target)
            .parse()
            .map_err(|_| unsendable())?;
        let mut authorization = match self.credentials {
            Some(_) => None,
            None => question.authorization.clone(),
        };
        let mut redirects = 0;
        loop {
            let exchange = self.exchange(&url, question, &authorization, patience);
            // The connection ends with the second of them.
            let (response, _connection) = Box::pin(exchange).await?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED {
                match self.answer_challenge(&url, &response, &authorization) {
                    Some(answer) => authorization = Some(answer),
                    None => return Ok(OldAnswer::Challenge(challenges(&response))),
                }
            } else if status.is_redirection() && response.headers().contains_key(LOCATION) {
                redirects += 1;
                url = self.redirected(&url, &response, redirects)?;
            } else if status == StatusCode::OK {
                let body = self.read(response, patience).await?;
                let protected = authorization.is_some();
                return Ok(OldAnswer::File { body, protected });
            } else {
                return Ok(OldAnswer::Nothing(status.as_u16()));
            }
        }
    }

    async fn ask_by_tftp(
        &self,
        question: &Question,
        patience: Patience,
    ) -> Result<OldAnswer, OldServerError> {
        let unreachable = |source| OldServerError::Connect {
            host: self.host().to_owned(),
            source,
        };
        let host = self.host().trim_matches(['[', ']']);
        let looking = tokio::net::lookup_host((host, self.url.port().unwrap_or(TFTP_PORT)));
        let server = timeout(CONNECT_DEADLINE, looking)
            .await
            .map_err(|_| self.silent(CONNECT_DEADLINE))?
            .map_err(unreachable)?
            .next()
            .ok_or_else(|| unreachable(io::ErrorKind::NotFound.into()))?;
        let folder = percent_decode_str(self.url.path()).decode_utf8_lossy();
        let folder = folder.trim_matches('/');
        let name = match folder {
            "" => question.path.clone(),
            folder => format!("{folder}/{}", question.path),
        };
        let limits = TftpLimits {
            max_bytes: MAX_BODY,
            max_time: patience.tftp,
        };
        let failure = match Box::pin(tftp_client::fetch(server, &name, limits)).await {
            Ok(body) => {
                let protected = false;
                return Ok(OldAnswer::File { body, protected });
            }
            Err(TftpFetchError::Network { source, .. }) => return Err(unreachable(source)),
            Err(TftpFetchError::Transfer(failure)) => failure,
        };
        match failure {
            ReceivingFailure::NotFound { .. } => Ok(OldAnswer::Nothing(404)),
            ReceivingFailure::Refused { .. } => Ok(OldAnswer::Nothing(403)),
            ReceivingFailure::TooLarge { .. } => Err(OldServerError::TooLarge),
            ReceivingFailure::UnusableName => Err(OldServerError::Unsendable(name)),
            ReceivingFailure::Silent { .. } => Err(self.silent(patience.tftp)),
            ReceivingFailure::Protocol { .. } => Err(OldServerError::Broken(failure.into())),
        }
    }

    fn silent(&self, within: Duration) -> OldServerError {
        OldServerError::Silent {
            host: self.host().to_owned(),
            within,
        }
    }

    /// The answer to a challenge, with the credentials of the settings; `None` without them, and
    /// when they were shown already.
    fn answer_challenge(
        &self,
        url: &Url,
        response: &Response<Incoming>,
        shown: &Option<Secret>,
    ) -> Option<Secret> {
        let credentials = self.credentials.as_ref().filter(|_| shown.is_none())?;
        let challenges = challenges(response);
        let read = Challenge::parse_all(challenges.iter().map(String::as_str));
        let challenge = Challenge::strongest(read)?;
        let cnonce = format!("{:016x}", getrandom::u64().ok()?);
        let target = target_in(url);
        let mut state = ClientState::new(challenge);
        Some(Secret::new(state.answer(
            "GET",
            &target,
            b"",
            credentials,
            &cnonce,
        )))
    }

    /// Where a redirect leads, if that is within the host.
    fn redirected(
        &self,
        from: &Url,
        response: &Response<Incoming>,
        count: usize,
    ) -> Result<Url, OldServerError> {
        let location = response.headers().get(LOCATION);
        let to = location
            .and_then(|location| location.to_str().ok())
            .and_then(|location| from.join(location).ok())
            .ok_or(OldServerError::Redirect)?;
        let stays = to.host() == self.url.host()
            && matches!(to.scheme(), "http" | "https")
            && !(from.scheme() == "https" && to.scheme() == "http");
        if stays && count <= MAX_REDIRECTS {
            Ok(to)
        } else {
            Err(OldServerError::Redirect)
        }
    }

    async fn exchange(
        &self,
        url: &Url,
        question: &Question,
        authorization: &Option<Secret>,
        patience: Patience,
    ) -> Result<(Response<Incoming>, JoinSet<()>), OldServerError> {
        let unsendable = || OldServerError::Unsendable(question.target.clone());
        let host = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let mut request = Request::builder()
            .uri(target_in(url))
            .header(HOST, host)
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close");
        if let Some(user_agent) = &question.user_agent {
            request = request.header(USER_AGENT, user_agent.as_bytes());
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization.expose());
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|_| unsendable())?;
        let connecting = CONNECT_DEADLINE.min(patience.head);
        let (mut sender, connection) = timeout(connecting, self.connect(url))
            .await
            .map_err(|_| self.silent(connecting))?
            .map_err(|source| OldServerError::Connect {
                host: self.host().to_owned(),
                source,
            })?;
        let response = timeout(patience.head, sender.send_request(request))
            .await
            .map_err(|_| self.silent(patience.head))?
            .map_err(|error| OldServerError::Broken(error.into()))?;
        Ok((response, connection))
    }

    async fn connect(&self, url: &Url) -> io::Result<Opened> {
        let other = || io::Error::new(io::ErrorKind::InvalidInput, "no host and port in the URL");
        let host = url.host().ok_or_else(other)?;
        let port = url.port_or_known_default().ok_or_else(other)?;
        let stream = match host {
            Host::Domain(name) => TcpStream::connect((name, port)).await?,
            Host::Ipv4(address) => TcpStream::connect((address, port)).await?,
            Host::Ipv6(address) => TcpStream::connect((address, port)).await?,
        };
        stream.set_nodelay(true)?;
        if url.scheme() != "https" {
            return start(TokioIo::new(stream)).await;
        }
        let name = match host {
            Host::Domain(name) => {
                ServerName::try_from(name.to_owned()).map_err(io::Error::other)?
            }
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(address)),
        };
        start(TokioIo::new(self.tls.connect(name, stream).await?)).await
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        patience: Patience,
    ) -> Result<Bytes, OldServerError> {
        let encoding = response.headers().get(CONTENT_ENCODING);
        let encoding = encoding.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if let Some(encoding) = encoding.filter(|name| !name.eq_ignore_ascii_case("identity")) {
            return Err(OldServerError::Encoded(encoding));
        }
        let body = Limited::new(response.into_body(), MAX_BODY).collect();
        match timeout(patience.body, body).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(OldServerError::TooLarge),
            Ok(Err(error)) => Err(OldServerError::Broken(error)),
            Err(_) => Err(self.silent(patience.body)),
        }
    }
}

/// A connection: where requests go in, and the task that carries them.
type Opened = (http1::SendRequest<Empty<Bytes>>, JoinSet<()>);

async fn start<T>(io: T) -> io::Result<Opened>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(MAX_HEAD)
        .handshake(io)
        .await
        .map_err(io::Error::other)?;
    let mut task = JoinSet::new();
    task.spawn(async move {
        // Its errors come out at the request.
        let _ = connection.await;
    });
    Ok((sender, task))
}

fn target_in(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn challenges(response: &Response<Incoming>) -> Vec<String> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).into_iter();
    values
        .filter_map(|value| value.to_str().ok().map(str::to_owned))
        .collect()
}

/// TLS 1.2 and 1.3; the system's authorities and those of the file.
fn client_config(settings: &UpstreamSettings) -> Result<ClientConfig, UpstreamError> {
    let mut roots = RootCertStore::empty();
    if settings.url.scheme() == "https" {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if !settings.ca_file.as_os_str().is_empty() {
        let failed = |source| UpstreamError::Authorities {
            path: settings.ca_file.display().to_string(),
            source,
        };
        for certificate in CertificateDer::pem_file_iter(&settings.ca_file).map_err(failed)? {
            roots.add(certificate.map_err(failed)?)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
