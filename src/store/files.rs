//! Directories whose entries survive a power cut, and which one process has alone.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::StoreError;

/// The database in a store's directory.
pub(in crate::store) const DATABASE: &str = "db";

/// Makes a directory and those above it, if they are missing, so that they are on disk.
pub(in crate::store) fn create_directory(path: &Path) -> Result<(), StoreError> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    fs::create_dir_all(path).map_err(StoreError::io(path))?;
    for created in missing {
        sync_directory(parent(created))?;
    }
    Ok(())
}

/// Puts the entries of a directory on disk.
pub(in crate::store) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(StoreError::io(path))
}

/// Takes the lock of a database's directory, as an open store has it. `store` is the directory that is
/// in use if another has it.
pub(in crate::store) fn lock(store: &Path, database: &Path) -> Result<File, StoreError> {
    let lock = File::open(database).map_err(StoreError::io(database))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            dir: store.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(StoreError::io(database)(source)),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
