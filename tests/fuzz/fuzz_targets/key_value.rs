//! Fuzzes `laws/document.rs` with a `key: value` file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::native;

#[path = "../laws/document.rs"]
mod law;

fuzz_target!(|bytes: &[u8]| law::holds(native::Dialect::KeyValue, bytes));
