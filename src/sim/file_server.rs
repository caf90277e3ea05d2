//! A file server for Download and Upload: files in memory, and every way to fail.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::acs::Reply;
use super::acs::digest::{Authentication, NonceBook};
use super::acs::http::{Connection, Header, Request};

/// A running file server; it stops when this is dropped.
pub struct FileServer {
    shared: Arc<Shared>,
    base: String,
    acceptor: JoinHandle<()>,
}

/// What a path answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// GET gives these bytes; PUT is stored.
    Serve(Vec<u8>),
    /// As [`Behaviour::Serve`], after a while.
    Slow {
        /// The whole file.
        content: Vec<u8>,
        /// How long every answer waits.
        wait: Duration,
    },
    /// Any request gets this status.
    Status(u16),
    /// GET announces these bytes and breaks off after so many of them.
    Cut {
        /// The whole file.
        content: Vec<u8>,
        /// How many of its bytes are sent.
        after: usize,
    },
    /// The connection is closed without an answer.
    Close,
}

/// One request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRequest {
    /// When.
    pub at: Instant,
    /// `GET`, `PUT`.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Header lines.
    pub headers: Vec<Header>,
    /// The body of a PUT.
    pub body: Vec<u8>,
    /// The status it was answered with; 0 for none.
    pub status: u16,
}

impl FileServer {
    /// Starts to listen on a free port of the loopback address; TLS when certificates are given.
    pub async fn start(tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<Self> {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let listener = TcpListener::bind(address).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let acceptor = tokio::spawn(accept(
            listener,
            tls.map(TlsAcceptor::from),
            Arc::clone(&shared),
        ));
        Ok(Self {
            shared,
            base,
            acceptor,
        })
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Says what a path answers, and what must be shown for it. A path never set answers GET with
    /// 404 and stores a PUT.
    pub fn set(&self, path: &str, behaviour: Behaviour, authentication: Option<Authentication>) {
        let place = Place {
            behaviour: Some(behaviour),
            authentication,
            nonces: NonceBook::default(),
        };
        self.shared.state().places.insert(path.to_owned(), place);
    }

    /// Puts a file there for everybody.
    pub fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.set(path, Behaviour::Serve(content.into()), None);
    }

    /// All requests for a path so far, refused ones too.
    pub fn requests(&self, path: &str) -> Vec<FileRequest> {
        self.shared
            .state()
            .requests
            .iter()
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }

    /// Waits until a file has been stored at a path by PUT, and gives the last one.
    pub async fn upload(&self, path: &str) -> Vec<u8> {
        loop {
            let changed = self.shared.changed.notified();
            let stored = self
                .requests(path)
                .into_iter()
                .rfind(|request| request.method == "PUT" && (200..300).contains(&request.status));
            if let Some(request) = stored {
                return request.body;
            }
            changed.await;
        }
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    places: HashMap<String, Place>,
    requests: Vec<FileRequest>,
}

#[derive(Default)]
struct Place {
    behaviour: Option<Behaviour>,
    authentication: Option<Authentication>,
    nonces: NonceBook,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, and how long it waits.
    fn answer(&self, connection: u64, request: Request) -> (Reply, Duration) {
        let mut state = self.state();
        let place = state.places.entry(request.target.clone()).or_default();
        let reply = place.answer(connection, &request);
        let wait = match &place.behaviour {
            Some(Behaviour::Slow { wait, .. }) => *wait,
            _ => Duration::ZERO,
        };
        state.requests.push(FileRequest {
            at: Instant::now(),
            method: request.method,
            path: request.target,
            headers: request.headers,
            body: request.body,
            status: reply.status_code(),
        });
        drop(state);
        self.changed.notify_waiters();
        (reply, wait)
    }
}

impl Place {
    fn answer(&mut self, connection: u64, request: &Request) -> Reply {
        if let Some(authentication) = &self.authentication {
            let verdict = self.nonces.verify(
                authentication,
                connection,
                &request.method,
                &request.target,
                request.header("authorization"),
            );
            if !verdict.passes() {
                return self
                    .nonces
                    .challenge(authentication, connection, false)
                    .iter()
                    .fold(Reply::status(401), |reply, value| {
                        reply.with_header("WWW-Authenticate", value)
                    });
            }
        }
        match (&self.behaviour, request.method.as_str()) {
            (Some(Behaviour::Status(status)), _) => Reply::status(*status),
            (Some(Behaviour::Close), _) => Reply::close(),
            (_, "PUT") => Reply::status(201),
            (Some(Behaviour::Serve(content) | Behaviour::Slow { content, .. }), "GET") => {
                Reply::status(200)
                    .with_header("Content-Type", "application/octet-stream")
                    .with_body(content.clone())
            }
            (Some(Behaviour::Cut { content, after }), "GET") => {
                let whole = Reply::status(200).with_body(content.clone());
                let head = whole.bytes().len() - content.len();
                whole.cut_after(head + after)
            }
            (None, "GET") => Reply::status(404),
            _ => Reply::status(405),
        }
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    while let Ok((stream, _)) = listener.accept().await {
        number += 1;
        connections.spawn(handle(stream, tls.clone(), Arc::clone(&shared), number));
        while connections.try_join_next().is_some() {}
    }
}

async fn handle(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>, number: u64) {
    match tls {
        // What breaks here is the client's doing; the record shows what did come.
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _ = serve(stream, &shared, number).await;
            }
        }
        None => {
            let _ = serve(stream, &shared, number).await;
        }
    }
}

async fn serve<S>(stream: S, shared: &Shared, number: u64) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection::new(stream);
    while let Some(request) = connection.read_request().await? {
        let (reply, wait) = shared.answer(number, request);
        tokio::time::sleep(wait).await;
        connection.stream().write_all(&reply.bytes()).await?;
        connection.stream().flush().await?;
        if reply.closes() {
            return connection.stream().shutdown().await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::acs::digest::basic;
    use crate::sim::acs::http::Response;

    async fn send(server: &FileServer, request: &str) -> io::Result<Response> {
        let address = server.base.strip_prefix("http://").unwrap();
        let mut connection = Connection::new(TcpStream::connect(address).await?);
        connection.stream().write_all(request.as_bytes()).await?;
        connection.read_response(false).await
    }

    #[tokio::test]
    async fn files_are_served_stored_refused_and_cut() {
        let server = FileServer::start(None).await.unwrap();
        server.put("/a", "hello");
        server.set("/gone", Behaviour::Status(500), None);
        let content = b"0123456789".to_vec();
        server.set("/cut", Behaviour::Cut { content, after: 4 }, None);
        let authentication = Authentication::basic("u", "p");
        server.set("/b", Behaviour::Serve(b"b".to_vec()), Some(authentication));

        let get = |path: &str| format!("GET {path} HTTP/1.1\r\n\r\n");
        assert_eq!(send(&server, &get("/a")).await.unwrap().body, b"hello");
        assert_eq!(send(&server, &get("/gone")).await.unwrap().status, 500);
        assert_eq!(send(&server, &get("/none")).await.unwrap().status, 404);
        assert!(send(&server, &get("/cut")).await.is_err());
        assert_eq!(send(&server, &get("/b")).await.unwrap().status, 401);
        let shown = format!(
            "GET /b HTTP/1.1\r\nAuthorization: {}\r\n\r\n",
            basic("u", "p")
        );
        assert_eq!(send(&server, &shown).await.unwrap().body, b"b");

        let put = "PUT /up HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz";
        assert_eq!(send(&server, put).await.unwrap().status, 201);
        assert_eq!(server.upload("/up").await, b"xyz");
        assert_eq!(server.requests("/b").len(), 2);
    }
}
