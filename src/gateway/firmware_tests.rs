//! Firmware: one fetch for many phones, the catalogue, what a person gives phones.

use bytes::Bytes;

use super::tests::{Bench, MAC, USER_AGENT, codes};
use super::{
    Assigned, Assignment, Carried, Chosen, ControlOutcome, Delivery, FirmwareAddition,
    FirmwareError, GatewayError, TransferDirection, TransferJob,
};
use crate::cwmp::{
    AcsRequest, CpeCall, CpeResponse, Download, EventCode, FaultCode, TransferFault,
};
use crate::device::{DeviceRecord, FirmwareSource};
use crate::native::Mac;
use crate::wire::{ContentHash, Secret};

const URL: &str = "http://files.example.net/gxp2170fw.bin";
const FIRMWARE: &str = "1 Firmware Upgrade Image";
const OLD: &str = USER_AGENT;
const NEW: &str = "Grandstream Model HW GXP2170 SW 1.0.11.99 DevId 000b82a1b2c3";

fn download() -> AcsRequest {
    AcsRequest::Download(Download {
        command_key: "F".to_owned(),
        file_type: FIRMWARE.to_owned(),
        url: URL.to_owned(),
        username: String::new(),
        password: Secret::default(),
        file_size: 0,
        target_file_name: String::new(),
        delay_seconds: 0,
    })
}

fn image(content: &'static [u8]) -> Carried {
    Carried::File {
        content: Bytes::from_static(content),
        entity_tag: Some("\"one\"".to_owned()),
    }
}

fn known(job: &TransferJob) -> Option<String> {
    match &job.direction {
        TransferDirection::Download { known, .. } => known.clone(),
        TransferDirection::Upload { .. } => panic!("an upload"),
    }
}

impl Bench {
    fn record(&self, mac: Mac) -> DeviceRecord {
        self.gateway.load(mac).unwrap().unwrap().0
    }

    /// A second phone of the same model, beside those of the tree.
    async fn with_phones(macs: &[Mac]) -> Self {
        let bench = Self::announced().await;
        let tree = tempfile::tempdir().unwrap();
        let (_, own) = bench.gateway.own_file(MAC).unwrap();
        let own = String::from_utf8(own).unwrap();
        for mac in macs {
            let name = format!("cfg{mac}.xml");
            let text = own.replace(&MAC.to_string(), &mac.to_string());
            std::fs::write(tree.path().join(name), text).unwrap();
        }
        let import = bench
            .gateway
            .import(tree.path(), super::ImportOptions::default(), &|_, _| {});
        import.await.unwrap();
        for mac in macs {
            let user_agent = OLD.replace(&MAC.to_string(), &mac.to_string());
            bench.fetch_of(*mac, &user_agent).await;
        }
        bench
    }

    async fn fetch_of(&self, mac: Mac, user_agent: &str) {
        let path = self.record(mac).own_file.to_string();
        self.take_file(&path, user_agent).await.expect("no file");
    }

    /// The job that is due, if there is one.
    async fn due_transfer(&self) -> Option<TransferJob> {
        let wait = std::time::Duration::from_millis(300);
        tokio::time::timeout(wait, self.gateway.next_transfer())
            .await
            .ok()
    }

    async fn add_image(
        &self,
        name: &str,
        content: &[u8],
    ) -> Result<super::FirmwareView, FirmwareError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let addition = FirmwareAddition {
            path,
            vendor: None,
            version: None,
        };
        self.gateway.add_firmware(addition).await
    }

    async fn assign(&self, phones: Chosen, stagger: u32) -> Vec<Assigned> {
        let assignment = Assignment {
            image: "gxp2170fw.bin".to_owned(),
            phones,
            stagger,
        };
        self.gateway.assign_firmware(&assignment).await.unwrap()
    }
}

fn others(count: u8) -> Vec<Mac> {
    (1..=count)
        .map(|number| Mac::new([0x00, 0x0b, 0x82, 0, 1, number]))
        .collect()
}

#[tokio::test]
async fn one_fetch_serves_all_phones_that_want_the_image() {
    let phones = others(12);
    let bench = Bench::with_phones(&phones).await;
    for mac in &phones {
        let ordered = bench.gateway.execute(*mac, download()).await.unwrap();
        assert!(
            matches!(ordered, CpeResponse::Download { .. }),
            "{ordered:?}"
        );
    }
    let job = bench.due_transfer().await.expect("a fetch");
    assert_eq!(known(&job), None);
    assert!(
        bench.due_transfer().await.is_none(),
        "the others wait for it"
    );
    let carried = Ok(image(b"an image"));
    bench
        .gateway
        .finish_transfer(job.mac, job.id, carried)
        .await;
    for mac in &phones {
        let record = bench.record(*mac);
        let state = &record.cpe.transfers[0].state;
        let is_installing = matches!(state, crate::device::TransferState::Installing(_));
        assert!(is_installing, "{mac}: {state:?}");
    }
    let images = bench.gateway.firmware().unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].hash, ContentHash::of(b"an image"));
    assert_eq!(images[0].waiting, phones);
    assert_eq!(images[0].models, ["GXP2170"]);
    assert_eq!(images[0].record.vendor.as_deref(), Some("grandstream"));
    // Whoever wants it later has the file server say whether it is the same.
    let bench = bench.restart().await;
    bench.execute(download()).await;
    let job = bench.due_transfer().await.expect("a question");
    assert_eq!(known(&job).as_deref(), Some("\"one\""));
    let carried = Ok(Carried::Unchanged);
    bench.gateway.finish_transfer(MAC, job.id, carried).await;
    assert_eq!(bench.gateway.firmware().unwrap()[0].waiting.len(), 13);
}

#[tokio::test]
async fn a_fetch_that_fails_fails_for_all_who_wait_for_it() {
    let phones = others(3);
    let bench = Bench::with_phones(&phones).await;
    for mac in &phones {
        bench.gateway.execute(*mac, download()).await.unwrap();
    }
    let job = bench.due_transfer().await.expect("a fetch");
    assert!(bench.due_transfer().await.is_none());
    let page = Ok(Carried::file(&b"<!DOCTYPE html><p>Not here"[..]));
    bench.gateway.finish_transfer(job.mac, job.id, page).await;
    for mac in &phones {
        let record = bench.record(*mac);
        let crate::device::TransferState::Finished(report) = &record.cpe.transfers[0].state else {
            panic!("{:?}", record.cpe.transfers);
        };
        let code = report.fault.as_ref().map(|fault| fault.code);
        assert_eq!(code, Some(FaultCode::FileCorrupted));
    }
    assert!(bench.gateway.firmware().unwrap().is_empty());
    bench.execute(download()).await;
    let job = bench.due_transfer().await.expect("another fetch");
    let fault = TransferFault {
        code: FaultCode::FileServerUnreachable,
        text: "nobody is there".to_owned(),
    };
    bench.gateway.finish_transfer(MAC, job.id, Err(fault)).await;
}

#[tokio::test]
async fn a_phone_that_a_person_gives_an_image_takes_it_and_the_acs_hears_of_it() {
    let bench = Bench::announced().await;
    let policy = bench.gateway.change(MAC, |draft, _| {
        draft.record.cpe.autonomous_policy.enable = true;
        Ok::<(), GatewayError>(())
    });
    policy.await.unwrap();
    bench.gateway.inner.sessions.disarm(&MAC);
    let before = bench.gateway.own_file(MAC).unwrap();
    let added = bench.add_image("gxp2170fw.bin", b"an image").await.unwrap();
    assert_eq!(added.record.vendor.as_deref(), Some("grandstream"));
    let report = bench.assign(Chosen::Phones(vec![MAC]), 0).await;
    assert!(report[0].due.is_some(), "{report:?}");
    let twice = bench.assign(Chosen::Phones(vec![MAC]), 0).await;
    assert!(twice[0].refused.is_some());
    let queued = bench.execute(AcsRequest::GetQueuedTransfers).await;
    let CpeResponse::GetQueuedTransfers(queued) = queued else {
        panic!("{queued:?}");
    };
    assert!(queued.is_empty(), "the ACS has not ordered it");
    let bench = bench.restart().await;
    assert!(bench.due_transfer().await.is_none(), "nothing is fetched");
    let in_use = bench.gateway.drop_firmware("gxp2170fw.bin").await;
    assert!(matches!(in_use, Err(FirmwareError::InUse { count: 1, .. })));
    let job = bench.gateway.next_control().await;
    let yes = ControlOutcome::Accepted;
    bench.gateway.finish_control(MAC, job.id, yes).await;
    bench.advance(5);
    bench.fetch().await;
    let path = bench.image_path();
    let taken = bench.take_file(&path, OLD).await;
    assert_eq!(taken.as_deref(), Some(&b"an image"[..]));
    bench.advance(90);
    bench.fetch_as(NEW).await;
    assert_eq!(bench.gateway.own_file(MAC).unwrap(), before);
    let session = bench.session().await;
    let events = codes(&session);
    assert!(events.contains(&EventCode::AutonomousTransferComplete));
    assert!(!events.contains(&EventCode::TransferComplete), "{events:?}");
    let report = session.calls.iter().find_map(|call| match &call.call {
        CpeCall::AutonomousTransferComplete(report) => Some(report.clone()),
        _ => None,
    });
    let report = report.expect("a report");
    assert_eq!((report.fault, report.file_size), (None, 8));
    assert_eq!(report.target_file_name, "gxp2170fw.bin");
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench.end().await;
    let images = bench.gateway.firmware().unwrap();
    let version = images[0].record.version.as_deref();
    assert_eq!(version, Some("1.0.11.99"), "the phone has said so");
    assert_eq!((images[0].running, images[0].waiting.len()), (1, 0));
    let again = bench.assign(Chosen::Phones(vec![MAC]), 0).await;
    let why = again[0].refused.as_deref();
    assert_eq!(why, Some("it runs this version already"));
    bench.gateway.drop_firmware("gxp2170fw.bin").await.unwrap();
    let gone = bench.gateway.drop_firmware("gxp2170fw.bin").await;
    assert!(matches!(gone, Err(FirmwareError::Unknown(_))));
}

#[tokio::test]
async fn an_image_that_is_not_taken_by_the_deadline_is_pointed_away_from() {
    let bench = Bench::announced().await;
    let before = bench.gateway.own_file(MAC).unwrap();
    bench.add_image("gxp2170fw.bin", b"an image").await.unwrap();
    bench.assign(Chosen::Model("GXP2170".to_owned()), 0).await;
    assert!(bench.due_transfer().await.is_none());
    assert_ne!(bench.gateway.own_file(MAC).unwrap(), before);
    let path = bench.image_path();
    bench.advance(1_800);
    assert!(bench.due_transfer().await.is_none());
    assert_eq!(bench.gateway.own_file(MAC).unwrap(), before);
    assert!(bench.take_file(&path, OLD).await.is_none());
    assert!(bench.record(MAC).cpe.transfers.is_empty());
    let log = bench.gateway.log_file(MAC).unwrap();
    assert!(log.contains("failed with"), "{log}");
}

#[tokio::test]
async fn phones_are_given_an_image_one_after_the_other() {
    let phones = others(3);
    let bench = Bench::with_phones(&phones).await;
    bench.add_image("gxp2170fw.bin", b"an image").await.unwrap();
    let report = bench.assign(Chosen::Phones(phones.clone()), 60).await;
    let due: Vec<i64> = report
        .iter()
        .map(|one| one.due.unwrap().as_second() - 1_800_000_000)
        .collect();
    assert_eq!(due, [0, 60, 120]);
    assert!(bench.due_transfer().await.is_none());
    let is_pointed = |mac: &Mac| {
        let transfers = bench.record(*mac).cpe.transfers;
        matches!(
            transfers[0].state,
            crate::device::TransferState::Installing(_)
        )
    };
    assert_eq!(phones.iter().filter(|mac| is_pointed(mac)).count(), 1);
    bench.advance(60);
    assert!(bench.due_transfer().await.is_none());
    assert_eq!(phones.iter().filter(|mac| is_pointed(mac)).count(), 2);
}

#[tokio::test]
async fn what_is_no_image_for_a_phone_is_refused() {
    let bench = Bench::announced().await;
    let page = bench.add_image("gxp2170fw.bin", b" <html>not found").await;
    assert!(matches!(
        page,
        Err(FirmwareError::NoImage {
            what: "a web page",
            ..
        })
    ));
    let empty = bench.add_image("gxp2170fw.bin", b"").await;
    assert!(matches!(
        empty,
        Err(FirmwareError::NoImage { what: "empty", .. })
    ));
    let image = |name: &str| Assignment {
        image: name.to_owned(),
        phones: Chosen::Vendor("grandstream".to_owned()),
        stagger: 0,
    };
    bench.add_image("grp2612fw.bin", b"another").await.unwrap();
    let report = image("grp2612fw.bin");
    let report = bench.gateway.assign_firmware(&report).await.unwrap();
    let refused = report.iter().find(|one| one.mac == MAC).unwrap();
    let why = refused.refused.as_deref().unwrap();
    assert!(why.contains("another model"), "{why}");
    bench
        .add_image("6731i.st", b"of another maker")
        .await
        .unwrap();
    let report = image("6731i.st");
    for one in bench.gateway.assign_firmware(&report).await.unwrap() {
        assert!(one.refused.unwrap().contains("for phones of"));
    }
    let stranger = Mac::new([0, 11, 130, 9, 9, 9]);
    let strangers = Assignment {
        phones: Chosen::Phones(vec![stranger]),
        ..image("grp2612fw.bin")
    };
    let report = bench.gateway.assign_firmware(&strangers).await.unwrap();
    let why = report[0].refused.as_deref();
    assert_eq!(why, Some("no phone 000b82090909 is known"));
    let unknown = bench.gateway.assign_firmware(&image("nothing.bin")).await;
    assert!(matches!(unknown, Err(FirmwareError::Unknown(_))));
    let vendor = bench
        .gateway
        .add_firmware(FirmwareAddition {
            path: "/dev/null".into(),
            vendor: Some("nobody".to_owned()),
            version: None,
        })
        .await;
    assert!(matches!(vendor, Err(FirmwareError::UnknownVendor { .. })));
}

#[tokio::test]
async fn only_old_files_that_nothing_refers_to_are_swept_away() {
    let bench = Bench::announced().await;
    bench.add_image("gxp2170fw.bin", b"an image").await.unwrap();
    let assets = &bench.gateway.inner.assets;
    let orphan = assets.put(b"nobody's").unwrap();
    let uploaded = assets.put(b"a backup").unwrap();
    let mut batch = crate::store::Batch::new();
    let record = [&[1_u8, 7][..], uploaded.bytes(), b"more"].concat();
    batch.put(crate::store::Table::Upload, b"one", record);
    let ticket = bench.gateway.inner.store.commit(batch).unwrap();
    ticket.durable().await.unwrap();
    let count = assets.list().unwrap().len();
    // The clock of these tests stands in 2027, long after the files were written.
    let written = assets.list().unwrap()[0].1;
    let since = super::Clock::now(&*bench.clock).duration_since(written);
    bench.advance(-since.as_secs());
    assert_eq!(bench.gateway.sweep_assets().unwrap(), 0, "too young");
    bench.advance(31 * 86_400);
    assert_eq!(bench.gateway.sweep_assets().unwrap(), 1);
    let assets = &bench.gateway.inner.assets;
    assert!(!assets.exists(&orphan));
    assert!(assets.exists(&uploaded));
    assert_eq!(assets.list().unwrap().len(), count - 1);
    let missing: Result<(), GatewayError> = bench.gateway.own_file(MAC).map(drop);
    assert!(missing.is_ok());
    bench.gateway.drop_firmware("gxp2170fw.bin").await.unwrap();
    assert_eq!(bench.gateway.sweep_assets().unwrap(), 1);
}

#[tokio::test]
async fn where_an_image_came_from_is_kept_without_what_may_be_secret() {
    let record = super::firmware::downloaded(
        "http://files.example.net/a.bin?token=secret",
        "a.bin",
        1,
        "vendor".to_owned(),
        Some("\"tag\"".to_owned()),
        jiff::Timestamp::UNIX_EPOCH,
    );
    let wanted = FirmwareSource::Download {
        url: "http://files.example.net/a.bin".to_owned(),
        entity_tag: None,
    };
    assert_eq!(record.source, wanted);
}
