//! Requests for files, over a real connection, answered from a short list.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::files::{FileSource, UploadTarget};
use super::server::{PhoneServer, PhoneSettings, bind};
use crate::gateway::{
    FetchAnswer, FetchReceipt, FetchRequest, Transport, UploadPermit, UploadRefusal,
};

/// Answers from a short list of files, and tells what it was asked and what was fetched.
#[derive(Clone)]
pub(super) struct Stub {
    asked: mpsc::UnboundedSender<FetchRequest>,
    fetched: mpsc::UnboundedSender<FetchReceipt>,
    /// A permit lets one answer for `slow.cfg` out.
    slow: Arc<Semaphore>,
}

/// What a stub tells.
pub(super) struct Told {
    asked: mpsc::UnboundedReceiver<FetchRequest>,
    fetched: mpsc::UnboundedReceiver<FetchReceipt>,
}

impl Stub {
    pub(super) fn new() -> (Self, Told) {
        let (asked, was_asked) = mpsc::unbounded_channel();
        let (fetched, was_fetched) = mpsc::unbounded_channel();
        let stub = Self {
            asked,
            fetched,
            slow: Arc::new(Semaphore::new(0)),
        };
        let told = Told {
            asked: was_asked,
            fetched: was_fetched,
        };
        (stub, told)
    }
}

/// More than the system buffers between two sockets.
fn big() -> Vec<u8> {
    let block: Vec<u8> = (0..=250).collect();
    block.repeat(80_000)
}

impl FileSource for Stub {
    async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
        let path = request.path.clone();
        self.asked.send(request).unwrap();
        let (body, revision) = match path.as_str() {
            "cfg000b82a1b2c3.xml" => (Bytes::from_static(b"<gs_provision/>\n"), 1),
            "site 1/000B82A1B2C3.cfg" => (Bytes::from_static(b"0123456789"), 2),
            "fw/big.bin" => (Bytes::from(big()), 3),
            "empty.cfg" => (Bytes::new(), 4),
            "slow.cfg" => {
                self.slow.acquire().await.unwrap().forget();
                (Bytes::from_static(b"slow"), 5)
            }
            _ => return FetchAnswer::NotFound,
        };
        FetchAnswer::File {
            body,
            etag: format!("\"r{revision}\""),
            receipt: FetchReceipt {
                mac: None,
                revision: Some(revision),
                transfer: None,
                at: Timestamp::UNIX_EPOCH,
                source: IpAddr::V4(Ipv4Addr::LOCALHOST),
                transport: Transport::Http,
            },
        }
    }

    fn is_no_news(&self, _: &FetchReceipt) -> bool {
        false
    }

    async fn fetched(&self, receipt: FetchReceipt) {
        // A test that is over does not listen any more.
        let _ = self.fetched.send(receipt);
    }
}

impl UploadTarget for Stub {
    async fn admit_upload(
        &self,
        _: &FetchRequest,
        _: Option<u64>,
    ) -> Result<UploadPermit, UploadRefusal> {
        Err(UploadRefusal::Off)
    }

    async fn keep_upload(&self, _: UploadPermit, _: Bytes) -> Result<(), UploadRefusal> {
        Err(UploadRefusal::Off)
    }
}

struct Bench {
    address: SocketAddr,
    told: Told,
    stub: Stub,
}

async fn bench() -> Bench {
    let (stub, told) = Stub::new();
    let settings = PhoneSettings {
        http: "127.0.0.1:0".into(),
        ..PhoneSettings::default()
    };
    let PhoneServer { server, http, .. } = bind(&settings, stub.clone()).unwrap();
    tokio::spawn(server);
    Bench {
        address: http.unwrap(),
        told,
        stub,
    }
}

/// What came back.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Bench {
    /// Sends a request line with header lines; the whole answer.
    async fn ask(&self, line: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request =
            format!("{line} HTTP/1.1\r\nHost: phones\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let end = memchr::memmem::find(&bytes, b"\r\n\r\n").expect("no head");
        Answer {
            head: String::from_utf8(bytes[..end].to_vec()).unwrap(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    async fn next_fetched(&mut self) -> u64 {
        let receipt = self.told.fetched.recv().await.unwrap();
        receipt.revision.unwrap()
    }

    /// Fetches `empty.cfg` and sees that its receipt is the first that comes: nothing before
    /// has been counted.
    async fn nothing_was_fetched(&mut self) {
        assert_eq!(self.ask("GET /empty.cfg", "").await.status(), 200);
        assert_eq!(self.next_fetched().await, 4);
    }
}

#[tokio::test]
async fn a_phone_gets_its_file_and_the_fetch_is_counted() {
    let mut bench = bench().await;
    let answer = bench
        .ask(
            "GET /cfg000b82a1b2c3.xml?mac=1",
            "User-Agent: Phone 1.0 000b82a1b2c3\r\n",
        )
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body, b"<gs_provision/>\n");
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    assert_eq!(answer.header("content-length"), Some("16"));
    assert_eq!(answer.header("etag"), Some("\"r1\""));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(bench.next_fetched().await, 1);
    let asked = bench.told.asked.recv().await.unwrap();
    assert_eq!(asked.path, "cfg000b82a1b2c3.xml");
    assert_eq!(asked.user_agent.as_deref(), Some("Phone 1.0 000b82a1b2c3"));
    assert!(asked.source.ip().is_loopback());
}

#[tokio::test]
async fn several_files_come_over_one_connection() {
    let mut bench = bench().await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    for revision in [1, 1] {
        stream
            .write_all(b"GET /cfg000b82a1b2c3.xml HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(bench.next_fetched().await, revision);
    }
}

#[tokio::test]
async fn a_large_file_arrives_whole() {
    let mut bench = bench().await;
    let answer = bench.ask("GET /fw/big.bin", "").await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    assert!(answer.body == big(), "{} bytes", answer.body.len());
    assert_eq!(bench.next_fetched().await, 3);
}

#[tokio::test]
async fn a_fetch_that_breaks_off_is_not_counted() {
    let mut bench = bench().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(bench.address).await.unwrap();
    stream
        .write_all(b"GET /fw/big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 1000];
    stream.read_exact(&mut first).await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    bench.nothing_was_fetched().await;
}

#[tokio::test]
async fn a_phone_that_has_gone_away_has_fetched_nothing() {
    let mut bench = bench().await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    stream
        .write_all(b"GET /slow.cfg HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    bench.told.asked.recv().await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    bench.stub.slow.add_permits(1);
    bench.nothing_was_fetched().await;
}

#[tokio::test]
async fn a_file_that_the_phone_has_is_not_sent_again() {
    let mut bench = bench().await;
    for condition in ["\"r1\"", "\"r0\", W/\"r1\"", "*"] {
        let headers = format!("If-None-Match: {condition}\r\n");
        let answer = bench.ask("GET /cfg000b82a1b2c3.xml", &headers).await;
        assert_eq!(answer.status(), 304, "{condition}");
        assert_eq!(answer.header("etag"), Some("\"r1\""));
        assert!(answer.body.is_empty());
        assert_eq!(bench.next_fetched().await, 1);
    }
    let answer = bench
        .ask("GET /cfg000b82a1b2c3.xml", "If-None-Match: \"r0\"\r\n")
        .await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_range_gets_its_part() {
    let mut bench = bench().await;
    for (headers, status, body, range) in [
        ("Range: bytes=2-4\r\n", 206, "234", Some("bytes 2-4/10")),
        ("Range: bytes=8-\r\n", 206, "89", Some("bytes 8-9/10")),
        ("Range: bytes=-3\r\n", 206, "789", Some("bytes 7-9/10")),
        ("Range: bytes=5-99\r\n", 206, "56789", Some("bytes 5-9/10")),
        ("Range: bytes=10-\r\n", 416, "", Some("bytes */10")),
        (
            "Range: bytes=2-4\r\nIf-Range: \"r2\"\r\n",
            206,
            "234",
            Some("bytes 2-4/10"),
        ),
    ] {
        let answer = bench.ask("GET /site%201/000B82A1B2C3.cfg", headers).await;
        assert_eq!(answer.status(), status, "{headers}");
        assert_eq!(answer.body, body.as_bytes(), "{headers}");
        assert_eq!(answer.header("content-range"), range, "{headers}");
    }
    bench.nothing_was_fetched().await;
}

#[tokio::test]
async fn ranges_that_make_no_sense_get_the_whole_file() {
    let mut bench = bench().await;
    for headers in [
        "Range: bytes=0-1,4-5\r\n",
        "Range: bytes=4-2\r\n",
        "Range: lines=1-2\r\n",
        "Range: nonsense\r\n",
        "Range: bytes=2-4\r\nIf-Range: \"r1\"\r\n",
        "Range: bytes=2-4\r\nIf-Range: W/\"r2\"\r\n",
        "Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "Range: bytes=2-4\r\nIf-Range: nonsense\r\n",
    ] {
        let answer = bench.ask("GET /site%201/000B82A1B2C3.cfg", headers).await;
        assert_eq!(answer.status(), 200, "{headers}");
        assert_eq!(answer.body, b"0123456789", "{headers}");
        assert_eq!(bench.next_fetched().await, 2, "{headers}");
    }
    let answer = bench
        .ask("GET /site%201/000B82A1B2C3.cfg", "Range: bytes=0-9\r\n")
        .await;
    assert_eq!(answer.status(), 206);
    assert_eq!(bench.next_fetched().await, 2, "a part that is all of it");
}

#[tokio::test]
async fn head_tells_the_length_and_fetches_nothing() {
    let mut bench = bench().await;
    let answer = bench
        .ask("HEAD /site%201/000B82A1B2C3.cfg", "Range: bytes=2-4\r\n")
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-length"), Some("10"));
    assert_eq!(answer.header("etag"), Some("\"r2\""));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert!(answer.body.is_empty());
    assert_eq!(bench.ask("HEAD /none", "").await.status(), 404);
    bench.nothing_was_fetched().await;
}

#[tokio::test]
async fn what_is_not_there_is_404_and_bad_paths_reach_nobody() {
    let mut bench = bench().await;
    let answer = bench.ask("GET /security.tuz", "").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.body, b"no such file\n");
    assert_eq!(bench.told.asked.recv().await.unwrap().path, "security.tuz");
    for path in [
        "/",
        "/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/a//b",
        "/a%00b",
        "/a%5Cb",
        "*",
    ] {
        let answer = bench.ask(&format!("GET {path}"), "").await;
        assert!(matches!(answer.status(), 400 | 404), "{path}");
    }
    assert!(bench.told.asked.try_recv().is_err());
}

#[tokio::test]
async fn other_methods_are_refused() {
    let mut bench = bench().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = bench
            .ask(
                &format!("{method} /cfg000b82a1b2c3.xml"),
                "Content-Length: 0\r\n",
            )
            .await;
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
    assert!(bench.told.asked.try_recv().is_err());
}
