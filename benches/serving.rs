//! Files for phones, beside nginx with the same bytes on disk, in the same run:
//! `cargo bench --bench serving`. The ratios count; the figures depend on the machine.
//!
//! Each server has the first core, wrk the second. Every request is for a phone's own file, under the
//! User-Agent of that phone. Needs nginx, wrk and taskset.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that can not go on has nothing better to do"
)]

#[path = "serving/clients.rs"]
mod clients;
#[path = "serving/servers.rs"]
mod servers;
#[path = "support/status.rs"]
mod status;
#[path = "serving/tree.rs"]
mod tree;

use std::process::Command;
use std::thread;
use std::time::Duration;

use servers::{Server, nginx, trestle};
use tree::Tree;

/// Files of one size.
const FILES: usize = 500;
const SIZES: [usize; 3] = [1024, 8 * 1024, 50 * 1024];
const TURNS: usize = 3;
const SECONDS: u32 = 5;
const IDLE_CONNECTIONS: usize = 10_000;

fn main() {
    for program in ["nginx", "wrk", "taskset"] {
        let script = format!("command -v {program}");
        let found = Command::new("sh").args(["-c", &script]).output();
        if !found.is_ok_and(|found| found.status.success()) {
            println!("skipped: no {program}");
            return;
        }
    }
    raise_limit_of_files();
    let folder = tempfile::tempdir().expect("a folder");
    let tree = Tree::make(folder.path(), FILES, &SIZES);
    let trestle = trestle(folder.path(), &tree);
    let nginx = nginx(folder.path(), &tree);
    println!(
        "files of {FILES} phones, 64 connections that stay, best of {TURNS} turns of {SECONDS} s"
    );
    for size in SIZES {
        compare(&tree, size, &nginx, &trestle);
    }
    drop(nginx);
    idle(&tree, &trestle);
}

/// As many open files as this process may have; the servers inherit it.
fn raise_limit_of_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("its own hard limit");
}

fn compare(tree: &Tree, size: usize, nginx: &Server, trestle: &Server) {
    // A phone that has come twice is one that polls.
    for server in [nginx, trestle] {
        clients::fetch(tree, size, server.address, 2);
    }
    let (mut theirs, mut ours) = (0.0_f64, 0.0_f64);
    for _ in 0..TURNS {
        theirs = theirs.max(clients::fetch(tree, size, nginx.address, SECONDS));
        ours = ours.max(clients::fetch(tree, size, trestle.address, SECONDS));
    }
    println!(
        "  {:>3} KiB   nginx {theirs:>8.0}/s   trestle {ours:>8.0}/s   ratio {:.2}",
        size / 1024,
        ours / theirs
    );
}

fn idle(tree: &Tree, trestle: &Server) {
    let before = trestle.resident();
    let held = clients::hold(tree, trestle.address, IDLE_CONNECTIONS);
    thread::sleep(Duration::from_secs(1));
    let after = trestle.resident();
    let open = clients::still_open(&held);
    println!(
        "{open} idle connections of {IDLE_CONNECTIONS}: {} MiB before, {} MiB with them, {} bytes each",
        before >> 20,
        after >> 20,
        after.saturating_sub(before) / open.max(1) as u64
    );
}
