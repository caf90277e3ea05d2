//! Phones of four makers are handed over to their own TR-069 clients, and taken back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::bench::Bench;
use crate::command::{CLEAN, ERROR, FINDINGS};
use crate::managed::Managed;
use crate::phones::{AASTRA, GRANDSTREAM, HTEK, Phone};
use crate::support::finish;

const AKUVOX: Phone = Phone::new(
    "0c1105aabb63",
    "Akuvox SP-R50P 50.0.5.6 0C:11:05:AA:BB:63",
    &["0c1105aabb63.cfg"],
    3,
);
const AKUVOX_FILE: &str =
    "Config.Account1.GENERAL.Enable = 1\nConfig.Account1.GENERAL.Label = Hut\n";

/// Lines that tell a phone its ACS, without the secrets.
const TOLD: [(Phone, &[&str]); 4] = [
    (
        GRANDSTREAM,
        &[
            "<P1409>1</P1409>",
            "<P4503>https://acs2.example.net:7443/cwmp</P4503>",
        ],
    ),
    (
        HTEK,
        &[
            "<P8100>1</P8100>",
            "<P8101>https://acs2.example.net:7443/cwmp</P8101>",
        ],
    ),
    (
        AASTRA,
        &[
            "tr69: 1",
            "tr69 server: https://acs2.example.net",
            "tr69 server port: 7443",
            "tr69 server path: cwmp",
        ],
    ),
    (
        AKUVOX,
        &[
            "Config.TR069.General.Enable = 1",
            "Config.TR069.ManagementServer.URL = https://acs2.example.net:7443/cwmp",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn phones_of_four_makers_are_handed_over_and_taken_back() {
    let bench = Bench::set().await;
    fs::write(bench.tree().join(AKUVOX.own_file()), AKUVOX_FILE).unwrap();
    let gateway = bench.serve();
    let mut devices = Vec::new();
    for (phone, _) in TOLD {
        devices.push(Managed::first_seen(&bench, &gateway, phone).await);
    }
    let credentials = bench.folder().join("credentials.csv");
    let macs = TOLD.map(|(phone, _)| phone.mac);
    let hand_over = |macs: &[&str]| {
        let to = [
            "--to",
            "https://acs2.example.net:7443/cwmp",
            "--credentials",
            credentials.to_str().unwrap(),
        ];
        bench.command(&[&["handover"], macs, &to[..]].concat())
    };
    let said = hand_over(&macs).with_code(CLEAN).stdout;
    let table = fs::read_to_string(&credentials).unwrap();
    let mode = fs::metadata(&credentials).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "they are secrets");
    hand_over(&macs).with_code(ERROR);

    for ((phone, lines), managed) in TOLD.into_iter().zip(&mut devices) {
        let row = table
            .lines()
            .find(|row| row.starts_with(phone.mac))
            .unwrap();
        let fields: Vec<&str> = row.split(',').collect();
        assert!(fields[3].len() >= 20, "a password of its own");
        assert!(!said.contains(fields[3]), "it is not printed");
        // Until the phone knows, its device answers.
        finish(managed.wake(&gateway).await).await;
        let file = phone.fetch(&bench, gateway.phones_http()).await.body;
        let file = String::from_utf8(file).unwrap();
        for line in lines {
            assert!(file.contains(line), "{line}: {file}");
        }
        assert!(
            file.contains(fields[2]) && file.contains(fields[3]),
            "{file}"
        );
        bench.show_once(phone.mac, |shown| shown["device"]["hand_over"] == "fetched");
    }
    let listed = bench.command(&["handover", "--format", "json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 4);
    assert_eq!(listed[0]["state"], "fetched");

    // One stays, the others come back.
    bench
        .command(&["handover", GRANDSTREAM.mac, "--confirm"])
        .with_code(CLEAN);
    let back = [HTEK.mac, AASTRA.mac, AKUVOX.mac];
    let arguments = [&["handover"], &back[..], &["--take-back"]].concat();
    bench.command(&arguments).with_code(CLEAN);
    bench.command(&arguments).with_code(FINDINGS);
    let out = bench.folder().join("out");
    bench
        .command(&["export", out.to_str().unwrap()])
        .with_code(CLEAN);
    let text = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let aastra = fs::read(out.join(AASTRA.own_file())).unwrap();
    assert_eq!(aastra, bench.tree_file(AASTRA.own_file()), "as it was");
    assert!(text(HTEK.own_file()).contains("<P8100>0</P8100>"));
    assert!(text(AKUVOX.own_file()).contains("Config.TR069.General.Enable = 0"));
    assert!(text(GRANDSTREAM.own_file()).contains("<P1409>1</P1409>"));
    for managed in devices.iter_mut().skip(1) {
        let session = managed.device.session().await.unwrap();
        assert!(session.inform().has_event("0 BOOTSTRAP"));
        finish(session).await;
    }
    bench
        .command(&["handover", GRANDSTREAM.mac, "--take-back"])
        .with_code(CLEAN);
    let session = devices[0].device.session().await.unwrap();
    assert!(session.inform().has_event("0 BOOTSTRAP"));
    finish(session).await;
    assert_eq!(
        bench.command(&["handover", "--format", "json"]).json(),
        serde_json::json!([])
    );
}
