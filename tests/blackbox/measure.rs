//! `trestle bench`: what it says and what it leaves, not how fast anything is.

use std::fs;

use serde_json::Value;
use trestle::sim::fleet::{Fleet, FleetPhone, Oddity};

use crate::command::{CLEAN, ERROR, run, trestle};

/// Names of the figures that every run has.
const FIGURES: [&str; 15] = [
    "import of 40 files",
    "memory, all phones idle",
    "memory for each phone",
    "disk",
    "disk for each phone",
    "start until the first Inform",
    "processor share, a million phones every 6 hours",
    "sessions with an Inform only",
    "processor time of such a session",
    "SetParameterValues, durable, 64 sessions at once",
    "fetch of a phone's file, cold, p50",
    "fetch of a phone's file, cold, p99",
    "fetch of a phone's file, warm, p50",
    "fetch of a phone's file, warm, p99",
    "cost of each phone, by the size of the fleet",
];

#[test]
fn a_small_bench_prints_every_figure_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // The store of whoever runs it is left alone.
    let own = folder.path().join("own");
    let output = trestle()
        .args([
            "bench", "--phones", "40", "--step", "0.5", "--format", "json",
        ])
        .args(["--in".as_ref(), folder.path()])
        .env("TRESTLE_DATA", &own)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(CLEAN), "{complaint}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["phones"], 40);
    assert!(report["machine"]["cores"].as_u64() >= Some(1));
    let figures = report["figures"].as_array().unwrap();
    let names: Vec<&str> = figures
        .iter()
        .map(|figure| figure["what"].as_str().unwrap())
        .collect();
    assert_eq!(names, FIGURES);
    for figure in &figures[..FIGURES.len() - 1] {
        let note = &figure["note"];
        assert!(
            figure["measured"]["value"].is_number(),
            "{figure:#}: {note}"
        );
    }
    let set = &figures[9];
    assert!(
        set["note"].as_str().unwrap().ends_with(" 0 faults"),
        "{set:#}"
    );
    assert!(!own.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_short_soak_looks_and_judges_and_its_store_can_be_measured_again() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let output = trestle()
        .args([
            "bench", "--phones", "40", "--soak", "0.05", "--format", "json",
        ])
        .args(["--keep".as_ref(), kept.as_path()])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    // So short a time may end before the caches are full.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{complaint}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["looks"].as_array().unwrap().len(), 60);
    let courses = report["courses"].as_array().unwrap();
    let names: Vec<&str> = courses
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["memory", "handles", "disk"]);
    assert!(kept.join("40/data/db").exists());
    // What is there already is nobody's to overwrite.
    let kept = kept.to_str().unwrap();
    run(["bench", "--phones", "40", "--keep", kept]).with_code(ERROR);

    // Its store is measured again, and stays.
    let again = [
        "bench", "--step", "0.3", "--format", "json", "--reuse", kept,
    ];
    let ended = run([&again[..], &["--phones", "40"]].concat()).with_code(CLEAN);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let figures = report["figures"].as_array().unwrap();
    let measured: Vec<bool> = figures[..FIGURES.len() - 1]
        .iter()
        .map(|figure| figure["measured"]["value"].is_number())
        .collect();
    assert!(
        !measured[0] && measured[1..].iter().all(|is| *is),
        "{report:#}"
    );
    assert!(folder.path().join("kept/40/data/db").exists());
    let other = run([&again[..], &["--phones", "41"]].concat()).with_code(ERROR);
    assert!(other.stderr.contains("--keep"), "{other:#?}");
}

#[test]
fn every_phone_of_a_made_up_fleet_is_understood_but_the_odd_ones() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new(3, 600);
    fleet.write(folder.path(), &|_| {}).unwrap();
    let tree = folder.path().to_str().unwrap();
    let list = |kind: &str| {
        let ended = run(["check", tree, "--list", kind, "--format", "json"]);
        assert_ne!(ended.code, ERROR, "{ended:#?}");
        // What is wrong is in every report, of whatever kind.
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().clone();
        let listed = findings
            .into_iter()
            .filter(|finding| finding["kind"] == kind.replace('-', "_"));
        Vec::from_iter(listed.map(|finding| finding["file"].to_string())).join("\n")
    };
    let phones: Vec<FleetPhone> = (0..fleet.len()).map(|number| fleet.phone(number)).collect();
    for (kind, oddity) in [
        ("syntax", Oddity::BrokenLine),
        ("conflicting-values", Oddity::DuplicateKey),
        ("orphan", Oddity::Orphan),
    ] {
        let found = list(kind);
        let odd = phones.iter().filter(|phone| phone.oddity == Some(oddity));
        let odd: Vec<&str> = odd.map(|phone| phone.file_name.as_str()).collect();
        let named = phones.iter().map(|phone| phone.file_name.as_str());
        let named: Vec<&str> = named.filter(|name| found.contains(name)).collect();
        assert_eq!(named, odd, "{kind}: {found}");
    }
    for kind in ["unreadable", "wrong-phone"] {
        let found = list(kind);
        let regular = phones.iter().filter(|phone| phone.oddity.is_none());
        let named = regular.map(|phone| phone.file_name.as_str());
        let named: Vec<&str> = named.filter(|name| found.contains(name)).collect();
        assert!(named.is_empty(), "{kind}: {named:?}\n{found}");
    }
}
