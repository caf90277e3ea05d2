//! Fuzzes `laws/shown.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::cwmp;

#[path = "../laws/shown.rs"]
mod law;

fuzz_target!(|bytes: &[u8]| law::holds(bytes));
