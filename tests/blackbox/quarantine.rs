//! Phones that nobody knows: listed, claimed, dropped; with curl as the phone.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::bench::Bench;
use crate::command::{CLEAN, ERROR};

const NEW: &str = "000b82000001";
const NEXT: &str = "000b82000002";

/// Whether curl is here to play the phone.
fn has_curl() -> bool {
    let is_here = Command::new("curl").arg("--version").output().is_ok();
    if !is_here {
        println!("skipped: no curl");
    }
    is_here
}

/// A phone fetches its file: status and body.
fn fetch(server: SocketAddr, mac: &str) -> (String, String) {
    let output = Command::new("curl")
        .args(["--silent", "--write-out", "\n%{http_code}", "--user-agent"])
        .arg(format!(
            "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId {mac}"
        ))
        .arg(format!("http://{server}/cfg{mac}.xml"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

fn listed(bench: &Bench) -> Vec<Value> {
    let list = bench.command(&["quarantine", "list", "--format", "json"]);
    let list = list.with_code(CLEAN).json();
    list["phones"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_phone_is_claimed_beside_a_running_gateway_and_without_one() {
    if !has_curl() {
        return;
    }
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let server = gateway.phones_http();
    for mac in [NEW, NEXT, NEXT] {
        assert_eq!(fetch(server, mac).0, "404");
    }
    let phones = listed(&bench);
    assert_eq!(phones.len(), 2, "{phones:#?}");
    let next = phones.iter().find(|phone| phone["mac"] == NEXT).unwrap();
    assert_eq!(next["count"], 2);
    assert_eq!(next["vendor"], "grandstream");
    assert_eq!(next["paths"][0], format!("cfg{NEXT}.xml"));
    assert_eq!(next["address"], "127.0.0.1");

    // Beside the gateway: an empty file.
    let claimed = bench
        .command(&["quarantine", "claim", NEW])
        .with_code(CLEAN);
    assert!(claimed.stdout.contains(NEW), "{claimed:?}");
    let (status, body) = fetch(server, NEW);
    assert_eq!(status, "200");
    assert!(body.contains(&format!("<mac>{NEW}</mac>")), "{body}");
    let shown = bench.show(NEW);
    assert_eq!(shown["device"]["model"], "GXP2170", "{shown:#}");
    let again = bench
        .command(&["quarantine", "claim", NEW])
        .with_code(ERROR);
    assert!(again.stderr.contains("known already"), "{again:?}");

    // It survives a restart; without a gateway, like another phone.
    assert!(gateway.terminate().success());
    let phones = listed(&bench);
    assert_eq!(phones.len(), 1, "{phones:#?}");
    let arguments = ["quarantine", "claim", NEXT, "--like", "000b82a1b2c3"];
    bench.command(&arguments).with_code(CLEAN);
    let reopened = bench.command(&["quarantine", "reopen"]).with_code(ERROR);
    assert!(reopened.stderr.contains("no gateway runs"), "{reopened:?}");
    let gateway = bench.serve_again();
    let (status, body) = fetch(gateway.phones_http(), NEXT);
    assert_eq!(status, "200");
    let original = bench.tree_file("cfg000b82a1b2c3.xml");
    let original = String::from_utf8(original).unwrap();
    assert_eq!(body, original.replace("000b82a1b2c3", NEXT));
    assert!(listed(&bench).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_phone_is_claimed_with_a_given_file_or_dropped() {
    if !has_curl() {
        return;
    }
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let server = gateway.phones_http();
    for mac in [NEW, NEXT] {
        assert_eq!(fetch(server, mac).0, "404");
    }
    let original = String::from_utf8(bench.tree_file("cfg000b82a1b2c3.xml")).unwrap();
    let path = bench.folder().join("new.xml");
    std::fs::write(&path, &original).unwrap();
    let file = path.to_str().unwrap();
    let arguments = ["quarantine", "claim", NEW, "--file", file];
    let refused = bench.command(&arguments).with_code(ERROR);
    assert!(refused.stderr.contains("000b82a1b2c3"), "{refused:?}");
    assert!(!refused.stderr.contains("kelp"), "{refused:?}");
    let own = original.replace("000b82a1b2c3", NEW);
    std::fs::write(&path, &own).unwrap();
    bench.command(&arguments).with_code(CLEAN);
    assert_eq!(fetch(server, NEW), ("200".to_owned(), own));

    bench
        .command(&["quarantine", "drop", NEXT])
        .with_code(CLEAN);
    assert!(listed(&bench).is_empty());
    let again = bench
        .command(&["quarantine", "drop", NEXT])
        .with_code(ERROR);
    assert!(again.stderr.contains(NEXT), "{again:?}");
    let claimed = bench
        .command(&["quarantine", "claim", NEXT])
        .with_code(ERROR);
    assert!(claimed.stderr.contains("quarantine list"), "{claimed:?}");
    // A gateway that is killed loses nothing that was asked for.
    gateway.kill();
    let gateway = bench.serve_again();
    assert!(listed(&bench).is_empty());
    assert_eq!(fetch(gateway.phones_http(), NEW).0, "200");
}
