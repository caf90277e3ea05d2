//! An ACS that answers at once and remembers next to nothing, in a thread of its own: for load. What it
//! understands of a request is its length, and whether an Inform or an answer is in it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Name of its thread.
pub const THREAD_NAME: &str = "quick-acs";

/// The namespaces of CWMP begin so.
const NAMESPACE: &str = "urn:dslforum-org:cwmp-1-";
/// Largest request that is taken.
const MAX_REQUEST: usize = 4 * 1024 * 1024;
/// What it sets: every phone has it, whoever made it.
const SET_PARAMETER: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";

/// What it asks for when it reads everything.
const GET_EVERYTHING: &str = "<c:GetParameterValues><ParameterNames><string></string>\
                              </ParameterNames></c:GetParameterValues>";

/// The ACS; its thread ends with the process.
#[derive(Clone)]
pub struct QuickAcs {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What it has counted since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of the requests that it took.
    pub bytes: u64,
    /// Sessions ended by it.
    pub sessions: u64,
    /// SetParameterValues that were acknowledged.
    pub set: u64,
    /// Answers that were faults.
    pub faults: u64,
}

#[derive(Default)]
struct Shared {
    bytes: AtomicU64,
    sessions: AtomicU64,
    set: AtomicU64,
    faults: AtomicU64,
    reads_everything: AtomicBool,
    set_every: AtomicU64,
    next_value: AtomicU64,
    is_recording: AtomicBool,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    first_inform: Option<Instant>,
    recorded: Vec<String>,
}

impl QuickAcs {
    /// Listens on a loopback port. `ready` runs first in its thread, to choose where it runs.
    ///
    /// # Errors
    /// What the system says when there is no port or no thread.
    pub fn start(ready: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), ready)
    }

    /// The same at an address that is known already.
    ///
    /// # Errors
    /// [`io::Error`] when nothing can listen there, or when there is no thread for it.
    pub fn start_at(
        address: SocketAddr,
        ready: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || {
                ready();
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                match runtime {
                    Ok(runtime) => runtime.block_on(listen(listener, of_thread)),
                    Err(error) => tracing::error!(%error, "the ACS has no runtime"),
                }
            })?;
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/acs", self.address)
    }

    /// What it has counted.
    pub fn counts(&self) -> Counts {
        Counts {
            bytes: self.shared.bytes.load(Relaxed),
            sessions: self.shared.sessions.load(Relaxed),
            set: self.shared.set.load(Relaxed),
            faults: self.shared.faults.load(Relaxed),
        }
    }

    /// Lets every session read all parameters, or none any more.
    pub fn read_everything(&self, is_wanted: bool) {
        self.shared.reads_everything.store(is_wanted, Relaxed);
    }

    /// Lets every so manieth session set a parameter to a new value; 0: none.
    pub fn set_in_every(&self, sessions: u64) {
        self.shared.set_every.store(sessions, Relaxed);
    }

    /// Forgets when the first Inform came.
    pub fn expect_inform(&self) {
        self.shared.notes().first_inform = None;
    }

    /// When the first Inform since then came.
    pub fn first_inform(&self) -> Option<Instant> {
        self.shared.notes().first_inform
    }

    /// Keeps the requests of one session from now on.
    pub fn record(&self) {
        self.shared.notes().recorded.clear();
        self.shared.is_recording.store(true, Relaxed);
    }

    /// The requests of that session as they came; empty while it has not ended.
    pub fn recorded(&self) -> Vec<String> {
        self.shared.notes().recorded.clone()
    }
}

impl Shared {
    /// What a session is asked, if anything.
    fn next_call(&self) -> Option<String> {
        if self.reads_everything.load(Relaxed) {
            return Some(GET_EVERYTHING.to_owned());
        }
        let every = self.set_every.load(Relaxed);
        if every == 0 {
            return None;
        }
        let number = self.next_value.fetch_add(1, Relaxed);
        number.is_multiple_of(every).then(|| set_parameter(number))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // No code that can panic runs under this lock.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the ACS can't listen");
            return;
        }
    };
    loop {
        // Without handles for further connections it goes on with those that it has.
        if let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let _ = serve(stream, &shared).await;
            });
        }
    }
}

/// Answers one connection's requests.
async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(8 * 1024);
    let mut answer = Vec::with_capacity(2 * 1024);
    let mut session = Session::default();
    loop {
        let Some((body, end)) = whole_request(&buffer) else {
            if buffer.len() > MAX_REQUEST || stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        answer.clear();
        shared.bytes.fetch_add(end as u64, Relaxed);
        if shared.is_recording.load(Relaxed) {
            let request = buffer.get(..end).unwrap_or_default();
            let request = String::from_utf8_lossy(request).into_owned();
            session.requests.push(request);
        }
        session.answer(
            buffer.get(body..end).unwrap_or_default(),
            shared,
            &mut answer,
        );
        buffer.drain(..end);
        stream.write_all(&answer).await?;
    }
}

/// How far one session is.
#[derive(Default)]
struct Session {
    version: Option<char>,
    has_asked: bool,
    requests: Vec<String>,
}

impl Session {
    fn answer(&mut self, body: &[u8], shared: &Shared, answer: &mut Vec<u8>) {
        if memmem::find(body, b":Inform>").is_some() {
            let text = String::from_utf8_lossy(body);
            let id = between(&text, ":ID ", '>', '<').unwrap_or_default();
            let version = text.split_once(NAMESPACE);
            self.version = version.and_then(|(_, rest)| rest.chars().next());
            shared.notes().first_inform.get_or_insert_with(Instant::now);
            let done = "<c:InformResponse><MaxEnvelopes>1</MaxEnvelopes></c:InformResponse>";
            self.message(answer, "Set-Cookie: session=1a2b\r\n", id, done);
            return;
        }
        if memmem::find(body, b":SetParameterValuesResponse>").is_some() {
            shared.set.fetch_add(1, Relaxed);
        } else if memmem::find(body, b"Fault>").is_some() {
            shared.faults.fetch_add(1, Relaxed);
        } else if body.is_empty()
            && !self.has_asked
            && let Some(call) = shared.next_call()
        {
            self.has_asked = true;
            self.message(answer, "", "1", &call);
            return;
        }
        self.end(shared);
        answer.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n");
    }

    /// It is counted before its last answer leaves.
    fn end(&mut self, shared: &Shared) {
        shared.sessions.fetch_add(1, Relaxed);
        let is_whole = self
            .requests
            .first()
            .is_some_and(|first| first.contains(":Inform>"));
        if is_whole && shared.is_recording.swap(false, Relaxed) {
            shared.notes().recorded = std::mem::take(&mut self.requests);
        }
    }

    fn message(&self, answer: &mut Vec<u8>, headers: &str, id: &str, body: &str) {
        let version = self.version.unwrap_or('0');
        let envelope = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:c=\"{NAMESPACE}{version}\" xmlns:x=\"http://www.w3.org/2001/XMLSchema\" \
             xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Header>\
             <c:ID s:mustUnderstand=\"1\">{id}</c:ID></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        );
        let length = envelope.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        answer.extend_from_slice(head.as_bytes());
        answer.extend_from_slice(envelope.as_bytes());
    }
}

fn set_parameter(number: u64) -> String {
    format!(
        "<c:SetParameterValues><ParameterList><ParameterValueStruct><Name>{SET_PARAMETER}</Name>\
         <Value i:type=\"x:string\">Desk {number}</Value></ParameterValueStruct></ParameterList>\
         <ParameterKey>{number}</ParameterKey></c:SetParameterValues>"
    )
}

/// What stands between two characters, the first of them behind a mark.
fn between<'a>(text: &'a str, mark: &str, first: char, last: char) -> Option<&'a str> {
    let (_, rest) = text.split_once(mark)?;
    let (_, rest) = rest.split_once(first)?;
    rest.split_once(last).map(|(inside, _)| inside)
}

/// Where the body of the first request begins and ends, once it is all there.
fn whole_request(buffer: &[u8]) -> Option<(usize, usize)> {
    let head = memmem::find(buffer, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(buffer.get(..head)?).ok()?;
    let value = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let end = if value("transfer-encoding").is_some() {
        head + memmem::find(buffer.get(head..)?, b"0\r\n\r\n")? + 5
    } else {
        head + value("content-length")?.parse::<usize>().ok()?
    };
    (buffer.len() >= end).then_some((head, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(session: &mut Session, shared: &Shared, body: &str) -> String {
        let mut answer = Vec::new();
        session.answer(body.as_bytes(), shared, &mut answer);
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn a_session_is_answered_counted_and_recorded() {
        let shared = Shared::default();
        shared.set_every.store(1, Relaxed);
        let mut session = Session::default();
        let inform = "<e xmlns:c=\"urn:dslforum-org:cwmp-1-4\"><c:ID a=\"1\">77</c:ID><c:Inform>";
        let answer = answered(&mut session, &shared, inform);
        assert!(answer.contains(">77</c:ID>") && answer.contains("cwmp-1-4"));
        let answer = answered(&mut session, &shared, "");
        assert!(answer.contains("SetParameterValues"), "{answer}");
        let answer = answered(&mut session, &shared, "<c:SetParameterValuesResponse>");
        assert!(answer.starts_with("HTTP/1.1 204"));
        assert!(shared.notes().first_inform.is_some());
        let counted = [&shared.sessions, &shared.set, &shared.faults];
        let counted = counted.map(|count| count.load(Relaxed));
        assert_eq!(counted, [1, 1, 0]);
    }

    #[test]
    fn everything_is_read_once_in_a_session_while_that_is_wanted() {
        let shared = Shared::default();
        shared.reads_everything.store(true, Relaxed);
        let mut session = Session::default();
        let answer = answered(&mut session, &shared, "");
        assert!(answer.contains("<string></string>"), "{answer}");
        let answer = answered(&mut session, &shared, "");
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }

    #[test]
    fn a_request_is_whole_with_the_last_byte_of_its_body() {
        let request = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(whole_request(request), Some((38, 41)));
        assert_eq!(whole_request(&request[..40]), None);
    }
}
