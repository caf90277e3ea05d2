//! What the tests of the gateway stand on: a clock that is moved by hand, a gateway on a folder,
//! the tree of the fixtures, phones that fetch.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use jiff::Timestamp;

use super::{Acs, Clock, FetchAnswer, FetchRequest, Gateway, GatewaySettings, ImportOptions};
use crate::mapping::Packs;
use crate::store::{AssetStore, SledStore, StoreOptions};

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
