//! What a backup file is made of.

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::{AssetError, ContentFolder, StoreError};
use crate::wire::ContentHash;

pub(super) const MAGIC: &[u8; 15] = b"trestle backup\n";
pub(super) const FORMAT: u8 = 1;
/// Largest header, in bytes.
pub(super) const MAX_HEADER: usize = 64 * 1024;
/// Largest window of the compressed part, as a power of two: what a reader has to have in memory.
pub(super) const WINDOW_LOG: u32 = 23;
pub(super) const DIGEST_BYTES: usize = 32;

pub(super) const END: u8 = 0;
pub(super) const RECORD: u8 = 1;
pub(super) const GONE: u8 = 2;
pub(super) const CONTENT: u8 = 3;
pub(super) const LEFT_OUT: u8 = 4;

/// What stands at the beginning of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHeader {
    /// Version of the trestle that wrote it.
    pub trestle: String,
    /// When it was begun.
    pub created: Timestamp,
    /// Whether large contents (firmware, files of the tree, uploads) are in it.
    pub contents: bool,
}

impl ContentFolder {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Assets => 0,
            Self::Uploads => 1,
        }
    }

    pub(super) fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|folder| folder.byte() == byte)
    }
}

/// A record or a content that could not be read when the backup was made, so that it is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// What it is, and why: for a person.
    pub what: String,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSummary {
    /// Its header.
    pub header: BackupHeader,
    /// Records in it; one that changed while it was written counts again.
    pub records: u64,
    /// Contents in it.
    pub contents: u64,
    /// What was damaged and is not in it.
    pub left_out: Vec<LeftOut>,
}

/// A backup can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is something else.
    #[error("this is no backup of trestle's: it does not begin as one")]
    NotABackup,
    /// A newer trestle wrote it.
    #[error(
        "the backup has format {found}, this trestle reads up to {known}: use the newer trestle \
         that wrote it"
    )]
    NewerFormat {
        /// The format found.
        found: u8,
        /// The newest known here.
        known: u8,
    },
    /// It ends too early.
    #[error("the backup is cut off: its end is missing; take another one")]
    Cut,
    /// It has other bytes than were written.
    #[error("the backup is damaged ({detail}); take another one")]
    Damaged {
        /// What is wrong.
        detail: String,
    },
    /// A content has other bytes than its name says.
    #[error("the content {hash} in the backup is damaged; take another backup")]
    DamagedContent {
        /// Its name.
        hash: ContentHash,
    },
    /// The file can't be read or written.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The content-addressed folder can't be read or written.
    #[error(transparent)]
    Asset(#[from] AssetError),
}

impl BackupError {
    pub(super) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged {
            detail: detail.into(),
        }
    }
}
