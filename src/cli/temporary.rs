//! A folder for the time of one command.

use std::path::{Path, PathBuf};

use super::exit::CommandError;

/// A folder of its own below the system's one for temporary files; gone when this is dropped.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub(super) fn new() -> Result<Self, CommandError> {
        Self::inside(&std::env::temp_dir())
    }

    /// The same below another folder.
    pub(super) fn inside(folder: &Path) -> Result<Self, CommandError> {
        let number = getrandom::u64()
            .map_err(|error| CommandError::new(format!("no randomness: {error}")))?;
        let path = folder.join(format!("trestle-{number:016x}"));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("can't remove {}: {error}", self.0.display());
        }
    }
}
