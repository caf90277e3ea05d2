//! Fuzzes `laws/sip_stream.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire::sip;

#[path = "../laws/sip_stream.rs"]
mod law;

fuzz_target!(|datagram: &[u8]| law::holds(datagram));
