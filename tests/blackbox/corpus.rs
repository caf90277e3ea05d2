//! The commands on real files: each vendor's folder as it is, and its files under names that
//! phones ask for.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bench::files_below;
use crate::command::{CLEAN, Ended, run};

fn folder_of(vendor: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = folder.join(vendor);
    if !folder.is_dir() {
        println!("skipped: no corpus");
        return None;
    }
    Some(folder)
}

fn ends_well(ended: Ended) -> Value {
    assert!(matches!(ended.code, 0 | 1), "{ended:#?}");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ended.json()
}

/// Runs all commands on a tree; the report of `check`.
fn goes_through(tree: &Path) -> Value {
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data");
    let out = work.path().join("out");
    let [tree_text, data, out_text] = [tree, &data, &out].map(|path| path.to_str().unwrap());
    let files = files_below(tree);
    let count = files.len();

    let check = ends_well(run(["check", tree_text, "--format", "json"]));
    assert_eq!(check["summary"]["files"], count);
    assert_eq!(check["summary"]["same_bytes"], count);
    for finding in check["findings"].as_array().unwrap() {
        if finding["kind"] == "syntax" {
            assert!(finding["line"].as_u64() >= Some(1), "{finding}");
            assert!(finding["column"].as_u64() >= Some(1), "{finding}");
        }
    }
    let in_store = |arguments: &[&str]| {
        run(arguments
            .iter()
            .chain(&["--data", data, "--format", "json"]))
    };
    let import = ends_well(in_store(&["import", tree_text]));
    assert_eq!(import["summary"]["added"], count);
    assert_eq!(import["summary"]["failed"], 0);
    let verify = in_store(&["verify", tree_text]).with_code(CLEAN).json();
    assert_eq!(
        verify["summary"],
        json!({"files": count, "identical": count, "different": 0, "edited": 0, "missing": 0})
    );
    in_store(&["export", out_text]).with_code(CLEAN);
    assert!(files_below(&out) == files, "export gives other bytes");
    let again = ends_well(in_store(&["import", tree_text]));
    assert_eq!(again["summary"]["unchanged"], count);
    check
}

/// Gives every file the name of a phone's own one.
fn with_phone_names(vendor: &str, name: impl Fn(u32, &str) -> String) {
    let Some(folder) = folder_of(vendor) else {
        return;
    };
    goes_through(&folder);
    let tree = tempfile::tempdir().unwrap();
    for (number, (path, content)) in (1..).zip(files_below(&folder)) {
        let extension = Path::new(&path).extension().unwrap_or_default();
        let name = name(number, extension.to_str().unwrap());
        fs::write(tree.path().join(name), content).unwrap();
    }
    let check = goes_through(tree.path());
    let phones = check["summary"]["phones_by_vendor"][vendor].as_u64();
    assert!(phones >= Some(10), "{}", check["summary"]);
}

#[test]
fn every_grandstream_file_keeps_its_bytes() {
    with_phone_names("grandstream", |number, extension| match extension {
        "xml" => format!("cfg000b82{number:06x}.xml"),
        extension => format!("000b82{number:06x}.{extension}"),
    });
}

#[test]
fn every_htek_file_keeps_its_bytes() {
    with_phone_names("htek", |number, _| format!("cfg001fc1{number:06x}.xml"));
}

#[test]
fn every_aastra_file_keeps_its_bytes() {
    with_phone_names("aastra", |number, _| format!("00085D{number:06X}.cfg"));
}

#[test]
fn every_akuvox_file_keeps_its_bytes() {
    with_phone_names("akuvox", |number, _| format!("0c1105{number:06x}.cfg"));
}
