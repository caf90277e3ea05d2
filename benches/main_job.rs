//! The main job's hot paths, each beside its limit or a peer in the same run:
//! `cargo bench --bench main_job`. Figures are ratios; the seconds depend on the machine.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/raw_writes.rs"]
mod raw_writes;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use trestle::gateway::{Acs, GatewaySettings, ImportOptions};
use trestle::mapping::{Packs, Rows};
use trestle::native::{Document, Layer, LayerKind, Layers, Mac};

use raw_writes::raw_writes;

const PHONES: u64 = 5_000;
const CHANGES: u64 = 5_000;
const AT_ONCE: usize = 256;
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";

fn main() {
    let fixture =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree/cfg000b82a1b2c3.xml"))
            .expect("the fixtures are there");
    reading(&fixture);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(importing_and_changing(&fixture));
}

/// One phone's file as it is read for a session.
fn reading(fixture: &[u8]) {
    let packs = Packs::embedded().expect("the packs are right");
    let (pack, identity) = packs
        .identify("cfg000b82a1b2c3.xml", fixture)
        .expect("a rule names it");
    let copy = per_turn(|| fixture.to_vec().len());
    let parse = per_turn(|| Document::parse(identity.dialect, fixture).bytes().len());
    let layers = Layers::new(
        vec![Layer {
            path: "cfg000b82a1b2c3.xml".to_owned(),
            kind: LayerKind::Phone,
            document: Document::parse(identity.dialect, fixture).into(),
        }],
        pack.merges_layers(),
    );
    let rows = pack.rows(&layers, &Rows::default());
    let count = pack.read(&layers, &rows).len();
    let read = per_turn(|| pack.read(&layers, &rows).len());
    println!("one file of {} bytes, {count} parameters", fixture.len());
    println!("  copy its bytes          {copy:>10.1?}");
    println!(
        "  parse it                {parse:>10.1?}  {:.0} MB/s",
        rate(fixture.len(), parse)
    );
    println!("  read its parameters     {read:>10.1?}");
}

async fn importing_and_changing(fixture: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).expect("a tree");
    for number in 0..PHONES {
        let mac = mac(number).to_string();
        let content = String::from_utf8_lossy(fixture).replace("000b82a1b2c3", &mac);
        fs::write(tree.join(format!("cfg{mac}.xml")), content).expect("a file");
    }
    let bytes = fixture.len() as u64 * PHONES;

    let started = Instant::now();
    for entry in fs::read_dir(&tree).expect("the tree") {
        std::hint::black_box(fs::read(entry.expect("an entry").path()).expect("a file"));
    }
    let reading = started.elapsed();
    let writing = raw_writes(
        folder.path(),
        PHONES / AT_ONCE as u64,
        fixture.len() * AT_ONCE,
    );
    let settings = GatewaySettings {
        acs: Acs {
            periodic_inform_interval: 3600,
            ..Acs::default()
        },
        ..GatewaySettings::default()
    };
    let gateway = gateway::open(&folder.path().join("data"), settings);
    let started = Instant::now();
    let report = gateway
        .import(&tree, ImportOptions::default(), &|_, _| {})
        .await
        .expect("an import");
    let importing = started.elapsed();
    assert_eq!(report.summary.added, PHONES);
    println!("import of {PHONES} files, {} MB", bytes / 1_000_000);
    println!(
        "  read the files, write and sync the bytes  {:>10.1?}",
        reading + writing
    );
    println!(
        "  import                                    {importing:>10.1?}  {:.2} of that speed",
        (reading + writing).as_secs_f64() / importing.as_secs_f64()
    );

    let raw = raw_writes(folder.path(), CHANGES / 10, 4096) * 10;
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for number in 0..CHANGES {
        while running.len() >= AT_ONCE {
            running.join_next().await;
        }
        let gateway = gateway.clone();
        running.spawn(async move {
            let value = vec![(DISPLAY_NAME.to_owned(), format!("phone {number}"))];
            let mac = mac(number % PHONES);
            gateway.set_by_operator(mac, value).await.expect("a change");
        });
    }
    while running.join_next().await.is_some() {}
    let changing = started.elapsed();
    println!(
        "{CHANGES} changes of one parameter each, {AT_ONCE} at once, each on disk before its answer"
    );
    println!("  as many raw writes of 4 KiB with a sync each  {raw:>10.1?}");
    println!(
        "  changes                                       {changing:>10.1?}  {:.2} of that speed",
        raw.as_secs_f64() / changing.as_secs_f64()
    );
}

fn mac(number: u64) -> Mac {
    let [.., d, e, f] = number.to_be_bytes();
    Mac::new([0x00, 0x0b, 0x82, d, e, f])
}

fn per_turn<T>(mut work: impl FnMut() -> T) -> Duration {
    let turns = 2_000;
    let started = Instant::now();
    for _ in 0..turns {
        std::hint::black_box(work());
    }
    started.elapsed() / turns
}

fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e6
}
