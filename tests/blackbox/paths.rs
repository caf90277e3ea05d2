//! What phones, and others, ask the file server for.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use crate::bench::{Bench, files_below};
use crate::fetch::{self, fetch};

#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_the_tree_is_served_under_its_name() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let files = files_below(&bench.tree());
    assert_eq!(files.len(), 15);
    for (path, content) in files {
        assert_eq!(
            fetch::file(gateway.phones_http(), &path).await,
            content,
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_may_write_its_mac_in_either_case() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for (asked, path) in [
        ("cfg000B82A1B2C3.xml", "cfg000b82a1b2c3.xml"),
        ("cfg000b82A1b2C3.xml", "cfg000b82a1b2c3.xml"),
        ("000B82A1B2C4.txt", "000b82a1b2c4.txt"),
        ("00085d7890ab.cfg", "00085D7890AB.cfg"),
        ("warehouse/00085d55aa11.cfg", "warehouse/00085D55AA11.cfg"),
        ("cfg001FC1D4E5F6.xml", "cfg001fc1d4e5f6.xml"),
    ] {
        let file = fetch::file(gateway.phones_http(), asked).await;
        assert_eq!(file, bench.tree_file(path), "{asked}");
    }
}

async fn status(server: SocketAddr, target: &str) -> u16 {
    let response = fetch(Ipv4Addr::LOCALHOST, server, target, "curl/8").await;
    let text = String::from_utf8_lossy(&response.body);
    assert!(!text.contains("inside"), "{target} gave {text}");
    response.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_names_no_file_of_the_tree_is_a_404_and_touches_nothing() {
    let bench = Bench::set().await;
    // What a path could lead to, beside the tree and in the store.
    fs::write(bench.folder().join("secret.cfg"), "inside").unwrap();
    let gateway = bench.serve();
    fs::write(bench.folder().join("data/secret.cfg"), "inside").unwrap();
    fs::write(bench.tree().join("later.cfg"), "inside").unwrap();
    let server = gateway.phones_http();
    let absolute = bench.folder().join("secret.cfg");
    let absolute = absolute.to_str().unwrap();
    let long_segment = format!("/{}", "a".repeat(5_000));
    let long_path = format!("/{}", "abc/".repeat(1_500));
    let targets = [
        "/",
        "/no-such.cfg",
        "/later.cfg",
        "/../secret.cfg",
        "/../data/secret.cfg",
        "/warehouse/../cfg000b82a1b2c3.xml",
        "/warehouse/../../secret.cfg",
        "/./cfg000b82a1b2c3.xml",
        "/%2e%2e/secret.cfg",
        "/%2E%2E%2Fsecret.cfg",
        "/..%2fsecret.cfg",
        "/%252e%252e/secret.cfg",
        "/%c0%ae%c0%ae/secret.cfg",
        "/..%5csecret.cfg",
        "/..\\secret.cfg",
        "/\\secret.cfg",
        "/warehouse\\00085D55AA11.cfg",
        "/cfg000b82a1b2c3.xml%00",
        "/cfg000b82a1b2c3.xml%00.txt",
        "/%00",
        "/cfg000b82a1b2c3.xml%0a",
        "/cfg000b82a1b2c3.xml/",
        "//cfg000b82a1b2c3.xml",
        "/warehouse//00085D55AA11.cfg",
        "/warehouse",
        "/warehouse/",
        "//etc/passwd",
        "/etc/passwd",
        "/%2fetc%2fpasswd",
        "/~root/.profile",
        "/cfg%ff.xml",
        absolute,
        &format!("/{absolute}"),
        &format!("/{}", absolute.replace('/', "%2f")),
        &long_segment,
        &long_path,
    ];
    for target in targets {
        assert_eq!(status(server, target).await, 404, "{target}");
    }
    // It goes on serving.
    let file = fetch::file(server, "cfg000b82a1b2c3.xml").await;
    assert_eq!(file, bench.tree_file("cfg000b82a1b2c3.xml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_or_none_at_all_harms_nobody() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let server = gateway.phones_http();
    let user_agent = "u".repeat(1_000_000);
    let answer = tokio::spawn(async move {
        fetch(Ipv4Addr::LOCALHOST, server, "/cfg.xml", &user_agent)
            .await
            .status
    });
    // Refused with a status, or by the close: then the client here panics.
    if let Ok(status) = answer.await {
        assert!((400..500).contains(&status), "{status}");
    }
    let answer = tokio::spawn(fetch(Ipv4Addr::LOCALHOST, server, "no slash \u{1}", "x"));
    if let Ok(response) = answer.await {
        assert!((400..500).contains(&response.status), "{response:?}");
    }
    let file = fetch::file(server, "cfg.xml").await;
    assert_eq!(file, bench.tree_file("cfg.xml"));
}
