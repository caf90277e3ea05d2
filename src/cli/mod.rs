//! The command line: one file per command, on the same functions as the servers use.

mod access;
mod arguments;
mod backup;
mod bench;
mod check;
mod control;
mod convert;
mod credentials;
mod delivery;
mod demo;
mod device;
mod exit;
mod explain;
mod explain_text;
mod export;
mod firmware;
mod handover;
mod import;
mod mapping_check;
mod output;
mod quarantine;
mod replay;
mod serve;
mod store;
mod syslog;
mod temporary;
mod trace;
mod uploads;
mod upstream;
mod verify;

pub use arguments::run;
