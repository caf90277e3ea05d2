//! Fuzzes `laws/via.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire::sip::Via;

#[path = "../laws/via.rs"]
mod law;

fuzz_target!(|value: &str| law::holds(value));
