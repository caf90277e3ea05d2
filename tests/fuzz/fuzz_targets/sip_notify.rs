//! Fuzzes `laws/sip_notify.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire;

#[path = "../laws/sip_notify.rs"]
mod law;

fuzz_target!(|script: &[u8]| law::holds(script));
