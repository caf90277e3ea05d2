//! How a compacted database takes the place of the one it was made from, so that a crash at any
//! moment leaves one whole store that the next opening finds.
//!
//! The new database is built in `compacting/db`. Then, each step on disk before the next:
//!
//! 1. `compacting` becomes `compacted`: what is in it is whole and compared;
//! 2. `db` becomes `db.before`;
//! 3. `compacted/db` becomes `db`;
//! 4. `db.before` and `compacted` go.
//!
//! Whoever opens a store first does [`settle`]: without a `db`, step 3 is still to be done. Once the
//! directory is its own, it does [`clear`]: whatever is left besides `db` is an old state or was never
//! finished.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::files::{DATABASE, lock, sync_directory};

const BEFORE: &str = "db.before";
const COMPACTED: &str = "compacted";
const COMPACTING: &str = "compacting";

/// Whether there is a store in a directory.
pub fn is_store(dir: &Path) -> bool {
    dir.join(DATABASE).exists() || dir.join(BEFORE).exists()
}

/// Whether the store in a directory is open at this moment. It is only looked at: who opens it next
/// may find it otherwise.
pub fn is_in_use(dir: &Path) -> bool {
    matches!(
        lock(dir, &dir.join(DATABASE)),
        Err(StoreError::InUse { .. })
    )
}

/// Where a compacted database is built.
pub(in crate::store) fn building_place(dir: &Path) -> PathBuf {
    dir.join(COMPACTING)
}

/// Puts the built database in the place of the present one. The caller keeps others out.
pub(in crate::store) fn swap(dir: &Path) -> Result<(), StoreError> {
    rename(dir, COMPACTING, COMPACTED)?;
    rename(dir, DATABASE, BEFORE)?;
    finish(dir)
}

/// Ends a swap that was cut off while there was no database under its name.
///
/// # Errors
/// [`StoreError::InUse`] when another process is in the middle of it.
pub(in crate::store) fn settle(dir: &Path) -> Result<(), StoreError> {
    let before = dir.join(BEFORE);
    if dir.join(DATABASE).exists() || !before.exists() {
        return Ok(());
    }
    let _alone = lock(dir, &before)?;
    if dir.join(COMPACTED).join(DATABASE).exists() {
        finish(dir)
    } else {
        // Nothing here makes this state; the old database is as good as it was.
        rename(dir, BEFORE, DATABASE)
    }
}

/// Removes what a swap or an attempt at one has left. Only for who has the directory's lock.
pub(in crate::store) fn clear(dir: &Path) -> Result<(), StoreError> {
    for name in [COMPACTING, COMPACTED, BEFORE] {
        remove(&dir.join(name))?;
    }
    Ok(())
}

/// Removes a directory, if it is there, with all that is in it.
pub(in crate::store) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        // Another process that opens the store may have been quicker.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(StoreError::io(path)),
    }
}

fn finish(dir: &Path) -> Result<(), StoreError> {
    let (from, to) = (dir.join(COMPACTED).join(DATABASE), dir.join(DATABASE));
    fs::rename(&from, &to).map_err(StoreError::io(&from))?;
    sync_directory(dir)
}

fn rename(dir: &Path, from: &str, to: &str) -> Result<(), StoreError> {
    let from = dir.join(from);
    fs::rename(&from, dir.join(to)).map_err(StoreError::io(&from))?;
    sync_directory(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Batch, SledStore, Store, StoreOptions, Table};

    /// A store whose one record says which database it is in.
    fn database(dir: &Path, text: &str) {
        let store = SledStore::open(dir, StoreOptions::default()).unwrap();
        let mut batch = Batch::new();
        batch.put(Table::Device, b"which", text.as_bytes().to_vec());
        store.commit(batch).unwrap().wait().unwrap();
    }

    fn opened(dir: &Path) -> String {
        let store = SledStore::open(dir, StoreOptions::default()).unwrap();
        let value = store.get(Table::Device, b"which").unwrap().unwrap();
        let names = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["db"], "nothing is left behind");
        String::from_utf8(value).unwrap()
    }

    #[test]
    fn a_swap_that_is_cut_off_after_any_step_leaves_one_whole_store() {
        // (renames that were made, which database is found)
        let steps: [(&[(&str, &str)], &str); 4] = [
            (&[], "old"),
            (&[(COMPACTING, COMPACTED)], "old"),
            (&[(COMPACTING, COMPACTED), (DATABASE, BEFORE)], "new"),
            (
                &[
                    (COMPACTING, COMPACTED),
                    (DATABASE, BEFORE),
                    ("compacted/db", DATABASE),
                ],
                "new",
            ),
        ];
        for (renames, found) in steps {
            let dir = tempfile::tempdir().unwrap();
            database(dir.path(), "old");
            database(&building_place(dir.path()), "new");
            for (from, to) in renames {
                rename(dir.path(), from, to).unwrap();
            }
            assert!(is_store(dir.path()), "{renames:?}");
            assert_eq!(opened(dir.path()), found, "{renames:?}");
        }
    }

    #[test]
    fn who_opens_in_the_middle_of_a_swap_is_told_that_the_store_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        database(dir.path(), "old");
        database(&building_place(dir.path()), "new");
        rename(dir.path(), COMPACTING, COMPACTED).unwrap();
        rename(dir.path(), DATABASE, BEFORE).unwrap();
        let swapping = lock(dir.path(), &dir.path().join(BEFORE)).unwrap();
        let opening = SledStore::open(dir.path(), StoreOptions::default());
        assert!(matches!(opening, Err(StoreError::InUse { .. })));
        drop(swapping);
        assert_eq!(opened(dir.path()), "new");
    }

    #[test]
    fn a_store_is_in_use_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_in_use(dir.path()), "there is none");
        let store = SledStore::open(dir.path(), StoreOptions::default()).unwrap();
        assert!(is_in_use(dir.path()));
        drop(store);
        assert!(!is_in_use(dir.path()));
        SledStore::open(dir.path(), StoreOptions::default()).expect("a look takes nothing");
    }

    #[test]
    fn a_whole_swap_changes_the_database() {
        let dir = tempfile::tempdir().unwrap();
        database(dir.path(), "old");
        database(&building_place(dir.path()), "new");
        swap(dir.path()).unwrap();
        assert_eq!(opened(dir.path()), "new");
    }
}
