//! The listener for connection requests, asked over real sockets.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::wire::Secret;
use crate::wire::digest::{Challenge, ClientState};

/// Knows two devices, `one` and `two`, with a password each.
#[derive(Clone)]
struct TwoDevices {
    woken: Arc<UnboundedSender<Mac>>,
    admitted: Arc<Mutex<HashSet<Mac>>>,
}

fn mac(segment: &str) -> Option<Mac> {
    match segment {
        "one" => "00aabb000001".parse().ok(),
        "two" => "00aabb000002".parse().ok(),
        _ => None,
    }
}

impl Switchboard for TwoDevices {
    fn target(
        &self,
        segment: String,
    ) -> impl Future<Output = Option<ConnectionRequestTarget>> + Send + 'static {
        let target = mac(&segment).map(|mac| ConnectionRequestTarget {
            mac,
            credentials: Credentials {
                username: "acs".into(),
                password: Secret::new(format!("password of {segment}")),
            },
        });
        async move { target }
    }

    fn admit(&self, mac: Mac, rules: WakingRules) -> Admission {
        let is_first = self.admitted.lock().unwrap().insert(mac);
        if is_first || rules.throttle.is_none() {
            Admission::Admitted
        } else {
            Admission::Throttled
        }
    }

    fn wake(&self, mac: Mac) -> impl Future<Output = ()> + Send + 'static {
        let woken = Arc::clone(&self.woken);
        async move {
            let _ = woken.send(mac);
        }
    }
}

struct Running {
    address: SocketAddr,
    woken: UnboundedReceiver<Mac>,
    shutdown: CancellationToken,
    ended: tokio::task::JoinHandle<io::Result<()>>,
}

fn start(authentication: bool) -> Running {
    start_with(ConnectionRequestSettings {
        authentication,
        ..ConnectionRequestSettings::default()
    })
}

fn start_with(settings: ConnectionRequestSettings) -> Running {
    let (woken, receiver) = unbounded_channel();
    let settings = ConnectionRequestSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..settings
    };
    let switchboard = TwoDevices {
        woken: Arc::new(woken),
        admitted: Arc::default(),
    };
    let server = ConnectionRequestServer::bind_to(switchboard, &settings).unwrap();
    let address = server.addresses()[0];
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(server.run(shutdown.clone()));
    Running {
        address,
        woken: receiver,
        shutdown,
        ended,
    }
}

impl Running {
    /// Sends raw bytes and reads the head of the answer.
    async fn raw(&self, stream: &mut TcpStream, request: &str) -> String {
        // The server may refuse before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(head).unwrap()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn once(&self, request: &str) -> String {
        self.raw(&mut self.connect().await, request).await
    }

    /// A GET that answers the challenge on the same connection; the last answer.
    async fn get(&self, path: &str, uri: &str, username: &str, password: &str) -> String {
        let mut stream = self.connect().await;
        let first = self.raw(&mut stream, &request("GET", path, "")).await;
        let mut client = client(&first);
        let credentials = Credentials {
            username: username.into(),
            password: Secret::new(password),
        };
        let value = client.answer("GET", uri, b"", &credentials, "c0");
        let header = format!("Authorization: {value}\r\n");
        self.raw(&mut stream, &request("GET", path, &header)).await
    }

    /// Stops the server, and says who was woken.
    async fn stop(mut self) -> Vec<Mac> {
        self.shutdown.cancel();
        self.ended.await.unwrap().unwrap();
        let mut woken = Vec::new();
        // The wake-up of the last request may still be under way.
        while let Some(mac) = self.woken.recv().await {
            woken.push(mac);
        }
        woken
    }
}

fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
}

fn client(answer: &str) -> ClientState {
    let challenge = answer
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("www-authenticate")
                .then_some(value)
        })
        .unwrap_or_else(|| panic!("no challenge in {answer}"));
    ClientState::new(
        Challenge::parse_all([challenge])
            .into_iter()
            .next()
            .unwrap(),
    )
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("cut")
}

#[tokio::test]
async fn c157_c158_a_challenge_and_then_200_with_an_empty_body() {
    let server = start(true);
    let first = server.once(&request("GET", "/one", "")).await;
    let second = server.once(&request("GET", "/one", "")).await;
    assert_eq!(status(&first), "401");
    for part in [
        "realm=\"trestle\"",
        "qop=\"auth\"",
        "algorithm=MD5",
        "nonce=",
    ] {
        assert!(first.contains(part), "{first}");
    }
    assert_ne!(first, second, "the nonce is fresh");
    let answer = server.get("/one", "/one", "acs", "password of one").await;
    assert_eq!(status(&answer), "200");
    assert!(
        answer.to_lowercase().contains("content-length: 0"),
        "{answer}"
    );
    assert_eq!(server.stop().await, [mac("one").unwrap()]);
}

#[tokio::test]
async fn c159_wrong_credentials_get_401_and_wake_nobody() {
    let server = start(true);
    for (path, uri, username, password) in [
        ("/one", "/one", "other", "password of one"),
        ("/one", "/one", "acs", "wrong"),
        ("/one", "/two", "acs", "password of one"),
        ("/one", "/one", "acs", "password of two"),
    ] {
        let answer = server.get(path, uri, username, password).await;
        assert_eq!(status(&answer), "401", "{path} {uri} {username} {password}");
    }
    let basic = "Authorization: Basic YWNzOnBhc3N3b3JkIG9mIG9uZQ==\r\n";
    let answer = server.once(&request("GET", "/one", basic)).await;
    assert_eq!(status(&answer), "401");
    assert_eq!(server.stop().await, []);
}

#[tokio::test]
async fn c160_a_replay_is_challenged_with_stale() {
    let server = start(true);
    let mut stream = server.connect().await;
    let first = server.raw(&mut stream, &request("GET", "/one", "")).await;
    let credentials = Credentials {
        username: "acs".into(),
        password: Secret::new("password of one"),
    };
    let value = client(&first).answer("GET", "/one", b"", &credentials, "c0");
    let good = request("GET", "/one", &format!("Authorization: {value}\r\n"));
    assert_eq!(status(&server.once(&good).await), "200");
    let replayed = server.once(&good).await;
    assert_eq!(status(&replayed), "401");
    assert!(replayed.contains("stale=true"), "{replayed}");
    assert_eq!(server.stop().await.len(), 1);
}

#[tokio::test]
async fn c163_what_is_not_admitted_gets_503_without_retry_after_and_only_with_credentials() {
    let server = start_with(ConnectionRequestSettings {
        throttle: Some("1/60".parse().unwrap()),
        ..ConnectionRequestSettings::default()
    });
    let answer = server.get("/one", "/one", "acs", "password of one").await;
    assert_eq!(status(&answer), "200");
    let answer = server.get("/one", "/one", "acs", "password of one").await;
    assert_eq!(status(&answer), "503");
    assert!(!answer.to_lowercase().contains("retry-after"), "{answer}");
    let answer = server.get("/one", "/one", "acs", "wrong").await;
    assert_eq!(status(&answer), "401");
    assert_eq!(server.stop().await.len(), 1);
}

#[tokio::test]
async fn c165_odd_requests_get_an_error_and_the_listener_lives() {
    let server = start(false);
    let long = format!("/{}", "x".repeat(16 * 1024));
    let headers = "X-Filler: ".to_owned() + &"y".repeat(100 * 1024) + "\r\n";
    for (request, expected) in [
        (
            request("POST", "/one", "Content-Length: 4\r\n") + "body",
            "405",
        ),
        (request("HEAD", "/one", ""), "405"),
        (request("DELETE", "/one", ""), "405"),
        (request("GET", "/three", ""), "404"),
        (request("GET", "/", ""), "404"),
        (request("GET", "/one/", ""), "404"),
        (request("GET", "/one/two", ""), "404"),
        (request("GET", "//one", ""), "404"),
        (request("GET", &long, ""), "414"),
        (request("GET", "/one", &headers), "431"),
        ("rubbish\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = server.once(&request).await;
        let line: String = request.chars().take(40).collect();
        assert_eq!(status(&answer), expected, "{line}");
    }
    let answer = server.once(&request("GET", "/two?ignored=1", "")).await;
    assert_eq!(status(&answer), "200");
    assert_eq!(server.stop().await, [mac("two").unwrap()]);
}

#[tokio::test]
async fn c161_every_good_request_is_answered() {
    let server = start(true);
    for _ in 0..5 {
        let answer = server.get("/one", "/one", "acs", "password of one").await;
        assert_eq!(status(&answer), "200");
    }
    assert_eq!(server.stop().await.len(), 5);
}

#[tokio::test]
async fn c212_many_connections_at_once_are_all_answered() {
    let server = start(true);
    let mut streams = Vec::new();
    for _ in 0..500 {
        streams.push(server.connect().await);
    }
    for stream in &mut streams {
        let line = request("GET", "/one", "");
        stream.write_all(line.as_bytes()).await.unwrap();
    }
    for stream in &mut streams {
        assert_eq!(status(&server.raw(stream, "").await), "401");
    }
    assert_eq!(server.stop().await, []);
}

#[tokio::test]
async fn a_taken_port_is_named_in_the_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (woken, _receiver) = unbounded_channel();
    let switchboard = TwoDevices {
        woken: Arc::new(woken),
        admitted: Arc::default(),
    };
    let listen = taken.local_addr().unwrap();
    let settings = ConnectionRequestSettings {
        listen,
        ..ConnectionRequestSettings::default()
    };
    let error = ConnectionRequestServer::bind_to(switchboard, &settings)
        .err()
        .unwrap();
    assert!(error.to_string().contains(&listen.to_string()), "{error}");
}
