//! The laws of TFTP. The file that takes this module in has `tftp` in scope.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::tftp::{
    Action, ErrorCode, MAX_BLOCK_BYTES, MAX_REQUEST_BYTES, MAX_WINDOW, Options, Packet, Receiving,
    ReceivingFailure, ReceivingLimits, Sending, SendingEnd, error_packet,
};

/// A datagram never makes the reader of packets panic, and what it reads is written so that it reads
/// the same.
pub(crate) fn packets_hold(datagram: &[u8]) {
    let Ok(packet) = Packet::parse(datagram) else {
        return;
    };
    let written = packet.encode();
    let is_request = matches!(packet, Packet::Read(_) | Packet::Write(_));
    if is_request && written.len() > MAX_REQUEST_BYTES {
        // Its mode was a word shorter than the one that is written.
        return;
    }
    assert_eq!(Packet::parse(&written), Ok(packet));
}

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 2069))
}

fn stranger() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 2070))
}

/// More packets than one side may send without hearing anything or waiting.
const MANY: usize = MAX_WINDOW as usize + 2;

/// Plays a script against both sides of a transfer. The first byte picks options and length of the
/// file; each further one is an event: time passes, a block or an acknowledgement that may fit comes,
/// somebody else sends something, or the rest of the script comes as a datagram.
///
/// The law: nothing panics; both wait after few packets; what is sent is what is due, to whom it is
/// due; it is only complete when all was acknowledged or received; left alone it ends, and in time.
pub(crate) fn transfers_hold(script: &[u8]) {
    let Some((&choice, events)) = script.split_first() else {
        return;
    };
    sending_holds(choice, events);
    receiving_holds(choice, events);
}

fn sending_holds(choice: u8, events: &[u8]) {
    let start = Instant::now();
    let mut now = start;
    let content: Vec<u8> = (0..=255).cycle().take(usize::from(choice) * 11).collect();
    let block_bytes = [8, 64, 512, MAX_BLOCK_BYTES][usize::from(choice & 3)];
    let size = block_bytes.to_string();
    let window = ["1", "2", "8", "65535"][usize::from(choice >> 2 & 3)];
    let options = Options::new(&[("blksize", &size), ("windowsize", window), ("tsize", "0")]);
    let mut sending = Sending::new(peer(), content.clone().into(), &options, now);
    let mut acknowledged = 0_usize;
    let mut sent = 0_usize;
    let mut events = events.iter();
    loop {
        let mut packets = 0;
        let wait_until = loop {
            match sending.poll(now) {
                Action::Send { to, datagram } => {
                    packets += 1;
                    assert!(packets <= MANY);
                    match Packet::parse(&datagram).expect("it is a packet") {
                        Packet::Data {
                            block,
                            content: part,
                        } => {
                            assert_eq!(to, peer());
                            // Files of a script have few blocks: no number comes twice.
                            let block = usize::from(block);
                            assert_eq!(
                                part,
                                content
                                    .chunks(block_bytes)
                                    .nth(block - 1)
                                    .unwrap_or_default()
                            );
                            assert!(block <= content.len() / block_bytes + 1);
                            sent = sent.max(block);
                        }
                        Packet::OptionAcknowledgement(_) => assert_eq!(to, peer()),
                        Packet::Error { code, .. } => {
                            assert_eq!((to, code), (stranger(), ErrorCode::UNKNOWN_TRANSFER));
                        }
                        other => panic!("{other:?}"),
                    }
                }
                Action::Wait(until) => {
                    assert!(until > now && until <= start + Duration::from_secs(3600));
                    break until;
                }
                Action::Done(end) => {
                    if end == SendingEnd::Complete {
                        assert_eq!(acknowledged, content.len() / block_bytes + 1);
                    }
                    assert_eq!(sending.poll(now), Action::Done(end));
                    return;
                }
            }
        };
        match events.next() {
            None => now = wait_until,
            Some(0xFF) => {
                sending.on_datagram(peer(), events.as_slice());
                if let Ok(Packet::Acknowledgement { block }) = Packet::parse(events.as_slice())
                    && usize::from(block) <= sent
                {
                    acknowledged = acknowledged.max(block.into());
                }
            }
            Some(0xFE) => sending.on_datagram(stranger(), events.as_slice()),
            Some(0xFD) => {
                let error = error_packet(ErrorCode::DISK_FULL, "full");
                sending.on_datagram(peer(), &error);
            }
            Some(&seconds @ 0xC0..) => now += Duration::from_secs(u64::from(seconds) - 0xBF),
            Some(&which) => {
                let block = sent.saturating_sub(usize::from(which & 0x0F));
                if which & 0x10 == 0 {
                    acknowledged = acknowledged.max(block);
                }
                let block = u16::try_from(block).expect("files of a script have few blocks");
                let block = block.wrapping_add(if which & 0x10 == 0 { 0 } else { 100 });
                let datagram = Packet::Acknowledgement { block }.encode();
                sending.on_datagram(peer(), &datagram);
            }
        }
    }
}

fn receiving_holds(choice: u8, events: &[u8]) {
    let start = Instant::now();
    let mut now = start;
    let limits = ReceivingLimits {
        max_bytes: usize::from(choice) * 16,
        max_time: Duration::from_secs(120),
    };
    let server = SocketAddr::new(peer().ip(), 69);
    let mut receiving = Receiving::new(server, "x", limits, now).expect("the name is good");
    let mut next = 1_u16;
    let mut events = events.iter();
    loop {
        let mut packets = 0;
        let wait_until = loop {
            match receiving.poll(now) {
                Action::Send { to, datagram } => {
                    packets += 1;
                    assert!(packets <= MANY);
                    match Packet::parse(&datagram).expect("it is a packet") {
                        Packet::Read(_) => assert_eq!(to, server),
                        Packet::Acknowledgement { block } => next = block.wrapping_add(1),
                        Packet::Error { .. } => {}
                        other => panic!("{other:?}"),
                    }
                }
                Action::Wait(until) => {
                    assert!(until > now && until <= start + limits.max_time);
                    break until;
                }
                Action::Done(Ok(content)) => {
                    assert!(content.len() <= limits.max_bytes);
                    return;
                }
                Action::Done(Err(failure)) => {
                    assert_ne!(failure, ReceivingFailure::UnusableName);
                    assert_eq!(receiving.poll(now), Action::Done(Err(failure)));
                    return;
                }
            }
        };
        let content = [b'x'; 513];
        match events.next() {
            None => now = wait_until,
            Some(0xFF) => receiving.on_datagram(peer(), events.as_slice()),
            Some(0xFE) => receiving.on_datagram(stranger(), events.as_slice()),
            Some(0xFD) => {
                let options = Options::new(&[("blksize", "32"), ("tsize", "9")]);
                let datagram = Packet::OptionAcknowledgement(options).encode();
                receiving.on_datagram(peer(), &datagram);
            }
            Some(0xFC) => {
                let error = error_packet(ErrorCode::OPTION_NEGOTIATION, "no");
                receiving.on_datagram(peer(), &error);
            }
            Some(&seconds @ 0xC0..) => now += Duration::from_secs(u64::from(seconds) - 0xBF),
            Some(&which) => {
                let length = [512, 32, 513, 7][usize::from(which & 3)];
                let block = next.wrapping_sub(u16::from(which >> 2 & 3));
                let datagram = Packet::Data {
                    block,
                    content: &content[..length],
                };
                receiving.on_datagram(peer(), &datagram.encode());
            }
        }
    }
}
