//! `device trace` and `serve --soap`: what went over the wire, and no secret in it.

use trestle::sim::acs::{Reply, ScriptError};

use crate::bench::{Bench, CPE_PASSWORD};
use crate::command::{ERROR, Ended};
use crate::gateway::Gateway;
use crate::managed::{DISPLAY_NAME, DOWNLOAD_TYPE, Managed, PROFILE, WAKE_PASSWORD, transfer};
use crate::phones::GRANDSTREAM;

const NEW_PASSWORD: &str = "brand-Bollard-3";
const NATIVE_PASSWORD: &str = "native-Bollard-4";
const UNKNOWN_VALUE: &str = "unknown-Bollard-5";
const FILE_PASSWORD: &str = "file-Bollard-6";
const TOKEN: &str = "token-Bollard-7";
const BROKEN: &str = "broken-Bollard-8";

fn trace(bench: &Bench, more: &[&str]) -> Ended {
    let arguments = [&["device", "trace", GRANDSTREAM.mac], more].concat();
    bench.command(&arguments)
}

/// Sets values one by one, whether the device takes them or not.
async fn try_to_set(session: &mut trestle::sim::acs::Session<'_>, values: &[(&str, &str)]) {
    for (path, value) in values {
        match session.set_values(&[(path, value, "xsd:string")], "").await {
            Ok(_) | Err(ScriptError::Fault(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_shown_with_what_matters_and_without_secrets() {
    let bench = Bench::set().await;
    let tree = bench.tree();
    let arguments = ["--import", tree.to_str().unwrap(), "--soap"];
    let gateway = Gateway::start_with_log(bench.folder(), &arguments, "trestle=trace,info");
    let mut managed = Managed::first_seen(&bench, &gateway, GRANDSTREAM).await;
    let mut session = managed.turn(&gateway).await;
    let auth_password = format!("{PROFILE}Line.1.SIP.AuthPassword");
    let missing_line = format!("{PROFILE}Line.77.SIP.AuthPassword");
    let values = [
        (DISPLAY_NAME, "Harbour Desk"),
        (auth_password.as_str(), NEW_PASSWORD),
        (missing_line.as_str(), NEW_PASSWORD),
        ("Device.X_TRESTLE_Native.P34", NATIVE_PASSWORD),
        (
            "InternetGatewayDevice.ManagementServer.Password",
            UNKNOWN_VALUE,
        ),
    ];
    try_to_set(&mut session, &values).await;
    let plain = format!("http://files.example.net/a?token={TOKEN}&x=1");
    let in_url = format!("http://me:{FILE_PASSWORD}@files.example.net/b");
    for url in [&plain, &in_url] {
        let mut order = transfer("order", DOWNLOAD_TYPE, url);
        order.username = "store";
        order.password = FILE_PASSWORD;
        let _ = session.download(&order).await;
    }
    session.end().unwrap();
    // What can't be read may hold anything.
    let session = managed.wake(&gateway).await;
    let broken = format!("<Envelope><Body><Password>{BROKEN}");
    session.end_with(Reply::message(broken)).unwrap();
    bench.show_once(GRANDSTREAM.mac, |shown| shown["retry_count"] == 1);

    let json = trace(&bench, &["--sessions", "8", "--format", "json"]).json();
    let sessions = json.as_array().unwrap();
    // The report of the transfer may have had a session of its own between the two.
    let good = sessions
        .iter()
        .find(|session| session.to_string().contains("Harbour Desk"))
        .unwrap();
    let failed = sessions
        .iter()
        .find(|session| session["failure"].is_string())
        .unwrap();
    assert_eq!(good["url"], bench.acs.url());
    assert!(good["failure"].is_null() && !good["ended"].is_null());
    let messages = good["messages"].as_array().unwrap();
    assert_eq!(messages[0]["direction"], "sent");
    assert!(messages[0]["soap"].as_str().unwrap().contains("Inform>"));
    assert_eq!(messages[1]["status"], 200);
    let unread = failed["messages"].as_array().unwrap().last().unwrap();
    assert!(unread["soap"].is_null() && unread["not_shown"].is_string());

    let text = trace(&bench, &["--sessions", "9"]);
    let one = trace(&bench, &[]).stdout;
    assert!(!one.contains("Harbour Desk"), "only the last session");
    assert_eq!(gateway.terminate().code(), Some(0));
    for shown in [&text.stdout, &bench.gateway_text()] {
        for part in [
            "SetParameterValuesResponse>",
            "<Name>Device.Services.VoiceService.1.VoiceProfile.1.Line.1.SIP.AuthPassword</Name>",
            "Harbour Desk</Value>",
            "<Password>***</Password>",
            "?token=***&amp;x=1",
            "http://***@files.example.net/b",
            "not shown: ",
            "session failed: ",
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }
    let texts = [json.to_string(), text.stdout, one, bench.gateway_text()];
    for secret in [
        NEW_PASSWORD,
        NATIVE_PASSWORD,
        UNKNOWN_VALUE,
        FILE_PASSWORD,
        TOKEN,
        BROKEN,
        CPE_PASSWORD,
        WAKE_PASSWORD,
    ] {
        for text in &texts {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} is shown");
        }
    }

    // The memory has gone with the gateway, and the command says so.
    let ended = trace(&bench, &[]).with_code(ERROR);
    assert!(ended.stderr.contains("no gateway runs"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_without_a_session_and_one_that_is_unknown_are_told_apart() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let ended = trace(&bench, &[]);
    assert_eq!(ended.code, 0);
    assert!(ended.stdout.contains("no session"), "{}", ended.stdout);
    let unknown = bench.command(&["device", "trace", "020000000001"]);
    assert!(unknown.with_code(ERROR).stderr.contains("020000000001"));
    drop(gateway);
}
