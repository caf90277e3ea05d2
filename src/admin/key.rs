//! How a command finds and may use the gateway that runs on its store: a file in the store's
//! folder, readable by its owner only.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::wire::Secret;

const FILE_NAME: &str = "admin.json";

/// Address of a running gateway's API, and the token that it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminKey {
    /// Where the API listens.
    pub address: SocketAddr,
    /// Bearer token.
    pub token: Secret,
}

/// The file with the key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AdminKeyError {
    /// The file can't be read or written.
    #[error("can't use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} is no key of a running gateway: {source}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness: {reason}")]
    NoRandomness {
        /// What it said.
        reason: String,
    },
}

impl AdminKey {
    /// A key with a new token for the API at this address.
    ///
    /// # Errors
    /// [`AdminKeyError::NoRandomness`].
    pub fn new(address: SocketAddr) -> Result<Self, AdminKeyError> {
        use base64::Engine as _;
        let mut bytes = [0_u8; 24];
        getrandom::fill(&mut bytes).map_err(|error| AdminKeyError::NoRandomness {
            reason: error.to_string(),
        })?;
        let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self {
            address,
            token: Secret::new(token),
        })
    }

    /// Puts the key into a store's folder.
    ///
    /// # Errors
    /// [`AdminKeyError::File`].
    pub fn write(&self, store: &Path) -> Result<(), AdminKeyError> {
        let path = store.join(FILE_NAME);
        let content = serde_json::to_vec(self).map_err(|source| AdminKeyError::Content {
            path: path.clone(),
            source,
        })?;
        let temporary = store.join(format!("{FILE_NAME}.new"));
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(&content))
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|source| AdminKeyError::File { path, source })
    }

    /// Reads the key of the gateway that runs on a store; `None` when none does.
    ///
    /// # Errors
    /// [`AdminKeyError`].
    pub fn read(store: &Path) -> Result<Option<Self>, AdminKeyError> {
        let path = store.join(FILE_NAME);
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(AdminKeyError::File { path, source }),
        };
        serde_json::from_slice(&content)
            .map(Some)
            .map_err(|source| AdminKeyError::Content { path, source })
    }

    /// Takes the key away when the gateway stops.
    pub fn remove(store: &Path) {
        // A key that stays behind leads a command to a closed port, and it says so.
        let _ = fs::remove_file(store.join(FILE_NAME));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_found_again_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(AdminKey::read(folder.path()).unwrap(), None);
        let key = AdminKey::new(SocketAddr::from(([127, 0, 0, 1], 8090))).unwrap();
        key.write(folder.path()).unwrap();
        assert_eq!(AdminKey::read(folder.path()).unwrap(), Some(key));
        let metadata = fs::metadata(folder.path().join(FILE_NAME)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        AdminKey::remove(folder.path());
        assert_eq!(AdminKey::read(folder.path()).unwrap(), None);
    }
}
