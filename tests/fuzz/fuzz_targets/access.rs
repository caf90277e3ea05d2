//! Fuzzes `laws/access.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::gateway::{hide_token, split_token};
use trestle::wire;

#[path = "../laws/access.rs"]
mod law;

fuzz_target!(|text: &str| law::holds(text));
