//! The gateway with a clock of its own: what becomes due when, across sessions and restarts.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::test_support::{self, Hands};
use super::{
    Carried, Clock as _, ControlSettings, Delivery, FetchAnswer, FetchRequest, Gateway,
    GatewaySettings, MissRules, OpenSession, SessionOutcome,
};
use crate::cwmp::{
    AcsProfile, AcsRequest, CpeResponse, Download, EventCode, RetryAfter, SetAttribute, SetValue,
    VersionDoubt,
};
use crate::mapping::Packs;
use crate::native::Mac;
use crate::store::{Batch, Table};
use crate::wire::Secret;

pub(super) const MAC: Mac = Mac::new([0x00, 0x0b, 0x82, 0xa1, 0xb2, 0xc3]);
pub(super) const FILE: &str = "cfg000b82a1b2c3.xml";
pub(super) const USER_AGENT: &str = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82a1b2c3";
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";

mod outcomes;
mod taking_back;

/// A gateway on a folder of its own, with the fixtures imported.
pub(super) struct Bench {
    pub(super) gateway: Gateway,
    pub(super) clock: Arc<Hands>,
    folder: tempfile::TempDir,
}

/// How a gateway is set up that a test starts.
struct SetUp {
    packs: Packs,
    settings: GatewaySettings,
}

impl Default for SetUp {
    fn default() -> Self {
        Self {
            packs: Packs::embedded().unwrap(),
            settings: test_support::with_acs(),
        }
    }
}

fn open(folder: &Path, clock: &Arc<Hands>, set_up: SetUp) -> Gateway {
    test_support::open(folder, clock, set_up.packs, set_up.settings)
}

impl Bench {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Hands::new();
        let gateway = open(folder.path(), &clock, SetUp::default());
        test_support::import_fixtures(&gateway).await;
        Self {
            gateway,
            clock,
            folder,
        }
    }

    /// The process ends and starts again.
    pub(super) async fn restart(self) -> Self {
        self.restart_set_up(|_| ()).await
    }

    /// The process ends and starts again with other packs.
    pub(super) async fn restart_with(self, packs: Packs) -> Self {
        self.restart_set_up(|set_up| set_up.packs = packs).await
    }

    /// The process ends and starts again for an ACS of another profile.
    pub(super) async fn restart_for(self, profile: AcsProfile) -> Self {
        self.restart_set_up(|set_up| set_up.settings.acs.profile = Arc::new(profile))
            .await
    }

    /// The process ends and starts again with other rules for misses.
    pub(super) async fn restart_by(self, misses: MissRules) -> Self {
        self.restart_set_up(|set_up| set_up.settings.misses = misses)
            .await
    }

    /// The process ends and starts again, and makes phones act in another way.
    pub(super) async fn restart_with_control(self, control: ControlSettings) -> Self {
        self.restart_set_up(|set_up| set_up.settings.control = control)
            .await
    }

    async fn restart_set_up(self, change: impl FnOnce(&mut SetUp)) -> Self {
        let Self {
            gateway,
            clock,
            folder,
        } = self;
        drop(gateway);
        let mut set_up = SetUp::default();
        change(&mut set_up);
        let gateway = open(folder.path(), &clock, set_up);
        gateway.start().await.unwrap();
        Self {
            gateway,
            clock,
            folder,
        }
    }

    /// What the phone's own file was when it was imported, as it is kept; it is not kept any more
    /// after this.
    pub(super) fn take_imported(&self) -> Vec<u8> {
        let store = &self.gateway.inner.store;
        let imported = store.get(Table::Imported, &MAC.bytes()).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.delete(Table::Imported, &MAC.bytes());
        store.commit(batch).unwrap().wait().unwrap();
        imported
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
    }

    /// The phone fetches its file, as it does when it boots or is told to.
    pub(super) async fn fetch(&self) {
        self.fetch_as(USER_AGENT).await;
    }

    pub(super) async fn fetch_as(&self, user_agent: &str) {
        let body = self.take_file(FILE, user_agent).await;
        assert!(body.is_some(), "no file");
    }

    /// A phone fetches a file; `None` when it gets none.
    pub(super) async fn take_file(&self, path: &str, user_agent: &str) -> Option<Bytes> {
        let request = FetchRequest {
            reached_by: Some("http://192.0.2.1:8080".to_owned()),
            ..test_support::request(path, user_agent)
        };
        test_support::take(&self.gateway, request).await
    }

    /// Another phone fetches its file.
    pub(super) async fn fetch_from(&self, file: &str, user_agent: &str, address: [u8; 4]) {
        let source = SocketAddr::from((address, 40_000));
        let request = FetchRequest {
            user_agent: Some(user_agent.to_owned()),
            ..FetchRequest::new(file, source)
        };
        let answer = self.gateway.fetch(request).await;
        let FetchAnswer::File { receipt, .. } = answer else {
            panic!("no file");
        };
        self.gateway.fetched(receipt).await;
    }

    /// Seconds until the next session is due.
    pub(super) fn wait(&self) -> Option<i64> {
        let due = self.gateway.inner.sessions.due(&MAC)?;
        Some(due.as_second() - self.clock.now().as_second())
    }

    pub(super) async fn session(&self) -> OpenSession {
        self.gateway.inner.sessions.disarm(&MAC);
        self.gateway.open_session(MAC).await.unwrap().unwrap()
    }

    pub(super) async fn end(&self) {
        self.gateway.close_session(MAC, SessionOutcome::Ended).await;
    }

    pub(super) async fn fail(&self) {
        self.fail_with(None, VersionDoubt::None).await;
    }

    async fn fail_with(&self, retry_after: Option<RetryAfter>, version_doubt: VersionDoubt) {
        let reason = "a test".to_owned();
        let outcome = SessionOutcome::Failed {
            reason,
            retry_after,
            version_doubt,
        };
        self.gateway.close_session(MAC, outcome).await;
    }

    pub(super) async fn execute(&self, request: AcsRequest) -> CpeResponse {
        self.gateway.execute(MAC, request).await.unwrap()
    }

    /// First contact, done with.
    pub(super) async fn announced() -> Self {
        let bench = Self::new().await;
        bench.fetch().await;
        bench.session().await;
        bench
            .gateway
            .delivered(MAC, Delivery::Inform)
            .await
            .unwrap();
        bench.end().await;
        bench
    }
}

pub(super) fn codes(session: &OpenSession) -> Vec<EventCode> {
    session
        .inform
        .events
        .iter()
        .map(|event| event.code)
        .collect()
}

pub(super) fn set(name: &str, value: &str) -> AcsRequest {
    AcsRequest::SetParameterValues {
        parameters: vec![SetValue {
            name: name.to_owned(),
            value: value.to_owned(),
            value_type: None,
        }],
        parameter_key: String::new(),
    }
}

fn notify(number: i64) -> AcsRequest {
    AcsRequest::SetParameterAttributes(vec![SetAttribute {
        name: DISPLAY_NAME.to_owned(),
        notification: Some(number),
        access_list: None,
    }])
}

#[tokio::test]
async fn a_device_is_announced_once_its_model_is_known_and_then_never_again() {
    let bench = Bench::new().await;
    assert_eq!(bench.gateway.open_session(MAC).await.unwrap(), None);
    bench.fetch().await;
    assert_eq!(bench.wait(), Some(0));
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Bootstrap, EventCode::Boot]);
    assert_eq!(session.inform.device_id.product_class, "GXP2170");
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench.end().await;
    bench.fetch().await;
    let bench = bench.restart().await;
    assert_eq!(bench.wait(), None, "nothing is owed");
}

#[tokio::test]
async fn failed_sessions_wait_in_ranges_that_double_and_count_across_a_restart() {
    let mut bench = Bench::new().await;
    bench.fetch().await;
    let mut shortest = 5;
    for failures in 0..5 {
        let session = bench.session().await;
        assert_eq!(session.inform.retry_count, failures);
        assert!(codes(&session).contains(&EventCode::Bootstrap));
        bench.fail().await;
        let wait = bench.wait().unwrap();
        assert!(
            (shortest - 1..=2 * shortest).contains(&wait),
            "{wait} after {failures}"
        );
        bench.advance(wait);
        shortest *= 2;
    }
    bench = bench.restart().await;
    let session = bench.session().await;
    assert_eq!(
        session.inform.retry_count, 5,
        "a restart does not hide the failures"
    );
    bench.fail().await;
    let wait = bench.wait().unwrap();
    assert!((4..=10).contains(&wait), "but the waits begin anew: {wait}");
    bench.session().await;
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench.end().await;
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.session().await.inform.retry_count, 0);
}

#[tokio::test]
async fn a_connection_request_is_not_retried_but_ends_the_wait_of_a_retry() {
    let bench = Bench::announced().await;
    bench.gateway.wake(MAC).await;
    bench.gateway.wake(MAC).await;
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::ConnectionRequest]);
    bench.fail().await;
    assert_eq!(bench.wait(), None);
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.wait(), Some(0));
}

#[tokio::test]
async fn a_connection_request_during_a_session_leads_to_one_more_after_it() {
    let bench = Bench::announced().await;
    for is_last in [false, true] {
        if !is_last {
            bench.gateway.wake(MAC).await;
        }
        let session = bench.session().await;
        assert_eq!(codes(&session), [EventCode::ConnectionRequest]);
        bench
            .gateway
            .delivered(MAC, Delivery::Inform)
            .await
            .unwrap();
        if !is_last {
            bench.gateway.wake(MAC).await;
            bench.gateway.wake(MAC).await;
            assert_eq!(bench.gateway.open_session(MAC).await.unwrap(), None);
        }
        bench.end().await;
    }
    assert_eq!(bench.wait(), None);
}

#[tokio::test]
async fn a_connection_request_before_the_inform_is_answered_is_the_same_session() {
    let bench = Bench::announced().await;
    bench.gateway.wake(MAC).await;
    bench.session().await;
    bench.gateway.wake(MAC).await;
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench.end().await;
    assert_eq!(
        bench.wait(),
        None,
        "the Inform that was on its way was for it"
    );
    bench.gateway.wake(MAC).await;
    bench.session().await;
    bench.gateway.wake(MAC).await;
    bench.fail().await;
    assert_eq!(
        bench.wait(),
        Some(0),
        "it was on its way, and did not arrive"
    );
    bench.session().await;
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench.gateway.wake(MAC).await;
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.gateway.open_session(MAC).await.unwrap(), None);
    bench.end().await;
    assert_eq!(
        codes(&bench.session().await),
        [EventCode::ConnectionRequest]
    );
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench.end().await;
    assert_eq!(bench.wait(), None);
}

#[tokio::test]
async fn active_notification_opens_a_session_and_passive_waits_for_one() {
    let bench = Bench::announced().await;
    bench.execute(notify(2)).await;
    bench.execute(set(DISPLAY_NAME, "by the ACS")).await;
    assert_eq!(
        bench.wait(),
        None,
        "what the ACS sets itself is no news to it"
    );
    let by_hand = vec![(DISPLAY_NAME.to_owned(), "by hand".to_owned())];
    bench
        .gateway
        .set_by_operator(MAC, by_hand.clone())
        .await
        .unwrap();
    assert_eq!(bench.wait(), Some(0));
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::ValueChange]);
    let told = session
        .inform
        .parameters
        .iter()
        .find(|told| told.name == DISPLAY_NAME);
    assert_eq!(told.unwrap().value, "by hand");
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench.end().await;

    bench.execute(notify(1)).await;
    let again = vec![(DISPLAY_NAME.to_owned(), "again".to_owned())];
    bench.gateway.set_by_operator(MAC, again).await.unwrap();
    bench.gateway.set_by_operator(MAC, by_hand).await.unwrap();
    assert_eq!(bench.wait(), None);
    bench.gateway.wake(MAC).await;
    let session = bench.session().await;
    assert!(
        codes(&session).contains(&EventCode::ValueChange),
        "there and back is a change too"
    );
}

#[tokio::test]
async fn a_reboot_is_reported_when_the_phone_has_come_back() {
    let bench = Bench::announced().await;
    bench
        .execute(AcsRequest::Reboot {
            command_key: "R1".to_owned(),
        })
        .await;
    bench.fetch().await;
    assert_eq!(bench.wait(), None, "it has not been told yet");
    let job = bench.gateway.next_control().await;
    bench
        .gateway
        .finish_control(MAC, job.id, super::ControlOutcome::Accepted)
        .await;
    let bench = bench.restart().await;
    bench.advance(20);
    bench.fetch().await;
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Boot, EventCode::Reboot]);
    let keys: Vec<&str> = session
        .inform
        .events
        .iter()
        .map(|event| event.command_key.as_str())
        .collect();
    assert_eq!(keys, ["", "R1"]);
}

#[tokio::test]
async fn a_report_that_the_acs_ignores_is_repeated_more_and_more_slowly() {
    let bench = Bench::announced().await;
    let download = Download {
        command_key: "D1".to_owned(),
        file_type: "3 Vendor Configuration File".to_owned(),
        url: "http://files.example.net/a".to_owned(),
        username: String::new(),
        password: Secret::default(),
        file_size: 0,
        target_file_name: String::new(),
        delay_seconds: 0,
    };
    bench.execute(AcsRequest::Download(download)).await;
    let job = bench.gateway.next_transfer().await;
    let (_, own) = bench.gateway.own_file(MAC).unwrap();
    bench
        .gateway
        .finish_transfer(MAC, job.id, Ok(Carried::file(own)))
        .await;
    let bench = bench.restart().await;
    assert!(
        bench.wait().is_some_and(|wait| wait <= 1),
        "a restart loses no report"
    );
    for shortest in [60, 120, 240] {
        let session = bench.session().await;
        assert_eq!(
            codes(&session),
            [EventCode::Download, EventCode::TransferComplete]
        );
        assert_eq!(session.calls.len(), 1);
        bench
            .gateway
            .delivered(MAC, Delivery::Inform)
            .await
            .unwrap();
        bench.end().await;
        assert_eq!(bench.wait(), Some(shortest));
        bench.advance(shortest);
    }
    let session = bench.session().await;
    let id = session.calls.first().unwrap().id;
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench
        .gateway
        .delivered(MAC, Delivery::Call(id))
        .await
        .unwrap();
    bench.end().await;
    assert_eq!(bench.wait(), None);
}

#[tokio::test]
async fn another_acs_url_is_a_new_beginning() {
    let bench = Bench::announced().await;
    bench.gateway.wake(MAC).await;
    bench.session().await;
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench
        .execute(set(
            "Device.ManagementServer.URL",
            "http://other.example.net/",
        ))
        .await;
    bench.end().await;
    assert_eq!(bench.wait(), Some(0));
    let session = bench.session().await;
    assert_eq!(session.endpoint.url.as_str(), "http://other.example.net/");
    assert_eq!(codes(&session), [EventCode::Bootstrap]);
}

#[tokio::test]
async fn a_restart_that_is_ordered_while_the_phone_is_told_to_fetch_is_told_next() {
    let bench = Bench::announced().await;
    bench.execute(set(DISPLAY_NAME, "changed")).await;
    let job = bench.gateway.next_control().await;
    assert_eq!(job.action, crate::mapping::ControlAction::Resync);
    bench
        .execute(AcsRequest::Reboot {
            command_key: "R1".to_owned(),
        })
        .await;
    let accepted = super::ControlOutcome::Accepted;
    bench.gateway.finish_control(MAC, job.id, accepted).await;
    bench.advance(60);
    let job = bench.gateway.next_control().await;
    assert_eq!(job.action, crate::mapping::ControlAction::Reboot);
}
