//! The command line: one file per command, on the same functions as the servers use.

mod access;
mod arguments;
mod check;
mod convert;
mod delivery;
mod demo;
mod device;
mod exit;
mod explain;
mod explain_text;
mod export;
mod firmware;
mod import;
mod mapping_check;
mod output;
mod serve;
mod temporary;
mod trace;
mod verify;

pub use arguments::run;
