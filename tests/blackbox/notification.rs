//! What a person changes, and what the ACS hears of it.

use trestle::sim::acs::message::AttributeChange;

use crate::bench::Bench;
use crate::command::CLEAN;
use crate::managed::{DISPLAY_NAME, Managed, PROFILE};
use crate::phones::PHONES;
use crate::support::finish;

fn watched<'a>(name: &'a str, notification: &'a str) -> AttributeChange<'a> {
    AttributeChange {
        name,
        notification: Some(notification),
        access_list: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_parameter_is_told_at_once_and_a_passive_one_with_the_next_inform() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let passive = format!("{PROFILE}SIP.RegisterExpires");
    let unwatched = format!("{PROFILE}Line.1.DirectoryNumber");
    for phone in PHONES {
        let mut managed = Managed::first_seen(&bench, &gateway, phone).await;
        let mut session = managed.turn(&gateway).await;
        let changes = [watched(DISPLAY_NAME, "2"), watched(&passive, "1")];
        session.set_attributes(&changes).await.unwrap();
        session.end().unwrap();
        let set = |path: &str, value: &str| {
            let assignment = format!("{path}={value}");
            let arguments = ["device", "set", phone.mac, assignment.as_str()];
            bench.command(&arguments).with_code(CLEAN);
        };

        // Were it told at once, that Inform would come before the one that is asked for.
        set(&passive, "660");
        set(&unwatched, "2999");
        let session = managed.wake(&gateway).await;
        let inform = session.inform();
        assert_eq!(
            inform.event_codes(),
            ["4 VALUE CHANGE", "6 CONNECTION REQUEST"],
            "{phone:?}"
        );
        assert_eq!(inform.value(&passive), Some("660"));
        assert_eq!(inform.value(&unwatched), None);
        finish(session).await;

        set(DISPLAY_NAME, "By hand");
        let session = managed.device.session().await.unwrap();
        let inform = session.inform();
        assert_eq!(inform.event_codes(), ["4 VALUE CHANGE"], "{phone:?}");
        assert_eq!(inform.value(DISPLAY_NAME), Some("By hand"));
        assert_eq!(inform.value(&passive), None, "told once");
        finish(session).await;

        // What the ACS sets itself is no news to it.
        managed.set(&gateway, DISPLAY_NAME, "By the ACS").await;
        let session = managed.wake(&gateway).await;
        assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
        finish(session).await;
    }
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_a_gateway_is_told_when_it_runs_again() {
    let bench = Bench::set_with("", "url = \"http://127.0.0.1:7547\"").await;
    let gateway = bench.serve();
    let phone = PHONES[0];
    let mut managed = Managed::first_seen(&bench, &gateway, phone).await;
    let mut session = managed.turn(&gateway).await;
    let changes = [watched(DISPLAY_NAME, "2")];
    session.set_attributes(&changes).await.unwrap();
    session.end().unwrap();
    assert_eq!(gateway.terminate().code(), Some(0));

    let assignment = format!("{DISPLAY_NAME}=In the dark");
    let arguments = ["device", "set", phone.mac, assignment.as_str()];
    bench.command(&arguments).with_code(CLEAN);
    let gateway = bench.serve_again();
    let session = managed.device.session().await.unwrap();
    let inform = session.inform();
    assert_eq!(inform.event_codes(), ["4 VALUE CHANGE"]);
    assert_eq!(inform.value(DISPLAY_NAME), Some("In the dark"));
    finish(session).await;
    drop(gateway);
}
