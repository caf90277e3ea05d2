//! A phone's own file as it was imported: what a factory reset goes back to, and what a merge with
//! a changed tree tells the changes of both sides by.

use super::core::Gateway;
use super::documents::Documents;
use super::door::GatewayError;
use super::draft::Draft;
use super::file_passwords::Whose;
use crate::device::{FileRecord, FileRole, TreePath};
use crate::native::{Document, Mac, Seal};
use crate::store::{AssetError, Batch, StoreError, Table};
use crate::wire::ContentHash;

impl Gateway {
    /// The phone's own file as it was imported; `None` when its bytes are not at hand.
    pub(super) fn imported_document(
        &self,
        draft: &Draft,
        path: &TreePath,
        file: &FileRecord,
    ) -> Result<Option<(Document, Option<Seal>)>, GatewayError> {
        let FileRole::Phone { mac, dialect, .. } = file.role else {
            return Ok(None);
        };
        let Some(bytes) = self.imported_bytes(mac, &file.imported_hash)? else {
            return Ok(None);
        };
        let whose = Whose {
            vendor: Some(&draft.record.vendor),
            model: draft.record.model.as_deref(),
            mac: Some(mac),
        };
        self.open_document(path, dialect, whose, bytes).map(Some)
    }

    fn imported_bytes(
        &self,
        mac: Mac,
        hash: &ContentHash,
    ) -> Result<Option<Vec<u8>>, GatewayError> {
        let kept = match self.inner.store.get(Table::Imported, &mac.bytes()) {
            Err(StoreError::DamagedValue { .. }) => None,
            kept => kept?,
        };
        if let Some(bytes) = kept.filter(|bytes| ContentHash::of(bytes) == *hash) {
            return Ok(Some(bytes));
        }
        // Before they had a table, they were assets.
        match self.inner.assets.read(hash) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(AssetError::Missing { .. } | AssetError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the imported bytes of a phone's own file beside it when it becomes another one, with
    /// the change itself; and lets them go when it is as it was imported.
    ///
    /// # Errors
    /// [`GatewayError`] when they can't be read.
    pub(super) fn keep_imported(
        &self,
        mac: Mac,
        path: &TreePath,
        documents: &mut Documents,
        content_hash: ContentHash,
        batch: &mut Batch,
    ) -> Result<(), GatewayError> {
        let stored = &documents.own_file;
        let key = mac.bytes();
        let brought = documents.imported.take();
        if content_hash == stored.imported_hash {
            batch.delete(Table::Imported, &key);
        } else if let Some(imported) = brought {
            batch.put_long(Table::Imported, &key, imported);
        } else if !stored.is_edited() {
            let stored_at = documents.moved_from.as_ref().unwrap_or(path);
            let imported = self.content_bytes(stored_at, stored)?;
            batch.put_long(Table::Imported, &key, imported);
        }
        Ok(())
    }
}
