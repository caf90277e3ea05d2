//! Both sides with a line between them that loses, doubles and reorders; and each side alone with
//! what only one client or server does.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::packet::Mode;
use super::{
    Action, ErrorCode, Options, Packet, Receiving, ReceivingFailure, ReceivingLimits, Request,
    Sending, SendingEnd, error_packet,
};

const LIMITS: ReceivingLimits = ReceivingLimits {
    max_bytes: 1 << 20,
    max_time: Duration::from_secs(600),
};

fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 69))
}

fn transfer_port() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 40_000))
}

fn client() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 2069))
}

fn elsewhere() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], 4444))
}

fn content(length: usize) -> Bytes {
    (0..=250).cycle().take(length).collect::<Vec<u8>>().into()
}

/// What becomes of a datagram on the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    IsLost,
    IsDoubled,
    /// The next one overtakes it.
    IsLate,
}

/// A line between the two sides.
struct Line<F> {
    now: Instant,
    begun: Instant,
    fate: F,
    count: usize,
    late: Option<Vec<u8>>,
}

/// How a transfer over a line went.
struct Course {
    received: Result<Vec<u8>, ReceivingFailure>,
    sent: SendingEnd,
    packets: usize,
    took: Duration,
}

impl<F: FnMut(usize) -> Fate> Line<F> {
    fn carry(&mut self, datagram: Vec<u8>, arrived: &mut VecDeque<Vec<u8>>) {
        self.count += 1;
        match (self.fate)(self.count) {
            Fate::Arrives => arrived.push_back(datagram),
            Fate::IsLost => {}
            Fate::IsDoubled => arrived.extend([datagram.clone(), datagram]),
            Fate::IsLate => {
                self.late = Some(datagram);
                return;
            }
        }
        arrived.extend(self.late.take());
    }
}

/// Fetches content over a line. The request itself arrives.
fn fetch(content: &Bytes, fate: impl FnMut(usize) -> Fate) -> Course {
    let now = Instant::now();
    let mut line = Line {
        now,
        begun: now,
        fate,
        count: 0,
        late: None,
    };
    let mut receiving = Receiving::new(server(), "a.cfg", LIMITS, now).unwrap();
    let Action::Send { datagram, .. } = receiving.poll(now) else {
        panic!("no request");
    };
    let Ok(Packet::Read(request)) = Packet::parse(&datagram) else {
        panic!("no request");
    };
    let mut sending = Sending::new(client(), content.clone(), &request.options, now);
    let (mut to_client, mut to_server) = (VecDeque::new(), VecDeque::new());
    let (mut received, mut sent) = (None, None);
    while received.is_none() || sent.is_none() {
        let mut wait_until = Vec::new();
        if sent.is_none() {
            match sending.poll(line.now) {
                Action::Send { datagram, .. } => line.carry(datagram, &mut to_client),
                Action::Wait(until) => wait_until.push(until),
                Action::Done(end) => sent = Some(end),
            }
        }
        if received.is_none() {
            match receiving.poll(line.now) {
                Action::Send { datagram, .. } => line.carry(datagram, &mut to_server),
                Action::Wait(until) => wait_until.push(until),
                Action::Done(end) => received = Some(end),
            }
        }
        let mut has_moved = false;
        if let Some(datagram) = to_client.pop_front() {
            receiving.on_datagram(transfer_port(), &datagram);
            has_moved = true;
        }
        if let Some(datagram) = to_server.pop_front() {
            sending.on_datagram(client(), &datagram);
            has_moved = true;
        }
        let open = usize::from(sent.is_none()) + usize::from(received.is_none());
        if !has_moved && wait_until.len() == open {
            line.now = wait_until.into_iter().min().unwrap_or(line.now);
        }
    }
    Course {
        received: received.unwrap(),
        sent: sent.unwrap(),
        packets: line.count,
        took: line.now - line.begun,
    }
}

#[test]
fn files_of_every_length_arrive_byte_for_byte() {
    for length in [0, 1, 511, 512, 513, 1427, 1428, 1429, 2856, 100_000] {
        let content = content(length);
        let course = fetch(&content, |_| Fate::Arrives);
        assert_eq!(course.received.unwrap(), content, "{length}");
        assert_eq!(course.sent, SendingEnd::Complete);
        // The options and their acknowledgement, then two packets a block.
        assert_eq!(course.packets, 2 + 2 * (length / 1428 + 1), "{length}");
        assert_eq!(course.took, Duration::ZERO);
    }
}

#[test]
fn lost_packets_are_sent_again() {
    let content = content(20_000);
    for every in [2, 3, 5, 7] {
        let course = fetch(&content, |packet| match packet % every {
            1 => Fate::IsLost,
            _ => Fate::Arrives,
        });
        assert_eq!(course.received.as_ref().unwrap(), &content, "{every}");
    }
}

#[test]
fn packets_that_come_twice_are_not_multiplied() {
    let content = content(100_000);
    let course = fetch(&content, |_| Fate::IsDoubled);
    assert_eq!(course.received.unwrap(), content);
    assert_eq!(course.sent, SendingEnd::Complete);
    let blocks = content.len() / 1428 + 1;
    // Each block is sent once, and acknowledged once per copy: not more with every block.
    assert!(course.packets <= 4 + 3 * blocks, "{}", course.packets);
    assert_eq!(course.took, Duration::ZERO);
}

#[test]
fn one_delayed_acknowledgement_does_not_double_the_rest() {
    let now = Instant::now();
    let mut sending = Sending::new(client(), content(5000), &Options::default(), now);
    let block = |sending: &mut Sending, at: Instant| match sending.poll(at) {
        Action::Send { datagram, .. } => match Packet::parse(&datagram) {
            Ok(Packet::Data { block, .. }) => Some(block),
            other => panic!("{other:?}"),
        },
        _ => None,
    };
    assert_eq!(block(&mut sending, now), Some(1));
    let later = now + Duration::from_secs(1);
    assert_eq!(block(&mut sending, later), Some(1), "its time is up");
    // Both copies of the block are acknowledged now.
    let acknowledgement = Packet::Acknowledgement { block: 1 }.encode();
    sending.on_datagram(client(), &acknowledgement);
    assert_eq!(block(&mut sending, later), Some(2));
    sending.on_datagram(client(), &acknowledgement);
    assert_eq!(block(&mut sending, later), None);
}

#[test]
fn packets_out_of_order_do_no_harm() {
    let content = content(20_000);
    let course = fetch(&content, |packet| match packet % 4 {
        0 => Fate::IsLate,
        2 => Fate::IsDoubled,
        _ => Fate::Arrives,
    });
    assert_eq!(course.received.unwrap(), content);
}

#[test]
fn a_line_that_is_cut_ends_both_sides_in_time() {
    let course = fetch(&content(20_000), |packet| match packet {
        0..=9 => Fate::Arrives,
        _ => Fate::IsLost,
    });
    let received = 3 * 1428;
    assert_eq!(
        course.received,
        Err(ReceivingFailure::Silent {
            received: received + 1428
        })
    );
    assert_eq!(
        course.sent,
        SendingEnd::Silent {
            acknowledged: received
        }
    );
    // 1 + 2 + 4 + 8 + 16 + 32
    assert_eq!(course.took, Duration::from_secs(63));
    // Each side has said its last word six times.
    assert_eq!(course.packets, 9 + 1 + 2 * 5);
}

fn data(sending: &mut Sending, now: Instant) -> Vec<(u16, usize)> {
    let mut blocks = Vec::new();
    while let Action::Send { datagram, .. } = sending.poll(now) {
        match Packet::parse(&datagram) {
            Ok(Packet::Data { block, content }) => blocks.push((block, content.len())),
            other => panic!("{other:?}"),
        }
    }
    blocks
}

fn acknowledge(sending: &mut Sending, block: u16) {
    sending.on_datagram(client(), &Packet::Acknowledgement { block }.encode());
}

#[test]
fn somebody_who_never_answers_is_sent_three_packets() {
    let mut now = Instant::now();
    let begun = now;
    let mut sending = Sending::new(client(), content(5000), &Options::default(), now);
    let mut packets = 0;
    let end = loop {
        match sending.poll(now) {
            Action::Send { .. } => packets += 1,
            Action::Wait(until) => now = until,
            Action::Done(end) => break end,
        }
    };
    assert_eq!(end, SendingEnd::Silent { acknowledged: 0 });
    assert_eq!(packets, 3);
    assert_eq!(now - begun, Duration::from_secs(1 + 2 + 4));
}

/// The answer to options, and the transfer after it.
fn agreed(options: &[(&str, &str)], length: usize) -> (Option<Vec<u8>>, Sending) {
    let now = Instant::now();
    let mut sending = Sending::new(client(), content(length), &Options::new(options), now);
    let Action::Send { datagram, .. } = sending.poll(now) else {
        panic!("nothing is sent");
    };
    let is_data = matches!(Packet::parse(&datagram), Ok(Packet::Data { .. }));
    (Some(datagram).filter(|_| !is_data), sending)
}

#[test]
fn options_are_answered_as_far_as_they_can_be_had() {
    for (asked, answer) in [
        (vec![("blksize", "8")], Some("blksize\x008\0")),
        (vec![("blksize", "65464")], Some("blksize\x001428\0")),
        (vec![("tsize", "0")], Some("tsize\x0010000\0")),
        (vec![("timeout", "3")], Some("timeout\x003\0")),
        (vec![("windowsize", "64")], Some("windowsize\x008\0")),
        (
            vec![("tsize", "0"), ("x-model", "1"), ("BLKSIZE", "1024")],
            Some("blksize\x001024\0tsize\x0010000\0"),
        ),
        (vec![("blksize", "7")], None),
        (vec![("blksize", "65465")], None),
        (vec![("blksize", "-1"), ("tsize", "")], None),
        (vec![("timeout", "0"), ("windowsize", "0")], None),
        (vec![("timeout", "255"), ("windowsize", "65536")], None),
        (vec![("x-model", "1")], None),
    ] {
        let wanted = answer.map(|answer| [b"\0\x06", answer.as_bytes()].concat());
        assert_eq!(agreed(&asked, 10_000).0, wanted, "{asked:?}");
    }
}

#[test]
fn the_size_of_an_empty_file_is_not_told() {
    assert_eq!(agreed(&[("tsize", "0")], 0).0, None);
    let answer = b"\0\x06blksize\x00512\0".to_vec();
    let options = [("tsize", "0"), ("blksize", "512")];
    assert_eq!(agreed(&options, 0).0, Some(answer));
}

#[test]
fn nothing_is_sent_before_the_options_are_acknowledged() {
    let now = Instant::now();
    let (_, mut sending) = agreed(&[("blksize", "1000")], 1500);
    acknowledge(&mut sending, 1);
    assert!(data(&mut sending, now).is_empty());
    acknowledge(&mut sending, 0);
    assert_eq!(data(&mut sending, now), [(1, 1000)]);
    acknowledge(&mut sending, 0);
    assert!(data(&mut sending, now).is_empty());
    acknowledge(&mut sending, 1);
    assert_eq!(data(&mut sending, now), [(2, 500)]);
    acknowledge(&mut sending, 2);
    assert_eq!(sending.poll(now), Action::Done(SendingEnd::Complete));
}

#[test]
fn a_file_that_fills_its_blocks_ends_with_an_empty_one() {
    let now = Instant::now();
    let mut sending = Sending::new(client(), content(512), &Options::default(), now);
    assert_eq!(data(&mut sending, now), [(1, 512)]);
    acknowledge(&mut sending, 1);
    assert_eq!(data(&mut sending, now), [(2, 0)]);
}

#[test]
fn a_client_may_choose_the_waits() {
    let (_, mut sending) = agreed(&[("timeout", "5")], 10);
    let now = Instant::now();
    acknowledge(&mut sending, 0);
    assert_eq!(data(&mut sending, now).len(), 1);
    for step in 1..=5 {
        let at = now + Duration::from_secs(5 * step);
        assert!(data(&mut sending, at - Duration::from_millis(1)).is_empty());
        assert_eq!(data(&mut sending, at), [(1, 10)]);
    }
    let end = SendingEnd::Silent { acknowledged: 0 };
    let at = now + Duration::from_secs(30);
    assert_eq!(sending.poll(at), Action::Done(end));
}

#[test]
fn block_numbers_go_on_with_zero() {
    let now = Instant::now();
    let length = 8 * 70_000 + 3;
    let (_, mut sending) = agreed(&[("blksize", "8")], length);
    let options = Options::new(&[("blksize", "8")]);
    let mut receiving = Receiving::new(server(), "a.cfg", LIMITS, now).unwrap();
    receiving.on_datagram(
        transfer_port(),
        &Packet::OptionAcknowledgement(options).encode(),
    );
    let mut packets = 0;
    let received = loop {
        match receiving.poll(now) {
            Action::Send { datagram, .. } => sending.on_datagram(client(), &datagram),
            Action::Wait(_) => {}
            Action::Done(received) => break received.unwrap(),
        }
        if let Action::Send { datagram, .. } = sending.poll(now) {
            packets += 1;
            receiving.on_datagram(transfer_port(), &datagram);
        }
    };
    assert_eq!(received, content(length));
    assert_eq!(packets, 70_001);
    assert_eq!(sending.poll(now), Action::Done(SendingEnd::Complete));
}

#[test]
fn a_window_is_sent_in_a_row_and_goes_on_where_the_client_says() {
    let now = Instant::now();
    let (_, mut sending) = agreed(&[("windowsize", "4")], 512 * 9);
    acknowledge(&mut sending, 0);
    let numbers = |sending: &mut Sending| {
        let blocks = data(sending, now);
        blocks
            .into_iter()
            .map(|(block, _)| block)
            .collect::<Vec<u16>>()
    };
    assert_eq!(numbers(&mut sending), [1, 2, 3, 4]);
    // The third was lost.
    acknowledge(&mut sending, 2);
    assert_eq!(numbers(&mut sending), [3, 4, 5, 6]);
    acknowledge(&mut sending, 2);
    assert!(numbers(&mut sending).is_empty());
    acknowledge(&mut sending, 7);
    assert!(numbers(&mut sending).is_empty(), "it was not sent yet");
    acknowledge(&mut sending, 6);
    assert_eq!(numbers(&mut sending), [7, 8, 9, 10]);
    acknowledge(&mut sending, 10);
    assert_eq!(sending.poll(now), Action::Done(SendingEnd::Complete));
}

#[test]
fn packets_from_elsewhere_are_told_so_and_change_nothing() {
    let now = Instant::now();
    let mut sending = Sending::new(client(), content(100), &Options::default(), now);
    assert_eq!(data(&mut sending, now).len(), 1);
    let other_port = SocketAddr::new(client().ip(), 2070);
    for stranger in [elsewhere(), other_port] {
        for datagram in [
            Packet::Acknowledgement { block: 1 }.encode(),
            b"anything".to_vec(),
        ] {
            sending.on_datagram(stranger, &datagram);
            let Action::Send { to, datagram } = sending.poll(now) else {
                panic!("no answer");
            };
            assert_eq!(to, stranger);
            assert_eq!(datagram.get(..4), Some(&[0, 5, 0, 5][..]));
        }
        sending.on_datagram(stranger, &error_packet(ErrorCode::DISK_FULL, "full"));
        assert!(matches!(sending.poll(now), Action::Wait(_)));
    }
    // A flood of them is not answered for ever.
    let mut answers = 0;
    for _ in 0..100 {
        sending.on_datagram(elsewhere(), b"anything");
        answers += usize::from(matches!(sending.poll(now), Action::Send { .. }));
    }
    assert_eq!(answers, 4);
    acknowledge(&mut sending, 1);
    assert_eq!(sending.poll(now), Action::Done(SendingEnd::Complete));
}

/// A client that has asked, and its request.
fn asked() -> (Receiving, Instant) {
    let now = Instant::now();
    let mut receiving = Receiving::new(server(), "a.cfg", LIMITS, now).unwrap();
    let Action::Send { to, datagram } = receiving.poll(now) else {
        panic!("no request");
    };
    assert_eq!(to, server());
    assert_eq!(
        datagram,
        b"\0\x01a.cfg\0octet\0blksize\x001428\0tsize\x000\0"
    );
    (receiving, now)
}

fn block(number: u16, content: &[u8]) -> Vec<u8> {
    let block = number;
    Packet::Data { block, content }.encode()
}

#[test]
fn a_server_without_options_is_understood() {
    let (mut receiving, now) = asked();
    receiving.on_datagram(transfer_port(), &block(1, &[b'x'; 512]));
    receiving.on_datagram(transfer_port(), &block(2, b"end"));
    assert!(matches!(receiving.poll(now), Action::Send { .. }));
    let Action::Done(Ok(content)) = receiving.poll(now) else {
        panic!("not done");
    };
    assert_eq!(content.len(), 515);
}

#[test]
fn a_server_that_refuses_options_is_asked_again_without() {
    let (mut receiving, now) = asked();
    let refusal = error_packet(ErrorCode::OPTION_NEGOTIATION, "no options");
    receiving.on_datagram(transfer_port(), &refusal);
    let request = Packet::Read(Request {
        name: b"a.cfg",
        mode: Mode::Octet,
        options: Options::default(),
    });
    let plain = Action::Send {
        to: server(),
        datagram: request.encode(),
    };
    assert_eq!(receiving.poll(now), plain);
    receiving.on_datagram(transfer_port(), &refusal);
    assert!(matches!(
        receiving.poll(now),
        Action::Done(Err(ReceivingFailure::Refused { .. }))
    ));
}

#[test]
fn servers_that_lie_are_left() {
    let oack =
        |options: &[(&str, &str)]| Packet::OptionAcknowledgement(Options::new(options)).encode();
    for answer in [
        oack(&[("blksize", "65464")]),
        oack(&[("blksize", "0")]),
        oack(&[("blksize", "many")]),
        oack(&[("windowsize", "8")]),
        oack(&[("tsize", "1048577")]),
        block(1, &[0; 513]),
    ] {
        let (mut receiving, now) = asked();
        receiving.on_datagram(transfer_port(), &answer);
        let Action::Send { to, datagram } = receiving.poll(now) else {
            panic!("it is not told");
        };
        assert_eq!(to, transfer_port());
        assert!(matches!(Packet::parse(&datagram), Ok(Packet::Error { .. })));
        assert!(matches!(receiving.poll(now), Action::Done(Err(_))));
    }
}

#[test]
fn a_file_that_grows_over_the_limit_is_left() {
    let now = Instant::now();
    let limits = ReceivingLimits {
        max_bytes: 1000,
        ..LIMITS
    };
    let mut receiving = Receiving::new(server(), "a.cfg", limits, now).unwrap();
    receiving.on_datagram(transfer_port(), &block(1, &[0; 512]));
    receiving.on_datagram(transfer_port(), &block(2, &[0; 512]));
    assert!(matches!(receiving.poll(now), Action::Send { .. }));
    let failure = ReceivingFailure::TooLarge { limit: 1000 };
    assert_eq!(receiving.poll(now), Action::Done(Err(failure)));
}

#[test]
fn nobody_else_can_slip_a_file_in() {
    let (mut receiving, now) = asked();
    receiving.on_datagram(elsewhere(), &block(1, b"forged"));
    assert!(matches!(receiving.poll(now), Action::Wait(_)));
    receiving.on_datagram(transfer_port(), &block(1, &[b'x'; 512]));
    assert!(matches!(receiving.poll(now), Action::Send { .. }));
    let other_port = SocketAddr::new(server().ip(), 40_001);
    receiving.on_datagram(other_port, &block(2, b"forged"));
    let Action::Send { to, .. } = receiving.poll(now) else {
        panic!("it is not told");
    };
    assert_eq!(to, other_port);
    receiving.on_datagram(transfer_port(), &block(2, b""));
    assert!(matches!(receiving.poll(now), Action::Send { .. }));
    let Action::Done(Ok(content)) = receiving.poll(now) else {
        panic!("not done");
    };
    assert_eq!(content, [b'x'; 512]);
}

#[test]
fn names_that_fit_no_request_are_refused() {
    let now = Instant::now();
    for name in ["a\0b".to_owned(), "n".repeat(500)] {
        let failure = Receiving::new(server(), &name, LIMITS, now).unwrap_err();
        assert_eq!(failure, ReceivingFailure::UnusableName);
    }
}
