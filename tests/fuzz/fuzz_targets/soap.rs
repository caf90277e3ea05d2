//! Fuzzes `laws/soap.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::cwmp;

#[path = "../laws/soap.rs"]
mod law;

fuzz_target!(|bytes: &[u8]| law::holds(bytes));
