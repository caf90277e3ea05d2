//! `check`, `import`, `verify` and `export` on the fixtures' tree.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bench::{Bench, copy_tree, files_below, fixtures};
use crate::command::{CLEAN, ERROR, FINDINGS, run};
use crate::fetch;
use crate::managed::DISPLAY_NAME;

const BROKEN: &str = "cfg000b8277aa01.xml";

fn places(findings: &Value) -> Vec<(String, u64, u64)> {
    let place = |one: &Value| {
        let file = one["file"].as_str().unwrap().to_owned();
        let number = |key: &str| one[key].as_u64().unwrap();
        (file, number("line"), number("column"))
    };
    findings.as_array().unwrap().iter().map(place).collect()
}

/// The places that no dialect understands: the paste in the sail loft's file, and the two bare
/// ampersands and the wrong end tag in the boat shed's.
fn wrong_places() -> Vec<(String, u64, u64)> {
    let place = |file: &str, line, column| (file.to_owned(), line, column);
    vec![
        place("000b82a1b2c4.txt", 97, 1),
        place(BROKEN, 11, 13),
        place(BROKEN, 12, 15),
        place(BROKEN, 16, 5),
    ]
}

#[test]
fn check_reads_the_tree_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    copy_tree(&fixtures(), &tree);
    let ended = run(["check", tree.to_str().unwrap(), "--format", "json"]).with_code(FINDINGS);
    let report = ended.json();
    let summary = &report["summary"];
    assert_eq!(summary["files"], 15);
    assert_eq!(summary["same_bytes"], 15);
    assert_eq!(summary["phones"], 6);
    assert_eq!(
        summary["phones_by_vendor"],
        json!({"aastra": 2, "grandstream": 3, "htek": 1})
    );
    assert_eq!(places(&report["findings"]), wrong_places());
    for finding in report["findings"].as_array().unwrap() {
        let mac = finding["mac"].as_str().unwrap();
        assert!(
            mac.len() == 12
                && mac
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        );
    }
    let arguments = ["check", tree.to_str().unwrap(), "--list", "syntax"];
    let ended = run(arguments).with_code(FINDINGS);
    for (file, line, column) in wrong_places() {
        let place = format!("{file}:{line}:{column}");
        assert!(ended.stdout.contains(&place), "{}", ended.stdout);
    }
    assert_eq!(files_below(folder.path()).len(), 15);
}

#[test]
fn a_clean_tree_has_no_findings_and_a_missing_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let own = "cfg000b82a1b2c3.xml";
    fs::copy(fixtures().join(own), folder.path().join(own)).unwrap();
    let tree = folder.path().to_str().unwrap();
    run(["check", tree]).with_code(CLEAN);
    let missing = folder.path().join("no-such-folder");
    let ended = run(["check", missing.to_str().unwrap()]).with_code(ERROR);
    assert!(ended.stderr.contains("no-such-folder"), "{ended:?}");
    let data = folder.path().join("data");
    let arguments = [
        "import",
        missing.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ];
    run(arguments).with_code(ERROR);
}

#[tokio::test(flavor = "multi_thread")]
async fn import_verify_and_export_keep_every_byte() {
    let bench = Bench::set().await;
    let tree = bench.tree();
    let tree = tree.to_str().unwrap();
    let report = bench.import().with_code(FINDINGS).json();
    assert_eq!(
        report["summary"],
        json!({"files": 15, "added": 15, "updated": 0, "unchanged": 0, "failed": 0, "phones": 6, "dry_run": false})
    );
    assert_eq!(places(&report["findings"]), wrong_places());

    let verify = bench
        .command(&["verify", tree, "--format", "json"])
        .with_code(CLEAN);
    assert_eq!(
        verify.json(),
        json!({
            "summary": {"files": 15, "identical": 15, "different": 0, "edited": 0, "missing": 0},
            "findings": []
        })
    );

    let out = bench.folder().join("out");
    let ended = bench.command(&["export", out.to_str().unwrap(), "--format", "json"]);
    let report = ended.with_code(CLEAN).json();
    assert_eq!(report["files"], 15);
    assert!(files_below(&out) == files_below(&bench.tree()));

    let report = bench.import().with_code(FINDINGS).json();
    assert_eq!(report["summary"]["unchanged"], 15);
    assert_eq!(report["summary"]["added"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_writes_nothing() {
    let bench = Bench::set().await;
    let tree = bench.tree();
    let tree = tree.to_str().unwrap();
    let rehearse = ["import", tree, "--dry-run", "--format", "json"];
    let report = bench.command(&rehearse).with_code(FINDINGS).json();
    assert_eq!(report["summary"]["dry_run"], true);
    assert_eq!(report["summary"]["added"], 15);
    assert!(!bench.folder().join("data").exists());
    bench
        .command(&["device", "show", "000b82a1b2c3"])
        .with_code(ERROR);

    bench.import();
    let changed = "cfg000b82a1b2c3.xml";
    edit(&bench.tree().join(changed), "Front desk", "Reception");
    let report = bench.command(&rehearse).with_code(FINDINGS).json();
    assert_eq!(report["summary"]["updated"], 1);
    let verify = bench
        .command(&["verify", tree, "--format", "json"])
        .with_code(FINDINGS);
    assert_eq!(verify.json()["summary"]["different"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_in_the_tree_is_imported_again() {
    let bench = Bench::set().await;
    bench.import();
    edit(
        &bench.tree().join("00085D7890AB.cfg"),
        "Tide tables",
        "Tides",
    );
    edit(
        &bench.tree().join("startup.cfg"),
        "vlan id: 120",
        "vlan id: 130",
    );
    edit(&bench.tree().join("README.txt"), "Marit", "Merit");
    fs::write(bench.tree().join("new.txt"), "a new note").unwrap();
    let report = bench.import().json();
    assert_eq!(report["summary"]["updated"], 3);
    assert_eq!(report["summary"]["added"], 1);
    assert_eq!(report["summary"]["unchanged"], 12);
    bench
        .command(&["verify", bench.tree().to_str().unwrap()])
        .with_code(CLEAN);
    // The shared file counts for the phone that reads it.
    let lines = bench
        .command(&["device", "get", "00085d7890ab", "--format", "json"])
        .with_code(CLEAN)
        .json();
    let vlan = lines
        .as_array()
        .unwrap()
        .iter()
        .any(|line| line["value"] == "130" && line["file"] == "startup.cfg");
    assert!(vlan, "no parameter has the new VLAN from startup.cfg");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_changed_on_both_sides_is_kept_here_unless_the_trees_is_asked_for() {
    let bench = Bench::set().await;
    bench.import();
    let tree = bench.tree();
    let tree = tree.to_str().unwrap();
    let mac = "000b82a1b2c3";
    let own = "cfg000b82a1b2c3.xml";
    let ours = format!("{DISPLAY_NAME}=Ours");
    bench
        .command(&["device", "set", mac, &ours])
        .with_code(CLEAN);
    let verify = bench
        .command(&["verify", tree, "--format", "json"])
        .with_code(FINDINGS)
        .json();
    assert_eq!(verify["summary"]["edited"], 1);
    assert_eq!(verify["findings"][0]["file"], own);

    // Unchanged in the tree: ours stays, and there is nothing to say about it.
    let report = bench.import().json();
    assert_eq!(report["summary"]["unchanged"], 15);
    assert_eq!(display_name(&bench, mac), "Ours");

    edit(&bench.tree().join(own), "Quay &amp; Sons, desk", "Theirs");
    let report = bench.import().with_code(FINDINGS).json();
    assert_eq!(report["summary"]["failed"], 1);
    let conflict = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["kind"] == "conflict")
        .unwrap();
    assert_eq!(
        (&conflict["file"], &conflict["mac"]),
        (&json!(own), &json!(mac))
    );
    assert_eq!(display_name(&bench, mac), "Ours");

    let ended = bench.command(&["import", tree, "--replace", "--format", "json"]);
    assert_eq!(ended.json()["summary"]["updated"], 1);
    assert_eq!(display_name(&bench, mac), "Theirs");
    bench.command(&["verify", tree]).with_code(CLEAN);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_tree_and_of_the_acs_come_together() {
    let bench = Bench::set().await;
    bench.import();
    let mac = "000b82a1b2c3";
    let own = bench.tree().join("cfg000b82a1b2c3.xml");
    let set = |value: &str| {
        let change = format!("{DISPLAY_NAME}={value}");
        bench
            .command(&["device", "set", mac, &change])
            .with_code(CLEAN);
    };
    let import = |more: &[&str]| {
        let tree = bench.tree();
        let arguments = ["import", tree.to_str().unwrap(), "--format", "json"];
        bench.command(&[&arguments, more].concat())
    };
    let findings = |report: &Value| -> Vec<Value> {
        let all = report["findings"].as_array().unwrap().iter();
        all.filter(|one| one["mac"] == mac).cloned().collect()
    };
    let kinds = |report: &Value| -> Vec<Value> {
        let findings = findings(report).into_iter();
        findings.map(|mut one| one["kind"].take()).collect()
    };
    set("Ours");
    edit(&own, "desk-2170", "desk-2171");
    let rehearsed = import(&["--dry-run"]).json();
    assert_eq!(kinds(&rehearsed), ["merged"]);
    let report = import(&[]).json();
    assert_eq!(report["summary"]["updated"], 1);
    assert_eq!(kinds(&report), ["merged"]);
    let text = |bench: &Bench| {
        let out = bench.folder().join("out");
        bench
            .command(&["export", out.to_str().unwrap()])
            .with_code(CLEAN);
        fs::read_to_string(out.join("cfg000b82a1b2c3.xml")).unwrap()
    };
    let in_tree = fs::read_to_string(&own).unwrap();
    let expected = in_tree.replace("Quay &amp; Sons, desk", "Ours");
    assert_eq!(text(&bench), expected);
    assert_eq!(import(&[]).json()["summary"]["unchanged"], 15);

    // What was merged is the ground of the next merge.
    edit(&own, "Quay &amp; Sons, desk", "Theirs");
    edit(&own, "desk-2171", "desk-2172");
    let refused = import(&[]).json();
    assert_eq!(kinds(&refused), ["conflict"]);
    let finding = &findings(&refused)[0];
    let line = in_tree
        .lines()
        .position(|line| line.contains("Quay &amp; Sons, desk"))
        .unwrap()
        + 1;
    assert_eq!(finding["line"], json!(line), "{finding}");
    assert!(!finding["message"].as_str().unwrap().contains("Theirs"));
    assert_eq!(text(&bench), expected, "nothing is merged in halves");
    import(&["--prefer", "here"]);
    let expected = expected.replace("desk-2171", "desk-2172");
    assert_eq!(text(&bench), expected);

    edit(&own, "Theirs", "Theirs again");
    import(&["--prefer", "tree"]);
    assert_eq!(text(&bench), fs::read_to_string(&own).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_served_as_it_is_and_its_good_lines_are_read() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let file = fetch::file(gateway.phones_http(), BROKEN).await;
    assert_eq!(file, bench.tree_file(BROKEN));
    let mac = "000b8277aa01";
    assert_eq!(display_name(&bench, mac), "Boats & Masts");
    let change = format!("{DISPLAY_NAME}=Boats");
    bench
        .command(&["device", "set", mac, &change])
        .with_code(CLEAN);
    let file = fetch::file(gateway.phones_http(), BROKEN).await;
    let expected = String::from_utf8(bench.tree_file(BROKEN)).unwrap();
    let expected = expected.replace("Boats & Masts", "Boats");
    assert_eq!(String::from_utf8(file).unwrap(), expected);
}

fn display_name(bench: &Bench, mac: &str) -> String {
    let ended = bench.command(&["device", "get", mac, DISPLAY_NAME, "--format", "json"]);
    let lines = ended.with_code(CLEAN).json();
    lines[0]["value"].as_str().unwrap().to_owned()
}

fn edit(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{path:?}");
    fs::write(path, text.replace(old, new)).unwrap();
}
