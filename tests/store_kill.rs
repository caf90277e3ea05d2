//! What a killed gateway leaves behind: every acknowledged commit, and none in part.
//!
//! The test runs itself as a child that commits in a loop and says which commits it was promised;
//! it is killed at random moments, again and again on the same store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/noise.rs"]
mod noise;

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use trestle::store::{AssetStore, Batch, SledStore, Store, StoreOptions, Table};
use trestle::wire::ContentHash;

use noise::noise;

const DIRECTORY: &str = "TRESTLE_STORE_KILL_DIRECTORY";
const WRITERS: u8 = 3;
const ROUNDS: usize = 20;
const DEVICES: u64 = 40;
const DOCUMENTS: u64 = 5;
const ASSET_EVERY: u64 = 64;

/// Ends the child also when the test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn no_acknowledged_commit_is_lost_and_none_is_half_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).unwrap();
    let mut random = u64::from_le_bytes(seed);
    println!("seed {random:#x}");

    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // Some rounds end while the store is being opened.
        let patience = Duration::from_millis((random >> 33) % 450);
        acknowledged.append(&mut run_and_kill(dir.path(), patience));
        check(dir.path(), &mut acknowledged, round);
    }
    let store = SledStore::open(dir.path(), StoreOptions::default()).unwrap();
    let commits: u64 = (0..WRITERS).map(|writer| counter(&store, writer)).sum();
    println!("{commits} commits in {ROUNDS} rounds");
    assert!(commits > 100, "the child hardly worked: {commits} commits");
}

/// The child's part; does nothing in an ordinary run of the tests.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Some(dir) = env::var_os(DIRECTORY) else {
        return;
    };
    let dir = Path::new(&dir);
    say("opening");
    let store = SledStore::open(dir, StoreOptions::default()).unwrap();
    let assets = AssetStore::open(dir).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, assets) = (&store, &assets);
            scope.spawn(move || {
                for number in counter(store, writer) + 1.. {
                    let batch = batch(assets, writer, number);
                    store.commit(batch).unwrap().wait().unwrap();
                    say(&format!("ack {writer} {number}"));
                }
            });
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Starts a child, lets it work for this long, kills it, and returns the last acknowledged commit
/// of each writer.
fn run_and_kill(dir: &Path, patience: Duration) -> BTreeMap<u8, u64> {
    let mut child = Running(
        Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "child_that_commits_until_it_is_killed",
                "--nocapture",
            ])
            .env(DIRECTORY, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let (started, start) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut acknowledged = BTreeMap::new();
        for line in lines.map_while(Result::ok) {
            // The test harness may begin the line with words of its own.
            if line.ends_with("opening") {
                started.send(()).unwrap();
            }
            let words: Vec<_> = line.split(' ').collect();
            if let ["ack", writer, number] = words[..] {
                acknowledged.insert(writer.parse().unwrap(), number.parse().unwrap());
            }
        }
        acknowledged
    });
    start
        .recv()
        .expect("the child ended before it opened the store");
    // This is a deadline, not a wait for something: the moment of the blow.
    let _nothing_comes = start.recv_timeout(patience);
    drop(child.0.kill());
    let status = child.0.wait().unwrap();
    assert!(
        status.code().is_none(),
        "the child ended by itself: {status}"
    );
    reader.join().unwrap()
}

/// The state of each writer's records must be exactly that after its last commit found.
fn check(dir: &Path, acknowledged: &mut BTreeMap<u8, u64>, round: usize) {
    let store = SledStore::open(dir, StoreOptions::default()).unwrap();
    let assets = AssetStore::open(dir).unwrap();
    for writer in 0..WRITERS {
        let last = counter(&store, writer);
        let promised = acknowledged.get(&writer).copied().unwrap_or(0);
        assert!(
            last >= promised,
            "round {round}: writer {writer} lost commits {} to {promised}",
            last + 1
        );
        assert!(
            last <= promised + 1,
            "round {round}: {last} was never begun"
        );
        // What was found once must be found again.
        acknowledged.insert(writer, last);
        for slot in 0..DEVICES {
            let expected = latest(last, DEVICES, slot).map(|number| device(writer, number));
            let found = store.get(Table::Device, &key(writer, slot)).unwrap();
            assert!(found == expected, "round {round}: device {slot} of {last}");
        }
        for slot in 0..DOCUMENTS {
            let expected = latest(last, DOCUMENTS, slot).map(|number| document(writer, number));
            let found = store.get(Table::Document, &key(writer, slot)).unwrap();
            assert!(
                found == expected,
                "round {round}: document {slot} of {last}"
            );
        }
        let expected = (1..=last / ASSET_EVERY).map(|number| number * ASSET_EVERY);
        let listed: Vec<_> = store
            .scan(Table::File, &[writer])
            .map(Result::unwrap)
            .collect();
        let numbers: Vec<_> = listed.iter().map(|(key, _)| key[1..].to_vec()).collect();
        let expected: Vec<_> = expected
            .map(|number| number.to_be_bytes().to_vec())
            .collect();
        assert_eq!(numbers, expected, "round {round}");
        for (_, hash) in listed {
            let hash: ContentHash = String::from_utf8(hash).unwrap().parse().unwrap();
            assets.read(&hash).unwrap();
        }
    }
}

/// One commit: a counter, a device, a document, now and then a file with an asset.
fn batch(assets: &AssetStore, writer: u8, number: u64) -> Batch {
    let mut batch = Batch::new();
    let previous = (number > 1).then(|| (number - 1).to_be_bytes().to_vec());
    batch.require(Table::Meta, &[writer], previous);
    batch.put(Table::Meta, &[writer], number.to_be_bytes().to_vec());
    batch.put(
        Table::Device,
        &key(writer, number % DEVICES),
        device(writer, number),
    );
    let slot = key(writer, number % DOCUMENTS);
    batch.put_long(Table::Document, &slot, document(writer, number));
    if number.is_multiple_of(ASSET_EVERY) {
        let hash = assets.put(&number.to_be_bytes().repeat(2_000)).unwrap();
        let mut key = vec![writer];
        key.extend_from_slice(&number.to_be_bytes());
        batch.put(Table::File, &key, hash.to_string().into_bytes());
    }
    batch
}

fn counter(store: &SledStore, writer: u8) -> u64 {
    store
        .get(Table::Meta, &[writer])
        .unwrap()
        .map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

/// The last commit up to `last` that wrote this slot.
fn latest(last: u64, slots: u64, slot: u64) -> Option<u64> {
    (1..=last)
        .rev()
        .take(slots as usize)
        .find(|number| number % slots == slot)
}

fn key(writer: u8, slot: u64) -> Vec<u8> {
    format!("{writer}/{slot:04}").into_bytes()
}

/// Much like each other, so that a dictionary is made while the child runs.
fn device(writer: u8, number: u64) -> Vec<u8> {
    let mut content = noise(1, 400);
    content.extend_from_slice(&self::content(writer, number, (number * 37 % 90) as usize));
    content
}

/// Mostly small, sometimes of many pieces.
fn document(writer: u8, number: u64) -> Vec<u8> {
    let length = match number % 7 {
        0 => 40_000 + number * 7_919 % 200_000,
        _ => 1_000 + number * 641 % 15_000,
    };
    content(writer, number, length as usize)
}

fn content(writer: u8, number: u64, length: usize) -> Vec<u8> {
    noise((number << 8) | u64::from(writer), length)
}
