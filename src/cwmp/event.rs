//! Events that an Inform reports (cwmp.md section 4.1).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::version::CwmpVersion;

/// What happened, as the standard numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventCode {
    /// `0 BOOTSTRAP`: first contact, or a new ACS URL.
    Bootstrap,
    /// `1 BOOT`: the phone has restarted.
    Boot,
    /// `2 PERIODIC`.
    Periodic,
    /// `3 SCHEDULED`.
    Scheduled,
    /// `4 VALUE CHANGE`.
    ValueChange,
    /// `6 CONNECTION REQUEST`.
    ConnectionRequest,
    /// `7 TRANSFER COMPLETE`.
    TransferComplete,
    /// `M Reboot`.
    Reboot,
    /// `M ScheduleInform`.
    ScheduleInform,
    /// `M Download`.
    Download,
    /// `M Upload`.
    Upload,
    /// `9 REQUEST DOWNLOAD`: the CPE wants a file.
    RequestDownload,
    /// `10 AUTONOMOUS TRANSFER COMPLETE`: a transfer that this ACS did not order has ended.
    AutonomousTransferComplete,
    /// `14 HEARTBEAT`: alone in its Inform.
    Heartbeat,
    /// `M ScheduleDownload`.
    ScheduleDownload,
}

impl EventCode {
    /// The code as it stands on the wire.
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Bootstrap => "0 BOOTSTRAP",
            Self::Boot => "1 BOOT",
            Self::Periodic => "2 PERIODIC",
            Self::Scheduled => "3 SCHEDULED",
            Self::ValueChange => "4 VALUE CHANGE",
            Self::ConnectionRequest => "6 CONNECTION REQUEST",
            Self::TransferComplete => "7 TRANSFER COMPLETE",
            Self::Reboot => "M Reboot",
            Self::ScheduleInform => "M ScheduleInform",
            Self::Download => "M Download",
            Self::Upload => "M Upload",
            Self::RequestDownload => "9 REQUEST DOWNLOAD",
            Self::AutonomousTransferComplete => "10 AUTONOMOUS TRANSFER COMPLETE",
            Self::Heartbeat => "14 HEARTBEAT",
            Self::ScheduleDownload => "M ScheduleDownload",
        }
    }
}

impl EventCode {
    /// The first version of CWMP whose schema has the code.
    pub fn since(self) -> CwmpVersion {
        match self {
            Self::AutonomousTransferComplete => CwmpVersion::V1_1,
            Self::ScheduleDownload => CwmpVersion::V1_2,
            Self::Heartbeat => CwmpVersion::V1_4,
            _ => CwmpVersion::V1_0,
        }
    }
}

impl fmt::Display for EventCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.wire_name())
    }
}

/// One entry of an Inform's event list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub code: EventCode,
    /// The key of the RPC that caused it; empty for all but the `M` codes. At most 32 characters.
    pub command_key: String,
}

impl Event {
    /// An event that no RPC caused.
    pub fn plain(code: EventCode) -> Self {
        Self {
            code,
            command_key: String::new(),
        }
    }
}
