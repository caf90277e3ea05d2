//! The store over sled.

mod orders;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use ::sled::{IVec, Tree};

use self::orders::{Changes, Order};
use super::compression::Compression;
use super::cuts;
use super::dictionary;
use super::directory::Directory;
use super::durable;
use super::group_commit::GroupCommit;
use super::samples::{self, Samples};
use super::stored_form::{self, Form, Head};
use super::trainer::{School, Trainer};
use crate::store::swap;
use crate::store::table::FORMAT_KEY;
use crate::store::watch::Watches;
use crate::store::{
    Batch, Changed, Entries, Entry, LiveSize, Store, StoreError, Table, Ticket, Watch,
};

/// The format that this program writes: how keys and values lie in the database.
///
/// 1 (trestle 0.1): values as they are, long ones in pieces with a SHA-256. 2: values may be
/// compressed, also against dictionaries that lie in the database. 3: files as they were imported
/// have a table.
const FORMAT: u32 = 3;
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
    trainer: Trainer,
    group: Arc<GroupCommit>,
    tree: Tree,
    directory: Directory,
    writer: Mutex<()>,
    watches: Watches,
    /// Commits that wait for the writer.
    queue: Mutex<VecDeque<Arc<Order>>>,
    compression: Arc<Compression>,
    samples: Samples,
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
        let group = Arc::new(group);
        let compression = Arc::new(Compression::default());
        let trainer = Trainer::start(School {
            tree: tree.clone(),
            group: Arc::clone(&group),
            compression: Arc::clone(&compression),
            next: Mutex::new(dictionary::load(&tree, &compression)?),
        })
        .map_err(StoreError::io(dir))?;
        let store = Self {
            trainer,
            group,
            tree,
            directory,
            writer: Mutex::new(()),
            watches: Watches::default(),
            queue: Mutex::default(),
            compression,
            samples: Samples::default(),
        };
        store.check_format(dir)?;
        Ok(store)
    }

    /// Closes the database and keeps its directory: nobody else can open it before the guard is
    /// dropped.
    pub(in crate::store) fn close(self) -> impl Sized {
        let Self {
            trainer,
            group,
            tree,
            directory,
            ..
        } = self;
        drop(trainer);
        drop(group);
        drop(tree);
        directory
    }

    /// Makes a dictionary of values like those that a table is going to hold, so that already the
    /// first of them are stored small: for a copy into a fresh store. Goes through all values and
    /// holds few. False when the values are not worth a dictionary, or the one in force is as good.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] once the store could not write.
    pub fn learn(
        &self,
        table: Table,
        values: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<bool, StoreError> {
        if table == Table::Meta {
            return Ok(false);
        }
        self.trainer.train(table, &samples::some_of(values))
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
            return self.mark_format();
        };
        match found.try_into().map(u32::from_be_bytes) {
            Ok(FORMAT) => Ok(()),
            // What older formats wrote is read as it is. Older programs must refuse the store before
            // the first value is there that they can't read.
            Ok(1 | 2) => self.mark_format(),
            Ok(found) if found > FORMAT => Err(StoreError::NewerFormat {
                dir: dir.to_owned(),
                found,
                known: FORMAT,
            }),
            _ => Err(damaged("its format mark can't be read")),
        }
    }

    fn mark_format(&self) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(Table::Meta, FORMAT_KEY, FORMAT.to_be_bytes().to_vec());
        self.commit(batch)?.wait()
    }

    /// What is stored under a full key, once these changes are made.
    fn stored(&self, pending: &Changes, full: &[u8]) -> Result<Option<IVec>, StoreError> {
        match pending.get(full) {
            Some(stored) => Ok(stored.as_deref().map(IVec::from)),
            None => Ok(self.tree.get(full)?),
        }
    }

    fn look(&self, pending: &Changes, table: Table, key: &[u8]) -> Result<Look, StoreError> {
        let Some(stored) = self.stored(pending, &table.key(key))? else {
            return Ok(Look::Value(None));
        };
        match stored_form::parse(&stored) {
            Some(Form::InPieces(head)) => self.assemble(pending, table, key, &head),
            form => Ok(self.open_form(form)),
        }
    }

    fn assemble(
        &self,
        pending: &Changes,
        table: Table,
        key: &[u8],
        head: &Head,
    ) -> Result<Look, StoreError> {
        let mut pieces = Vec::new();
        for number in 0..head.pieces() {
            match self.stored(pending, &stored_form::piece_key(table, key, number))? {
                Some(piece) => pieces.extend_from_slice(&piece),
                None => return Ok(Look::Torn),
            }
        }
        Ok(self.open_form(head.put_together(&pieces)))
    }

    fn open_form(&self, form: Option<Form<'_>>) -> Look {
        let value = match form {
            Some(Form::Plain(value)) => Some(value.to_vec()),
            Some(Form::Compressed(compressed)) => self.compression.decompress(compressed),
            Some(Form::InPieces(_)) | None => None,
        };
        match value {
            Some(value) => Look::Value(Some(value)),
            None => Look::Torn,
        }
    }

    /// The value, for one who keeps all writers out.
    fn get_alone(
        &self,
        pending: &Changes,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match self.look(pending, table, key)? {
            Look::Value(value) => Ok(value),
            Look::Torn => Err(StoreError::damaged_value(table, key)),
        }
    }

    /// The records of a table that a listing of the tree finds.
    fn entries(&self, table: Table, listing: ::sled::Iter) -> Entries<'_> {
        let entry = move |(full, stored): (IVec, IVec)| -> Result<Option<Entry>, StoreError> {
            let key = full.get(1..).unwrap_or_default();
            let form =
                stored_form::parse(&stored).filter(|form| !matches!(form, Form::InPieces(_)));
            match self.open_form(form) {
                Look::Value(value) => Ok(value.map(|value| (key.to_vec(), value))),
                Look::Torn => Ok(self.get(table, key)?.map(|value| (key.to_vec(), value))),
            }
        };
        Box::new(listing.filter_map(move |found| match found {
            Ok(found) => entry(found).transpose(),
            Err(error) => Some(Err(error.into())),
        }))
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
        match self.look(&Changes::new(), table, key)? {
            Look::Value(value) => Ok(value),
            Look::Torn => {
                let _alone = self.writer()?;
                self.get_alone(&Changes::new(), table, key)
            }
        }
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Entries<'_> {
        self.entries(table, self.tree.scan_prefix(table.key(prefix)))
    }

    fn scan_apart(&self, table: Table, parts: usize) -> Vec<Entries<'_>> {
        let parts = cuts::parts(&self.tree, table, parts).into_iter();
        parts
            .map(|part| self.entries(table, self.tree.range(part)))
            .collect()
    }

    /// One writer at a time makes all commits that wait, each as if it were alone, in one sled
    /// batch. sled puts its buffer on disk twice for every batch (`PageCache::pin_log` of 0.34.7)
    /// and takes none during a flush, so a batch for every commit would be two syncs for every
    /// commit, however many share a flush.
    fn commit(&self, batch: Batch) -> Result<Ticket, StoreError> {
        batch.check_limits()?;
        let order = Arc::new(self.order(batch));
        let entered = self.group.enter();
        self.queue().push_back(Arc::clone(&order));
        {
            let _alone = self.writer()?;
            while order.outcome().is_none() {
                self.make_waiting();
            }
        }
        drop(entered);
        let Some(outcome) = order.outcome().take() else {
            return Ok(self.group.latest());
        };
        let done = outcome?;
        for (((table, _), write), changed) in order.writes().zip(&done.changed) {
            let Some(write) = write.filter(|_| *changed && table != Table::Meta) else {
                continue;
            };
            if let Some(samples) = self
                .samples
                .note(table.like(), write.value, write.form.len())
            {
                self.trainer.order(table.like(), samples);
            }
        }
        Ok(done.ticket)
    }

    fn healthy(&self) -> Result<(), StoreError> {
        self.group.healthy()
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.directory.size()
    }

    fn live_size(&self) -> Result<LiveSize, StoreError> {
        self.tree
            .iter()
            .try_fold(LiveSize::default(), |size, record| {
                let (key, value) = record?;
                Ok(LiveSize {
                    records: size.records + 1,
                    bytes: size.bytes + key.len() as u64 + value.len() as u64,
                })
            })
    }

    fn watch(&self) -> Watch {
        self.watches.watch()
    }

    fn changed_together(&self, watch: &Watch) -> Result<Vec<Changed>, StoreError> {
        let _alone = self.writer()?;
        let noted = watch.take().into_iter();
        let read = noted.map(|(table, key)| {
            let value = self.get_alone(&Changes::new(), table, &key);
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
mod compression_tests;
#[cfg(test)]
mod tests;
