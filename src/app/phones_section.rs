//! `[phones]` of the settings file.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::acs_section::problem_of_url;
use super::settings::{SettingsError, empty_is_none, offered};
use crate::gateway::FilePassword;
use crate::phone::{
    AllowedSources, OldServer, PhoneSettings, TftpSettings, UpstreamMode, UpstreamSettings,
};
use crate::wire::{Credentials, Secret};

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
    /// Where TFTP is listened for; empty: not at all.
    #[serde(deserialize_with = "empty_is_none")]
    pub tftp: Option<SocketAddr>,
    /// From where TFTP is answered; empty: private, loopback and link-local addresses.
    pub tftp_allow: AllowedSources,
    /// Where phones reach the gateway, for files that they are pointed at; empty: where each of them
    /// came for its own file.
    #[serde(deserialize_with = "empty_is_none")]
    pub url: Option<Url>,
    /// What a phone must show before it gets secrets; `open` is the one that is offered.
    pub proof: String,
    /// The old config server, `http://old-server/`; empty: none.
    #[serde(deserialize_with = "empty_is_none")]
    pub upstream: Option<Url>,
    /// When it is asked: `miss` or `first`.
    pub upstream_mode: UpstreamMode,
    /// User name for it; empty: it is shown what each phone shows.
    pub upstream_username: String,
    /// Password for it.
    pub upstream_password: Secret,
    /// PEM file with certificate authorities for it besides the system's.
    pub upstream_ca_file: PathBuf,
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
            tftp: None,
            tftp_allow: AllowedSources::default(),
            url: None,
            proof: "open".to_owned(),
            upstream: None,
            upstream_mode: UpstreamMode::default(),
            upstream_username: String::new(),
            upstream_password: Secret::default(),
            upstream_ca_file: PathBuf::new(),
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
        if let Some(upstream) = &self.upstream {
            OldServer::check_url(upstream)?;
        }
        offered("phones.proof", &self.proof, "open", "write \"open\"")
    }

    /// The old server, if there is one.
    pub fn upstream(&self) -> Option<UpstreamSettings> {
        self.upstream.clone().map(|url| self.upstream_at(url))
    }

    /// An old server at this URL, with the other settings as they are.
    pub fn upstream_at(&self, url: Url) -> UpstreamSettings {
        UpstreamSettings {
            url,
            mode: self.upstream_mode,
            credentials: Credentials {
                username: self.upstream_username.clone(),
                password: self.upstream_password.clone(),
            },
            ca_file: self.upstream_ca_file.clone(),
        }
    }

    /// What the TFTP server needs.
    pub(super) fn tftp(&self) -> TftpSettings {
        TftpSettings {
            listen: self.tftp,
            allow: self.tftp_allow.clone(),
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
