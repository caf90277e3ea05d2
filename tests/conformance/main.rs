//! Black-box conformance: the real binary between simulated phones and the scripted ACS.
//!
//! One gateway and one ACS serve all checks; each check has a phone of its own, whose MAC and
//! vendor follow from the check's number. The ids are those of the conformance list and are never
//! renumbered. Every check also demands that no message broke an invariant (C001 to C012).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a check fails by panicking"
)]

mod attributes;
mod certificates;
mod connection_request;
mod events;
mod fleet;
mod gateway;
mod get;
mod http;
mod invariants;
mod methods;
mod names;
mod personalities;
mod phone;
mod redirects;
mod security;
mod session;
mod set;
mod subject;
#[path = "../support/mod.rs"]
mod support;
mod transfers;
mod types;
