//! Fuzzes `laws/backup.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::store::verify_backup;

#[path = "../laws/backup.rs"]
mod law;

fuzz_target!(|bytes: &[u8]| law::holds(bytes));
