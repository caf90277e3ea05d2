//! What it costs when a phone asks for what it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::test_support::{self, Hands};
use super::tests::{FILE, MAC, USER_AGENT};
use super::{FetchAnswer, FetchRequest, Gateway, GatewaySettings, LogQuery};
use crate::mapping::Packs;
use crate::store::{
    AssetStore, Batch, Changed, Entries, LiveSize, SledStore, Store, StoreError, StoreOptions,
    Table, Ticket, Watch,
};

/// A store that counts what is asked of it.
struct Counting {
    store: SledStore,
    gets: Arc<AtomicU64>,
    commits: Arc<AtomicU64>,
}

impl Store for Counting {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.gets.fetch_add(1, SeqCst);
        self.store.get(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Entries<'_> {
        self.store.scan(table, prefix)
    }

    fn commit(&self, batch: Batch) -> Result<Ticket, StoreError> {
        self.commits.fetch_add(1, SeqCst);
        self.store.commit(batch)
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.store.size_on_disk()
    }

    fn live_size(&self) -> Result<LiveSize, StoreError> {
        self.store.live_size()
    }

    fn watch(&self) -> Watch {
        self.store.watch()
    }

    fn changed_together(&self, watch: &Watch) -> Result<Vec<Changed>, StoreError> {
        self.store.changed_together(watch)
    }
}

struct Bench {
    gateway: Gateway,
    clock: Arc<Hands>,
    gets: Arc<AtomicU64>,
    commits: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [gets, commits] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
        let store = Counting {
            store: SledStore::open(folder.path(), StoreOptions::default()).unwrap(),
            gets: Arc::clone(&gets),
            commits: Arc::clone(&commits),
        };
        let assets = AssetStore::open(folder.path()).unwrap();
        let clock = Hands::new();
        let packs = Packs::embedded().unwrap();
        let settings = GatewaySettings::default();
        let hands = Arc::clone(&clock) as _;
        let gateway = Gateway::open(Arc::new(store), assets, packs, settings, hands).unwrap();
        test_support::import_fixtures(&gateway).await;
        Self {
            gateway,
            clock,
            gets,
            commits,
            _folder: folder,
        }
    }

    /// A fetch from its request to its end; its ETag, and how often the store was read and written.
    async fn fetch(&self, source: &str) -> (String, u64, u64) {
        let counts = || (self.gets.load(SeqCst), self.commits.load(SeqCst));
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
