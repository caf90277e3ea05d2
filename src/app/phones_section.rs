//! `[phones]` of the settings file.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::acs_section::problem_of_url;
use super::settings::{SettingsError, empty_is_none, offered};
use crate::gateway::{FilePassword, UploadSettings};
use crate::phone::{CertificateFiles, PhoneSettings};

/// The side towards the phones.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhonesSection {
    /// Where HTTP is listened for; empty: not at all.
    pub http: String,
    /// Where HTTPS is listened for; empty: not at all.
    pub https: String,
    /// PEM file with the certificate chain for HTTPS.
    pub tls_cert: PathBuf,
    /// PEM file with its private key.
    pub tls_key: PathBuf,
    /// Where HTTPS for old phones is listened for; empty: not at all.
    pub https_legacy: String,
    /// More certificates, by the names in them: `[[phones.certificate]]`.
    pub certificate: Vec<CertificateFiles>,
    /// PEM file with the authorities whose certificates phones may show; empty: none is asked for.
    pub client_ca: PathBuf,
    /// Connections at once, over all listeners.
    pub max_connections: NonZeroU32,
    /// Not offered yet: has to be empty.
    pub tftp: String,
    /// Where phones reach the gateway, for files that they are pointed at; empty: where each of them
    /// came for its own file.
    #[serde(deserialize_with = "empty_is_none")]
    pub url: Option<Url>,
    /// What a phone must show before it gets secrets; `open` is the one that is offered.
    pub proof: String,
    /// What phones may send: `[phones.uploads]`.
    pub uploads: UploadSettings,
    /// Passwords of encrypted files: `[[phones.file_password]]`.
    pub file_password: Vec<FilePassword>,
}

impl Default for PhonesSection {
    fn default() -> Self {
        let phones = PhoneSettings::default();
        Self {
            http: phones.http,
            https: phones.https,
            tls_cert: phones.tls_cert,
            tls_key: phones.tls_key,
            https_legacy: phones.https_legacy,
            certificate: phones.certificate,
            client_ca: phones.client_ca,
            max_connections: phones.max_connections,
            tftp: String::new(),
            url: None,
            proof: "open".to_owned(),
            uploads: UploadSettings::default(),
            file_password: Vec::new(),
        }
    }
}

impl PhonesSection {
    /// Whether these settings can be carried out.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if let Some(problem) = self.url.as_ref().and_then(problem_of_url) {
            return Err(SettingsError::PhonesUrl { problem });
        }
        offered("phones.tftp", &self.tftp, "", "leave it empty")?;
        offered("phones.proof", &self.proof, "open", "write \"open\"")
    }

    /// What the listeners for phones need.
    pub(super) fn listeners(&self) -> PhoneSettings {
        PhoneSettings {
            http: self.http.clone(),
            https: self.https.clone(),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            https_legacy: self.https_legacy.clone(),
            certificate: self.certificate.clone(),
            client_ca: self.client_ca.clone(),
            max_connections: self.max_connections,
        }
    }
}
