//! Assets that nothing refers to any more go.

use std::collections::HashSet;
use std::time::Duration;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use crate::store::{StoreError, Table};
use crate::wire::ContentHash;

/// What nothing refers to is kept this long after it was written: a factory reset leaves the file
/// that it has replaced, for a person who wants it back.
const KEPT_UNUSED: Duration = Duration::from_secs(30 * 86_400);

/// Tables whose records may name assets. The others hold texts and settings.
const TABLES: [Table; 11] = [
    Table::Meta,
    Table::Device,
    Table::File,
    Table::VirtualDevice,
    Table::Quarantine,
    Table::Firmware,
    Table::Control,
    Table::Upload,
    Table::Upstream,
    Table::Log,
    Table::SetAside,
];

/// Bytes of a hash, as a record holds it.
const HASH_LENGTH: usize = 32;

impl Gateway {
    /// Removes assets that are old and that no record refers to. To be called while nothing else
    /// works on the store: an asset is written before the record that names it.
    ///
    /// # Errors
    /// [`GatewayError`] when a record or the folder can't be read; then nothing is removed.
    pub fn sweep_assets(&self) -> Result<usize, GatewayError> {
        let now = self.inner.clock.now();
        let old = |modified: jiff::Timestamp| {
            now.duration_since(modified)
                > jiff::SignedDuration::try_from(KEPT_UNUSED).unwrap_or_default()
        };
        let mut unused: HashSet<[u8; HASH_LENGTH]> = self
            .inner
            .assets
            .list()?
            .into_iter()
            .filter(|(_, modified)| old(*modified))
            .map(|(hash, _)| *hash.bytes())
            .collect();
        for table in TABLES {
            if unused.is_empty() {
                break;
            }
            for entry in self.inner.store.scan(table, b"") {
                let (key, value) = match entry {
                    Ok(entry) => entry,
                    // Whatever it named must not go: it may be mended.
                    Err(error @ StoreError::DamagedValue { .. }) => {
                        tracing::warn!(%error, "files that nothing refers to stay for now");
                        return Ok(0);
                    }
                    Err(error) => return Err(error.into()),
                };
                // Wherever in a record a hash stands, it counts: so no kind of record can be
                // forgotten here, and one of a newer version is safe as well.
                for bytes in [&key, &value] {
                    for window in bytes.windows(HASH_LENGTH) {
                        if let Ok(window) = <&[u8; HASH_LENGTH]>::try_from(window) {
                            unused.remove(window);
                        }
                    }
                }
            }
        }
        let mut removed = 0;
        for hash in unused {
            self.inner.assets.remove(&ContentHash::from(hash))?;
            removed += 1;
        }
        if removed > 0 {
            tracing::info!(removed, "files that nothing refers to any more are gone");
        }
        Ok(removed)
    }
}
