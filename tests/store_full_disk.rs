//! A disk that takes no more: writers are told, nobody hangs, and what was acknowledged stays.
//!
//! The test runs itself as a child whose files may not grow beyond a limit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/noise.rs"]
mod noise;

use std::env;
use std::path::Path;
use std::process::Command;

use trestle::store::{Batch, SledStore, Store, StoreError, StoreOptions, Table};

use noise::noise;

const DIRECTORY: &str = "TRESTLE_STORE_FULL_DISK_DIRECTORY";

#[test]
fn a_full_disk_poisons_the_store_and_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let limit_kib = 9_000;
    let script = format!(
        "trap '' XFSZ; ulimit -f {}; exec \"$0\" --exact child_that_fills_the_disk --nocapture",
        limit_kib * 2
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(env::current_exe().unwrap())
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let acknowledged: u32 = text
        .lines()
        .filter_map(|line| line.strip_prefix("acknowledged "))
        .map(|number| number.parse().unwrap())
        .next()
        .expect("the child said how far it came");
    println!("full after {acknowledged} commits");
    assert!(acknowledged > 10);

    let store = SledStore::open(dir.path(), StoreOptions::default()).unwrap();
    for number in 0..acknowledged {
        let value = store.get(Table::Device, &number.to_be_bytes()).unwrap();
        assert_eq!(value, Some(content(number)), "{number}");
    }
    commit(&store, acknowledged).expect("with room again it goes on");
}

/// The child's part; does nothing in an ordinary run of the tests.
#[test]
fn child_that_fills_the_disk() {
    let Some(dir) = env::var_os(DIRECTORY) else {
        return;
    };
    let store = SledStore::open(Path::new(&dir), StoreOptions::default()).unwrap();
    let (acknowledged, error) = (0..)
        .find_map(|number| commit(&store, number).err().map(|error| (number, error)))
        .unwrap();
    println!("\nacknowledged {acknowledged}");
    assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
    assert!(matches!(
        commit(&store, acknowledged),
        Err(StoreError::Poisoned { .. })
    ));
    store
        .get(Table::Device, &0_u32.to_be_bytes())
        .expect("reading goes on");
}

fn commit(store: &SledStore, number: u32) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put(Table::Device, &number.to_be_bytes(), content(number));
    store.commit(batch)?.wait()
}

fn content(number: u32) -> Vec<u8> {
    noise(number.into(), 8_000)
}
