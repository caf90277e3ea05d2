//! `check` as a report that people act on.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::command::{CLEAN, ERROR, FINDINGS, run};

const SECRET: &str = "hunter2-of-the-fleet";

/// A folder with these files.
fn tree_of(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Files whose settings do not all reach their phones, or not for long: global files for old and
/// new firmware that differ, a general file that is read last, lines that take nothing global.
fn layered_tree() -> tempfile::TempDir {
    let general = "<gs_provision version=\"1\"><config version=\"1\">\n\
                   <P30>a.example.net</P30>\n<P91>0</P91>\n</config></gs_provision>\n";
    let own = "<gs_provision version=\"1\"><config version=\"1\">\n<P8467>1</P8467>\n\
               <P30>b.example.net</P30>\n<P91>0</P91>\n</config></gs_provision>\n";
    tree_of(&[
        ("cfg.xml", general),
        ("cfg000b82000001.xml", own),
        (
            "aastra.cfg",
            "sip proxy ip: a.example.net\nsip proxy port: 5070\n",
        ),
        (
            "startup.cfg",
            "!sip proxy ip: b.example.net\n^sip proxy port: 5070\ntime server1: a\n",
        ),
        (
            "00085D000001.cfg",
            "sip line1 user name: 1\nsip line3 proxy ip: c.example.net\n\
             sip line4 proxy ip: c.example.net\n",
        ),
        ("00085D000002.cfg", "sip line1 user name: 2\n"),
    ])
}

/// Three phones: two share a password, one goes to an ACS of its own, has a key twice and a line
/// that is none; a copy of its file lies in a folder of old ones.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let config = |inside: &str| {
        format!(
            "<gs_provision version=\"1\"><config version=\"1\">\n{inside}</config></gs_provision>\n"
        )
    };
    let one = format!("<P34>{SECRET}</P34>\n<P2>admin</P2>\n<P909090>x</P909090>\n");
    write("cfg000b82000001.xml", &config(&one));
    let two = format!("<P34>{SECRET}</P34>\n<P909090>y</P909090>\n<P909091>z</P909091>\n");
    write("cfg000b82000002.xml", &config(&two));
    let three = format!(
        "sip line1 password: \"{SECRET}3\"\nsip proxy ip: one.example.net\n\
         sip proxy ip: two.example.net\nsip line1 password \"{SECRET}4\"\nthis is no line\n\
         tr69: 1\ntr69 server: http://acs.example.net\n"
    );
    write("00085D000003.cfg", &three);
    write("old/00085D000003.cfg", "sip proxy ip: zero.example.net\n");
    folder
}

fn check(tree: &Path, options: &[&str], code: i32) -> String {
    let mut arguments = vec!["check", tree.to_str().unwrap()];
    arguments.extend(options);
    let ended = run(arguments).with_code(code);
    assert!(!ended.stdout.contains("hunter2"), "{}", ended.stdout);
    ended.stdout
}

fn json_of(tree: &Path, options: &[&str]) -> Value {
    let mut all = vec!["--format", "json"];
    all.extend(options);
    serde_json::from_str(&check(tree, &all, FINDINGS)).unwrap()
}

#[test]
fn everything_is_counted() {
    let folder = tree();
    let report = json_of(folder.path(), &[]);
    let summary = &report["summary"];
    assert_eq!(
        summary["findings"],
        json!({
            "several_files": 1, "conflicting_values": 1, "syntax": 2, "reused_password": 2,
            "secret_in_clear": 4, "phone_tr069": 1, "unknown_key": 2, "model_unknown": 3,
            "phone": 3, "file": 4, "default_password": 1, "local_wins": 1,
        })
    );
    assert_eq!(
        summary["unknown_keys"],
        json!([
            {"vendor": "grandstream", "key": "P909090", "phones": 2},
            {"vendor": "grandstream", "key": "P909091", "phones": 1},
        ])
    );
    assert_eq!(
        summary["phones_by_acs"],
        json!({"http://acs.example.net": 1})
    );
    assert_eq!(summary["unread_lines"], 2);
    // Only what should be mended stands in the report one by one.
    assert_eq!(report["findings"].as_array().unwrap().len(), 4);
}

#[test]
fn every_line_can_be_listed_and_the_list_is_as_long_as_its_number() {
    let folder = tree();
    every_list_is_as_long_as_its_number(folder.path(), |_| true);
    let arguments = [
        "check",
        folder.path().to_str().unwrap(),
        "--list",
        "colours",
    ];
    let ended = run(arguments).with_code(ERROR);
    assert!(ended.stderr.contains("odd-value"), "{}", ended.stderr);
}

fn every_list_is_as_long_as_its_number(folder: &Path, wanted: impl Fn(&str) -> bool) {
    let counts = json_of(folder, &[])["summary"]["findings"].clone();
    let screen = check(folder, &[], FINDINGS);
    let kinds = counts.as_object().unwrap().iter();
    for (kind, count) in kinds.filter(|(kind, _)| wanted(kind)) {
        let name = kind.replace('_', "-");
        let report = json_of(folder, &["--list", &name]);
        let listed = report["findings"].as_array().unwrap();
        let listed = listed.iter().filter(|finding| finding["kind"] == **kind);
        assert_eq!(listed.count() as u64, count.as_u64().unwrap(), "{kind}");
        let text = check(folder, &["--list", &name], FINDINGS);
        assert!(
            text.lines().count() as u64 > count.as_u64().unwrap(),
            "{text}"
        );
        let is_named = screen.contains(&format!("--list {name}\n"));
        assert!(
            is_named || matches!(name.as_str(), "model"),
            "{name}: {screen}"
        );
    }
}

#[test]
fn a_line_that_is_not_understood_is_shown_unless_a_secret_may_stand_in_it() {
    let folder = tree();
    let text = check(folder.path(), &["--list", "syntax"], FINDINGS);
    assert!(text.contains("5 | this is no line\n  | ^"), "{text}");
    assert!(
        text.contains("00085D000003.cfg:4:1: line has no `:`"),
        "{text}"
    );
}

#[test]
fn the_same_tree_gives_the_same_report() {
    let folder = tree();
    let first = check(folder.path(), &[], FINDINGS);
    let again = check(folder.path(), &[], FINDINGS);
    assert_eq!(first, again);
    assert!(first.contains("2 settings have other values") || first.contains("several files"));
}

#[test]
fn what_is_only_worth_knowing_is_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("cfg000b82000001.xml"),
        "<gs_provision version=\"1\"><config version=\"1\"><P34>a</P34></config></gs_provision>",
    )
    .unwrap();
    let text = check(folder.path(), &[], CLEAN);
    assert!(
        text.contains("secret in clear") && text.contains("no findings"),
        "{text}"
    );
}

#[test]
fn what_does_not_reach_a_phone_is_told() {
    let folder = layered_tree();
    let report = json_of(folder.path(), &[]);
    let summary = &report["summary"];
    let counts = &summary["findings"];
    let count = |kind: &str| counts[kind].as_u64().unwrap_or_default();
    assert_eq!(count("unlike_alternatives"), 1);
    assert_eq!(count("no_effect"), 1);
    // One phone has two lines that lose the port; another has none.
    assert_eq!(
        (count("line_set"), &summary["phones_with_line_sets"]),
        (2, &json!(1))
    );
    // time server1 of both phones, three settings of the one, one of the other.
    let beaten = &summary["beaten_by_local_changes"];
    assert_eq!((count("local_wins"), beaten), (2, &json!(6)));
    let screen = check(folder.path(), &[], FINDINGS);
    for wanted in [
        "first: cfg000b82000001.xml:3:1\n",
        "6 settings without a mark\n",
        "of 1 phone\n",
    ] {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    let kinds = ["unlike_alternatives", "no_effect", "line_set", "local_wins"];
    every_list_is_as_long_as_its_number(folder.path(), |kind| kinds.contains(&kind));
    let list = check(folder.path(), &["--list", "unlike-alternatives"], FINDINGS);
    assert!(list.starts_with("startup.cfg: 2 settings"), "{list}");
}
