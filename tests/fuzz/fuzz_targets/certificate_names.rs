//! Fuzzes `laws/certificate_names.rs` and `laws/certificate_macs.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::gateway::the_only_mac;
use trestle::phone::{key_problem, names_in_certificate};

#[path = "../laws/certificate_macs.rs"]
mod macs;
#[path = "../laws/certificate_names.rs"]
mod names;

fuzz_target!(|bytes: &[u8]| {
    names::certificates_hold(bytes);
    macs::holds(bytes);
});
