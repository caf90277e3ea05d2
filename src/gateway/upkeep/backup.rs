//! A backup of the gateway's store, also while it serves.

use std::io::Write;

use crate::gateway::core::Gateway;
use crate::store::{BackupError, BackupHeader, BackupSummary, ContentFolder, write_backup};

impl Gateway {
    /// Writes all that is kept, as of one moment, to `out`; large contents too, unless `contents`
    /// is false. Blocks for as long as that takes; the gateway goes on.
    ///
    /// # Errors
    /// [`BackupError`] when the store can't be read or `out` takes no more.
    pub fn write_backup(
        &self,
        contents: bool,
        out: &mut dyn Write,
    ) -> Result<BackupSummary, BackupError> {
        let header = BackupHeader {
            trestle: env!("CARGO_PKG_VERSION").to_owned(),
            created: self.inner.clock.now(),
            contents,
        };
        let folders = [
            (ContentFolder::Assets, &self.inner.assets),
            (ContentFolder::Uploads, self.inner.uploads.contents()),
        ];
        write_backup(&*self.inner.store, &folders, &header, out)
    }
}
