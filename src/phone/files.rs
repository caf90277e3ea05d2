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
    if tracing::enabled!(tracing::Level::INFO) {
        let path = hide_token(request.uri().path());
        let path: String = path.chars().take(MAXIMUM_LOGGED).collect();
        tracing::info!(
            source = request.peer_addr().map(tracing::field::display),
            method = %request.method(),
            path,
            status = response.status().as_u16(),
            "phone request"
        );
    }
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
