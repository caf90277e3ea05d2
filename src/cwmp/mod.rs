//! The CPE WAN Management Protocol as a CPE speaks it, without I/O: messages, their SOAP form,
//! events, faults, and the session machine.

mod event;
mod exchange;
mod fault;
mod message;
mod profile;
mod session;
mod soap;
mod version;

pub use event::{Event, EventCode};
pub use exchange::{Exchange, ExchangeFailure, HttpRequest, Verdict};
pub use fault::{Fault, FaultCode, ParameterFault};
pub use message::{
    AcsRequest, AcsResponse, AutonomousTransferComplete, CpeCall, CpeRequest, CpeResponse,
    DeviceId, Download, Inform, Notification, ParameterAttribute, ParameterInfo, ParameterValue,
    QueuedTransfer, QueuedTransferState, RequestDownload, ScheduleDownload, SetAttribute, SetValue,
    TimeWindow, TransferComplete, TransferFault, TransferStatus, Upload,
};
pub use profile::AcsProfile;
pub use session::{
    Delivered, MAX_SENDS, Reply, Session, SessionEnd, SessionFailure, SessionStart, Step,
};
pub use soap::{
    AcsBody, AcsFault, AcsMessage, LightweightNotification, MAX_ATTRIBUTES, MAX_BODY, MAX_DEPTH,
    MAX_ELEMENTS, SoapError, decode, encode_fault, encode_lightweight_notification,
    encode_must_understand_fault, encode_request, encode_response,
};
pub use version::{CwmpVersion, UnknownVersion};
