//! What the CPE sends, byte for byte. `UPDATE_FIXTURES=1 cargo test --lib golden` writes the files
//! anew.

use super::samples::{everything_sent, fixture, fixture_path};

#[test]
fn every_message_is_written_as_its_golden_file_has_it() {
    for (name, _, message) in everything_sent() {
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(fixture_path(name), &message).unwrap();
        }
        assert_eq!(
            String::from_utf8(message).unwrap(),
            String::from_utf8(fixture(name)).unwrap(),
            "{}",
            fixture_path(name).display()
        );
    }
}
