//! What phones say over syslog: datagrams and connections in, lines to the gateway.

mod connections;
mod inlet;
mod limiter;
mod server;

pub use server::{SyslogServer, SyslogServerError, SyslogSettings};
