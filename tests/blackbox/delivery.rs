//! From the change to the phone: desired, served, confirmed; NOTIFY; restarts that the ACS orders.

use serde_json::{Value, json};
use trestle::sim::acs::message::AttributeChange;

use crate::bench::Bench;
use crate::command::FINDINGS;
use crate::managed::{DISPLAY_NAME, Managed, PROVISIONING_CODE};
use crate::phones::{GRANDSTREAM, HTEK, PHONES};
use crate::support::finish;

fn delivery(shown: &Value) -> [Value; 3] {
    ["desired", "served", "confirmed"].map(|key| shown["device"][key].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn desired_served_and_confirmed_are_three_things() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let server = gateway.phones_http();
    for phone in PHONES {
        let is = |wanted: [Value; 3]| bench.show_once(phone.mac, |shown| delivery(shown) == wanted);
        let shown = is([json!(1), json!(null), json!(null)]);
        assert_eq!(shown["served_at"], json!(null));
        let mut managed = Managed::first_seen(&bench, &gateway, phone).await;
        let shown = is([json!(1), json!(1), json!(null)]);
        assert!(shown["served_at"].is_string());
        phone.fetch(&bench, server).await;
        is([json!(1), json!(1), json!(1)]);

        // The phone is off: the change waits for it.
        managed.set(&gateway, DISPLAY_NAME, "Waits").await;
        let shown = is([json!(2), json!(1), json!(1)]);
        assert_eq!(shown["told_at"], json!(null));
        managed.set(&gateway, DISPLAY_NAME, "Waits too").await;
        is([json!(3), json!(1), json!(1)]);
        // The same value again is no change.
        managed.set(&gateway, DISPLAY_NAME, "Waits too").await;
        is([json!(3), json!(1), json!(1)]);

        phone.fetch(&bench, server).await;
        is([json!(3), json!(3), json!(1)]);
        phone.fetch(&bench, server).await;
        is([json!(3), json!(3), json!(3)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_reaches_the_phone_by_notify_also_when_it_asks_for_its_password() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for phone in PHONES {
        let account = Some(phone.account);
        let (mut running, mut managed) =
            Managed::switched_on(&bench, &gateway, phone, account).await;
        managed.set(&gateway, DISPLAY_NAME, "By NOTIFY").await;
        let file = running.fetched().await;
        assert!(String::from_utf8(file).unwrap().contains("By NOTIFY"));
        let shown = bench.show_once(phone.mac, |shown| {
            delivery(shown) == [json!(2), json!(2), json!(null)] && shown["told_at"].is_string()
        });
        assert_eq!(shown["reboots"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_refuses_is_reported_and_its_change_stays_wanted() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let other = Some(("desk-2170", "another password"));
    let (running, mut managed) = Managed::switched_on(&bench, &gateway, GRANDSTREAM, other).await;
    managed.set(&gateway, DISPLAY_NAME, "Refused").await;
    let ended = bench.command(&["device", "resync", GRANDSTREAM.mac, "--format", "json"]);
    let reply = ended.with_code(FINDINGS).json();
    assert_eq!(
        reply["outcome"],
        json!({"result": "refused", "status": 401})
    );
    bench.show_once(GRANDSTREAM.mac, |shown| {
        delivery(shown) == [json!(2), json!(1), json!(null)]
    });
    assert_eq!(running.fetch_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_ordered_by_the_acs_is_reported_with_its_key_once_the_phone_is_back() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for phone in PHONES {
        let (mut running, mut managed) = Managed::switched_on(&bench, &gateway, phone, None).await;
        let mut session = managed.turn(&gateway).await;
        session.reboot("first <key>").await.unwrap();
        session.reboot("second").await.unwrap();
        // While the session lasts the phone is left alone.
        assert_eq!(running.fetch_count(), 1);
        session.end().unwrap();
        let session = managed.device.session().await.unwrap();
        let inform = session.inform();
        assert_eq!(
            inform.event_codes(),
            ["1 BOOT", "M Reboot", "M Reboot"],
            "{phone:?}"
        );
        assert_eq!(inform.command_keys("M Reboot"), ["first <key>", "second"]);
        // The gateway may know sooner than the phone that it has all of its file.
        running.fetched().await;
        assert_eq!(running.fetch_count(), 2, "one restart is enough");
        finish(session).await;
        let session = managed.wake(&gateway).await;
        assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
        finish(session).await;
    }
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_was_ordered_survives_the_gateways_own() {
    let bench = Bench::set_with("", "url = \"http://127.0.0.1:7547\"").await;
    let gateway = bench.serve();
    let mut managed = Managed::first_seen(&bench, &gateway, HTEK).await;
    let mut session = managed.turn(&gateway).await;
    session.reboot("kept").await.unwrap();
    gateway.kill();
    drop(session);
    let gateway = bench.serve_again();
    assert_eq!(bench.show(HTEK.mac)["reboots"], 1);
    // Now the phone is there.
    let _running = HTEK.switch_on(&bench, gateway.phones_http(), None).await;
    let session = managed.device.session().await.unwrap();
    let inform = session.inform();
    assert_eq!(inform.event_codes(), ["1 BOOT", "M Reboot"]);
    assert_eq!(inform.command_keys("M Reboot"), ["kept"]);
    finish(session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acs_that_watches_the_delivery_hears_when_the_phone_has_fetched() {
    const SERVED: &str = "Device.X_TRESTLE_Delivery.ServedRevision";
    const STATUS: &str = "Device.X_TRESTLE_Delivery.Status";
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for phone in PHONES {
        let mut managed = Managed::first_seen(&bench, &gateway, phone).await;
        managed.set(&gateway, DISPLAY_NAME, "Waits").await;
        let mut session = managed.turn(&gateway).await;
        assert_eq!(session.get_value(STATUS).await.unwrap(), "Pending");
        let changes = [SERVED, STATUS].map(|name| AttributeChange {
            name,
            notification: Some("2"),
            access_list: None,
        });
        session.set_attributes(&changes).await.unwrap();
        session.end().unwrap();
        phone.fetch(&bench, gateway.phones_http()).await;
        let session = managed.device.session().await.unwrap();
        let inform = session.inform();
        assert_eq!(inform.event_codes(), ["4 VALUE CHANGE"], "{phone:?}");
        assert_eq!(inform.value(SERVED), Some("2"));
        assert_eq!(inform.value(STATUS), Some("Fetched"));
        finish(session).await;
    }
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_set_tells_whether_it_is_in_effect_already() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for phone in PHONES {
        let mut managed = Managed::first_seen(&bench, &gateway, phone).await;
        let is = |wanted: [Value; 3]| bench.show_once(phone.mac, |shown| delivery(shown) == wanted);
        let mut status = async |path: &str, value: &str| {
            let mut session = managed.turn(&gateway).await;
            let set = [(path, value, "xsd:string")];
            let status = session.set_values(&set, "").await.unwrap();
            session.end().unwrap();
            status
        };
        assert_eq!(status(DISPLAY_NAME, "Waits").await, "1", "{phone:?}");
        assert_eq!(status(DISPLAY_NAME, "Waits").await, "1", "as before");
        assert_eq!(status(PROVISIONING_CODE, "x").await, "0", "in no file");
        phone.fetch(&bench, gateway.phones_http()).await;
        is([json!(2), json!(2), json!(null)]);
        phone.fetch(&bench, gateway.phones_http()).await;
        is([json!(2), json!(2), json!(2)]);
        assert_eq!(status(DISPLAY_NAME, "Waits").await, "0", "no change");
        is([json!(2), json!(2), json!(2)]);
        assert_eq!(status(DISPLAY_NAME, "Other").await, "1");
    }
    bench.assert_no_findings();
}
