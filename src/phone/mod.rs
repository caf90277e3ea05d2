//! The door towards the phones: their files over HTTP, HTTPS and TFTP, NOTIFY to make them fetch, and
//! what they say over syslog.

mod body;
mod control;
mod files;
mod own_end;
mod path;
mod replay;
mod server;
mod syslog;
mod tftp;
mod tftp_client;
mod upstream;

pub use control::ControlSender;
pub use replay::{
    BytesThere, LogLineError, LogPlace, LoggedRequest, MAX_LINE, NeitherHad, Replay, ReplayFinding,
    ReplayFindingKind, ReplayReport, ReplaySummary, ReplayedPhone,
};
pub use server::{PhoneServer, PhoneServerError, PhoneSettings};
pub use syslog::{SyslogServer, SyslogServerError, SyslogSettings};
pub use tftp::{AllowedSources, TftpServer, TftpServerError, TftpSettings};
pub use tftp_client::{TftpFetchError, TftpLimits, fetch as fetch_by_tftp};
pub use upstream::{
    OldAnswer, OldServer, OldServerError, Patience, PhoneFiles, Question, UpstreamError,
    UpstreamMode, UpstreamSettings,
};
