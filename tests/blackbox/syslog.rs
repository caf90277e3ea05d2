//! What phones say over syslog: sent by `logger` and by hand, read by commands.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::{Bench, PATIENCE};
use crate::command::{CLEAN, ERROR};
use crate::fetch::fetch;
use crate::gateway::Gateway;
use crate::phones::{GRANDSTREAM, HTEK};

const LISTENERS: &str = "[syslog]\nudp = \"127.0.0.1:0\"\ntcp = \"127.0.0.1:0\"\n";

/// Somebody on the phones' network whom no phone's record knows.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 57, 1, 1);

async fn bench() -> Bench {
    let bench = Bench::set().await;
    bench.add_settings(LISTENERS);
    bench
}

/// Sends a line from an address.
fn send(from: Ipv4Addr, gateway: &Gateway, line: &str) {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket
        .send_to(line.as_bytes(), gateway.syslog("udp"))
        .unwrap();
}

/// What a phone has said, once it is as wanted.
#[track_caller]
fn said_once(bench: &Bench, mac: &str, is_wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let arguments = ["device", "log", mac, "--syslog", "--format", "json"];
        let log = bench.command(&arguments).with_code(CLEAN).json();
        let log = log.as_array().unwrap().clone();
        if is_wanted(&log) {
            return log;
        }
        assert!(Instant::now() < deadline, "{log:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn texts(log: &[Value]) -> Vec<&str> {
    log.iter()
        .map(|entry| entry["text"].as_str().unwrap())
        .collect()
}

/// What `trestle syslog` counts.
fn report(bench: &Bench) -> Value {
    let arguments = ["syslog", "--format", "json"];
    bench.command(&arguments).with_code(CLEAN).json()
}

/// A fetch from the address that `logger` sends from, and that tells nothing else.
async fn fetch_from_here(gateway: &Gateway) {
    let target = format!("/{}", GRANDSTREAM.own_file());
    let server = gateway.phones_http();
    let response = fetch(Ipv4Addr::LOCALHOST, server, &target, GRANDSTREAM.user_agent).await;
    assert_eq!(response.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_logger_are_read_in_every_form_that_it_has() {
    if Command::new("logger").arg("--version").output().is_err() {
        println!("skipped: no logger");
        return;
    }
    let bench = bench().await;
    let gateway = bench.serve();
    fetch_from_here(&gateway).await;
    let logger = |transport: &str, arguments: &[&str], text: &str| {
        let address = gateway.syslog(transport);
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let sent = Command::new("logger")
            .args([
                "--server",
                &host,
                "--port",
                &port,
                "--priority",
                "local0.warning",
            ])
            .args(arguments)
            .arg(text)
            .status()
            .unwrap();
        assert!(sent.success());
    };
    let mac = GRANDSTREAM.mac;
    let forms: [(&str, &[&str], &str); 6] = [
        ("udp", &["-d", "--rfc3164"], "one"),
        ("udp", &["-d", "--rfc5424"], "two"),
        ("tcp", &["-T", "--rfc3164"], "three"),
        ("tcp", &["-T", "--rfc5424"], "four"),
        ("tcp", &["-T", "--rfc3164", "--octet-count"], "five"),
        ("tcp", &["-T", "--rfc5424", "--octet-count"], "six"),
    ];
    for (number, (transport, arguments, text)) in forms.into_iter().enumerate() {
        logger(transport, arguments, text);
        let log = said_once(&bench, mac, |log| log.len() > number);
        let last = log.last().unwrap();
        assert!(last["text"].as_str().unwrap().ends_with(text), "{last}");
        assert_eq!(last["severity"], "warning");
        assert_eq!(last["origin"], "phone");
    }
    // Its MAC names another phone.
    logger("udp", &["-d", "--rfc3164", "--tag", HTEK.mac], "seven");
    let log = said_once(&bench, HTEK.mac, |log| !log.is_empty());
    assert!(texts(&log)[0].ends_with("seven"), "{log:#?}");
    let text = bench.command(&["device", "log", mac]).with_code(CLEAN);
    assert!(text.stdout.contains("Z phone warning: "), "{text:?}");
    assert!(text.stdout.contains("Z asks for cfg"), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_dropped_and_counted_and_phones_are_served_meanwhile() {
    let bench = bench().await;
    let gateway = bench.serve();
    let target = gateway.syslog("udp");
    let is_enough = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_enough);
    let flood = std::thread::spawn(move || {
        let socket = UdpSocket::bind((STRANGER, 0)).unwrap();
        let mut sent = 0_u64;
        while sent < 50_000 || !until.load(Ordering::Relaxed) {
            let line = format!("<14>flood {sent} {}", "x".repeat(200));
            // A full buffer of the system's is a part of any flood.
            let _ = socket.send_to(line.as_bytes(), target);
            sent += 1;
        }
        sent
    });
    let deadline = Instant::now() + PATIENCE;
    let mut served = 0;
    let count = |report: &Value, name: &str| report[name].as_u64().unwrap();
    while served < 20 || count(&report(&bench), "of_nobody") < 2000 {
        assert!(Instant::now() < deadline, "{:#}", report(&bench));
        GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
        served += 1;
    }
    is_enough.store(true, Ordering::Relaxed);
    let sent = flood.join().unwrap();
    let phone = bench.address(0);
    // As long as the flood stands in the system's buffer, more is lost.
    let log = said_once(&bench, GRANDSTREAM.mac, |log| {
        send(phone, &gateway, "<11>after the flood");
        !log.is_empty()
    });
    assert!(texts(&log).iter().all(|text| *text == "after the flood"));
    let report = report(&bench);
    let counted = ["of_nobody", "too_fast", "too_many"].map(|name| count(&report, name));
    assert!(counted.iter().sum::<u64>() <= sent, "{report:#}");
    assert_eq!(report["unknown"].as_array().unwrap().len(), 64);
    assert_eq!(report["unknown"][0]["source"], STRANGER.to_string());
    // The drops are told once in a while, not line by line.
    let told = bench
        .gateway_text()
        .matches("syslog lines were dropped")
        .count();
    assert!(told < 100, "{told}");
    assert!(gateway.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_bounded_and_survives_a_kill_after_it_was_written() {
    let bench = bench().await;
    bench.add_settings("keep_kib = 8\nlines_per_second = 100000\n");
    let tree = bench.tree();
    let arguments = ["--import", tree.to_str().unwrap()];
    let events = "info,trestle=debug";
    let gateway = Gateway::start_with_log(bench.folder(), &arguments, events);
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    let mut stream = TcpStream::connect(gateway.syslog("tcp")).unwrap();
    for number in 0..500 {
        let line = format!("<14>{} line {number:03}\n", GRANDSTREAM.mac);
        stream.write_all(line.as_bytes()).unwrap();
    }
    let is_last = |log: &[Value]| {
        log.last()
            .is_some_and(|last| last["text"].as_str().unwrap().ends_with("line 499"))
    };
    said_once(&bench, GRANDSTREAM.mac, is_last);
    // From here on nothing waits: a write that begins now has all of them.
    let written = || {
        bench
            .gateway_text()
            .matches("syslog lines are on disk")
            .count()
    };
    let before = written();
    let deadline = Instant::now() + PATIENCE;
    while written() == before {
        assert!(Instant::now() < deadline);
        stream
            .write_all(format!("<14>{} more\n", GRANDSTREAM.mac).as_bytes())
            .unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    gateway.kill();
    let log = said_once(&bench, GRANDSTREAM.mac, |log| !log.is_empty());
    let texts = texts(&log);
    assert!(
        texts.iter().any(|text| text.ends_with("line 499")),
        "{texts:#?}"
    );
    let size: usize = texts.iter().map(|text| text.len()).sum();
    assert!(size <= 8 << 10, "{size}");
    assert!(texts.len() > 40, "{texts:#?}");
    let gone = format!("{} line 000", GRANDSTREAM.mac);
    assert!(!texts.contains(&gone.as_str()));
    // A stop by the book loses nothing.
    let gateway = bench.serve_again();
    send(bench.address(0), &gateway, "<14>the last word");
    said_once(&bench, GRANDSTREAM.mac, |log| {
        log.last()
            .is_some_and(|last| last["text"] == "the last word")
    });
    assert!(gateway.terminate().success());
    let log = said_once(&bench, GRANDSTREAM.mac, |log| !log.is_empty());
    assert_eq!(log.last().unwrap()["text"], "the last word");
}

#[tokio::test(flavor = "multi_thread")]
async fn abuse_of_a_connection_ends_it_and_nothing_else() {
    let bench = bench().await;
    let gateway = bench.serve();
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    let target = gateway.syslog("tcp");
    let connect = || {
        let stream = TcpStream::connect(target).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut huge_count = connect();
    huge_count.write_all(b"9999999 <14>").unwrap();
    // A reset is an end as well.
    assert_eq!(huge_count.read(&mut [0; 1]).unwrap_or(0), 0);
    let mut endless = connect();
    let binary: Vec<u8> = (0..=255)
        .cycle()
        .filter(|byte| *byte != b'\n' && *byte != 0)
        .take(1 << 20)
        .collect();
    endless.write_all(&binary).unwrap();
    endless
        .write_all(format!("\n<14>{} still here\n", GRANDSTREAM.mac).as_bytes())
        .unwrap();
    let log = said_once(&bench, GRANDSTREAM.mac, |log| !log.is_empty());
    assert_eq!(log[0]["text"], format!("{} still here", GRANDSTREAM.mac));
    let mut cut_off = connect();
    cut_off
        .write_all(format!("500 <14>{} half", GRANDSTREAM.mac).as_bytes())
        .unwrap();
    drop(cut_off);
    let idle: Vec<TcpStream> = (0..200).map(|_| connect()).collect();
    send(bench.address(0), &gateway, "<14>by datagram");
    let log = said_once(&bench, GRANDSTREAM.mac, |log| log.len() > 1);
    assert_eq!(texts(&log)[1..], ["by datagram"]);
    drop(idle);
    assert!(gateway.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_told_to_send_its_log_fetches_that_and_is_told_off() {
    let bench = bench().await;
    let gateway = bench.serve();
    let mac = GRANDSTREAM.mac;
    let on = ["device", "syslog", mac, "on", "--level", "debug"];
    let refused = bench.command(&on).with_code(ERROR);
    assert!(refused.stderr.contains("model is not known"), "{refused:?}");
    let mut phone = GRANDSTREAM
        .switch_on(&bench, gateway.phones_http(), Some(GRANDSTREAM.account))
        .await;
    let said = bench.command(&on).with_code(CLEAN);
    let port = gateway.syslog("udp").port();
    let server = SocketAddr::from((IpAddr::from([127, 0, 0, 1]), port));
    assert!(said.stdout.contains(&server.to_string()), "{said:?}");
    let file = String::from_utf8(phone.fetched().await).unwrap();
    assert!(file.contains(&format!("<P207>{server}</P207>")), "{file}");
    assert!(file.contains("<P208>1</P208>"), "{file}");
    let off = ["device", "syslog", mac, "off", "--format", "json"];
    let said = bench.command(&off).with_code(CLEAN).json();
    assert_eq!(
        (&said["on"], &said["changed"]),
        (&false.into(), &true.into())
    );
    assert_eq!(
        phone.fetched().await,
        bench.tree_file(GRANDSTREAM.own_file())
    );
    let again = bench
        .command(&["device", "syslog", mac, "off"])
        .with_code(CLEAN);
    assert!(again.stdout.contains("nothing was changed"), "{again:?}");
    let wrong = ["device", "syslog", mac, "off", "--level", "debug"];
    bench.command(&wrong).with_code(ERROR);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_a_phone_says_is_not_shown() {
    let bench = bench().await;
    let gateway = bench.serve();
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    let (user, password) = GRANDSTREAM.account;
    let line = format!("<15>register {user} with {password} now");
    send(bench.address(0), &gateway, &line);
    let log = said_once(&bench, GRANDSTREAM.mac, |log| !log.is_empty());
    assert_eq!(log[0]["text"], format!("register {user} with *** now"));
    assert!(!bench.gateway_text().contains(password));
    assert!(gateway.terminate().success());
    let text = bench
        .command(&["device", "log", GRANDSTREAM.mac])
        .with_code(CLEAN);
    assert!(text.stdout.contains("with *** now"), "{text:?}");
    let ended = bench.command(&["syslog"]).with_code(ERROR);
    assert!(ended.stderr.contains("no gateway runs"), "{ended:?}");
}
