//! What trestle keeps: records in an embedded database, large contents in files named by hash.
//!
//! [`Store`] is the narrow face that the floors above use: read, list, commit. A commit is all or
//! nothing and visible at once; its [`Ticket`] says when it is on disk. The engine behind it is
//! sled 0.34 used by the rules of facts/rust-stack.md §2.3; nothing outside `store::sled` knows.
//!
//! On disk a store is one directory: `db/` belongs to sled, `assets/` and `uploads/` to
//! [`AssetStore`]. [`write_backup`] makes one file of all that, also while it is used, [`restore()`]
//! makes a directory of such a file, and [`compact`] makes a smaller database of a grown one.

mod assets;
mod backup;
mod batch;
mod bulk;
mod compaction;
mod engine;
mod error;
mod files;
mod progress;
mod record;
mod restore;
mod sled;
mod swap;
mod table;
mod watch;

#[cfg(test)]
#[path = "../../tests/support/noise.rs"]
mod noise;

pub use self::sled::{SledStore, StoreOptions, durable};
pub use assets::{AssetError, AssetStore, ContentFolder};
pub use backup::{BackupError, BackupHeader, BackupSummary, LeftOut, verify_backup, write_backup};
pub use batch::{Batch, MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_LONG_VALUE_BYTES, MAX_VALUE_BYTES};
pub use compaction::{CompactionError, CompactionReport, compact};
pub use engine::{Entries, Entry, LiveSize, Store};
pub use error::StoreError;
pub use progress::Ticket;
pub use record::{Record, RecordError, decode, decode_body, decode_borrowed, encode};
pub use restore::{RestoreError, restore};
pub use swap::{is_in_use, is_store};
pub use table::Table;
pub use watch::{Changed, RecordKey, Watch};
