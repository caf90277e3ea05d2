//! The laws that the dialects are fuzzed with, on the fuzzer's seeds and on what it found.

use std::path::Path;

use crate::native::law::check_edit;
use crate::native::{self, Dialect, Document, NativeKey};

#[path = "../../tests/fuzz/laws/document.rs"]
mod law;

/// Every file in a folder of the project.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file());
    files.map(|path| std::fs::read(path).unwrap()).collect()
}

fn hold_on(file: &[u8]) {
    for dialect in Dialect::ALL {
        law::holds(dialect, file);
    }
}

#[test]
fn edits_one_after_the_other_keep_the_laws_on_every_seed() {
    for folder in [
        "fixtures/tree",
        "fixtures/tree/warehouse",
        "tests/fuzz/seeds/dialects",
        "tests/fuzz/seeds/p_code_binary",
    ] {
        for file in files(folder) {
            hold_on(&file);
            // Other lengths choose other edits.
            for length in 1..file.len().min(64) {
                hold_on(&file[..length]);
            }
        }
    }
}

#[test]
fn a_binary_file_of_more_than_a_block_keeps_its_tables_in_an_edit_that_changes_nothing() {
    let header = b"\0\0\0\0\0\0\0\x0b\x82\xa1\xb2\xc3\r\n\r\n";
    let file = [&header[..], b"P1=a&P2=", &[b'b'; 2000]].concat();
    let document = Document::parse(Dialect::PCodeBinary, file);
    check_edit(&document, &NativeKey::new("P1"), "a");
}
