//! A store made of a backup: whole or not at all.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::backup::{BackupTarget, read_backup};
use super::bulk::BulkWriter;
use super::files::{DATABASE, lock, sync_directory};
use super::table::is_the_stores_own;
use super::{
    AssetError, AssetStore, BackupError, BackupSummary, ContentFolder, SledStore, StoreError,
    StoreOptions, Table, swap,
};
use crate::wire::ContentHash;

/// Where the store is built, in its folder.
const BUILDING: &str = "restoring";

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
    let summary = match build(input, &building, options) {
        Ok(summary) => summary,
        Err(error) => {
            // What stays goes with the next attempt.
            let _ = swap::remove(&building);
            return Err(error);
        }
    };
    put_in_place(&building, dir)?;
    Ok(summary)
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
        if !was_cut_off || !ours().any(|ours| name == *ours) {
            return Err(RestoreError::NotEmpty {
                dir: dir.to_owned(),
            });
        }
    }
    let database = building.join(DATABASE);
    let _alone = if database.exists() {
        Some(lock(dir, &database)?)
    } else {
        None
    };
    for name in ours() {
        swap::remove(&dir.join(name))?;
    }
    Ok(())
}

/// What an attempt puts into the folder before there is a store.
fn ours() -> impl Iterator<Item = &'static str> {
    let contents = ContentFolder::ALL.into_iter().map(ContentFolder::name);
    contents.chain([BUILDING])
}

fn build(
    input: impl Read,
    building: &Path,
    options: &StoreOptions,
) -> Result<BackupSummary, RestoreError> {
    let store = SledStore::open(building, options.clone())?;
    let assets = AssetStore::open(building).map_err(BackupError::from)?;
    let uploads = assets
        .beside(ContentFolder::Uploads)
        .map_err(BackupError::from)?;
    let mut target = Target {
        records: BulkWriter::new(&store),
        assets,
        uploads,
    };
    let summary = read_backup(input, &mut target)?;
    target.records.finish()?;
    Ok(summary)
}

/// The database last: from the moment at which it is there, there is a store.
fn put_in_place(building: &Path, dir: &Path) -> Result<(), StoreError> {
    let rename = |name: &str| {
        let from = building.join(name);
        fs::rename(&from, dir.join(name)).map_err(StoreError::io(&from))
    };
    for folder in ContentFolder::ALL {
        rename(folder.name())?;
    }
    sync_directory(dir)?;
    rename(DATABASE)?;
    sync_directory(dir)?;
    swap::remove(building)
}

struct Target<'store> {
    records: BulkWriter<'store>,
    assets: AssetStore,
    uploads: AssetStore,
}

impl BackupTarget for Target<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), BackupError> {
        if is_the_stores_own(table, key) {
            return Ok(());
        }
        Ok(self.records.put(table, key, value)?)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), BackupError> {
        if is_the_stores_own(table, key) {
            return Ok(());
        }
        Ok(self.records.delete(table, key)?)
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
