//! Phones and proxies that are played by sipp, and a phone's web server.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use trestle::wire::Secret;
use trestle::wire::digest::{Credentials, Verdict, Verifier};
use trestle::wire::sip::{NotifyServer, Received};

use crate::bench::{Bench, PATIENCE};
use crate::command::{CLEAN, FINDINGS};
use crate::phones::{GRANDSTREAM, HTEK};

const PASSWORD: &str = "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.SIP.AuthPassword";

/// A scenario that runs; killed when dropped.
struct Sipp(Child);

impl Sipp {
    /// Plays one call of a scenario at an address. `None` where sipp is not installed.
    fn play(bench: &Bench, scenario: &str, at: SocketAddr, transport: &str) -> Option<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/blackbox/sipp")
            .join(scenario);
        let child = Command::new("sipp")
            .args(["-m", "1", "-nostdin", "-t", transport])
            .args(["-i", &at.ip().to_string(), "-p", &at.port().to_string()])
            .arg("-sf")
            .arg(file)
            .current_dir(bench.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => {
                wait_for_listener(at, transport);
                Some(Self(child))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("skipped: no sipp");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until it is over; whether the call went as the scenario has it.
    #[track_caller]
    fn succeeds(mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.success();
            }
            assert!(Instant::now() < deadline, "sipp does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until somebody has the port. The system's table tells: trying to have it oneself could
/// keep sipp from it.
fn wait_for_listener(at: SocketAddr, transport: &str) {
    let table = match transport {
        "t1" => "/proc/net/tcp",
        _ => "/proc/net/udp",
    };
    let IpAddr::V4(address) = at.ip() else {
        panic!("{at} is not IPv4");
    };
    let address = u32::from_ne_bytes(address.octets());
    let entry = format!(" {address:08X}:{:04X} ", at.port());
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(table).unwrap().contains(&entry) {
        assert!(Instant::now() < deadline, "sipp does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn resync(bench: &Bench, code: i32) -> serde_json::Value {
    let ended = bench.command(&["device", "resync", GRANDSTREAM.mac, "--format", "json"]);
    ended.with_code(code).json()["outcome"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_answered_by_udp_and_by_tcp() {
    for (transport, of_sipp) in [("udp", "u1"), ("tcp", "t1")] {
        let bench = Bench::set().await;
        bench.add_settings(&format!("\n[sip]\ntransport = \"{transport}\"\n"));
        let gateway = bench.serve();
        GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
        let at = SocketAddr::new(IpAddr::V4(bench.address(0)), 5060);
        let Some(phone) = Sipp::play(&bench, "challenge.xml", at, of_sipp) else {
            return;
        };
        assert_eq!(resync(&bench, CLEAN), json!({"result": "accepted"}));
        assert!(phone.succeeds(), "{transport}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_whose_password_is_changed_is_shown_the_one_that_it_has() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    let at = SocketAddr::new(IpAddr::V4(bench.address(0)), 5060);
    let Some(phone) = Sipp::play(&bench, "challenge.xml", at, "u1") else {
        return;
    };
    let value = format!("{PASSWORD}=Fresh-Sheet-31");
    bench
        .command(&["device", "set", GRANDSTREAM.mac, &value])
        .with_code(CLEAN);
    assert!(phone.succeeds());
    bench.show_once(GRANDSTREAM.mac, |shown| shown["told_at"].is_string());
    // It fetches: now the new one is its password, and this phone does not take that.
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    bench.show_once(GRANDSTREAM.mac, |shown| shown["device"]["served"] == 2);
    let _phone = Sipp::play(&bench, "challenge.xml", at, "u1").unwrap();
    let outcome = bench
        .command(&["device", "resync", GRANDSTREAM.mac, "--format", "json"])
        .json();
    assert_ne!(outcome["outcome"]["result"], "accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_told_through_the_operators_proxy() {
    let bench = Bench::set().await;
    let proxy = SocketAddr::new(IpAddr::V4(bench.address(9)), 5070);
    bench.add_settings(&format!(
        "\n[sip]\nvia = \"sip:{proxy};transport=tcp;lr\"\nbind = [\"{}:0\"]\n",
        bench.address(8)
    ));
    let gateway = bench.serve();
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    let Some(sipp) = Sipp::play(&bench, "proxy.xml", proxy, "t1") else {
        return;
    };
    assert_eq!(resync(&bench, CLEAN), json!({"result": "accepted"}));
    assert!(sipp.succeeds());
}

/// A web server that has one page, behind a Digest challenge; it counts who was let in.
async fn web_page(listener: TcpListener, page: &'static str) {
    let credentials = Credentials {
        username: "admin".to_owned(),
        password: Secret::new("chisel-Mallet-9"),
    };
    let mut verifier = Verifier::new([3; 64], "web");
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let mut bytes = [0; 2048];
        while !request.ends_with(b"\r\n\r\n") {
            let length = stream.read(&mut bytes).await.unwrap();
            assert!(length > 0, "half a request");
            request.extend_from_slice(&bytes[..length]);
        }
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with(&format!("GET {page} HTTP/1.1\r\n")));
        let shown = request.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization").then_some(value)
        });
        let now = Timestamp::UNIX_EPOCH;
        let verdict = shown.map(|shown| verifier.verify(now, shown, "GET", page, "", &credentials));
        let answer = if verdict == Some(Verdict::Accepted) {
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK".to_owned()
        } else {
            let challenge = verifier.challenge(now, "", false);
            format!(
                "HTTP/1.1 401 Who\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n"
            )
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// A phone that knows no event.
async fn deaf_phone(socket: UdpSocket) {
    let mut server = NotifyServer::new(|_| false);
    let mut datagram = vec![0; 65_536];
    loop {
        let (length, source) = socket.recv_from(&mut datagram).await.unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let received = server.on_datagram(&datagram[..length], source, "t", now);
        if let Received::Request { response, .. } = received {
            socket.send_to(&response, source).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_knows_no_notify_is_restarted_by_its_web_page() {
    let bench = Bench::set().await;
    let address = IpAddr::V4(bench.address(1));
    let web = TcpListener::bind((address, 0)).await.unwrap();
    let port = web.local_addr().unwrap().port();
    let path = bench.tree().join(HTEK.own_file());
    let file = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
    let login = format!("<P901>{port}</P901>\n    </config>");
    std::fs::write(&path, file.replace("</config>", &login)).unwrap();
    let gateway = bench.serve();
    HTEK.fetch(&bench, gateway.phones_http()).await;
    tokio::spawn(web_page(web, "/rb_phone.htm"));
    tokio::spawn(deaf_phone(UdpSocket::bind((address, 5060)).await.unwrap()));
    let control = |what: &str| {
        let ended = bench.command(&["device", what, HTEK.mac, "--format", "json"]);
        (ended.code, ended.json()["outcome"].clone())
    };
    let accepted = json!({"result": "accepted"});
    assert_eq!(control("reboot"), (CLEAN, accepted));
    HTEK.fetch(&bench, gateway.phones_http()).await;
    let shown = bench.show_once(HTEK.mac, |shown| {
        shown["reboots"] == 0 && shown["means"].to_string().contains("\"fetched\":1")
    });
    let means = shown["means"].as_array().unwrap();
    let worked = means.iter().find(|means| means["fetched"] == 1).unwrap();
    assert_eq!(worked["means"], "web page");
    let refused = json!({"result": "refused", "status": 489});
    assert_eq!(control("resync"), (FINDINGS, refused));
    assert_eq!(
        control("factory-reset"),
        (FINDINGS, json!({"result": "no_means"}))
    );
}
