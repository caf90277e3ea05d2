//! The database's directory: one owner, and entries that are on disk.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::store::StoreError;
use crate::store::files::{self, DATABASE, create_directory, sync_directory};

/// How long a closing store waits for sled's threads to let go of the file, in milliseconds.
const CLOSING_PATIENCE_MILLISECONDS: u32 = 2_000;

/// The right to use `<dir>/db`, held by one store at a time in all processes.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
}

impl Directory {
    /// Makes the directory if it is missing and takes it.
    ///
    /// The lock is on the directory itself, so that "in use" is not read out of the text of sled's
    /// error and no file of ours is needed.
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let path = store.join(DATABASE);
        create_directory(&path)?;
        let lock = files::lock(store, &path)?;
        Ok(Self { path, lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes snapshots that a killed process had begun to write.
    ///
    /// sled takes such a file for its newest snapshot and then finds it damaged
    /// (`pagecache/snapshot.rs`, `config.rs` of 0.34.7); the one before it is still there.
    pub(super) fn remove_unfinished_snapshots(&self) -> Result<(), StoreError> {
        for path in self.files()? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                fs::remove_file(&path).map_err(StoreError::io(&path))?;
            }
        }
        Ok(())
    }

    /// Puts on disk what sled leaves to the system: its settings file and the names of its files.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let settings = self.path.join("conf");
        File::open(&settings)
            .and_then(|file| file.sync_all())
            .map_err(StoreError::io(&settings))?;
        sync_directory(&self.path)
    }

    /// The size of sled's files together, in bytes.
    pub(super) fn size(&self) -> Result<u64, StoreError> {
        self.files()?.iter().try_fold(0, |total, path| {
            let file = fs::metadata(path).map_err(StoreError::io(path))?;
            Ok(total + if file.is_file() { file.len() } else { 0 })
        })
    }

    fn files(&self) -> Result<Vec<PathBuf>, StoreError> {
        fs::read_dir(&self.path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(StoreError::io(&self.path))
    }
}

impl Drop for Directory {
    /// Gives the directory back once sled is out of it: its I/O threads close the file a moment
    /// after the database is dropped, and an opening in that moment would fail.
    fn drop(&mut self) {
        if let Ok(database) = File::open(self.path.join("db")) {
            for _ in 0..CLOSING_PATIENCE_MILLISECONDS {
                if !matches!(database.try_lock(), Err(TryLockError::WouldBlock)) {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        // Without this, a child process that is just being started would hold the lock for us. An
        // error changes nothing: the lock goes with the file.
        drop(self.lock.unlock());
    }
}
