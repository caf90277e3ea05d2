//! The record of one file of the tree.

use serde::{Deserialize, Serialize};

use crate::native::{Dialect, Mac};
use crate::wire::ContentHash;

/// What a file is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRole {
    /// One phone's own file, by the file-name rules of its vendor.
    Phone {
        /// The phone.
        mac: Mac,
        /// Name of the mapping pack.
        vendor: String,
        /// Syntax.
        dialect: Dialect,
    },
    /// A file that phones of one model or of one vendor read before their own.
    Shared {
        /// Name of the mapping pack.
        vendor: String,
        /// Syntax.
        dialect: Dialect,
        /// The model, when only its phones read the file.
        model: Option<String>,
    },
    /// Settings under a name that no phone asks for: a copy, or a name of the operator's own.
    /// Served as it is.
    Orphan {
        /// Syntax.
        dialect: Dialect,
    },
    /// Served as it is: firmware, phone books, everything else.
    Other,
    /// A file that an ACS has ordered for one phone. It is no part of the tree.
    Handout {
        /// The phone.
        mac: Mac,
    },
}

impl FileRole {
    /// The syntax of the file; `None` when it is none of settings.
    pub fn dialect(&self) -> Option<Dialect> {
        match self {
            Self::Phone { dialect, .. }
            | Self::Shared { dialect, .. }
            | Self::Orphan { dialect } => Some(*dialect),
            Self::Other | Self::Handout { .. } => None,
        }
    }

    /// Whether phones are derived from the file, so that it belongs beside their records.
    pub fn is_read_by_phones(&self) -> bool {
        matches!(self, Self::Phone { .. } | Self::Shared { .. })
    }
}

/// Where a file's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileContent {
    /// In the store, beside this record.
    Document,
    /// In the content-addressed folder, under [`FileRecord::content_hash`].
    Asset,
}

/// What is known of one file of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// What the file is for.
    pub role: FileRole,
    /// Where its bytes are.
    pub content: FileContent,
    /// Its length in bytes.
    pub length: u64,
    /// The hash of its bytes as they are now.
    pub content_hash: ContentHash,
    /// The hash of its bytes when it was last imported: where the two differ, the file has been
    /// edited here since.
    pub imported_hash: ContentHash,
    /// Counts the changes of the file, from 1.
    pub revision: u64,
}

impl FileRecord {
    /// Whether the file has been changed here since it was imported.
    pub fn is_edited(&self) -> bool {
        self.content_hash != self.imported_hash
    }
}
