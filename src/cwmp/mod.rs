//! The CPE WAN Management Protocol as a CPE speaks it, without I/O: messages, their SOAP form,
//! events, faults, and the session machine.

mod event;
mod fault;
mod message;

pub use event::{Event, EventCode};
pub use fault::{Fault, FaultCode, ParameterFault};
pub use message::{
    AcsRequest, AcsResponse, CpeRequest, CpeResponse, DeviceId, Download, Inform, Notification,
    ParameterAttribute, ParameterInfo, ParameterValue, SetAttribute, SetValue, TransferComplete,
    TransferFault, TransferStatus, Upload,
};
