//! Certificates that phones show. They are asked for and never demanded: a phone without one, or
//! with one that proves nothing, is served as what it is by other proofs, so no certificate may
//! end a handshake. What a certificate proves is found out when the connection stands.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::certificate_names::names_in_certificate;
use super::certificates::{CertificateError, read_certificates};

/// Sizes of RSA keys whose signatures ring checks, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The bundle of the vendors' authorities can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// The file.
    #[error(transparent)]
    File(#[from] CertificateError),
    /// A certificate in it is none of an authority.
    #[error("certificate {number} in phones.client_ca can't be used as an authority: {source}")]
    Authority {
        /// Its place in the file, from 1.
        number: usize,
        /// What is wrong with it.
        source: Error,
    },
    /// Together they are of no use.
    #[error("phones.client_ca can't be used: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The authorities that phones' certificates may come from.
#[derive(Debug)]
pub(super) struct Authorities(Arc<dyn ClientCertVerifier>);

impl Authorities {
    /// Reads `phones.client_ca`.
    pub(super) fn read(
        path: &Path,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, AuthoritiesError> {
        let mut roots = RootCertStore::empty();
        for (place, authority) in read_certificates("phones.client_ca", path)?
            .into_iter()
            .enumerate()
        {
            let added = roots.add(authority);
            added.map_err(|source| AuthoritiesError::Authority {
                number: place + 1,
                source,
            })?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        Ok(Self(verifier.build()?))
    }

    /// The names in a chain whose first certificate a phone has shown: common names of the subject,
    /// then DNS names.
    ///
    /// # Errors
    /// Why the chain proves nothing, for the log.
    pub(super) fn names(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Vec<String>, String> {
        let Some((own, others)) = chain.split_first() else {
            return Ok(Vec::new());
        };
        key_problem(own).map_or(Ok(()), Err)?;
        let checked = self.0.verify_client_cert(own, others, now);
        checked.map_err(|error| error.to_string())?;
        names_in_certificate(own)
    }
}

/// Asks every client for a certificate and takes any. Whoever shows one has its key: that alone is
/// checked in the handshake, where it can be.
#[derive(Debug)]
pub(super) struct AskingOnly {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AskingOnly {
    pub(super) fn new(provider: &CryptoProvider) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ClientCertVerifier for AskingOnly {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a phone has one certificate, and shows it if it does at all.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if key_problem(cert).is_some() {
            // `Authorities::names` takes no name from such a certificate.
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, cert, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if key_problem(cert).is_some() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Why a signature by this certificate's key can't be checked at all; the certificate proves
/// nothing then. It depends on the certificate alone, so that the handshake and what follows it
/// always agree.
pub fn key_problem(certificate: &CertificateDer<'_>) -> Option<String> {
    if let Err(error) = webpki::EndEntityCert::try_from(certificate) {
        return Some(format!("the certificate can't be read: {error}"));
    }
    let parsed = X509Certificate::from_der(certificate).ok();
    let key = parsed
        .as_ref()
        .and_then(|(_, parsed)| parsed.public_key().parsed().ok());
    match key {
        Some(PublicKey::RSA(key)) if !RSA_BITS.contains(&key.key_size()) => Some(format!(
            "its RSA key has {} bits; {} to {} can be checked",
            key.key_size(),
            RSA_BITS.start(),
            RSA_BITS.end()
        )),
        Some(PublicKey::EC(point)) if !matches!(point.key_size(), 256 | 384) => Some(format!(
            "its EC key has {} bits; 256 and 384 can be checked",
            point.key_size()
        )),
        // Ed25519 is among what the parser does not know; other keys fail in the handshake.
        _ => None,
    }
}

#[cfg(test)]
#[path = "../../tests/fuzz/laws/certificate_names.rs"]
mod law;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    struct Made {
        authority: String,
        issuer: Issuer<'static, KeyPair>,
    }

    fn authority(name: &str) -> Made {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let subject = &mut parameters.distinguished_name;
        subject.push(DnType::CommonName, name);
        let made = parameters.self_signed(&key).unwrap();
        Made {
            authority: made.pem(),
            issuer: Issuer::new(parameters, key),
        }
    }

    fn phone(made: &Made, common_name: &str, other_names: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = other_names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        let subject = &mut parameters.distinguished_name;
        subject.push(DnType::CommonName, common_name);
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let key = KeyPair::generate().unwrap();
        let made = parameters.signed_by(&key, &made.issuer).unwrap();
        made.der().clone()
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn reading(bundle: &str) -> Result<Authorities, AuthoritiesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, bundle).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Authorities::read(&path, provider)
    }

    #[test]
    fn names_come_from_a_chain_that_an_authority_has_signed_and_from_no_other() {
        let [vendor, stranger] = ["vendor", "stranger"].map(authority);
        let other = authority("another vendor");
        let authorities = reading(&format!("{}{}", other.authority, vendor.authority)).unwrap();
        let shown = phone(&vendor, "000B82A1B2C3", &["000b82a1b2c3.phones.example"]);
        assert_eq!(
            authorities
                .names(std::slice::from_ref(&shown), at(NOW))
                .unwrap(),
            ["000B82A1B2C3", "000b82a1b2c3.phones.example"]
        );
        assert_eq!(authorities.names(&[], at(NOW)), Ok(Vec::new()));
        // Long after its end.
        let problem = authorities.names(&[shown], at(3 * NOW)).unwrap_err();
        assert!(problem.contains("expired"), "{problem}");
        let foreign = phone(&stranger, "000B82A1B2C3", &[]);
        let problem = authorities.names(&[foreign], at(NOW)).unwrap_err();
        assert!(problem.contains("UnknownIssuer"), "{problem}");
        let nonsense = CertificateDer::from(vec![0x30, 0x03, 0x02, 0x01, 0x01]);
        assert!(key_problem(&nonsense).is_some());
        assert!(authorities.names(&[nonsense], at(NOW)).is_err());
    }

    #[test]
    fn no_bytes_of_a_certificate_are_too_odd() {
        let vendor = authority("vendor");
        let authorities = reading(&vendor.authority).unwrap();
        let good = phone(&vendor, "000B82A1B2C3", &["a.example"]);
        for place in 0..good.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = good.to_vec();
                bytes[place] ^= change;
                let odd = CertificateDer::from(bytes);
                law::certificates_hold(&odd);
                assert!(
                    authorities.names(&[odd], at(NOW)).is_err(),
                    "{place} {change}"
                );
            }
            let short = CertificateDer::from(good[..place].to_vec());
            assert!(authorities.names(&[short], at(NOW)).is_err(), "{place}");
        }
    }

    #[test]
    fn a_bundle_that_is_none_says_why() {
        let error = reading("").unwrap_err().to_string();
        assert!(error.contains("phones.client_ca"), "{error}");
        assert!(error.contains("holds no certificate"), "{error}");
    }
}
