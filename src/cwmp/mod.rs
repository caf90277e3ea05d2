//! The CPE WAN Management Protocol as a CPE speaks it, without I/O: messages, their SOAP form,
//! events, faults, and the session machine.

mod event;
mod exchange;
mod fault;
mod message;
mod profile;
mod profile_file;
mod retry_after;
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
pub use profile_file::{AcsProfileError, AcsProfiles};
pub use retry_after::RetryAfter;
pub use session::{
    Delivered, MAX_SENDS, Reply, Session, SessionEnd, SessionFailure, SessionStart, Step,
    VersionDoubt,
};
pub use soap::{
    AcsBody, AcsFault, AcsMessage, MAX_ATTRIBUTES, MAX_BODY, MAX_DEPTH, MAX_ELEMENTS, MAX_PIECE,
    Outgoing, Pieces, SoapError, Voice, decode, encode_fault, encode_must_understand_fault,
    encode_request, encode_response, show, show_text,
};
pub use version::{CwmpVersion, UnknownVersion};
