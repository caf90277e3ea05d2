//! A gateway whose store is damaged by hand.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::StoreFindingKind::{
    DamagedContent, DamagedRecord, Missing, OldParameters, Orphan, WrongIndex, WrongParameters,
};
use super::*;
use crate::device::{DeviceRecord, FileContent, FileRecord, StoredParameters};
use crate::gateway::{Clock, FetchAnswer, FetchRequest, Gateway, GatewaySettings, ImportOptions};
use crate::mapping::Packs;
use crate::native::Mac;
use crate::store::{AssetStore, Batch, SledStore, StoreOptions, Table, decode, encode};

const MAC: Mac = Mac::new([0x00, 0x0b, 0x82, 0xa1, 0xb2, 0xc3]);
const FILE: &str = "cfg000b82a1b2c3.xml";
const USER_AGENT: &str = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82a1b2c3";

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }
}

fn gateway(folder: &Path) -> Gateway {
    let store = Arc::new(SledStore::open(folder, StoreOptions::default()).unwrap());
    let assets = AssetStore::open(folder).unwrap();
    let settings = GatewaySettings {
        announce_gateway: true,
        ..GatewaySettings::default()
    };
    let packs = Packs::embedded().unwrap();
    Gateway::open(store, assets, packs, settings, Arc::new(Noon)).unwrap()
}

async fn import(gateway: &Gateway) {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
    let importing = gateway.import(&tree, ImportOptions::default(), &|_, _| {});
    importing.await.unwrap();
}

async fn filled() -> (tempfile::TempDir, Gateway) {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path());
    import(&gateway).await;
    // It says its model, so that it has rows and a name.
    fetch(&gateway).await;
    gateway.write_logs().await.unwrap();
    (folder, gateway)
}

async fn fetch(gateway: &Gateway) -> FetchAnswer {
    let mut request = FetchRequest::new(FILE, "192.0.2.7:4711".parse().unwrap());
    request.user_agent = Some(USER_AGENT.to_owned());
    gateway.fetch(request).await
}

fn write(gateway: &Gateway, work: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    work(&mut batch);
    gateway.inner.store.commit(batch).unwrap().wait().unwrap();
}

fn stored<T: crate::store::Record>(gateway: &Gateway, table: Table, key: &[u8]) -> T {
    decode(&gateway.inner.store.get(table, key).unwrap().unwrap()).unwrap()
}

fn found(gateway: &Gateway) -> Vec<(StoreFindingKind, String, String)> {
    let report = gateway.check_store(false, &|_, _| {}).unwrap();
    let findings = report.findings.into_iter();
    findings
        .map(|finding| (finding.kind, finding.table, finding.subject))
        .collect()
}

fn of(
    kind: StoreFindingKind,
    table: &str,
    subject: &str,
) -> Vec<(StoreFindingKind, String, String)> {
    vec![(kind, table.to_owned(), subject.to_owned())]
}

#[tokio::test]
async fn nothing_is_found_in_a_store_that_is_whole() {
    let (_folder, gateway) = filled().await;
    assert_eq!(found(&gateway), []);
    let report = gateway.check_store(true, &|_, _| {}).unwrap();
    let devices = gateway.list().count() as u64;
    assert!(devices >= 3);
    assert_eq!(report.summary.records["device"], devices);
    assert_eq!(report.summary.records["parameters"], devices);
    assert!(report.summary.records["virtual_device"] > 0);
}

#[tokio::test]
async fn every_kind_of_damage_is_found_and_named() {
    let (_folder, gateway) = filled().await;
    let mac = MAC.to_string();
    let key = MAC.bytes();
    let store = Arc::clone(&gateway.inner.store);
    let garbage = vec![0xff, 1, 2, 3];
    let put = |table, key: &[u8], value: Vec<u8>| {
        write(&gateway, |batch| batch.put_long(table, key, value));
    };
    // Each is put back before the next one.
    let keep = |table, key: &[u8]| store.get(table, key).unwrap().unwrap();

    for (table, name, key, subject) in [
        (Table::Device, "device", &key[..], mac.as_str()),
        (Table::File, "file", FILE.as_bytes(), FILE),
        (Table::Parameters, "parameters", &key, &mac),
        (Table::Log, "log", &key, &mac),
    ] {
        let good = keep(table, key);
        put(table, key, garbage.clone());
        let all = found(&gateway);
        assert!(
            all.contains(&of(DamagedRecord, name, subject)[0]),
            "{table}: {all:?}"
        );
        put(table, key, good);
    }

    let good = keep(Table::Document, FILE.as_bytes());
    put(Table::Document, FILE.as_bytes(), b"<other/>".to_vec());
    let all = found(&gateway);
    assert!(
        all.contains(&of(DamagedContent, "file", FILE)[0]),
        "{all:?}"
    );
    write(&gateway, |batch| {
        batch.delete(Table::Document, FILE.as_bytes())
    });
    assert_eq!(found(&gateway), of(Missing, "file", FILE));
    put(Table::Document, FILE.as_bytes(), good);

    put(Table::Document, b"nobody.cfg", b"x".to_vec());
    assert_eq!(found(&gateway), of(Orphan, "document", "nobody.cfg"));
    write(&gateway, |batch| {
        batch.delete(Table::Document, b"nobody.cfg")
    });

    let other = [0, 0x0b, 0x82, 9, 9, 9];
    for (table, name) in [(Table::Parameters, "parameters"), (Table::Log, "log")] {
        put(table, &other, keep(table, &key));
        assert_eq!(found(&gateway), of(Orphan, name, "000b82090909"));
        write(&gateway, |batch| batch.delete(table, &other));
    }

    let good = keep(Table::Parameters, &key);
    let mut parameters: StoredParameters = stored(&gateway, Table::Parameters, &key);
    parameters.values[0].1.push('x');
    put(Table::Parameters, &key, encode(&parameters).unwrap());
    assert_eq!(found(&gateway), of(WrongParameters, "parameters", &mac));
    parameters.lenses = "of old".to_owned();
    put(Table::Parameters, &key, encode(&parameters).unwrap());
    assert_eq!(found(&gateway), of(OldParameters, "parameters", &mac));
    put(Table::Parameters, &key, good);

    let good = keep(Table::File, FILE.as_bytes());
    let mut file: FileRecord = stored(&gateway, Table::File, FILE.as_bytes());
    file.content = FileContent::Asset;
    put(Table::File, FILE.as_bytes(), encode(&file).unwrap());
    let all = found(&gateway);
    assert!(all.contains(&of(Missing, "file", FILE)[0]), "{all:?}");
    put(Table::File, FILE.as_bytes(), good);

    let good = keep(Table::Device, &key);
    let twin: DeviceRecord = stored(&gateway, Table::Device, &key);
    put(Table::Device, &other, encode(&twin).unwrap());
    let all = found(&gateway);
    assert!(
        all.iter()
            .any(|(kind, table, _)| *kind == WrongIndex && table == "device"),
        "{all:?}"
    );
    write(&gateway, |batch| batch.delete(Table::Device, &other));
    put(Table::Device, &key, good);

    let row = [&[1][..], &key].concat();
    write(&gateway, |batch| batch.delete(Table::VirtualDevice, &row));
    let all = found(&gateway);
    assert!(
        matches!(all.as_slice(), [(WrongIndex, table, _)] if table == "virtual device"),
        "{all:?}"
    );
}

#[tokio::test]
async fn a_reindex_mends_what_can_be_derived_and_writes_nothing_else() {
    let (_folder, gateway) = filled().await;
    let key = MAC.bytes();
    let good = gateway.inner.store.get(Table::Parameters, &key).unwrap();
    let row = [&[1][..], &key].concat();
    write(&gateway, |batch| {
        batch.put(Table::Parameters, &key, vec![0xff]);
        batch.put(Table::Parameters, &[0, 0, 0, 0, 0, 7], vec![0xff]);
        batch.delete(Table::VirtualDevice, &row);
    });
    assert_eq!(found(&gateway).len(), 3);
    let report = gateway.reindex(&|_, _| {}).await.unwrap();
    assert_eq!((report.changed, report.removed, report.rows), (1, 1, 1));
    assert_eq!(report.findings, []);
    assert_eq!(found(&gateway), []);
    assert_eq!(
        gateway.inner.store.get(Table::Parameters, &key).unwrap(),
        good
    );
    let watch = gateway.inner.store.watch();
    let report = gateway.reindex(&|_, _| {}).await.unwrap();
    assert_eq!((report.changed, report.removed, report.rows), (0, 0, 0));
    assert!(watch.is_empty(), "{:?}", watch.take());
}

#[tokio::test]
async fn a_damaged_device_stops_one_phone_and_an_import_keeps_what_it_replaces() {
    let (folder, gateway) = filled().await;
    let devices = gateway.list().count();
    write(&gateway, |batch| {
        batch.put_long(Table::Device, &MAC.bytes(), b"\xffdamage".to_vec())
    });
    drop(gateway);

    let gateway = self::gateway(folder.path());
    gateway.sweep_assets().unwrap();
    gateway.start().await.unwrap();
    let listed: Vec<_> = gateway.list().map(Result::unwrap).collect();
    assert_eq!(listed.len(), devices);
    for device in listed {
        assert_eq!(device.damaged.is_some(), device.mac == MAC, "{device:?}");
    }
    let status = gateway.store_status().unwrap();
    assert_eq!(status.damaged[0].subject, MAC.to_string());
    let error = gateway.show(MAC).await.unwrap_err();
    assert!(
        error.to_string().contains("import its file again"),
        "{error}"
    );

    import(&gateway).await;
    assert!(gateway.show(MAC).await.is_ok());
    assert_eq!(gateway.store_status().unwrap().damaged, []);
    assert_eq!(found(&gateway), []);
    let aside = [&[Table::Device.byte()][..], &MAC.bytes()].concat();
    let kept = gateway.inner.store.get(Table::SetAside, &aside).unwrap();
    assert_eq!(kept.as_deref(), Some(&b"\xffdamage"[..]));
}

#[tokio::test]
async fn a_file_whose_bytes_are_gone_is_not_told_to_be_no_file() {
    let (folder, gateway) = filled().await;
    // What was served lately is in memory, and goes with the gateway.
    drop(gateway);
    let gateway = self::gateway(folder.path());
    write(&gateway, |batch| {
        batch.delete(Table::Document, FILE.as_bytes())
    });
    assert!(matches!(fetch(&gateway).await, FetchAnswer::Unavailable));
    let status = gateway.store_status().unwrap();
    assert_eq!(status.damaged[0].subject, FILE);
    assert!(status.damaged[0].problem.contains("import the tree again"));
}
