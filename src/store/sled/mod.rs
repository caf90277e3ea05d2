//! The engine: sled 0.34 with writes that are really durable, one group-commit thread, long values
//! in pieces.

mod directory;
pub mod durable;
mod group_commit;
mod long_value;
mod sled_store;

pub use sled_store::{SledStore, StoreOptions};
