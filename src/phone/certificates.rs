//! Certificates that the HTTPS listeners show: read from PEM files, told apart by the names in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use serde::Deserialize;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate_names::{alternative_names, common_names};

/// `[[phones.certificate]]` of the settings file: one more certificate for HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// PEM file with the certificate chain, the server's own first.
    pub cert: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
}

/// A certificate can't be shown to phones.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read, or holds no PEM.
    #[error("{key} = \"{path}\": {source}")]
    Pem {
        /// Which of the settings it is.
        key: &'static str,
        /// Its value.
        path: String,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file holds no certificate.
    #[error("{key} = \"{path}\" holds no certificate in PEM form")]
    Empty {
        /// Which of the settings it is.
        key: &'static str,
        /// Its value.
        path: String,
    },
    /// Certificate and key don't make a TLS server.
    #[error("the certificate in \"{cert}\" and the key in \"{key}\" can't be used: {source}")]
    Pair {
        /// File of the certificate.
        cert: String,
        /// File of the key.
        key: String,
        /// What is wrong with them.
        source: rustls::Error,
    },
    /// A certificate is no X.509.
    #[error("the certificate in \"{cert}\" can't be read: {problem}")]
    Form {
        /// Its file.
        cert: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A certificate with its key, and the names that it is for.
#[derive(Debug, Clone)]
pub(super) struct ServerCertificate {
    pub(super) certified: Arc<CertifiedKey>,
    /// DNS names in lower case, `*.` for any one label; the common name where there are none.
    names: Vec<String>,
}

impl ServerCertificate {
    /// Reads a certificate and its key. `settings` names the two keys of the settings file.
    pub(super) fn read(
        files: &CertificateFiles,
        settings: [&'static str; 2],
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let [cert_setting, key_setting] = settings;
        let failed = |key, path: &Path| {
            let path = path.display().to_string();
            move |source| CertificateError::Pem { key, path, source }
        };
        let chain = read_certificates(cert_setting, &files.cert)?;
        let key =
            PrivateKeyDer::from_pem_file(&files.key).map_err(failed(key_setting, &files.key))?;
        let cert = || files.cert.display().to_string();
        let names = match chain.first() {
            Some(own) => names_of_server(own),
            None => Ok(Vec::new()),
        };
        let names = names.map_err(|problem| CertificateError::Form {
            cert: cert(),
            problem,
        })?;
        let certified = CertifiedKey::from_der(chain, key, provider);
        let certified = certified.map_err(|source| CertificateError::Pair {
            cert: cert(),
            key: files.key.display().to_string(),
            source,
        })?;
        Ok(Self {
            certified: Arc::new(certified),
            names,
        })
    }

    /// The names that it is for.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|own| match own.strip_prefix("*.") {
            Some(rest) => name.split_once('.').is_some_and(|(_, tail)| tail == rest),
            None => own == name,
        })
    }

    fn is_rsa(&self) -> bool {
        self.certified.key.algorithm() == SignatureAlgorithm::RSA
    }

    fn can_sign(&self, schemes: &[SignatureScheme]) -> bool {
        self.certified.key.choose_scheme(schemes).is_some()
    }
}

/// All certificates of a PEM file, one at least. `setting` names the key of the settings file.
pub(super) fn read_certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let shown = || path.display().to_string();
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| CertificateError::Pem {
            key: setting,
            path: shown(),
            source,
        })?;
    if chain.is_empty() {
        return Err(CertificateError::Empty {
            key: setting,
            path: shown(),
        });
    }
    Ok(chain)
}

/// The certificate for a client that asks for `name` and takes signatures of these schemes: one for
/// that name, else any, the default (the first) before the others. With `prefers_rsa` one with an
/// RSA key goes before the others of its kind. `None` when the client takes the signatures of none.
pub(super) fn choose<'c>(
    certificates: &'c [ServerCertificate],
    name: Option<&str>,
    schemes: &[SignatureScheme],
    prefers_rsa: bool,
) -> Option<&'c ServerCertificate> {
    let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
    certificates
        .iter()
        .filter(|certificate| certificate.can_sign(schemes))
        // The first of those that come out equal is taken.
        .min_by_key(|certificate| {
            let is_for = name.as_deref().is_some_and(|name| certificate.is_for(name));
            (!is_for, prefers_rsa && !certificate.is_rsa())
        })
}

fn names_of_server(own: &CertificateDer<'_>) -> Result<Vec<String>, String> {
    let (_, certificate) =
        X509Certificate::from_der(own).map_err(|error| format!("it is no X.509: {error}"))?;
    let mut names = alternative_names(&certificate)?;
    if names.is_empty() {
        names = common_names(&certificate);
    }
    names
        .iter_mut()
        .for_each(|name| name.make_ascii_lowercase());
    Ok(names)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;

    const ECDSA: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;

    fn certificate(names: &[&str], common_name: &str) -> ServerCertificate {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        let subject = &mut parameters.distinguished_name;
        subject.push(DnType::CommonName, common_name);
        let made = parameters.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles {
            cert: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.cert, made.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        ServerCertificate::read(&files, ["a", "b"], &provider).unwrap()
    }

    #[test]
    fn a_certificate_is_chosen_by_the_name_that_is_asked_for() {
        let certificates = [
            certificate(&["prov.example.net"], "default"),
            certificate(&["*.phones.example"], "wild"),
            certificate(&[], "Old.Example"),
        ];
        for (asked, place) in [
            (None, 0),
            (Some("prov.example.net"), 0),
            (Some("PROV.example.net."), 0),
            (Some("a.phones.example"), 1),
            (Some("a.b.phones.example"), 0),
            (Some("phones.example"), 0),
            (Some("old.example"), 2),
            (Some("elsewhere.example"), 0),
        ] {
            let chosen = choose(&certificates, asked, &[ECDSA], false).unwrap();
            assert_eq!(chosen.names(), certificates[place].names(), "{asked:?}");
        }
        assert!(
            choose(
                &certificates,
                None,
                &[SignatureScheme::RSA_PKCS1_SHA256],
                true
            )
            .is_none()
        );
        assert!(choose(&[], None, &[ECDSA], false).is_none());
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let place = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let cert = place("cert.pem", made.cert.pem());
        let key = place("key.pem", made.signing_key.serialize_pem());
        let foreign = place("foreign.pem", other.signing_key.serialize_pem());
        let empty = place("empty.pem", String::new());
        let message = |cert: &Path, key: &Path| {
            let files = CertificateFiles {
                cert: cert.to_owned(),
                key: key.to_owned(),
            };
            let provider = rustls::crypto::ring::default_provider();
            match ServerCertificate::read(&files, ["the.cert", "the.key"], &provider) {
                Ok(_) => String::new(),
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(message(&cert, &key), "");
        assert!(message(&empty, &key).ends_with("holds no certificate in PEM form"));
        assert!(message(&cert, &empty).starts_with("the.key = "));
        assert!(
            message(Path::new("no/such.pem"), &key).starts_with("the.cert = \"no/such.pem\": ")
        );
        let mismatch = message(&cert, &foreign);
        assert!(
            mismatch.contains("foreign.pem\" can't be used"),
            "{mismatch}"
        );
    }
}
