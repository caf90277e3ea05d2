//! Fuzzes `laws/udp_connection_request.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire::{self, udp_connection_request};

#[path = "../laws/udp_connection_request.rs"]
mod law;

fuzz_target!(|datagram: &[u8]| law::holds(datagram));
