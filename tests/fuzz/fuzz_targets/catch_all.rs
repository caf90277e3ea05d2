//! Fuzzes `laws/catch_all.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::phone::{CatchAll, Likeness};

#[path = "../laws/catch_all.rs"]
mod law;

fuzz_target!(|input: &[u8]| law::holds(input));
