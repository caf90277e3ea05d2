//! What the floors above may ask of a store.

use super::{Batch, Changed, StoreError, Table, Ticket, Watch};

/// One record of a listing: its key (without the table) and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A listing of records; one unreadable record is one `Err` and does not end it.
pub type Entries<'store> = Box<dyn Iterator<Item = Result<Entry, StoreError>> + Send + 'store>;

/// How much the records of a database are, without what the database itself needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveSize {
    /// How many there are, the pieces of long ones and what the store keeps for itself counted too.
    pub records: u64,
    /// Bytes of keys and values as they lie in the database.
    pub bytes: u64,
}

/// Keyed bytes with atomic, durable commits.
///
/// All calls block for the length of a memory or disk access and none waits for the disk to
/// sync; that wait is the [`Ticket`]'s.
pub trait Store: Send + Sync {
    /// The value of a key, whole whether it was written with [`Batch::put`] or
    /// [`Batch::put_long`]; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::DamagedValue`] when the stored value does not read back as it was written,
    /// [`StoreError::Engine`] when the database can't be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The records of a table whose keys begin with `prefix`, in the order of their keys.
    ///
    /// This is no snapshot: every record is as of some commit, but a commit made during the
    /// listing may be seen in a part of it.
    fn scan(&self, table: Table, prefix: &[u8]) -> Entries<'_>;

    /// The records of a table in several listings, which together are all of them, each once: so
    /// many, or more, if the table has so many records. For several threads.
    fn scan_apart(&self, table: Table, parts: usize) -> Vec<Entries<'_>>;

    /// Makes all changes of the batch or none, also across a crash. The changes are visible to
    /// every reader when this returns, and on disk when the ticket says so.
    ///
    /// Writes that change nothing are left out. The ticket of a commit without a change waits for
    /// all commits before it, so an empty batch is a way to wait for those.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a required value is not there; the limits of [`Batch`];
    /// [`StoreError::Poisoned`] once the store could not write. Nothing is written then.
    fn commit(&self, batch: Batch) -> Result<Ticket, StoreError>;

    /// Whether what was committed so far is on disk, or still comes to be. After an error a reader
    /// may see commits that a restart takes back.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] once the store could not write.
    fn healthy(&self) -> Result<(), StoreError>;

    /// The size of the database's files, in bytes. It grows to a few times the size of the records
    /// and does not shrink (facts/rust-stack.md §2.1, 4).
    ///
    /// # Errors
    /// [`StoreError::Io`] when the directory can't be read.
    fn size_on_disk(&self) -> Result<u64, StoreError>;

    /// How much of that are records. Goes through all of them: seconds for millions.
    ///
    /// # Errors
    /// [`StoreError::Engine`] when the database can't be read.
    fn live_size(&self) -> Result<LiveSize, StoreError>;

    /// Notes from now on which records are changed. What a [`Store::scan`] begun after this has
    /// shown, with what the watch has noted at its end read anew, is the store as of the end.
    fn watch(&self) -> Watch;

    /// The present values of what a watch has noted and nobody has taken yet, all as of one
    /// moment: no commit is made in between. For few of them, because all writers wait.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] once the store could not write.
    fn changed_together(&self, watch: &Watch) -> Result<Vec<Changed>, StoreError>;
}
