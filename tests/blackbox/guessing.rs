//! Guessing MACs doesn't pay: what a guesser gets, while the phones behind the same address go on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use trestle::sim::acs::http::{Connection, Response};

use crate::bench::Bench;

/// Phones behind the address of the guesser.
const PHONES: u32 = 300;
/// Known phones elsewhere, which are guessed.
const OTHERS: u32 = 100;
/// Guesses in all.
const GUESSES: u32 = 10_000;
/// Requests that go out on a connection before the first answer is read.
const IN_FLIGHT: usize = 50;

fn own_file(number: u32) -> String {
    format!("cfg000b82{number:06x}.xml")
}

fn content(number: u32) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<gs_provision version=\"1\">\n\
         <mac>000b82{number:06x}</mac>\n<config version=\"1\">\n<P271>1</P271>\n\
         <P34>kept-Secret-{number}</P34>\n</config>\n</gs_provision>\n"
    )
    .into_bytes()
}

async fn connect(from: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).unwrap();
    socket.connect(server).await.unwrap()
}

/// Asks for files over one connection, one request after the other.
async fn ask(
    from: Ipv4Addr,
    server: SocketAddr,
    numbers: Vec<u32>,
    user_agent: fn(u32) -> String,
) -> Vec<(u32, Response)> {
    let mut connection = Connection::new(connect(from, server).await);
    let mut answers = Vec::with_capacity(numbers.len());
    for chunk in numbers.chunks(IN_FLIGHT) {
        let requests: String = chunk
            .iter()
            .map(|&number| {
                format!(
                    "GET /{} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {}\r\n\r\n",
                    own_file(number),
                    user_agent(number)
                )
            })
            .collect();
        let stream = connection.stream();
        stream.write_all(requests.as_bytes()).await.unwrap();
        for &number in chunk {
            answers.push((number, connection.read_response(false).await.unwrap()));
        }
    }
    answers
}

fn as_phone(number: u32) -> String {
    format!("Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82{number:06x}")
}

fn as_nobody(_: u32) -> String {
    "curl/8".to_owned()
}

/// Every phone of the site fetches its file, ten at a time.
async fn fetch_all(from: Ipv4Addr, server: SocketAddr) {
    let mut running = JoinSet::new();
    for worker in 0..10 {
        let numbers = (0..PHONES).filter(|number| number % 10 == worker).collect();
        running.spawn(ask(from, server, numbers, as_phone));
    }
    while let Some(answers) = running.join_next().await {
        for (number, response) in answers.unwrap() {
            assert_eq!(response.status, 200, "{number}");
            assert_eq!(response.body, content(number), "{number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_guesses_yield_no_secret_while_the_phones_behind_the_same_address_are_served()
{
    let bench = Bench::set().await;
    // Others lie among the guesses, beyond what a budget lets through.
    let other = |number: u32| 0x10_0000 + 600 + number * 90;
    let numbers = (0..PHONES).chain((0..OTHERS).map(other));
    let files: Vec<(String, Vec<u8>)> = numbers
        .map(|number| (own_file(number), content(number)))
        .collect();
    let files: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(path, content)| (path.as_str(), content.clone()))
        .collect();
    bench.replace_tree(&files);
    // However long the test takes, nothing of a budget comes back meanwhile.
    bench.add_settings("\n[phones.misses]\nrefill = 1000000000\n");
    let gateway = bench.serve();
    let server = gateway.phones_http();
    let site = bench.address(0);
    fetch_all(site, server).await;

    let guessing = async {
        let guesses: Vec<u32> = (0..GUESSES).map(|number| 0x10_0000 + number).collect();
        // In order, as who walks through the MACs of a maker does.
        ask(site, server, guesses, as_nobody).await
    };
    let power_cut = async {
        fetch_all(site, server).await;
        fetch_all(site, server).await;
    };
    let (answers, ()) = tokio::join!(guessing, power_cut);
    fetch_all(site, server).await;

    assert_eq!(answers.len(), GUESSES as usize);
    for (number, response) in answers {
        let body = String::from_utf8_lossy(&response.body);
        assert_eq!(response.status, 404, "{number}: {body}");
        assert!(!body.contains("Secret"), "{number}");
    }
    let list = bench.command(&["quarantine", "list", "--format", "json"]);
    let list = list.with_code(crate::command::CLEAN).json();
    assert_eq!(
        list["used_up"][0]["of"],
        format!("source {site}"),
        "{list:#}"
    );
    assert_eq!(list["phones"].as_array().unwrap().len(), 500);
    let refused = |reason| {
        let counts = list["refused"].as_array().unwrap();
        let count = counts.iter().find(|count| count["reason"] == reason);
        count.unwrap()["count"].as_u64().unwrap()
    };
    assert_eq!(refused("unknown_phone"), 500);
    assert_eq!(refused("budget_used_up"), u64::from(GUESSES) - 500);
    // Elsewhere nothing has happened.
    let elsewhere = ask(bench.address(1), server, vec![other(7)], as_nobody).await;
    assert_eq!(elsewhere[0].1.status, 200);
    // The operator gives the budget back.
    let site = site.to_string();
    let reopened = bench.command(&["quarantine", "reopen", &site]);
    assert!(
        reopened
            .with_code(crate::command::CLEAN)
            .stdout
            .contains("whole")
    );
}

/// A whole answer, byte by byte, without what differs between any two: the date and the nonce.
async fn answer(from: Ipv4Addr, server: SocketAddr, request: &str) -> String {
    let mut stream = connect(from, server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let mut plain = String::new();
    for line in text.split_inclusive('\n') {
        if line.to_ascii_lowercase().starts_with("date:") {
            plain.push_str("date\n");
            continue;
        }
        match line.split_once("nonce=\"") {
            Some((before, after)) => {
                let (nonce, after) = after.split_once('"').unwrap();
                plain.push_str(&format!("{before}nonce={}{after}", nonce.len()));
            }
            None => plain.push_str(line),
        }
    }
    plain
}

/// Answers for the known phone and for one that nobody knows are the same, however they are asked
/// for.
async fn compare(bench: &Bench, server: SocketAddr, case: &str) -> Vec<String> {
    let from = bench.address(0);
    let token = "AbCdEfGhIjKlMnOpQrStUv";
    let digest = |mac: &str| {
        format!(
            "Authorization: Digest username=\"{mac}\", realm=\"phones\", nonce=\"0123456789\", \
             uri=\"/x\", response=\"0123456789abcdef0123456789abcdef\"\r\n"
        )
    };
    let known = ["000b82a1b2c3", "000B82A1B2C3", "000b82A1B2c3"];
    let unknown = ["000b82a1b2ff", "000B82A1B2FF", "000b82A1B2fF"];
    let mut seen = Vec::new();
    for (known, unknown) in known.into_iter().zip(unknown) {
        for method in ["GET", "HEAD"] {
            for (prefix, with_digest) in [("", false), ("", true), (token, false)] {
                let request = |mac: &str| {
                    let slash = if prefix.is_empty() { "" } else { "/" };
                    let header = if with_digest {
                        digest(mac)
                    } else {
                        String::new()
                    };
                    format!(
                        "{method} {slash}{prefix}/cfg{mac}.xml HTTP/1.1\r\nHost: phones\r\n\
                         User-Agent: curl/8\r\nConnection: close\r\n{header}\r\n"
                    )
                };
                let of_known = answer(from, server, &request(known)).await;
                let of_unknown = answer(from, server, &request(unknown)).await;
                assert_eq!(of_known, of_unknown, "{case}: {}", request(known));
                assert!(!of_known.contains(" 200 "), "{case}: {of_known}");
                seen.push(of_known);
            }
        }
    }
    let request = |mac: &str| {
        format!("GET /cfg{mac}.xml HTTP/1.1\r\nHost: phones\r\nConnection: close\r\n\r\n")
    };
    let mut times = Vec::new();
    for mac in ["000b82a1b2c3", "000b82a1b2ff"] {
        let mut of_one: Vec<Duration> = Vec::new();
        for _ in 0..100 {
            let started = Instant::now();
            answer(from, server, &request(mac)).await;
            of_one.push(started.elapsed());
        }
        of_one.sort();
        times.push(of_one[of_one.len() / 2]);
    }
    println!("{case}: median of 100 for known and unknown: {times:?}");
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_macs_are_answered_alike_whatever_is_asked_for_as_a_proof() {
    for (proof, statuses) in [
        ("[\"digest\"]", &["401"][..]),
        ("[\"token\"]", &["404"]),
        ("[\"certificate\"]", &["404"]),
        ("[\"network\"]", &["404"]),
        ("[\"digest\", \"token\"]", &["401"]),
    ] {
        let bench = Bench::set().await;
        let path = bench.folder().join("trestle.toml");
        let settings = std::fs::read_to_string(&path).unwrap();
        let wanted = format!(
            "[phones]\nproof = {proof}\nuntil_used = \"refuse\"\nnetworks = [\"192.0.2.0/24\"]\n"
        );
        std::fs::write(&path, settings.replace("[phones]\n", &wanted)).unwrap();
        let gateway = bench.serve();
        for answer in compare(&bench, gateway.phones_http(), proof).await {
            let status = answer.split(' ').nth(1).unwrap();
            assert!(statuses.contains(&status), "{proof}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_macs_are_answered_alike_once_a_budget_is_used_up() {
    let bench = Bench::set().await;
    let path = bench.folder().join("trestle.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let wanted = "[phones]\ndecoys = [\"00:0b:82:de:ca:fe\"]\n";
    std::fs::write(&path, settings.replace("[phones]\n", wanted)).unwrap();
    let gateway = bench.serve();
    let server = gateway.phones_http();
    // Until then the fleet is as open as the operator wants it.
    let request = "GET /cfg000b82a1b2c3.xml HTTP/1.1\r\nHost: phones\r\nConnection: close\r\n\r\n";
    let before = answer(bench.address(1), server, request).await;
    assert!(before.contains(" 200 "), "{before}");
    let decoy = request.replace("a1b2c3", "decafe");
    let refused = answer(bench.address(0), server, &decoy).await;
    let answers = compare(&bench, server, "a decoy was asked for").await;
    assert!(answers.contains(&refused));
    let list = bench.command(&["quarantine", "list"]);
    let list = list.with_code(crate::command::CLEAN).stdout;
    assert!(list.contains("decoy") && list.contains("used up"), "{list}");
}
