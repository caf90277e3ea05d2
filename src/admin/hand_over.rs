//! `/v1/hand-overs`: phones that are handed over to their own TR-069 clients.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use hyper::Method;

use super::api::{Shared, refusal, reply, reply_or_fault};
use super::client::{AdminClient, AdminClientError};
use crate::gateway::{ChangeError, HandOverError, HandOverOrder, HandOverSummary, HandedOver};
use crate::native::Mac;

/// The resources of this file.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/hand-overs", web::get().to(list))
        .route("/v1/devices/{mac}/hand-over", web::post().to(hand_over))
        .route(
            "/v1/devices/{mac}/hand-over/confirm",
            web::post().to(confirm),
        )
        .route("/v1/devices/{mac}/hand-over", web::delete().to(take_back));
}

async fn list(shared: web::Data<Shared>) -> HttpResponse {
    let hand_overs: Result<Vec<HandOverSummary>, _> = shared.gateway.hand_overs().collect();
    reply(hand_overs)
}

async fn hand_over(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    order: web::Json<HandOverOrder>,
) -> HttpResponse {
    answer(shared.gateway.hand_over(mac.into_inner(), &order).await)
}

async fn confirm(shared: web::Data<Shared>, mac: web::Path<Mac>) -> HttpResponse {
    answer(shared.gateway.confirm_hand_over(mac.into_inner()).await)
}

async fn take_back(shared: web::Data<Shared>, mac: web::Path<Mac>) -> HttpResponse {
    answer(shared.gateway.take_back(mac.into_inner()).await)
}

fn answer<T: serde::Serialize>(outcome: Result<T, HandOverError>) -> HttpResponse {
    match outcome {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(HandOverError::Gateway(error)) => reply::<T>(Err(error)),
        Err(HandOverError::Fault(fault)) => reply_or_fault::<T>(Err(ChangeError::Fault(fault))),
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    }
}

impl AdminClient {
    /// `handover`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn hand_over(
        &self,
        mac: Mac,
        order: &HandOverOrder,
    ) -> Result<HandedOver, AdminClientError> {
        let target = format!("/v1/devices/{mac}/hand-over");
        self.ask(Method::POST, &target, order).await
    }

    /// `handover --confirm`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn confirm_hand_over(&self, mac: Mac) -> Result<(), AdminClientError> {
        let target = format!("/v1/devices/{mac}/hand-over/confirm");
        self.ask(Method::POST, &target, &()).await
    }

    /// `handover --take-back`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn take_back(&self, mac: Mac) -> Result<(), AdminClientError> {
        let target = format!("/v1/devices/{mac}/hand-over");
        self.ask(Method::DELETE, &target, &()).await
    }

    /// `handover` without a phone
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn hand_overs(&self) -> Result<Vec<HandOverSummary>, AdminClientError> {
        self.ask(Method::GET, "/v1/hand-overs", &()).await
    }
}
