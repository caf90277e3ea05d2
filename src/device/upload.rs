//! A file that a phone has sent.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tree_path::TreePath;
use crate::wire::ContentHash;

/// What is known of a file that a phone has sent. The key says which phone; the bytes lie in the
/// content-addressed folder of uploads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRecord {
    /// The name under which it was sent.
    pub path: TreePath,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub source: IpAddr,
    /// Its length in bytes.
    pub length: u64,
    /// The hash of its bytes.
    pub content_hash: ContentHash,
}
