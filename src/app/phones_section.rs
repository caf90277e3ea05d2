//! `[phones]` of the settings file.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::acs_section::problem_of_url;
use super::settings::{SettingsError, empty_is_none, offered};
use crate::gateway::{FilePassword, MissBudgets, MissRules};
use crate::native::Mac;
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
    /// Passwords of encrypted files: `[[phones.file_password]]`.
    pub file_password: Vec<FilePassword>,
    /// How many misses are borne: `[phones.misses]`.
    pub misses: MissBudgets,
    /// MACs that no phone has: whoever asks for one guesses.
    pub decoys: Vec<Mac>,
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
            file_password: Vec::new(),
            misses: MissBudgets::default(),
            decoys: Vec::new(),
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

    /// What guessing MACs costs.
    pub(super) fn miss_rules(&self) -> MissRules {
        MissRules {
            budgets: self.misses.clone(),
            decoys: self.decoys.clone(),
        }
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
