//! The import of a tree beside its limit in the same run: reading all files, as `tar -c > /dev/null`
//! does, and writing and syncing as many bytes as the store has afterwards.
//! `cargo bench --bench import`, with another number of files by `FILES=100000`. The ratio counts;
//! seconds depend on the machine.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use trestle::gateway::{Clock, Gateway, GatewaySettings, ImportOptions};
use trestle::mapping::Packs;
use trestle::store::{AssetStore, SledStore, Store, StoreOptions};

const FILES: u64 = 5_000;
/// Settings of one file, most of them of the template that all phones share.
const SETTINGS: u32 = 262;
/// Bytes of one raw write, as large as what one flush takes with it.
const WRITE_BYTES: u64 = 1 << 20;

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

fn main() {
    let files = std::env::var("FILES").ok();
    let files = files.map_or(FILES, |text| text.parse().expect("a number in FILES"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tree = folder.path().join("tree");
    let bytes = write_tree(&tree, files);
    println!("{files} files, {} MB", bytes / 1_000_000);

    let reading = timed(|| {
        for entry in fs::read_dir(&tree).expect("the tree") {
            black_box(fs::read(entry.expect("an entry").path()).expect("a file"));
        }
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let data = folder.path().join("data");
    let store = SledStore::open(&data, StoreOptions::default()).expect("a store");
    let store: Arc<dyn Store> = Arc::new(store);
    let gateway = Gateway::open(
        Arc::clone(&store),
        AssetStore::open(&data).expect("a folder of assets"),
        Packs::embedded().expect("the packs are right"),
        GatewaySettings::default(),
        Arc::new(Standing),
    );
    let gateway = gateway.expect("a gateway");
    let import = || {
        let imported = gateway.import(&tree, ImportOptions::default(), &|_, _| {});
        runtime.block_on(imported).expect("an import").summary
    };
    let first = timed(|| assert_eq!(import().added, files));
    let again = timed(|| assert_eq!(import().unchanged, files));
    let stored = store.size_on_disk().expect("the size of the store");
    let writing = raw_writes(folder.path(), stored);

    println!(
        "reading the files, writing {} MB      {:>8.2} s + {:.2} s",
        stored / 1_000_000,
        reading.as_secs_f64(),
        writing.as_secs_f64()
    );
    tell("import", files, first, reading + writing);
    tell("import again, unchanged", files, again, reading);
    if let Some(peak) = memory_peak() {
        println!("largest memory (RSS)                   {peak}");
    }
}

fn tell(what: &str, files: u64, taken: Duration, limit: Duration) {
    println!(
        "{what:<36} {:>8.2} s  {:>7.0} files/s  {:.2} of the limit's speed",
        taken.as_secs_f64(),
        files as f64 / taken.as_secs_f64(),
        limit.as_secs_f64() / taken.as_secs_f64()
    );
}

/// Files as an operator's template makes them: nearly all of it is the same in each.
fn write_tree(tree: &Path, files: u64) -> u64 {
    fs::create_dir(tree).expect("a tree");
    let mut template = String::new();
    for number in 0..SETTINGS {
        // Spread over all that a phone knows; no code of an account is among them.
        let code = 1_000 + number * 31;
        let value = ["0", "1", "", "20", "http://config.example.net/x"][number as usize % 5];
        writeln!(template, "<P{code}>{value}</P{code}>").expect("a text");
    }
    let mut bytes = 0;
    for number in 0..files {
        let mac = format!("000b82{number:06x}");
        let content = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n\
             <mac>{mac}</mac>\n<config version=\"1\">\n<P271>1</P271>\n\
             <P47>sip.example.net</P47>\n<P35>1{number:06}</P35>\n<P36>1{number:06}</P36>\n\
             <P34>secret{:08x}</P34>\n<P3>Phone {number}</P3>\n<P270>Line {number}</P270>\n\
             {template}</config>\n</gs_provision>\n",
            number.wrapping_mul(0x9e37_79b9) & 0xffff_ffff
        );
        bytes += content.len() as u64;
        fs::write(tree.join(format!("cfg{mac}.xml")), content).expect("a file");
    }
    bytes
}

fn raw_writes(folder: &Path, bytes: u64) -> Duration {
    let mut file = File::create(folder.join("raw")).expect("a file");
    let content = vec![7; usize::try_from(WRITE_BYTES).expect("a size")];
    timed(|| {
        for _ in 0..bytes.div_ceil(WRITE_BYTES) {
            file.write_all(&content).expect("a write");
            file.sync_data().expect("a sync");
        }
    })
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// What Linux says of the largest memory of this process.
fn memory_peak() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
