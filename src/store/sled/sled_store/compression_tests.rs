//! Values of a fleet: small on disk, the same when read, and told when they are damaged.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{open, pattern, put};
use super::*;
use crate::store::MAX_LONG_VALUE_BYTES;

/// A phone's file: what all have in common, and what is this phone's own.
fn phone_file(number: u32, round: u32) -> Vec<u8> {
    let mut text = format!("<mac>000b82{number:06x}</mac>\n");
    for setting in 0..300_u32 {
        let value = setting.wrapping_mul(2_654_435_761) % 90_000;
        text.push_str(&format!("<P{setting}>{value}</P{setting}>\n"));
    }
    text.push_str(&format!("<P9000>{number}/{round}</P9000>\n"));
    text.into_bytes()
}

/// Puts as many phones into the store as make a dictionary, and waits for it.
fn fleet(store: &SledStore, phones: u32) {
    let files: Vec<_> = (0..phones).map(|number| phone_file(number, 0)).collect();
    assert!(store.learn(Table::Document, files.clone()).unwrap());
    for (number, file) in (0..).zip(&files) {
        put(store, Table::Document, &key(number), file);
    }
}

fn key(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

fn stored(store: &SledStore, number: u32) -> IVec {
    let key = Table::Document.key(&key(number));
    store.tree.get(key).unwrap().unwrap()
}

#[test]
fn phones_of_a_fleet_are_stored_by_what_tells_them_apart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fleet(&store, 40);
    let whole = phone_file(7, 0).len();
    let kept = stored(&store, 7).len();
    assert!(kept * 20 < whole, "{kept} of {whole} bytes");
    drop(store);
    let store = open(dir.path());
    for number in 0..40 {
        let read = store.get(Table::Document, &key(number)).unwrap();
        assert_eq!(read, Some(phone_file(number, 0)));
    }
    put(&store, Table::Document, &key(7), &phone_file(7, 1));
    assert!(
        stored(&store, 7).len() * 20 < whole,
        "the dictionary is in force after reopening"
    );
}

#[test]
fn a_fleet_gets_its_dictionary_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut number = 0;
    while store.compression.in_force(Table::Document).is_none() {
        put(
            &store,
            Table::Document,
            &key(number),
            &phone_file(number, 0),
        );
        number += 1;
        assert!(number < 200_000, "no dictionary came");
    }
    for number in 0..number {
        let read = store.get(Table::Document, &key(number)).unwrap();
        assert_eq!(read, Some(phone_file(number, 0)));
    }
}

#[test]
fn values_outlive_the_dictionary_that_they_were_written_with() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fleet(&store, 20);
    let others: Vec<_> = (0..20_u8).map(other_maker).collect();
    assert!(store.learn(Table::Document, others.clone()).unwrap());
    for (number, file) in (100..).zip(&others) {
        put(&store, Table::Document, &key(number), file);
    }
    put(&store, Table::Document, &key(3), &phone_file(3, 1));
    let before = stored(&store, 4);
    put(&store, Table::Document, &key(4), &phone_file(4, 0));
    assert_eq!(
        stored(&store, 4),
        before,
        "the same value is not written anew"
    );
    drop(store);
    let store = open(dir.path());
    for (number, file) in (100..).zip(others) {
        assert_eq!(
            store.get(Table::Document, &key(number)).unwrap(),
            Some(file)
        );
    }
    for number in 0..20 {
        let expected = phone_file(number, u32::from(number == 3));
        let read = store.get(Table::Document, &key(number)).unwrap();
        assert_eq!(read, Some(expected));
    }
}

/// A file with nothing of the first maker's in it.
fn other_maker(seed: u8) -> Vec<u8> {
    let mut file = pattern(4_000, 99);
    file.extend_from_slice(&[seed; 9]);
    file
}

#[test]
fn no_listing_shows_a_dictionary() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fleet(&store, 20);
    let records: usize = Table::ALL
        .into_iter()
        .map(|table| store.scan(table, b"").count())
        .sum();
    assert_eq!(records, 20 + 1, "the phones and the format mark");
}

#[test]
fn values_without_anything_in_common_get_no_dictionary() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let noise = (0..40).map(|seed| pattern(3_000, seed));
    assert!(!store.learn(Table::Document, noise).unwrap());
}

#[test]
fn a_damaged_value_is_told_and_spares_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fleet(&store, 20);
    let sound = stored(&store, 7);
    let full = Table::Document.key(&key(7));
    for place in 0..sound.len() {
        let mut damaged = sound.to_vec();
        damaged[place] ^= 0x41;
        store.tree.insert(&full, damaged).unwrap();
        // A bit that zstd does not look at may be another one.
        match store.get(Table::Document, &key(7)) {
            Ok(value) => assert_eq!(value, Some(phone_file(7, 0)), "byte {place}"),
            Err(error) => assert!(matches!(error, StoreError::DamagedValue { .. }), "{error}"),
        }
    }
    for length in 0..sound.len() {
        store.tree.insert(&full, &sound[..length]).unwrap();
        let error = store.get(Table::Document, &key(7)).unwrap_err();
        assert!(matches!(error, StoreError::DamagedValue { .. }), "{error}");
    }
    let listed: Vec<_> = store.scan(Table::Document, b"").collect();
    assert_eq!(listed.iter().filter(|entry| entry.is_err()).count(), 1);
    put(&store, Table::Document, &key(7), &phone_file(7, 0));
    let mended = store.get(Table::Document, &key(7)).unwrap();
    assert_eq!(mended, Some(phone_file(7, 0)));
}

#[test]
fn a_frame_that_claims_to_be_huge_is_damage_and_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let huge = vec![0; MAX_LONG_VALUE_BYTES + 1];
    let bomb = store.compression.compress(None, &huge).unwrap();
    assert!(bomb.len() < 10_000);
    store
        .tree
        .insert(Table::Document.key(b"bomb"), bomb)
        .unwrap();
    let error = store.get(Table::Document, b"bomb").unwrap_err();
    assert!(matches!(error, StoreError::DamagedValue { .. }), "{error}");
}

#[test]
fn a_damaged_dictionary_costs_its_values_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fleet(&store, 20);
    put(&store, Table::Device, b"phone", b"kept");
    let (name, _) = store.tree.scan_prefix([0]).nth(1).unwrap().unwrap();
    store.tree.insert(name, b"something else").unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(
        store.get(Table::Device, b"phone").unwrap().unwrap(),
        b"kept"
    );
    let error = store.get(Table::Document, &key(1)).unwrap_err();
    assert!(matches!(error, StoreError::DamagedValue { .. }), "{error}");
    let files: Vec<_> = (0..20).map(|number| phone_file(number, 0)).collect();
    assert!(store.learn(Table::Document, files).unwrap());
    put(&store, Table::Document, &key(1), &phone_file(1, 0));
    drop(store);
    let read = open(dir.path()).get(Table::Document, &key(1)).unwrap();
    assert_eq!(read, Some(phone_file(1, 0)));
}

/// The bytes of trestle 0.1: values as they are, long ones in pieces with a SHA-256.
#[test]
fn a_store_of_format_1_is_read_and_then_refused_by_older_programs() {
    use sha2::{Digest, Sha256};

    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let long = pattern(90_000, 3);
    let mut head = vec![1];
    head.extend_from_slice(&(long.len() as u64).to_be_bytes());
    head.extend_from_slice(&Sha256::digest(&long));
    store.tree.insert(b"\x04long", head).unwrap();
    for (number, piece) in (0_u32..).zip(long.chunks(32 * 1024)) {
        let mut name = b"\x84long".to_vec();
        name.extend_from_slice(&number.to_be_bytes());
        store.tree.insert(name, piece).unwrap();
    }
    store.tree.insert(b"\x02phone", b"\0short").unwrap();
    store.tree.insert(b"\x01format", b"\0\0\0\0\x01").unwrap();
    drop(store);

    let store = open(dir.path());
    assert_eq!(
        store.tree.get(b"\x01format").unwrap().unwrap(),
        b"\0\0\0\0\x03"
    );
    assert_eq!(
        store.get(Table::Device, b"phone").unwrap().unwrap(),
        b"short"
    );
    assert!(store.get(Table::Document, b"long").unwrap().unwrap() == long);
    let records = store.tree.len();
    put(&store, Table::Document, b"long", &phone_file(1, 0));
    assert_eq!(store.tree.len(), records - 3, "the old pieces are gone");
    let read = store.get(Table::Document, b"long").unwrap();
    assert_eq!(read, Some(phone_file(1, 0)));
}

#[test]
fn a_file_of_fifty_kilobytes_lies_in_one_value() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let file: Vec<u8> = (0..12).flat_map(|part| phone_file(part, part)).collect();
    assert!(file.len() > 50_000);
    let before = store.tree.len();
    put(&store, Table::Document, b"phone", &file);
    assert_eq!(store.tree.len(), before + 1);
    assert_eq!(store.get(Table::Document, b"phone").unwrap(), Some(file));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Values of any size and likeness, with and without a dictionary, over each other, across a
    /// change of the dictionary and reopening.
    #[test]
    fn what_is_put_is_what_is_read(
        values in prop::collection::vec(
            (0_u8..4, 0_u32..30, prop_oneof![0_usize..300, 1_000_usize..20_000, 45_000_usize..120_000], any::<bool>()),
            1..24,
        )
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut expected = BTreeMap::new();
        for (place, (slot, number, length, likeness)) in values.into_iter().enumerate() {
            let value = if likeness {
                let mut value: Vec<u8> = (0..=length / 5_000)
                    .flat_map(|part| phone_file(number, part as u32))
                    .collect();
                value.truncate(length.max(10));
                value
            } else {
                pattern(length, number as u8)
            };
            put(&store, Table::Document, &[slot], &value);
            expected.insert(slot, value);
            match place {
                5 => fleet(&store, 16),
                9 => drop(store.learn(Table::Document, (0..20).map(other_maker)).unwrap()),
                7 | 13 => {
                    drop(store);
                    store = open(dir.path());
                }
                _ => {}
            }
            for (slot, value) in &expected {
                let read = store.get(Table::Document, &[*slot]).unwrap();
                prop_assert!(read.as_ref() == Some(value));
            }
        }
    }
}
