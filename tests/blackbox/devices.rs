//! `trestle device ...`, with a gateway on the same store and without one.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::command::{CLEAN, ERROR, FINDINGS};
use crate::fetch;
use crate::managed::{DISPLAY_NAME, Managed, PROFILE, PROVISIONING_CODE};
use crate::phones::{AASTRA, GRANDSTREAM, HTEK};
use crate::support::finish;

const MACS: [&str; 6] = [
    "00085d55aa11",
    "00085d7890ab",
    "000b8277aa01",
    "000b82a1b2c3",
    "000b82a1b2c4",
    "001fc1d4e5f6",
];

/// Looks at phones and changes them; `number` makes the changes differ from call to call.
fn look_around(bench: &Bench, number: u32) {
    let list = bench.command(&["device", "list", "--format", "json"]);
    let list = list.with_code(CLEAN).json();
    let macs: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["mac"])
        .collect();
    assert_eq!(macs, MACS);
    let text = bench.command(&["device", "list"]).with_code(CLEAN);
    for mac in MACS {
        assert!(text.stdout.contains(mac), "{}", text.stdout);
    }
    let mac = GRANDSTREAM.mac;
    for spelling in ["000B82A1B2C3", "00:0b:82:a1:b2:c3"] {
        let shown = bench.show(spelling);
        assert_eq!(shown["device"]["mac"], mac);
        assert_eq!(shown["serial_number"], mac.to_ascii_uppercase());
    }
    let text = bench.command(&["device", "show", mac]).with_code(CLEAN);
    assert!(text.stdout.contains(mac), "{}", text.stdout);

    let get = |path: &str| {
        let ended = bench.command(&["device", "get", mac, path, "--format", "json"]);
        ended.with_code(CLEAN).json()
    };
    let lines = get(PROFILE);
    assert!(lines.as_array().unwrap().len() > 50);
    let password = format!("{PROFILE}Line.1.SIP.AuthPassword");
    assert_eq!(
        get(&password),
        json!([{
            "path": password, "value": "***", "type": "xsd:string", "writable": true,
            "secret": true, "file": "cfg000b82a1b2c3.xml", "line": 32
        }])
    );
    let name = format!("Name {number}");
    let code = format!("code {number}");
    let set = |assignments: [String; 2]| {
        let [one, two] = assignments;
        bench.command(&["device", "set", mac, &one, &two, "--format", "json"])
    };
    let reply = set([
        format!("{DISPLAY_NAME}={name}"),
        format!("{PROVISIONING_CODE}={code}"),
    ]);
    let reply = reply.with_code(CLEAN).json();
    assert_eq!(reply["applied_later"], true);
    let edits = reply["edits"].as_array().unwrap();
    assert_eq!((edits.len(), &edits[0]["key"]), (1, &json!("P3")));
    assert_eq!(edits[0]["new"], json!(name));
    let wrong = set([
        format!("{DISPLAY_NAME}=Wrong"),
        format!("{PROFILE}SIP.RegisterExpires=soon"),
    ]);
    let wrong = wrong.with_code(ERROR);
    assert!(wrong.stderr.contains("SIP.RegisterExpires"), "{wrong:?}");
    assert!(!wrong.stderr.contains("CallerIDName"), "{wrong:?}");
    assert_eq!(get(DISPLAY_NAME)[0]["value"], name);
    assert_eq!(get(PROVISIONING_CODE)[0]["value"], code);

    let stranger = "000b82ffffff";
    for command in [
        &["device", "show", stranger][..],
        &["device", "get", stranger],
        &["device", "set", stranger, "a=b"],
        &["device", "resync", stranger],
        &["device", "reboot", stranger],
    ] {
        let ended = bench.command(command).with_code(ERROR);
        assert!(ended.stderr.contains(stranger), "{ended:?}");
    }
    let ended = bench
        .command(&["device", "get", mac, "Device.No"])
        .with_code(ERROR);
    assert!(ended.stderr.contains("Device.No"), "{ended:?}");

    // This one has never been seen.
    for control in ["resync", "reboot"] {
        let ended = bench.command(&["device", control, "000b8277aa01", "--format", "json"]);
        assert_eq!(ended.with_code(FINDINGS).json(), json!({"outcome": null}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_looked_at_and_changed_with_and_without_a_gateway() {
    let bench = Bench::set().await;
    bench.import();
    look_around(&bench, 1);
    let gateway = bench.serve_again();
    look_around(&bench, 2);
    let file = fetch::file(gateway.phones_http(), GRANDSTREAM.own_file()).await;
    assert!(String::from_utf8(file).unwrap().contains("<P3>Name 2</P3>"));
    gateway.kill();
    // The key of the killed gateway is still in the store's folder, and does no harm.
    look_around(&bench, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_shows_in_the_list() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    AASTRA.fetch(&bench, gateway.phones_http()).await;
    bench.show_once(AASTRA.mac, |shown| shown["device"]["served"] == 1);
    let list = bench
        .command(&["device", "list", "--format", "json"])
        .json();
    let seen: Vec<&Value> = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| !one["address"].is_null())
        .collect();
    let [seen] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    assert_eq!(seen["mac"], AASTRA.mac);
    assert_eq!(seen["model"], "6867i");
    assert_eq!(seen["version"], "4.2.0.181");
    assert_eq!(seen["announced"], true);
    let address: Ipv4Addr = seen["address"].as_str().unwrap().parse().unwrap();
    assert_eq!(address, bench.address(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn resync_and_reboot_reach_the_phone_with_and_without_a_gateway() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let (mut running, mut managed) = Managed::switched_on(&bench, &gateway, HTEK, None).await;
    let control = |what: &str| {
        let ended = bench.command(&["device", what, HTEK.mac, "--format", "json"]);
        let reply = ended.with_code(CLEAN).json();
        assert_eq!(reply, json!({"outcome": {"result": "accepted"}}));
    };
    control("resync");
    running.fetched().await;
    control("reboot");
    running.fetched().await;
    // An operator's restart has no key for the ACS.
    let session = managed.device.session().await.unwrap();
    assert_eq!(session.inform().event_codes(), ["1 BOOT"]);
    finish(session).await;
    assert_eq!(gateway.terminate().code(), Some(0));

    // No gateway: the phone is told, and tries to fetch. Who has the port by now is not known.
    control("resync");
    running.sim.next_fetch().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_are_imported_verified_and_exported_while_a_gateway_runs() {
    let bench = Bench::set().await;
    let gateway = bench.serve_again();
    let tree = bench.tree();
    let report = bench.import().with_code(FINDINGS).json();
    assert_eq!(report["summary"]["added"], 15);
    bench
        .command(&["verify", tree.to_str().unwrap()])
        .with_code(CLEAN);
    let out = bench.folder().join("out");
    bench
        .command(&["export", out.to_str().unwrap()])
        .with_code(CLEAN);
    assert!(crate::bench::files_below(&out) == crate::bench::files_below(&tree));
    let file = fetch::file(gateway.phones_http(), "phonebook.xml").await;
    assert_eq!(file, bench.tree_file("phonebook.xml"));
}
