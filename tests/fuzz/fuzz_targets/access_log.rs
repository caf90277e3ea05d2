//! Fuzzes `laws/access_log.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::phone::LoggedRequest;

#[path = "../laws/access_log.rs"]
mod law;

fuzz_target!(|line: &[u8]| law::holds(line));
