//! Directories whose entries survive a power cut.

use std::fs::{self, File};
use std::path::Path;

use super::StoreError;

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

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
