//! Assets in memory once, however many phones are fetching them.

use std::sync::{Arc, PoisonError, Weak};

use bytes::Bytes;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use crate::wire::ContentHash;

impl Gateway {
    /// An asset's bytes: in memory once, however many phones are fetching it.
    pub(super) fn shared_asset(&self, hash: ContentHash) -> Result<Bytes, GatewayError> {
        let mut shared = self
            .inner
            .shared_assets
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
