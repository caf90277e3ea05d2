//! `check` of a tree of 20,000 files beside plain reading of the same files in the same run:
//! `cargo bench --bench check_tree`. The ratio counts; seconds depend on the machine.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use trestle::gateway::{FilePasswords, check};
use trestle::mapping::Packs;

const FILES: u32 = 20_000;
const TURNS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (paths, bytes) = write_tree(folder.path());
    let packs = Packs::embedded().expect("the packs that the program carries");
    let plain = best(|| {
        for path in &paths {
            black_box(fs::read(path).expect("a file of the tree"));
        }
    });
    let checked = best(|| {
        let report = check(
            &packs,
            &FilePasswords::default(),
            folder.path(),
            None,
            &|_, _| {},
        );
        let report = report.expect("a tree that can be read");
        assert_eq!(report.summary.phones, u64::from(FILES));
        assert_eq!(report.summary.same_bytes, u64::from(FILES));
    });
    println!(
        "{FILES} files of four makers, {} MB, best of {TURNS}",
        bytes / 1_000_000
    );
    println!("reading them all       {:>8.2} s", plain.as_secs_f64());
    println!("check, on all cores    {:>8.2} s", checked.as_secs_f64());
    println!(
        "check / reading        {:>8.1}    {:.0} files a second",
        checked.as_secs_f64() / plain.as_secs_f64(),
        f64::from(FILES) / checked.as_secs_f64()
    );
}

fn best(mut work: impl FnMut()) -> Duration {
    let turns = (0..TURNS).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    turns.min().unwrap_or_default()
}

/// Writes phones' own files with some hundred settings each; four makers in turn.
fn write_tree(folder: &Path) -> (Vec<PathBuf>, u64) {
    let mut paths = Vec::new();
    let mut bytes = 0;
    for number in 0..FILES {
        let (name, text) = match number % 4 {
            0 => (
                format!("cfg000b82{number:06x}.xml"),
                p_codes("gs_provision", number),
            ),
            1 => (
                format!("cfg001fc1{number:06x}.xml"),
                p_codes("hl_provision", number),
            ),
            2 => (format!("00085D{number:06X}.cfg"), lines(number)),
            _ => (format!("0c1105{number:06x}.cfg"), autop(number)),
        };
        bytes += text.len() as u64;
        let path = folder.join(name);
        fs::write(&path, text).expect("room for the tree");
        paths.push(path);
    }
    (paths, bytes)
}

fn p_codes(root: &str, number: u32) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<{root} version=\"1\">\n<config version=\"1\">\n"
    );
    for code in [
        271, 270, 47, 48, 35, 36, 34, 3, 32, 40, 57, 58, 59, 60, 61, 62, 30, 207,
    ] {
        let _ = writeln!(
            text,
            "    <!-- setting {code} -->\n    <P{code}>{}</P{code}>",
            number % 7 + code
        );
    }
    for code in 1400..1600 {
        let _ = writeln!(text, "    <P{code}>{}</P{code}>", code % 3);
    }
    let _ = writeln!(text, "</config>\n</{root}>");
    text
}

fn lines(number: u32) -> String {
    let mut text = "# made for a benchmark\n".to_owned();
    for line in 1..=9 {
        let _ = writeln!(
            text,
            "sip line{line} user name: {number}{line}\nsip line{line} proxy ip: sip.example.net\n\
             sip line{line} proxy port: 5060\nsip line{line} password: \"pw#{number}\""
        );
    }
    for key in 1..=20 {
        let _ = writeln!(
            text,
            "softkey{key} type: speeddial\nsoftkey{key} label: \"Desk {key}\"\nsoftkey{key} value: {key}00"
        );
    }
    text
}

fn autop(number: u32) -> String {
    let mut text = "#!version:1.0.0.1\n".to_owned();
    for account in 1..=6 {
        for (key, value) in [
            ("GENERAL.Enable", 1),
            ("GENERAL.UserName", number),
            ("SIP.Port", 5060),
            ("REG.Timeout", 1800),
        ] {
            let _ = writeln!(text, "Config.Account{account}.{key} = {value}");
        }
        for codec in 0..13 {
            let _ = writeln!(
                text,
                "Config.Account{account}.Audio{codec}.Enable = {}\nConfig.Account{account}.Audio{codec}.Priority = {codec}",
                codec % 2
            );
        }
    }
    text
}
