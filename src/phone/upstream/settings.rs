//! Where the old server is, and when it is asked.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::wire::Credentials;

/// When the old server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamMode {
    /// For what is not here.
    #[default]
    Miss,
    /// For everything that phones had from it: it is still the one where changes are made. Its bytes
    /// are served; where they differ from those here, that is noted.
    First,
}

/// The old server.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// http, https or tftp; its path stands before that of each request.
    pub url: Url,
    /// When it is asked.
    pub mode: UpstreamMode,
    /// What it is shown; without a user name it is shown what the phone shows.
    pub credentials: Credentials,
    /// PEM file with certificate authorities besides the system's; empty: none.
    pub ca_file: PathBuf,
}

/// The old server can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The URL is of no use.
    #[error(
        "phones.upstream: {problem}; write http://, https:// or tftp:// and the host of the old \
         server, and its path if phones there had one before that of their files"
    )]
    Url {
        /// What is wrong; the URL itself may hold a password.
        problem: &'static str,
    },
    /// The file of authorities can't be read.
    #[error("phones.upstream_ca_file = \"{path}\": {source}")]
    Authorities {
        /// The file.
        path: String,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// TLS can't be set up.
    #[error("phones.upstream: TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}
