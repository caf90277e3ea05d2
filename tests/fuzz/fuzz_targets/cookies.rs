//! Law: whatever cookies a server sets, one per line, what is sent back is one bounded header line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trestle::wire::cookies::CookieJar;
use url::Url;

fuzz_target!(|text: &str| {
    let Ok(url) = Url::parse("https://acs.example.net/path/below") else {
        return;
    };
    let mut jar = CookieJar::default();
    for line in text.lines() {
        jar.store(&url, line);
    }
    let header = jar.header(&url).unwrap_or_default();
    assert!(header.len() < 17 * 1024);
    assert!(!header.contains(|c: char| c.is_control()));
});
