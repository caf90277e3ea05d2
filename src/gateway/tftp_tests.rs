//! Phones that speak TFTP, and say nothing of themselves.

use std::net::{IpAddr, SocketAddr};

use super::door::Transport;
use super::tests::{Bench, MAC, set};
use super::{FetchAnswer, FetchReceipt, FetchRequest};
use crate::device::{DeviceRecord, SeenBy};

const FILE: &str = "cfg000b82a1b2c3.xml";
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
const HOME: [u8; 4] = [192, 0, 2, 70];
const ELSEWHERE: [u8; 4] = [192, 0, 2, 71];
/// Where `Bench::fetch` comes from, over HTTP.
const OVER_HTTP: [u8; 4] = [192, 0, 2, 41];

async fn ask(bench: &Bench, from: [u8; 4], path: &str) -> FetchReceipt {
    let request = FetchRequest {
        transport: Transport::Tftp,
        ..FetchRequest::new(path, SocketAddr::from((from, 2069)))
    };
    match bench.gateway.fetch(request).await {
        FetchAnswer::File { receipt, .. } => receipt,
        other => panic!("{other:?}"),
    }
}

async fn fetch(bench: &Bench, from: [u8; 4]) {
    let receipt = ask(bench, from, FILE).await;
    bench.gateway.fetched(receipt).await;
}

fn record(bench: &Bench) -> DeviceRecord {
    bench.gateway.load(MAC).unwrap().unwrap().0
}

fn address(bench: &Bench) -> Option<IpAddr> {
    record(bench).contact.map(|contact| contact.address)
}

#[tokio::test]
async fn the_changes_of_a_phone_that_speaks_tftp_only_arrive() {
    let bench = Bench::new().await;
    fetch(&bench, HOME).await;
    assert_eq!(address(&bench), Some(IpAddr::from(HOME)));
    bench.execute(set(DISPLAY_NAME, "Desk")).await;
    let delivery = record(&bench).delivery;
    assert_eq!(delivery.desired, 2);
    assert!(delivery.is_outstanding());
    // It can be told, at the address that it came from.
    let job = bench.gateway.next_control().await;
    assert_eq!(job.address, IpAddr::from(HOME));
    fetch(&bench, HOME).await;
    let delivery = record(&bench).delivery;
    assert!(!delivery.is_outstanding());
    assert_eq!(delivery.confirmed, None);
    fetch(&bench, HOME).await;
    assert_eq!(record(&bench).delivery.confirmed, Some(2));
    // What it does not say is not made up.
    assert_eq!(record(&bench).model, None);
    assert_eq!(record(&bench).seen_by, SeenBy::FileName);
}

#[tokio::test]
async fn asking_tells_nothing_until_the_file_was_taken() {
    let bench = Bench::new().await;
    let receipt = ask(&bench, HOME, FILE).await;
    assert_eq!(record(&bench).contact, None);
    assert_eq!(record(&bench).delivery.served, None);
    bench.gateway.fetched(receipt).await;
    assert!(record(&bench).delivery.served.is_some());
}

#[tokio::test]
async fn a_phone_that_speaks_tftp_only_may_move() {
    let bench = Bench::new().await;
    fetch(&bench, HOME).await;
    fetch(&bench, HOME).await;
    fetch(&bench, ELSEWHERE).await;
    assert_eq!(address(&bench), Some(IpAddr::from(ELSEWHERE)));
    assert_eq!(record(&bench).seen_by, SeenBy::FileName);
    let bench = bench.restart().await;
    fetch(&bench, HOME).await;
    assert_eq!(address(&bench), Some(IpAddr::from(HOME)));
}

#[tokio::test]
async fn who_said_over_http_who_it_is_is_not_moved_or_confirmed_over_tftp_from_elsewhere() {
    let bench = Bench::new().await;
    fetch(&bench, HOME).await;
    bench.fetch().await;
    assert_eq!(record(&bench).seen_by, SeenBy::UserAgent);
    let before = record(&bench);
    fetch(&bench, HOME).await;
    bench.execute(set(DISPLAY_NAME, "Desk")).await;
    fetch(&bench, ELSEWHERE).await;
    let after = record(&bench);
    assert_eq!(after.contact, before.contact);
    assert!(after.delivery.is_outstanding());
    // From its own address it is the phone, over TFTP too.
    fetch(&bench, OVER_HTTP).await;
    assert!(!record(&bench).delivery.is_outstanding());
    assert_eq!(record(&bench).seen_by, SeenBy::UserAgent);
}

#[tokio::test]
async fn a_file_that_several_phones_read_is_nobodys_fetch() {
    let bench = Bench::new().await;
    let receipt = ask(&bench, HOME, "startup.cfg").await;
    assert_eq!(receipt.mac, None);
    assert_eq!(receipt.transport, Transport::Tftp);
}
