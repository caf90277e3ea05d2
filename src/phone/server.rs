//! The listeners for phones.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, Server};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider as _};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::certificates::CertificateFiles;
use super::files::{FileSource, Files, UploadTarget, answer};
use super::own_end::OwnEnd;
use super::stalled::Connections;
use super::tls::{Clients, PhoneTls, TlsError, TlsFiles};
use super::upstream::PhoneFiles;

/// A phone must have sent its request head within this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept. Phones ask for a few files in a row, then for nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a connection may stand still: a phone that sends a head byte by byte, or does not read.
const STALLED: Duration = Duration::from_secs(30);

/// How long a closing connection may take.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections at once over all listeners, unless the settings say otherwise. More wait in the
/// backlog.
const MAXIMUM_CONNECTIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();

/// TLS handshakes at once.
const MAXIMUM_HANDSHAKES: usize = 64;

/// Seconds that requests have to finish when the server stops.
const STOP_TIMEOUT: u64 = 5;

/// `[phones]` of the settings file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PhoneSettings {
    /// Address and port of the HTTP listener; empty: none. Port 0 takes a free one.
    pub http: String,
    /// Address and port of the HTTPS listener; empty: none. Needs a certificate.
    pub https: String,
    /// Address and port of the HTTPS listener for phones that can't take TLS 1.3 or an ECDSA
    /// certificate; empty: none.
    pub https_legacy: String,
    /// PEM file with the certificate chain, the server's own first.
    pub tls_cert: PathBuf,
    /// PEM file with the private key.
    pub tls_key: PathBuf,
    /// More certificates, for the names in them.
    pub certificate: Vec<CertificateFiles>,
    /// PEM file with the authorities whose certificates phones may show; empty: none is asked for.
    pub client_ca: PathBuf,
    /// Connections at once, over all listeners.
    pub max_connections: NonZeroU32,
}

impl PhoneSettings {
    fn tls_files(&self) -> TlsFiles {
        let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
        let default = CertificateFiles {
            cert: self.tls_cert.clone(),
            key: self.tls_key.clone(),
        };
        TlsFiles {
            default: (is_set(&default.cert) || is_set(&default.key)).then_some(default),
            others: self.certificate.clone(),
            client_ca: Some(self.client_ca.clone()).filter(is_set),
        }
    }
}

impl Default for PhoneSettings {
    fn default() -> Self {
        Self {
            http: "0.0.0.0:8080".to_owned(),
            https: String::new(),
            https_legacy: String::new(),
            tls_cert: PathBuf::new(),
            tls_key: PathBuf::new(),
            certificate: Vec::new(),
            client_ca: PathBuf::new(),
            max_connections: MAXIMUM_CONNECTIONS,
        }
    }
}

/// The listeners for phones can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum PhoneServerError {
    /// All addresses are empty.
    #[error(
        "none of phones.http, phones.https and phones.https_legacy is set: phones need one of them"
    )]
    NoListener,
    /// The address can't be listened on.
    #[error("phones.{key} = \"{address}\" can't be listened on: {source}")]
    Bind {
        /// Which of the settings it is.
        key: &'static str,
        /// Its value.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The listeners, bound and not yet running.
pub struct PhoneServer {
    pub(super) server: Server,
    /// Where HTTP is listened for.
    pub http: Option<SocketAddr>,
    /// Where HTTPS is listened for.
    pub https: Option<SocketAddr>,
    /// Where HTTPS for old phones is listened for.
    pub https_legacy: Option<SocketAddr>,
    tls: Option<Arc<PhoneTls>>,
}

/// A way to have the certificates read anew while phones are served.
#[derive(Debug, Clone)]
pub struct CertificateReload(Option<Arc<PhoneTls>>);

impl CertificateReload {
    /// Reads certificates, keys and authorities anew: new connections get the new ones. When one of
    /// the files is of no use, that is logged and everything stays as it was. Without HTTPS there is
    /// nothing to read.
    pub fn reload(&self) {
        match self.0.as_ref().map(|tls| tls.reload()) {
            None => tracing::info!("there is no HTTPS for phones: no certificate to read anew"),
            Some(Ok(())) => tracing::info!("the certificates for phones were read anew"),
            Some(Err(error)) => {
                tracing::error!(%error, "the certificates for phones stay as they were");
            }
        }
    }
}

impl PhoneServer {
    /// Binds the listeners. To be called within the tokio runtime that outlives the server:
    /// receipts for fetched files go to the gateway on it.
    pub fn bind(settings: &PhoneSettings, files: PhoneFiles) -> Result<Self, PhoneServerError> {
        bind(settings, files)
    }

    /// The way to have the certificates read anew.
    pub fn certificate_reload(&self) -> CertificateReload {
        CertificateReload(self.tls.clone())
    }

    /// Serves until the shutdown; requests that are under way are answered.
    ///
    /// # Errors
    /// What ended the server before.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let handle = self.server.handle();
        let mut server = std::pin::pin!(self.server);
        tokio::select! {
            ended = &mut server => ended,
            () = shutdown.cancelled() => {
                let (ended, ()) = tokio::join!(server, handle.stop(true));
                ended
            }
        }
    }
}

pub(super) fn bind<S: FileSource + UploadTarget>(
    settings: &PhoneSettings,
    source: S,
) -> Result<PhoneServer, PhoneServerError> {
    let has_tls = !settings.https.is_empty() || !settings.https_legacy.is_empty();
    if settings.http.is_empty() && !has_tls {
        return Err(PhoneServerError::NoListener);
    }
    let tls = if has_tls {
        Some(PhoneTls::open(settings.tls_files())?)
    } else {
        None
    };
    let files = Files::new(source, Handle::current());
    let connections = Connections::new(STALLED);
    let greeting = (connections, tls.clone());
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(files.clone()))
            .default_service(web::to(answer::<S>))
    })
    .on_connect(move |connection, data| {
        let (connections, tls) = &greeting;
        greet(connections, tls.as_deref(), connection, data);
    })
    // One thread serves several thousand phones a second (facts/rust-stack.md 3.4). `Connections`
    // rests on its being one.
    .workers(1)
    .client_request_timeout(REQUEST_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .client_disconnect_timeout(DISCONNECT_TIMEOUT)
    .tls_handshake_timeout(REQUEST_TIMEOUT)
    .max_connections(usize::try_from(settings.max_connections.get()).unwrap_or(usize::MAX))
    .max_connection_rate(MAXIMUM_HANDSHAKES)
    .shutdown_timeout(STOP_TIMEOUT)
    .disable_signals();
    let failed = |key, address: &str| {
        let address = address.to_owned();
        move |source| PhoneServerError::Bind {
            key,
            address,
            source,
        }
    };
    let (mut http, mut https, mut https_legacy) = (None, None, None);
    if !settings.http.is_empty() {
        server = server
            .bind(&settings.http)
            .map_err(failed("http", &settings.http))?;
        http = server.addrs().last().copied();
    }
    for (key, address, clients, bound) in [
        ("https", &settings.https, Clients::Modern, &mut https),
        (
            "https_legacy",
            &settings.https_legacy,
            Clients::Old,
            &mut https_legacy,
        ),
    ] {
        let Some(tls) = tls.as_ref().filter(|_| !address.is_empty()) else {
            continue;
        };
        let config = tls.server_config(clients)?;
        server = server
            .bind_rustls_0_23(address, config)
            .map_err(failed(key, address))?;
        *bound = server.addrs().last().copied();
    }
    Ok(PhoneServer {
        server: server.run(),
        http,
        https,
        https_legacy,
        tls,
    })
}

/// The names in the certificate that a connection's phone has shown.
#[derive(Debug, Clone, Default)]
pub(super) struct CertificateNames(pub(super) Vec<String>);

/// Notes with a new connection what its requests are to know.
fn greet(
    connections: &Connections,
    tls: Option<&PhoneTls>,
    connection: &dyn Any,
    data: &mut Extensions,
) {
    OwnEnd::note(connection, data);
    let secure = connection.downcast_ref::<TlsStream<TcpStream>>();
    let plain = connection.downcast_ref::<TcpStream>();
    let stream = plain.or_else(|| secure.map(|stream| stream.get_ref().0));
    if let Some(stream) = stream {
        // Else the last part of a large file waits until the phone acknowledges what is before it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        connections.watch_here();
        data.insert(connections.add(stream));
    }
    let chain = secure.and_then(|stream| stream.get_ref().1.peer_certificates());
    let (Some(tls), Some(chain), Some(now)) = (tls, chain, DefaultTimeProvider.current_time())
    else {
        return;
    };
    match tls.names(chain, now) {
        Ok(names) => {
            tracing::debug!(?names, "a phone has shown a certificate");
            data.insert(CertificateNames(names));
        }
        Err(reason) => {
            let source = stream.and_then(|stream| stream.peer_addr().ok());
            let source = source.map(tracing::field::display);
            tracing::info!(source, reason, "a phone's certificate proves nothing");
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::phone::files_tests::Stub;

    #[test]
    fn settings_have_defaults_and_know_their_keys() {
        assert_eq!(
            toml::from_str::<PhoneSettings>("").unwrap(),
            PhoneSettings::default()
        );
        assert_eq!(PhoneSettings::default().http, "0.0.0.0:8080");
        let error = toml::from_str::<PhoneSettings>("tftp = \":69\"").unwrap_err();
        assert!(error.to_string().contains("tftp"), "{error}");
    }

    #[tokio::test]
    async fn what_cannot_be_bound_is_named() {
        let settings = |http: &str, https: &str| PhoneSettings {
            http: http.into(),
            https: https.into(),
            tls_cert: "no/such.pem".into(),
            tls_key: "no/such.key".into(),
            ..PhoneSettings::default()
        };
        let message = |settings: &PhoneSettings| match bind(settings, Stub::new().0) {
            Ok(_) => panic!("bound"),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            message(&settings("", "")),
            "none of phones.http, phones.https and phones.https_legacy is set: phones need one of them"
        );
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = message(&settings(&address, ""));
        assert!(
            error.starts_with(&format!(
                "phones.http = \"{address}\" can't be listened on: "
            )),
            "{error}"
        );
        let error = message(&settings("", "127.0.0.1:0"));
        assert!(
            error.starts_with("phones.tls_cert = \"no/such.pem\": "),
            "{error}"
        );
    }

    #[tokio::test]
    async fn files_come_over_both_listeners() {
        let made = rcgen::generate_simple_self_signed(["phones.example".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = PhoneSettings {
            http: "127.0.0.1:0".into(),
            https: "127.0.0.1:0".into(),
            tls_cert: folder.path().join("cert.pem"),
            tls_key: folder.path().join("key.pem"),
            ..PhoneSettings::default()
        };
        std::fs::write(&settings.tls_cert, made.cert.pem()).unwrap();
        std::fs::write(&settings.tls_key, made.signing_key.serialize_pem()).unwrap();
        let (stub, _told) = Stub::new();
        let bound = bind(&settings, stub).unwrap();
        let handle = bound.server.handle();
        let server = tokio::spawn(bound.server);

        let request = b"GET /cfg000b82a1b2c3.xml HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut plain = TcpStream::connect(bound.http.unwrap()).await.unwrap();
        plain.write_all(request).await.unwrap();
        let mut answer = String::new();
        plain.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("<gs_provision/>\n"), "{answer}");

        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(bound.https.unwrap()).await.unwrap();
        let mut tls = TlsConnector::from(Arc::new(client))
            .connect(ServerName::try_from("phones.example").unwrap(), stream)
            .await
            .unwrap();
        tls.write_all(request).await.unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("<gs_provision/>\n"), "{answer}");

        handle.stop(true).await;
        server.await.unwrap().unwrap();
        assert!(TcpStream::connect(bound.http.unwrap()).await.is_err());
    }
}
