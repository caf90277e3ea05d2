//! Files that phones have sent, over the API.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::api::{Shared, refusal, reply};
use super::client::{AdminClient, AdminClientError};
use crate::gateway::{GatewayError, UploadSummary};
use crate::native::Mac;

/// The answer to `GET /v1/devices/{mac}/uploads/content?name=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadContent {
    /// The bytes, in base64.
    pub content: String,
}

#[derive(Deserialize)]
struct NameQuery {
    name: String,
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/devices/{mac}/uploads", web::get().to(list))
        .route("/v1/devices/{mac}/uploads", web::delete().to(remove))
        .route("/v1/devices/{mac}/uploads/content", web::get().to(content));
}

async fn list(shared: web::Data<Shared>, mac: web::Path<Mac>) -> HttpResponse {
    reply(shared.gateway.uploads(mac.into_inner()))
}

async fn content(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    query: web::Query<NameQuery>,
) -> HttpResponse {
    let mac = mac.into_inner();
    match shared.gateway.upload_content(mac, &query.name) {
        Ok(Some(bytes)) => HttpResponse::Ok().json(UploadContent {
            content: STANDARD.encode(bytes),
        }),
        Ok(None) => unknown(mac, &query.name),
        Err(error) => reply::<()>(Err(error)),
    }
}

async fn remove(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    query: web::Query<NameQuery>,
) -> HttpResponse {
    let mac = mac.into_inner();
    match shared.gateway.remove_upload(mac, &query.name).await {
        Ok(true) => reply(Ok::<(), GatewayError>(())),
        Ok(false) => unknown(mac, &query.name),
        Err(error) => reply::<()>(Err(error)),
    }
}

fn unknown(mac: Mac, name: &str) -> HttpResponse {
    let text = format!("phone {mac} has sent nothing under the name `{name}`");
    refusal(StatusCode::NOT_FOUND, text)
}

impl AdminClient {
    /// `device uploads`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn uploads(&self, mac: Mac) -> Result<Vec<UploadSummary>, AdminClientError> {
        let target = format!("/v1/devices/{mac}/uploads");
        self.ask(Method::GET, &target, &()).await
    }

    /// `device uploads --get`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn upload_content(
        &self,
        mac: Mac,
        name: &str,
    ) -> Result<UploadContent, AdminClientError> {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let target = format!("/v1/devices/{mac}/uploads/content?name={name}");
        self.ask(Method::GET, &target, &()).await
    }

    /// `device uploads --remove`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn remove_upload(&self, mac: Mac, name: &str) -> Result<(), AdminClientError> {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let target = format!("/v1/devices/{mac}/uploads?name={name}");
        self.ask(Method::DELETE, &target, &()).await
    }
}
