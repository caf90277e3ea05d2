//! The engine: sled 0.34 with writes that are really durable, one group-commit thread, values
//! compressed against dictionaries of the fleet's own, long ones in pieces.

mod compression;
mod cuts;
mod dictionary;
mod directory;
pub mod durable;
mod group_commit;
mod samples;
mod sled_store;
mod stored_form;
mod trainer;

pub use sled_store::{SledStore, StoreOptions};
