//! Certificates for TLS checks.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

/// A certification authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A new one.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Its certificate, for those who trust it.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A server for this host name or address.
    pub(crate) fn server(&self, host: &str) -> Arc<ServerConfig> {
        self.server_until(host, 2040)
    }

    /// A server whose certificate ran out long ago.
    pub(crate) fn expired_server(&self, host: &str) -> Arc<ServerConfig> {
        self.server_until(host, 2020)
    }

    /// A server that lets in only who shows a certificate of `clients`.
    pub(crate) fn server_for(&self, host: &str, clients: &Self) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(clients.pem.as_bytes());
        for certificate in certificates {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let (certificate, key) = self.sign(host, 2040);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }

    /// A certificate and its key, both as PEM.
    pub(crate) fn client(&self, name: &str) -> (String, String) {
        let (certificate, key) = self.sign(name, 2040);
        (certificate.pem(), key.serialize_pem())
    }

    /// The pin of its public key, as RFC 7469 makes it.
    pub(crate) fn pin(&self) -> String {
        let key = self.issuer.key().subject_public_key_info();
        STANDARD.encode(Sha256::digest(key))
    }

    fn server_until(&self, host: &str, year: i32) -> Arc<ServerConfig> {
        let (certificate, key) = self.sign(host, year);
        server_config(certificate.der().clone(), &key)
    }

    fn sign(&self, host: &str, year: i32) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate, key)
    }
}

/// A server with a certificate that signs itself.
pub(crate) fn self_signed_server(host: &str) -> Arc<ServerConfig> {
    let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    server_config(certificate.der().clone(), &key)
}

fn server_config(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}
