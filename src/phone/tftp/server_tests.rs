//! The server on loopback sockets, with clients written by hand and our own.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::TftpSettings;
use super::server::Serving;
use crate::gateway::{FetchAnswer, FetchReceipt, FetchRequest, Transport};
use crate::phone::files::FileSource;
use crate::phone::tftp_client::{TftpLimits, fetch};
use crate::wire::tftp::{ErrorCode, Packet, ReceivingFailure};

/// Gives `N.bin`, N bytes; `slow.cfg` when it may; nothing else, and a challenge for `closed.cfg`.
#[derive(Clone)]
struct Source {
    asked: mpsc::UnboundedSender<FetchRequest>,
    fetched: mpsc::UnboundedSender<FetchReceipt>,
    slow: Arc<Semaphore>,
}

fn content(length: usize) -> Bytes {
    (0..=250).cycle().take(length).collect::<Vec<u8>>().into()
}

impl FileSource for Source {
    async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
        let (path, source) = (request.path.clone(), request.source);
        let transport = request.transport;
        self.asked.send(request).unwrap();
        let length = match path.as_str() {
            "slow.cfg" => {
                self.slow.acquire().await.unwrap().forget();
                4
            }
            "closed.cfg" => {
                return FetchAnswer::Challenge {
                    challenges: vec!["Digest".to_owned()],
                };
            }
            path => {
                let length = path.strip_suffix(".bin").map(str::parse);
                let Some(Ok(length)) = length else {
                    return FetchAnswer::NotFound;
                };
                length
            }
        };
        FetchAnswer::File {
            body: content(length),
            etag: format!("\"{path}\""),
            receipt: FetchReceipt {
                mac: None,
                revision: u64::try_from(length).ok(),
                transfer: None,
                at: Timestamp::UNIX_EPOCH,
                source: source.ip(),
                transport,
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

struct Bench {
    server: SocketAddr,
    asked: mpsc::UnboundedReceiver<FetchRequest>,
    fetched: mpsc::UnboundedReceiver<FetchReceipt>,
    slow: Arc<Semaphore>,
    shutdown: CancellationToken,
}

fn bench_with(listen: &str, allow: &str) -> Bench {
    #[derive(serde::Deserialize)]
    struct Allow {
        allow: super::AllowedSources,
    }
    let allow: Allow = toml::from_str(&format!("allow = {allow}")).unwrap();
    let (asked_sender, asked) = mpsc::unbounded_channel();
    let (fetched_sender, fetched) = mpsc::unbounded_channel();
    let slow = Arc::new(Semaphore::new(0));
    let source = Source {
        asked: asked_sender,
        fetched: fetched_sender,
        slow: Arc::clone(&slow),
    };
    let settings = TftpSettings {
        listen: Some(listen.parse().unwrap()),
        allow: allow.allow,
    };
    let serving = Serving::bind(&settings, source).unwrap().unwrap();
    let server = serving.address();
    let shutdown = CancellationToken::new();
    tokio::spawn(serving.run(shutdown.clone()));
    Bench {
        server,
        asked,
        fetched,
        slow,
        shutdown,
    }
}

fn bench() -> Bench {
    bench_with("127.0.0.1:0", "[]")
}

const LIMITS: TftpLimits = TftpLimits {
    max_bytes: 4 << 20,
    max_time: Duration::from_secs(60),
};

/// A client that is written by hand.
struct Client {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Client {
    async fn at(address: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).await.unwrap();
        Self { socket, server }
    }

    async fn new(bench: &Bench) -> Self {
        Self::at("127.0.0.1:0", bench.server).await
    }

    async fn ask(&self, request: &[u8]) {
        self.socket.send_to(request, self.server).await.unwrap();
    }

    async fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 2000];
        let received = self.socket.recv_from(&mut buffer);
        let (length, from) = tokio::time::timeout(Duration::from_secs(20), received)
            .await
            .expect("nothing comes")
            .unwrap();
        buffer.truncate(length);
        (buffer, from)
    }

    async fn acknowledge(&self, block: u16, to: SocketAddr) {
        let datagram = Packet::Acknowledgement { block }.encode();
        self.socket.send_to(&datagram, to).await.unwrap();
    }

    /// The error that comes; its code.
    async fn refused(&self, request: &[u8]) -> (u16, String) {
        self.ask(request).await;
        let (datagram, _) = self.receive().await;
        match Packet::parse(&datagram) {
            Ok(Packet::Error { code, message }) => (code.0, message),
            other => panic!("{other:?}"),
        }
    }
}

/// The content of a data packet.
fn data(datagram: &[u8], block: u16) -> &[u8] {
    match Packet::parse(datagram) {
        Ok(Packet::Data {
            block: number,
            content,
        }) if number == block => content,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn files_of_every_length_come_whole_and_their_receipts_with_the_last_block() {
    let mut bench = bench();
    for length in [0, 1, 511, 512, 513, 1428, 1_000_000] {
        let file = fetch(bench.server, &format!("/{length}.bin"), LIMITS).await;
        assert_eq!(file.unwrap(), content(length), "{length}");
        let request = bench.asked.recv().await.unwrap();
        assert_eq!(request.path, format!("{length}.bin"));
        assert_eq!(request.transport, Transport::Tftp);
        assert_eq!(request.user_agent, None);
        let receipt = bench.fetched.recv().await.unwrap();
        assert_eq!(receipt.revision, u64::try_from(length).ok());
    }
    let missing = fetch(bench.server, "missing.cfg", LIMITS)
        .await
        .unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    let closed = fetch(bench.server, "closed.cfg", LIMITS).await.unwrap_err();
    assert_eq!(closed.to_string(), missing.to_string());
    let small = TftpLimits {
        max_bytes: 1000,
        ..LIMITS
    };
    let large = fetch(bench.server, "1001.bin", small).await.unwrap_err();
    assert!(large.to_string().contains("larger than 1000"), "{large}");
    assert!(!large.is_not_found());
}

#[tokio::test]
async fn what_is_not_whole_gives_no_receipt() {
    let mut bench = bench();
    let client = Client::new(&bench).await;
    client.ask(b"\0\x01600.bin\0octet\0").await;
    let (first, from) = client.receive().await;
    assert_eq!(data(&first, 1), &content(600)[..512]);
    client.acknowledge(1, from).await;
    let (second, _) = client.receive().await;
    assert_eq!(data(&second, 2), &content(600)[512..]);
    let full = Packet::Error {
        code: ErrorCode::DISK_FULL,
        message: "full".to_owned(),
    };
    client.socket.send_to(&full.encode(), from).await.unwrap();
    fetch(bench.server, "3.bin", LIMITS).await.unwrap();
    let receipt = bench.fetched.recv().await.unwrap();
    assert_eq!(receipt.revision, Some(3), "that of 600.bin did not come");
}

#[tokio::test]
async fn what_is_not_for_phones_is_refused_with_a_reason() {
    let mut bench = bench();
    let client = Client::new(&bench).await;
    for (request, code, reason) in [
        (b"\0\x02x.cfg\0octet\0".to_vec(), 2, "never written"),
        (b"\0\x013.bin\0netascii\0".to_vec(), 0, "octet"),
        (b"\0\x013.bin\0mail\0".to_vec(), 0, "octet"),
        (
            b"\0\x01../../etc/passwd\0octet\0".to_vec(),
            1,
            "no such file",
        ),
        (b"\0\x01/etc/../3.bin\0octet\0".to_vec(), 1, "no such file"),
        (b"\0\x01a\\3.bin\0octet\0".to_vec(), 1, "no such file"),
        (b"\0\x01\0octet\0".to_vec(), 1, "no such file"),
        (b"\0\x013.bin".to_vec(), 4, "cut off"),
        (
            [b"\0\x01", "n".repeat(4000).as_bytes(), b"\0octet\0"].concat(),
            4,
            "longer than 512",
        ),
        (
            b"\0\x013.bin\0octet\0blksize\x00512\0blksize\x00513\0".to_vec(),
            8,
            "twice",
        ),
        (b"\0\x013.bin\0octet\0blksize\0".to_vec(), 8, "no value"),
    ] {
        let (found, message) = client.refused(&request).await;
        assert_eq!(found, code, "{message}");
        assert!(message.contains(reason), "{message}");
    }
    assert!(bench.asked.try_recv().is_err());
    // What is no request has no answer: the next that comes is for the one that is.
    for noise in [
        b"".as_slice(),
        b"\0",
        b"\0\x03\0\x01x",
        b"\0\x05\0\0\0",
        b"GET / HTTP/1.1\r\n",
    ] {
        client.ask(noise).await;
    }
    client.ask(b"\0\x013.bin\0octet\0").await;
    let (datagram, _) = client.receive().await;
    assert_eq!(data(&datagram, 1), &content(3)[..]);
}

#[tokio::test]
async fn a_request_that_is_repeated_is_one_transfer() {
    let mut bench = bench();
    let client = Client::new(&bench).await;
    for _ in 0..3 {
        client.ask(b"\0\x01slow.cfg\0octet\0").await;
    }
    // Another file is another transfer, also from the same port: this one tells that all three
    // have been looked at.
    client.ask(b"\0\x013.bin\0octet\0").await;
    let (datagram, other) = client.receive().await;
    assert_eq!(data(&datagram, 1), &content(3)[..]);
    bench.slow.add_permits(3);
    let (datagram, from) = client.receive().await;
    assert_eq!(data(&datagram, 1), &content(4)[..]);
    assert_ne!(from, other);
    client.acknowledge(1, from).await;
    client.acknowledge(1, other).await;
    bench.fetched.recv().await.unwrap();
    bench.fetched.recv().await.unwrap();
    let asked: Vec<String> = std::iter::from_fn(|| bench.asked.try_recv().ok())
        .map(|request| request.path)
        .collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[tokio::test]
async fn somebody_else_can_not_disturb_a_transfer() {
    let mut bench = bench();
    let client = Client::new(&bench).await;
    client.ask(b"\0\x01600.bin\0octet\0").await;
    let (_, from) = client.receive().await;
    let stranger = Client::at("127.52.0.66:0", from).await;
    for forged in [
        Packet::Acknowledgement { block: 1 }.encode(),
        b"\0\x01x\0octet\0".to_vec(),
    ] {
        let (code, _) = stranger.refused(&forged).await;
        assert_eq!(code, 5);
    }
    let error = Packet::Error {
        code: ErrorCode::NOT_DEFINED,
        message: "stop".to_owned(),
    };
    stranger.ask(&error.encode()).await;
    client.acknowledge(1, from).await;
    let (second, _) = client.receive().await;
    assert_eq!(data(&second, 2).len(), 88);
    client.acknowledge(2, from).await;
    assert_eq!(bench.fetched.recv().await.unwrap().revision, Some(600));
}

#[tokio::test]
async fn sources_that_are_not_allowed_hear_nothing() {
    let mut bench = bench_with("127.0.0.1:0", "[\"127.52.1.0/24\"]");
    let refused = Client::new(&bench).await;
    refused.ask(b"\0\x013.bin\0octet\0").await;
    refused.ask(b"\0\x02x\0octet\0").await;
    let allowed = Client::at("127.52.1.9:0", bench.server).await;
    allowed.ask(b"\0\x015.bin\0octet\0").await;
    let (datagram, _) = allowed.receive().await;
    assert_eq!(data(&datagram, 1).len(), 5);
    let asked = bench.asked.recv().await.unwrap();
    assert_eq!(asked.source.ip(), "127.52.1.9".parse::<IpAddr>().unwrap());
    assert!(bench.asked.try_recv().is_err());
    let mut buffer = [0; 8];
    assert!(refused.socket.try_recv(&mut buffer).is_err());
}

#[tokio::test]
async fn the_answer_comes_from_the_address_that_was_asked() {
    let bench = bench_with("0.0.0.0:0", "[]");
    for asked in ["127.0.0.1", "127.52.3.4"] {
        let server = SocketAddr::new(asked.parse().unwrap(), bench.server.port());
        let client = Client::at("127.52.0.5:0", server).await;
        client.ask(b"\0\x013.bin\0octet\0").await;
        let (_, from) = client.receive().await;
        assert_eq!(from.ip().to_string(), asked);
    }
}

#[tokio::test]
async fn one_address_has_so_many_transfers_and_leaves_room_for_others() {
    let mut bench = bench();
    let mut clients = Vec::new();
    for _ in 0..200 {
        let client = Client::at("127.52.2.1:0", bench.server).await;
        client.ask(b"\0\x01slow.cfg\0octet\0").await;
        clients.push(client);
    }
    let other = Client::at("127.52.2.2:0", bench.server).await;
    other.ask(b"\0\x013.bin\0octet\0").await;
    other.receive().await;
    let asked: Vec<FetchRequest> = std::iter::from_fn(|| bench.asked.try_recv().ok()).collect();
    let slow = asked.iter().filter(|request| request.path == "slow.cfg");
    let ports: HashSet<SocketAddr> = slow.map(|request| request.source).collect();
    assert_eq!(ports.len(), 128);
}

#[tokio::test]
async fn a_server_that_stops_lets_a_transfer_end() {
    let mut bench = bench();
    let client = Client::new(&bench).await;
    client.ask(b"\0\x01600.bin\0octet\0").await;
    let (_, from) = client.receive().await;
    bench.shutdown.cancel();
    client.acknowledge(1, from).await;
    client.receive().await;
    client.acknowledge(2, from).await;
    assert_eq!(bench.fetched.recv().await.unwrap().revision, Some(600));
}

#[tokio::test]
async fn the_client_tells_a_name_that_no_request_holds() {
    let server = SocketAddr::from(([127, 0, 0, 1], 9));
    let error = fetch(server, &"n".repeat(600), LIMITS).await.unwrap_err();
    assert!(matches!(
        error,
        crate::phone::TftpFetchError::Transfer(ReceivingFailure::UnusableName)
    ));
}
