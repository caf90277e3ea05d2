//! Law: an encrypted file opens or does not, and what opened closes to the very same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| trestle::native::law::check_seal(bytes));
