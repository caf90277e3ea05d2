//! What trestle keeps: records in an embedded database, large contents in files named by hash.
//!
//! [`Store`] is the narrow face that the floors above use: read, list, commit. A commit is all or
//! nothing and visible at once; its [`Ticket`] says when it is on disk. The engine behind it is
//! sled 0.34 used by the rules of facts/rust-stack.md §2.3; nothing outside `store::sled` knows.
//!
//! On disk a store is one directory: `db/` belongs to sled, `assets/` to [`AssetStore`].

mod assets;
mod batch;
mod engine;
mod error;
mod files;
mod progress;
mod record;
mod sled;
mod table;

pub use self::sled::{SledStore, StoreOptions, durable};
pub use assets::{AssetError, AssetStore};
pub use batch::{Batch, MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_LONG_VALUE_BYTES, MAX_VALUE_BYTES};
pub use engine::{Entries, Entry, Store};
pub use error::StoreError;
pub use progress::Ticket;
pub use record::{Record, RecordError, decode, decode_body, decode_borrowed, encode};
pub use table::Table;
