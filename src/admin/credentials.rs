//! Giving phones something to show, through a running gateway.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use hyper::Method;
use serde::{Deserialize, Serialize};

use super::api::{Shared, refusal, reply_to_work};
use super::client::{AdminClient, AdminClientError};
use crate::gateway::{CredentialsLine, CredentialsOrder};
use crate::native::Mac;

/// `POST /v1/credentials`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsRequest {
    /// Phones by name.
    #[serde(default)]
    pub macs: Vec<Mac>,
    /// The phones of this group besides.
    #[serde(default)]
    pub group: Option<String>,
    /// What is to be done for each.
    #[serde(default)]
    pub order: CredentialsOrder,
}

pub(super) fn routes(services: &mut web::ServiceConfig) {
    services.route("/v1/credentials", web::post().to(credentials));
}

async fn credentials(
    shared: web::Data<Shared>,
    request: web::Json<CredentialsRequest>,
) -> HttpResponse {
    let request = request.into_inner();
    if request.macs.is_empty() && request.group.is_none() {
        return refusal(
            StatusCode::BAD_REQUEST,
            "neither a phone nor a group is named",
        );
    }
    let gateway = shared.gateway.clone();
    let work = shared.runtime.spawn(async move {
        let CredentialsRequest { macs, group, order } = request;
        gateway
            .order_credentials(macs, group.as_deref(), order)
            .await
    });
    reply_to_work(work.await)
}

impl AdminClient {
    /// `device credentials`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn credentials(
        &self,
        request: &CredentialsRequest,
    ) -> Result<Vec<CredentialsLine>, AdminClientError> {
        self.ask(Method::POST, "/v1/credentials", request).await
    }
}
