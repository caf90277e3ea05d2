//! What it costs when a phone asks for what it has.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::test_support::{self, Hands, ProbedStore};
use super::tests::{FILE, MAC, USER_AGENT};
use super::{
    FetchAnswer, FetchRequest, Gateway, GatewayError, GatewaySettings, LogQuery, SessionOutcome,
};
use crate::cwmp::{AcsRequest, FaultCode};
use crate::mapping::Packs;
use crate::store::{AssetStore, StoreError};

struct Bench {
    gateway: Gateway,
    clock: Arc<Hands>,
    store: Arc<ProbedStore>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::with(GatewaySettings::default()).await
    }

    async fn with(settings: GatewaySettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(ProbedStore::open(folder.path()));
        let assets = AssetStore::open(folder.path()).unwrap();
        let clock = Hands::new();
        let packs = Packs::embedded().unwrap();
        let hands = Arc::clone(&clock) as _;
        let stored = Arc::clone(&store) as _;
        let gateway = Gateway::open(stored, assets, packs, settings, hands).unwrap();
        test_support::import_fixtures(&gateway).await;
        Self {
            gateway,
            clock,
            store,
            _folder: folder,
        }
    }

    /// A fetch from its request to its end; its ETag, and how often the store was read and written.
    async fn fetch(&self, source: &str) -> (String, u64, u64) {
        let counts = || {
            let ProbedStore { gets, commits, .. } = &*self.store;
            (gets.load(SeqCst), commits.load(SeqCst))
        };
        let before = counts();
        let request = FetchRequest {
            user_agent: Some(USER_AGENT.to_owned()),
            ..FetchRequest::new(FILE, source.parse().unwrap())
        };
        let FetchAnswer::File { etag, receipt, .. } = self.gateway.fetch(request).await else {
            panic!("it is not served");
        };
        if !self.gateway.is_no_news(&receipt) {
            self.gateway.fetched(receipt).await;
        }
        let after = counts();
        (etag, after.0 - before.0, after.1 - before.1)
    }

    fn log_lines(&self) -> usize {
        self.gateway
            .device_log(MAC, LogQuery::default())
            .unwrap()
            .len()
    }
}

#[tokio::test]
async fn a_poll_for_the_same_file_is_three_small_reads_and_no_write() {
    let bench = Bench::new().await;
    let (etag, _, commits) = bench.fetch("192.0.2.7:1000").await;
    assert!(commits > 0, "the phone is new");
    for _ in 0..3 {
        bench.fetch("192.0.2.7:1000").await;
    }
    let lines = bench.log_lines();
    for port in 1001..1020 {
        let cost = bench.fetch(&format!("192.0.2.7:{port}")).await;
        assert_eq!(cost, (etag.clone(), 3, 0));
    }
    assert_eq!(bench.log_lines(), lines, "they are no news");
    // Once in an hour it is worked out, and told, anew.
    bench.clock.advance(3601);
    bench.fetch("192.0.2.7:2000").await;
    assert!(bench.log_lines() > lines);
}

#[tokio::test]
async fn whatever_is_new_is_noted_however_often_the_phone_has_polled() {
    let bench = Bench::new().await;
    for _ in 0..4 {
        bench.fetch("192.0.2.7:1000").await;
    }
    // It has moved.
    let (etag, _, commits) = bench.fetch("192.0.2.8:1000").await;
    assert_eq!(commits, 1);
    let shown = bench.gateway.show(MAC).await.unwrap();
    assert_eq!(shown.device.address, Some([192, 0, 2, 8].into()));
    // Its file has changed.
    let path = "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
    let values = vec![(path.to_owned(), "Desk".to_owned())];
    bench.gateway.set_by_operator(MAC, values).await.unwrap();
    let (other, _, commits) = bench.fetch("192.0.2.8:1000").await;
    assert_ne!(etag, other);
    assert!(commits > 0);
    let shown = bench.gateway.show(MAC).await.unwrap();
    assert_eq!(shown.device.served, Some(shown.device.desired));
    assert_ne!(shown.device.confirmed, Some(shown.device.desired));
    bench.fetch("192.0.2.8:1000").await;
    let shown = bench.gateway.show(MAC).await.unwrap();
    assert_eq!(shown.device.confirmed, Some(shown.device.desired));
}

#[tokio::test]
async fn an_acs_is_told_nothing_that_a_failed_store_would_take_back() {
    let bench = Bench::with(test_support::with_acs()).await;
    bench.fetch("192.0.2.7:1000").await;
    let gateway = &bench.gateway;
    let request = || AcsRequest::GetParameterValues(vec!["Device.Time.NTPServer1".to_owned()]);
    gateway.wake(MAC).await;
    gateway.open_session(MAC).await.unwrap().unwrap();
    gateway.execute(MAC, request()).await.unwrap();
    bench.store.has_failed.store(true, SeqCst);
    let fault = gateway.execute(MAC, request()).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::InternalError);
    gateway.close_session(MAC, SessionOutcome::Ended).await;
    gateway.wake(MAC).await;
    let refused = gateway.open_session(MAC).await;
    assert!(matches!(
        refused,
        Err(GatewayError::Store(StoreError::Poisoned { .. }))
    ));
    // Phones go on: what they ask for is there.
    bench.fetch("192.0.2.7:1000").await;
}
