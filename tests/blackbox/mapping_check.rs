//! `mapping check`: what is proved of packs, and where they are wrong.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{CLEAN, ERROR, Ended, FINDINGS, run};

/// A whole pack of one maker with two lenses on one key, which agree.
const PACK: &str = r#"[pack]
vendor = "example"
manufacturer = "Example"
version = 1
[identity]
ouis = ["02aabb"]
[control]
resync = "check-sync"
reboot = "check-sync"
[layers]
merge = true
[[file]]
name = '^(?<mac>[0-9A-F]{12})\.cfg$'
layer = "phone"
dialect = "key-value"
[[lens]]
path = "Device.Time.NTPServer1"
key = "ntp"
[[lens]]
path = "Device.X_EX_Lamp"
key = "lamp"
convert = "enum"
values = { Off = "0", On = "1" }
[[lens]]
path = "Device.X_EX_LampOn"
key = "lamp"
convert = "boolean"
type = "boolean"
"#;

fn check(folder: &Path, options: &[&str]) -> Ended {
    let folder = folder.to_str().unwrap();
    let mut arguments = vec!["mapping", "check", "--mappings", folder];
    arguments.extend(options);
    run(arguments)
}

/// The findings about the pack with a piece of it replaced.
fn findings_with(from: &str, to: &str) -> (Value, String) {
    assert!(PACK.contains(from));
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("example.toml"),
        PACK.replacen(from, to, 1),
    )
    .unwrap();
    let ended = check(folder.path(), &["--format", "json"]).with_code(FINDINGS);
    let text = check(folder.path(), &[]).with_code(FINDINGS).stdout;
    (ended.json()["findings"].clone(), text)
}

#[test]
fn the_carried_packs_and_a_whole_one_of_the_operators_are_clean() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("example.toml"), PACK).unwrap();
    let text = check(folder.path(), &[]).with_code(CLEAN).stdout;
    for vendor in ["aastra", "akuvox", "example", "grandstream", "htek"] {
        assert!(text.contains(&format!("\n {vendor} ")), "{text}");
    }
    let report = check(folder.path(), &["--format", "json"])
        .with_code(CLEAN)
        .json();
    let sets = report["sets"].as_array().unwrap();
    let own = sets.iter().find(|set| set["vendor"] == "example").unwrap();
    assert_eq!(own["lenses"], 3);
    assert_eq!(own["own_parameters"], 2);
    assert_eq!(own["shared_keys"], 1);
    assert!(own["values"].as_u64().unwrap() > 5);
}

#[test]
fn lenses_that_cannot_hold_together_are_findings_with_their_line() {
    let (findings, text) = findings_with("On = \"1\" }", "On = \"1\", Blink = \"2\" }");
    let finding = &findings[0];
    assert_eq!(findings.as_array().unwrap().len(), 1);
    assert_eq!(finding["path"], "Device.X_EX_LampOn");
    let line = PACK
        .lines()
        .position(|line| line.contains("LampOn"))
        .unwrap();
    assert_eq!(finding["line"], line);
    let place = format!("example.toml:{line}: ");
    assert!(text.contains(&place) && text.contains("`Blink`"), "{text}");
}

#[test]
fn a_pack_that_cannot_be_loaded_is_a_finding_with_its_line() {
    let (findings, text) = findings_with("Device.Time.NTPServer1", "Device.Time.NTPServre1");
    let line = PACK
        .lines()
        .position(|line| line.contains("NTPServer1"))
        .unwrap()
        + 1;
    assert_eq!(findings[0]["line"], line);
    assert!(text.contains("is no parameter of the data model"), "{text}");
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let ended = check(Path::new("/nowhere/at/all"), &[]).with_code(ERROR);
    assert!(ended.stderr.contains("/nowhere/at/all"), "{ended:?}");
}
