//! Files that go to a phone or come from it by order of the ACS, and those that go without one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tree_path::TreePath;
use crate::cwmp::{AutonomousTransferComplete, RequestDownload, TransferComplete};
use crate::mapping::Pointer;
use crate::wire::{ContentHash, Secret};

/// Which way a file goes, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferKind {
    /// Download of the vendor configuration file.
    DownloadConfiguration,
    /// Upload of the vendor configuration file.
    UploadConfiguration,
    /// Download of the phone's firmware.
    DownloadFirmware,
    /// Download of another file that the phone fetches: its FileType says which kind.
    DownloadFile,
    /// Upload of the log.
    UploadLog,
}

impl TransferKind {
    /// False for an upload.
    pub fn is_download(self) -> bool {
        matches!(
            self,
            Self::DownloadConfiguration | Self::DownloadFirmware | Self::DownloadFile
        )
    }
}

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferState {
    /// Not begun, or begun and cut off by a restart of the gateway: it begins anew.
    Waiting {
        /// Not before this moment.
        due: Timestamp,
    },
    /// Ended; the ACS has not acknowledged the report.
    Finished(TransferComplete),
    /// The file is here, and the phone has to take it (cwmp.md M98).
    Installing(Installing),
}

/// How far a phone is with a file that it has to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installing {
    /// When the transfer began.
    pub started_at: Timestamp,
    /// Until when the phone has to have taken it.
    pub deadline: Timestamp,
    /// The file, in the content-addressed folder.
    pub content: ContentHash,
    /// Where the phone finds it.
    pub served_path: TreePath,
    /// The firmware version that the phone had.
    pub version_before: Option<String>,
    /// When all of it had left for the phone.
    pub fetched_at: Option<Timestamp>,
    /// What was changed in the phone's own file so that it finds the file there.
    pub pointers: Vec<Pointer>,
    /// The revision of the phone's own file that has them.
    pub revision: u64,
    /// When the phone is told to restart, because it has its own file and does not fetch this one.
    pub restart_at: Option<Timestamp>,
    /// It has been told to restart for the sake of this file, or will be.
    pub restart_is_ordered: bool,
}

/// Which RPC ordered a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferOrder {
    /// Download or Upload.
    Once,
    /// ScheduleDownload.
    Within(Vec<ScheduledWindow>),
    /// None: a person has given the phone this image.
    Assigned(ContentHash),
}

/// A window of a ScheduleDownload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledWindow {
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// `1 At Any Time` and the like.
    pub mode: String,
    /// Tries left in it after the first; -1 is "as many as needed".
    pub retries_left: i32,
}

/// A transfer that the ACS has ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Unique within the device, never used twice.
    pub id: u64,
    /// Key of the RPC.
    pub command_key: String,
    /// What goes where.
    pub kind: TransferKind,
    /// http or https.
    pub url: String,
    /// User for the file server.
    pub username: String,
    /// Password for the file server.
    pub password: Secret,
    /// How far it is.
    pub state: TransferState,
    /// What ordered it.
    pub order: TransferOrder,
    /// FileType, as the RPC named it.
    pub file_type: String,
    /// Bytes that the ACS announced; 0 is "not known".
    pub file_size: u32,
    /// Name that the ACS gave; may be empty.
    pub target_file_name: String,
}

/// AutonomousTransferCompletePolicy (cwmp.md T6); an empty filter lets everything pass.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AutonomousPolicy {
    /// Whether such transfers are reported.
    pub enable: bool,
    /// `Upload`, `Download`, `Both`.
    pub transfer_types: String,
    /// `Success`, `Failure`, `Both`.
    pub results: String,
    /// Comma-separated list of FileTypes.
    pub file_types: String,
}

/// A transfer that no ACS ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutonomousReport {
    /// Unique within the device, also among transfers.
    pub id: u64,
    /// What is told of it.
    pub report: AutonomousTransferComplete,
}

/// A file that the CPE asks its ACS for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Unique within the device, also among transfers.
    pub id: u64,
    /// What is asked.
    pub request: RequestDownload,
}
