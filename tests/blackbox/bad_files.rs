//! Files that are broken, hostile or too much: `check` tells the place, the bytes are kept, served
//! and exported, and nothing takes long.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::{Bench, files_below};
use crate::command::{CLEAN, FINDINGS};
use crate::fetch;

/// How long a command may take on all of these files, with a build that is not optimised on a
/// machine that is busy.
const LIMIT: Duration = Duration::from_secs(300);

/// A binary file with a body, its checksum off by this.
fn binary(mac: [u8; 6], body: &str, off: u16) -> Vec<u8> {
    let mut file = vec![0; 6];
    file.extend(mac);
    file.extend(b"\r\n\r\n");
    file.extend(body.bytes());
    file.resize(file.len().next_multiple_of(2), 0);
    let words = u32::try_from(file.len() / 2).unwrap();
    file[..4].copy_from_slice(&words.to_be_bytes());
    let word = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
    let sum = file.chunks(2).map(word).fold(0, u16::wrapping_add);
    let checksum = 0_u16.wrapping_sub(sum).wrapping_add(off);
    file[4..6].copy_from_slice(&checksum.to_be_bytes());
    file
}

fn config(inside: &str) -> Vec<u8> {
    format!(
        "<gs_provision version=\"1\"><config version=\"1\">\n{inside}\n</config></gs_provision>\n"
    )
    .into_bytes()
}

/// Files, each with its findings: what they are, and their places where the file has one.
type BadFile = (&'static str, Vec<u8>, &'static [&'static str]);

fn bad_files() -> Vec<BadFile> {
    let body = "P271=1&P3=Desk&P47=sip.example.net&gnkey=0b82";
    let mut cut = binary([0x00, 0x0b, 0x82, 0x30, 0, 1], body, 0);
    cut.truncate(40);
    let wrong_checksum = binary([0x00, 0x0b, 0x82, 0x30, 0, 2], body, 7);
    let wrong_mac = binary([0x00, 0x0b, 0x82, 0x30, 0, 0x99], body, 0);
    let sealed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sealed");
    let sealed = fs::read(sealed.join("cfg000b8277aa05.xml")).unwrap();
    let document_type = "<!DOCTYPE r [<!ENTITY b \"&a;&a;&a;&a;\">\
                         <!ENTITY c SYSTEM \"file:///etc/passwd\">]>\n";
    let document_type = [document_type.as_bytes(), &config("<P3>&b;&c;</P3>")].concat();
    let deep = "<a>".repeat(10_000) + "<P3>Desk</P3>" + &"</a>".repeat(10_000);
    let long = "x".repeat(20 << 20);
    let long = format!("sip line1 user name: 2260\nsip line1 display name: {long}\n");
    let other_mac = "<gs_provision>\n<mac>000b82999999</mac>\n<config><P3>a</P3></config>\n\
                     </gs_provision>\n";
    let autop = "Config.Account1.GENERAL.Enable = 1\nConfig.Account1.GENERAL.Label\n";
    vec![
        ("cfg000b82300001", cut, &["syntax 1:41"]),
        ("cfg000b82300002", wrong_checksum, &["syntax 1:5"]),
        ("cfg000b82300003", wrong_mac, &["wrong_phone"]),
        ("cfg000b82300004.xml", sealed, &["encrypted"]),
        (
            "cfg000b82300005.xml",
            document_type,
            &["syntax 1:1", "syntax 3:5", "syntax 3:8"],
        ),
        ("cfg000b82300006.xml", config(&deep), &["syntax 2:91"]),
        ("cfg000b82300007.xml", other_mac.into(), &["wrong_phone"]),
        (
            "000b82300008.txt",
            b"P271 = 1\n\0\0\0\nP3 = De\0sk\n".to_vec(),
            &["encrypted"],
        ),
        ("00085D300009.cfg", long.into(), &["left_out"]),
        (
            "00085D30000A.cfg",
            b"sip proxy ip\nsip line1 user name:\n".to_vec(),
            &["syntax 1:1"],
        ),
        ("0c110530000b.cfg", autop.into(), &["syntax 2:1"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_files_are_told_with_their_place_and_kept() {
    let bench = Bench::set().await;
    let bad = bad_files();
    let files: Vec<_> = bad.iter().map(|one| (one.0, one.1.clone())).collect();
    bench.replace_tree(&files);
    bench.add_settings("[[phones.file_password]]\npassword = \"not this one\"\n");
    let tree = bench.tree();
    let timed = |arguments: &[&str], code: i32| {
        let started = Instant::now();
        let ended = bench.command(arguments).with_code(code);
        assert!(
            started.elapsed() < LIMIT,
            "{arguments:?}: {:?}",
            started.elapsed()
        );
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    };
    let tree_text = tree.to_str().unwrap();
    let report = timed(&["check", tree_text, "--format", "json"], FINDINGS).json();
    let findings = report["findings"].as_array().unwrap();
    let of_file = |name: &str| -> Vec<String> {
        let findings = findings.iter().filter(|one| one["file"] == name);
        findings
            .map(|one| match one["line"].as_u64() {
                Some(line) => format!("{} {line}:{}", one["kind"].as_str().unwrap(), one["column"]),
                None => one["kind"].as_str().unwrap().to_owned(),
            })
            .collect()
    };
    for (name, _, wanted) in &bad {
        assert_eq!(of_file(name), *wanted, "{name}");
    }
    assert_eq!(report["summary"]["same_bytes"], bad.len());
    timed(&["import", tree_text], FINDINGS);
    timed(&["verify", tree_text], CLEAN);
    let out = bench.folder().join("out");
    timed(&["export", out.to_str().unwrap()], CLEAN);
    assert!(
        files_below(&out) == files_below(&tree),
        "export gives other bytes"
    );
    let gateway = bench.serve_again();
    for (name, content) in files_below(&tree) {
        let served = fetch::file(gateway.phones_http(), &name).await;
        assert!(served == content, "{name}");
    }
}
