//! A gateway whose store is damaged by hand.

use std::path::Path;

use super::StoreFindingKind::{
    DamagedContent, DamagedRecord, Missing, OldParameters, Orphan, WrongIndex, WrongParameters,
};
use super::*;
use crate::device::{DeviceRecord, FileContent, FileRecord, StoredParameters};
use crate::gateway::test_support::{self, Hands};
use crate::gateway::tests::{FILE, MAC, USER_AGENT};
use crate::gateway::{FetchAnswer, Gateway, GatewaySettings};
use crate::mapping::Packs;
use crate::store::{Batch, Record, Table, decode, encode};

fn open(folder: &Path) -> Gateway {
    let settings = GatewaySettings {
        announce_gateway: true,
        ..GatewaySettings::default()
    };
    test_support::open(folder, &Hands::new(), Packs::embedded().unwrap(), settings)
}

async fn filled() -> (tempfile::TempDir, Gateway) {
    let folder = tempfile::tempdir().unwrap();
    let gateway = open(folder.path());
    test_support::import_fixtures(&gateway).await;
    // It says its model, so that it has rows and a name.
    fetch(&gateway).await;
    gateway.write_logs().await.unwrap();
    (folder, gateway)
}

async fn fetch(gateway: &Gateway) -> FetchAnswer {
    let request = test_support::request(FILE, USER_AGENT);
    gateway.fetch(request).await
}

fn write(gateway: &Gateway, work: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    work(&mut batch);
    gateway.inner.store.commit(batch).unwrap().wait().unwrap();
}

fn put(gateway: &Gateway, table: Table, key: &[u8], value: Vec<u8>) {
    write(gateway, |batch| batch.put_long(table, key, value));
}

fn delete(gateway: &Gateway, table: Table, key: &[u8]) {
    write(gateway, |batch| batch.delete(table, key));
}

fn bytes(gateway: &Gateway, table: Table, key: &[u8]) -> Vec<u8> {
    gateway.inner.store.get(table, key).unwrap().unwrap()
}

fn stored<T: Record>(gateway: &Gateway, table: Table, key: &[u8]) -> T {
    decode(&bytes(gateway, table, key)).unwrap()
}

/// Kind, table and subject of a finding.
type Found = (StoreFindingKind, String, String);

fn found(gateway: &Gateway) -> Vec<Found> {
    let report = gateway.check_store(false, &|_, _| {}).unwrap();
    let findings = report.findings.into_iter();
    findings
        .map(|finding| (finding.kind, finding.table, finding.subject))
        .collect()
}

fn of(kind: StoreFindingKind, table: &str, subject: &str) -> Found {
    (kind, table.to_owned(), subject.to_owned())
}

#[track_caller]
fn assert_found(gateway: &Gateway, finding: &Found) {
    let all = found(gateway);
    assert!(all.contains(finding), "{finding:?}: {all:?}");
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
async fn a_record_that_cannot_be_read_is_named() {
    let (_folder, gateway) = filled().await;
    let (mac, key) = (MAC.to_string(), MAC.bytes());
    for (table, name, key, subject) in [
        (Table::Device, "device", &key[..], mac.as_str()),
        (Table::File, "file", FILE.as_bytes(), FILE),
        (Table::Parameters, "parameters", &key, &mac),
        (Table::Log, "log", &key, &mac),
    ] {
        let good = bytes(&gateway, table, key);
        put(&gateway, table, key, vec![0xff, 1, 2, 3]);
        assert_found(&gateway, &of(DamagedRecord, name, subject));
        put(&gateway, table, key, good);
    }
    assert_eq!(found(&gateway), []);
}

#[tokio::test]
async fn a_file_whose_bytes_are_others_or_gone_is_named() {
    let (_folder, gateway) = filled().await;
    let key = FILE.as_bytes();
    let good = bytes(&gateway, Table::Document, key);
    put(&gateway, Table::Document, key, b"<other/>".to_vec());
    assert_found(&gateway, &of(DamagedContent, "file", FILE));
    delete(&gateway, Table::Document, key);
    assert_eq!(found(&gateway), [of(Missing, "file", FILE)]);
    put(&gateway, Table::Document, key, good);
    let mut file: FileRecord = stored(&gateway, Table::File, key);
    file.content = FileContent::Asset;
    put(&gateway, Table::File, key, encode(&file).unwrap());
    assert_found(&gateway, &of(Missing, "file", FILE));
}

#[tokio::test]
async fn an_imported_file_that_is_not_the_one_that_was_imported_is_named() {
    let (_folder, gateway) = filled().await;
    let imported = bytes(&gateway, Table::Document, FILE.as_bytes());
    put(&gateway, Table::Imported, &MAC.bytes(), imported);
    assert_eq!(found(&gateway), []);
    put(
        &gateway,
        Table::Imported,
        &MAC.bytes(),
        b"<other/>".to_vec(),
    );
    let subject = MAC.to_string();
    assert_eq!(found(&gateway), [of(DamagedContent, "imported", &subject)]);
}

#[tokio::test]
async fn what_belongs_to_nobody_is_named() {
    let (_folder, gateway) = filled().await;
    put(&gateway, Table::Document, b"nobody.cfg", b"x".to_vec());
    assert_eq!(found(&gateway), [of(Orphan, "document", "nobody.cfg")]);
    delete(&gateway, Table::Document, b"nobody.cfg");
    let other = [0, 0x0b, 0x82, 9, 9, 9];
    for (table, name) in [(Table::Parameters, "parameters"), (Table::Log, "log")] {
        let of_phone = bytes(&gateway, table, &MAC.bytes());
        put(&gateway, table, &other, of_phone);
        assert_eq!(found(&gateway), [of(Orphan, name, "000b82090909")]);
        delete(&gateway, table, &other);
    }
}

#[tokio::test]
async fn parameters_that_the_files_do_not_give_are_told_from_those_of_other_lenses() {
    let (_folder, gateway) = filled().await;
    let (mac, key) = (MAC.to_string(), MAC.bytes());
    let mut parameters: StoredParameters = stored(&gateway, Table::Parameters, &key);
    parameters.values[0].1.push('x');
    let wrong = encode(&parameters).unwrap();
    put(&gateway, Table::Parameters, &key, wrong);
    assert_eq!(found(&gateway), [of(WrongParameters, "parameters", &mac)]);
    parameters.lenses = "of old".to_owned();
    let old = encode(&parameters).unwrap();
    put(&gateway, Table::Parameters, &key, old);
    assert_eq!(found(&gateway), [of(OldParameters, "parameters", &mac)]);
}

#[tokio::test]
async fn records_that_do_not_lead_to_each_other_are_named() {
    let (_folder, gateway) = filled().await;
    let key = MAC.bytes();
    let other = [0, 0x0b, 0x82, 9, 9, 9];
    let twin: DeviceRecord = stored(&gateway, Table::Device, &key);
    put(&gateway, Table::Device, &other, encode(&twin).unwrap());
    let all = found(&gateway);
    let is_twin = |(kind, table, _): &Found| *kind == WrongIndex && table == "device";
    assert!(all.iter().any(is_twin), "{all:?}");
    delete(&gateway, Table::Device, &other);
    let row = [&[1][..], &key].concat();
    delete(&gateway, Table::VirtualDevice, &row);
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
    let good = bytes(&gateway, Table::Parameters, &key);
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
    assert_eq!(bytes(&gateway, Table::Parameters, &key), good);
    let watch = gateway.inner.store.watch();
    let report = gateway.reindex(&|_, _| {}).await.unwrap();
    assert_eq!((report.changed, report.removed, report.rows), (0, 0, 0));
    assert!(watch.is_empty(), "{:?}", watch.take());
}

#[tokio::test]
async fn a_damaged_device_stops_one_phone_and_an_import_keeps_what_it_replaces() {
    let (folder, gateway) = filled().await;
    let devices = gateway.list().count();
    put(
        &gateway,
        Table::Device,
        &MAC.bytes(),
        b"\xffdamage".to_vec(),
    );
    drop(gateway);

    let gateway = open(folder.path());
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

    test_support::import_fixtures(&gateway).await;
    assert!(gateway.show(MAC).await.is_ok());
    assert_eq!(gateway.store_status().unwrap().damaged, []);
    assert_eq!(found(&gateway), []);
    let aside = [&[Table::Device.byte()][..], &MAC.bytes()].concat();
    assert_eq!(bytes(&gateway, Table::SetAside, &aside), b"\xffdamage");
}

#[tokio::test]
async fn a_file_whose_bytes_are_gone_is_not_told_to_be_no_file() {
    let (folder, gateway) = filled().await;
    // What was served lately is in memory, and goes with the gateway.
    drop(gateway);
    let gateway = open(folder.path());
    delete(&gateway, Table::Document, FILE.as_bytes());
    assert!(matches!(fetch(&gateway).await, FetchAnswer::Unavailable));
    let status = gateway.store_status().unwrap();
    assert_eq!(status.damaged[0].subject, FILE);
    assert!(status.damaged[0].problem.contains("import the tree again"));
}
