//! Files over TFTP, to Debian's client (tftp-hpa), to curl, and to clients that behave badly.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::bench::{Bench, PATIENCE};
use crate::command::ERROR;
use crate::gateway::Gateway;
use crate::phones::{AASTRA, GRANDSTREAM};

/// Lengths around the ends of blocks of 512 bytes, none and many.
const LENGTHS: [usize; 5] = [0, 511, 512, 513, 1_000_000];

fn content(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// A bench with TFTP on, further lines for `[phones]`, and files of those lengths in the tree.
async fn bench(phones_lines: &str) -> Bench {
    let bench = Bench::set().await;
    let path = bench.folder().join("trestle.toml");
    let settings = fs::read_to_string(&path).unwrap();
    let section = format!("[phones]\ntftp = \"127.0.0.1:0\"\n{phones_lines}\n");
    fs::write(&path, settings.replace("[phones]\n", &section)).unwrap();
    fs::create_dir(bench.tree().join("lengths")).unwrap();
    for length in LENGTHS {
        let path = bench.tree().join(format!("lengths/{length}.bin"));
        fs::write(path, content(length)).unwrap();
    }
    bench
}

fn delivery(shown: &Value) -> [Value; 3] {
    ["desired", "served", "confirmed"].map(|key| shown["device"][key].clone())
}

/// Whether a program is here; says so when it is not.
fn has(program: &str) -> bool {
    let is_here = Command::new(program).arg("-V").output().is_ok();
    if !is_here {
        println!("skipped: no {program}");
    }
    is_here
}

/// Runs tftp-hpa.
fn tftp(server: SocketAddr, options: &[&str], command: &[&str]) -> Output {
    Command::new("tftp")
        .args(["-m", "binary"])
        .args(options)
        .arg(server.ip().to_string())
        .arg(server.port().to_string())
        .arg("-c")
        .args(command)
        .output()
        .unwrap()
}

/// Fetches a file with tftp-hpa.
fn get(bench: &Bench, server: SocketAddr, options: &[&str], name: &str) -> Vec<u8> {
    let path = bench.folder().join("fetched");
    // It does not shorten a file that is there.
    let _ = fs::remove_file(&path);
    let ended = tftp(server, options, &["get", name, path.to_str().unwrap()]);
    assert!(ended.status.success(), "{name}: {ended:?}");
    fs::read(path).unwrap()
}

fn curl(arguments: &[&str]) -> Output {
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60"])
        .args(arguments)
        .output()
        .unwrap()
}

fn serve(bench: &Bench) -> (Gateway, SocketAddr) {
    let gateway = bench.serve();
    let server = gateway.phones_tftp().expect("TFTP is on");
    (gateway, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn debians_client_gets_every_byte_and_no_more() {
    if !has("tftp") {
        return;
    }
    let bench = bench("").await;
    let (_gateway, server) = serve(&bench);
    // Below those that the system gives out, so that nobody else is given it meanwhile.
    let port = 20_000 + std::process::id() % 10_000;
    let range = format!("{port}:{port}");
    for options in [vec![], vec!["-R", &range]] {
        for length in LENGTHS {
            let name = format!("lengths/{length}.bin");
            let fetched = get(&bench, server, &options, &name);
            assert_eq!(fetched, content(length), "{name} with {options:?}");
        }
    }
    let own = get(&bench, server, &[], "/00085D7890AB.cfg");
    assert_eq!(own, bench.tree_file("00085D7890AB.cfg"));
    assert!(!bench.gateway_text().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_the_same_with_options_of_all_kinds() {
    if !has("curl") {
        return;
    }
    let bench = bench("").await;
    let (_gateway, server) = serve(&bench);
    let path = bench.folder().join("fetched");
    let out = path.to_str().unwrap();
    for options in [
        vec![],
        vec!["--tftp-no-options"],
        vec!["--tftp-blksize", "128"],
        vec!["--tftp-blksize", "1024"],
        vec!["--tftp-blksize", "65464"],
    ] {
        for length in LENGTHS {
            let url = format!("tftp://{server}/lengths/{length}.bin");
            let _ = fs::remove_file(&path);
            let ended = curl(&[options.as_slice(), &["-o", out, &url]].concat());
            assert!(ended.status.success(), "{options:?} {length}: {ended:?}");
            // curl makes no file of nothing.
            let fetched = fs::read(&path).unwrap_or_default();
            assert_eq!(fetched, content(length), "{options:?} {length}");
        }
    }
    // Its exit code for a file that is not there.
    let ended = curl(&[&format!("tftp://{server}/lengths/1.bin")]);
    assert_eq!(ended.status.code(), Some(68), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_written() {
    if !has("tftp") || !has("curl") {
        return;
    }
    let bench = bench("").await;
    let (gateway, server) = serve(&bench);
    let path = bench.tree().join("00085D7890AB.cfg");
    let local = path.to_str().unwrap();
    let ended = tftp(server, &[], &["put", local, "cfg000b82a1b2c3.xml"]);
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("never written"), "{ended:?}");
    let ended = curl(&["-T", local, &format!("tftp://{server}/new.cfg")]);
    // Its exit code for a server that does not permit it.
    assert_eq!(ended.status.code(), Some(69), "{ended:?}");
    let own = crate::fetch::file(gateway.phones_http(), "cfg000b82a1b2c3.xml").await;
    assert_eq!(own, bench.tree_file("cfg000b82a1b2c3.xml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_phone_that_speaks_tftp_only_is_seen_to_arrive() {
    if !has("tftp") {
        return;
    }
    let bench = bench("").await;
    let (gateway, server) = serve(&bench);
    let is = |mac: &str, wanted: [Value; 3]| {
        bench.show_once(mac, |shown| delivery(shown) == wanted);
    };
    let file = bench.tree_file(AASTRA.own_file());
    assert_eq!(get(&bench, server, &[], AASTRA.own_file()), file);
    is(AASTRA.mac, [json!(1), json!(1), json!(null)]);
    get(&bench, server, &[], AASTRA.own_file());
    is(AASTRA.mac, [json!(1), json!(1), json!(1)]);
    // One that has said who it is, at another address, is another matter.
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    is(GRANDSTREAM.mac, [json!(1), json!(1), json!(null)]);
    let file = bench.tree_file(GRANDSTREAM.own_file());
    assert_eq!(get(&bench, server, &[], GRANDSTREAM.own_file()), file);
    // So that what was wrongly noted would have been noted by now.
    get(&bench, server, &[], AASTRA.own_file());
    assert_eq!(
        delivery(&bench.show(GRANDSTREAM.mac)),
        [json!(1), json!(1), json!(null)]
    );
}

/// A client that sends what it likes.
struct Raw {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Raw {
    fn at(address: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, server }
    }

    fn ask(&self, request: &[u8]) -> (Vec<u8>, SocketAddr) {
        self.send(request, self.server);
        self.receive()
    }

    fn send(&self, datagram: &[u8], to: SocketAddr) {
        self.socket.send_to(datagram, to).unwrap();
    }

    fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 2000];
        let (length, from) = self.socket.recv_from(&mut buffer).unwrap();
        buffer.truncate(length);
        (buffer, from)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_abuse_options_names_or_modes_are_refused() {
    let bench = bench("").await;
    let (_gateway, server) = serve(&bench);
    let client = Raw::at("127.0.0.1", server);
    let many: String = (0..40).map(|number| format!("o{number}\x001\0")).collect();
    for (request, code) in [
        (b"\0\x01lengths/511.bin\0netascii\0".to_vec(), 0),
        (b"\0\x01../trestle.toml\0octet\0".to_vec(), 1),
        (b"\0\x01/etc/passwd\0octet\0".to_vec(), 1),
        (b"\0\x01lengths\\511.bin\0octet\0".to_vec(), 1),
        (b"\0\x01lengths/511.bin".to_vec(), 4),
        (
            [b"\0\x01", "n".repeat(8000).as_bytes(), b"\0octet\0"].concat(),
            4,
        ),
        (
            [b"\0\x01lengths/511.bin\0octet\0", many.as_bytes()].concat(),
            8,
        ),
        (
            b"\0\x01lengths/511.bin\0octet\0blksize\x008\0BLKSIZE\x009\0".to_vec(),
            8,
        ),
        (b"\0\x01lengths/511.bin\0octet\0tsize\0".to_vec(), 8),
    ] {
        let (answer, _) = client.ask(&request);
        let asked = String::from_utf8_lossy(&request);
        assert_eq!(answer.get(..4), Some(&[0, 5, 0, code][..]), "{asked}");
    }
    // Values that can't be do not hold, and the transfer begins without them.
    let (answer, _) =
        client.ask(b"\0\x01lengths/511.bin\0octet\0blksize\x000\0timeout\x00999\0x\x00y\0");
    assert_eq!(answer.get(..4), Some(&[0, 3, 0, 1][..]));
    assert_eq!(answer.get(4..), Some(content(511).as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_goes_on_while_others_send_to_its_port() {
    let bench = bench("").await;
    let (_gateway, server) = serve(&bench);
    let client = Raw::at("127.0.0.1", server);
    let (first, transfer) = client.ask(b"\0\x01lengths/513.bin\0octet\0");
    assert_eq!(first.len(), 4 + 512);
    assert_ne!(transfer, server, "a port of its own");
    let forger = Raw::at("127.52.9.9", transfer);
    let (answer, from) = forger.ask(b"\0\x04\0\x01");
    assert_eq!(answer.get(..4), Some(&[0, 5, 0, 5][..]));
    assert_eq!(from, transfer);
    forger.send(b"\0\x05\0\0stop\0", transfer);
    client.send(b"\0\x04\0\x01", transfer);
    // On a slow machine the first block comes once more.
    let mut second = first.clone();
    while second == first {
        (second, _) = client.receive();
    }
    assert_eq!(second, [b"\0\x03\0\x02", &content(513)[512..]].concat());
    client.send(b"\0\x04\0\x02", transfer);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_sources_that_are_allowed_are_answered() {
    let bench = bench("tftp_allow = [\"127.52.7.0/24\"]").await;
    let (_gateway, server) = serve(&bench);
    let refused = Raw::at("127.52.8.1", server);
    refused.send(b"\0\x01lengths/511.bin\0octet\0", server);
    refused.send(b"\0\x02lengths/511.bin\0octet\0", server);
    let allowed = Raw::at("127.52.7.1", server);
    let (answer, _) = allowed.ask(b"\0\x01lengths/511.bin\0octet\0");
    assert_eq!(answer.len(), 4 + 511);
    // Both were looked at before that one.
    refused.socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 8];
    assert!(refused.socket.recv_from(&mut buffer).is_err());
    let said = bench.gateway_text();
    assert!(said.contains("TFTP requests were dropped"), "{said}");
    assert!(said.contains("127.52.8.1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tftp_is_off_until_it_is_asked_for_and_what_it_can_not_do_is_said() {
    let plain = Bench::set().await;
    let gateway = plain.serve();
    assert_eq!(gateway.phones_tftp(), None);
    drop(gateway);
    for (lines, problem) in [
        ("tftp = \"69\"", "tftp"),
        (
            "tftp_allow = [\"phones.example.net\"]",
            "is neither a network",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("trestle.toml");
        fs::write(&config, format!("[phones]\n{lines}\n")).unwrap();
        let ended = crate::command::run(["serve", "--config", config.to_str().unwrap()]);
        let ended = ended.with_code(ERROR);
        assert!(ended.stderr.contains(problem), "{ended:?}");
    }
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let path = plain.folder().join("trestle.toml");
    let settings = fs::read_to_string(&path).unwrap();
    let section = format!("[phones]\ntftp = \"{address}\"\n");
    fs::write(&path, settings.replace("[phones]\n", &section)).unwrap();
    let ended = plain.command(&["serve"]).with_code(ERROR);
    assert!(ended.stderr.contains(&address), "{ended:?}");
}
