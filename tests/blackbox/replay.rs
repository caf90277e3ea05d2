//! The log of an old web server, played against the store.

use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::bench::Bench;
use crate::command::{CLEAN, ERROR, FINDINGS};
use crate::fetch::fetch;
use crate::nginx::Nginx;
use crate::phones::{GRANDSTREAM, PHONES};

const UNKNOWN: &str = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82999999";

/// nginx has served all phones of the fixtures; one more came in vain.
async fn a_day_at_the_old_server() -> Option<Nginx> {
    let nginx = Nginx::start("")?;
    let mut count = 0;
    for phone in PHONES {
        for path in phone.paths {
            let target = format!("/{path}?mac={}", phone.mac);
            let response = fetch(
                Ipv4Addr::LOCALHOST,
                nginx.address(),
                &target,
                phone.user_agent,
            );
            assert_eq!(response.await.status, 200);
            count += 1;
        }
    }
    for (target, user_agent) in [("/cfg000b82999999.xml", UNKNOWN), ("/", "curl/8")] {
        fetch(Ipv4Addr::LOCALHOST, nginx.address(), target, user_agent).await;
        count += 1;
    }
    nginx.log_of(count);
    Some(nginx)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_real_server_gets_the_same_answers() {
    let Some(nginx) = a_day_at_the_old_server().await else {
        return;
    };
    let bench = Bench::set().await;
    bench.import();
    let log = nginx.log_file();
    let log = log.to_str().unwrap();
    let tree = nginx.tree();
    let command = [
        "verify",
        tree.to_str().unwrap(),
        "--replay",
        log,
        "--format",
        "json",
    ];
    let devices = || PHONES.map(|phone| bench.show(phone.mac)["device"].clone());
    let before = devices();
    let alone = bench.command(&command).with_code(CLEAN).json();
    let gateway = bench.serve_again();
    assert_eq!(bench.command(&command).with_code(CLEAN).json(), alone);
    let url = nginx.url();
    let by_url = [
        "verify",
        "--replay",
        log,
        "--upstream",
        &url,
        "--format",
        "json",
    ];
    assert_eq!(bench.command(&by_url).with_code(CLEAN).json(), alone);
    drop(gateway);
    assert_eq!(devices(), before);

    let files: usize = PHONES.iter().map(|phone| phone.paths.len()).sum();
    let summary = &alone["summary"];
    assert_eq!(summary["bytes_compared"], files, "{alone:#}");
    assert_eq!(summary["same"], files + 1);
    assert_eq!(
        (&summary["phones"], &summary["unknown_phones"]),
        (&4.into(), &1.into())
    );
    assert_eq!(alone["neither_had"][0]["path"], "cfg000b82999999.xml");
    let phones = alone["phones"].as_array().unwrap();
    let requests =
        |mac: &str| phones.iter().find(|one| one["mac"] == mac).unwrap()["requests"].clone();
    for phone in PHONES {
        assert_eq!(requests(phone.mac), phone.paths.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_answers_are_findings_with_their_lines() {
    let Some(nginx) = a_day_at_the_old_server().await else {
        return;
    };
    let bench = Bench::set().await;
    fs::remove_file(bench.tree().join("startup.cfg")).unwrap();
    let own = bench.tree().join(GRANDSTREAM.own_file());
    let text = fs::read_to_string(&own).unwrap();
    fs::write(&own, text.replace("Front desk<", "Front Desk<")).unwrap();
    bench.import();
    // Packed, as logs of other days are, with a line that was cut.
    let packed = bench.folder().join("access.log.1.gz");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(&fs::read(nginx.log_file()).unwrap())
        .unwrap();
    encoder.write_all(b"192.0.2.7 - - [21/Nov/2026").unwrap();
    fs::write(&packed, encoder.finish().unwrap()).unwrap();
    let log = packed.to_str().unwrap();
    let tree = nginx.tree();
    let command = [
        "verify",
        tree.to_str().unwrap(),
        "--replay",
        log,
        "--format",
        "json",
    ];
    let report = bench.command(&command).with_code(FINDINGS).json();
    let findings = report["findings"].as_array().unwrap();
    let found = |path: &str| {
        let finding = findings.iter().find(|one| one["path"] == path).unwrap();
        (
            finding["kind"].as_str().unwrap(),
            finding["line"].as_u64().unwrap(),
        )
    };
    assert_eq!(findings.len(), 2, "{report:#}");
    let line_of = |path: &str| {
        let log = nginx.log();
        let place = log.iter().position(|line| line.contains(path));
        place.unwrap() as u64 + 1
    };
    let own = GRANDSTREAM.own_file();
    assert_eq!(found(own), ("bytes", line_of(own)));
    assert_eq!(found("startup.cfg"), ("missing", line_of("startup.cfg")));
    assert_eq!(report["summary"]["malformed"], 1);
    let last = nginx.log().len() as u64 + 1;
    assert_eq!(report["summary"]["first_malformed"][0]["line"], last);

    // Without the bytes, lengths are the same; in words, with the place.
    let ended = bench
        .command(&["verify", "--replay", log])
        .with_code(FINDINGS);
    let place = format!("{log}:{}: missing here", line_of("startup.cfg"));
    assert!(ended.stdout.contains(&place), "{}", ended.stdout);
    assert!(!ended.stdout.contains("other bytes"), "{}", ended.stdout);
    assert!(ended.stdout.contains("000b82999999"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_there_is_an_error() {
    let bench = Bench::set().await;
    bench.import();
    let missing = Path::new("no-such-access.log");
    let ended = bench.command(&["verify", "--replay", missing.to_str().unwrap()]);
    let ended = ended.with_code(ERROR);
    assert!(ended.stderr.contains("no-such-access.log"), "{ended:?}");
    bench.command(&["verify"]).with_code(ERROR);
}
