//! A store made of a backup: whole or not at all.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::backup::{BackupTarget, read_backup};
use super::files::sync_directory;
use super::table::is_the_stores_own;
use super::{
    AssetError, AssetStore, BackupError, BackupSummary, Batch, ContentFolder, SledStore, Store,
    StoreError, StoreOptions, Table, swap,
};
use crate::wire::ContentHash;

/// Where the store is built, in its folder.
const BUILDING: &str = "restoring";
/// Folders of contents, in the order in which they are put in place.
const CONTENTS: [&str; 2] = ["assets", "uploads"];
const DATABASE: &str = "db";
/// Bytes of one commit.
const BYTES_PER_COMMIT: usize = 1 << 20;

/// A backup was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Something is there already.
    #[error(
        "{} is not empty: a backup is restored into a new or empty folder only, so that nothing is \
         overwritten", dir.display()
    )]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// The backup can't be read, or not written out.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The folder can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a store of a backup, in a new or empty folder. It is in place only when all of the backup
/// was read, was as it was written, and is on disk. What an attempt that was cut off has left in the
/// folder goes.
///
/// # Errors
/// [`RestoreError`]; there is no store in the folder then.
pub fn restore(
    input: impl Read,
    dir: &Path,
    options: &StoreOptions,
) -> Result<BackupSummary, RestoreError> {
    prepare(dir)?;
    let building = dir.join(BUILDING);
    match build(input, &building, options) {
        Ok(summary) => {
            for name in CONTENTS {
                let from = building.join(name);
                fs::rename(&from, dir.join(name)).map_err(StoreError::io(&from))?;
            }
            sync_directory(dir)?;
            // From here on there is a store.
            let from = building.join(DATABASE);
            fs::rename(&from, dir.join(DATABASE)).map_err(StoreError::io(&from))?;
            sync_directory(dir)?;
            swap::remove(&building)?;
            Ok(summary)
        }
        Err(error) => {
            // What stays goes with the next attempt.
            let _ = swap::remove(&building);
            Err(error)
        }
    }
}

fn prepare(dir: &Path) -> Result<(), RestoreError> {
    let mut builder = fs::DirBuilder::new();
    // Passwords of phones are kept in it.
    builder.recursive(true).mode(0o700);
    builder.create(dir).map_err(StoreError::io(dir))?;
    let building = dir.join(BUILDING);
    let was_cut_off = building.is_dir();
    for entry in fs::read_dir(dir).map_err(StoreError::io(dir))? {
        let name = entry.map_err(StoreError::io(dir))?.file_name();
        let is_ours = |ours: &str| was_cut_off && name == *ours;
        if !is_ours(BUILDING) && !CONTENTS.into_iter().any(is_ours) {
            return Err(RestoreError::NotEmpty {
                dir: dir.to_owned(),
            });
        }
    }
    let database = building.join(DATABASE);
    let _alone = if database.exists() {
        Some(swap::lock(dir, &database)?)
    } else {
        None
    };
    for name in CONTENTS.into_iter().chain([BUILDING]) {
        swap::remove(&dir.join(name))?;
    }
    Ok(())
}

fn build(
    input: impl Read,
    building: &Path,
    options: &StoreOptions,
) -> Result<BackupSummary, RestoreError> {
    let store = SledStore::open(building, options.clone())?;
    let assets = AssetStore::open(building).map_err(BackupError::from)?;
    let uploads = assets.beside("uploads").map_err(BackupError::from)?;
    let mut target = Target {
        store: &store,
        assets,
        uploads,
        batch: Batch::new(),
        bytes: 0,
    };
    let summary = read_backup(input, &mut target)?;
    target.commit()?;
    Ok(summary)
}

struct Target<'store> {
    store: &'store SledStore,
    assets: AssetStore,
    uploads: AssetStore,
    batch: Batch,
    bytes: usize,
}

impl Target<'_> {
    fn commit(&mut self) -> Result<(), BackupError> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        Ok(self.store.commit(batch)?.wait()?)
    }

    fn added(&mut self, bytes: usize) -> Result<(), BackupError> {
        self.bytes += bytes;
        if self.bytes > BYTES_PER_COMMIT {
            self.commit()?;
        }
        Ok(())
    }
}

impl BackupTarget for Target<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), BackupError> {
        if is_the_stores_own(table, key) {
            return Ok(());
        }
        let bytes = key.len() + value.len();
        self.batch.put_long(table, key, value);
        self.added(bytes)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), BackupError> {
        if is_the_stores_own(table, key) {
            return Ok(());
        }
        self.batch.delete(table, key);
        self.added(key.len())
    }

    fn content(
        &mut self,
        folder: ContentFolder,
        hash: ContentHash,
        content: &mut dyn Read,
    ) -> Result<(), BackupError> {
        let contents = match folder {
            ContentFolder::Assets => &self.assets,
            ContentFolder::Uploads => &self.uploads,
        };
        match contents.put_stream(&hash, content) {
            Err(AssetError::Damaged { hash }) => Err(BackupError::DamagedContent { hash }),
            // A cut input looks like a file that can't be read.
            Err(AssetError::Files(StoreError::Io { source, .. }))
                if source.kind() == io::ErrorKind::UnexpectedEof =>
            {
                Err(BackupError::Cut)
            }
            outcome => Ok(outcome?),
        }
    }
}
