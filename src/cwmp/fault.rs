//! Faults that a CPE answers with (cwmp.md section 8).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::version::CwmpVersion;

/// A CPE fault code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FaultCode {
    /// 9000: the method is not supported.
    MethodNotSupported,
    /// 9001: request denied.
    RequestDenied,
    /// 9002: internal error.
    InternalError,
    /// 9003: invalid arguments.
    InvalidArguments,
    /// 9004: resources exceeded.
    ResourcesExceeded,
    /// 9005: invalid parameter name.
    InvalidParameterName,
    /// 9006: invalid parameter type.
    InvalidParameterType,
    /// 9007: invalid parameter value.
    InvalidParameterValue,
    /// 9008: the parameter is not writable.
    NotWritable,
    /// 9009: notification request rejected.
    NotificationRejected,
    /// 9010: file transfer failure.
    TransferFailure,
    /// 9011: upload failure.
    UploadFailure,
    /// 9012: file server authentication failure.
    TransferAuthentication,
    /// 9013: unsupported transfer protocol.
    TransferProtocol,
    /// 9015: cannot contact the file server.
    FileServerUnreachable,
    /// 9016: cannot access the file.
    FileInaccessible,
    /// 9017: cannot complete the download.
    DownloadIncomplete,
    /// 9018: the file is corrupted.
    FileCorrupted,
    /// 9019: the file is not signed as it has to be, or its server can't be trusted.
    FileAuthentication,
    /// 9020: not done within the time windows.
    OutsideTimeWindows,
    /// 9021: it can't be cancelled now.
    CancelNotPermitted,
}

impl FaultCode {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        match self {
            Self::MethodNotSupported => 9000,
            Self::RequestDenied => 9001,
            Self::InternalError => 9002,
            Self::InvalidArguments => 9003,
            Self::ResourcesExceeded => 9004,
            Self::InvalidParameterName => 9005,
            Self::InvalidParameterType => 9006,
            Self::InvalidParameterValue => 9007,
            Self::NotWritable => 9008,
            Self::NotificationRejected => 9009,
            Self::TransferFailure => 9010,
            Self::UploadFailure => 9011,
            Self::TransferAuthentication => 9012,
            Self::TransferProtocol => 9013,
            Self::FileServerUnreachable => 9015,
            Self::FileInaccessible => 9016,
            Self::DownloadIncomplete => 9017,
            Self::FileCorrupted => 9018,
            Self::FileAuthentication => 9019,
            Self::OutsideTimeWindows => 9020,
            Self::CancelNotPermitted => 9021,
        }
    }

    /// The code that a version has for this: 9014 to 9019 are of 1.1, 9020 of 1.2; before that, a
    /// transfer simply failed. 9021 answers a method of 1.2 only.
    pub(super) fn within(self, version: CwmpVersion) -> Self {
        let since = match self.number() {
            9014..=9019 => CwmpVersion::V1_1,
            9020 => CwmpVersion::V1_2,
            _ => CwmpVersion::V1_0,
        };
        if since <= version {
            self
        } else {
            Self::TransferFailure
        }
    }

    /// Whether the SOAP faultcode is Client: the caller's error (cwmp.md E17).
    pub fn is_callers(self) -> bool {
        matches!(self.number(), 9003 | 9005..=9008)
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.number())
    }
}

/// One bad parameter of a SetParameterValues (cwmp.md M22).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterFault {
    /// The name as the ACS gave it.
    pub name: String,
    /// What is wrong with it.
    pub code: FaultCode,
    /// The same for a person.
    pub text: String,
}

/// The fault that answers a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} {text}")]
pub struct Fault {
    /// What is wrong.
    pub code: FaultCode,
    /// The same for a person.
    pub text: String,
    /// One entry per bad parameter; only for SetParameterValues.
    pub parameters: Vec<ParameterFault>,
}

impl Fault {
    /// A fault without a list of parameters.
    pub fn new(code: FaultCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            parameters: Vec::new(),
        }
    }
}
