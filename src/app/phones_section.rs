//! `[phones]` of the settings file.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::acs_section::problem_of_url;
use super::settings::{SettingsError, empty_is_none, offered};
use crate::gateway::FilePassword;
use crate::phone::PhoneSettings;

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
    /// Not offered yet: has to be empty.
    pub tftp: String,
    /// Where phones reach the gateway, for files that they are pointed at; empty: where each of them
    /// came for its own file.
    #[serde(deserialize_with = "empty_is_none")]
    pub url: Option<Url>,
    /// What a phone must show before it gets secrets; `open` is the one that is offered.
    pub proof: String,
    /// Seconds that a phone may take to fetch a change of its file before it is overdue; 0: as many as
    /// it likes.
    pub delivery_deadline: u32,
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
            tftp: String::new(),
            url: None,
            proof: "open".to_owned(),
            delivery_deadline: 86_400,
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

    /// How long a phone may take to fetch a change; `None` for as long as it likes.
    pub(super) fn delivery_deadline(&self) -> Option<Duration> {
        let seconds = u64::from(self.delivery_deadline);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// What the listeners for phones need.
    pub(super) fn listeners(&self) -> PhoneSettings {
        PhoneSettings {
            http: self.http.clone(),
            https: self.https.clone(),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
        }
    }
}
