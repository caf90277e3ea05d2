//! `convert`: a hardware swap; `device unset`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::bench::{copy_tree, fixtures};
use crate::command::{CLEAN, ERROR, Ended, FINDINGS, run};

const PHONE: &str = "000b82a1b2c3";
const AASTRA: &str = "00085d7890ab";
const EXPIRES: &str = "Device.Services.VoiceService.1.VoiceProfile.1.SIP.RegisterExpires";

/// A store with the fixtures' tree.
struct Store(tempfile::TempDir);

impl Store {
    fn set() -> Self {
        let store = Self(tempfile::tempdir().unwrap());
        let tree = store.0.path().join("tree");
        copy_tree(&fixtures(), &tree);
        store.run(&["import", tree.to_str().unwrap()]);
        store
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let data = self.0.path().join("data");
        let data = ["--data", data.to_str().unwrap()];
        run(arguments.iter().copied().chain(data))
    }

    fn own_file(&self, name: &str) -> String {
        let out = self.0.path().join("out");
        self.run(&["export", out.to_str().unwrap()])
            .with_code(CLEAN);
        fs::read_to_string(out.join(name)).unwrap()
    }
}

#[test]
fn a_file_for_another_makers_phone_is_made_and_what_is_missing_is_listed() {
    let store = Store::set();
    let ended = store.run(&[
        "convert",
        PHONE,
        "--to",
        "aastra/6867i",
        "--new-mac",
        "00085D001122",
        "--format",
        "json",
    ]);
    let file = ended.with_code(FINDINGS).json();
    assert_eq!(file["name"], "00085D001122.cfg");
    let content = file["content"].as_str().unwrap();
    for line in [
        "sip line1 user name: 2170",
        "sip line1 proxy ip: sip.example.net",
        "sip line1 password: \"Vx7!kelp#Row\"",
        "sip line1 registration period: 600",
        "sip line2 proxy port: 5061",
        "time server1: ntp.example.net",
        "vlan id: 120",
    ] {
        assert!(
            content.lines().any(|found| found == line),
            "{line}\n{content}"
        );
    }
    let left = file["left"].as_array().unwrap();
    let why = |path: &str| {
        let found = left.iter().find(|left| left["path"] == path);
        found.map_or(Value::Null, |left| left["why"].clone())
    };
    let plan = "Device.Services.VoiceService.1.VoiceProfile.1.X_TRESTLE_DialPlan";
    assert_eq!(why(plan), "each maker has this in terms of its own");
    assert!(!content.contains("x+"), "{content}");
}

#[test]
fn the_file_is_written_once_and_can_be_imported() {
    let store = Store::set();
    let out = store.0.path().join("new");
    let arguments = [
        "convert",
        PHONE,
        "--to",
        "htek/UC926",
        "--new-mac",
        "001fc1000001",
        "--out",
        out.to_str().unwrap(),
    ];
    let ended = store.run(&arguments);
    assert!(
        ended.stdout.contains("cfg001fc1000001.xml written"),
        "{ended:?}"
    );
    let made = fs::metadata(out.join("cfg001fc1000001.xml")).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o600);
    // A report can be sent on; the file itself holds the passwords.
    assert!(!ended.stdout.contains("Vx7!kelp"), "{ended:?}");
    let data = store.0.path().join("data-new");
    let data = data.to_str().unwrap();
    run(["import", out.to_str().unwrap(), "--data", data]).with_code(CLEAN);
    let ended = run(["device", "get", "001fc1000001", EXPIRES, "--data", data]);
    assert!(ended.with_code(CLEAN).stdout.contains("=600"));
    let ended = store.run(&arguments).with_code(ERROR);
    assert!(ended.stderr.contains("is there already"), "{ended:?}");
}

#[test]
fn a_maker_or_model_that_is_not_known_is_refused() {
    let store = Store::set();
    let ended = store
        .run(&["convert", PHONE, "--to", "acme"])
        .with_code(ERROR);
    assert!(ended.stderr.contains("aastra"), "{ended:?}");
    let ended = store.run(&["convert", PHONE, "--to", "grandstream/UCM6202"]);
    assert!(ended.with_code(ERROR).stderr.contains("UCM6202"));
}

#[test]
fn a_setting_is_taken_back_by_its_default_or_by_removing_its_line() {
    let store = Store::set();
    // This phone keeps what its file does not name, so the default is written.
    store
        .run(&["device", "unset", PHONE, EXPIRES])
        .with_code(CLEAN);
    assert!(
        store
            .own_file("cfg000b82a1b2c3.xml")
            .contains("<P32>60</P32>")
    );
    // This one forgets it.
    let before = store.own_file("00085D7890AB.cfg");
    assert!(before.contains("tr69 periodic inform enable"));
    let path = "Device.X_TRESTLE_PhoneTR069.PeriodicInformEnable";
    store
        .run(&["device", "unset", AASTRA, path])
        .with_code(CLEAN);
    assert!(
        !store
            .own_file("00085D7890AB.cfg")
            .contains("tr69 periodic inform enable")
    );
    let ended = store.run(&["device", "unset", PHONE, "Device.Nothing"]);
    assert!(ended.with_code(ERROR).stderr.contains("Device.Nothing"));
}
