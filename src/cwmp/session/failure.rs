//! Why a session fails.

use super::machine::MAX_SENDS;
use crate::cwmp::soap::SoapError;
use crate::cwmp::{CwmpVersion, RetryAfter};

/// Why a session failed; the retry policy applies (cwmp.md N8).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionFailure {
    /// The ACS could not be reached, or the connection broke.
    #[error("no connection to the ACS: {reason}")]
    Transport {
        /// What the layer below says.
        reason: String,
    },
    /// The ACS did not answer in time (cwmp.md H4).
    #[error("the ACS did not answer within {seconds} s")]
    Silence {
        /// How long it was waited for.
        seconds: u64,
    },
    /// A status that means neither an answer nor the end (cwmp.md H11).
    #[error("the ACS answered with HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
        /// When the ACS wants to be asked again, as far as it said.
        retry_after: Option<RetryAfter>,
    },
    /// The body is no SOAP message.
    #[error("the ACS sent a body that cannot be read: {0}")]
    Unreadable(#[from] SoapError),
    /// An empty answer to Inform, which delivers nothing (cwmp.md H8).
    #[error("the ACS answered the Inform with status {status} and no InformResponse")]
    NoInformResponse {
        /// 200 or 204.
        status: u16,
    },
    /// A fault in answer to Inform.
    #[error("the ACS refused the Inform with fault {}: {text}", .code.map_or_else(|| "without a code".to_owned(), |code| code.to_string()))]
    InformFault {
        /// 8000 to 8899; `None` for a SOAP fault without CWMP's detail.
        code: Option<u16>,
        /// What the ACS says about it.
        text: String,
    },
    /// The ACS has asked for the same Inform over and over (8005, cwmp.md N9).
    #[error("the ACS asked {MAX_SENDS} times for the same Inform")]
    EndlessRetry,
    /// An answer with a header that has to be understood and is not (cwmp.md E15).
    #[error(
        "the ACS's answer has the header {header}, which has to be understood and is not known"
    )]
    NotUnderstood {
        /// Its local name.
        header: String,
    },
    /// The ACS wants a version that was not offered.
    #[error("the ACS wants CWMP {wanted}, and {spoken} is the highest that is spoken with it")]
    Version {
        /// As the ACS wrote it, shortened.
        wanted: String,
        /// The version of the Inform.
        spoken: CwmpVersion,
    },
    /// A message that has no place where it came.
    #[error("the ACS sent {found} where {wanted} was due")]
    OutOfPlace {
        /// What was due.
        wanted: &'static str,
        /// What came.
        found: String,
    },
}

/// How much a failed session speaks against the version that its Inform was written in
/// (cwmp.md E14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionDoubt {
    /// Not at all.
    #[default]
    None,
    /// The ACS could not make sense of the Inform, for whatever reason.
    Some,
    /// The ACS says that the version is the reason.
    Certain,
}

impl SessionFailure {
    /// When the ACS wants to be asked again.
    pub fn retry_after(&self) -> Option<RetryAfter> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What the failure says of the version, when it is that of an Inform that was not taken.
    pub(super) fn version_doubt(&self) -> VersionDoubt {
        match self {
            Self::InformFault {
                code: Some(8006), ..
            }
            | Self::Version { .. } => VersionDoubt::Certain,
            // 8001, 8002, 8004: the ACS has read the Inform, and will not or cannot go on.
            Self::InformFault {
                code: None | Some(8000 | 8003),
                ..
            } => VersionDoubt::Some,
            // Other statuses speak of the way to the ACS, of its load or of access to it.
            Self::Status {
                status: 400 | 405 | 406 | 415 | 422 | 500 | 501,
                ..
            } => VersionDoubt::Some,
            _ => VersionDoubt::None,
        }
    }
}
