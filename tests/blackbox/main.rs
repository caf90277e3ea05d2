//! The real binary, `trestle`, from the outside: its commands on trees, and its gateway between
//! simulated phones, the scripted ACS and a file server.
//!
//! Each test has a folder, ports and loopback addresses of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bench;
mod command;
mod corpus_phone;
mod fetch;
mod gateway;
mod managed;
mod nginx;
mod phones;
mod programs;
#[path = "../support/mod.rs"]
mod support;

mod acs_choice;
mod bad_acs;
mod bad_files;
mod bootstrap;
mod change;
mod check;
mod control;
mod convert;
mod corpus;
mod corpus_aastra;
mod corpus_akuvox;
mod corpus_grandstream;
mod corpus_htek;
mod corpus_sealed;
mod corpus_tr069;
mod deliveries;
mod delivery;
mod devices;
mod explain;
mod four_makers;
mod gateway_cpe;
mod guessing;
mod handover;
mod injection;
mod kill;
mod mapping_check;
mod measure;
mod notification;
mod paths;
mod proof;
mod quarantine;
mod replay;
mod restart;
mod sealed;
mod secrets;
mod serve;
mod serving;
mod settings;
mod store;
mod syslog;
mod templates;
mod tftp;
mod tls;
mod trace;
mod transfer;
mod tree;
mod uploads;
mod upstream;
