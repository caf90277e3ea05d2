//! Black-box conformance: the real binary between simulated phones and the scripted ACS.
//!
//! For each variant (template, scheme of the ACS) one gateway and one ACS serve all checks; each
//! check has phones of its own, whose MAC and vendor follow from the check's number. A check that
//! needs more than that starts a private gateway. The ids are those of the conformance list and
//! are never renumbered. Every message of the run also counts for the invariants C001 to C012.
//!
//! `cargo test --test conformance` runs the list with device1 over http and device2 over https;
//! `CONFORMANCE_VARIANTS=all`, or names such as `device1-https,device2-http`, chooses others. An
//! argument is a filter: `c127`, `device2`. `-- --ignored` runs what is slow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a check fails by panicking"
)]

mod attributes;
mod bombs;
mod catalogue;
mod certificates;
mod connection_request;
mod crowd;
mod delivery;
mod events;
mod fleet;
mod gateway;
mod get;
mod http;
mod invariants;
mod lag;
mod ledger;
mod local;
mod methods;
mod model;
mod names;
mod notification;
mod objects;
mod orders;
mod personalities;
mod phone;
mod private;
mod process;
mod proxier;
mod redirects;
mod reset;
mod restart;
mod runner;
mod security;
mod session;
mod set;
mod subject;
#[path = "../support/mod.rs"]
mod support;
mod timing;
mod transfers;
mod variant;

fn main() -> std::process::ExitCode {
    runner::run(&[
        invariants::CHECKS,
        session::CHECKS,
        http::CHECKS,
        redirects::CHECKS,
        events::CHECKS,
        delivery::CHECKS,
        timing::CHECKS,
        methods::CHECKS,
        set::CHECKS,
        get::CHECKS,
        names::CHECKS,
        attributes::CHECKS,
        orders::CHECKS,
        notification::CHECKS,
        objects::CHECKS,
        reset::CHECKS,
        transfers::CHECKS,
        connection_request::CHECKS,
        crowd::CHECKS,
        restart::CHECKS,
        proxier::CHECKS,
        security::CHECKS,
        bombs::CHECKS,
        personalities::CHECKS,
    ])
}
