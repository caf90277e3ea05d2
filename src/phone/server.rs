//! The listeners for phones.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::files::{FileSource, Files, answer};
use super::own_end::OwnEnd;
use super::upstream::PhoneFiles;

/// A phone must have sent its request head within this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept. Phones ask for a few files in a row, then for nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a closing connection may take.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections at once, over both listeners. More wait in the backlog.
const MAXIMUM_CONNECTIONS: usize = 4096;

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
    /// Address and port of the HTTPS listener; empty: none. Needs `tls_cert` and `tls_key`.
    pub https: String,
    /// PEM file with the certificate chain, the server's own first.
    pub tls_cert: PathBuf,
    /// PEM file with the private key.
    pub tls_key: PathBuf,
}

impl Default for PhoneSettings {
    fn default() -> Self {
        Self {
            http: "0.0.0.0:8080".to_owned(),
            https: String::new(),
            tls_cert: PathBuf::new(),
            tls_key: PathBuf::new(),
        }
    }
}

/// The listeners for phones can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum PhoneServerError {
    /// Both addresses are empty.
    #[error("neither phones.http nor phones.https is set: phones need one of them")]
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
    /// A PEM file can't be used.
    #[error("phones.{key} = \"{path}\": {source}")]
    Pem {
        /// Which of the settings it is.
        key: &'static str,
        /// Its value.
        path: String,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificate and key don't make a TLS server.
    #[error("phones.tls_cert and phones.tls_key: {0}")]
    Tls(#[from] rustls::Error),
}

/// The listeners, bound and not yet running.
pub struct PhoneServer {
    pub(super) server: Server,
    /// Where HTTP is listened for.
    pub http: Option<SocketAddr>,
    /// Where HTTPS is listened for.
    pub https: Option<SocketAddr>,
}

impl PhoneServer {
    /// Binds the listeners. To be called within the tokio runtime that outlives the server:
    /// receipts for fetched files go to the gateway on it.
    pub fn bind(settings: &PhoneSettings, files: PhoneFiles) -> Result<Self, PhoneServerError> {
        bind(settings, files)
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

pub(super) fn bind<S: FileSource>(
    settings: &PhoneSettings,
    source: S,
) -> Result<PhoneServer, PhoneServerError> {
    if settings.http.is_empty() && settings.https.is_empty() {
        return Err(PhoneServerError::NoListener);
    }
    let files = Files {
        source,
        runtime: Handle::current(),
    };
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(files.clone()))
            .default_service(web::to(answer::<S>))
    })
    .on_connect(OwnEnd::note)
    // One thread serves several thousand phones a second (facts/rust-stack.md 3.4).
    .workers(1)
    .client_request_timeout(REQUEST_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .client_disconnect_timeout(DISCONNECT_TIMEOUT)
    .tls_handshake_timeout(REQUEST_TIMEOUT)
    .max_connections(MAXIMUM_CONNECTIONS)
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
    if !settings.http.is_empty() {
        server = server
            .bind(&settings.http)
            .map_err(failed("http", &settings.http))?;
    }
    if !settings.https.is_empty() {
        let tls = tls_config(&settings.tls_cert, &settings.tls_key)?;
        server = server
            .bind_rustls_0_23(&settings.https, tls)
            .map_err(failed("https", &settings.https))?;
    }
    let listeners = server.addrs_with_scheme();
    let bound = |wanted| {
        listeners
            .iter()
            .find(|(_, scheme)| *scheme == wanted)
            .map(|(address, _)| *address)
    };
    let (http, https) = (bound("http"), bound("https"));
    Ok(PhoneServer {
        server: server.run(),
        http,
        https,
    })
}

fn tls_config(certificate: &Path, key: &Path) -> Result<ServerConfig, PhoneServerError> {
    let failed = |key, path: &Path| {
        let path = path.display().to_string();
        move |source| PhoneServerError::Pem { key, path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed("tls_cert", certificate))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(failed("tls_key", key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::phone::files::tests::Stub;

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
        };
        let message = |settings: &PhoneSettings| match bind(settings, Stub::new().0) {
            Ok(_) => panic!("bound"),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            message(&settings("", "")),
            "neither phones.http nor phones.https is set: phones need one of them"
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
