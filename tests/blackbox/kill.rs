//! `kill -9` of the gateway: what was acknowledged is there after the next start.

use std::net::{IpAddr, SocketAddr};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use trestle::sim::acs::http::Connection;

use crate::bench::Bench;
use crate::fetch;
use crate::managed::{
    DISPLAY_NAME, DOWNLOAD_TYPE, Managed, PARAMETER_KEY, PROVISIONING_CODE, transfer,
};
use crate::phones::{AASTRA, GRANDSTREAM, PHONES};
use crate::support::finish;

/// A ConnectionRequestURL that stays the same when the listener's port does not.
const STABLE_URL: &str = "url = \"http://127.0.0.1:7547\"";

const ROUNDS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_set_survives_a_kill_right_after_the_answer() {
    let bench = Bench::set_with("", STABLE_URL).await;
    let mut gateway = bench.serve();
    let mut devices = Vec::new();
    for phone in PHONES {
        let managed = Managed::first_seen(&bench, &gateway, phone).await;
        devices.push((phone, managed));
    }
    for round in 0..ROUNDS {
        for (phone, managed) in &mut devices {
            let name = format!("Round {round} {}", "x".repeat(1 + round * 7));
            let key = format!("key-{round}");
            let mut session = managed.turn(&gateway).await;
            let values = [
                (DISPLAY_NAME, name.as_str(), "xsd:string"),
                (PROVISIONING_CODE, name.as_str(), "xsd:string"),
            ];
            session.set_values(&values, &key).await.unwrap();
            gateway.kill();
            drop(session);

            gateway = bench.serve_again();
            let file = fetch::file(gateway.phones_http(), phone.own_file()).await;
            let text = String::from_utf8(file).unwrap();
            assert_eq!(text.matches(name.as_str()).count(), 1, "{text}");
            let mut session = managed.turn(&gateway).await;
            assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
            let asked = [DISPLAY_NAME, PROVISIONING_CODE, PARAMETER_KEY];
            let values = session.get_values(&asked).await.unwrap();
            let values: Vec<_> = values.iter().map(|one| one.value.as_str()).collect();
            assert_eq!(values, [&name, &name, &key]);
            session.end().unwrap();
        }
    }
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_not_acknowledged_is_sent_again_and_then_once() {
    let bench = Bench::set_with("", STABLE_URL).await;
    let gateway = bench.serve();
    let mut managed = Managed::first_seen(&bench, &gateway, GRANDSTREAM).await;
    let original = bench.tree_file(GRANDSTREAM.own_file());
    bench.files.put("/config", original.clone());
    let url = bench.files.url("/config");
    let mut session = managed.turn(&gateway).await;
    let order = transfer("pending", DOWNLOAD_TYPE, &url);
    session.download(&order).await.unwrap();
    session.end().unwrap();

    // Killed with the Inform unanswered.
    let session = managed.device.session().await.unwrap();
    assert!(session.inform().has_event("7 TRANSFER COMPLETE"));
    gateway.kill();
    drop(session);
    let gateway = bench.serve_again();
    // Killed with the TransferComplete unanswered: the events are delivered, the report is not.
    let mut session = managed.device.session().await.unwrap();
    let inform = session.inform().clone();
    assert_eq!(inform.event_codes(), ["7 TRANSFER COMPLETE", "M Download"]);
    assert_eq!(inform.command_keys("M Download"), ["pending"]);
    let report = session.respond_inform().await.unwrap();
    assert_eq!(report.rpc(), "TransferComplete");
    gateway.kill();
    drop(session);

    let gateway = bench.serve_again();
    let report = managed.transfer_complete().await;
    assert_eq!(
        (report.command_key.as_str(), report.fault_code),
        ("pending", 0)
    );
    // The session is over, so the acknowledgement is on disk.
    bench.show_once(GRANDSTREAM.mac, |shown| {
        shown["transfers"].as_array().unwrap().is_empty()
    });
    gateway.kill();
    let gateway = bench.serve_again();
    let session = managed.wake(&gateway).await;
    assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
    finish(session).await;
    assert_eq!(
        bench.files.requests("/config").len(),
        1,
        "not fetched again"
    );
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_was_accepted_is_carried_out_after_a_kill_in_the_middle() {
    let bench = Bench::set_with("", STABLE_URL).await;
    let gateway = bench.serve();
    let mut managed = Managed::first_seen(&bench, &gateway, AASTRA).await;
    let original = bench.tree_file(AASTRA.own_file());
    let text = String::from_utf8(original.clone()).unwrap();
    let wanted = text.replace("Tide tables", "Ebb and flow").into_bytes();
    assert_ne!(wanted, original);

    let loopback = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0);
    let listener = TcpListener::bind(loopback).await.unwrap();
    let url = format!("http://{}/slow", listener.local_addr().unwrap());
    let mut session = managed.turn(&gateway).await;
    let order = transfer("slow", DOWNLOAD_TYPE, &url);
    session.download(&order).await.unwrap();
    session.end().unwrap();
    let mut half_done = Connection::new(listener.accept().await.unwrap().0);
    half_done.read_request().await.unwrap().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        wanted.len()
    );
    half_done.stream().write_all(head.as_bytes()).await.unwrap();
    half_done.stream().write_all(&wanted[..100]).await.unwrap();
    gateway.kill();

    let gateway = bench.serve_again();
    let file = fetch::file(gateway.phones_http(), AASTRA.own_file()).await;
    assert_eq!(file, original, "half a file is none");
    let mut again = Connection::new(listener.accept().await.unwrap().0);
    again.read_request().await.unwrap().unwrap();
    again.stream().write_all(head.as_bytes()).await.unwrap();
    again.stream().write_all(&wanted).await.unwrap();
    let report = managed.transfer_complete().await;
    assert_eq!(
        (report.command_key.as_str(), report.fault_code),
        ("slow", 0)
    );
    let file = fetch::file(gateway.phones_http(), AASTRA.own_file()).await;
    assert_eq!(file, wanted);
}
