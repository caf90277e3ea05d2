//! Copying a database record by record into a fresh one: sled grows to a few times the size of its
//! records and never gives space back (facts/rust-stack.md §2.1, 4).

use std::path::Path;

use serde::Serialize;

use super::bulk::BulkWriter;
use super::table::is_the_stores_own;
use super::{Entry, SledStore, Store, StoreError, StoreOptions, Table, swap};

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
    let mut step = || {
        done += 1;
        progress(done.min(total), total);
    };
    let new = SledStore::open(place, options.clone())?;
    let records = copy(old, &new, &mut step)?;
    drop(new);
    // What is compared comes from the disk as far as a process can see to that.
    let new = SledStore::open(place, options.clone())?;
    compare(old, &new, &mut step)?;
    Ok((records, new.size_on_disk()?))
}

/// How many records were copied.
fn copy(old: &SledStore, new: &SledStore, step: &mut dyn FnMut()) -> Result<u64, CompactionError> {
    let mut records = 0;
    let mut writer = BulkWriter::new(new);
    for table in Table::ALL {
        let values = old.scan(table, b"").flatten().map(|(_, value)| value);
        new.learn(table, values)?;
        for entry in records_of(old, table) {
            let (key, value) = entry.map_err(CompactionError::Unreadable)?;
            step();
            records += 1;
            writer.put(table, &key, value)?;
        }
    }
    writer.finish()?;
    Ok(records)
}

fn compare(
    old: &SledStore,
    new: &SledStore,
    step: &mut dyn FnMut(),
) -> Result<(), CompactionError> {
    for table in Table::ALL {
        let mut copies = records_of(new, table);
        for entry in records_of(old, table) {
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
    Ok(())
}

/// The records of a table that a copy has as well.
fn records_of(store: &SledStore, table: Table) -> impl Iterator<Item = Result<Entry, StoreError>> {
    let is_copied = move |entry: &Result<Entry, StoreError>| {
        let key = entry.as_ref().map(|(key, _)| key);
        !key.is_ok_and(|key| is_the_stores_own(table, key))
    };
    store.scan(table, b"").filter(is_copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Batch;
    use crate::store::noise::noise;

    #[test]
    fn a_store_that_was_rewritten_often_gets_smaller_and_keeps_every_record() {
        let dir = tempfile::tempdir().unwrap();
        let value = |round: u32, number: u32| {
            let length = 3000 + 60_000 * usize::from(number == 7);
            noise(u64::from(round * 1000 + number), length)
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
