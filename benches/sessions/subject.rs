//! A gateway with many small phones and a large one.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use trestle::acs::{AcsSettings, Driver};
use trestle::cwmp::{AcsRequest, CpeResponse};
use trestle::gateway::{Acs, Clock, Gateway, GatewaySettings, ImportOptions, ProductClass};
use trestle::mapping::Packs;
use trestle::native::Mac;
use trestle::sim::quick_acs::QuickAcs;
use trestle::store::{AssetStore, SledStore, StoreOptions};

/// The gateway and its phones.
pub(crate) struct Subject {
    pub(crate) gateway: Gateway,
    phones: Vec<Mac>,
    large: Mac,
}

/// Sessions that are due.
pub(crate) struct Planned {
    driver: Driver,
    /// How many the ACS will have ended then.
    until: u64,
}

impl Planned {
    /// Holds them all.
    pub(crate) async fn hold(self, acs: &QuickAcs) {
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(self.driver.run(shutdown.clone()));
        while acs.counts().sessions < self.until {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        shutdown.cancel();
        running.await.expect("the driver ends");
    }
}

struct Now;

impl Clock for Now {
    #[allow(clippy::disallowed_methods, reason = "a benchmark has no other clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Subject {
    /// Phones with a file like the fixture's, and one with so many accounts.
    pub(crate) async fn new(folder: &Path, acs: &QuickAcs, phones: usize, accounts: usize) -> Self {
        let tree = folder.join("tree");
        fs::create_dir(&tree).expect("a tree");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
        let fixture = fs::read_to_string(fixture.join("cfg000b82a1b2c3.xml"));
        let fixture = fixture.expect("the fixtures are there");
        let phones: Vec<Mac> = (0..phones)
            .map(|number| mac([0x00, 0x0b, 0x82], number))
            .collect();
        for mac in &phones {
            let content = fixture.replace("000b82a1b2c3", &mac.to_string());
            fs::write(tree.join(format!("cfg{mac}.xml")), content).expect("a file");
        }
        let large = mac([0x00, 0x1f, 0xc1], 0);
        let file = tree.join(format!("cfg{large}.xml"));
        fs::write(file, large_file(accounts)).expect("a file");
        let gateway = open(&folder.join("data"), acs);
        let report = gateway.import(&tree, ImportOptions::default(), &|_, _| {});
        let added = report.await.expect("an import").summary.added;
        assert_eq!(added, phones.len() as u64 + 1);
        let values = paths(accounts).map(|path| (path, "first".to_owned()));
        let set = gateway.set_by_operator(large, values.collect());
        set.await.expect("a change");
        Self {
            gateway,
            phones,
            large,
        }
    }

    pub(crate) fn phones(&self) -> &[Mac] {
        &self.phones
    }

    /// The phone with many accounts.
    pub(crate) fn large(&self) -> Mac {
        self.large
    }

    /// Sees to it that a session with each of these devices is due, and makes ready to hold them,
    /// some at once.
    pub(crate) async fn plan(&self, acs: &QuickAcs, devices: &[Mac], at_once: usize) -> Planned {
        let settings = AcsSettings {
            max_sessions: NonZeroU16::new(u16::try_from(at_once).expect("a few"))
                .expect("at least one"),
            ..AcsSettings::default()
        };
        let driver = Driver::new(self.gateway.clone(), &[settings]).expect("a driver");
        for mac in devices {
            self.gateway.wake(*mac).await;
        }
        // A session follows the connection request that it answers a moment later.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Planned {
            driver,
            until: acs.counts().sessions + devices.len() as u64,
        }
    }

    /// Holds a session with each of these devices, some at once.
    pub(crate) async fn hold(&self, acs: &QuickAcs, devices: &[Mac], at_once: usize) {
        let planned = self.plan(acs, devices, at_once).await;
        planned.hold(acs).await;
    }

    /// GetParameterValues of everything: how many there are.
    pub(crate) async fn read_all(&self, mac: Mac) -> usize {
        let request = AcsRequest::GetParameterValues(vec![String::new()]);
        match self.gateway.execute(mac, request).await {
            Ok(CpeResponse::GetParameterValues(values)) => values.len(),
            other => unreachable!("no values but {other:?}"),
        }
    }
}

/// Three parameters of each account.
pub(crate) fn paths(accounts: usize) -> impl Iterator<Item = String> {
    let names = [
        "DirectoryNumber",
        "SIP.AuthUserName",
        "CallingFeatures.CallerIDName",
    ];
    (1..=accounts).flat_map(move |account| {
        let line = format!("Device.Services.VoiceService.1.VoiceProfile.{account}.Line.1.");
        names.map(|name| format!("{line}{name}"))
    })
}

fn large_file(accounts: usize) -> String {
    let mut text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<hl_provision version=\"1\">\n<config>\n"
            .to_owned();
    for account in 1..=accounts {
        let name = format!("Account{account}_Extension");
        writeln!(text, "<{name}>{}</{name}>", 2000 + account).expect("a text takes everything");
    }
    text + "</config>\n</hl_provision>\n"
}

fn mac([a, b, c]: [u8; 3], number: usize) -> Mac {
    let [.., d, e, f] = number.to_be_bytes();
    Mac::new([a, b, c, d, e, f])
}

fn open(folder: &Path, acs: &QuickAcs) -> Gateway {
    let store = SledStore::open(folder, StoreOptions::default()).expect("a store");
    let assets = AssetStore::open(folder).expect("a folder of assets");
    let settings = GatewaySettings {
        acs: Acs {
            url: Some(acs.url().parse().expect("a URL")),
            periodic_inform_interval: 86_400,
            ..Acs::default()
        },
        product_class: ProductClass::Fixed("Phone".to_owned()),
        ..GatewaySettings::default()
    };
    let packs = Packs::embedded().expect("the packs are right");
    Gateway::open(Arc::new(store), assets, packs, settings, Arc::new(Now)).expect("a gateway")
}
