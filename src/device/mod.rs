//! The record of a device: a phone as trestle knows it. Plain types, no I/O.

mod change_set;
mod cpe;
mod delivery;
mod events;
mod file;
mod firmware;
mod log;
mod notification;
mod record;
mod transfer;
mod tree_path;
mod waking;

pub use change_set::{ChangeAuthor, ChangeSet, ChangeSets, DeliveryDeadline};
pub use cpe::{AcsOverride, Attribute, CpeState, ScheduledInform};
pub use delivery::{Contact, DeliveryState, DeliveryStatus, RebootOrders, Served};
pub use events::{EventQueue, Mark};
pub use file::{FileContent, FileRecord, FileRole};
pub use firmware::{FirmwareRecord, FirmwareSource};
pub use log::DeviceLog;
pub use notification::{Heartbeat, InformParameter, Lightweight, RetryPolicy};
pub use record::{DeviceRecord, StoredParameters, StoredParametersText};
pub use transfer::{
    AutonomousPolicy, AutonomousReport, Installing, ScheduledWindow, Transfer, TransferKind,
    TransferOrder, TransferState, Wish,
};
pub use tree_path::{TreePath, TreePathError};
pub use waking::UdpConnectionRequests;
