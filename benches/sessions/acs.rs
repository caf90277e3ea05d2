//! An ACS that knows two answers, in a thread of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Name of its thread.
pub(crate) const THREAD_NAME: &str = "bench-acs";
/// The namespaces of CWMP begin so.
const NAMESPACE: &str = "urn:dslforum-org:cwmp-1-";

/// The ACS.
pub(crate) struct Acs {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

/// What it asks in the turn that the CPE gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    Nothing,
    /// GetParameterValues of the whole tree.
    Everything,
}

#[derive(Default)]
struct Shared {
    sessions: AtomicU64,
    bytes: AtomicU64,
    asks_everything: AtomicBool,
    is_recording: AtomicBool,
    recorded: Mutex<Vec<Vec<u8>>>,
}

impl Acs {
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let (sender, address) = mpsc::channel();
        let of_thread = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                    let address = listener.local_addr().expect("its address");
                    sender.send(address).expect("somebody waits");
                    loop {
                        let (stream, _) = listener.accept().await.expect("a connection");
                        let shared = Arc::clone(&of_thread);
                        tokio::spawn(async move { serve(stream, &shared).await });
                    }
                });
            })
            .expect("a thread");
        let address = address.recv().expect("the thread listens");
        Self { address, shared }
    }

    /// Sessions that it has ended.
    pub(crate) fn sessions(&self) -> u64 {
        self.shared.sessions.load(SeqCst)
    }

    /// Waits until it has ended so many.
    pub(crate) async fn wait_for(&self, sessions: u64) {
        while self.sessions() < sessions {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }

    pub(crate) fn bytes_taken(&self) -> u64 {
        self.shared.bytes.load(SeqCst)
    }

    pub(crate) fn ask(&self, asks: Asks) {
        let everything = asks == Asks::Everything;
        self.shared.asks_everything.store(everything, SeqCst);
    }

    /// Keeps the requests of the next session.
    pub(crate) fn record(&self) {
        self.shared.is_recording.store(true, SeqCst);
    }

    /// The requests that it has kept, as they came.
    pub(crate) fn recorded(&self) -> Vec<Vec<u8>> {
        self.shared.is_recording.store(false, SeqCst);
        let mut recorded = self.shared.recorded.lock().expect("nobody panicked");
        std::mem::take(&mut *recorded)
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) {
    stream.set_nodelay(true).expect("a socket");
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut answer = Vec::with_capacity(2 * 1024);
    let mut has_asked = false;
    loop {
        let Some((body, end)) = whole_request(&buffer) else {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => continue,
            }
        };
        shared.bytes.fetch_add(end as u64, SeqCst);
        if shared.is_recording.load(SeqCst) {
            let mut recorded = shared.recorded.lock().expect("nobody panicked");
            recorded.push(buffer[..end].to_vec());
        }
        answer.clear();
        let body = &buffer[body..end];
        let mut is_over = false;
        if memmem::find(body, b":Inform>").is_some() {
            inform_response(body, &mut answer);
        } else if body.is_empty() && !has_asked && shared.asks_everything.load(SeqCst) {
            has_asked = true;
            let call = "<c:GetParameterValues><ParameterNames><string></string></ParameterNames>\
                        </c:GetParameterValues>";
            message(&mut answer, "", "1", "0", call);
        } else {
            is_over = true;
            answer.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n");
        }
        buffer.drain(..end);
        if is_over {
            // Whoever has its last answer finds it counted.
            shared.sessions.fetch_add(1, SeqCst);
        }
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Where the body of the first request begins and ends, once it is all there.
fn whole_request(buffer: &[u8]) -> Option<(usize, usize)> {
    let head = memmem::find(buffer, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).expect("a head of text");
    let value = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let end = if value("transfer-encoding").is_some() {
        head + memmem::find(&buffer[head..], b"0\r\n\r\n")? + 5
    } else {
        head + value("content-length")?.parse::<usize>().ok()?
    };
    (buffer.len() >= end).then_some((head, end))
}

fn inform_response(inform: &[u8], answer: &mut Vec<u8>) {
    let text = std::str::from_utf8(inform).expect("XML of text");
    let id = text
        .split_once(":ID ")
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(_, rest)| rest.split_once('<'))
        .map_or("", |(id, _)| id);
    let version = text
        .split_once(NAMESPACE)
        .and_then(|(_, rest)| rest.get(..1))
        .expect("a namespace");
    let body = "<c:InformResponse><MaxEnvelopes>1</MaxEnvelopes></c:InformResponse>";
    message(answer, "Set-Cookie: session=1a2b\r\n", id, version, body);
}

fn message(answer: &mut Vec<u8>, headers: &str, id: &str, version: &str, body: &str) {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:c=\"{NAMESPACE}{version}\"><s:Header><c:ID s:mustUnderstand=\"1\">{id}</c:ID>\
         </s:Header><s:Body>{body}</s:Body></s:Envelope>"
    );
    let length = envelope.len();
    answer.extend_from_slice(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n{headers}Content-Length: {length}\r\n\r\n"
        )
        .as_bytes(),
    );
    answer.extend_from_slice(envelope.as_bytes());
}
