//! A set of changes that happens as a whole.

use std::collections::BTreeMap;

use super::{StoreError, Table};

/// Longest key. An index page of sled holds up to 257 of them and must stay below a quarter of a
/// segment, as a leaf must (facts/rust-stack.md §2.1, 2).
pub const MAX_KEY_BYTES: usize = 1024;

/// Largest value of [`Batch::put`] (facts/rust-stack.md §2.3 rule 2).
pub const MAX_VALUE_BYTES: usize = 48 * 1024;

/// Largest value of [`Batch::put_long`].
pub const MAX_LONG_VALUE_BYTES: usize = 8 * 1024 * 1024;

/// Most bytes of one batch, keys and values together.
pub const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Changes for one [`Store::commit`](super::Store::commit).
///
/// For each key the last change counts. Limits are checked by the commit.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    pub(in crate::store) writes: BTreeMap<(Table, Vec<u8>), Write>,
    pub(in crate::store) requirements: Vec<Requirement>,
}

#[derive(Debug, Clone)]
pub(in crate::store) enum Write {
    Put { value: Vec<u8>, limit: usize },
    Delete,
}

#[derive(Debug, Clone)]
pub(in crate::store) struct Requirement {
    pub(in crate::store) table: Table,
    pub(in crate::store) key: Vec<u8>,
    pub(in crate::store) value: Option<Vec<u8>>,
}

impl Batch {
    /// No changes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value of at most [`MAX_VALUE_BYTES`].
    pub fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.write(table, key, value, MAX_VALUE_BYTES);
    }

    /// Sets a value of at most [`MAX_LONG_VALUE_BYTES`], such as a phone's file that must change
    /// together with its record. Reading and deleting are as for any value.
    pub fn put_long(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.write(table, key, value, MAX_LONG_VALUE_BYTES);
    }

    /// Removes a value, short or long; a missing one is no error.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        self.writes.insert((table, key.to_vec()), Write::Delete);
    }

    /// Makes the whole batch depend on a value: it must be exactly this before the commit, `None`
    /// meaning that there is none.
    pub fn require(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) {
        self.requirements.push(Requirement {
            table,
            key: key.to_vec(),
            value,
        });
    }

    /// Whether the batch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Refuses what is over a limit.
    pub(in crate::store) fn check_limits(&self) -> Result<(), StoreError> {
        let mut total = 0_usize;
        for ((table, key), write) in &self.writes {
            if key.len() > MAX_KEY_BYTES {
                return Err(StoreError::KeyTooLong {
                    table: *table,
                    bytes: key.len(),
                    limit: MAX_KEY_BYTES,
                });
            }
            total = total.saturating_add(key.len());
            if let Write::Put { value, limit } = write {
                if value.len() > *limit {
                    return Err(StoreError::TooLarge {
                        table: *table,
                        bytes: value.len(),
                        limit: *limit,
                    });
                }
                total = total.saturating_add(value.len());
            }
        }
        if total > MAX_BATCH_BYTES {
            return Err(StoreError::BatchTooLarge {
                bytes: total,
                limit: MAX_BATCH_BYTES,
            });
        }
        Ok(())
    }

    fn write(&mut self, table: Table, key: &[u8], value: Vec<u8>, limit: usize) {
        self.writes
            .insert((table, key.to_vec()), Write::Put { value, limit });
    }
}
