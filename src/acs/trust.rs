//! Which servers are trusted, and what they are shown: certificate authorities, pins, and a
//! certificate of our own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Once};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::settings::ClientCertificate;

/// A clock that shows an earlier moment has not been set: this is the begin of 2025, before any
/// gateway of this kind ran.
const CLOCK_IS_SET_FROM: u64 = 1_735_689_600;
/// Certificates of a chain whose date can be the reason that the clock does not fit.
const MAX_CHAIN: usize = 8;

/// The material for outgoing connections can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// A file in PEM form can't be read.
    #[error("cannot read {what} in {path}: {source}")]
    Read {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A file in PEM form holds no certificate.
    #[error("{path} holds no certificate in PEM form")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// A certificate can't be used as an authority.
    #[error("a certificate in {path} cannot be used as an authority: {source}")]
    Authority {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The certificate and the key that the ACS is shown can't be used together.
    #[error("the client certificate in {cert} and the key in {key} cannot be used: {source}")]
    Client {
        /// File of the certificate.
        cert: PathBuf,
        /// File of the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// TLS can't be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The check of certificates can't be set up.
    #[error("cannot set up the check of certificates: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// The SHA-256 hash of a public key (SubjectPublicKeyInfo), as RFC 7469 pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

/// A text is no pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no pin: the SHA-256 hash of a public key in base64 is wanted, 44 characters")]
pub struct PinError {
    /// The text.
    pub text: String,
}

impl Pin {
    fn of(key: &SubjectPublicKeyInfoDer<'_>) -> Self {
        Self(Sha256::digest(key.as_ref()).into())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&STANDARD.encode(self.0))
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let bytes = STANDARD.decode(text).ok();
        let hash = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        hash.map(Self).ok_or_else(|| PinError {
            text: text.chars().take(64).collect(),
        })
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// TLS 1.2 and 1.3 only (cwmp.md H21). Trusts the system's certificate authorities and those of
/// `ca_file`; with pins, one certificate of the way from the server's to its authority must have
/// one of these keys besides.
pub(super) fn client_config(
    ca_file: Option<&Path>,
    client: Option<&ClientCertificate>,
    pins: &[Pin],
) -> Result<ClientConfig, ConnectorError> {
    let roots = Arc::new(authorities(ca_file)?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if roots.is_empty() {
        // Nobody is trusted; a gateway that speaks plain HTTP works all the same.
        builder.with_root_certificates(roots)
    } else {
        let trust = ServerTrust::new(roots, &provider, pins)?;
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust))
    };
    let Some(client) = client else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates("the client certificate", &client.cert)?;
    let key = PrivateKeyDer::from_pem_file(&client.key).map_err(|source| ConnectorError::Read {
        what: "the key of the client certificate",
        path: client.key.clone(),
        source,
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|source| ConnectorError::Client {
            cert: client.cert.clone(),
            key: client.key.clone(),
            source,
        })
}

fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, ConnectorError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "a system certificate authority cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = ca_file {
        for certificate in certificates("the certificate authorities", path)? {
            roots
                .add(certificate)
                .map_err(|source| ConnectorError::Authority {
                    path: path.to_owned(),
                    source,
                })?;
        }
    }
    Ok(roots)
}

/// The certificates of a file, at least one.
fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ConnectorError> {
    let unreadable = |source| ConnectorError::Read {
        what,
        path: path.to_owned(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(ConnectorError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

/// No certificate of the chain has one of the pinned keys.
#[derive(Debug, thiserror::Error)]
#[error("no certificate of the server's chain has a pinned key; the server's own is {own}")]
struct NoPinnedKey {
    own: Pin,
}

/// The usual check of a server's certificate, and two things more: pins, and a clock that is not
/// set.
#[derive(Debug)]
struct ServerTrust {
    usual: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    pins: Vec<Pin>,
    /// Says once that dates are not checked.
    warned: Once,
}

impl ServerTrust {
    fn new(
        roots: Arc<RootCertStore>,
        provider: &Arc<CryptoProvider>,
        pins: &[Pin],
    ) -> Result<Self, ConnectorError> {
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider));
        Ok(Self {
            usual: builder.build()?,
            roots,
            algorithms: provider.signature_verification_algorithms,
            pins: pins.to_vec(),
            warned: Once::new(),
        })
    }

    /// Whether a way from the server's certificate to an authority leads over a pinned key.
    /// What the server sends besides that way does not count: anybody can send that.
    fn check_pins(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        moment: UnixTime,
    ) -> Result<(), rustls::Error> {
        let unreadable = |_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
        let server = EndEntityCert::try_from(server).map_err(unreadable)?;
        let is_pinned = |key: &SubjectPublicKeyInfoDer<'_>| self.pins.contains(&Pin::of(key));
        let leads_over_pin = |path: &VerifiedPath<'_>| {
            let has_pin = is_pinned(&path.end_entity().subject_public_key_info())
                || path
                    .intermediate_certificates()
                    .any(|certificate| is_pinned(&certificate.subject_public_key_info()))
                || is_pinned(&anchor_key(path.anchor()));
            if has_pin {
                Ok(())
            } else {
                Err(webpki::Error::UnknownIssuer)
            }
        };
        let found = server.verify_for_usage(
            self.algorithms.all,
            &self.roots.roots,
            intermediates,
            moment,
            KeyUsage::server_auth(),
            None,
            Some(&leads_over_pin),
        );
        match found {
            Ok(_) => Ok(()),
            Err(_) => {
                let own = Pin::of(&server.subject_public_key_info());
                let reason = OtherError(Arc::new(NoPinnedKey { own }));
                Err(rustls::Error::Other(reason))
            }
        }
    }
}

impl ServerCertVerifier for ServerTrust {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut moment = now;
        for _ in 0..MAX_CHAIN {
            let checked =
                self.usual
                    .verify_server_cert(server, intermediates, name, ocsp_response, moment);
            match checked {
                // A clock that is not set says nothing about dates; everything else counts as
                // ever (cwmp.md H21). The certificates have to fit each other still: the check is
                // made for the moment at which the youngest of them begins.
                Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before,
                    ..
                })) if now.as_secs() < CLOCK_IS_SET_FROM && not_before > moment => {
                    moment = not_before;
                    self.warned.call_once(|| {
                        tracing::warn!(
                            "the system's clock is not set: the dates of certificates are not \
                             checked until it is"
                        );
                    });
                }
                Err(error) => return Err(error),
                Ok(verified) => {
                    if !self.pins.is_empty() {
                        self.check_pins(server, intermediates, moment)?;
                    }
                    return Ok(verified);
                }
            }
        }
        Err(CertificateError::NotValidYet.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// The public key of an authority. What is kept of it lacks the head of the sequence that it is.
fn anchor_key(anchor: &TrustAnchor<'_>) -> SubjectPublicKeyInfoDer<'static> {
    let content = anchor.subject_public_key_info.as_ref();
    let mut key = vec![0x30];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => key.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let digits = length.iter().skip_while(|digit| **digit == 0);
            // At most the eight of a 64-bit number.
            key.push(0x80 | digits.clone().count() as u8);
            key.extend(digits);
        }
    }
    key.extend(content);
    SubjectPublicKeyInfoDer::from(key)
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
