//! The store over sled.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ::sled::{IVec, Tree};

use super::compression::Compression;
use super::dictionary;
use super::directory::Directory;
use super::durable;
use super::group_commit::GroupCommit;
use super::samples::{self, Samples};
use super::stored_form::{self, Form, Head};
use super::trainer::{School, Trainer};
use crate::store::batch::Write;
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
/// Of commits that wait, as many are made at once as begin within these bytes.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
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

/// A commit that waits for the writer, made ready as far as it can be without.
struct Order {
    batch: Batch,
    /// The stored forms of what is put, in the order of the batch's writes; `None` for a deletion.
    forms: Vec<Option<Vec<u8>>>,
    /// What became of it.
    outcome: Mutex<Option<Result<Done, StoreError>>>,
}

/// A commit was made.
struct Done {
    ticket: Ticket,
    /// For each write whether it changed something.
    changed: Vec<bool>,
}

/// A value that is to be stored.
#[derive(Clone, Copy)]
struct Prepared<'order> {
    value: &'order [u8],
    form: &'order [u8],
}

/// What the database will hold under its keys; `None` where it will hold nothing.
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

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

    fn order(&self, batch: Batch) -> Order {
        let forms = batch.writes.iter().map(|((table, _), write)| match write {
            Write::Put { value, .. } => Some(self.compression.store(*table, value)),
            Write::Delete => None,
        });
        Order {
            forms: forms.collect(),
            batch,
            outcome: Mutex::default(),
        }
    }

    /// Makes waiting commits, as many as one sled batch takes. Only for the writer.
    fn make_waiting(&self) {
        let mut pending = Changes::new();
        let mut bytes = 0;
        let mut made = Vec::new();
        while bytes < GROUP_BYTES
            && let Some(order) = self.queue().pop_front()
        {
            match self.plan_order(&order, &pending) {
                Ok((changes, changed)) => {
                    for (key, stored) in &changes {
                        bytes += key.len() + stored.as_ref().map_or(0, Vec::len);
                    }
                    pending.extend(changes);
                    made.push((order, changed));
                }
                Err(error) => order.ends(Err(error)),
            }
        }
        let ticket = if pending.is_empty() {
            Ok(self.group.latest())
        } else {
            let mut changes = ::sled::Batch::default();
            for (key, stored) in pending {
                match stored {
                    Some(stored) => changes.insert(key, stored),
                    None => changes.remove(key),
                }
            }
            match self.tree.apply_batch(changes) {
                Ok(()) => {
                    for (order, _) in &made {
                        self.watches.note(order.batch.writes.keys());
                    }
                    Ok(self.group.committed())
                }
                Err(error) => {
                    // A part of the batch may be visible now, though not on disk.
                    let cause = error.to_string();
                    self.group.poison(&cause);
                    Err(cause)
                }
            }
        };
        for (order, changed) in made {
            order.ends(match &ticket {
                Ok(ticket) => Ok(Done {
                    ticket: ticket.clone(),
                    changed,
                }),
                Err(cause) => Err(StoreError::Poisoned {
                    cause: cause.clone(),
                }),
            });
        }
    }

    /// What a commit changes, and for each of its writes whether it does.
    fn plan_order(
        &self,
        order: &Order,
        pending: &Changes,
    ) -> Result<(Changes, Vec<bool>), StoreError> {
        self.group.healthy()?;
        for required in &order.batch.requirements {
            if self.get_alone(pending, required.table, &required.key)? != required.value {
                return Err(StoreError::conflict(required.table, &required.key));
            }
        }
        let mut changes = Changes::new();
        let mut changed = Vec::new();
        for ((table, key), write) in order.writes() {
            changed.push(self.plan(pending, table, key, write, &mut changes)?);
        }
        Ok((changes, changed))
    }

    /// Adds to `changes` what a write comes to, `None` being a deletion; false when it changes
    /// nothing.
    fn plan(
        &self,
        pending: &Changes,
        table: Table,
        key: &[u8],
        write: Option<Prepared<'_>>,
        changes: &mut Changes,
    ) -> Result<bool, StoreError> {
        let full = table.key(key);
        if let Some(old) = self.stored(pending, &full)? {
            if let Some(write) = write
                && self.holds(pending, table, key, &old, write)?
            {
                return Ok(false);
            }
            if let Some(Form::InPieces(head)) = stored_form::parse(&old) {
                for number in 0..head.pieces() {
                    changes.insert(stored_form::piece_key(table, key, number), None);
                }
            }
        } else if write.is_none() {
            return Ok(false);
        }
        let Some(Prepared { form, .. }) = write else {
            changes.insert(full, None);
            return Ok(true);
        };
        let Some((head, pieces)) = stored_form::cut(form) else {
            changes.insert(full, Some(form.to_vec()));
            return Ok(true);
        };
        for (number, piece) in (0..).zip(pieces) {
            // Takes the place of the removal of an old piece with this number.
            changes.insert(
                stored_form::piece_key(table, key, number),
                Some(piece.to_vec()),
            );
        }
        changes.insert(full, Some(head));
        Ok(true)
    }

    /// Whether what is stored is a value already, in whatever form. Damaged, it is not: it is
    /// written anew.
    fn holds(
        &self,
        pending: &Changes,
        table: Table,
        key: &[u8],
        old: &[u8],
        write: Prepared<'_>,
    ) -> Result<bool, StoreError> {
        let form = stored_form::parse(old);
        Ok(match form {
            _ if old == write.form && write.form.len() <= stored_form::MAX_FORM_BYTES => true,
            Some(Form::Plain(old)) => old == write.value,
            // Most values that are written differ, and their checks say so for nothing.
            Some(Form::Compressed(old)) => {
                old.check == stored_form::check(write.value)
                    && self.compression.decompress(old).as_deref() == Some(write.value)
            }
            Some(Form::InPieces(head)) => matches!(
                self.assemble(pending, table, key, &head)?,
                Look::Value(Some(old)) if old == write.value
            ),
            None => false,
        })
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Arc<Order>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Order {
    fn writes(&self) -> impl Iterator<Item = ((Table, &[u8]), Option<Prepared<'_>>)> {
        let written = self.batch.writes.iter().zip(&self.forms);
        written.map(|(((table, key), write), form)| {
            let write = match (write, form) {
                (Write::Put { value, .. }, Some(form)) => Some(Prepared { value, form }),
                _ => None,
            };
            ((*table, key.as_slice()), write)
        })
    }

    fn ends(&self, outcome: Result<Done, StoreError>) {
        *self.outcome() = Some(outcome);
    }

    fn outcome(&self) -> MutexGuard<'_, Option<Result<Done, StoreError>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
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
        let entry = move |(full, stored): (IVec, IVec)| -> Result<Option<Entry>, StoreError> {
            let key = full.get(1..).unwrap_or_default();
            let form =
                stored_form::parse(&stored).filter(|form| !matches!(form, Form::InPieces(_)));
            match self.open_form(form) {
                Look::Value(value) => Ok(value.map(|value| (key.to_vec(), value))),
                Look::Torn => Ok(self.get(table, key)?.map(|value| (key.to_vec(), value))),
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
