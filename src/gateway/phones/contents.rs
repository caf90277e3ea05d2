//! The bytes of files that phones have fetched lately, in memory. After a power cut all phones of a
//! fleet ask at once, and most of them again and again.
//!
//! Contents are kept by their hash, which is part of the committed record of a file: whoever has read
//! that record gets the bytes that it tells of, and never those of an older revision. Nothing has to
//! be taken out when a file changes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use crate::device::{FileContent, FileRecord, TreePath};
use crate::wire::ContentHash;

/// Bytes that are kept, over all contents.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Contents of which places are made ready; there may be more.
const EXPECTED: usize = 4096;
/// What a content costs besides its bytes.
const ENTRY_BYTES: u64 = 256;
/// A larger content is in memory only while it is on its way to phones.
const MAX_CONTENT: usize = 1024 * 1024;

/// Contents that phones have fetched lately, as many as there is room for.
pub(in crate::gateway) struct Contents {
    kept: Cache<ContentHash, Bytes, ByBytes>,
    /// Assets that are on their way to phones, however large.
    on_their_way: Mutex<HashMap<ContentHash, Weak<[u8]>>>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<ContentHash, Bytes> for ByBytes {
    fn weight(&self, _: &ContentHash, content: &Bytes) -> u64 {
        u64::try_from(content.len()).map_or(u64::MAX, |length| length.saturating_add(ENTRY_BYTES))
    }
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            kept: Cache::with_weighter(EXPECTED, MAX_BYTES, ByBytes),
            on_their_way: Mutex::default(),
        }
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Contents")
            .field("bytes", &self.kept.weight())
            .finish_non_exhaustive()
    }
}

impl Contents {
    fn keep(&self, hash: ContentHash, content: &Bytes) {
        if content.len() <= MAX_CONTENT {
            self.kept.insert(hash, content.clone());
        }
    }
}

impl Gateway {
    /// The bytes that a file's record tells of; `None` when the file has changed since the record was
    /// read.
    pub(super) fn present_bytes(
        &self,
        path: &TreePath,
        record: &FileRecord,
    ) -> Result<Option<Bytes>, GatewayError> {
        let hash = record.content_hash;
        if let Some(content) = self.inner.contents.kept.get(&hash) {
            return Ok(Some(content));
        }
        let content = match record.content {
            FileContent::Asset => self.shared_asset(hash),
            FileContent::Document => self.content_bytes(path, record).map(Bytes::from),
        };
        // Its record is the same before and after, so the bytes are those that it tells of.
        if self.load_file(path)?.as_ref() != Some(record) {
            return Ok(None);
        }
        let content = content?;
        self.inner.contents.keep(hash, &content);
        Ok(Some(content))
    }

    /// An asset's bytes: in memory once, however many phones are fetching it.
    fn shared_asset(&self, hash: ContentHash) -> Result<Bytes, GatewayError> {
        let mut shared = self
            .inner
            .contents
            .on_their_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = shared.get(&hash).and_then(Weak::upgrade) {
            return Ok(Bytes::from_owner(SharedAsset(content)));
        }
        shared.retain(|_, content| content.strong_count() > 0);
        let content: Arc<[u8]> = self.inner.assets.read(&hash)?.into();
        shared.insert(hash, Arc::downgrade(&content));
        Ok(Bytes::from_owner(SharedAsset(content)))
    }
}

/// An asset that several answers share.
struct SharedAsset(Arc<[u8]>);

impl AsRef<[u8]> for SharedAsset {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
