//! Law: a binary P-code file renders the bytes that it was read from; an edit reads back or is
//! refused, touches no other setting, and leaves length and checksum right.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| trestle::native::law::check_binary_file(bytes));
