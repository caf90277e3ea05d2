//! The door towards the phones: their files over HTTP and HTTPS, and NOTIFY to make them fetch.

mod body;
mod control;
mod files;
mod own_end;
mod path;
mod replay;
mod server;
mod upstream;

pub use control::ControlSender;
pub use replay::{
    BytesThere, LogLineError, LogPlace, LoggedRequest, MAX_LINE, NeitherHad, Replay, ReplayFinding,
    ReplayFindingKind, ReplayReport, ReplaySummary, ReplayedPhone,
};
pub use server::{PhoneServer, PhoneServerError, PhoneSettings};
pub use upstream::{
    OldAnswer, OldServer, OldServerError, Patience, PhoneFiles, Question, UpstreamError,
    UpstreamMode, UpstreamSettings,
};
