//! Phones told per second, beside datagrams of the same length that go to and fro between two
//! sockets, in the same run: `cargo bench --bench notify`. Only the ratio means something.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

#[path = "support/gateway.rs"]
mod gateway;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trestle::gateway::{
    ControlOutcome, ControlSettings, FetchAnswer, FetchRequest, Gateway, GatewaySettings,
    ImportOptions, Rate,
};
use trestle::native::Mac;
use trestle::phone::{ControlSender, SipSettings};
use trestle::wire::sip::{NotifyServer, Received};

const PHONES: u64 = 2_000;
const EXCHANGES: u64 = 20_000;
/// A NOTIFY and its answer are about so long.
const DATAGRAM: usize = 450;
/// Where all phones are: their file says port 5060.
const PHONE: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 55, 200, 1)),
    5060,
);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let raw = exchanges().await;
    let told = phones_told().await;
    println!("datagrams of {DATAGRAM} bytes, there and back  {raw:>10.0} a second");
    println!(
        "phones told, from the order to the answer    {told:>10.0} a second  {:.3} of that",
        told / raw
    );
}

/// Exchanges of two sockets per second, one after the other.
async fn exchanges() -> f64 {
    let one = UdpSocket::bind("127.55.200.2:0").await.expect("a socket");
    let other = UdpSocket::bind("127.55.200.3:0").await.expect("a socket");
    let target = other.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut bytes = [0; DATAGRAM];
        while let Ok((_, source)) = other.recv_from(&mut bytes).await {
            other.send_to(&bytes, source).await.expect("an answer");
        }
    });
    let mut bytes = [0; DATAGRAM];
    let started = Instant::now();
    for _ in 0..EXCHANGES {
        one.send_to(&bytes, target).await.expect("a datagram");
        one.recv_from(&mut bytes).await.expect("an answer");
    }
    per_second(EXCHANGES, started.elapsed())
}

async fn phones_told() -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = with_phones(folder.path()).await;
    let socket = UdpSocket::bind(PHONE).await.expect("the phones' socket");
    tokio::spawn(answer(socket));
    let shutdown = CancellationToken::new();
    let sender = ControlSender::bind(gateway.clone(), &SipSettings::default()).expect("sockets");
    let sending = tokio::spawn(sender.run(shutdown.clone()));
    let mut orders = JoinSet::new();
    let started = Instant::now();
    for number in 0..PHONES {
        let gateway = gateway.clone();
        orders.spawn(async move { gateway.resync(mac(number)).await });
    }
    while let Some(outcome) = orders.join_next().await {
        let outcome = outcome.expect("an order").expect("a phone");
        assert_eq!(outcome, Some(ControlOutcome::Accepted));
    }
    let told = per_second(PHONES, started.elapsed());
    shutdown.cancel();
    sending.await.expect("the sender");
    told
}

/// A gateway to which every phone has come once.
async fn with_phones(folder: &Path) -> Gateway {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree/cfg000b82a1b2c3.xml");
    let fixture = fs::read_to_string(fixture).expect("the fixtures are there");
    let tree = folder.join("tree");
    fs::create_dir(&tree).expect("a tree");
    for number in 0..PHONES {
        let mac = mac(number).to_string();
        let content = fixture.replace("000b82a1b2c3", &mac);
        fs::write(tree.join(format!("cfg{mac}.xml")), content).expect("a file");
    }
    let rate = Rate::new(100_000.0).expect("a rate");
    let settings = GatewaySettings {
        control: ControlSettings {
            per_second: rate,
            per_site: rate,
            ..ControlSettings::default()
        },
        ..GatewaySettings::default()
    };
    let gateway = gateway::open(&folder.join("data"), settings);
    gateway
        .import(&tree, ImportOptions::default(), &|_, _| {})
        .await
        .expect("an import");
    for number in 0..PHONES {
        let mac = mac(number);
        let request = FetchRequest {
            user_agent: Some(format!(
                "Grandstream Model HW GXP2170 SW 1.0.11.35 DevId {mac}"
            )),
            ..FetchRequest::new(format!("cfg{mac}.xml"), PHONE)
        };
        let FetchAnswer::File { receipt, .. } = gateway.fetch(request).await else {
            continue;
        };
        gateway.fetched(receipt).await;
    }
    gateway
}

/// All phones, which say yes.
async fn answer(socket: UdpSocket) {
    let mut server = NotifyServer::new(|_| true);
    let mut datagram = vec![0; 65_536];
    while let Ok((length, source)) = socket.recv_from(&mut datagram).await {
        let bytes = datagram.get(..length).unwrap_or_default();
        let received = server.on_datagram(bytes, source, "t", Timestamp::UNIX_EPOCH);
        if let Received::Request { response, .. } = received {
            socket.send_to(&response, source).await.expect("an answer");
        }
    }
}

fn mac(number: u64) -> Mac {
    let [.., a, b] = number.to_be_bytes();
    Mac::new([0x00, 0x0b, 0x82, 0x50, a, b])
}

fn per_second(count: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let count = count as f64;
    count / time.as_secs_f64()
}
