//! The peer of a session: a hyper client that sends what it is given, in a process of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::workshop::AT_ONCE;
use crate::cli::exit::{CommandError, Ending};

/// One request to send.
#[derive(Clone)]
struct Prepared {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Sends the requests of one session again and again for so long, some sessions at once, each over a
/// connection of its own. The requests stand in a file, a JSON list of texts.
pub(super) async fn run(
    requests: &Path,
    address: SocketAddr,
    time: Duration,
) -> Result<Ending, CommandError> {
    let requests: Vec<String> = serde_json::from_slice(&fs::read(requests)?)?;
    let requests: Option<Vec<Prepared>> = requests.iter().map(|one| prepare(one)).collect();
    let requests = requests.ok_or_else(|| CommandError::new("a request has no head"))?;
    let started = Instant::now();
    let mut running = JoinSet::new();
    while started.elapsed() < time {
        while running.len() < usize::from(AT_ONCE) {
            running.spawn(session(address, requests.clone()));
        }
        ended(running.join_next().await)?;
    }
    while let Some(one) = running.join_next().await {
        ended(Some(one))?;
    }
    Ok(Ending::Clean)
}

type Joined = Result<Result<(), CommandError>, tokio::task::JoinError>;

fn ended(one: Option<Joined>) -> Result<(), CommandError> {
    match one {
        Some(joined) => joined?,
        None => Ok(()),
    }
}

async fn session(address: SocketAddr, requests: Vec<Prepared>) -> Result<(), CommandError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await?;
    let connection = tokio::spawn(connection);
    for prepared in requests {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(prepared.path)
            .body(Full::new(prepared.body))?;
        *request.headers_mut() = prepared.headers;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        response.into_body().collect().await?;
    }
    drop(sender);
    // It ends because nobody can send any more.
    let _ = connection.await;
    Ok(())
}

fn prepare(request: &str) -> Option<Prepared> {
    let (head, body) = request.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some(Prepared {
        path,
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    })
}
