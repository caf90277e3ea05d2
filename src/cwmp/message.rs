//! The messages of CWMP 1.2 (cwmp.md sections 4, 6, 7), as plain data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::fault::FaultCode;
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

/// A request of the CPE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CpeRequest {
    /// Opens the session.
    Inform(Inform),
    /// Reports a transfer.
    TransferComplete(TransferComplete),
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
}

impl Notification {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::Passive => 1,
            Self::Active => 2,
        }
    }

    /// Reads the number on the wire; `None` for one that CWMP 1.2 does not have.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::Passive),
            2 => Some(Self::Active),
            _ => None,
        }
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
    /// A method that this CPE does not answer; its name.
    Unsupported(String),
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
}
