//! Fuzzes `laws/syslog.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire::syslog;

#[path = "../laws/syslog.rs"]
mod law;

fuzz_target!(|bytes: &[u8]| law::holds(bytes));
