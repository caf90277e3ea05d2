//! The store as a whole: backup, restore, check, reindex, compact.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use trestle::store::{Batch, SledStore, Store, StoreOptions, Table};

use crate::bench::{Bench, files_below};
use crate::command::{CLEAN, ERROR, Ended, FINDINGS, run, trestle};
use crate::fetch;
use crate::managed::DISPLAY_NAME;
use crate::phones::{GRANDSTREAM, HTEK, PHONES};

const PATIENCE: Duration = Duration::from_secs(60);

/// A command on the store in this folder, with the settings of the bench.
fn on(bench: &Bench, data: &Path, arguments: &[&str]) -> Ended {
    bench.command(&[arguments, &["--data", data.to_str().unwrap()]].concat())
}

fn check(bench: &Bench, data: &Path) -> Value {
    let ended = on(bench, data, &["store", "check", "--format", "json"]);
    assert!([CLEAN, FINDINGS].contains(&ended.code), "{ended:?}");
    ended.json()
}

/// Changes records behind the back of the gateway, which does not run.
fn damage(data: &Path, work: impl FnOnce(&SledStore, &mut Batch)) {
    let store = SledStore::open(data, StoreOptions::default()).unwrap();
    let mut batch = Batch::new();
    work(&store, &mut batch);
    store.commit(batch).unwrap().wait().unwrap();
}

fn exported(bench: &Bench, data: &Path) -> Vec<(String, Vec<u8>)> {
    let out = tempfile::tempdir().unwrap();
    on(bench, data, &["export", out.path().to_str().unwrap()]).with_code(CLEAN);
    files_below(out.path())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_phones_are_changed_is_whole_when_restored() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for phone in PHONES {
        phone.fetch(&bench, gateway.phones_http()).await;
    }
    let file = bench.folder().join("trestle.backup");
    let stop = AtomicBool::new(false);
    let changes = std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::SeqCst) {
                number += 1;
                for phone in PHONES {
                    let value = format!("{DISPLAY_NAME}=Round {number}");
                    bench
                        .command(&["device", "set", phone.mac, &value])
                        .with_code(CLEAN);
                }
            }
            number
        });
        for _ in 0..3 {
            let taken = bench.command(&["store", "backup", file.to_str().unwrap()]);
            taken.with_code(CLEAN);
        }
        stop.store(true, Ordering::SeqCst);
        changing.join().unwrap()
    });
    assert!(changes > 0);
    assert!(!bench.folder().join("trestle.backup.part").exists());
    // The gateway is asked too, and goes on.
    let beside = bench.command(&["store", "check", "--format", "json"]);
    assert_eq!(
        beside.with_code(CLEAN).json()["findings"],
        serde_json::json!([])
    );
    bench.command(&["reindex"]).with_code(CLEAN);
    bench.command(&["store", "status"]).with_code(CLEAN);
    let in_use = bench.command(&["store", "compact"]).with_code(ERROR);
    assert!(in_use.stderr.contains("stop it first"), "{in_use:?}");

    let new = bench.folder().join("restored");
    on(&bench, &new, &["store", "restore", file.to_str().unwrap()]).with_code(CLEAN);
    assert_eq!(check(&bench, &new)["findings"], serde_json::json!([]));
    assert_eq!(gateway.terminate().code(), Some(0));
    let (before, after) = (
        exported(&bench, &bench.folder().join("data")),
        exported(&bench, &new),
    );
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&before), names(&after));
    let own = after
        .iter()
        .find(|(name, _)| name.ends_with(GRANDSTREAM.own_file()));
    let text = String::from_utf8_lossy(&own.unwrap().1).into_owned();
    assert!(text.contains("Round "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_serves_what_the_old_one_did() {
    let bench = Bench::set().await;
    bench.import();
    let data = bench.folder().join("data");
    let file = bench.folder().join("trestle.backup");
    let path = file.to_str().unwrap();
    bench.command(&["store", "backup", path]).with_code(CLEAN);
    let before = exported(&bench, &data);

    // Nothing is overwritten.
    let refused = bench.command(&["store", "restore", path]).with_code(ERROR);
    assert!(refused.stderr.contains("is not empty"), "{refused:?}");
    fs::rename(&data, bench.folder().join("old")).unwrap();
    // A cut, a changed and a foreign file make no store, and say what they are.
    let whole = fs::read(&file).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let bad = bench.folder().join("bad");
    for (content, said) in [
        (&whole[..whole.len() - 1], ""),
        (&changed[..], ""),
        (&b"PK\x03\x04 an archive"[..], "no backup"),
    ] {
        fs::write(&bad, content).unwrap();
        let refused = bench.command(&["store", "restore", bad.to_str().unwrap()]);
        let refused = refused.with_code(ERROR);
        assert!(refused.stderr.contains(said), "{refused:?}");
        bench.command(&["device", "list"]).with_code(ERROR);
    }
    bench.command(&["store", "restore", path]).with_code(CLEAN);
    assert_eq!(exported(&bench, &data), before);
    let gateway = bench.serve_again();
    let served = fetch::file(gateway.phones_http(), GRANDSTREAM.own_file()).await;
    assert_eq!(served, bench.tree_file(GRANDSTREAM.own_file()));
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_named_stops_one_phone_and_is_mended() {
    let bench = Bench::set().await;
    bench.import();
    let data = bench.folder().join("data");
    assert_eq!(check(&bench, &data)["findings"], serde_json::json!([]));
    let htek = [0x00, 0x1f, 0xc1, 0xd4, 0xe5, 0xf6];
    damage(&data, |_, batch| {
        batch.put_long(Table::Device, &htek, b"\xff".to_vec());
        batch.put_long(
            Table::Parameters,
            &[0, 0x0b, 0x82, 0xa1, 0xb2, 0xc3],
            b"\xff".to_vec(),
        );
        batch.delete(Table::Document, b"6867i.cfg");
    });
    let findings = check(&bench, &data)["findings"].clone();
    for (kind, subject) in [
        ("damaged_record", HTEK.mac),
        ("damaged_record", GRANDSTREAM.mac),
        ("missing", "6867i.cfg"),
    ] {
        let is_it = |finding: &&Value| finding["kind"] == kind && finding["subject"] == subject;
        assert!(
            findings.as_array().unwrap().iter().any(|one| is_it(&one)),
            "{findings:#}"
        );
    }
    let text = on(&bench, &data, &["store", "check"])
        .with_code(FINDINGS)
        .stdout;
    assert!(text.contains("trestle reindex"), "{text}");

    let gateway = bench.serve_again();
    let listed = bench.command(&["device", "list"]).with_code(CLEAN).stdout;
    assert!(listed.contains("DAMAGED"), "{listed}");
    let status = bench
        .command(&["store", "status"])
        .with_code(FINDINGS)
        .stdout;
    assert!(status.contains(HTEK.mac), "{status}");
    let served = fetch::file(gateway.phones_http(), GRANDSTREAM.own_file()).await;
    assert_eq!(served, bench.tree_file(GRANDSTREAM.own_file()));
    let server = gateway.phones_http();
    let broken = fetch::fetch(Ipv4Addr::LOCALHOST, server, "/6867i.cfg", "curl/8").await;
    assert_eq!(broken.status, 503);
    assert_eq!(gateway.terminate().code(), Some(0));

    bench.command(&["reindex"]);
    let findings = check(&bench, &data)["findings"].clone();
    let all = findings.as_array().unwrap().iter();
    assert!(
        !all.clone().any(|one| one["subject"] == GRANDSTREAM.mac),
        "{findings:#}"
    );
    bench.import();
    assert_eq!(check(&bench, &data)["findings"], serde_json::json!([]));
    assert_eq!(check(&bench, &data)["summary"]["set_aside"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_keeps_everything_also_when_it_is_killed_in_the_middle() {
    let bench = Bench::set().await;
    bench.import();
    let data = bench.folder().join("data");
    // A store that takes a while to copy.
    damage(&data, |store, _| {
        for number in 0..3_000_u32 {
            let mut batch = Batch::new();
            let value = number.to_be_bytes().repeat(2_000);
            batch.put(Table::SetAside, &number.to_be_bytes(), value);
            drop(store.commit(batch).unwrap());
        }
    });
    let before = exported(&bench, &data);
    let compacting = || -> Child {
        let mut command = trestle();
        command.args(["store", "compact", "--data"]).arg(&data);
        command
            .arg("--config")
            .arg(bench.folder().join("trestle.toml"));
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    for round in 0..6_u32 {
        let mut child = compacting();
        // In one round after the other a little later, from the moment at which it copies.
        let deadline = Instant::now() + PATIENCE;
        while !data.join("compacting/db/db").exists() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(u64::from(round * round) * 10));
        let _ = child.kill();
        child.wait().unwrap();
        assert_eq!(exported(&bench, &data), before, "round {round}");
    }
    on(&bench, &data, &["store", "compact"]).with_code(CLEAN);
    assert_eq!(exported(&bench, &data), before);
    assert_eq!(check(&bench, &data)["findings"], serde_json::json!([]));
    let left: Vec<PathBuf> = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name != "db"))
        .collect();
    assert!(
        left.iter()
            .all(|path| path.ends_with("assets") || path.ends_with("uploads")),
        "{left:?}"
    );
}

#[test]
fn a_folder_without_a_store_is_not_made_into_one() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let path = nowhere.to_str().unwrap();
    for arguments in [
        &["store", "check"][..],
        &["store", "compact"],
        &["store", "status"],
        &["store", "backup", "x.backup"],
        &["reindex"],
    ] {
        let ended = run([arguments, &["--data", path]].concat()).with_code(ERROR);
        assert!(ended.stderr.contains("there is no store"), "{ended:?}");
        assert!(!nowhere.exists());
    }
}
