//! Law: whatever text an operator gives as a mapping pack, the loader answers with a pack or with
//! an error that names a place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::mapping::Pack;

fuzz_target!(|text: &str| {
    if let Err(error) = Pack::parse("fuzz.toml", text) {
        assert!(error.line >= 1 && error.column >= 1);
    }
});
