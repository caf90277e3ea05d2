//! One request to keep a file: PUT. Its body is read only after the gateway has let it come, and no
//! further than it may be long.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::Semaphore;

use super::files::{UploadTarget, fetch_request, not_found, unauthorized};
use crate::gateway::UploadRefusal;

/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Bodies at once: each may be in memory as a whole.
const MAXIMUM_AT_ONCE: usize = 4;
/// How long a phone waits for its turn. Few try again when they are sent away.
const PLACE_TIMEOUT: Duration = Duration::from_secs(30);

/// Places for bodies.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAXIMUM_AT_ONCE)))
    }
}

/// Answers a PUT.
pub(super) async fn take<S: UploadTarget>(
    request: &HttpRequest,
    body: web::Payload,
    source: &S,
    places: &Places,
) -> HttpResponse {
    let Some(asked) = fetch_request(request) else {
        return not_found();
    };
    let length = content_length(request.headers());
    let permit = match source.admit_upload(&asked, length).await {
        Ok(permit) => permit,
        Err(refusal) => return refused(refusal),
    };
    let Ok(Ok(_place)) = tokio::time::timeout(PLACE_TIMEOUT, places.0.acquire()).await else {
        return HttpResponse::ServiceUnavailable()
            .insert_header((header::RETRY_AFTER, "10"))
            .finish();
    };
    let limit = permit.max_bytes();
    let reading = body.to_bytes_limited(usize::try_from(limit).unwrap_or(usize::MAX));
    let content = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Err(_) => return HttpResponse::RequestTimeout().finish(),
        Ok(Err(_)) => return refused(UploadRefusal::TooLarge { limit }),
        Ok(Ok(Err(_))) => return HttpResponse::BadRequest().finish(),
        Ok(Ok(Ok(content))) => content,
    };
    match source.keep_upload(permit, content).await {
        Ok(()) => HttpResponse::Created().finish(),
        Err(refusal) => refused(refusal),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

fn refused(refusal: UploadRefusal) -> HttpResponse {
    match refusal {
        UploadRefusal::Off => HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, "GET, HEAD"))
            .finish(),
        UploadRefusal::NoPlace => not_found(),
        UploadRefusal::Challenge { challenges } => unauthorized(challenges),
        UploadRefusal::TooLarge { .. } => HttpResponse::PayloadTooLarge().finish(),
        UploadRefusal::Full { .. } => HttpResponse::InsufficientStorage().finish(),
        UploadRefusal::Gateway(error) => {
            tracing::error!(%error, "what a phone has sent can't be kept");
            HttpResponse::InternalServerError().finish()
        }
    }
}
