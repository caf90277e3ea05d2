//! Several ACSs in one gateway: which phone goes where, and what is particular to each.

use std::fs;

use trestle::sim::acs::digest::Authentication;
use trestle::sim::acs::{AcsOptions, ScriptedAcs};

use crate::bench::{Bench, CPE_PASSWORD, CPE_USERNAME};
use crate::command::ERROR;
use crate::managed::Managed;
use crate::phones::{AASTRA, GRANDSTREAM, HTEK};
use crate::support::finish;

const OTHER_USERNAME: &str = "other-fleet";
const OTHER_PASSWORD: &str = "other-Tiller-78";

async fn second_acs() -> ScriptedAcs {
    ScriptedAcs::start(AcsOptions::default()).await.unwrap()
}

/// A further ACS in the settings.
fn also(acs: &ScriptedAcs, devices: &str, more: &str) -> String {
    let url = acs.url();
    format!("[[acs.also]]\nmatch = {{ {devices} }}\nurl = {url:?}\n{more}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_phone_goes_to_its_own_acs_and_moves_with_the_rules() {
    let bench = Bench::set().await;
    let other = second_acs().await;
    let credentials = format!("username = {OTHER_USERNAME:?}\npassword = {OTHER_PASSWORD:?}\n");
    let first_rules = also(&other, "vendor = \"htek\", model = \"UC*\"", &credentials);
    bench.add_settings(&first_rules);
    let own = Authentication::digest(CPE_USERNAME, CPE_PASSWORD);
    bench.acs.require(Some(own));
    let others = Authentication::digest(OTHER_USERNAME, OTHER_PASSWORD);
    other.require(Some(others));

    let gateway = bench.serve();
    let grandstream = Managed::first_seen(&bench, &gateway, GRANDSTREAM).await;
    let htek_there = other.device(&HTEK.serial());
    HTEK.fetch(&bench, gateway.phones_http()).await;
    let htek = Managed::greet(htek_there).await;
    assert!(htek.first_inform.has_event("0 BOOTSTRAP"));
    assert_eq!(bench.acs.serials(), [GRANDSTREAM.serial()]);
    assert_eq!(other.serials(), [HTEK.serial()]);
    let shown = bench.show(HTEK.mac);
    assert_eq!(shown["acs_url"], other.url());
    assert_eq!(gateway.terminate().code(), Some(0));

    // The rules change: the phones change places, and begin anew there.
    let path = bench.folder().join("trestle.toml");
    let settings = fs::read_to_string(&path).unwrap();
    let second_rules = also(&other, "mac_prefix = \"00:0b:82\"", &credentials);
    fs::write(&path, settings.replace(&first_rules, &second_rules)).unwrap();
    let moved = [
        (grandstream, other.device(&GRANDSTREAM.serial())),
        (htek, bench.acs.device(&HTEK.serial())),
    ];
    let gateway = bench.serve_again();
    for (managed, mut device) in moved {
        managed.knock(&gateway).await;
        let session = device.session().await.unwrap();
        let events = session.inform().event_codes();
        assert!(events.contains(&"0 BOOTSTRAP"), "{events:?}");
        finish(session).await;
    }
    bench.assert_no_findings();
    assert!(other.findings().is_empty(), "{:?}", other.findings());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_acs_holds_up_its_own_phones_only() {
    let bench = Bench::set_with("max_sessions = 1", "").await;
    let other = second_acs().await;
    bench.add_settings(&also(&other, "vendor = \"htek\"", ""));
    let gateway = bench.serve();
    let mut slow = bench.acs.device(&GRANDSTREAM.serial());
    let mut waiting = bench.acs.device(&AASTRA.serial());
    let mut free = other.device(&HTEK.serial());
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    let held = slow.session().await.unwrap();
    AASTRA.fetch(&bench, gateway.phones_http()).await;
    HTEK.fetch(&bench, gateway.phones_http()).await;
    finish(free.session().await.unwrap()).await;
    assert_eq!(bench.acs.serials(), [GRANDSTREAM.serial()]);
    finish(held).await;
    finish(waiting.session().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_profile_is_in_force() {
    let bench = Bench::set_with("profile = \"mine\"", "").await;
    let path = bench.folder().join("trestle.toml");
    let settings = fs::read_to_string(&path).unwrap();
    let settings = settings.replace(&format!("username = {CPE_USERNAME:?}\n"), "");
    let mappings = bench.folder().join("mappings");
    let own = mappings.join("acs/mine.toml");
    fs::write(
        &path,
        format!("{settings}[mappings]\npath = {mappings:?}\n"),
    )
    .unwrap();

    // Without the file the name is unknown; with a mistake in it, its place is told.
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    let ended = bench.command(&["serve"]).with_code(ERROR);
    for part in ["acs.profile", "mine", "genieacs"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    fs::write(&own, "# mine\nusername = 7\n").unwrap();
    let ended = bench.command(&["serve"]).with_code(ERROR);
    assert!(
        ended.stderr.contains("mine.toml:2:12: "),
        "{}",
        ended.stderr
    );

    fs::write(&own, "# mine\nusername = \"{device_id}\"\n").unwrap();
    let wanted = format!("001FC1-UC926-{}", HTEK.serial());
    let asked = Authentication::digest(&wanted, CPE_PASSWORD);
    bench.acs.require(Some(asked));
    let gateway = bench.serve();
    let mut managed = Managed::first_seen(&bench, &gateway, HTEK).await;
    let mut session = managed.turn(&gateway).await;
    let username = "Device.ManagementServer.Username";
    assert_eq!(session.get_value(username).await.unwrap(), wanted);
    session.end().unwrap();
}

#[test]
fn rules_that_cannot_be_meant_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("trestle.toml");
    for (lines, parts) in [
        (
            "[[acs.also]]\nurl = \"http://x/\"\n",
            ["match", "trestle.toml:"],
        ),
        (
            "[[acs.also]]\nmatch = {}\n",
            ["acs.also[0].match", "vendor, model"],
        ),
        (
            "[[acs.also]]\nmatch = { vendor = \"grandsteam\" }\n",
            ["acs.also[0].match.vendor", "grandstream"],
        ),
        (
            "[[acs.also]]\nmatch = { mac_prefix = \"xy\" }\n",
            ["trestle.toml:8:", "hex digits"],
        ),
        (
            "[[acs.also]]\nmatch = { vendor = \"htek\" }\nurl = \"ftp://x/\"\n",
            ["acs.also[0].url", "http"],
        ),
        (
            "[acs]\nclient_cert = \"client.pem\"\n",
            ["acs.client_key", "client_cert"],
        ),
        ("[acs]\npin = [\"abc\"]\n", ["trestle.toml:8:", "base64"]),
        (
            "[acs]\nca_file = \"none.pem\"\n",
            ["none.pem", "certificate"],
        ),
    ] {
        fs::write(&config, format!("[admin]\nlisten = \"127.0.0.1:0\"\n[phones]\nhttp = \"127.0.0.1:0\"\n[connection_request]\nlisten = \"127.0.0.1:0\"\n{lines}")).unwrap();
        let data = folder.path().join("data");
        let arguments = [
            "serve".as_ref(),
            "--config".as_ref(),
            config.as_os_str(),
            "--data".as_ref(),
            data.as_os_str(),
        ];
        let ended = crate::command::run(arguments).with_code(ERROR);
        for part in parts {
            assert!(ended.stderr.contains(part), "{lines}: {}", ended.stderr);
        }
    }
}
