//! The import of a tree beside its limit in the same run: reading all files, as `tar -c > /dev/null`
//! does, and writing and syncing as many bytes as the store has afterwards.
//! `cargo bench --bench import`, with another number of files by `FILES=100000`. The ratio counts;
//! seconds depend on the machine.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/raw_writes.rs"]
mod raw_writes;
#[path = "support/status.rs"]
mod status;

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use trestle::gateway::{GatewaySettings, ImportOptions};

use raw_writes::raw_writes;

const FILES: u64 = 5_000;
/// Settings of one file, most of them of the template that all phones share.
const SETTINGS: u32 = 262;
/// Bytes of one raw write, as large as what one flush takes with it.
const WRITE_BYTES: usize = 1 << 20;

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
    let gateway = gateway::open(&folder.path().join("data"), GatewaySettings::default());
    let import = || {
        let imported = gateway.import(&tree, ImportOptions::default(), &|_, _| {});
        runtime.block_on(imported).expect("an import").summary
    };
    let first = timed(|| assert_eq!(import().added, files));
    let again = timed(|| assert_eq!(import().unchanged, files));
    let stored = gateway.store_status().expect("the size of the store").size;
    let writes = stored.div_ceil(WRITE_BYTES as u64);
    let writing = raw_writes(folder.path(), writes, WRITE_BYTES);

    println!(
        "reading the files, writing {} MB      {:>8.2} s + {:.2} s",
        stored / 1_000_000,
        reading.as_secs_f64(),
        writing.as_secs_f64()
    );
    tell("import", files, first, reading + writing);
    tell("import again, unchanged", files, again, reading);
    let peak = status::size("self", "VmHWM") >> 20;
    println!("largest memory (RSS)                 {peak:>8} MiB");
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

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}
