//! The store over sled, as the floors above see it.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use super::*;
use crate::store::noise::noise;
use crate::store::{MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_LONG_VALUE_BYTES, MAX_VALUE_BYTES};

pub(super) fn open(dir: &Path) -> SledStore {
    SledStore::open(dir, StoreOptions::default()).unwrap()
}

pub(super) fn put(store: &SledStore, table: Table, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put_long(table, key, value.to_vec());
    store.commit(batch).unwrap().wait().unwrap();
}

fn keys(store: &SledStore, table: Table, prefix: &[u8]) -> Vec<Vec<u8>> {
    store
        .scan(table, prefix)
        .map(|entry| entry.unwrap().0)
        .collect()
}

/// Bytes that differ from those of every other seed.
pub(super) fn pattern(length: usize, seed: u8) -> Vec<u8> {
    noise(u64::from(seed) + 1, length)
}

#[test]
fn what_is_committed_is_visible_at_once_and_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    batch.put(Table::Device, b"one", b"1".to_vec());
    batch.put(Table::Document, b"one", Vec::new());
    let ticket = store.commit(batch).unwrap();
    assert_eq!(store.get(Table::Device, b"one").unwrap().unwrap(), b"1");
    ticket.wait().unwrap();
    drop(store);

    let store = open(dir.path());
    assert_eq!(store.get(Table::Device, b"one").unwrap().unwrap(), b"1");
    assert_eq!(store.get(Table::Document, b"one").unwrap().unwrap(), b"");
    assert_eq!(store.get(Table::File, b"one").unwrap(), None);
}

#[test]
fn commits_that_nobody_waited_for_are_on_disk_when_the_store_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    batch.put(Table::Device, b"one", b"1".to_vec());
    let ticket = store.commit(batch).unwrap();
    drop(store);
    ticket.wait().unwrap();
    assert!(
        open(dir.path())
            .get(Table::Device, b"one")
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_listing_has_one_table_and_prefix_in_the_order_of_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for key in ["b/2", "b", "a", "b/1", "c"] {
        put(&store, Table::File, key.as_bytes(), key.as_bytes());
    }
    put(&store, Table::Device, b"b/0", b"another table");
    put(&store, Table::Document, b"b/3", &pattern(100_000, 1));

    assert_eq!(keys(&store, Table::File, b"b/"), [b"b/1", b"b/2"]);
    assert_eq!(keys(&store, Table::File, b"").len(), 5);
    let documents: Vec<_> = store
        .scan(Table::Document, b"")
        .map(Result::unwrap)
        .collect();
    assert_eq!(documents, [(b"b/3".to_vec(), pattern(100_000, 1))]);
}

#[test]
fn a_batch_whose_requirement_fails_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, Table::Device, b"phone", b"version 1");

    for (key, required) in [
        (&b"phone"[..], None),
        (b"phone", Some(b"version 0".to_vec())),
        (b"nobody", Some(Vec::new())),
    ] {
        let mut batch = Batch::new();
        batch.put(Table::Device, b"phone", b"version 2".to_vec());
        batch.put_long(Table::Document, b"phone", pattern(60_000, 0));
        batch.require(Table::Device, key, required);
        let error = store.commit(batch).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
        assert_eq!(
            store.get(Table::Device, b"phone").unwrap().unwrap(),
            b"version 1"
        );
        assert_eq!(store.get(Table::Document, b"phone").unwrap(), None);
    }

    let mut batch = Batch::new();
    batch.put(Table::Device, b"phone", b"version 2".to_vec());
    batch.require(Table::Device, b"phone", Some(b"version 1".to_vec()));
    batch.require(Table::Device, b"nobody", None);
    store.commit(batch).unwrap().wait().unwrap();
    assert_eq!(
        store.get(Table::Device, b"phone").unwrap().unwrap(),
        b"version 2"
    );
}

#[test]
fn of_writers_that_require_the_same_version_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, Table::Device, b"counter", &0_u32.to_be_bytes());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut done = 0;
                while done < 25 {
                    let old = store.get(Table::Device, b"counter").unwrap().unwrap();
                    let number = u32::from_be_bytes(old.clone().try_into().unwrap());
                    let mut batch = Batch::new();
                    let new = (number + 1).to_be_bytes();
                    batch.put(Table::Device, b"counter", new.to_vec());
                    batch.require(Table::Device, b"counter", Some(old));
                    match store.commit(batch) {
                        Ok(ticket) => {
                            ticket.wait().unwrap();
                            done += 1;
                        }
                        Err(StoreError::Conflict { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let counter = store.get(Table::Device, b"counter").unwrap().unwrap();
    assert_eq!(counter, 100_u32.to_be_bytes());
}

#[test]
fn long_values_grow_and_shrink_without_leftovers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // A neighbour whose pieces have keys between those of the value's.
    put(
        &store,
        Table::Document,
        b"phone\0\0\0\x01",
        &pattern(99_000, 9),
    );
    let others = store.tree.len();
    let sizes = [
        0,
        MAX_VALUE_BYTES,
        MAX_VALUE_BYTES + 1,
        400_000,
        100_000,
        10,
        MAX_LONG_VALUE_BYTES,
        3 * stored_form::PIECE_BYTES,
    ];
    for (seed, size) in (0..).zip(sizes) {
        let value = pattern(size, seed);
        put(&store, Table::Document, b"phone", &value);
        let read = store.get(Table::Document, b"phone").unwrap();
        assert!(read.unwrap() == value, "{size} bytes");
        let pieces = if size >= stored_form::MAX_FORM_BYTES {
            (size + 1).div_ceil(stored_form::PIECE_BYTES)
        } else {
            0
        };
        assert_eq!(store.tree.len() - others, 1 + pieces, "{size} bytes");
    }
    let mut batch = Batch::new();
    batch.delete(Table::Document, b"phone");
    store.commit(batch).unwrap().wait().unwrap();
    assert_eq!(store.get(Table::Document, b"phone").unwrap(), None);
    assert_eq!(store.tree.len(), others);
    let neighbour = store.get(Table::Document, b"phone\0\0\0\x01").unwrap();
    assert!(neighbour.unwrap() == pattern(99_000, 9));
}

#[test]
fn a_long_value_is_read_whole_while_it_is_being_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let versions = [pattern(300_000, 1), pattern(120_000, 2), pattern(500, 3)];
    put(&store, Table::Document, b"phone", &versions[0]);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..60 {
                let mut batch = Batch::new();
                let value = versions[round % versions.len()].clone();
                batch.put_long(Table::Document, b"phone", value);
                let _unawaited = store.commit(batch).unwrap();
            }
        });
        while !writer.is_finished() {
            let value = store.get(Table::Document, b"phone").unwrap().unwrap();
            assert!(versions.contains(&value));
        }
    });
}

#[test]
fn what_is_too_large_is_refused_with_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refused = |fill: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        batch.put(Table::Device, b"innocent", Vec::new());
        fill(&mut batch);
        let error = store.commit(batch).unwrap_err();
        assert_eq!(store.get(Table::Device, b"innocent").unwrap(), None);
        error
    };
    let error = refused(&|batch| batch.put(Table::Device, b"k", vec![0; MAX_VALUE_BYTES + 1]));
    assert_eq!(
        error.to_string(),
        "a value of 49153 bytes is too large for the device table: at most 49152; larger contents \
         belong in an asset"
    );
    let error = refused(&|batch| {
        batch.put_long(Table::Document, b"k", vec![0; MAX_LONG_VALUE_BYTES + 1]);
    });
    assert!(matches!(error, StoreError::TooLarge { limit, .. } if limit == MAX_LONG_VALUE_BYTES));
    let error = refused(&|batch| batch.delete(Table::File, &[b'k'; MAX_KEY_BYTES + 1]));
    assert!(matches!(error, StoreError::KeyTooLong { .. }));
    let error = refused(&|batch| {
        for key in 0..=(MAX_BATCH_BYTES / MAX_LONG_VALUE_BYTES) as u8 {
            batch.put_long(Table::Document, &[key], vec![0; MAX_LONG_VALUE_BYTES - 1]);
        }
    });
    assert!(matches!(error, StoreError::BatchTooLarge { .. }));
}

#[test]
fn a_batch_at_the_limit_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let values = (MAX_BATCH_BYTES / MAX_LONG_VALUE_BYTES) as u8;
    let mut batch = Batch::new();
    for key in 0..values {
        let value = pattern(MAX_LONG_VALUE_BYTES - 1, key);
        batch.put_long(Table::Document, &[key], value);
    }
    store.commit(batch).unwrap().wait().unwrap();
    drop(store);
    let store = open(dir.path());
    for key in 0..values {
        let value = store.get(Table::Document, &[key]).unwrap().unwrap();
        assert!(value == pattern(MAX_LONG_VALUE_BYTES - 1, key));
    }
}

/// sled puts a page of more than a quarter segment into a file that it never syncs.
#[test]
fn the_largest_values_and_keys_make_no_file_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let key = |number: u32| {
        let mut key = vec![b'k'; MAX_KEY_BYTES - 4];
        key.extend_from_slice(&(number.wrapping_mul(0x9e37_79b1)).to_be_bytes());
        key
    };
    for round in 0_u8..2 {
        let value = pattern(MAX_VALUE_BYTES, round);
        for number in 0..400 {
            let mut batch = Batch::new();
            batch.put(Table::Device, &key(number), value.clone());
            // Removing most of them makes pages merge.
            if number % 8 != 0 {
                batch.delete(Table::Device, &key(number.wrapping_sub(8)));
            }
            let _unawaited = store.commit(batch).unwrap();
        }
    }
    store.commit(Batch::new()).unwrap().wait().unwrap();
    let blobs = fs::read_dir(dir.path().join("db/blobs")).unwrap();
    assert_eq!(blobs.count(), 0);
    assert!(store.size_on_disk().unwrap() > MAX_VALUE_BYTES as u64);
}

#[test]
fn many_threads_commit_and_wait_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    thread::scope(|scope| {
        for writer in 0_u8..8 {
            let store = &store;
            scope.spawn(move || {
                for number in 0_u8..20 {
                    put(store, Table::Device, &[writer, number], &[number; 100]);
                }
            });
        }
    });
    assert_eq!(keys(&store, Table::Device, b"").len(), 160);
}

#[test]
fn tickets_resolve_in_a_runtime_of_many_threads_and_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for mut builder in [
        tokio::runtime::Builder::new_multi_thread(),
        tokio::runtime::Builder::new_current_thread(),
    ] {
        // No timer and no I/O: a ticket needs nothing of the runtime.
        builder.build().unwrap().block_on(async {
            let mut waiting = tokio::task::JoinSet::new();
            for number in 0_u8..50 {
                let mut batch = Batch::new();
                batch.put(Table::Device, &[number], vec![number]);
                waiting.spawn(store.commit(batch).unwrap().durable());
            }
            assert!(waiting.join_all().await.iter().all(Result::is_ok));
        });
    }
}

#[test]
fn writing_what_is_there_already_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, Table::Device, b"phone", b"same");
    put(&store, Table::Document, b"phone", &pattern(90_000, 0));
    let mut batch = Batch::new();
    batch.put(Table::Device, b"phone", b"same".to_vec());
    batch.put_long(Table::Document, b"phone", pattern(90_000, 0));
    batch.delete(Table::File, b"nothing");
    let order = store.order(batch.clone());
    let (changes, _) = store.plan_order(&order, &Changes::new()).unwrap();
    assert!(changes.is_empty());
    store.commit(batch).unwrap().wait().unwrap();
}

#[test]
fn a_damaged_long_value_is_told_spares_the_others_and_can_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, Table::Document, b"a", &pattern(90_000, 1));
    put(&store, Table::Document, b"b", &pattern(90_000, 2));
    let piece = stored_form::piece_key(Table::Document, b"a", 1);
    store.tree.insert(piece, b"something else").unwrap();

    let error = store.get(Table::Document, b"a").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the document record `a` is damaged: it does not read back as it was written"
    );
    let listed: Vec<_> = store.scan(Table::Document, b"").collect();
    assert!(listed[0].is_err());
    assert_eq!(listed[1].as_ref().unwrap().0, b"b");

    put(&store, Table::Document, b"a", &pattern(90_000, 1));
    let mended = store.get(Table::Document, b"a").unwrap();
    assert!(mended.unwrap() == pattern(90_000, 1));
}

#[test]
fn a_store_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let Err(error) = SledStore::open(dir.path(), StoreOptions::default()) else {
        panic!("it was opened twice");
    };
    assert!(matches!(error, StoreError::InUse { dir: used } if used == dir.path()));
    drop(store);
    open(dir.path());
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, Table::Meta, FORMAT_KEY, &(FORMAT + 1).to_be_bytes());
    drop(store);
    let Err(error) = SledStore::open(dir.path(), StoreOptions::default()) else {
        panic!("it was opened");
    };
    assert!(
        matches!(error, StoreError::NewerFormat { found, known, .. } if found == FORMAT + 1 && known == FORMAT),
        "{error}"
    );
}

/// Opens damaged files, which must give an error and no panic, and returns the error's text.
fn refused(dir: &Path) -> String {
    match SledStore::open(dir, StoreOptions::default()) {
        Err(error @ StoreError::Damaged { .. }) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was opened"),
    }
}

fn snapshot(dir: &Path) -> std::path::PathBuf {
    let names: BTreeSet<_> = fs::read_dir(dir.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("snap.")
        })
        .collect();
    names.last().unwrap().clone()
}

#[test]
fn damaged_files_are_an_error_that_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for number in 0_u8..200 {
        put(&store, Table::Device, &[number], &[number; 2000]);
    }
    drop(store);
    drop(open(dir.path()));

    let database = dir.path().join("db/db");
    let file = OpenOptions::new().write(true).open(database).unwrap();
    file.write_all_at(&[0x55; 300_000], 100).unwrap();
    let text = refused(dir.path());
    assert!(text.contains(&format!("move {}/db aside", dir.path().display())));
}

#[test]
fn a_damaged_snapshot_is_an_error_too() {
    let dir = tempfile::tempdir().unwrap();
    put(&open(dir.path()), Table::Device, b"phone", b"kept");
    drop(open(dir.path()));
    fs::write(snapshot(dir.path()), b"not a snapshot at all").unwrap();
    refused(dir.path());
}

#[test]
fn a_snapshot_left_unfinished_by_a_killed_process_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    put(&open(dir.path()), Table::Device, b"phone", b"kept");
    drop(open(dir.path()));
    let mut unfinished = snapshot(dir.path()).into_os_string();
    unfinished.push(".generating");
    fs::write(&unfinished, b"half a snapshot").unwrap();
    let store = open(dir.path());
    assert_eq!(
        store.get(Table::Device, b"phone").unwrap().unwrap(),
        b"kept"
    );
}
