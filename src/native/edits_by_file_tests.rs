//! The laws that the dialects are fuzzed with, on the fuzzer's seeds and on what it found.

use std::path::Path;

use crate::native;
use crate::native::Dialect;

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
    law::holds_on_binary(file);
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
