//! The messages of CWMP (cwmp.md sections 4, 6, 7), as plain data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::fault::FaultCode;
use super::version::CwmpVersion;
use crate::datamodel::ValueType;
use crate::wire::Secret;

/// Who a CPE is; fixed for its life (cwmp.md I1, I2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceId {
    /// Name of the maker, at most 64 characters.
    pub manufacturer: String,
    /// Six upper-case hex digits.
    pub oui: String,
    /// Model, at most 64 characters.
    pub product_class: String,
    /// Serial number, unique within the two above; at most 64 characters.
    pub serial_number: String,
}

/// A parameter with its value, as it goes to the ACS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterValue {
    /// Full path.
    pub name: String,
    /// Canonical text.
    pub value: String,
    /// Type on the wire.
    pub value_type: ValueType,
}

/// The Inform that opens a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inform {
    /// Who informs.
    pub device_id: DeviceId,
    /// Why.
    pub events: Vec<Event>,
    /// Now, with an explicit offset on the wire (cwmp.md I4).
    pub current_time: Timestamp,
    /// Failed tries of this session so far (cwmp.md R5).
    pub retry_count: u32,
    /// Forced and changed parameters.
    pub parameters: Vec<ParameterValue>,
}

/// Why a transfer failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferFault {
    /// One of the codes of cwmp.md M99.
    pub code: FaultCode,
    /// The same for a person, at most 256 characters.
    pub text: String,
}

/// The report on a finished transfer (cwmp.md T1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferComplete {
    /// Key of the Download or Upload, byte for byte (cwmp.md T5).
    pub command_key: String,
    /// `None` on success.
    pub fault: Option<TransferFault>,
    /// When the transfer began; `None` is written as the Unknown Time.
    pub start_time: Option<Timestamp>,
    /// When the file was there and in force.
    pub complete_time: Option<Timestamp>,
}

/// The report on a transfer that the ACS did not order (cwmp.md T6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutonomousTransferComplete {
    /// Where the file was announced; empty where it was not. At most 1024 characters.
    pub announce_url: String,
    /// Where the file came from or went to; empty where that is not known. At most 1024 characters.
    pub transfer_url: String,
    /// False for an upload.
    pub is_download: bool,
    /// `1 Firmware Upgrade Image` and the like.
    pub file_type: String,
    /// Bytes; 0 is "not known".
    pub file_size: u32,
    /// Name that the file got; may be empty.
    pub target_file_name: String,
    /// `None` on success.
    pub fault: Option<TransferFault>,
    /// When the transfer began; `None` is written as the Unknown Time.
    pub start_time: Option<Timestamp>,
    /// When the file was there and in force.
    pub complete_time: Option<Timestamp>,
}

/// The CPE asks to be sent a Download (cwmp.md T7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestDownload {
    /// `1 Firmware Upgrade Image` and the like.
    pub file_type: String,
    /// Name and value of each argument, 16 at most.
    pub arguments: Vec<(String, String)>,
}

/// A request of the CPE that follows its Inform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CpeCall {
    /// Reports a transfer that the ACS has ordered.
    TransferComplete(TransferComplete),
    /// Reports another transfer.
    AutonomousTransferComplete(AutonomousTransferComplete),
    /// Asks for a file.
    RequestDownload(RequestDownload),
}

impl CpeCall {
    /// The name of the method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::TransferComplete(_) => "TransferComplete",
            Self::AutonomousTransferComplete(_) => "AutonomousTransferComplete",
            Self::RequestDownload(_) => "RequestDownload",
        }
    }

    /// The first version of CWMP whose schema has the method.
    pub fn since(&self) -> CwmpVersion {
        CwmpVersion::of_method(self.method())
    }
}

/// A request of the CPE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CpeRequest {
    /// Opens the session.
    Inform(Inform),
    /// What follows it.
    Call(CpeCall),
    /// Asks the ACS for its methods.
    GetRpcMethods,
}

/// The ACS's answer to a request of the CPE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcsResponse {
    /// InformResponse.
    Inform,
    /// TransferCompleteResponse.
    TransferComplete,
    /// AutonomousTransferCompleteResponse.
    AutonomousTransferComplete,
    /// RequestDownloadResponse.
    RequestDownload,
    /// GetRPCMethodsResponse.
    GetRpcMethods(Vec<String>),
    /// A response element of another name.
    Other(String),
}

/// One entry of SetParameterValues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetValue {
    /// Name as the ACS gave it.
    pub name: String,
    /// Text as the ACS gave it, unescaped, not trimmed (cwmp.md E19).
    pub value: String,
    /// The type that `xsi:type` names; `None` when it is missing or unknown here.
    pub value_type: Option<ValueType>,
}

/// How an ACS wants to hear of a change (cwmp.md A1, A2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Notification {
    /// 0: not at all.
    #[default]
    Off,
    /// 1: in the next Inform.
    Passive,
    /// 2: at once.
    Active,
    /// 3: with the next lightweight notification (CWMP 1.4).
    PassiveLightweight,
    /// 4: 1 and 3 (CWMP 1.4).
    PassiveBoth,
    /// 5: by a lightweight notification at once (CWMP 1.4).
    ActiveLightweight,
    /// 6: 1 and 5 (CWMP 1.4).
    ActiveBoth,
}

impl Notification {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::Passive => 1,
            Self::Active => 2,
            Self::PassiveLightweight => 3,
            Self::PassiveBoth => 4,
            Self::ActiveLightweight => 5,
            Self::ActiveBoth => 6,
        }
    }

    /// Reads the number on the wire; `None` for one that no version of CWMP has. Those above 2 are
    /// of version 1.4.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::Passive),
            2 => Some(Self::Active),
            3 => Some(Self::PassiveLightweight),
            4 => Some(Self::PassiveBoth),
            5 => Some(Self::ActiveLightweight),
            6 => Some(Self::ActiveBoth),
            _ => None,
        }
    }

    /// What a version has for this: lightweight notifications are of 1.4 (cwmp.md A1).
    pub(super) fn within(self, version: CwmpVersion) -> Self {
        if version >= CwmpVersion::V1_4 {
            return self;
        }
        match self {
            Self::Off | Self::PassiveLightweight | Self::ActiveLightweight => Self::Off,
            Self::Passive | Self::PassiveBoth => Self::Passive,
            Self::Active | Self::ActiveBoth => Self::Active,
        }
    }

    /// Whether a change stands in an Inform, with `4 VALUE CHANGE`.
    pub fn is_in_inform(self) -> bool {
        matches!(
            self,
            Self::Passive | Self::Active | Self::PassiveBoth | Self::ActiveBoth
        )
    }

    /// Whether a change goes into a lightweight notification.
    pub fn is_lightweight(self) -> bool {
        matches!(
            self,
            Self::PassiveLightweight
                | Self::PassiveBoth
                | Self::ActiveLightweight
                | Self::ActiveBoth
        )
    }
}

/// One entry of SetParameterAttributes; `None` where the Change flag is false (cwmp.md M60).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAttribute {
    /// Parameter or partial path, as the ACS gave it.
    pub name: String,
    /// New notification, as the number on the wire.
    pub notification: Option<i64>,
    /// New access list.
    pub access_list: Option<Vec<String>>,
}

/// Download (cwmp.md M90).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Key for the TransferComplete.
    pub command_key: String,
    /// `3 Vendor Configuration File` and the like.
    pub file_type: String,
    /// Where the file is.
    pub url: String,
    /// User for the file server.
    pub username: String,
    /// Password for the file server.
    pub password: Secret,
    /// Bytes; 0 is "not known".
    pub file_size: u32,
    /// Name the file should get; may be empty.
    pub target_file_name: String,
    /// Seconds to wait, from receipt.
    pub delay_seconds: u32,
}

/// Upload (cwmp.md M110).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Key for the TransferComplete.
    pub command_key: String,
    /// `1 Vendor Configuration File` and the like.
    pub file_type: String,
    /// Where to PUT the file.
    pub url: String,
    /// User for the file server.
    pub username: String,
    /// Password for the file server.
    pub password: Secret,
    /// Seconds to wait, from receipt.
    pub delay_seconds: u32,
}

/// Download within time windows (cwmp.md M140–M143).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleDownload {
    /// What is downloaded. `delay_seconds` is 0: the windows count instead.
    pub download: Download,
    /// When; one or two by the standard, which is not checked here.
    pub windows: Vec<TimeWindow>,
}

/// When a ScheduleDownload may be carried out; seconds count from receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeWindow {
    /// First second.
    pub start: u32,
    /// Last second.
    pub end: u32,
    /// `1 At Any Time` and the like.
    pub mode: String,
    /// For the person at the phone; at most 256 characters.
    pub user_message: String,
    /// Retries within the window; -1 is "as many as needed".
    pub max_retries: i32,
}

/// A request of the ACS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcsRequest {
    /// Which methods does the CPE answer?
    GetRpcMethods,
    /// Sets values, all or none.
    SetParameterValues {
        /// What to set.
        parameters: Vec<SetValue>,
        /// Stored if the call succeeds.
        parameter_key: String,
    },
    /// Reads values of parameters and partial paths.
    GetParameterValues(Vec<String>),
    /// Lists names.
    GetParameterNames {
        /// Where to begin; empty for the root.
        path: String,
        /// Only the direct children.
        next_level: bool,
    },
    /// Sets attributes, all or none.
    SetParameterAttributes(Vec<SetAttribute>),
    /// Reads attributes of parameters and partial paths.
    GetParameterAttributes(Vec<String>),
    /// Restarts the phone after the session.
    Reboot {
        /// Key for the `M Reboot` event.
        command_key: String,
    },
    /// Fetches a file.
    Download(Download),
    /// Sends a file.
    Upload(Upload),
    /// Adds a row to a table (cwmp.md M70).
    AddObject {
        /// Path of the table, as the ACS gave it.
        object_name: String,
        /// Stored if the call succeeds.
        parameter_key: String,
    },
    /// Deletes a row.
    DeleteObject {
        /// Path of the row, as the ACS gave it.
        object_name: String,
        /// Stored if the call succeeds.
        parameter_key: String,
    },
    /// Puts everything back as it was before any ACS (cwmp.md M82).
    FactoryReset,
    /// Asks for an Inform later (cwmp.md M120).
    ScheduleInform {
        /// Seconds from receipt.
        delay_seconds: u32,
        /// Key for the `M ScheduleInform` event.
        command_key: String,
    },
    /// Which transfers wait or run? (cwmp.md M130)
    GetQueuedTransfers,
    /// The same with more of each, also of those that the ACS did not order.
    GetAllQueuedTransfers,
    /// Fetches a file within time windows.
    ScheduleDownload(ScheduleDownload),
    /// Drops the transfers with a key (cwmp.md M144).
    CancelTransfer {
        /// The key.
        command_key: String,
    },
    /// A method that this CPE does not answer; its name.
    Unsupported(String),
}

impl AcsResponse {
    /// The name of the element.
    pub fn element(&self) -> &str {
        match self {
            Self::Inform => "InformResponse",
            Self::TransferComplete => "TransferCompleteResponse",
            Self::AutonomousTransferComplete => "AutonomousTransferCompleteResponse",
            Self::RequestDownload => "RequestDownloadResponse",
            Self::GetRpcMethods(_) => "GetRPCMethodsResponse",
            Self::Other(name) => name,
        }
    }
}

impl AcsRequest {
    /// The name of the method.
    pub fn method(&self) -> &str {
        match self {
            Self::GetRpcMethods => "GetRPCMethods",
            Self::SetParameterValues { .. } => "SetParameterValues",
            Self::GetParameterValues(_) => "GetParameterValues",
            Self::GetParameterNames { .. } => "GetParameterNames",
            Self::SetParameterAttributes(_) => "SetParameterAttributes",
            Self::GetParameterAttributes(_) => "GetParameterAttributes",
            Self::Reboot { .. } => "Reboot",
            Self::Download(_) => "Download",
            Self::Upload(_) => "Upload",
            Self::AddObject { .. } => "AddObject",
            Self::DeleteObject { .. } => "DeleteObject",
            Self::FactoryReset => "FactoryReset",
            Self::ScheduleInform { .. } => "ScheduleInform",
            Self::GetQueuedTransfers => "GetQueuedTransfers",
            Self::GetAllQueuedTransfers => "GetAllQueuedTransfers",
            Self::ScheduleDownload(_) => "ScheduleDownload",
            Self::CancelTransfer { .. } => "CancelTransfer",
            Self::Unsupported(method) => method,
        }
    }
}

/// An entry of GetParameterNamesResponse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Full path; an object's ends in a dot.
    pub name: String,
    /// See cwmp.md M55.
    pub writable: bool,
}

/// An entry of GetParameterAttributesResponse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterAttribute {
    /// Full path of a parameter.
    pub name: String,
    /// Notification in force.
    pub notification: Notification,
    /// Entities that may write besides the ACS.
    pub access_list: Vec<String>,
}

/// How far a transfer is when its request is answered (cwmp.md M92).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferStatus {
    /// Status 1: a TransferComplete will follow.
    Later,
}

/// The CPE's answer to a request of the ACS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CpeResponse {
    /// The methods that the CPE answers.
    GetRpcMethods(Vec<String>),
    /// Everything is committed.
    SetParameterValues {
        /// False: Status 0, in force. True: Status 1, in force once the phone has fetched.
        applied_later: bool,
    },
    /// Values.
    GetParameterValues(Vec<ParameterValue>),
    /// Names.
    GetParameterNames(Vec<ParameterInfo>),
    /// Attributes are set.
    SetParameterAttributes,
    /// Attributes.
    GetParameterAttributes(Vec<ParameterAttribute>),
    /// The restart will follow.
    Reboot,
    /// The download is queued.
    Download(TransferStatus),
    /// The upload is queued.
    Upload(TransferStatus),
    /// The row is there.
    AddObject {
        /// Its instance number.
        instance: u32,
        /// As for SetParameterValues.
        applied_later: bool,
    },
    /// The row is gone.
    DeleteObject {
        /// As for SetParameterValues.
        applied_later: bool,
    },
    /// The reset will follow.
    FactoryReset,
    /// The Inform will follow.
    ScheduleInform,
    /// Transfers.
    GetQueuedTransfers(Vec<QueuedTransfer>),
    /// Transfers.
    GetAllQueuedTransfers(Vec<QueuedTransfer>),
    /// The download is queued.
    ScheduleDownload,
    /// The transfers are dropped.
    CancelTransfer,
}

/// How far a transfer is, as the ACS asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuedTransferState {
    /// 1: not begun.
    Waiting,
    /// 2: under way.
    Running,
    /// 3: done, and not acknowledged.
    Finished,
}

impl QueuedTransferState {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Waiting => 1,
            Self::Running => 2,
            Self::Finished => 3,
        }
    }
}

/// An entry of GetQueuedTransfersResponse and GetAllQueuedTransfersResponse; only the first two
/// fields go into the former.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedTransfer {
    /// Key of the RPC; empty where no RPC ordered it.
    pub command_key: String,
    /// How far it is.
    pub state: QueuedTransferState,
    /// False for an upload.
    pub is_download: bool,
    /// As the RPC named it.
    pub file_type: String,
    /// Bytes; 0 is "not known".
    pub file_size: u32,
    /// As the RPC named it; may be empty.
    pub target_file_name: String,
}
