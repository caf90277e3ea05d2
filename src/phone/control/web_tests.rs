//! Requests to a phone's web server, and what such servers answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::web::{MAXIMUM_BODY, tell};
use crate::gateway::{ControlOutcome, WebAim};
use crate::mapping::{HttpBody, HttpStep};
use crate::wire::{Credentials, Secret};

/// A web server that gives its answers out in turn, and keeps what it was asked.
struct Phone {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn phone(answers: &[&str]) -> Phone {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut bytes = [0; 4096];
            while !is_whole(&request) {
                let length = stream.read(&mut bytes).await.unwrap();
                assert!(length > 0, "half a request");
                request.extend_from_slice(&bytes[..length]);
            }
            kept.lock()
                .unwrap()
                .push(String::from_utf8(request).unwrap());
            // Who has read enough closes.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Phone { address, asked }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

impl Phone {
    async fn told(&self, steps: &[HttpStep], may_show_password: bool) -> ControlOutcome {
        let aim = WebAim {
            port: self.address.port(),
            credentials: Some(Credentials {
                username: "admin".to_owned(),
                password: Secret::new("p&w \"{sid}"),
            }),
            may_show_password,
        };
        tell(self.address.ip(), &aim, steps).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn get(target: &str) -> HttpStep {
    HttpStep {
        method: "GET",
        target: target.to_owned(),
        body: HttpBody::None,
        take: Vec::new(),
    }
}

fn login() -> HttpStep {
    HttpStep {
        method: "POST",
        target: "/cgi-bin/dologin".to_owned(),
        body: HttpBody::Form(vec![("password".to_owned(), "{password}".to_owned())]),
        take: vec![("sid".to_owned(), "/body/sid".to_owned())],
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const DIGEST: &str = "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"phone\", nonce=\"n\", \
    qop=\"auth\"\r\nWWW-Authenticate: Basic realm=\"phone\"\r\nContent-Length: 0\r\n\r\n";
const BASIC: &str =
    "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"phone\"\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_login_is_carried_through_the_requests_that_follow() {
    let json = "{\"body\":{\"sid\":\"a b/c\"}}";
    let first = format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: session=77; Path=/\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    );
    let phone = phone(&[&first, OK, OK]).await;
    let last = HttpStep {
        body: HttpBody::Json("{\"x\":{\"pass\":\"{password}\"}}".to_owned()),
        ..login()
    };
    let steps = [
        login(),
        get("/api?request=REBOOT&sid={sid}"),
        HttpStep {
            take: Vec::new(),
            ..last
        },
    ];
    assert_eq!(phone.told(&steps, true).await, ControlOutcome::Accepted);
    let asked = phone.asked();
    assert!(
        asked[0].ends_with("\r\n\r\npassword=p%26w+%22%7Bsid%7D"),
        "{}",
        asked[0]
    );
    assert!(
        asked[1].starts_with("GET /api?request=REBOOT&sid=a%20b%2Fc HTTP/1.1\r\n"),
        "{}",
        asked[1]
    );
    assert!(asked[1].contains("session=77"), "{}", asked[1]);
    assert!(
        asked[2].ends_with("{\"x\":{\"pass\":\"p&w \\\"{sid}\"}}"),
        "what is put in is not looked through: {}",
        asked[2]
    );
}

#[tokio::test]
async fn a_digest_challenge_is_answered_once() {
    let right = phone(&[DIGEST, OK]).await;
    let steps = [get("/rb_phone.htm")];
    assert_eq!(right.told(&steps, false).await, ControlOutcome::Accepted);
    let asked = right.asked();
    let shown = asked[1].to_ascii_lowercase();
    assert!(
        shown.contains("authorization: digest username=\"admin\""),
        "{shown}"
    );
    assert!(!shown.contains("basic"), "{shown}");
    let never = phone(&[DIGEST, DIGEST, DIGEST]).await;
    let refused = ControlOutcome::Refused { status: 401 };
    assert_eq!(never.told(&steps, false).await, refused);
    assert_eq!(never.asked().len(), 2);
}

#[tokio::test]
async fn a_password_is_sent_as_it_is_only_where_that_is_allowed() {
    let steps = [get("/rb_phone.htm")];
    let asks = phone(&[BASIC, OK]).await;
    let refused = ControlOutcome::Refused { status: 401 };
    assert_eq!(asks.told(&steps, false).await, refused);
    let asks = phone(&[BASIC, OK]).await;
    assert_eq!(asks.told(&steps, true).await, ControlOutcome::Accepted);
    assert!(asks.asked()[1].contains("Basic YWRtaW46"));
}

#[tokio::test]
async fn a_login_page_a_redirection_and_an_endless_answer_are_no_yes() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>";
    let login_page = phone(&[page]).await;
    let outcome = login_page.told(&[login(), get("/x")], true).await;
    assert!(
        matches!(outcome, ControlOutcome::Unexpected { .. }),
        "{outcome:?}"
    );
    let empty = phone(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]).await;
    let outcome = empty.told(&[login()], true).await;
    assert!(
        matches!(outcome, ControlOutcome::Unexpected { .. }),
        "{outcome:?}"
    );
    let elsewhere =
        "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.66/\r\nContent-Length: 0\r\n\r\n";
    let elsewhere = phone(&[elsewhere, OK]).await;
    let outcome = elsewhere.told(&[get("/x")], true).await;
    assert_eq!(outcome, ControlOutcome::Refused { status: 302 });
    assert_eq!(elsewhere.asked().len(), 1);
    let endless = "x".repeat(MAXIMUM_BODY + 1);
    let endless = phone(&[&format!("HTTP/1.1 200 OK\r\n\r\n{endless}")]).await;
    let outcome = endless.told(&[get("/x")], true).await;
    assert!(
        matches!(outcome, ControlOutcome::Unexpected { .. }),
        "{outcome:?}"
    );
    let no_http = phone(&["SIP/2.0 200 OK\r\n\r\n"]).await;
    let outcome = no_http.told(&[get("/x")], true).await;
    assert_eq!(outcome, ControlOutcome::NoAnswer);
}

#[tokio::test]
async fn nobody_is_asked_without_a_login_where_one_is_needed() {
    let aim = WebAim {
        port: 1,
        credentials: None,
        may_show_password: true,
    };
    let outcome = tell([127, 0, 0, 1].into(), &aim, &[login()]).await;
    assert!(
        matches!(outcome, ControlOutcome::NotSent { .. }),
        "{outcome:?}"
    );
}
