//! A restart of the gateway is not a restart of the phones.

use trestle::sim::acs::Reply;

use crate::bench::Bench;
use crate::managed::Managed;
use crate::phones::{HTEK, PHONES};
use crate::support::finish;

/// How the gateway ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Asked,
    Killed,
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_no_device_boots_or_bootstraps_again() {
    let bench = Bench::set_with("", "url = \"http://127.0.0.1:7547\"").await;
    let mut gateway = bench.serve();
    let mut devices = Vec::new();
    for phone in PHONES {
        let managed = Managed::first_seen(&bench, &gateway, phone).await;
        devices.push((phone, managed));
    }
    for end in [End::Asked, End::Killed, End::Asked] {
        match end {
            End::Asked => assert_eq!(gateway.terminate().code(), Some(0)),
            End::Killed => gateway.kill(),
        }
        gateway = bench.serve();
        for (phone, managed) in &mut devices {
            phone.fetch(&bench, gateway.phones_http()).await;
            // An Inform for any other reason would come first, or tell it.
            let session = managed.wake(&gateway).await;
            let inform = session.inform();
            assert_eq!(inform.event_codes(), ["6 CONNECTION REQUEST"], "{end:?}");
            assert_eq!(inform.retry_count, 0);
            finish(session).await;
        }
    }
    let sessions = bench.acs.all_exchanges();
    let informs = sessions.iter().filter(|one| one.rpc() == "Inform").count();
    assert_eq!(informs, 3 * 4, "no other Inform came");
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_request_url_is_all_that_a_restart_tells() {
    const URL: &str = "Device.ManagementServer.ConnectionRequestURL";
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let mut devices = Vec::new();
    for phone in PHONES {
        let managed = Managed::first_seen(&bench, &gateway, phone).await;
        devices.push(managed);
    }
    // Taken, so that the next gateway gets another port; if it can't be, somebody else has it.
    let old = gateway.connection_requests();
    gateway.kill();
    let _taken = std::net::TcpListener::bind(old).ok();
    let gateway = bench.serve_again();
    for managed in &mut devices {
        let session = managed.device.session().await.unwrap();
        let inform = session.inform();
        assert_eq!(inform.event_codes(), ["4 VALUE CHANGE"]);
        let base = format!("http://{}/", gateway.connection_requests());
        assert!(inform.value(URL).unwrap().starts_with(&base), "{inform:?}");
        finish(session).await;
        let session = managed.wake(&gateway).await;
        assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
        finish(session).await;
    }
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_is_delivered_after_the_restart() {
    let bench = Bench::set_with("", "url = \"http://127.0.0.1:7547\"").await;
    let gateway = bench.serve();
    let mut device = bench.acs.device(&HTEK.serial());
    HTEK.fetch(&bench, gateway.phones_http()).await;
    let session = device.session().await.unwrap();
    assert!(session.inform().has_event("0 BOOTSTRAP"));
    session.end_with(Reply::status(503)).unwrap();
    bench.show_once(HTEK.mac, |shown| shown["retry_count"] == 1);
    gateway.kill();
    let gateway = bench.serve_again();
    let managed = Managed::greet(device).await;
    let inform = &managed.first_inform;
    assert_eq!(inform.event_codes(), ["0 BOOTSTRAP", "1 BOOT"]);
    assert_eq!(inform.retry_count, 1);
    drop(gateway);
}
