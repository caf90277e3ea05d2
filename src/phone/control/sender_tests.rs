//! The sender between jobs that are handed out and phones on sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::notify::{SipSender, SipSettings};
use super::sender::{ControlJobs, MAXIMUM_RUNNING, drive};
use crate::gateway::{ControlJob, ControlOutcome, SipAim, SipVia, WebAim};
use crate::mapping::{ControlAction, Means, MeansWay};
use crate::native::Mac;
use crate::wire::sip::{
    MAXIMUM_MESSAGE, Message, MessageStream, NotifyServer, Received, SipTransport, StartLine,
};
use crate::wire::{Credentials, Secret};

/// Hands out the jobs it is given, and shows the results.
struct Jobs {
    queue: Mutex<mpsc::UnboundedReceiver<ControlJob>>,
    results: mpsc::UnboundedSender<(u64, ControlOutcome)>,
    /// Jobs that were handed out.
    taken: Arc<StdMutex<Vec<u64>>>,
    /// One job is handed out or one result taken at a time, in the order of asking.
    turn: Arc<Mutex<()>>,
}

impl ControlJobs for Arc<Jobs> {
    async fn next(&self) -> ControlJob {
        match self.queue.lock().await.recv().await {
            Some(job) => {
                self.taken.lock().unwrap().push(job.id);
                let _turn = self.turn.lock().await;
                job
            }
            None => std::future::pending().await,
        }
    }

    async fn finish(&self, _: Mac, id: u64, outcome: ControlOutcome) {
        let _turn = self.turn.lock().await;
        self.results.send((id, outcome)).unwrap();
    }
}

/// A sender at work.
struct Bench {
    jobs: mpsc::UnboundedSender<ControlJob>,
    results: mpsc::UnboundedReceiver<(u64, ControlOutcome)>,
    taken: Arc<StdMutex<Vec<u64>>>,
    turn: Arc<Mutex<()>>,
    shutdown: CancellationToken,
    sender: tokio::task::JoinHandle<Vec<u64>>,
}

async fn bench() -> Bench {
    let (job_sender, queue) = mpsc::unbounded_channel();
    let (result_sender, results) = mpsc::unbounded_channel();
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let (taken, turn) = (Arc::default(), Arc::default());
    let jobs = Arc::new(Jobs {
        queue: Mutex::new(queue),
        results: result_sender,
        taken: Arc::clone(&taken),
        turn: Arc::clone(&turn),
    });
    let sender = tokio::spawn(async move {
        let settings = SipSettings {
            bind: vec![(Ipv4Addr::LOCALHOST, 0).into()],
        };
        let sip = Arc::new(SipSender::bind(&settings).unwrap());
        drive(&jobs, &sip, &token).await;
        jobs.taken.lock().unwrap().clone()
    });
    Bench {
        jobs: job_sender,
        results,
        taken,
        turn,
        shutdown,
        sender,
    }
}

fn notify(event: &str) -> Arc<Means> {
    Arc::new(Means {
        name: format!("notify {event}"),
        action: ControlAction::Resync,
        way: MeansWay::Notify {
            event: event.to_owned(),
            body: None,
        },
    })
}

fn credentials(username: &str) -> Credentials {
    Credentials {
        username: username.into(),
        password: Secret::new("verbena"),
    }
}

fn job(id: u64, target: SocketAddr, username: &str) -> ControlJob {
    ControlJob {
        mac: Mac::new([0, 0x0b, 0x82, 0, 0, 1]),
        id,
        action: ControlAction::Resync,
        means: notify("check-sync"),
        address: target.ip(),
        sip: SipAim {
            user: "200".into(),
            domain: "example.net".into(),
            port: target.port(),
            transport: SipTransport::Udp,
            credentials: credentials(username),
            via: None,
        },
        web: WebAim {
            port: 80,
            credentials: None,
            may_show_password: false,
        },
    }
}

fn by_tcp(mut job: ControlJob) -> ControlJob {
    job.sip.transport = SipTransport::Tcp;
    job
}

impl Bench {
    async fn outcome(&mut self, job: ControlJob) -> ControlOutcome {
        self.jobs.send(job).unwrap();
        self.results.recv().await.unwrap().1
    }
}

/// A listener that deals with one connection after the other; `serve` gets the requests of one and
/// says what to write, and whether to go on.
async fn listener(
    mut serve: impl FnMut(usize, &Message) -> (Vec<u8>, bool) + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut count = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut messages = MessageStream::default();
            let mut bytes = [0; 1000];
            'connection: loop {
                let length = stream.read(&mut bytes).await.unwrap_or(0);
                if length == 0 {
                    break;
                }
                messages.push(&bytes[..length]);
                while let Some(message) = messages.next_message().unwrap() {
                    let (answer, goes_on) = serve(count, &message);
                    count += 1;
                    for piece in answer.chunks(50) {
                        if stream.write_all(piece).await.is_err() {
                            break 'connection;
                        }
                    }
                    if !goes_on {
                        break 'connection;
                    }
                }
            }
        }
    });
    address
}

/// A response with the fields of its request.
fn response(status: &str, request: &Message, more: &str, body: &str) -> Vec<u8> {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let value = request.headers.first(name).unwrap();
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = body.len();
    format!("{text}{more}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A phone that answers every NOTIFY; with a challenge when it has a user.
async fn phone(user: Option<&str>) -> SocketAddr {
    let mut server = NotifyServer::new(|event| event == "check-sync");
    if let Some(user) = user {
        let credentials = Credentials {
            username: user.into(),
            password: Secret::new("verbena"),
        };
        server = server.with_challenge(credentials, [7; 64]);
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut datagram = vec![0; MAXIMUM_MESSAGE];
        loop {
            let (length, source) = socket.recv_from(&mut datagram).await.unwrap();
            let now = Timestamp::UNIX_EPOCH;
            if let Received::Request { response, .. } =
                server.on_datagram(&datagram[..length], source, "t", now)
            {
                socket.send_to(b"\r\n\r\n", source).await.unwrap();
                socket.send_to(&response, source).await.unwrap();
            }
        }
    });
    address
}

#[tokio::test]
async fn phones_accept_and_refuse_over_one_socket() {
    let mut bench = bench().await;
    let (open, guarded) = (phone(None).await, phone(Some("200")).await);
    bench.jobs.send(job(1, open, "")).unwrap();
    bench.jobs.send(job(2, guarded, "200")).unwrap();
    bench.jobs.send(job(3, guarded, "201")).unwrap();
    bench.jobs.send(job(4, guarded, "")).unwrap();
    let mut unknown_event = job(5, open, "");
    unknown_event.means = notify("brew");
    bench.jobs.send(unknown_event).unwrap();
    let mut results = Vec::new();
    for _ in 0..5 {
        results.push(bench.results.recv().await.unwrap());
    }
    results.sort_by_key(|(id, _)| *id);
    assert_eq!(
        results,
        [
            (1, ControlOutcome::Accepted),
            (2, ControlOutcome::Accepted),
            (3, ControlOutcome::Refused { status: 401 }),
            (4, ControlOutcome::Refused { status: 401 }),
            (5, ControlOutcome::Refused { status: 489 }),
        ]
    );
}

#[tokio::test]
async fn a_result_that_waits_behind_a_job_stops_neither() {
    let mut bench = bench().await;
    let slow = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = slow.local_addr().unwrap();
    bench.jobs.send(job(1, address, "")).unwrap();
    let mut datagram = vec![0; MAXIMUM_MESSAGE];
    let (length, source) = slow.recv_from(&mut datagram).await.unwrap();
    let turn = Arc::clone(&bench.turn).lock_owned().await;
    bench.jobs.send(job(2, phone(None).await, "")).unwrap();
    while bench.taken.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let mut server = NotifyServer::new(|event| event == "check-sync");
    let request = &datagram[..length];
    let received = server.on_datagram(request, source, "t", Timestamp::UNIX_EPOCH);
    let Received::Request { response, .. } = received else {
        panic!("no request");
    };
    slow.send_to(&response, source).await.unwrap();
    // Time for the answer to arrive, and for its result to stand behind the second job.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    drop(turn);
    for _ in 0..2 {
        let result = tokio::time::timeout(Duration::from_secs(10), bench.results.recv()).await;
        let (_, outcome) = result.expect("the sender stands still").unwrap();
        assert_eq!(outcome, ControlOutcome::Accepted);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_so() {
    let mut bench = bench().await;
    // From a socket of 127.0.0.1 there is none.
    let address = "192.0.2.1:5060".parse().unwrap();
    let outcome = bench.outcome(job(1, address, "")).await;
    let ControlOutcome::NotSent { reason } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        reason.starts_with("sending to 192.0.2.1:5060: "),
        "{reason}"
    );
    // A port that nobody listens on.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let outcome = bench.outcome(by_tcp(job(2, address, ""))).await;
    assert!(
        matches!(outcome, ControlOutcome::NotSent { .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_shutdown_gives_back_the_jobs_that_run_and_takes_no_others() {
    let mut bench = bench().await;
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let most = u64::try_from(MAXIMUM_RUNNING).unwrap();
    for id in 0..most + 10 {
        bench.jobs.send(job(id, address, "")).unwrap();
    }
    while bench.taken.lock().unwrap().len() < MAXIMUM_RUNNING {
        tokio::task::yield_now().await;
    }
    bench.shutdown.cancel();
    let taken = bench.sender.await.unwrap();
    assert_eq!(taken, (0..most).collect::<Vec<_>>());
    let mut back = Vec::new();
    while let Some((id, outcome)) = bench.results.recv().await {
        assert_eq!(outcome, ControlOutcome::NoAnswer);
        back.push(id);
    }
    back.sort_unstable();
    assert_eq!(back, taken);
}

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"phone\", nonce=\"abc\", qop=\"auth\"\r\n";

#[tokio::test]
async fn by_tcp_a_challenge_is_answered_also_when_the_phone_closes_in_between() {
    for goes_on in [true, false] {
        let mut bench = bench().await;
        let phone = listener(move |_, request| {
            let shown = request.headers.first("Authorization");
            let is_right = shown.is_some_and(|shown| shown.contains("username=\"200\""));
            let via = request.headers.first("Via").unwrap();
            assert!(via.starts_with("SIP/2.0/TCP 127.0.0.1:"), "{via}");
            match is_right {
                true => (response("200 OK", request, "", ""), true),
                false => (response("401 Who", request, CHALLENGE, ""), goes_on),
            }
        })
        .await;
        let outcome = bench.outcome(by_tcp(job(1, phone, "200"))).await;
        assert_eq!(outcome, ControlOutcome::Accepted, "{goes_on}");
    }
}

#[tokio::test]
async fn by_tcp_a_phone_that_lies_is_heard_out_and_no_longer() {
    let mut bench = bench().await;
    // A challenge again and again.
    let looping = listener(|_, request| (response("401 Who", request, CHALLENGE, ""), true)).await;
    let outcome = bench.outcome(by_tcp(job(1, looping, "200"))).await;
    assert_eq!(outcome, ControlOutcome::Refused { status: 401 });
    // Another's answer, a provisional one, then a long one.
    let long = listener(|_, request| {
        let mut all = response("200 OK", request, "", "");
        all = String::from_utf8(all)
            .unwrap()
            .replace(request.call_id().unwrap(), "another")
            .into_bytes();
        all.extend(response("100 Trying", request, "", ""));
        all.extend(response("200 OK", request, "", &"x".repeat(60_000)));
        (all, true)
    })
    .await;
    let outcome = bench.outcome(by_tcp(job(2, long, ""))).await;
    assert_eq!(outcome, ControlOutcome::Accepted);
    // More than a message may have.
    let endless = listener(|_, request| {
        let body = "x".repeat(MAXIMUM_MESSAGE);
        (response("200 OK", request, "", &body), true)
    })
    .await;
    let outcome = bench.outcome(by_tcp(job(3, endless, ""))).await;
    assert!(
        matches!(outcome, ControlOutcome::Unexpected { .. }),
        "{outcome:?}"
    );
    // A redirection, and a hang-up.
    let elsewhere = listener(|_, request| {
        let contact = "Contact: <sip:200@192.0.2.66>\r\n";
        (response("302 Moved", request, contact, ""), true)
    })
    .await;
    let outcome = bench.outcome(by_tcp(job(4, elsewhere, ""))).await;
    assert_eq!(outcome, ControlOutcome::Refused { status: 302 });
    let rude = listener(|_, _| (Vec::new(), false)).await;
    let outcome = bench.outcome(by_tcp(job(5, rude, ""))).await;
    assert_eq!(outcome, ControlOutcome::NoAnswer);
}

#[tokio::test]
async fn an_answer_from_another_address_is_none() {
    let mut bench = bench().await;
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let address = phone.local_addr().unwrap();
    bench.jobs.send(job(1, address, "")).unwrap();
    let mut datagram = vec![0; MAXIMUM_MESSAGE];
    let (length, source) = phone.recv_from(&mut datagram).await.unwrap();
    let request = Message::parse(&datagram[..length]).unwrap();
    let refusal = response("603 Decline", &request, "", "");
    other.send_to(&refusal, source).await.unwrap();
    let long = response("200 OK", &request, "", &"x".repeat(60_000));
    // The refusal is there first: loopback keeps the order.
    phone.send_to(&long, source).await.unwrap();
    let (_, outcome) = bench.results.recv().await.unwrap();
    assert_eq!(outcome, ControlOutcome::Accepted);
}

#[tokio::test]
async fn through_a_proxy_the_account_is_named_and_both_challenges_are_answered() {
    let mut bench = bench().await;
    let proxy = listener(|count, request| {
        let StartLine::Request { uri, .. } = &request.start else {
            panic!("{request:?}");
        };
        assert_eq!(uri, "sip:200@example.net");
        let route = request.headers.first("Route").unwrap();
        assert!(route.ends_with(";transport=tcp;lr>"), "{route}");
        let shown = |name: &str| request.headers.first(name).unwrap_or_default().to_owned();
        match count {
            0 => {
                let challenge = CHALLENGE.replace("WWW-", "Proxy-");
                (response("407 Who", request, &challenge, ""), true)
            }
            1 => {
                assert!(shown("Proxy-Authorization").contains("username=\"gateway\""));
                (response("401 Who", request, CHALLENGE, ""), true)
            }
            _ => {
                assert!(shown("Proxy-Authorization").contains("username=\"gateway\""));
                assert!(shown("Authorization").contains("username=\"200\""));
                (response("202 Fine", request, "", ""), true)
            }
        }
    })
    .await;
    let nobody = "192.0.2.1:5060".parse().unwrap();
    let mut through = job(1, nobody, "200");
    through.sip.via = Some(SipVia {
        proxy: format!("sip:{proxy};transport=tcp;lr").parse().unwrap(),
        credentials: Some(credentials("gateway")),
    });
    assert_eq!(bench.outcome(through).await, ControlOutcome::Accepted);
}

#[tokio::test]
async fn a_phone_with_an_ipv6_address_is_told() {
    let Ok(phone) = UdpSocket::bind("[::1]:0").await else {
        println!("skipped: no IPv6 on loopback");
        return;
    };
    let mut bench = bench().await;
    let address = phone.local_addr().unwrap();
    bench.jobs.send(job(1, address, "")).unwrap();
    let mut datagram = vec![0; MAXIMUM_MESSAGE];
    let (length, source) = phone.recv_from(&mut datagram).await.unwrap();
    let request = Message::parse(&datagram[..length]).unwrap();
    let via = request.headers.first("Via").unwrap();
    assert!(via.starts_with("SIP/2.0/UDP [::1]:"), "{via}");
    let accepted = response("200 OK", &request, "", "");
    phone.send_to(&accepted, source).await.unwrap();
    let (_, outcome) = bench.results.recv().await.unwrap();
    assert_eq!(outcome, ControlOutcome::Accepted);
}
