//! `mapping check`: what is proved of packs, and where they are wrong.

use std::fs;
use std::path::Path;

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

/// A folder with the pack, a piece of it replaced.
fn folder_with(from: &str, to: &str) -> tempfile::TempDir {
    assert!(PACK.contains(from));
    let folder = tempfile::tempdir().unwrap();
    let text = PACK.replacen(from, to, 1);
    fs::write(folder.path().join("example.toml"), text).unwrap();
    folder
}

#[test]
fn the_carried_packs_and_a_whole_one_of_the_operators_are_clean() {
    let folder = folder_with("", "");
    let ended = check(folder.path(), &["--format", "json"]);
    let report = ended.with_code(CLEAN).json();
    let sets = report["sets"].as_array().unwrap();
    let of = |vendor: &str| sets.iter().find(|set| set["vendor"] == vendor).unwrap();
    for vendor in ["aastra", "akuvox", "grandstream", "htek"] {
        assert!(of(vendor)["keys"].as_u64().unwrap() > 300, "{vendor}");
    }
    let own = of("example");
    assert_eq!(own["lenses"], 3);
    assert_eq!(own["own_parameters"], 2);
    assert_eq!(own["shared_keys"], 1);
    assert!(own["values"].as_u64().unwrap() > 5);
}

#[test]
fn lenses_that_cannot_hold_together_are_findings_with_their_line() {
    let folder = folder_with("On = \"1\" }", "On = \"1\", Blink = \"2\" }");
    let text = check(folder.path(), &[]).with_code(FINDINGS).stdout;
    for vendor in ["aastra", "example", "grandstream"] {
        assert!(text.contains(&format!("\n {vendor} ")), "{text}");
    }
    let line = PACK.lines().position(|line| line.contains("LampOn"));
    let place = format!(
        "example.toml:{}: Device.X_EX_LampOn: `Blink`",
        line.unwrap()
    );
    assert!(text.contains(&place), "{text}");
    assert!(text.ends_with("\n1 finding\n"), "{text}");
}

#[test]
fn a_pack_that_cannot_be_loaded_is_a_finding_with_its_line() {
    let folder = folder_with("Device.Time.NTPServer1", "Device.Time.NTPServre1");
    let line = PACK.lines().position(|line| line.contains("NTPServer1"));
    let ended = check(folder.path(), &["--format", "json"]);
    let report = ended.with_code(FINDINGS).json();
    assert_eq!(report["findings"][0]["line"], line.unwrap() + 1);
    let profiles = report["profiles"].as_array().unwrap();
    assert!(profiles.iter().any(|name| name == "genieacs"), "{report}");
    let text = check(folder.path(), &[]).with_code(FINDINGS).stdout;
    assert!(text.contains("is no parameter of the data model"), "{text}");

    // So is a profile of an ACS.
    let profiles = folder.path().join("acs");
    fs::create_dir(&profiles).unwrap();
    fs::write(profiles.join("mine.toml"), "# mine\nask_method = true\n").unwrap();
    let text = check(folder.path(), &[]).with_code(FINDINGS).stdout;
    for part in [
        "acs/mine.toml:2: ",
        "`ask_method`",
        "`ask_methods`",
        "2 findings",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let ended = check(Path::new("/nowhere/at/all"), &[]).with_code(ERROR);
    assert!(ended.stderr.contains("/nowhere/at/all"), "{ended:?}");
}
