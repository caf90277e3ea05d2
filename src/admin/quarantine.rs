//! Phones that nobody knows, over the API.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde::{Deserialize, Serialize};

use super::api::{Shared, refusal, reply};
use super::client::{AdminClient, AdminClientError};
use crate::gateway::{ClaimError, ClaimFrom, Claimed, GatewayError, QuarantineList, Reopened};
use crate::native::Mac;
use crate::wire::Secret;

/// Largest body of a claim: a phone's file of 8 MiB in base64, and what stands round it.
const MAX_CLAIM: usize = 12 << 20;

/// `POST /v1/quarantine/{mac}/claim`: with neither field the phone gets an empty file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The phone whose file is copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    like: Option<Mac>,
    /// The bytes of its file, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<Secret>,
}

/// `POST /v1/quarantine/reopen`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReopenRequest {
    /// Whose budgets are given back; everybody's if it is left out.
    #[serde(default)]
    pub address: Option<IpAddr>,
}

impl From<&ClaimFrom> for ClaimRequest {
    fn from(from: &ClaimFrom) -> Self {
        match from {
            ClaimFrom::Nothing => Self::default(),
            ClaimFrom::Like(mac) => Self {
                like: Some(*mac),
                file: None,
            },
            ClaimFrom::File(content) => Self {
                like: None,
                file: Some(Secret::new(STANDARD.encode(content))),
            },
        }
    }
}

impl ClaimRequest {
    fn from(self) -> Result<ClaimFrom, String> {
        match (self.like, self.file) {
            (None, None) => Ok(ClaimFrom::Nothing),
            (Some(mac), None) => Ok(ClaimFrom::Like(mac)),
            (None, Some(file)) => match STANDARD.decode(file.expose()) {
                Ok(content) => Ok(ClaimFrom::File(content)),
                Err(error) => Err(format!("`file` is no base64: {error}")),
            },
            (Some(_), Some(_)) => Err("give `like` or `file`, not both".to_owned()),
        }
    }
}

/// The resources.
pub(super) fn routes(service: &mut web::ServiceConfig) {
    let claim = web::resource("/v1/quarantine/{mac}/claim")
        .app_data(web::JsonConfig::default().limit(MAX_CLAIM))
        .route(web::post().to(claim));
    service
        .route("/v1/quarantine", web::get().to(list))
        .route("/v1/quarantine/reopen", web::post().to(reopen))
        .service(claim)
        .route("/v1/quarantine/{mac}", web::delete().to(remove));
}

async fn list(shared: web::Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(shared.gateway.quarantine())
}

async fn reopen(shared: web::Data<Shared>, request: web::Json<ReopenRequest>) -> HttpResponse {
    HttpResponse::Ok().json(shared.gateway.give_budgets_back(request.address))
}

async fn claim(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    request: web::Json<ClaimRequest>,
) -> HttpResponse {
    let mac = mac.into_inner();
    let from = match request.into_inner().from() {
        Ok(from) => from,
        Err(problem) => return refusal(StatusCode::BAD_REQUEST, problem),
    };
    match Box::pin(shared.gateway.claim(mac, from)).await {
        Ok(claimed) => HttpResponse::Ok().json(claimed),
        Err(ClaimError::Gateway(error)) => reply::<()>(Err(error)),
        Err(error @ ClaimError::NotInQuarantine(_)) => {
            refusal(StatusCode::NOT_FOUND, error.to_string())
        }
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    }
}

async fn remove(shared: web::Data<Shared>, mac: web::Path<Mac>) -> HttpResponse {
    let mac = mac.into_inner();
    match shared.gateway.drop_from_quarantine(mac).await {
        Err(GatewayError::UnknownPhone(mac)) => {
            let error = ClaimError::NotInQuarantine(mac);
            refusal(StatusCode::NOT_FOUND, error.to_string())
        }
        outcome => reply(outcome),
    }
}

impl AdminClient {
    /// `quarantine list`
    ///
    /// # Errors
    /// [`AdminClientError`], as for every method here.
    pub async fn quarantine(&self) -> Result<QuarantineList, AdminClientError> {
        self.ask(Method::GET, "/v1/quarantine", &()).await
    }

    /// `quarantine claim`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn claim(
        &self,
        mac: Mac,
        request: &ClaimRequest,
    ) -> Result<Claimed, AdminClientError> {
        let target = format!("/v1/quarantine/{mac}/claim");
        self.ask(Method::POST, &target, request).await
    }

    /// `quarantine drop`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn drop_from_quarantine(&self, mac: Mac) -> Result<(), AdminClientError> {
        self.ask(Method::DELETE, &format!("/v1/quarantine/{mac}"), &())
            .await
    }

    /// `quarantine reopen`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn reopen(&self, request: &ReopenRequest) -> Result<Reopened, AdminClientError> {
        self.ask(Method::POST, "/v1/quarantine/reopen", request)
            .await
    }
}
