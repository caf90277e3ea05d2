//! Files that phones share, read once for all of them: an import of a fleet would read its general
//! file for every phone.
//!
//! They are kept by path and hash, and the hash is part of the committed record of the file, so a
//! changed file is another one here.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::core::Gateway;
use super::door::GatewayError;
use super::file_index::SharedFile;
use super::file_passwords::Whose;
use crate::device::TreePath;
use crate::native::Document;
use crate::wire::ContentHash;

/// Bytes of files that are kept; read, they take a few times as much.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Files of which places are made ready; there may be more.
const EXPECTED: usize = 64;
/// What a file costs besides its bytes.
const ENTRY_BYTES: u64 = 1024;

/// Shared files that were read lately, as many as there is room for.
pub(super) struct SharedDocuments(Cache<(TreePath, ContentHash), Arc<Document>, ByBytes>);

#[derive(Clone)]
struct ByBytes;

impl Weighter<(TreePath, ContentHash), Arc<Document>> for ByBytes {
    fn weight(&self, _: &(TreePath, ContentHash), document: &Arc<Document>) -> u64 {
        let length = u64::try_from(document.bytes().len());
        length.map_or(u64::MAX, |length| length.saturating_add(ENTRY_BYTES))
    }
}

impl Default for SharedDocuments {
    fn default() -> Self {
        Self(Cache::with_weighter(EXPECTED, MAX_BYTES, ByBytes))
    }
}

impl fmt::Debug for SharedDocuments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.weight();
        write!(formatter, "SharedDocuments {{ bytes: {bytes} }}")
    }
}

impl Gateway {
    /// A shared file as a document; `None` when it is not there any more.
    pub(super) fn shared_document(
        &self,
        path: &TreePath,
        file: &SharedFile,
    ) -> Result<Option<Arc<Document>>, GatewayError> {
        let Some(record) = self.load_file(path)? else {
            return Ok(None);
        };
        let kept = &self.inner.shared_documents.0;
        let key = (path.clone(), record.content_hash);
        if let Some(document) = kept.get(&key) {
            return Ok(Some(document));
        }
        let bytes = self.content_bytes(path, &record)?;
        // What was read may be a later one than the record tells of.
        let is_of_record = ContentHash::of(&bytes) == record.content_hash;
        let whose = Whose {
            vendor: Some(&file.vendor),
            model: file.model.as_deref(),
            mac: None,
        };
        let (document, _) = self.open_document(path, file.dialect, whose, bytes)?;
        let document = Arc::new(document);
        if is_of_record {
            kept.insert(key, Arc::clone(&document));
        }
        Ok(Some(document))
    }
}
