//! A gateway with the packs that the program carries, and a clock that stands still.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use trestle::gateway::{Clock, Gateway, GatewaySettings};
use trestle::mapping::Packs;
use trestle::store::{AssetStore, SledStore, StoreOptions};

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// Opens the gateway of a folder.
pub(crate) fn open(folder: &Path, settings: GatewaySettings) -> Gateway {
    let store = SledStore::open(folder, StoreOptions::default()).expect("a store");
    let assets = AssetStore::open(folder).expect("a folder of assets");
    let packs = Packs::embedded().expect("the packs are right");
    Gateway::open(Arc::new(store), assets, packs, settings, Arc::new(Standing)).expect("a gateway")
}
