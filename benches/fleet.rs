//! What an idle fleet costs: memory per phone with the store open and all timers armed, the time of
//! a start, and the cost of the periods that come round: `cargo bench --bench fleet`.
//!
//! `FLEET_PHONES=1000000 cargo bench --bench fleet` is the real thing. One phone is imported, fetches
//! its file and tells an ACS; its records are written again under other addresses straight into the
//! store. A process of its own then opens that, so that its memory is that of a start.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

#[path = "support/status.rs"]
mod status;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use trestle::device::{Contact, DeviceRecord, FileRecord, FileRole, TreePath};
use trestle::gateway::{
    Acs, Clock, Delivery, FetchAnswer, FetchRequest, Gateway, GatewaySettings, ImportOptions,
    SessionOutcome,
};
use trestle::mapping::Packs;
use trestle::native::Mac;
use trestle::store::{AssetStore, Batch, SledStore, Store, StoreOptions, Table, decode, encode};

const PHONES: u32 = 50_000;
const PHONES_VARIABLE: &str = "FLEET_PHONES";
/// Set for the process that opens the store: its folder.
const FOLDER_VARIABLE: &str = "FLEET_FOLDER";
const PERIOD: u32 = 21_600;
const PER_COMMIT: u32 = 500;
const TEMPLATE: Mac = Mac::new([0x00, 0x0b, 0x82, 0xa1, 0xb2, 0xc3]);
const USER_AGENT: &str = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82a1b2c3";

/// A clock that is moved by hand.
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).expect("a moment")
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) => runtime.block_on(measure(Path::new(&folder))),
        None => {
            let folder = tempfile::tempdir().expect("a folder");
            runtime.block_on(make(folder.path()));
            let program = std::env::current_exe().expect("this program");
            let ended = Command::new(program)
                .env(FOLDER_VARIABLE, folder.path())
                .status();
            assert!(ended.expect("a process").success(), "it measures");
        }
    }
}

fn phones() -> u32 {
    let given = std::env::var(PHONES_VARIABLE).ok();
    given.map_or(PHONES, |text| text.parse().expect("a number of phones"))
}

fn mac(number: u32) -> Mac {
    let [_, a, b, c] = number.to_be_bytes();
    Mac::new([0x00, 0x0b, 0x83, a, b, c])
}

fn open(store: Arc<dyn Store>, folder: &Path, clock: &Arc<Hands>) -> Gateway {
    let settings = GatewaySettings {
        acs: Acs {
            url: Some("http://192.0.2.1/acs".parse().expect("a URL")),
            periodic_inform_interval: PERIOD,
            ..Acs::default()
        },
        ..GatewaySettings::default()
    };
    let assets = AssetStore::open(folder).expect("a folder of assets");
    let packs = Packs::embedded().expect("packs");
    Gateway::open(store, assets, packs, settings, Arc::clone(clock) as _).expect("a gateway")
}

fn clock() -> Arc<Hands> {
    Arc::new(Hands(AtomicI64::new(1_800_000_000)))
}

/// Writes the fleet.
async fn make(folder: &Path) {
    let phones = phones();
    let store = SledStore::open(folder, StoreOptions::default()).expect("a store");
    let store: Arc<dyn Store> = Arc::new(store);
    let gateway = open(Arc::clone(&store), folder, &clock());
    idle_phone(&gateway).await;
    drop(gateway);
    let get = |table, key: &[u8]| store.get(table, key).expect("a value").expect("a record");
    let device: DeviceRecord = decode(&get(Table::Device, &TEMPLATE.bytes())).expect("a device");
    let path = device.own_file.as_str().as_bytes().to_vec();
    let file: FileRecord = decode(&get(Table::File, &path)).expect("a file");
    let document = get(Table::Document, &path);
    let parameters = get(Table::Parameters, &TEMPLATE.bytes());
    let began = Instant::now();
    let mut number = 0;
    while number < phones {
        let mut batch = Batch::new();
        for number in number..phones.min(number + PER_COMMIT) {
            let mac = mac(number);
            let path: TreePath = format!("cfg{mac}.xml").parse().expect("a path");
            let key = path.as_str().as_bytes();
            let device = encode(&copy(&device, mac, number, path.clone())).expect("bytes");
            batch.put_long(Table::Device, &mac.bytes(), device);
            let file = encode(&of_phone(&file, mac)).expect("bytes");
            batch.put(Table::File, key, file);
            batch.put_long(Table::Document, key, document.clone());
            batch.put_long(Table::Parameters, &mac.bytes(), parameters.clone());
        }
        store
            .commit(batch)
            .expect("a commit")
            .wait()
            .expect("a disk");
        number += PER_COMMIT;
    }
    println!(
        "{phones} phones written in {:.1} s, with a file of {} bytes each",
        began.elapsed().as_secs_f64(),
        document.len(),
    );
}

/// A phone that has its file and whose ACS knows it.
async fn idle_phone(gateway: &Gateway) {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
    let imported = gateway.import(&tree, ImportOptions::default(), &|_, _| {});
    imported.await.expect("an import");
    for _ in 0..2 {
        let address = SocketAddr::from(([192, 0, 2, 41], 40_000));
        let request = FetchRequest {
            user_agent: Some(USER_AGENT.to_owned()),
            ..FetchRequest::new(format!("cfg{TEMPLATE}.xml"), address)
        };
        let FetchAnswer::File { receipt, .. } = gateway.fetch(request).await else {
            unreachable!("the phone's file is there");
        };
        gateway.fetched(receipt).await;
    }
    session(gateway, TEMPLATE).await;
}

async fn session(gateway: &Gateway, mac: Mac) {
    let opened = gateway.open_session(mac).await.expect("a session");
    assert!(opened.is_some(), "there is something to say");
    let delivered = gateway.delivered(mac, Delivery::Inform).await;
    delivered.expect("a delivery");
    gateway.close_session(mac, SessionOutcome::Ended).await;
}

fn copy(template: &DeviceRecord, mac: Mac, number: u32, own_file: TreePath) -> DeviceRecord {
    let mut device = template.clone();
    device.own_file = own_file;
    if let Some(identity) = &mut device.identity {
        identity.serial_number = mac.upper();
        identity.oui = mac.oui();
    }
    // Eight phones behind each address.
    let address = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number / 8));
    device.contact = device.contact.map(|contact| Contact { address, ..contact });
    device.cpe.connection_request_segment = format!("{mac}-segment00");
    device
}

fn of_phone(template: &FileRecord, mac: Mac) -> FileRecord {
    let mut file = template.clone();
    if let FileRole::Phone { mac: of, .. } = &mut file.role {
        *of = mac;
    }
    file
}

/// Opens the fleet as a start does.
async fn measure(folder: &Path) {
    let phones = phones();
    let clock = clock();
    let before = resident();
    let began = Instant::now();
    let store = SledStore::open(folder, StoreOptions::default()).expect("a store");
    let store: Arc<dyn Store> = Arc::new(store);
    let opened = began.elapsed();
    // What the store keeps in memory of a fleet that was looked through once.
    let scan = Instant::now();
    let devices = store.scan(Table::Device, b"").count();
    let files = store.scan(Table::File, b"").count();
    let scanned = scan.elapsed();
    assert!(devices > phones as usize && files > phones as usize);
    let with_store = resident();
    let index = Instant::now();
    let gateway = open(Arc::clone(&store), folder, &clock);
    let indexed = index.elapsed();
    let with_index = resident();
    let plan = Instant::now();
    gateway.start().await.expect("a start");
    let planned = plan.elapsed();
    let with_timers = resident();

    // A hundredth of the fleet has its turn.
    clock
        .0
        .fetch_add(i64::from(PERIOD / 100), Ordering::Relaxed);
    let ticks = Instant::now();
    let mut count = 0_u32;
    let wanted = phones / 110;
    while count < wanted {
        gateway.next_session().await;
        count += 1;
    }
    let tick = ticks.elapsed().as_secs_f64() / f64::from(count.max(1));

    let seconds = |duration: std::time::Duration| duration.as_secs_f64();
    let each = |from: u64, to: u64| to.saturating_sub(from) / u64::from(phones);
    let rows = [
        ("the process", before, 0),
        (
            "+ the store, looked through once",
            with_store,
            each(before, with_store),
        ),
        (
            "+ the index of phones and files",
            with_index,
            each(with_store, with_index),
        ),
        ("+ all timers", with_timers, each(with_index, with_timers)),
    ];
    println!(
        "{:<36} {:>12} {:>16}",
        "memory", "RSS in MiB", "bytes per phone"
    );
    for (what, bytes, per_phone) in rows {
        println!("{what:<36} {:>12} {per_phone:>16}", bytes >> 20);
    }
    let in_all = each(before, with_timers);
    println!("{:<36} {:>12} {in_all:>16}", "in all", with_timers >> 20);
    println!("open the store       {:>8.2} s", seconds(opened));
    println!("look through it once {:>8.2} s", seconds(scanned));
    println!("index the fleet      {:>8.2} s", seconds(indexed));
    println!("plan the fleet       {:>8.2} s", seconds(planned));
    println!("a period that is due {:>8.1} us", tick * 1e6);
    println!(
        "size of the store    {:>8} MiB",
        store.size_on_disk().expect("a size") >> 20
    );
}

/// Memory of this process that is in RAM, in bytes.
fn resident() -> u64 {
    status::size("self", "VmRSS")
}
