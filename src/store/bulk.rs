//! Many records into a fresh store, in large commits: for copies, where nobody waits for a single
//! record.

use super::{Batch, Store, StoreError, Table};

/// Bytes of one commit.
const BYTES_PER_COMMIT: usize = 1 << 20;

/// Collects changes and commits them as soon as they are enough. The last ones are committed by
/// [`BulkWriter::finish`].
pub(in crate::store) struct BulkWriter<'store> {
    store: &'store dyn Store,
    batch: Batch,
    bytes: usize,
}

impl<'store> BulkWriter<'store> {
    pub(in crate::store) fn new(store: &'store dyn Store) -> Self {
        Self {
            store,
            batch: Batch::new(),
            bytes: 0,
        }
    }

    pub(in crate::store) fn put(
        &mut self,
        table: Table,
        key: &[u8],
        value: Vec<u8>,
    ) -> Result<(), StoreError> {
        let bytes = key.len() + value.len();
        self.batch.put_long(table, key, value);
        self.added(bytes)
    }

    pub(in crate::store) fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.batch.delete(table, key);
        self.added(key.len())
    }

    /// Puts the rest on disk.
    pub(in crate::store) fn finish(mut self) -> Result<(), StoreError> {
        self.commit()
    }

    fn added(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.bytes += bytes;
        if self.bytes > BYTES_PER_COMMIT {
            self.commit()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.bytes = 0;
        self.store.commit(std::mem::take(&mut self.batch))?.wait()
    }
}
