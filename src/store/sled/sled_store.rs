//! The store over sled.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use ::sled::{IVec, Tree};

use super::directory::Directory;
use super::durable;
use super::group_commit::GroupCommit;
use super::long_value::{self, Head, Stored};
use crate::store::batch::Write;
use crate::store::swap;
use crate::store::table::FORMAT_KEY;
use crate::store::watch::Watches;
use crate::store::{Batch, Changed, Entries, Entry, Store, StoreError, Table, Ticket, Watch};

/// The format that this program writes: how keys and values lie in the database.
const FORMAT: u32 = 1;
const TREE: &str = "trestle";
/// Can never be changed for a directory that exists (facts/rust-stack.md §2.3 rule 2).
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;
const SLED_FLUSH_MILLISECONDS: u64 = 500;
/// After how long a flush is helped along.
const STALL: Duration = Duration::from_secs(5);

/// Settings of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// How much of the database is kept in memory, in bytes: 256 MiB unless set.
    pub cache_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 256 * 1024 * 1024,
        }
    }
}

/// A [`Store`] in a directory of this machine.
///
/// Dropping it puts the last commits on disk and gives the directory free.
pub struct SledStore {
    // Dropped in this order: the threads end, sled closes, the directory is given back.
    group: GroupCommit,
    tree: Tree,
    directory: Directory,
    writer: Mutex<()>,
    watches: Watches,
}

/// What one look at a value found.
enum Look {
    Value(Option<Vec<u8>>),
    /// Not what was stored: damage, or a commit in the middle of the look.
    Torn,
}

impl SledStore {
    /// Opens the store in a directory, which is made if it is missing.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another store, in this process or another, has it open;
    /// [`StoreError::Damaged`], [`StoreError::NewerFormat`] and [`StoreError::NotDurable`] when it
    /// must not be used; [`StoreError::Io`] and [`StoreError::Engine`] for the rest.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        if !durable::installed() {
            return Err(StoreError::NotDurable);
        }
        swap::settle(dir)?;
        let directory = Directory::take(dir)?;
        swap::clear(dir)?;
        directory.remove_unfinished_snapshots()?;
        let tree = open_tree(dir, directory.path(), &options)?;
        directory.sync()?;
        let group = GroupCommit::start(
            {
                let tree = tree.clone();
                move || tree.flush().map(drop).map_err(|error| error.to_string())
            },
            STALL,
        )
        .map_err(StoreError::io(dir))?;
        let store = Self {
            group,
            tree,
            directory,
            writer: Mutex::new(()),
            watches: Watches::default(),
        };
        store.check_format(dir)?;
        Ok(store)
    }

    /// Closes the database and keeps its directory: nobody else can open it before the guard is
    /// dropped.
    pub(in crate::store) fn close(self) -> impl Sized {
        let Self {
            group,
            tree,
            directory,
            ..
        } = self;
        drop(group);
        drop(tree);
        directory
    }

    fn check_format(&self, dir: &Path) -> Result<(), StoreError> {
        let damaged = |detail: &str| StoreError::Damaged {
            dir: dir.to_owned(),
            detail: detail.to_owned(),
        };
        let Some(found) = self.get(Table::Meta, FORMAT_KEY)? else {
            // The mark is on disk before anything else is written.
            if !self.tree.is_empty() {
                return Err(damaged("it has records but no format mark"));
            }
            let mut batch = Batch::new();
            batch.put(Table::Meta, FORMAT_KEY, FORMAT.to_be_bytes().to_vec());
            return self.commit(batch)?.wait();
        };
        match found.try_into().map(u32::from_be_bytes) {
            Ok(FORMAT) => Ok(()),
            Ok(found) if found > FORMAT => Err(StoreError::NewerFormat {
                dir: dir.to_owned(),
                found,
                known: FORMAT,
            }),
            _ => Err(damaged("its format mark can't be read")),
        }
    }

    fn look(&self, table: Table, key: &[u8]) -> Result<Look, StoreError> {
        let Some(stored) = self.tree.get(table.key(key))? else {
            return Ok(Look::Value(None));
        };
        match long_value::parse(&stored) {
            Some(Stored::Whole(value)) => Ok(Look::Value(Some(value.to_vec()))),
            Some(Stored::InPieces(head)) => self.assemble(table, key, &head),
            None => Ok(Look::Torn),
        }
    }

    fn assemble(&self, table: Table, key: &[u8], head: &Head) -> Result<Look, StoreError> {
        let mut value = Vec::new();
        for number in 0..head.pieces() {
            match self.tree.get(long_value::piece_key(table, key, number))? {
                Some(piece) => value.extend_from_slice(&piece),
                None => return Ok(Look::Torn),
            }
        }
        if head.belongs_to(&value) {
            Ok(Look::Value(Some(value)))
        } else {
            Ok(Look::Torn)
        }
    }

    /// The value, for one who keeps all writers out.
    fn get_alone(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.look(table, key)? {
            Look::Value(value) => Ok(value),
            Look::Torn => Err(StoreError::damaged_value(table, key)),
        }
    }

    /// Adds to `changes` what a write comes to; false when it changes nothing.
    fn plan(
        &self,
        table: Table,
        key: &[u8],
        write: &Write,
        changes: &mut ::sled::Batch,
    ) -> Result<bool, StoreError> {
        let full = table.key(key);
        let value = match write {
            Write::Put { value, .. } => Some(value.as_slice()),
            Write::Delete => None,
        };
        let old = self.tree.get(&full)?;
        match (old.as_deref().map(long_value::parse), value) {
            (None, None) => return Ok(false),
            (Some(Some(Stored::Whole(old))), Some(value)) if old == value => return Ok(false),
            (Some(Some(Stored::InPieces(head))), value) => {
                // Damaged pieces are written anew even if the head is the same.
                if value.is_some_and(|value| head.belongs_to(value))
                    && matches!(self.assemble(table, key, &head), Ok(Look::Value(_)))
                {
                    return Ok(false);
                }
                for number in 0..head.pieces() {
                    changes.remove(long_value::piece_key(table, key, number));
                }
            }
            _ => {}
        }
        let Some(value) = value else {
            changes.remove(full);
            return Ok(true);
        };
        let (stored, pieces) = long_value::store(value);
        for (number, piece) in (0..).zip(pieces) {
            // Takes the place of the removal of an old piece with this number.
            changes.insert(long_value::piece_key(table, key, number), piece);
        }
        changes.insert(full, stored);
        Ok(true)
    }

    fn writer(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        self.writer.lock().map_err(|_| {
            let cause = "the database panicked during a commit";
            self.group.poison(cause);
            StoreError::Poisoned {
                cause: cause.to_owned(),
            }
        })
    }
}

impl Store for SledStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.look(table, key)? {
            Look::Value(value) => Ok(value),
            Look::Torn => {
                let _alone = self.writer()?;
                self.get_alone(table, key)
            }
        }
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Entries<'_> {
        let entry = move |(full, stored): (IVec, IVec)| -> Result<Option<Entry>, StoreError> {
            let key = full.get(1..).unwrap_or_default();
            match long_value::parse(&stored) {
                Some(Stored::Whole(value)) => Ok(Some((key.to_vec(), value.to_vec()))),
                _ => Ok(self.get(table, key)?.map(|value| (key.to_vec(), value))),
            }
        };
        Box::new(
            self.tree
                .scan_prefix(table.key(prefix))
                .filter_map(move |found| match found {
                    Ok(found) => entry(found).transpose(),
                    Err(error) => Some(Err(error.into())),
                }),
        )
    }

    /// One writer at a time applies one sled batch. sled's transactions would come to the same:
    /// they too hold one lock over all trees while the closure runs and seal the same kind of
    /// batch in the log. The lock here is this store's alone, and the work before the batch is done
    /// outside of sled's.
    fn commit(&self, batch: Batch) -> Result<Ticket, StoreError> {
        batch.check_limits()?;
        let _alone = self.writer()?;
        self.group.healthy()?;
        for required in &batch.requirements {
            if self.get_alone(required.table, &required.key)? != required.value {
                return Err(StoreError::conflict(required.table, &required.key));
            }
        }
        let mut changes = ::sled::Batch::default();
        let mut changed = false;
        for ((table, key), write) in &batch.writes {
            changed |= self.plan(*table, key, write, &mut changes)?;
        }
        if !changed {
            return Ok(self.group.latest());
        }
        if let Err(error) = self.tree.apply_batch(changes) {
            // A part of the batch may be visible now, though not on disk.
            self.group.poison(&error.to_string());
            self.group.healthy()?;
        }
        self.watches.note(batch.writes.keys());
        Ok(self.group.committed())
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.directory.size()
    }

    fn live_size(&self) -> Result<u64, StoreError> {
        self.tree.iter().try_fold(0, |total, record| {
            let (key, value) = record?;
            Ok(total + key.len() as u64 + value.len() as u64)
        })
    }

    fn watch(&self) -> Watch {
        self.watches.watch()
    }

    fn changed_together(&self, watch: &Watch) -> Result<Vec<Changed>, StoreError> {
        let _alone = self.writer()?;
        let noted = watch.take().into_iter();
        let read = noted.map(|(table, key)| {
            let value = self.get_alone(table, &key);
            ((table, key), value)
        });
        Ok(read.collect())
    }
}

/// Opens sled in a thread of its own, because it panics on some kinds of damage.
fn open_tree(dir: &Path, path: &Path, options: &StoreOptions) -> Result<Tree, StoreError> {
    let config = ::sled::Config::new()
        .path(path)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(options.cache_bytes)
        .flush_every_ms(Some(SLED_FLUSH_MILLISECONDS));
    let opened = thread::Builder::new()
        .name("store-open".to_owned())
        .spawn(move || config.open().and_then(|database| database.open_tree(TREE)))
        .map_err(StoreError::io(dir))?
        .join();
    let damaged = |detail: &str| StoreError::Damaged {
        dir: dir.to_owned(),
        detail: detail.to_owned(),
    };
    match opened {
        Ok(Ok(tree)) => Ok(tree),
        Ok(Err(::sled::Error::Io(source))) => Err(StoreError::io(path)(source)),
        Ok(Err(error @ ::sled::Error::Unsupported(_))) => Err(error.into()),
        Ok(Err(error)) => Err(damaged(&error.to_string())),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => Err(damaged(text)),
            (None, Some(text)) => Err(damaged(text)),
            (None, None) => Err(damaged("the database panicked")),
        },
    }
}

#[cfg(test)]
mod tests;
