//! What the tests of the gateway stand on: a clock that is moved by hand, a gateway on a folder,
//! the tree of the fixtures, phones that fetch, a store that says what is asked of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use bytes::Bytes;
use jiff::Timestamp;

use super::{Acs, Clock, FetchAnswer, FetchRequest, Gateway, GatewaySettings, ImportOptions};
use crate::mapping::Packs;
use crate::store::{
    AssetStore, Batch, Changed, Entries, LiveSize, SledStore, Store, StoreError, StoreOptions,
    Table, Ticket, Watch,
};

/// A clock that stands still until it is moved.
pub(super) struct Hands(AtomicI64);

impl Hands {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000)))
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A store that counts what is asked of it, and that can be told that it failed to write.
pub(super) struct ProbedStore {
    store: SledStore,
    pub(super) gets: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) has_failed: AtomicBool,
}

impl ProbedStore {
    pub(super) fn open(folder: &Path) -> Self {
        Self {
            store: SledStore::open(folder, StoreOptions::default()).unwrap(),
            gets: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
        }
    }
}

impl Store for ProbedStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        self.store.get(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Entries<'_> {
        self.store.scan(table, prefix)
    }

    fn scan_apart(&self, table: Table, parts: usize) -> Vec<Entries<'_>> {
        self.store.scan_apart(table, parts)
    }

    fn commit(&self, batch: Batch) -> Result<Ticket, StoreError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.healthy()?;
        self.store.commit(batch)
    }

    fn healthy(&self) -> Result<(), StoreError> {
        if self.has_failed.load(Ordering::SeqCst) {
            let cause = "no space left on device".to_owned();
            return Err(StoreError::Poisoned { cause });
        }
        self.store.healthy()
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

/// Opens the gateway of a folder.
pub(super) fn open(
    folder: &Path,
    clock: &Arc<Hands>,
    packs: Packs,
    settings: GatewaySettings,
) -> Gateway {
    let store = SledStore::open(folder, StoreOptions::default()).unwrap();
    let assets = AssetStore::open(folder).unwrap();
    let clock = Arc::clone(clock) as _;
    Gateway::open(Arc::new(store), assets, packs, settings, clock).unwrap()
}

/// Settings of a gateway with an ACS.
pub(super) fn with_acs() -> GatewaySettings {
    GatewaySettings {
        acs: Acs {
            url: Some("http://acs.example.net/".parse().unwrap()),
            periodic_inform_interval: 86_400,
            ..Acs::default()
        },
        ..GatewaySettings::default()
    }
}

/// Imports the tree of the fixtures.
pub(super) async fn import_fixtures(gateway: &Gateway) {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
    let importing = gateway.import(&tree, ImportOptions::default(), &|_, _| {});
    importing.await.unwrap();
}

/// A request of a phone, from the place where phones of tests are.
pub(super) fn request(path: &str, user_agent: &str) -> FetchRequest {
    FetchRequest {
        user_agent: Some(user_agent.to_owned()),
        ..FetchRequest::new(path, SocketAddr::from(([192, 0, 2, 41], 40_000)))
    }
}

/// A phone fetches a file, all of it; `None` when it gets none.
pub(super) async fn take(gateway: &Gateway, request: FetchRequest) -> Option<Bytes> {
    match gateway.fetch(request).await {
        FetchAnswer::File { body, receipt, .. } => {
            gateway.fetched(receipt).await;
            Some(body)
        }
        FetchAnswer::NotFound | FetchAnswer::Unavailable | FetchAnswer::Challenge { .. } => None,
    }
}
