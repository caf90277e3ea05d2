//! TLS of the listeners for phones: which certificate is shown, whose certificates are believed, and
//! reading both anew while connections stand.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::certificates::{CertificateError, CertificateFiles, ServerCertificate, choose};
use super::client_certificates::{AskingOnly, Authorities, AuthoritiesError};

/// The files that TLS needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TlsFiles {
    /// The certificate for clients that name none; `None`: the first of `others`.
    pub(super) default: Option<CertificateFiles>,
    /// Certificates for the names in them.
    pub(super) others: Vec<CertificateFiles>,
    /// Bundle of the authorities whose certificates phones may show; `None`: none is asked for.
    pub(super) client_ca: Option<PathBuf>,
}

/// TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is nothing to show.
    #[error(
        "phones.https needs a certificate: set phones.tls_cert and phones.tls_key, or write a \
         section [[phones.certificate]]"
    )]
    NoCertificate,
    /// A certificate or its key.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The authorities of phones' certificates.
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    /// TLS itself.
    #[error("TLS can't be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clients {
    /// All that TLS is today.
    Modern,
    /// Phones that can't take TLS 1.3 or an ECDSA certificate: TLS 1.2 alone, with every suite that
    /// rustls has for it, and an RSA certificate where there is one.
    Old,
}

/// TLS of all listeners.
#[derive(Debug)]
pub(super) struct PhoneTls {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<Material>>,
}

/// What was read from the files.
#[derive(Debug)]
struct Material {
    /// The default one first.
    certificates: Vec<ServerCertificate>,
    authorities: Option<Authorities>,
}

impl PhoneTls {
    /// Reads the files.
    pub(super) fn open(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let material = Material::read(&files, &provider)?;
        Ok(Arc::new(Self {
            files,
            provider,
            current: RwLock::new(Arc::new(material)),
        }))
    }

    /// Reads the files anew. When one of them is of no use, everything stays as it was.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        let material = Material::read(&self.files, &self.provider)?;
        for certificate in &material.certificates {
            tracing::info!(names = ?certificate.names(), "certificate in use");
        }
        // No code that can panic runs under this lock.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(material);
        Ok(())
    }

    /// What a listener goes by. It follows what is read anew.
    pub(super) fn server_config(
        self: &Arc<Self>,
        clients: Clients,
    ) -> Result<ServerConfig, TlsError> {
        let versions: &[_] = match clients {
            Clients::Modern => &[&TLS13, &TLS12],
            Clients::Old => &[&TLS12],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)?;
        let builder = if self.files.client_ca.is_some() {
            builder.with_client_cert_verifier(Arc::new(AskingOnly::new(&self.provider)))
        } else {
            builder.with_no_client_auth()
        };
        Ok(builder.with_cert_resolver(Arc::new(Resolver {
            tls: Arc::clone(self),
            clients,
        })))
    }

    /// The names that a phone's chain proves; none without one, or without authorities.
    ///
    /// # Errors
    /// Why the chain proves nothing, for the log.
    pub(super) fn names(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Vec<String>, String> {
        match &self.current().authorities {
            Some(authorities) => authorities.names(chain, now),
            None => Ok(Vec::new()),
        }
    }

    fn current(&self) -> Arc<Material> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Material {
    fn read(files: &TlsFiles, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let default = files
            .default
            .iter()
            .map(|one| (one, ["phones.tls_cert", "phones.tls_key"]));
        let others = files
            .others
            .iter()
            .map(|one| (one, ["phones.certificate.cert", "phones.certificate.key"]));
        let certificates: Vec<ServerCertificate> = default
            .chain(others)
            .map(|(one, settings)| ServerCertificate::read(one, settings, provider))
            .collect::<Result<_, _>>()?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let authorities = match &files.client_ca {
            Some(path) => Some(Authorities::read(path, Arc::clone(provider))?),
            None => None,
        };
        Ok(Self {
            certificates,
            authorities,
        })
    }
}

/// Chooses the certificate for a handshake.
#[derive(Debug)]
struct Resolver {
    tls: Arc<PhoneTls>,
    clients: Clients,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let material = self.tls.current();
        let certificate = choose(
            &material.certificates,
            hello.server_name(),
            hello.signature_schemes(),
            self.clients == Clients::Old,
        )?;
        Some(Arc::clone(&certificate.certified))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn write(folder: &Path, name: &str) -> CertificateFiles {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let files = CertificateFiles {
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&files.cert, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    fn names(tls: &PhoneTls) -> Vec<String> {
        let material = tls.current();
        let all = material.certificates.iter().flat_map(|one| one.names());
        all.cloned().collect()
    }

    #[test]
    fn files_are_read_anew_and_broken_ones_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), "first.example");
        let tls = PhoneTls::open(TlsFiles {
            default: Some(files.clone()),
            ..TlsFiles::default()
        })
        .unwrap();
        assert_eq!(names(&tls), ["first.example"]);
        write(folder.path(), "second.example");
        tls.reload().unwrap();
        assert_eq!(names(&tls), ["second.example"]);
        std::fs::write(&files.key, "-----BEGIN nothing").unwrap();
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.starts_with("phones.tls_key = "), "{error}");
        assert_eq!(names(&tls), ["second.example"]);
    }

    #[test]
    fn without_a_certificate_there_is_no_tls() {
        let error = PhoneTls::open(TlsFiles::default()).unwrap_err().to_string();
        assert!(error.contains("[[phones.certificate]]"), "{error}");
    }
}
