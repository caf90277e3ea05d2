//! Fuzzes the law of packets in `laws/tftp.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire::tftp;

#[path = "../laws/tftp.rs"]
#[allow(dead_code, reason = "the other target has the other law")]
mod law;

fuzz_target!(|bytes: &[u8]| law::packets_hold(bytes));
