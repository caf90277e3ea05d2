//! The record of a device: a phone as trestle knows it. Plain types, no I/O.

mod access;
mod change_set;
mod control;
mod cpe;
mod delivery;
mod events;
mod file;
mod firmware;
mod hand_over;
mod log;
mod notification;
mod record;
mod seen_by;
mod syslog;
mod transfer;
mod tree_path;
mod unknown_phone;
mod upload;
mod waking;

pub use access::{Access, Issued, TokenHash, TooManyIssued};
pub use change_set::{ChangeAuthor, ChangeSet, ChangeSets, DeliveryDeadline};
pub use control::{ControlState, HeldAccess, PhoneAccess};
pub use cpe::{AcsOverride, Attribute, CpeState, ScheduledInform};
pub use delivery::{Contact, DeliveryState, DeliveryStatus, RebootOrders, Served};
pub use events::{EventQueue, Mark};
pub use file::{FileContent, FileRecord, FileRole};
pub use firmware::{FirmwareRecord, FirmwareSource};
pub use hand_over::HandOver;
pub use log::DeviceLog;
pub use notification::{Heartbeat, InformParameter, Lightweight, RetryPolicy};
pub use record::{DeviceRecord, StoredParameters, StoredParametersText};
pub use seen_by::SeenBy;
pub use syslog::{SyslogEntry, SyslogPiece, SyslogRing, SyslogSwitch};
pub use transfer::{
    AutonomousPolicy, AutonomousReport, Installing, ScheduledWindow, Transfer, TransferKind,
    TransferOrder, TransferState, Wish,
};
pub use tree_path::{TreePath, TreePathError};
pub use unknown_phone::UnknownPhone;
pub use upload::UploadRecord;
pub use waking::UdpConnectionRequests;
