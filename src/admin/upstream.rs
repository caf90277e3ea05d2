//! The old server, over the API: what it was seen to serve, and what the gateway would answer to the
//! requests that it had.

use actix_web::{HttpResponse, web};
use hyper::Method;
use serde::{Deserialize, Serialize};

use super::api::{Shared, reply};
use super::client::{AdminClient, AdminClientError};
use crate::gateway::{UpstreamReport, WouldAnswer, WouldAsk};

/// Questions in one `POST /v1/would-answer`, at most: with the longest paths and User-Agents they
/// stay below the largest body.
pub const MAX_QUESTIONS: usize = 300;

/// `POST /v1/would-answer`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WouldAnswerRequest {
    /// The requests; the answer has one entry for each, in the same order.
    pub requests: Vec<WouldAsk>,
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/upstream/report", web::get().to(report))
        .route("/v1/would-answer", web::post().to(would_answer));
}

async fn report(shared: web::Data<Shared>) -> HttpResponse {
    reply(shared.gateway.upstream_report())
}

async fn would_answer(
    shared: web::Data<Shared>,
    request: web::Json<WouldAnswerRequest>,
) -> HttpResponse {
    let answers: Result<Vec<WouldAnswer>, _> = request
        .requests
        .iter()
        .map(|asked| shared.gateway.would_answer(asked))
        .collect();
    reply(answers)
}

impl AdminClient {
    /// `upstream report`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn upstream_report(&self) -> Result<UpstreamReport, AdminClientError> {
        self.ask(Method::GET, "/v1/upstream/report", &()).await
    }

    /// `verify --replay`: what these requests would get now, in their order.
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn would_answer(
        &self,
        request: &WouldAnswerRequest,
    ) -> Result<Vec<WouldAnswer>, AdminClientError> {
        self.ask(Method::POST, "/v1/would-answer", request).await
    }
}
