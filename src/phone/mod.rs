//! The door towards the phones: their files over HTTP and HTTPS, NOTIFY to make them fetch, and
//! what they say over syslog.

mod body;
mod control;
mod files;
mod own_end;
mod path;
mod server;
mod syslog;

pub use control::ControlSender;
pub use server::{PhoneServer, PhoneServerError, PhoneSettings};
pub use syslog::{SyslogServer, SyslogServerError, SyslogSettings};
