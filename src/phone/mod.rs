//! The door towards the phones: their files over HTTP, HTTPS and TFTP, NOTIFY to make them fetch, and
//! what they say over syslog.

mod body;
mod certificate_names;
mod certificates;
mod client_certificates;
mod control;
mod files;
#[cfg(test)]
mod files_tests;
mod own_end;
mod path;
mod replay;
mod server;
mod stalled;
mod syslog;
mod tftp;
mod tftp_client;
mod tls;
mod uploads;
mod upstream;

pub use certificate_names::names_in_certificate;
pub use certificates::{CertificateError, CertificateFiles};
pub use client_certificates::{AuthoritiesError, key_problem};
pub use control::{ControlSender, ControlSenderError, SipSettings};
pub use replay::{
    BytesThere, LogLineError, LogPlace, LoggedRequest, MAX_LINE, NeitherHad, Replay, ReplayFinding,
    ReplayFindingKind, ReplayReport, ReplaySummary, ReplayedPhone,
};
pub use server::{CertificateReload, PhoneServer, PhoneServerError, PhoneSettings};
pub use syslog::{SyslogServer, SyslogServerError, SyslogSettings};
pub use tftp::{AllowedSources, TftpServer, TftpServerError, TftpSettings};
pub use tftp_client::{TftpFetchError, TftpLimits, fetch as fetch_by_tftp};
pub use tls::TlsError;
pub use upstream::{
    CatchAll, Likeness, OldAnswer, OldServer, OldServerError, Patience, PhoneFiles, Question,
    UpstreamError, UpstreamMode, UpstreamSettings,
};
