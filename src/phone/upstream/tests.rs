//! The client for the old server, against one that says what a test wants.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::gateway::FetchRequest;
use crate::wire::{Credentials, Secret};

/// An old server that writes what the script says for each request, and closes.
struct Old {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Old {
    async fn start(script: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let answer = script(&head);
                seen.lock().unwrap().push(head);
                stream.write_all(answer.as_bytes()).await.unwrap();
                // An answer without any text is none.
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
            }
        });
        Self { address, heads }
    }

    fn server(&self, path: &str, username: &str) -> OldServer {
        let settings = UpstreamSettings {
            url: format!("http://{}{path}", self.address).parse().unwrap(),
            mode: UpstreamMode::Miss,
            credentials: Credentials {
                username: username.to_owned(),
                password: Secret::new("pw"),
            },
            ca_file: PathBuf::new(),
        };
        OldServer::new(&settings).unwrap()
    }

    async fn ask(&self, target: &str) -> Result<OldAnswer, OldServerError> {
        let question = Question {
            target: target.to_owned(),
            ..Question::of_path("")
        };
        self.server("/", "").ask(&question, Patience::LONG).await
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn file(body: &'static str, protected: bool) -> OldAnswer {
    let body = body.as_bytes().into();
    OldAnswer::File { body, protected }
}

#[tokio::test]
async fn a_request_goes_on_as_the_phone_has_written_it() {
    let old = Old::start(|_| ok("P1=2")).await;
    let mut request = FetchRequest::new("a b.cfg", old.address);
    request.user_agent = Some("Phone 1.0".to_owned());
    request.shown.target = "/a%20b.cfg?v=%41".to_owned();
    request.shown.authorization = Some(Secret::new("Basic eDp5"));
    let question = Question::of(&request);
    let answer = old
        .server("/prov/", "")
        .ask(&question, Patience::LONG)
        .await;
    assert_eq!(answer.unwrap(), file("P1=2", true));
    let head = old.heads.lock().unwrap()[0].clone();
    assert!(
        head.starts_with("GET /prov/a%20b.cfg?v=%41 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("User-Agent: Phone 1.0\r\n"), "{head}");
    assert!(head.contains("Authorization: Basic eDp5\r\n"), "{head}");
    // By TFTP there is a name only.
    let mut by_tftp = FetchRequest::new("site 1/ä.cfg", old.address);
    by_tftp.transport = crate::gateway::Transport::Tftp;
    by_tftp.shown.target = "/site 1/ä.cfg".to_owned();
    assert_eq!(Question::of(&by_tftp).target, "/site%201/%C3%A4.cfg");
}

#[tokio::test]
async fn redirects_are_followed_within_the_host_and_not_for_ever() {
    let redirect = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n");
    let old = Old::start(move |head| match head.split(' ').nth(1) {
        Some("/a") => redirect("/b"),
        Some("/b") => ok("there"),
        Some("/away") => redirect("http://localhost:1/b"),
        _ => redirect("/circle"),
    })
    .await;
    assert_eq!(old.ask("/a").await.unwrap(), file("there", false));
    for target in ["/away", "/circle"] {
        let error = old.ask(target).await.unwrap_err();
        assert!(
            matches!(error, OldServerError::Redirect),
            "{target}: {error}"
        );
        assert!(!error.is_outage());
    }
    assert_eq!(old.heads.lock().unwrap().len(), 2 + 1 + 4);
}

#[tokio::test]
async fn a_challenge_is_answered_by_the_credentials_of_the_settings_or_by_the_phone() {
    let old = Old::start(|head| match head.contains("Authorization: Basic bWU6cHc=") {
        true => ok("secret"),
        false => "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"f\"\r\nContent-Length: 0\r\n\r\n"
            .to_owned(),
    })
    .await;
    let mut question = Question::of_path("own.cfg");
    let ask = |username: &'static str, question: Question| {
        let server = old.server("/", username);
        async move { server.ask(&question, Patience::LONG).await.unwrap() }
    };
    let challenge = OldAnswer::Challenge(vec!["Basic realm=\"f\"".to_owned()]);
    assert_eq!(ask("", question.clone()).await, challenge);
    assert_eq!(ask("me", question.clone()).await, file("secret", true));
    assert_eq!(ask("nobody", question.clone()).await, challenge);
    question.authorization = Some(Secret::new("Basic bWU6cHc="));
    assert_eq!(ask("", question).await, file("secret", true));
}

#[tokio::test]
async fn half_a_file_and_a_packed_one_are_no_files() {
    let old = Old::start(|head| match head.split(' ').nth(1) {
        Some("/half") => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_owned(),
        Some("/packed") => {
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx".to_owned()
        }
        _ => "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
    })
    .await;
    let error = old.ask("/half").await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    let error = old.ask("/packed").await.unwrap_err();
    assert!(matches!(error, OldServerError::Encoded(_)), "{error}");
    assert_eq!(old.ask("/none").await.unwrap(), OldAnswer::Nothing(404));
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    let old = Old::start(|_| String::new()).await;
    let patience = Patience {
        head: Duration::from_millis(50),
        body: Duration::from_millis(50),
        tftp: Duration::from_millis(50),
    };
    let question = Question::of_path("own.cfg");
    let error = old
        .server("/", "")
        .ask(&question, patience)
        .await
        .unwrap_err();
    assert!(matches!(error, OldServerError::Silent { .. }), "{error}");
    assert!(error.is_outage());
}

#[tokio::test]
async fn a_tftp_server_that_says_nothing_is_not_waited_for() {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let settings = UpstreamSettings {
        url: format!("tftp://{}/prov/", socket.local_addr().unwrap())
            .parse()
            .unwrap(),
        mode: UpstreamMode::Miss,
        credentials: Credentials::default(),
        ca_file: PathBuf::new(),
    };
    let server = OldServer::new(&settings).unwrap();
    let patience = Patience {
        tftp: Duration::from_millis(50),
        ..Patience::SHORT
    };
    let question = Question::of_path("site 1/own.cfg");
    let error = server.ask(&question, patience).await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    let mut request = [0; 100];
    let length = socket.recv(&mut request).await.unwrap();
    let name = b"\0\x01prov/site 1/own.cfg\0octet\0";
    assert!(request[..length].starts_with(name));
}

#[test]
fn a_url_that_is_of_no_use_is_refused_without_showing_it() {
    for url in [
        "ftp://old.example.net/",
        "http://me:hunter2@old.example.net/",
        "http://old.example.net/?x=hunter2",
    ] {
        let error = OldServer::check_url(&url.parse().unwrap()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("phones.upstream"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
