//! Files that phones send, by curl.

use std::fs;

use crate::bench::Bench;
use crate::command::{CLEAN, ERROR};
use crate::fetch;
use crate::phones::GRANDSTREAM;
use crate::programs::{are_there, curl, status};

const LOG: &str = "000B82A1B2C3_20261121_crash.log";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_unless_the_operator_says_so() {
    if !are_there(&["curl"]) {
        return;
    }
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let url = format!("http://{}/{LOG}", gateway.phones_http());
    let answer = curl(&["-i", "-X", "PUT", "--data-binary", "a line", &url]);
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(
        answer.to_lowercase().contains("allow: get, head"),
        "{answer}"
    );
    let listed = bench.command(&["device", "uploads", GRANDSTREAM.mac]);
    assert!(listed.with_code(CLEAN).stdout.contains("0 files"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_phone_puts_is_listed_and_fetched_by_the_operator_only() {
    if !are_there(&["curl"]) {
        return;
    }
    let bench = Bench::set().await;
    bench.add_settings("[phones.uploads]\nenabled = true\nmax_file_mib = 1\nper_phone_mib = 2\n");
    let gateway = bench.serve();
    let server = gateway.phones_http();
    let url = |name: &str| format!("http://{server}/{name}");
    let put = |name: &str, file: &str| status(&["-T", file, &url(name)]);
    let local = |name: &str, content: &[u8]| {
        let path = bench.folder().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let log = local("crash.log", b"a line\nanother\n");
    let large = local("large.log", &vec![b'x'; (1 << 20) + 1]);
    let whole = local("whole.log", &vec![b'y'; 1 << 20]);
    assert_eq!(put(&format!("logs/{LOG}"), &log), "201");
    assert_eq!(put("00085D7890ABlocal.cfg", &log), "201");
    // Without a length, as some clients send.
    let chunked = ["-H", "Transfer-Encoding: chunked", "-T", &log];
    let target = url("000b82a1b2c3.txt.bak");
    assert_eq!(status(&[&chunked[..], &[&target]].concat()), "201");
    for (name, file, expected) in [
        (LOG, &large, "413"),
        ("000b82090909.log", &log, "404"),
        ("stranger.log", &log, "404"),
        ("cfg000b82a1b2c3.xml", &log, "404"),
        ("cfg000B82A1B2C3.xml", &log, "404"),
        ("..%2f000b82a1b2c3.log", &log, "404"),
        ("000b82a1b2c3-1.log", &whole, "201"),
        ("000b82a1b2c3-2.log", &whole, "507"),
    ] {
        assert_eq!(put(name, file), expected, "{name}");
    }
    let large_chunked = ["-H", "Transfer-Encoding: chunked", "-T", &large];
    assert_eq!(status(&[&large_chunked[..], &[&target]].concat()), "413");
    assert_eq!(status(&["-X", "POST", "-d", "x", &target]), "405");
    // No phone gets it back, and the tree is as it was.
    assert_eq!(status(&[&url(&format!("logs/{LOG}"))]), "404");
    let own = fetch::file(server, "cfg000b82a1b2c3.xml").await;
    assert_eq!(own, bench.tree_file("cfg000b82a1b2c3.xml"));

    let list = bench.command(&["device", "uploads", GRANDSTREAM.mac, "--format", "json"]);
    let list = list.with_code(CLEAN).json();
    let names: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    let name = format!("logs/{LOG}");
    assert_eq!(names, ["000b82a1b2c3-1.log", "000b82a1b2c3.txt.bak", &name]);
    assert_eq!(list[2]["length"], 15);
    assert_eq!(list[2]["source"], "127.0.0.1");
    let out = bench.folder().join("fetched.log");
    let get = |name: &str| {
        let out = out.to_str().unwrap();
        bench.command(&["device", "uploads", GRANDSTREAM.mac, "--get", name, out])
    };
    get(&name).with_code(CLEAN);
    assert_eq!(fs::read(&out).unwrap(), b"a line\nanother\n");
    assert!(get("no.log").with_code(ERROR).stderr.contains("no.log"));
    let lines = bench.command(&["device", "log", GRANDSTREAM.mac]);
    let lines = lines.with_code(CLEAN).stdout;
    assert!(
        lines.contains(&format!("has sent {name}, 15 bytes")),
        "{lines}"
    );
    assert!(
        lines.contains("is not kept: the phone's uploads are full"),
        "{lines}"
    );
    let remove =
        |name: &str| bench.command(&["device", "uploads", GRANDSTREAM.mac, "--remove", name]);
    remove(&name).with_code(CLEAN);
    remove(&name).with_code(ERROR);

    // The same without a gateway.
    assert_eq!(gateway.terminate().code(), Some(0));
    get("000b82a1b2c3-1.log").with_code(CLEAN);
    assert_eq!(fs::read(&out).unwrap().len(), 1 << 20);
    remove("000b82a1b2c3-1.log").with_code(CLEAN);
    let listed = bench.command(&["device", "uploads", GRANDSTREAM.mac]);
    assert!(listed.with_code(CLEAN).stdout.contains("1 file\n"));
}
