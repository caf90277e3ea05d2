//! What can go wrong with the store.

use std::io;
use std::path::{Path, PathBuf};

use super::Table;
use super::files::DATABASE;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A key is longer than the store takes.
    #[error("a key of {bytes} bytes is too long for the {table} table: at most {limit}")]
    KeyTooLong {
        /// Where the key was to be.
        table: Table,
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// A value is larger than the store takes in this way.
    #[error(
        "a value of {bytes} bytes is too large for the {table} table: at most {limit}; larger \
         contents belong in an asset"
    )]
    TooLarge {
        /// Where the value was to be.
        table: Table,
        /// Its size.
        bytes: usize,
        /// The largest allowed.
        limit: usize,
    },
    /// A batch is larger than the store takes at once.
    #[error("a commit of {bytes} bytes is too large: at most {limit} at once")]
    BatchTooLarge {
        /// Keys and values together.
        bytes: usize,
        /// The largest allowed.
        limit: usize,
    },
    /// A record was not as a batch required it; nothing was written.
    #[error("the {table} record `{key}` was changed by another writer in the meantime")]
    Conflict {
        /// The table of the record.
        table: Table,
        /// Its key, with bytes that are no printable ASCII escaped.
        key: String,
    },
    /// Writing failed earlier, so that nothing can be promised any more.
    #[error(
        "the store stopped writing ({cause}); what was acknowledged is on disk; see to the disk \
         (`df` tells whether it is full: make room), then restart; nothing has to be repaired"
    )]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// Another store holds this directory.
    #[error("the store in {} is in use by another trestle", dir.display())]
    InUse {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The database files can't be read.
    #[error(
        "the database in {} is damaged ({detail}); restore a backup into a new folder (`trestle \
         store restore FILE --data DIR`), or move {} aside and import the tree again",
        dir.display(), dir.join(DATABASE).display()
    )]
    Damaged {
        /// The store's directory.
        dir: PathBuf,
        /// What the engine said.
        detail: String,
    },
    /// One value does not read back as it was written; the others are not concerned.
    #[error("the {table} record `{key}` is damaged: it does not read back as it was written")]
    DamagedValue {
        /// The table of the record.
        table: Table,
        /// Its key, with bytes that are no printable ASCII escaped.
        key: String,
        /// Its key.
        raw_key: Vec<u8>,
    },
    /// A newer trestle wrote this store.
    #[error(
        "the store in {} has format {found}, this trestle knows {known}: use the newer trestle \
         that wrote it",
        dir.display()
    )]
    NewerFormat {
        /// The store's directory.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The program was linked without the override that makes sled's writes durable.
    #[error(
        "this build can't promise that data is on disk: sync_file_range is not trestle's own; \
         build it without replacing that symbol"
    )]
    NotDurable,
    /// A file or directory of the store can't be used.
    #[error("can't use {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database failed in another way.
    #[error("the database failed: {detail}")]
    Engine {
        /// What the engine said.
        detail: String,
    },
}

impl StoreError {
    /// For `map_err`: a failure with this file or directory.
    pub(in crate::store) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(in crate::store) fn conflict(table: Table, key: &[u8]) -> Self {
        Self::Conflict {
            table,
            key: key.escape_ascii().to_string(),
        }
    }

    pub(in crate::store) fn damaged_value(table: Table, key: &[u8]) -> Self {
        Self::DamagedValue {
            table,
            key: key.escape_ascii().to_string(),
            raw_key: key.to_vec(),
        }
    }
}

impl From<::sled::Error> for StoreError {
    fn from(error: ::sled::Error) -> Self {
        Self::Engine {
            detail: error.to_string(),
        }
    }
}
