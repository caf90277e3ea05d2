//! Where what phones have sent lies: records in the store, bytes in a content-addressed folder of
//! its own. A content goes with the last record that names it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::core::mac_of_key;
use super::door::GatewayError;
use crate::device::UploadRecord;
use crate::native::Mac;
use crate::store::{
    AssetError, AssetStore, Batch, ContentFolder, Store, StoreError, Table, Ticket, decode, encode,
};
use crate::wire::ContentHash;

/// A file counts as so many bytes at least: what it takes on a disk, with its record.
const LEAST_CHARGE: u64 = 4096;
/// Bytes of a MAC in front of a key.
const MAC_BYTES: usize = 6;

/// As how many bytes a file counts.
pub(super) fn charge(length: u64) -> u64 {
    length.max(LEAST_CHARGE)
}

/// The files that phones have sent.
#[derive(Debug)]
pub(super) struct UploadStore {
    contents: AssetStore,
    turn: tokio::sync::Mutex<()>,
    totals: Mutex<Totals>,
}

#[derive(Debug, Default)]
struct Totals {
    /// How many records name a content.
    references: HashMap<ContentHash, u64>,
    charged: u64,
}

/// A change that is visible; its ticket says when it is on disk.
pub(super) struct Kept {
    pub(super) ticket: Ticket,
    /// A content that no record names any more, to be dropped after that.
    pub(super) orphan: Option<ContentHash>,
}

impl UploadStore {
    /// Opens what is there, and drops contents that no record names: a process was killed between
    /// the two.
    pub(super) fn open(assets: &AssetStore, store: &dyn Store) -> Result<Self, GatewayError> {
        let contents = assets.beside(ContentFolder::Uploads)?;
        let mut totals = Totals::default();
        let mut all_read = true;
        for entry in store.scan(Table::Upload, b"") {
            let (key, value) = match entry {
                Ok(entry) => entry,
                Err(error @ StoreError::DamagedValue { .. }) => {
                    all_read = false;
                    tracing::error!(%error, "the record of an upload can't be read");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match decode::<UploadRecord>(&value) {
                Ok(record) => totals.add(&record),
                Err(error) => {
                    all_read = false;
                    let mac = key.get(..MAC_BYTES).map(mac_of_key);
                    tracing::error!(?mac, %error, "the record of an upload can't be read");
                }
            }
        }
        if all_read {
            for (hash, _) in contents.list()? {
                if !totals.references.contains_key(&hash) {
                    contents.remove(&hash)?;
                }
            }
        }
        Ok(Self {
            contents,
            turn: tokio::sync::Mutex::new(()),
            totals: Mutex::new(totals),
        })
    }

    /// The folder of the bytes.
    pub(super) fn contents(&self) -> &AssetStore {
        &self.contents
    }

    /// Waits until nobody else changes anything.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// As how many bytes all files count.
    pub(super) fn charged(&self) -> u64 {
        self.totals().charged
    }

    /// What a phone has sent.
    pub(super) fn of_phone(
        &self,
        store: &dyn Store,
        mac: Mac,
    ) -> Result<Vec<UploadRecord>, GatewayError> {
        let entries = store.scan(Table::Upload, &mac.bytes());
        entries.map(|entry| Ok(decode(&entry?.1)?)).collect()
    }

    /// One of them.
    pub(super) fn find(
        &self,
        store: &dyn Store,
        mac: Mac,
        name: &str,
    ) -> Result<Option<UploadRecord>, GatewayError> {
        match store.get(Table::Upload, &key(mac, name))? {
            Some(bytes) => Ok(Some(decode(&bytes)?)),
            None => Ok(None),
        }
    }

    /// Writes a content. It stays when a record that names it is kept in the same turn.
    pub(super) fn put(&self, content: &[u8]) -> Result<ContentHash, AssetError> {
        self.contents.put(content)
    }

    pub(super) fn read(&self, hash: &ContentHash) -> Result<Vec<u8>, AssetError> {
        self.contents.read(hash)
    }

    /// Keeps a record; one of the same name goes.
    pub(super) fn keep(
        &self,
        store: &dyn Store,
        mac: Mac,
        record: UploadRecord,
    ) -> Result<Kept, GatewayError> {
        let name = record.path.as_str();
        let replaced = self.find(store, mac, name)?;
        let mut batch = Batch::new();
        batch.put(Table::Upload, &key(mac, name), encode(&record)?);
        let ticket = store.commit(batch)?;
        let mut totals = self.totals();
        totals.add(&record);
        let orphan = replaced.and_then(|replaced| totals.take(&replaced));
        Ok(Kept { ticket, orphan })
    }

    /// Removes a record; `None` when there is none of that name.
    pub(super) fn remove(
        &self,
        store: &dyn Store,
        mac: Mac,
        name: &str,
    ) -> Result<Option<Kept>, GatewayError> {
        let Some(record) = self.find(store, mac, name)? else {
            return Ok(None);
        };
        let mut batch = Batch::new();
        batch.delete(Table::Upload, &key(mac, name));
        let ticket = store.commit(batch)?;
        let orphan = self.totals().take(&record);
        Ok(Some(Kept { ticket, orphan }))
    }

    /// Drops a content that no record names. What can't be dropped now goes at the next opening.
    pub(super) fn drop_content(&self, orphan: Option<ContentHash>) {
        if let Some(hash) = orphan
            && let Err(error) = self.contents.remove(&hash)
        {
            tracing::warn!(%error, "an upload that nothing refers to stays for now");
        }
    }

    fn totals(&self) -> MutexGuard<'_, Totals> {
        // No code that can panic runs under this lock.
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totals {
    fn add(&mut self, record: &UploadRecord) {
        *self.references.entry(record.content_hash).or_default() += 1;
        self.charged = self.charged.saturating_add(charge(record.length));
    }

    /// Takes a record out; its content, when no other record names it.
    fn take(&mut self, record: &UploadRecord) -> Option<ContentHash> {
        self.charged = self.charged.saturating_sub(charge(record.length));
        let hash = record.content_hash;
        let references = self.references.get_mut(&hash)?;
        *references = references.saturating_sub(1);
        if *references > 0 {
            return None;
        }
        self.references.remove(&hash);
        Some(hash)
    }
}

/// The phone, then a hash of the name: a name may be longer than a key.
fn key(mac: Mac, name: &str) -> Vec<u8> {
    let mut key = mac.bytes().to_vec();
    key.extend_from_slice(ContentHash::of(name.as_bytes()).to_string().as_bytes());
    key
}
