//! One request for a file: what it asks for, and the response.

use std::sync::Arc;

use actix_web::http::header::{
    self, ByteRangeSpec, EntityTag, Header as _, IfNoneMatch, IfRange, Range,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;
use tokio::runtime::Handle;

use super::body::{FileBody, HeadBody};
use super::own_end::OwnEnd;
use super::path::tree_path;
use super::server::CertificateNames;
use super::stalled::Connection;
use super::uploads::{self, Places};
use crate::gateway::{
    FetchAnswer, FetchReceipt, FetchRequest, Gateway, Shown, Transport, UploadPermit,
    UploadRefusal, hide_token,
};
use crate::wire::Secret;

/// A User-Agent is cut to this many characters; no phone's is half as long.
const MAXIMUM_USER_AGENT: usize = 512;

/// The log shows this many characters of a path.
const MAXIMUM_LOGGED: usize = 256;

/// Where the files come from: the gateway, and in tests something smaller.
pub(super) trait FileSource: Clone + Send + Sync + 'static {
    /// Answers a request.
    fn fetch(&self, request: FetchRequest) -> impl Future<Output = FetchAnswer> + Send;

    /// Whether it need not be told that the body of an answer has left.
    fn is_no_news(&self, receipt: &FetchReceipt) -> bool;

    /// Takes note that the body of an answer has left.
    fn fetched(&self, receipt: FetchReceipt) -> impl Future<Output = ()> + Send;
}

/// Where files go that phones send: the gateway, and in tests something smaller.
pub(super) trait UploadTarget: Clone + Send + Sync + 'static {
    /// Whether a file may come.
    fn admit_upload(
        &self,
        request: &FetchRequest,
        length: Option<u64>,
    ) -> impl Future<Output = Result<UploadPermit, UploadRefusal>> + Send;

    /// Keeps a file that has come.
    fn keep_upload(
        &self,
        permit: UploadPermit,
        content: Bytes,
    ) -> impl Future<Output = Result<(), UploadRefusal>> + Send;
}

impl FileSource for Gateway {
    fn fetch(&self, request: FetchRequest) -> impl Future<Output = FetchAnswer> + Send {
        self.fetch(request)
    }

    fn is_no_news(&self, receipt: &FetchReceipt) -> bool {
        self.is_no_news(receipt)
    }

    fn fetched(&self, receipt: FetchReceipt) -> impl Future<Output = ()> + Send {
        self.fetched(receipt)
    }
}

impl UploadTarget for Gateway {
    fn admit_upload(
        &self,
        request: &FetchRequest,
        length: Option<u64>,
    ) -> impl Future<Output = Result<UploadPermit, UploadRefusal>> + Send {
        self.admit_upload(request, length)
    }

    fn keep_upload(
        &self,
        permit: UploadPermit,
        content: Bytes,
    ) -> impl Future<Output = Result<(), UploadRefusal>> + Send {
        self.keep_upload(permit, content)
    }
}

/// The files, and the runtime on which receipts are handed back: a worker's own ends with it.
#[derive(Clone)]
pub(super) struct Files<S> {
    source: S,
    runtime: Handle,
    places: Places,
}

impl<S: FileSource> Files<S> {
    pub(super) fn new(source: S, runtime: Handle) -> Self {
        Self {
            source,
            runtime,
            places: Places::default(),
        }
    }

    fn fetched(&self, receipt: FetchReceipt) {
        if self.source.is_no_news(&receipt) {
            return;
        }
        let source = self.source.clone();
        self.runtime
            .spawn(async move { source.fetched(receipt).await });
    }
}

/// Answers any request: GET and HEAD of a file, PUT of one; other methods are not for phones.
pub(super) async fn answer<S: FileSource + UploadTarget>(
    request: HttpRequest,
    body: web::Payload,
    files: web::Data<Files<S>>,
) -> HttpResponse {
    let turn = connection(&request).map(|one| one.our_turn());
    let response = if request.method() == Method::PUT {
        uploads::take(&request, body, &files.source, &files.places).await
    } else {
        respond(&request, &files).await
    };
    drop(turn);
    let path = hide_token(request.uri().path());
    let path: String = path.chars().take(MAXIMUM_LOGGED).collect();
    tracing::info!(
        source = request.peer_addr().map(tracing::field::display),
        method = %request.method(),
        path,
        status = response.status().as_u16(),
        "phone request"
    );
    response
}

async fn respond<S: FileSource>(request: &HttpRequest, files: &Files<S>) -> HttpResponse {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, "GET, HEAD"))
            .finish();
    }
    let Some(asked) = fetch_request(request) else {
        return not_found();
    };
    let content_type = content_type(&asked.path);
    let (body, etag, receipt) = match files.source.fetch(asked).await {
        FetchAnswer::File {
            body,
            etag,
            receipt,
        } => (body, etag, receipt),
        FetchAnswer::NotFound => return not_found(),
        FetchAnswer::Unavailable => return unavailable(),
        FetchAnswer::Challenge { challenges } => return unauthorized(challenges),
    };

    let whole_length = body.len();
    let selection = select(request, &etag, whole_length);
    let mut response = HttpResponseBuilder::new(selection.status());
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::ACCEPT_RANGES, "bytes"));
    let content = match selection {
        Selection::NotModified => {
            if request.method() == Method::GET {
                files.fetched(receipt);
            }
            return response.finish();
        }
        Selection::Nothing => {
            let range = format!("bytes */{whole_length}");
            return response
                .insert_header((header::CONTENT_RANGE, range))
                .finish();
        }
        Selection::Part { first, last } => {
            let range = format!("bytes {first}-{last}/{whole_length}");
            response.insert_header((header::CONTENT_RANGE, range));
            // It can't fail: `select` gives ends in order and within the body.
            body.slice(first..=last)
        }
        Selection::Whole => body,
    };
    response.insert_header((header::CONTENT_TYPE, content_type));
    if request.method() == Method::HEAD {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        return response.no_chunking(length).body(HeadBody(length));
    }
    // Whoever fetched a part only, has not got the file.
    let receipt = Some(receipt).filter(|_| content.len() == whole_length);
    if content.is_empty() {
        receipt.into_iter().for_each(|one| files.fetched(one));
        return response.finish();
    }
    let files = files.clone();
    let at_end = receipt.map(|one| move || files.fetched(one));
    response.body(FileBody::new(content, connection(request), at_end))
}

/// The request as the gateway takes it; `None` for a path that names no file in any tree.
pub(super) fn fetch_request(request: &HttpRequest) -> Option<FetchRequest> {
    let path = tree_path(request.uri().path())?;
    let source = request.peer_addr()?;
    let user_agent = request.headers().get(header::USER_AGENT).map(|value| {
        String::from_utf8_lossy(value.as_bytes())
            .chars()
            .take(MAXIMUM_USER_AGENT)
            .collect()
    });
    let own_end = request.conn_data::<OwnEnd>();
    Some(FetchRequest {
        path,
        user_agent,
        source,
        transport: own_end.map_or(Transport::Http, OwnEnd::transport),
        reached_by: own_end.map(OwnEnd::base),
        shown: shown(request),
    })
}

fn connection(request: &HttpRequest) -> Option<Arc<Connection>> {
    request.conn_data::<Arc<Connection>>().cloned()
}

/// What the request shows of who sends it.
fn shown(request: &HttpRequest) -> Shown {
    let authorization = request.headers().get(header::AUTHORIZATION);
    Shown {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        authorization: authorization
            .and_then(|value| value.to_str().ok())
            .map(Secret::new),
        certificate_names: request
            .conn_data::<CertificateNames>()
            .map(|names| names.0.clone())
            .unwrap_or_default(),
    }
}

pub(super) fn unauthorized(challenges: Vec<String>) -> HttpResponse {
    let mut response = HttpResponse::Unauthorized();
    for challenge in challenges {
        response.append_header((header::WWW_AUTHENTICATE, challenge));
    }
    response
        .insert_header((header::CONTENT_TYPE, "text/plain"))
        .body("the phone's own user name and password are wanted\n")
}

pub(super) fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((header::CONTENT_TYPE, "text/plain"))
        .body("no such file\n")
}

fn unavailable() -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((header::CONTENT_TYPE, "text/plain"))
        .insert_header((header::RETRY_AFTER, "300"))
        .body("the file can't be read just now\n")
}

/// The Content-Type for a path's extension. No charset: nobody knows that of a phone's file.
fn content_type(path: &str) -> &'static str {
    let extension = path
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("cfg" | "txt" | "csv" | "conf" | "ini") => "text/plain",
        Some("xml") => "application/xml",
        _ => "application/octet-stream",
    }
}

/// How much of a file a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Selection {
    Whole,
    /// Both ends belong to it.
    Part {
        first: usize,
        last: usize,
    },
    /// The range lies outside.
    Nothing,
    /// The phone has it already.
    NotModified,
}

impl Selection {
    fn status(self) -> StatusCode {
        match self {
            Self::Whole => StatusCode::OK,
            Self::Part { .. } => StatusCode::PARTIAL_CONTENT,
            Self::Nothing => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::NotModified => StatusCode::NOT_MODIFIED,
        }
    }
}

/// Conditions and range, in the order of RFC 9110 13.2.2. What can't be parsed, and a request for
/// several ranges, gets the whole file (RFC 9110 14.2).
fn select(request: &HttpRequest, etag: &str, length: usize) -> Selection {
    let own: Option<EntityTag> = etag.parse().ok();
    let is_own = |tag: &EntityTag| own.as_ref().is_some_and(|own| own.weak_eq(tag));
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => return Selection::NotModified,
        Ok(IfNoneMatch::Items(tags)) if tags.iter().any(is_own) => return Selection::NotModified,
        _ => {}
    }

    let still_the_same = match IfRange::parse(request) {
        Ok(IfRange::EntityTag(tag)) => own.is_some_and(|own| own.strong_eq(&tag)),
        // We give no dates, so none can be one of ours.
        Ok(IfRange::Date(_)) => false,
        Err(_) => !request.headers().contains_key(header::IF_RANGE),
    };
    let Some(range) = single_range(request).filter(|_| still_the_same) else {
        return Selection::Whole;
    };
    let satisfiable = u64::try_from(length)
        .ok()
        .and_then(|length| range.to_satisfiable_range(length))
        .and_then(|(first, last)| {
            Some((usize::try_from(first).ok()?, usize::try_from(last).ok()?))
        });
    match satisfiable {
        Some((first, last)) => Selection::Part { first, last },
        None => Selection::Nothing,
    }
}

/// The range of a GET (RFC 9110 14.2 defines it for no other method) that asks for exactly one.
fn single_range(request: &HttpRequest) -> Option<ByteRangeSpec> {
    if request.method() != Method::GET {
        return None;
    }
    let Ok(Range::Bytes(ranges)) = Range::parse(request) else {
        return None;
    };
    match ranges.as_slice() {
        [range] => Some(range.clone()),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use jiff::Timestamp;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpSocket, TcpStream};
    use tokio::sync::{Semaphore, mpsc};

    use super::*;
    use crate::phone::server::{PhoneServer, PhoneSettings, bind};

    /// Answers from a short list of files, and tells what it was asked and what was fetched.
    #[derive(Clone)]
    pub(in crate::phone) struct Stub {
        asked: mpsc::UnboundedSender<FetchRequest>,
        fetched: mpsc::UnboundedSender<FetchReceipt>,
        /// A permit lets one answer for `slow.cfg` out.
        slow: Arc<Semaphore>,
    }

    /// What a stub tells.
    pub(in crate::phone) struct Told {
        asked: mpsc::UnboundedReceiver<FetchRequest>,
        fetched: mpsc::UnboundedReceiver<FetchReceipt>,
    }

    impl Stub {
        pub(in crate::phone) fn new() -> (Self, Told) {
            let (asked, was_asked) = mpsc::unbounded_channel();
            let (fetched, was_fetched) = mpsc::unbounded_channel();
            let stub = Self {
                asked,
                fetched,
                slow: Arc::new(Semaphore::new(0)),
            };
            let told = Told {
                asked: was_asked,
                fetched: was_fetched,
            };
            (stub, told)
        }
    }

    /// More than the system buffers between two sockets.
    fn big() -> Vec<u8> {
        let block: Vec<u8> = (0..=250).collect();
        block.repeat(80_000)
    }

    impl FileSource for Stub {
        async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
            let path = request.path.clone();
            self.asked.send(request).unwrap();
            let (body, revision) = match path.as_str() {
                "cfg000b82a1b2c3.xml" => (Bytes::from_static(b"<gs_provision/>\n"), 1),
                "site 1/000B82A1B2C3.cfg" => (Bytes::from_static(b"0123456789"), 2),
                "fw/big.bin" => (Bytes::from(big()), 3),
                "empty.cfg" => (Bytes::new(), 4),
                "slow.cfg" => {
                    self.slow.acquire().await.unwrap().forget();
                    (Bytes::from_static(b"slow"), 5)
                }
                _ => return FetchAnswer::NotFound,
            };
            FetchAnswer::File {
                body,
                etag: format!("\"r{revision}\""),
                receipt: FetchReceipt {
                    mac: None,
                    revision: Some(revision),
                    transfer: None,
                    at: Timestamp::UNIX_EPOCH,
                    source: IpAddr::V4(Ipv4Addr::LOCALHOST),
                    transport: Transport::Http,
                },
            }
        }

        fn is_no_news(&self, _: &FetchReceipt) -> bool {
            false
        }

        async fn fetched(&self, receipt: FetchReceipt) {
            // A test that is over does not listen any more.
            let _ = self.fetched.send(receipt);
        }
    }

    impl UploadTarget for Stub {
        async fn admit_upload(
            &self,
            _: &FetchRequest,
            _: Option<u64>,
        ) -> Result<UploadPermit, UploadRefusal> {
            Err(UploadRefusal::Off)
        }

        async fn keep_upload(&self, _: UploadPermit, _: Bytes) -> Result<(), UploadRefusal> {
            Err(UploadRefusal::Off)
        }
    }

    struct Bench {
        address: SocketAddr,
        told: Told,
        stub: Stub,
    }

    async fn bench() -> Bench {
        let (stub, told) = Stub::new();
        let settings = PhoneSettings {
            http: "127.0.0.1:0".into(),
            ..PhoneSettings::default()
        };
        let PhoneServer { server, http, .. } = bind(&settings, stub.clone()).unwrap();
        tokio::spawn(server);
        Bench {
            address: http.unwrap(),
            told,
            stub,
        }
    }

    /// What came back.
    struct Answer {
        head: String,
        body: Vec<u8>,
    }

    impl Answer {
        fn status(&self) -> u16 {
            self.head[9..12].parse().unwrap()
        }

        fn header(&self, name: &str) -> Option<&str> {
            self.head.lines().skip(1).find_map(|line| {
                let (found, value) = line.split_once(": ")?;
                found.eq_ignore_ascii_case(name).then_some(value)
            })
        }
    }

    impl Bench {
        /// Sends a request line with header lines; the whole answer.
        async fn ask(&self, line: &str, headers: &str) -> Answer {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let request =
                format!("{line} HTTP/1.1\r\nHost: phones\r\nConnection: close\r\n{headers}\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            let end = memchr::memmem::find(&bytes, b"\r\n\r\n").expect("no head");
            Answer {
                head: String::from_utf8(bytes[..end].to_vec()).unwrap(),
                body: bytes[end + 4..].to_vec(),
            }
        }

        async fn next_fetched(&mut self) -> u64 {
            let receipt = self.told.fetched.recv().await.unwrap();
            receipt.revision.unwrap()
        }

        /// Fetches `empty.cfg` and sees that its receipt is the first that comes: nothing before
        /// has been counted.
        async fn nothing_was_fetched(&mut self) {
            assert_eq!(self.ask("GET /empty.cfg", "").await.status(), 200);
            assert_eq!(self.next_fetched().await, 4);
        }
    }

    #[tokio::test]
    async fn a_phone_gets_its_file_and_the_fetch_is_counted() {
        let mut bench = bench().await;
        let answer = bench
            .ask(
                "GET /cfg000b82a1b2c3.xml?mac=1",
                "User-Agent: Phone 1.0 000b82a1b2c3\r\n",
            )
            .await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.body, b"<gs_provision/>\n");
        assert_eq!(answer.header("content-type"), Some("application/xml"));
        assert_eq!(answer.header("content-length"), Some("16"));
        assert_eq!(answer.header("etag"), Some("\"r1\""));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(bench.next_fetched().await, 1);
        let asked = bench.told.asked.recv().await.unwrap();
        assert_eq!(asked.path, "cfg000b82a1b2c3.xml");
        assert_eq!(asked.user_agent.as_deref(), Some("Phone 1.0 000b82a1b2c3"));
        assert!(asked.source.ip().is_loopback());
    }

    #[tokio::test]
    async fn several_files_come_over_one_connection() {
        let mut bench = bench().await;
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        for revision in [1, 1] {
            stream
                .write_all(b"GET /cfg000b82a1b2c3.xml HTTP/1.1\r\nHost: a\r\n\r\n")
                .await
                .unwrap();
            assert_eq!(bench.next_fetched().await, revision);
        }
    }

    #[tokio::test]
    async fn a_large_file_arrives_whole() {
        let mut bench = bench().await;
        let answer = bench.ask("GET /fw/big.bin", "").await;
        assert_eq!(
            answer.header("content-type"),
            Some("application/octet-stream")
        );
        assert!(answer.body == big(), "{} bytes", answer.body.len());
        assert_eq!(bench.next_fetched().await, 3);
    }

    #[tokio::test]
    async fn a_fetch_that_breaks_off_is_not_counted() {
        let mut bench = bench().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(bench.address).await.unwrap();
        stream
            .write_all(b"GET /fw/big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut first = [0; 1000];
        stream.read_exact(&mut first).await.unwrap();
        stream.set_zero_linger().unwrap();
        drop(stream);
        bench.nothing_was_fetched().await;
    }

    #[tokio::test]
    async fn a_phone_that_has_gone_away_has_fetched_nothing() {
        let mut bench = bench().await;
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        stream
            .write_all(b"GET /slow.cfg HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        bench.told.asked.recv().await.unwrap();
        stream.set_zero_linger().unwrap();
        drop(stream);
        bench.stub.slow.add_permits(1);
        bench.nothing_was_fetched().await;
    }

    #[tokio::test]
    async fn a_file_that_the_phone_has_is_not_sent_again() {
        let mut bench = bench().await;
        for condition in ["\"r1\"", "\"r0\", W/\"r1\"", "*"] {
            let headers = format!("If-None-Match: {condition}\r\n");
            let answer = bench.ask("GET /cfg000b82a1b2c3.xml", &headers).await;
            assert_eq!(answer.status(), 304, "{condition}");
            assert_eq!(answer.header("etag"), Some("\"r1\""));
            assert!(answer.body.is_empty());
            assert_eq!(bench.next_fetched().await, 1);
        }
        let answer = bench
            .ask("GET /cfg000b82a1b2c3.xml", "If-None-Match: \"r0\"\r\n")
            .await;
        assert_eq!(answer.status(), 200);
    }

    #[tokio::test]
    async fn a_range_gets_its_part() {
        let mut bench = bench().await;
        for (headers, status, body, range) in [
            ("Range: bytes=2-4\r\n", 206, "234", Some("bytes 2-4/10")),
            ("Range: bytes=8-\r\n", 206, "89", Some("bytes 8-9/10")),
            ("Range: bytes=-3\r\n", 206, "789", Some("bytes 7-9/10")),
            ("Range: bytes=5-99\r\n", 206, "56789", Some("bytes 5-9/10")),
            ("Range: bytes=10-\r\n", 416, "", Some("bytes */10")),
            (
                "Range: bytes=2-4\r\nIf-Range: \"r2\"\r\n",
                206,
                "234",
                Some("bytes 2-4/10"),
            ),
        ] {
            let answer = bench.ask("GET /site%201/000B82A1B2C3.cfg", headers).await;
            assert_eq!(answer.status(), status, "{headers}");
            assert_eq!(answer.body, body.as_bytes(), "{headers}");
            assert_eq!(answer.header("content-range"), range, "{headers}");
        }
        bench.nothing_was_fetched().await;
    }

    #[tokio::test]
    async fn ranges_that_make_no_sense_get_the_whole_file() {
        let mut bench = bench().await;
        for headers in [
            "Range: bytes=0-1,4-5\r\n",
            "Range: bytes=4-2\r\n",
            "Range: lines=1-2\r\n",
            "Range: nonsense\r\n",
            "Range: bytes=2-4\r\nIf-Range: \"r1\"\r\n",
            "Range: bytes=2-4\r\nIf-Range: W/\"r2\"\r\n",
            "Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            "Range: bytes=2-4\r\nIf-Range: nonsense\r\n",
        ] {
            let answer = bench.ask("GET /site%201/000B82A1B2C3.cfg", headers).await;
            assert_eq!(answer.status(), 200, "{headers}");
            assert_eq!(answer.body, b"0123456789", "{headers}");
            assert_eq!(bench.next_fetched().await, 2, "{headers}");
        }
        let answer = bench
            .ask("GET /site%201/000B82A1B2C3.cfg", "Range: bytes=0-9\r\n")
            .await;
        assert_eq!(answer.status(), 206);
        assert_eq!(bench.next_fetched().await, 2, "a part that is all of it");
    }

    #[tokio::test]
    async fn head_tells_the_length_and_fetches_nothing() {
        let mut bench = bench().await;
        let answer = bench
            .ask("HEAD /site%201/000B82A1B2C3.cfg", "Range: bytes=2-4\r\n")
            .await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("content-length"), Some("10"));
        assert_eq!(answer.header("etag"), Some("\"r2\""));
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert!(answer.body.is_empty());
        assert_eq!(bench.ask("HEAD /none", "").await.status(), 404);
        bench.nothing_was_fetched().await;
    }

    #[tokio::test]
    async fn what_is_not_there_is_404_and_bad_paths_reach_nobody() {
        let mut bench = bench().await;
        let answer = bench.ask("GET /security.tuz", "").await;
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.body, b"no such file\n");
        assert_eq!(bench.told.asked.recv().await.unwrap().path, "security.tuz");
        for path in [
            "/",
            "/../etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/a//b",
            "/a%00b",
            "/a%5Cb",
            "*",
        ] {
            let answer = bench.ask(&format!("GET {path}"), "").await;
            assert!(matches!(answer.status(), 400 | 404), "{path}");
        }
        assert!(bench.told.asked.try_recv().is_err());
    }

    #[tokio::test]
    async fn other_methods_are_refused() {
        let mut bench = bench().await;
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let answer = bench
                .ask(
                    &format!("{method} /cfg000b82a1b2c3.xml"),
                    "Content-Length: 0\r\n",
                )
                .await;
            assert_eq!(answer.status(), 405, "{method}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        }
        assert!(bench.told.asked.try_recv().is_err());
    }
}
