//! How files are served: heads, parts and conditions, connections that stay, clients that are slow or
//! mean harm.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::fetch;
use crate::programs::{are_there, curl, output, status};

/// How long a connection on which nothing moves may stand at most, with a slow machine.
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_curl_does_not_tidy_up_lead_nowhere() {
    if !are_there(&["curl"]) {
        return;
    }
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let base = format!("http://{}", gateway.phones_http());
    let long = format!("/{}", "n".repeat(8192));
    let long_escapes = format!("/{}", "%6e".repeat(8192));
    let deep = "/d".repeat(4096);
    for path in [
        "/../../../../etc/passwd",
        "/warehouse/../../trestle.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%252e%252e%252fetc%252fpasswd",
        "/..%5c..%5ctrestle.toml",
        "/%c0%ae%c0%ae%c0%afetc",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/file:///etc/passwd",
        "/cfg000b82a1b2c3.xml%00.txt",
        "/cfg000b82a1b2c3.xml%0d%0aX-Header:%20x",
        &long,
        &long_escapes,
        &deep,
    ] {
        let url = format!("{base}{path}");
        let answer = status(&["--path-as-is", &url]);
        assert_eq!(answer, "404", "{}", path.get(..60).unwrap_or(path));
    }
    // The whole URL in the request line, as to a proxy: its path is what counts.
    let target = format!("{base}/cfg000b82a1b2c3.xml");
    assert_eq!(status(&["--request-target", &target, &base]), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_parts_and_conditions_are_as_http_has_them() {
    if !are_there(&["curl"]) {
        return;
    }
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let url = format!("http://{}/cfg000b82a1b2c3.xml", gateway.phones_http());
    let content = bench.tree_file("cfg000b82a1b2c3.xml");
    let head = curl(&["-I", &url]).to_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(
        head.contains(&format!("content-length: {}\r\n", content.len())),
        "{head}"
    );
    let etag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap();
    let condition = format!("If-None-Match: {etag}");
    assert_eq!(status(&["-H", &condition, &url]), "304");
    assert_eq!(status(&["-H", "If-None-Match: \"other\"", &url]), "200");
    // No date is given, so none is a reason to withhold the file.
    let date = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT";
    assert_eq!(status(&["-H", date, &url]), "200");
    assert_eq!(status(&["-H", "If-Modified-Since: yesterday", &url]), "200");
    assert_eq!(curl(&["-r", "0-4", &url]).as_bytes(), &content[..5]);
    let range = format!("{}-", content.len());
    assert_eq!(status(&["-r", &range, &url]), "416");
    assert_eq!(status(&["-X", "DELETE", &url]), "405");
    assert_eq!(status(&["--http1.0", &url]), "200");

    // Two over one connection; none over one that is to be closed.
    let said = output("curl", &["-sv", &url, &url]);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.matches("Connected to").count(), 1, "{said}");
    let closing = curl(&["-i", "-H", "Connection: close", &url]).to_lowercase();
    assert!(closing.contains("connection: close"), "{closing}");
}

/// What a client does that takes its time.
#[derive(Debug, Clone, Copy)]
enum Slow {
    /// Its first request head comes byte by byte.
    FirstHead,
    /// Its second one does, after an answer.
    LaterHead,
    /// It asks for a large file and does not read.
    Reading,
}

impl Slow {
    /// Goes on until the gateway ends the connection.
    fn wait_for_the_end(self, server: SocketAddr) {
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: phones\r\n\r\n");
        match self {
            Self::FirstHead => {}
            Self::LaterHead => {
                stream.write_all(head("/cfg.xml").as_bytes()).unwrap();
                let mut first = [0; 15];
                stream.read_exact(&mut first).unwrap();
                assert_eq!(&first, b"HTTP/1.1 200 OK");
            }
            Self::Reading => {
                stream.write_all(head("/large.bin").as_bytes()).unwrap();
            }
        }
        let between_bytes = Some(Duration::from_millis(500));
        stream.set_read_timeout(between_bytes).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let has_ended = |stream: &mut TcpStream| match self {
            // Its own buffer tells: what came is less than the file, and then there is an end.
            Self::Reading => {
                std::thread::sleep(Duration::from_secs(1));
                stream.write_all(b"\r").is_err()
            }
            _ => {
                let is_written = stream.write_all(b"G").is_ok();
                let mut rest = [0; 4096];
                !is_written || matches!(stream.read(&mut rest), Ok(0))
            }
        };
        while !has_ended(&mut stream) {
            assert!(Instant::now() < deadline, "{self:?} is still connected");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_ended_while_others_are_served() {
    let bench = Bench::set().await;
    std::fs::write(bench.tree().join("large.bin"), vec![7; 30_000_000]).unwrap();
    let gateway = bench.serve();
    let server = gateway.phones_http();
    let slow = [Slow::FirstHead, Slow::LaterHead, Slow::Reading];
    let running = slow.map(|one| std::thread::spawn(move || one.wait_for_the_end(server)));
    let mut served = 0;
    while !running.iter().all(std::thread::JoinHandle::is_finished) {
        let file = fetch::fetch(Ipv4Addr::LOCALHOST, server, "/cfg.xml", "curl/8").await;
        assert_eq!(file.body, bench.tree_file("cfg.xml"));
        served += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(served > 0);
    for one in running {
        one.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_connections_is_a_setting() {
    let bench = Bench::set().await;
    bench.add_phone_settings("max_connections = 2");
    let gateway = bench.serve();
    let server = gateway.phones_http();
    let ask = |stream: &mut TcpStream| {
        let head = "GET /cfg.xml HTTP/1.1\r\nHost: phones\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).map(|()| first)
    };
    let mut two = [(); 2].map(|()| TcpStream::connect(server).unwrap());
    for stream in &mut two {
        assert_eq!(&ask(stream).unwrap(), b"HTTP/1.1 200 OK");
    }
    let mut third = TcpStream::connect(server).unwrap();
    third
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    assert!(ask(&mut third).is_err(), "it waits");
    drop(two);
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut first = [0; 15];
    third.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
}
