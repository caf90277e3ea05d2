//! What the machine gives without trestle: files read, records written, commits that share a sync.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::exit::CommandError;
use crate::store::{Batch, SledStore, Store as _, StoreOptions, Table};

/// Files that are written to a bare store in one commit.
const FILES_PER_COMMIT: usize = 64;
/// What a commit of the group writes.
const COMMIT_BYTES: usize = 4096;

/// Reads every file of a flat tree, as an archiver does.
pub(super) fn read_all(tree: &Path) -> Result<Duration, CommandError> {
    let started = Instant::now();
    for entry in fs::read_dir(tree)? {
        std::hint::black_box(fs::read(entry?.path())?);
    }
    Ok(started.elapsed())
}

/// Reads every file of a tree and puts it into an empty store under its name, whole and durable,
/// and nothing else.
pub(super) fn read_and_store_all(tree: &Path, folder: &Path) -> Result<Duration, CommandError> {
    let started = Instant::now();
    let store = SledStore::open(folder, StoreOptions::default())?;
    let mut batch = Batch::new();
    let mut in_batch = 0;
    for entry in fs::read_dir(tree)? {
        let entry = entry?;
        let key = entry.file_name();
        batch.put_long(
            Table::Document,
            key.as_encoded_bytes(),
            fs::read(entry.path())?,
        );
        in_batch += 1;
        if in_batch == FILES_PER_COMMIT {
            // The last commit is waited for, and all before it with it.
            drop(store.commit(std::mem::take(&mut batch))?);
            in_batch = 0;
        }
    }
    store.commit(batch)?.wait()?;
    Ok(started.elapsed())
}

/// Commits per second when so many threads each write 4 KiB and wait until it is on disk, and share
/// their syncs.
pub(super) fn group_syncs(file: &Path, threads: u32, time: Duration) -> Result<f64, CommandError> {
    let group = Group {
        file: File::create(file)?,
        state: Mutex::default(),
        synced: Condvar::new(),
    };
    let started = Instant::now();
    let counts: Vec<io::Result<u64>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut commits = 0_u64;
                    // One at least, however late the thread begins on a machine that is busy.
                    loop {
                        group.commit()?;
                        commits += 1;
                        if started.elapsed() >= time {
                            return Ok(commits);
                        }
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            })
            .collect()
    });
    let took = started.elapsed();
    let mut commits = 0;
    for count in counts {
        commits += count?;
    }
    fs::remove_file(file)?;
    Ok(commits as f64 / took.as_secs_f64())
}

struct Group {
    file: File,
    state: Mutex<GroupState>,
    synced: Condvar,
}

#[derive(Default)]
struct GroupState {
    written: u64,
    synced: u64,
    is_syncing: bool,
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, GroupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self) -> io::Result<()> {
        let mut state = self.lock();
        (&self.file).write_all(&[7; COMMIT_BYTES])?;
        state.written += 1;
        let own = state.written;
        while state.synced < own {
            if state.is_syncing {
                state = self
                    .synced
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_syncing = true;
            let written = state.written;
            drop(state);
            let outcome = self.file.sync_data();
            state = self.lock();
            state.is_syncing = false;
            if outcome.is_ok() {
                state.synced = written;
            }
            self.synced.notify_all();
            outcome?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_a_small_tree_are_measured() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir(&tree).unwrap();
        for number in 0..100 {
            fs::write(tree.join(number.to_string()), "P2=1\n").unwrap();
        }
        assert!(read_all(&tree).unwrap() > Duration::ZERO);
        let store = folder.path().join("store");
        read_and_store_all(&tree, &store).unwrap();
        let store = SledStore::open(&store, StoreOptions::default()).unwrap();
        assert_eq!(store.scan(Table::Document, b"").count(), 100);
        let file = folder.path().join("sync");
        let rate = group_syncs(&file, 4, Duration::from_millis(20)).unwrap();
        assert!(rate > 0.0 && !file.exists());
    }
}
