//! What the product does, in verbs: import, change, transfer, observe, hand over; and the
//! scheduler, which serves both sides. Only the gateway changes a device.

mod another_tree;
mod attributes;
mod check;
mod clock;
mod closed;
mod controls;
mod convert;
mod core;
mod cpe_parameters;
mod door;
mod draft;
mod edit_report;
mod explain;
mod export;
mod file_index;
mod file_passwords;
mod import;
mod live;
mod overview;
mod own_cpe;
mod phones;
mod random;
mod records;
mod report;
mod rpc;
mod schedule;
mod sessions;
mod settings;
mod shared_affixes;
mod timed_queue;
mod transfers;
mod tree;
mod values;
mod view;

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod layer_tests;
#[cfg(test)]
mod lens_set_tests;
#[cfg(test)]
mod sealed_tests;
#[cfg(test)]
mod template_tests;
#[cfg(test)]
mod tests;

pub use self::core::Gateway;
pub use check::{Progress, check};
pub use clock::Clock;
pub use convert::{ConvertError, ConvertRequest, ConvertedFile};
pub use door::{
    AcsEndpoint, ConnectionRequestTarget, ControlAction, ControlJob, ControlOutcome, Delivery,
    FetchAnswer, FetchReceipt, FetchRequest, GatewayError, OpenSession, PendingCall,
    SessionOutcome, TransferDirection, TransferJob,
};
pub use edit_report::{EditReport, SetReport};
pub use explain::PhoneExplanation;
pub use file_passwords::{FilePassword, FilePasswords, ModelPattern};
pub use import::{ImportError, ImportOptions};
pub use overview::{DeviceDetail, DeviceSummary, ParameterLine, TransferSummary};
pub use report::{
    CheckReport, ExportReport, Finding, FindingKind, ImportReport, ImportSummary, KindError,
    TreeSummary, UnknownKey, VerifyReport, VerifySummary, Weight,
};
pub use settings::{GatewaySettings, ProductClass, ProductClassError};
pub use tree::TreeError;
pub use values::ChangeError;
