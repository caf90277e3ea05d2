//! What the product does, in verbs: import, change, transfer, observe, hand over; and the
//! scheduler, which serves both sides. Only the gateway changes a device.

mod access;
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
mod due_heap;
mod due_sessions;
mod edit_report;
mod explain;
mod export;
mod factory_reset;
mod file_index;
mod file_passwords;
mod firmware;
mod hand_over;
mod import;
mod imported_file;
mod inform_parameters;
mod inform_values;
mod known_phones;
mod lightweight;
mod live;
mod log_view;
mod misses;
mod named_view;
mod notifications;
mod objects;
mod overview;
mod own_changes;
mod own_cpe;
mod phone_uploads;
mod phones;
mod random;
mod records;
mod report;
mod reports;
mod retry;
mod rpc;
mod schedule;
mod scheduled_informs;
mod session_record;
mod sessions;
mod settings;
mod shared_affixes;
mod shared_documents;
mod syslog;
mod take_over;
mod timed_queue;
mod trace;
mod trace_view;
mod transfers;
mod tree;
mod tree_merge;
mod unique_keys;
mod upkeep;
mod upload_store;
mod upstream;
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
mod fetch_tests;
#[cfg(test)]
mod firmware_tests;
#[cfg(test)]
mod fleet_tests;
#[cfg(test)]
mod hand_over_tests;
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
mod test_support;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tftp_tests;
#[cfg(test)]
mod transfer_tests;
#[cfg(test)]
mod upload_tests;

pub use self::core::Gateway;
pub use access::{
    AccessGroup, AccessPolicy, AccessSettings, AccessSummary, CredentialsLine, CredentialsOrder,
    CredentialsOutcome, FirstContact, FirstContactError, GivenProof, GivenSummary, Network,
    NetworkError, Proof, RefusedAttempts, UnknownGroup, UntilUsed, hide_token, split_token,
    the_only_mac,
};
pub use acs_choice::{Acs, AcsNumber, AcsRule, DeviceMatch, MacPrefix, MacPrefixError};
pub use check::{Progress, check};
pub use clock::Clock;
pub use controls::{
    ControlJob, ControlOutcome, ControlSettings, MeansTried, Rate, RateError, SipAim, SipRoute,
    SipTransportChoice, SipVia, WebAim, WebLoginRule,
};
pub use convert::{ConvertError, ConvertRequest, ConvertedFile};
pub use deliveries::DeliveryDetail;
pub use door::{
    AcsEndpoint, Carried, ConnectionRequestTarget, Delivery, FetchAnswer, FetchReceipt,
    FetchRequest, GatewayError, OpenSession, PendingCall, SessionOutcome, Shown, TransferDirection,
    TransferJob, Transport,
};
pub use due_sessions::{DueSession, Urgency};
pub use edit_report::{EditReport, SetReport};
pub use explain::PhoneExplanation;
pub use file_passwords::{FilePassword, FilePasswords, ModelPattern};
pub use firmware::{Assigned, Assignment, Chosen, FirmwareAddition, FirmwareError, FirmwareView};
pub use hand_over::{HandOverError, HandOverOrder, HandOverState, HandOverSummary, HandedOver};
pub use import::{ImportError, ImportOptions};
pub use lightweight::LightweightJob;
pub use log_view::{LogEntry, LogOrigin, LogQuery};
pub use misses::{
    ClaimError, ClaimFrom, Claimed, MissBudgets, MissCount, MissReason, MissRules, MissedAttempts,
    QuarantineList, QuarantinedPhone, Reopened, UsedUpBudget,
};
pub use overview::{DeviceDetail, DeviceSummary, ParameterLine, TransferSummary};
pub use phone_uploads::{UploadPermit, UploadRefusal, UploadSettings, UploadSummary};
pub use report::{
    CheckReport, ExportReport, Finding, FindingKind, ImportReport, ImportSummary, KindError,
    TreeSummary, UnknownKey, VerifyReport, VerifySummary, Weight,
};
pub use settings::{GatewaySettings, ProductClass, ProductClassError};
pub use syslog::{
    SyslogDrops, SyslogOrder, SyslogReport, SyslogSwitchError, SyslogSwitched, UnknownLine,
};
pub use trace::{Direction, TraceId};
pub use trace_view::{TracedMessage, TracedSession, Watch, Watched, WatchedEvent};
pub use transfers::WishError;
pub use tree::TreeError;
pub use upkeep::{
    DamagedRecord, ReindexReport, SpaceRules, StoreCheckReport, StoreCheckSummary, StoreFinding,
    StoreFindingKind, StoreStatus,
};
pub use upstream::{
    FilePlace, FoundFile, Lesson, NeverSeen, UpstreamFile, UpstreamLine, UpstreamNote,
    UpstreamReport, UpstreamSummary, WouldAnswer, WouldAsk,
};
pub use values::ChangeError;
pub use waking::{
    Admission, BindingJob, BindingResult, Throttle, ThrottleError, UnreachablePhone, WakingRules,
};
