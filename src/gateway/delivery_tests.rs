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
async fn fetches_that_overlap_do_not_set_back_what_was_fetched_and_confirm_nothing() {
    let bench = Bench::announced().await;
    let ask = async || {
        let request = FetchRequest {
            user_agent: Some(USER_AGENT.to_owned()),
            ..FetchRequest::new(FILE, SocketAddr::from(([192, 0, 2, 51], 40_000)))
        };
        match bench.gateway.fetch(request).await {
            FetchAnswer::File { receipt, .. } => receipt,
            other => panic!("{other:?}"),
        }
    };
    let of_the_old = ask().await;
    rename(&bench, "Desk").await;
    let one = ask().await;
    bench.advance(1);
    let other = ask().await;
    bench.advance(1);
    let desired = value(&bench, "DesiredRevision").await;
    bench.gateway.fetched(one).await;
    bench.gateway.fetched(other).await;
    bench.gateway.fetched(of_the_old).await;
    assert_eq!(value(&bench, "ServedRevision").await, desired);
    assert_eq!(value(&bench, "Status").await, "Fetched");
    bench.advance(1);
    bench.gateway.fetched(ask().await).await;
    assert_eq!(value(&bench, "Status").await, "Confirmed");
    assert_eq!(value(&bench, "ConfirmedRevision").await, desired);
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

impl Bench {
    /// Lets whatever is due now happen, sessions aside.
    async fn let_pass(&self) {
        let wait = std::time::Duration::from_millis(300);
        let _ = tokio::time::timeout(wait, self.gateway.next_session()).await;
    }

    async fn detail(&self) -> super::DeliveryDetail {
        self.gateway.show(MAC).await.unwrap().delivery
    }

    async fn answer_control(&self, outcome: ControlOutcome) {
        let job = self.gateway.next_control().await;
        self.gateway.finish_control(MAC, job.id, outcome).await;
    }

    /// Seconds until the phone is late.
    fn time_left(&self) -> Option<i64> {
        let due = self.gateway.inner.deliveries.due(&MAC)?;
        let now = super::Clock::now(&*self.clock);
        Some(due.as_second() - now.as_second())
    }
}

#[tokio::test]
async fn each_change_set_says_who_what_and_when() {
    let bench = Bench::announced().await;
    bench.fetch().await;
    rename(&bench, "Desk").await;
    bench.advance(10);
    bench.answer_control(ControlOutcome::Accepted).await;
    bench.advance(10);
    let bench = bench.restart().await;
    bench.fetch().await;
    bench.advance(10);
    bench.fetch().await;
    let path = vec![(DISPLAY_NAME.to_owned(), "Hall".to_owned())];
    bench.gateway.set_by_operator(MAC, path).await.unwrap();
    let changes = bench.detail().await.changes;
    let authors: Vec<String> = changes.iter().map(|set| set.author.to_string()).collect();
    assert_eq!(authors, ["import", "ACS", "operator"]);
    assert!(
        changes[0].what.ends_with(" settings"),
        "{}",
        changes[0].what
    );
    assert_eq!(changes[1].what, "P3");
    let after =
        |at: Option<jiff::Timestamp>| at.map(|at| at.as_second() - changes[1].queued.as_second());
    let set = &changes[1];
    assert_eq!(after(set.told), Some(10));
    assert_eq!(after(set.fetched), Some(20));
    assert_eq!(after(set.confirmed), Some(30));
    assert_eq!(set.superseded, None);
    let wanted = crate::device::DeliveryStatus::Pending;
    assert_eq!(bench.detail().await.status, wanted);
    rename(&bench, "Attic").await;
    let changes = bench.detail().await.changes;
    assert!(changes[2].superseded.is_some() && changes[2].fetched.is_none());
    assert_eq!(value(&bench, "ChangedBy").await, "ACS");
}

#[tokio::test]
async fn a_phone_that_does_not_fetch_by_the_deadline_is_overdue_and_the_acs_hears_it() {
    let bench = Bench::announced().await;
    bench.fetch().await;
    let watch = SetAttribute {
        name: format!("{OBJECT}Status"),
        notification: Some(2),
        access_list: None,
    };
    let request = AcsRequest::SetParameterAttributes(vec![watch]);
    bench.gateway.execute(MAC, request).await.unwrap();
    assert_eq!(bench.time_left(), None, "it owes nothing");
    rename(&bench, "Desk").await;
    bench.session().await;
    let inform = Delivery::Inform;
    bench.gateway.delivered(MAC, inform).await.unwrap();
    bench.end().await;
    assert_eq!(bench.time_left(), Some(86_400));
    bench.advance(80_000);
    rename(&bench, "Attic").await;
    let bench = bench.restart().await;
    assert_eq!(bench.time_left(), Some(6_400), "neither moved it");
    bench.gateway.inner.sessions.disarm(&MAC);
    bench.advance(6_400);
    bench.let_pass().await;
    assert_eq!(value(&bench, "Status").await, "Overdue");
    assert_ne!(value(&bench, "OverdueSince").await, "0001-01-01T00:00:00Z");
    let health = &bench.gateway.inner.own_cpe.health;
    assert!(format!("{health:?}").contains("overdue: 1"));
    let session = bench.session().await;
    assert_eq!(session.inform.events[0].code, EventCode::ValueChange);
    bench.end().await;
    let log = bench.gateway.log_file(MAC).unwrap();
    assert!(log.contains("overdue: revision 3"), "{log}");
    let bench = bench.restart().await;
    assert_eq!(value(&bench, "Status").await, "Overdue");
    assert_eq!(bench.time_left(), None, "once is enough");
    bench.fetch().await;
    assert_eq!(value(&bench, "Status").await, "Fetched");
    let detail = bench.detail().await;
    assert_eq!(detail.overdue_since, None);
    assert!(detail.changes.last().unwrap().overdue.is_some());
}

#[tokio::test]
async fn a_phone_may_have_a_deadline_of_its_own_or_none() {
    let bench = Bench::announced().await;
    rename(&bench, "Desk").await;
    let deadline = crate::device::DeliveryDeadline::Seconds(7_200);
    let set = bench.gateway.set_delivery_deadline(MAC, deadline);
    set.await.unwrap();
    assert_eq!(bench.time_left(), Some(7_200));
    bench.advance(7_200);
    bench.gateway.inner.sessions.disarm(&MAC);
    bench.let_pass().await;
    assert_eq!(value(&bench, "Status").await, "Overdue");
    let never = crate::device::DeliveryDeadline::Never;
    let set = bench.gateway.set_delivery_deadline(MAC, never);
    set.await.unwrap();
    assert_eq!(value(&bench, "Status").await, "Pending");
    assert_eq!(bench.time_left(), None);
    let bench = bench.restart().await;
    assert_eq!(bench.detail().await.deadline, never);
}

#[tokio::test]
async fn a_restart_is_noted_with_the_change_that_the_phone_restarted_with() {
    let bench = Bench::announced().await;
    rename(&bench, "Desk").await;
    let key = "K".to_owned();
    bench.gateway.order_reboot(MAC, key).await.unwrap();
    bench.answer_control(ControlOutcome::Accepted).await;
    bench.advance(40);
    bench.fetch().await;
    let changes = bench.detail().await.changes;
    let last = changes.last().unwrap();
    let now = super::Clock::now(&*bench.clock);
    assert_eq!((last.rebooted, last.fetched), (Some(now), Some(now)));
}
