//! A hyper client that sends what it was given.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use trestle::sim::quick_acs::QuickAcs;

/// One request to send.
#[derive(Clone)]
struct Prepared {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Exchanges these requests so many times, some at once, over a new connection each time.
pub(crate) async fn exchange(acs: &QuickAcs, requests: &[String], sessions: usize, at_once: usize) {
    let prepared: Vec<Prepared> = requests.iter().map(|request| prepare(request)).collect();
    let before = acs.counts().sessions;
    let mut running = JoinSet::new();
    for _ in 0..sessions {
        while running.len() >= at_once {
            running
                .join_next()
                .await
                .expect("one runs")
                .expect("no panic");
        }
        running.spawn(session(acs.address(), prepared.clone()));
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("no panic");
    }
    assert_eq!(acs.counts().sessions - before, sessions as u64);
}

async fn session(address: SocketAddr, requests: Vec<Prepared>) {
    let stream = TcpStream::connect(address).await.expect("the ACS listens");
    stream.set_nodelay(true).expect("a socket");
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .expect("a connection");
    let connection = tokio::spawn(connection);
    for Prepared {
        path,
        headers,
        body,
    } in requests
    {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .body(Full::new(body))
            .expect("a request");
        *request.headers_mut() = headers;
        sender.ready().await.expect("an open connection");
        let response = sender.send_request(request).await.expect("an answer");
        response.into_body().collect().await.expect("its body");
    }
    drop(sender);
    // It ends because nobody can send any more.
    let _ = connection.await;
}

fn prepare(request: &str) -> Prepared {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let line = lines.next().expect("a request line");
    let path = line.split(' ').nth(1).expect("a path").to_owned();
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    Prepared {
        path,
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}
