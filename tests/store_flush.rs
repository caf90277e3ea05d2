//! Every acknowledged commit ends in a real sync of the database's file.
//!
//! Alone in its file, because the count is of the whole process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use trestle::store::{Batch, SledStore, Store, StoreOptions, Table, durable};

#[test]
fn no_commit_is_acknowledged_without_a_sync() {
    assert!(durable::installed());
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path(), StoreOptions::default()).unwrap();
    for number in 0_u8..20 {
        let before = durable::calls();
        let mut batch = Batch::new();
        batch.put(Table::Device, &[number], vec![number; 500]);
        store.commit(batch).unwrap().wait().unwrap();
        assert!(durable::calls() > before, "commit {number}");
    }
}
