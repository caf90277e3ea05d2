//! Fuzzes `laws/digest.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire;

#[path = "../laws/digest.rs"]
mod law;

fuzz_target!(|text: &str| law::holds(text));
