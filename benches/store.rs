//! The store alone: commits beside the raw limit of the disk, and what a phone takes:
//! `cargo bench --bench store -- [PHONES]`. The ratios count; the figures depend on the machine.
//!
//! A commit is that of a change by an ACS: a phone's document of 6 KB, its parameters, its record.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

#[path = "support/raw_writes.rs"]
mod raw_writes;
#[path = "support/status.rs"]
mod status;

use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use trestle::store::{Batch, SledStore, Store, StoreOptions, Table, durable};

use raw_writes::raw_writes;

/// Sessions at once.
const SESSIONS: u32 = 64;
const COMMITS: u32 = 12_800;
/// Phones whose size is measured, unless the command line says another number.
const PHONES: u32 = 20_000;
const SETTINGS: u32 = 300;
/// Commits of an import that wait for the disk together.
const AT_ONCE: u32 = 256;

fn main() {
    let phones = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(PHONES);
    committing();
    keeping(phones);
}

/// Many sessions that each change a phone and wait for the disk, again and again.
fn committing() {
    let dir = tempfile::tempdir_in(".").expect("a folder");
    let store = SledStore::open(dir.path(), StoreOptions::default()).expect("a store");
    // The phones are there before they are changed.
    for phone in 0..1_000 {
        store
            .commit(change(phone, 0))
            .expect("room")
            .wait()
            .expect("a disk");
    }
    let (groups, bytes, cpu) = (durable::calls(), bytes_written(), cpu_time());
    let next = AtomicU32::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..SESSIONS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= COMMITS {
                        return;
                    }
                    let batch = change(number % 1_000, 1 + number);
                    store.commit(batch).expect("room").wait().expect("a disk");
                }
            });
        }
    });
    let took = began.elapsed();
    let groups = durable::calls() - groups;
    let bytes = bytes_written() - bytes;
    let cpu = cpu_time() - cpu;
    drop(store);
    let making = per_change();
    let raw = |groups: u64| {
        let group = usize::try_from(bytes / groups).expect("a group fits");
        raw_writes(dir.path(), groups, group)
    };
    let same = raw(groups);
    let best = raw(u64::from(COMMITS / SESSIONS));
    println!("{COMMITS} changes by {SESSIONS} sessions at once, each durable");
    println!(
        "  store                     {:>8.0}/s, {groups} syncs for {:.1} each, {} bytes each, {:.0} us of CPU each ({making:.0} us of them for making the values)",
        rate(took),
        f64::from(COMMITS) / groups as f64,
        bytes / u64::from(COMMITS),
        cpu.as_secs_f64() * 1e6 / f64::from(COMMITS),
    );
    println!(
        "  raw, as many syncs        {:>8.0}/s, the store has {:.2} of it",
        rate(same),
        same.as_secs_f64() / took.as_secs_f64()
    );
    println!(
        "  raw, groups of {SESSIONS}         {:>8.0}/s, the store has {:.2} of it",
        rate(best),
        best.as_secs_f64() / took.as_secs_f64()
    );
}

/// What phones take on disk and in memory, and how fast they come in.
fn keeping(phones: u32) {
    let dir = tempfile::tempdir_in(".").expect("a folder");
    let memory = status::size("self", "VmRSS");
    let store = SledStore::open(dir.path(), StoreOptions::default()).expect("a store");
    println!(
        "{phones} phones with a file of {} bytes",
        document(1, 1).len()
    );
    for round in 0..2 {
        let began = Instant::now();
        for phone in 0..phones {
            let ticket = store.commit(change(phone, round)).expect("room");
            if phone % AT_ONCE == 0 {
                ticket.wait().expect("a disk");
            }
        }
        store
            .commit(Batch::new())
            .expect("room")
            .wait()
            .expect("a disk");
        let disk = store.size_on_disk().expect("a folder");
        println!(
            "  {}  {:>8.0}/s, {} bytes of disk each, {} MiB of memory with the cache",
            if round == 0 {
                "put there      "
            } else {
                "all changed    "
            },
            f64::from(phones) / began.elapsed().as_secs_f64(),
            disk / u64::from(phones),
            status::size("self", "VmRSS").saturating_sub(memory) >> 20,
        );
    }
    drop(store);
    let began = Instant::now();
    let store = SledStore::open(dir.path(), StoreOptions::default()).expect("a store");
    println!("  opened again     in {:.2?}", began.elapsed());
    let began = Instant::now();
    let found = store.scan(Table::Device, b"").count();
    println!("  {found} records listed in {:.2?}", began.elapsed());
}

/// What changing a phone puts into the store.
fn change(phone: u32, round: u32) -> Batch {
    let mac = [&[0x00, 0x0b, 0x82][..], &phone.to_be_bytes()[1..]].concat();
    let file = format!("cfg000b82{phone:06x}.xml");
    let mut batch = Batch::new();
    batch.put_long(Table::Document, file.as_bytes(), document(phone, round));
    batch.put_long(Table::Parameters, &mac, parameters(phone, round));
    batch.put_long(Table::Device, &mac, record(phone, round));
    batch
}

fn document(phone: u32, round: u32) -> Vec<u8> {
    let mut text = format!("<gs_provision><mac>000b82{phone:06x}</mac><config>\n");
    for setting in 0..SETTINGS {
        let _ = writeln!(
            text,
            "<P{setting}>{}</P{setting}>",
            value(setting, phone, round)
        );
    }
    text.push_str("</config></gs_provision>\n");
    text.into_bytes()
}

fn parameters(phone: u32, round: u32) -> Vec<u8> {
    let mut text = String::new();
    for setting in 0..SETTINGS {
        let (line, value) = (setting / 50, value(setting, phone, round));
        let _ = write!(
            text,
            "Device.Services.VoiceService.1.VoiceProfile.{line}.Setting{setting}\0{value}\0"
        );
    }
    text.into_bytes()
}

fn record(phone: u32, round: u32) -> Vec<u8> {
    let mut record = b"grandstream/cfg.xml/GXP2170/1.0.11.3/".repeat(12);
    record.extend_from_slice(&mixed(phone).to_be_bytes());
    record.extend_from_slice(&mixed(phone ^ 0xffff).to_be_bytes());
    record.extend_from_slice(&round.to_be_bytes());
    record
}

/// The same for all phones, but for some that are a phone's own and one that changes.
fn value(setting: u32, phone: u32, round: u32) -> String {
    match setting {
        35 | 36 | 270 => format!("1{phone:06}"),
        34 => format!("{:016x}", mixed(phone)),
        3 => format!("Phone {phone}, change {round}"),
        _ if setting.is_multiple_of(3) => "0".to_owned(),
        _ => format!("{}", mixed(setting) % 90_000),
    }
}

fn mixed(number: u32) -> u64 {
    let mixed = u64::from(number)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Microseconds that the values of one change take to make, which is none of the store's work.
fn per_change() -> f64 {
    let began = Instant::now();
    for number in 0..1_000 {
        std::hint::black_box(change(number, 1));
    }
    began.elapsed().as_secs_f64() * 1e3
}

fn rate(took: Duration) -> f64 {
    f64::from(COMMITS) / took.as_secs_f64()
}

/// Bytes that this process has handed to the system.
fn bytes_written() -> u64 {
    let counts = fs::read_to_string("/proc/self/io").expect("a Linux with /proc");
    let written = counts.lines().find_map(|line| line.strip_prefix("wchar: "));
    let written = written.and_then(|bytes| bytes.parse().ok());
    written.expect("the system counts")
}

fn cpu_time() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF)
        .expect("the system counts");
    let times = [usage.user_time(), usage.system_time()];
    times
        .iter()
        .map(|time| {
            Duration::from_micros(
                u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0),
            )
        })
        .sum()
}
