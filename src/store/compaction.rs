//! Copying a database record by record into a fresh one: sled grows to a few times the size of its
//! records and never gives space back (facts/rust-stack.md §2.1, 4).

use std::path::Path;

use serde::Serialize;

use super::table::is_the_stores_own;
use super::{Batch, Entry, SledStore, Store, StoreError, StoreOptions, Table, swap};

/// Bytes of one commit of the copy.
const BYTES_PER_COMMIT: usize = 1 << 20;

/// What became of a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CompactionReport {
    /// Records that were copied.
    pub records: u64,
    /// Size of the database before, in bytes.
    pub bytes_before: u64,
    /// Its size now.
    pub bytes_after: u64,
}

/// A store was not compacted; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record can't be read, and would be lost.
    #[error(
        "{0}; a copy would lose what is left of it, so the store stays as it is: `trestle store \
         check` names what is damaged and says how to mend it"
    )]
    Unreadable(StoreError),
    /// The copy is not what it was made from.
    #[error(
        "the copy differs from the store in the {table} table; the store stays as it is: see to \
         the disk"
    )]
    Different {
        /// The table.
        table: Table,
    },
}

/// Makes a smaller database of the one in a directory: copies every record into a fresh one,
/// compares the two, and puts the new one in the place of the old. Until then the old one is
/// untouched, and a crash at any moment leaves one whole store. `progress` hears of records
/// that are done, and of all.
///
/// # Errors
/// [`CompactionError`]; the store is as it was then.
pub fn compact(
    dir: &Path,
    options: &StoreOptions,
    progress: &dyn Fn(u64, u64),
) -> Result<CompactionReport, CompactionError> {
    let old = SledStore::open(dir, options.clone())?;
    let bytes_before = old.size_on_disk()?;
    let place = swap::building_place(dir);
    let made = make(&old, &place, options, progress);
    let (records, bytes_after) = match made {
        Ok(made) => made,
        Err(error) => {
            // The next opening tries again if this does not work.
            let _ = swap::remove(&place);
            return Err(error);
        }
    };
    let _directory = old.close();
    swap::swap(dir)?;
    swap::clear(dir)?;
    Ok(CompactionReport {
        records,
        bytes_before,
        bytes_after,
    })
}

/// The copy, on disk and compared; how many records it has, and its size.
fn make(
    old: &SledStore,
    place: &Path,
    options: &StoreOptions,
    progress: &dyn Fn(u64, u64),
) -> Result<(u64, u64), CompactionError> {
    // Every record is read twice.
    let total = old.live_size()?.records.saturating_mul(2);
    let mut done = 0_u64;
    let mut records = 0_u64;
    let mut step = || {
        done += 1;
        progress(done.min(total), total);
    };
    let new = SledStore::open(place, options.clone())?;
    for table in Table::ALL {
        let values = old.scan(table, b"").flatten().map(|(_, value)| value);
        new.learn(table, values)?;
        let mut batch = Batch::new();
        let mut bytes = 0;
        for entry in old.scan(table, b"") {
            let entry = entry.map_err(CompactionError::Unreadable)?;
            if is_the_stores_own(table, &entry.0) {
                continue;
            }
            step();
            records += 1;
            bytes += entry.0.len() + entry.1.len();
            batch.put_long(table, &entry.0, entry.1);
            if bytes > BYTES_PER_COMMIT {
                new.commit(std::mem::take(&mut batch))?.wait()?;
                bytes = 0;
            }
        }
        new.commit(batch)?.wait()?;
    }
    drop(new);
    // What is compared comes from the disk as far as a process can see to that.
    let new = SledStore::open(place, options.clone())?;
    for table in Table::ALL {
        let is_copied = |entry: &Result<Entry, StoreError>| {
            !entry
                .as_ref()
                .is_ok_and(|(key, _)| is_the_stores_own(table, key))
        };
        let mut copies = new.scan(table, b"").filter(is_copied);
        for entry in old.scan(table, b"").filter(is_copied) {
            let entry = entry.map_err(CompactionError::Unreadable)?;
            step();
            if copies.next().transpose()? != Some(entry) {
                return Err(CompactionError::Different { table });
            }
        }
        if copies.next().is_some() {
            return Err(CompactionError::Different { table });
        }
    }
    Ok((records, new.size_on_disk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_rewritten_often_gets_smaller_and_keeps_every_record() {
        let dir = tempfile::tempdir().unwrap();
        let value = |round: u32, number: u32| {
            let length = 3000 + 60_000 * usize::from(number == 7);
            let mut state = u64::from(round * 1000 + number);
            // Bytes that do not compress.
            let bytes = std::iter::repeat_with(|| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 33) as u8
            });
            bytes.take(length).collect::<Vec<u8>>()
        };
        let store = SledStore::open(dir.path(), StoreOptions::default()).unwrap();
        for round in 0..20 {
            let mut batch = Batch::new();
            for number in 0..200_u32 {
                batch.put_long(Table::Document, &number.to_be_bytes(), value(round, number));
            }
            store.commit(batch).unwrap().wait().unwrap();
        }
        drop(store);
        let report = compact(dir.path(), &StoreOptions::default(), &|_, _| {}).unwrap();
        assert_eq!(report.records, 200);
        assert!(report.bytes_after < report.bytes_before, "{report:?}");
        let store = SledStore::open(dir.path(), StoreOptions::default()).unwrap();
        for number in 0..200_u32 {
            let kept = store.get(Table::Document, &number.to_be_bytes()).unwrap();
            assert_eq!(kept, Some(value(19, number)));
        }
    }

    #[test]
    fn a_store_in_use_is_not_compacted() {
        let dir = tempfile::tempdir().unwrap();
        let _open = SledStore::open(dir.path(), StoreOptions::default()).unwrap();
        let error = compact(dir.path(), &StoreOptions::default(), &|_, _| {}).unwrap_err();
        assert!(matches!(
            error,
            CompactionError::Store(StoreError::InUse { .. })
        ));
    }
}
