//! Backups and what is made of them again.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::store::{
    AssetStore, Batch, ContentFolder, RestoreError, SledStore, Store, StoreOptions, Table, restore,
};
use crate::wire::ContentHash;

#[path = "../../../tests/fuzz/laws/backup.rs"]
mod law;

fn open(dir: &Path) -> SledStore {
    SledStore::open(dir, StoreOptions::default()).unwrap()
}

fn put(store: &SledStore, records: &[(Table, &[u8], Vec<u8>)]) {
    let mut batch = Batch::new();
    for (table, key, value) in records {
        batch.put_long(*table, key, value.clone());
    }
    store.commit(batch).unwrap().wait().unwrap();
}

fn backup(store: &SledStore, assets: &AssetStore, uploads: &AssetStore) -> Vec<u8> {
    let mut out = Vec::new();
    let folders = [
        (ContentFolder::Assets, assets),
        (ContentFolder::Uploads, uploads),
    ];
    write_backup(store, &folders, &header(), &mut out).unwrap();
    out
}

fn header() -> BackupHeader {
    BackupHeader {
        trestle: "0.1.0".to_owned(),
        created: Timestamp::UNIX_EPOCH,
        contents: true,
    }
}

fn records(store: &SledStore) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let tables = Table::ALL.into_iter();
    tables
        .flat_map(|table| {
            let entries = store.scan(table, b"").map(Result::unwrap);
            entries.map(move |(key, value)| (table, key, value))
        })
        .collect()
}

/// A backup of a store with records short and long, and contents in both folders.
fn sample(dir: &Path) -> (SledStore, Vec<u8>) {
    let store = open(dir);
    let assets = AssetStore::open(dir).unwrap();
    let uploads = assets.beside(ContentFolder::Uploads).unwrap();
    assets.put(&vec![3; 100_000]).unwrap();
    uploads.put(b"a phone's own").unwrap();
    put(
        &store,
        &[
            (Table::Device, b"one", b"record".to_vec()),
            (Table::Document, b"long", vec![9; 200_000]),
            (Table::File, b"empty", Vec::new()),
        ],
    );
    let backup = backup(&store, &assets, &uploads);
    (store, backup)
}

#[test]
fn what_is_restored_is_what_was_backed_up() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (store, backup) = sample(from.path());
    let dir = to.path().join("new");
    let summary = restore(backup.as_slice(), &dir, &StoreOptions::default()).unwrap();
    assert_eq!((summary.records, summary.contents), (3, 2));
    assert_eq!(summary.header, header());
    let restored = open(&dir);
    assert_eq!(records(&restored), records(&store));
    let assets = AssetStore::open(&dir).unwrap();
    assert!(assets.read(&ContentHash::of(&vec![3; 100_000])).is_ok());
    let uploads = assets.beside(ContentFolder::Uploads).unwrap();
    assert!(uploads.read(&ContentHash::of(b"a phone's own")).is_ok());
    let names = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["assets", "db", "uploads"]);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (_, backup) = sample(from.path());
    fs::write(to.path().join("mine"), "x").unwrap();
    let error = restore(backup.as_slice(), to.path(), &StoreOptions::default()).unwrap_err();
    assert!(matches!(error, RestoreError::NotEmpty { .. }), "{error}");
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
}

#[test]
fn what_an_attempt_that_was_killed_has_left_is_no_obstacle() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (store, backup) = sample(from.path());
    drop(open(&to.path().join("restoring")));
    fs::create_dir(to.path().join("assets")).unwrap();
    restore(backup.as_slice(), to.path(), &StoreOptions::default()).unwrap();
    assert_eq!(records(&open(to.path())), records(&store));
}

#[test]
fn a_cut_or_changed_backup_makes_no_store() {
    let from = tempfile::tempdir().unwrap();
    let (_, backup) = sample(from.path());
    let mut changed = backup.clone();
    changed[backup.len() / 2] ^= 0x10;
    let cut = backup[..backup.len() - 1].to_vec();
    for bad in [changed, cut, Vec::new(), b"something else".to_vec()] {
        let to = tempfile::tempdir().unwrap();
        restore(bad.as_slice(), to.path(), &StoreOptions::default()).unwrap_err();
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let from = tempfile::tempdir().unwrap();
    let (_, backup) = sample(from.path());
    let said = |bytes: &[u8]| verify_backup(bytes).unwrap_err();
    assert!(matches!(
        said(b"#!/bin/sh\n and more"),
        BackupError::NotABackup
    ));
    let mut newer = backup.clone();
    newer[15] = 2;
    assert!(matches!(
        said(&newer),
        BackupError::NewerFormat { found: 2, .. }
    ));
    for end in [48, 100, backup.len() / 2, backup.len() - 1] {
        assert!(
            !matches!(said(&backup[..end]), BackupError::NotABackup),
            "{end}"
        );
    }
    assert!(matches!(
        said(&backup[..backup.len() - 33]),
        BackupError::Cut | BackupError::Damaged { .. }
    ));
    // Numbers that promise gigabytes take no memory.
    let huge = [&[1, 2, 0, 1, b'k'][..], &u32::MAX.to_be_bytes()].concat();
    assert!(matches!(
        said(&law::with_items(&huge)),
        BackupError::Damaged { .. }
    ));
    let content = [&[3, 0][..], &[7; 32], &u64::MAX.to_be_bytes(), b"short"].concat();
    said(&law::with_items(&content));
}

#[test]
fn a_damaged_content_is_left_out_and_named() {
    let from = tempfile::tempdir().unwrap();
    let store = open(from.path());
    let assets = AssetStore::open(from.path()).unwrap();
    let uploads = assets.beside(ContentFolder::Uploads).unwrap();
    let hash = assets.put(b"firmware").unwrap().to_string();
    let path = from.path().join("assets").join(&hash[..2]).join(&hash[2..]);
    fs::OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(b"x")
        .unwrap();
    let backup = backup(&store, &assets, &uploads);
    let summary = verify_backup(backup.as_slice()).unwrap();
    assert_eq!(summary.contents, 0);
    assert!(summary.left_out[0].what.contains(&hash), "{summary:?}");
}

/// Two records and a third that change together, in commits that go on during the backup: in
/// the copy all have the value of one commit, and of the last one before its end at that.
#[test]
fn a_backup_under_load_is_as_of_one_moment() {
    const PAIRS: u32 = 200;
    let from = tempfile::tempdir().unwrap();
    let store = open(from.path());
    let commit = |pair: u32, value: u32| {
        let key = pair.to_be_bytes();
        let value = value.to_be_bytes().repeat(500);
        let last = pair.to_be_bytes().to_vec();
        put(
            &store,
            &[
                (Table::Device, &key, value.clone()),
                (Table::Parameters, &key, value.clone()),
                (Table::Meta, b"last", [last, value].concat()),
            ],
        );
    };
    for pair in 0..PAIRS {
        commit(pair, 0);
    }
    let (stop, commits) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut backups = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1.. {
                commit(number * 7 % PAIRS, number);
                commits.store(number, Ordering::SeqCst);
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        for _ in 0..10 {
            let before = commits.load(Ordering::SeqCst);
            let mut out = Vec::new();
            write_backup(&store, &[], &header(), &mut out).unwrap();
            backups.push((before, out));
        }
        stop.store(true, Ordering::SeqCst);
    });
    for (before, backup) in backups {
        let to = tempfile::tempdir().unwrap();
        restore(backup.as_slice(), to.path(), &StoreOptions::default()).unwrap();
        let restored = open(to.path());
        let mut newest = 0;
        for pair in 0..PAIRS {
            let key = pair.to_be_bytes();
            let device = restored.get(Table::Device, &key).unwrap().unwrap();
            assert_eq!(
                restored.get(Table::Parameters, &key).unwrap(),
                Some(device.clone())
            );
            newest = newest.max(u32::from_be_bytes(device[..4].try_into().unwrap()));
        }
        assert!(newest >= before, "{newest} {before}");
        let last = restored.get(Table::Meta, b"last").unwrap().unwrap();
        assert_eq!(u32::from_be_bytes(last[4..8].try_into().unwrap()), newest);
        // Every commit up to that one, too.
        for number in newest.saturating_sub(PAIRS - 1).max(1)..=newest {
            let key = (number * 7 % PAIRS).to_be_bytes();
            let device = restored.get(Table::Device, &key).unwrap().unwrap();
            assert_eq!(u32::from_be_bytes(device[..4].try_into().unwrap()), number);
        }
    }
}

#[test]
fn the_law_of_backups_holds_for_the_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds/backup");
    let mut good = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let items = fs::read(seed.unwrap().path()).unwrap();
        law::holds(&items);
        good += usize::from(verify_backup(law::with_items(&items).as_slice()).is_ok());
    }
    assert_eq!(good, 2);
    let from = tempfile::tempdir().unwrap();
    law::holds(&sample(from.path()).1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_law_of_backups_holds(items in proptest::collection::vec(0_u8..6, 0..60)) {
        law::holds(&items);
    }
}
