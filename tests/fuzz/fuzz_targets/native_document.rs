//! Law: a native document renders the bytes that it was read from; an edit reads back, or is
//! refused, and touches nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| trestle::native::law::check_file(bytes));
