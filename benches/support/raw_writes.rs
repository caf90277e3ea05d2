//! The limit of the disk: writes of which each is synced before the next.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long so many writes of so many bytes take, each with an fdatasync, into a file of this folder
/// that is gone afterwards.
pub(crate) fn raw_writes(folder: &Path, count: u64, length: usize) -> Duration {
    let path = folder.join("raw");
    let mut file = File::create(&path).expect("a file");
    let content = vec![7; length];
    let started = Instant::now();
    for _ in 0..count {
        file.write_all(&content).expect("a write");
        file.sync_data().expect("a sync");
    }
    let took = started.elapsed();
    fs::remove_file(&path).expect("the file");
    took
}
