//! By what a phone is known where it was last seen.

use serde::{Deserialize, Serialize};

/// What has told that it was this phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SeenBy {
    /// It has said so over HTTP, in its User-Agent.
    #[default]
    UserAgent,
    /// Only the name of the file that it has fetched over TFTP, where nothing else is said.
    FileName,
}
