//! How far a phone's file has come, as its ACS sees it.

use std::net::{IpAddr, SocketAddr};

use super::tests::{Bench, FILE, MAC, USER_AGENT};
use super::{ControlOutcome, Delivery, FetchAnswer, FetchRequest};
use crate::cwmp::{AcsRequest, CpeResponse, EventCode, SetAttribute, SetValue};

const OBJECT: &str = "Device.X_TRESTLE_Delivery.";
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";

async fn value(bench: &Bench, name: &str) -> String {
    let request = AcsRequest::GetParameterValues(vec![format!("{OBJECT}{name}")]);
    match bench.gateway.execute(MAC, request).await.unwrap() {
        CpeResponse::GetParameterValues(values) => values[0].value.clone(),
        other => panic!("{other:?}"),
    }
}

async fn rename(bench: &Bench, name: &str) {
    let parameters = vec![SetValue {
        name: DISPLAY_NAME.to_owned(),
        value: name.to_owned(),
        value_type: None,
    }];
    let request = AcsRequest::SetParameterValues {
        parameters,
        parameter_key: String::new(),
    };
    bench.gateway.execute(MAC, request).await.unwrap();
}

#[tokio::test]
async fn the_status_follows_the_file_to_the_phone() {
    let bench = Bench::announced().await;
    assert_eq!(value(&bench, "Status").await, "Fetched");
    bench.fetch().await;
    assert_eq!(value(&bench, "Status").await, "Confirmed");
    rename(&bench, "Desk").await;
    assert_eq!(value(&bench, "Status").await, "Pending");
    assert_eq!(value(&bench, "LastTold").await, "0001-01-01T00:00:00Z");
    let job = bench.gateway.next_control().await;
    let accepted = ControlOutcome::Accepted;
    bench.gateway.finish_control(MAC, job.id, accepted).await;
    assert_eq!(value(&bench, "Status").await, "Told");
    assert_ne!(value(&bench, "LastTold").await, "0001-01-01T00:00:00Z");
    bench.fetch().await;
    assert_eq!(value(&bench, "Status").await, "Fetched");
    let served = value(&bench, "ServedRevision").await;
    assert_eq!(served, value(&bench, "DesiredRevision").await);
    assert_ne!(served, value(&bench, "ConfirmedRevision").await);
}

#[tokio::test]
async fn a_fetch_that_ends_late_does_not_move_a_phone_back() {
    let bench = Bench::announced().await;
    rename(&bench, "Desk").await;
    let ask_from = async |address: [u8; 4]| {
        let request = FetchRequest {
            user_agent: Some(USER_AGENT.to_owned()),
            ..FetchRequest::new(FILE, SocketAddr::from((address, 40_000)))
        };
        match bench.gateway.fetch(request).await {
            FetchAnswer::File { receipt, .. } => receipt,
            other => panic!("{other:?}"),
        }
    };
    let first = ask_from([192, 0, 2, 51]).await;
    bench.advance(1);
    let second = ask_from([192, 0, 2, 52]).await;
    bench.gateway.fetched(second).await;
    bench.gateway.fetched(first).await;
    let (record, _) = bench.gateway.load(MAC).unwrap().unwrap();
    let seen = record.contact.unwrap().address;
    assert_eq!(seen, IpAddr::from([192, 0, 2, 52]));
}

#[tokio::test]
async fn a_phone_that_is_told_in_vain_is_overdue_until_it_fetches() {
    let bench = Bench::announced().await;
    rename(&bench, "Desk").await;
    for wait in [30, 60, 120, 240, 480, 960] {
        let job = bench.gateway.next_control().await;
        let silence = ControlOutcome::NoAnswer;
        bench.gateway.finish_control(MAC, job.id, silence).await;
        assert_eq!(value(&bench, "Status").await, "Pending");
        bench.advance(wait);
    }
    let gives_up = tokio::time::timeout(
        std::time::Duration::from_millis(200),
        bench.gateway.next_control(),
    );
    assert!(gives_up.await.is_err(), "it is told once more");
    assert_eq!(value(&bench, "Status").await, "Overdue");
    bench.fetch().await;
    assert_eq!(value(&bench, "Status").await, "Fetched");
}

#[tokio::test]
async fn a_fetch_is_told_at_once_to_an_acs_that_watches_it() {
    let bench = Bench::announced().await;
    let watch = |name: &str| SetAttribute {
        name: format!("{OBJECT}{name}"),
        notification: Some(2),
        access_list: None,
    };
    let watched = vec![
        watch("ServedRevision"),
        watch("Status"),
        watch("LastContact"),
    ];
    let request = AcsRequest::SetParameterAttributes(watched);
    bench.gateway.execute(MAC, request).await.unwrap();
    bench.advance(100);
    rename(&bench, "Desk").await;
    // Status is Pending now: that is a change which nobody but the gateway has made.
    let told = async || {
        let session = bench.session().await;
        assert_eq!(session.inform.events.len(), 1);
        assert_eq!(session.inform.events[0].code, EventCode::ValueChange);
        bench
            .gateway
            .delivered(MAC, Delivery::Inform)
            .await
            .unwrap();
        bench.end().await;
        let parameters = session.inform.parameters.into_iter();
        let own = parameters.filter(|parameter| parameter.name.starts_with(OBJECT));
        own.map(|parameter| (parameter.name[OBJECT.len()..].to_owned(), parameter.value))
            .collect::<Vec<_>>()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(told().await, [pair("Status", "Pending")]);
    bench.fetch().await;
    let wanted = [
        pair("LastContact", "2027-01-15T08:01:40Z"),
        pair("ServedRevision", "2"),
        pair("Status", "Fetched"),
    ];
    assert_eq!(told().await, wanted);
    assert_eq!(bench.wait(), None);
    bench.fetch().await;
    assert_eq!(told().await, [pair("Status", "Confirmed")]);
    bench.advance(100);
    bench.fetch().await;
    assert_eq!(
        bench.wait(),
        None,
        "a poll that shows nothing new is not told"
    );
}
