//! Fuzzes `laws/stun.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire::stun;

#[path = "../laws/stun.rs"]
mod law;

fuzz_target!(|datagram: &[u8]| law::holds(datagram));
