//! The record of a device: a phone as trestle knows it. Plain types, no I/O.

mod cpe;
mod delivery;
mod events;
mod file;
mod record;
mod tree_path;

pub use cpe::{AcsOverride, Attribute, CpeState, Transfer, TransferKind, TransferState};
pub use delivery::{Contact, DeliveryState, RebootOrders, Served};
pub use events::{EventQueue, Mark};
pub use file::{FileContent, FileRecord, FileRole};
pub use record::{DeviceRecord, StoredParameters};
pub use tree_path::{TreePath, TreePathError};
