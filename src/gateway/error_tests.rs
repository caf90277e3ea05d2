//! The gateway with a clock of its own: what could not be done is done later, and not at once.

use bytes::Bytes;

use super::tests::{Bench, MAC, codes, set};
use super::{Carried, ControlOutcome, Delivery, GatewayError, OpenSession};
use crate::cwmp::{AcsRequest, Download, EventCode};
use crate::mapping::ControlAction;
use crate::store::{Batch, Table};
use crate::wire::Secret;

const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";

impl Bench {
    fn key_of_own_file(&self) -> Vec<u8> {
        let (record, _) = self.gateway.load(MAC).unwrap().unwrap();
        record.own_file.as_str().as_bytes().to_vec()
    }

    /// The bytes of the phone's file are gone from the store, and what was derived from them.
    async fn lose_own_file(&self) -> Vec<u8> {
        let key = self.key_of_own_file();
        let store = &self.gateway.inner.store;
        let bytes = store.get(Table::Document, &key).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.delete(Table::Document, &key);
        batch.delete(Table::Parameters, &MAC.bytes());
        store.commit(batch).unwrap().durable().await.unwrap();
        bytes
    }

    async fn put_own_file_back(&self, bytes: Vec<u8>) {
        let mut batch = Batch::new();
        batch.put_long(Table::Document, &self.key_of_own_file(), bytes);
        let ticket = self.gateway.inner.store.commit(batch).unwrap();
        ticket.durable().await.unwrap();
    }

    async fn take(&self) -> OpenSession {
        let session = self.session().await;
        let delivered = self.gateway.delivered(MAC, Delivery::Inform).await;
        delivered.unwrap();
        session
    }
}

#[tokio::test]
async fn what_a_session_was_for_is_not_lost_with_a_session_that_cannot_be_opened() {
    let bench = Bench::announced().await;
    bench.gateway.wake(MAC).await;
    let file = bench.lose_own_file().await;
    for range in [5..=10, 10..=20] {
        bench.gateway.inner.sessions.disarm(&MAC);
        bench.gateway.open_session(MAC).await.unwrap_err();
        let wait = bench.wait().unwrap();
        assert!(range.contains(&wait), "{wait}");
    }
    bench.put_own_file_back(file).await;
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::ConnectionRequest]);
}

#[tokio::test]
async fn a_factory_reset_that_fails_is_done_before_the_next_session() {
    let bench = Bench::announced().await;
    bench.execute(set(DISPLAY_NAME, "Somebody")).await;
    bench.gateway.wake(MAC).await;
    bench.take().await;
    bench.execute(AcsRequest::FactoryReset).await;
    let file = bench.lose_own_file().await;
    bench.end().await;
    assert_eq!(bench.wait(), Some(60), "not at once");
    bench.put_own_file_back(file).await;
    bench.advance(60);
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Bootstrap, EventCode::Boot]);
}

#[tokio::test]
async fn firmware_that_cannot_be_given_up_does_not_keep_the_gateway_busy() {
    let bench = Bench::announced().await;
    bench
        .execute(AcsRequest::Download(Download {
            command_key: "D1".to_owned(),
            file_type: "1 Firmware Upgrade Image".to_owned(),
            url: "http://files.example.net/image".to_owned(),
            username: String::new(),
            password: Secret::default(),
            file_size: 0,
            target_file_name: String::new(),
            delay_seconds: 0,
        }))
        .await;
    let job = bench.gateway.next_transfer().await;
    let image = Ok(Carried::file(Bytes::from_static(b"an image")));
    bench.gateway.finish_transfer(MAC, job.id, image).await;
    bench.lose_own_file().await;
    bench.advance(86_400 * 30);
    tokio::select! {
        biased;
        _ = bench.gateway.next_transfer() => panic!("there is none"),
        () = std::future::ready(()) => {}
    }
    let due = bench.gateway.inner.transfers.due(&(MAC, job.id)).unwrap();
    let now = bench.gateway.inner.clock.now();
    assert_eq!(due.duration_since(now).as_secs(), 60);
}

#[tokio::test]
async fn timers_are_set_again_after_an_error_that_may_pass() {
    let bench = Bench::announced().await;
    let queue = &bench.gateway.inner.heartbeats;
    let reason = "a test".to_owned();
    let passing = GatewayError::NoRandomness { reason };
    for (error, is_set) in [(GatewayError::UnknownPhone(MAC), false), (passing, true)] {
        bench.gateway.try_again(queue, MAC, &error);
        assert_eq!(queue.due(&MAC).is_some(), is_set);
    }
}

#[tokio::test]
async fn sessions_that_only_a_period_opens_do_not_fill_the_log() {
    let bench = Bench::announced().await;
    let lines = || bench.gateway.log_text(MAC).unwrap().lines().count();
    let before = lines();
    for _ in 0..3 {
        let mut live = bench.gateway.hold(MAC).await;
        live.add_passing(EventCode::Periodic);
        drop(live);
        bench.take().await;
        bench.end().await;
    }
    assert_eq!(lines(), before);
    bench.gateway.wake(MAC).await;
    bench.take().await;
    bench.end().await;
    assert_eq!(lines(), before + 1);
}

#[tokio::test]
async fn a_phone_that_was_to_be_told_again_during_a_session_is_told_after_it() {
    let bench = Bench::announced().await;
    bench.execute(set(DISPLAY_NAME, "Somebody")).await;
    let job = bench.gateway.next_control().await;
    let outcome = ControlOutcome::NoAnswer;
    bench.gateway.finish_control(MAC, job.id, outcome).await;
    bench.gateway.wake(MAC).await;
    bench.take().await;
    bench.advance(30);
    tokio::select! {
        biased;
        _ = bench.gateway.next_control() => panic!("a session runs"),
        () = std::future::ready(()) => {}
    }
    bench.end().await;
    let controls = &bench.gateway.inner.controls;
    assert_eq!(controls.due(&MAC), Some(bench.gateway.inner.clock.now()));
}

#[tokio::test]
async fn the_key_of_a_restart_is_only_for_the_acs_that_ordered_it() {
    let bench = Bench::announced().await;
    bench.gateway.wake(MAC).await;
    bench.take().await;
    let command_key = "R1".to_owned();
    bench.execute(AcsRequest::Reboot { command_key }).await;
    let url = "Device.ManagementServer.URL";
    bench.execute(set(url, "http://other.example.net/")).await;
    bench.end().await;
    bench.take().await;
    bench.end().await;
    let job = bench.gateway.next_control().await;
    assert_eq!(job.action, ControlAction::Reboot, "the order stands");
    let outcome = ControlOutcome::Accepted;
    bench.gateway.finish_control(MAC, job.id, outcome).await;
    bench.advance(20);
    bench.fetch().await;
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Boot]);
}
