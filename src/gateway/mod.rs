//! What the product does, in verbs: import, change, transfer, observe, hand over; and the
//! scheduler, which serves both sides. Only the gateway changes a device.

mod acs_choice;
mod another_tree;
mod attributes;
mod check;
mod clock;
mod closed;
mod controls;
mod convert;
mod core;
mod cpe_parameters;
mod deliveries;
mod device_log;
mod documents;
mod door;
mod draft;
mod edit_report;
mod explain;
mod export;
mod factory_reset;
mod file_index;
mod file_passwords;
mod firmware;
mod import;
mod inform_parameters;
mod inform_values;
mod lightweight;
mod live;
mod notifications;
mod objects;
mod overview;
mod own_changes;
mod own_cpe;
mod phones;
mod random;
mod records;
mod report;
mod reports;
mod retry;
mod rpc;
mod schedule;
mod scheduled_informs;
mod sessions;
mod settings;
mod shared_affixes;
mod timed_queue;
mod trace;
mod trace_view;
mod transfers;
mod tree;
mod unique_keys;
mod values;
mod version;
mod view;
mod waking;

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod firmware_tests;
#[cfg(test)]
mod layer_tests;
#[cfg(test)]
mod lens_set_tests;
#[cfg(test)]
mod objects_tests;
#[cfg(test)]
mod sealed_tests;
#[cfg(test)]
mod template_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transfer_tests;

pub use self::core::Gateway;
pub use acs_choice::{Acs, AcsNumber, AcsRule, DeviceMatch, MacPrefix, MacPrefixError};
pub use check::{Progress, check};
pub use clock::Clock;
pub use convert::{ConvertError, ConvertRequest, ConvertedFile};
pub use deliveries::DeliveryDetail;
pub use door::{
    AcsEndpoint, Carried, ConnectionRequestTarget, ControlAction, ControlJob, ControlOutcome,
    Delivery, FetchAnswer, FetchReceipt, FetchRequest, GatewayError, OpenSession, PendingCall,
    SessionOutcome, Shown, TransferDirection, TransferJob, Transport,
};
pub use edit_report::{EditReport, SetReport};
pub use explain::PhoneExplanation;
pub use file_passwords::{FilePassword, FilePasswords, ModelPattern};
pub use firmware::{Assigned, Assignment, Chosen, FirmwareAddition, FirmwareError, FirmwareView};
pub use import::{ImportError, ImportOptions};
pub use lightweight::LightweightJob;
pub use overview::{DeviceDetail, DeviceSummary, ParameterLine, TransferSummary};
pub use report::{
    CheckReport, ExportReport, Finding, FindingKind, ImportReport, ImportSummary, KindError,
    TreeSummary, UnknownKey, VerifyReport, VerifySummary, Weight,
};
pub use settings::{GatewaySettings, ProductClass, ProductClassError};
pub use trace::{Direction, TraceId};
pub use trace_view::{TracedMessage, TracedSession, Watch, Watched, WatchedEvent};
pub use transfers::WishError;
pub use tree::TreeError;
pub use values::ChangeError;
pub use waking::{
    Admission, BindingJob, BindingResult, Throttle, ThrottleError, UnreachablePhone, WakingRules,
};
