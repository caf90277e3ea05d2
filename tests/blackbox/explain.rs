//! `explain`: what a word means in the packs, and on one phone with and without a gateway.

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::command::{CLEAN, ERROR, Ended, FINDINGS, run};
use crate::managed::PROFILE;
use crate::phones::{AASTRA, GRANDSTREAM};

fn explain(what: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["explain", "--data", folder.path().to_str().unwrap()];
    arguments.extend(what);
    let ended = run(arguments);
    // No store is needed, and none is made.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    ended
}

#[test]
fn a_code_leads_to_its_parameters_in_every_pack() {
    let text = explain(&["P271"]).with_code(CLEAN).stdout;
    for part in [
        "Device.Services.VoiceService.1.VoiceProfile.{i}.Enable\n",
        "P271 (account 1); of all: P271, P401, P501, P601, P1701, P1801",
        "account.1.enable (Yes = 1, No = 0)",
        "enum: Disabled = 0, Enabled = 1",
        "grandstream.toml:",
        "htek.toml:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    let minutes = explain(&["P32", "--vendor", "grandstream", "--model", "GXP2170"]);
    let minutes = minutes.with_code(CLEAN).stdout;
    assert!(minutes.contains("integer: native × 60"), "{minutes}");
    assert!(!minutes.contains("htek"), "{minutes}");
}

#[test]
fn keys_with_blanks_aliases_paths_and_objects_are_known() {
    let json_of = |what: &[&str]| -> Vec<Value> {
        let mut all = what.to_vec();
        all.extend(["--format", "json"]);
        let report = explain(&all).with_code(CLEAN).json();
        report["lenses"].as_array().unwrap().clone()
    };
    let key = json_of(&["sip", "line2", "proxy", "ip", "--vendor", "aastra"]);
    assert!(key.iter().all(|lens| lens["slots"] == json!([2])));
    let server = key
        .iter()
        .find(|lens| lens["conversion"] == "text")
        .unwrap();
    assert_eq!(server["keys"][0]["fallbacks"], json!(["sip proxy ip"]));
    let alias = json_of(&["account.1.sip.userid"]);
    assert_eq!(alias[0]["keys"][0]["names"][0], "P35");
    let path = format!("{PROFILE}SIP.RegistrarServer");
    let braces = path.replace("VoiceProfile.1.", "VoiceProfile.{i}.");
    let of_path = json_of(&[&path]);
    assert!(of_path.len() > 3);
    assert_eq!(json_of(&[&braces]).len(), of_path.len());
    assert_eq!(of_path[0]["parameters"][0]["path"], braces);
    assert!(json_of(&["Device.Time."]).len() > 10);
}

#[test]
fn an_unknown_word_names_its_neighbours() {
    let slip = explain(&["sip line1 proxi ip"]).with_code(FINDINGS).stdout;
    assert!(
        slip.contains("is no key, alias or path of any pack"),
        "{slip}"
    );
    assert!(slip.contains("\n    sip line1 proxy ip\n"), "{slip}");
    let slip = explain(&["sip line1 proxi ip", "--format", "json"]).with_code(FINDINGS);
    assert_eq!(slip.json()["nearest"][0], "sip line1 proxy ip");
    let ended = explain(&["P1", "--vendor", "nobody"]).with_code(ERROR);
    assert!(ended.stderr.contains("grandstream"), "{ended:?}");
}

/// What is told of phones; `bench` has imported the tree.
fn ask_about_phones(bench: &Bench) {
    let ask = |mac: &str, what: &str| {
        let ended = bench.command(&["explain", what, "--mac", mac, "--format", "json"]);
        ended.with_code(CLEAN).json()
    };
    let mac = GRANDSTREAM.mac;
    let password = ask(mac, "P34");
    assert_eq!(
        password["values"],
        json!([{
            "path": format!("{PROFILE}Line.1.SIP.AuthPassword"), "value": "***", "secret": true,
            "origin": "file",
            "natives": [{"key": "P34", "text": "***", "file": "cfg000b82a1b2c3.xml", "line": 32,
                "mark": "none"}],
        }])
    );
    assert_eq!(password["lenses"].as_array().unwrap().len(), 1);
    // From a shared file, and from none.
    let server = ask(AASTRA.mac, &format!("{PROFILE}SIP.ProxyServer"));
    let native = &server["values"][0]["natives"][0];
    assert_eq!(native["file"], "startup.cfg");
    assert_eq!(native["key"], "sip proxy ip");
    let lock = ask(mac, "P9999");
    assert_eq!(lock["values"][0]["origin"], "default");
    // The CPE's own, and a key that no lens is for.
    let url = ask(mac, "Device.ManagementServer.PeriodicInformInterval");
    assert_eq!(url["others"][0]["file"], Value::Null);

    let text = bench
        .command(&["explain", "P34", "--mac", mac])
        .with_code(CLEAN);
    assert!(
        text.stdout.contains("P34 = ***    cfg000b82a1b2c3.xml:32"),
        "{}",
        text.stdout
    );
    let unknown = bench.command(&["explain", "P3434343", "--mac", mac]);
    assert!(unknown.with_code(FINDINGS).stdout.contains("is no key"));
    let stranger = bench.command(&["explain", "P34", "--mac", "000b82ffffff"]);
    assert!(stranger.with_code(ERROR).stderr.contains("000b82ffffff"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phones_values_are_told_with_and_without_a_gateway() {
    let bench = Bench::set().await;
    bench.import();
    ask_about_phones(&bench);
    let _gateway = bench.serve_again();
    ask_about_phones(&bench);
}
