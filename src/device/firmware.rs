//! What is known of a firmware image.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A firmware image in the content-addressed folder. Its record stands under the image's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareRecord {
    /// The name that it came by: for many phones it says the model.
    pub file_name: String,
    /// Bytes.
    pub length: u64,
    /// Name of the mapping pack whose phones take it; `None` when nobody has said so.
    pub vendor: Option<String>,
    /// The version that phones say they run with it.
    pub version: Option<String>,
    /// Where it came from.
    pub source: FirmwareSource,
    /// When it came.
    pub added_at: Timestamp,
}

/// Where a firmware image came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirmwareSource {
    /// A person has added it.
    Added,
    /// A Download has fetched it.
    Download {
        /// From where, without a query, which may hold a secret.
        url: String,
        /// What the file server called this state of it: strong, quotes included.
        entity_tag: Option<String>,
    },
}
