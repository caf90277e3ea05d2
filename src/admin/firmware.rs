//! The catalogue of firmware over the API.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use hyper::Method;
use serde::Serialize;

use super::api::{Shared, refusal, reply};
use super::client::{AdminClient, AdminClientError};
use crate::device::FirmwareRecord;
use crate::gateway::{Assigned, Assignment, FirmwareAddition, FirmwareError, FirmwareView};

/// `GET` and `POST /v1/firmware`, `POST /v1/firmware-assignments`, `DELETE /v1/firmware/{image}`.
pub(super) fn routes(services: &mut web::ServiceConfig) {
    services
        .route("/v1/firmware", web::get().to(list))
        .route("/v1/firmware", web::post().to(add))
        .route("/v1/firmware/{image}", web::delete().to(remove))
        .route("/v1/firmware-assignments", web::post().to(assign));
}

async fn list(shared: web::Data<Shared>) -> HttpResponse {
    reply(shared.gateway.firmware())
}

async fn add(shared: web::Data<Shared>, addition: web::Json<FirmwareAddition>) -> HttpResponse {
    let gateway = shared.gateway.clone();
    let addition = addition.into_inner();
    let work = shared
        .runtime
        .spawn(async move { gateway.add_firmware(addition).await });
    reply_to(work.await)
}

async fn assign(shared: web::Data<Shared>, assignment: web::Json<Assignment>) -> HttpResponse {
    let gateway = shared.gateway.clone();
    let assignment = assignment.into_inner();
    let work = shared
        .runtime
        .spawn(async move { gateway.assign_firmware(&assignment).await });
    reply_to(work.await)
}

async fn remove(shared: web::Data<Shared>, image: web::Path<String>) -> HttpResponse {
    reply_to(Ok(shared.gateway.drop_firmware(&image).await))
}

fn reply_to<T: Serialize>(
    outcome: Result<Result<T, FirmwareError>, tokio::task::JoinError>,
) -> HttpResponse {
    let error = match outcome {
        Ok(Ok(value)) => return HttpResponse::Ok().json(value),
        Ok(Err(FirmwareError::Gateway(error))) => return reply::<T>(Err(error)),
        Ok(Err(error)) => error,
        Err(error) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let status = match error {
        FirmwareError::Unknown(_) => StatusCode::NOT_FOUND,
        FirmwareError::InUse { .. } => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    refusal(status, error.to_string())
}

impl AdminClient {
    /// `firmware list`
    ///
    /// # Errors
    /// [`AdminClientError`], as for every method here.
    pub async fn firmware(&self) -> Result<Vec<FirmwareView>, AdminClientError> {
        self.ask(Method::GET, "/v1/firmware", &()).await
    }

    /// `firmware add`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn add_firmware(
        &self,
        addition: &FirmwareAddition,
    ) -> Result<FirmwareView, AdminClientError> {
        self.ask(Method::POST, "/v1/firmware", addition).await
    }

    /// `firmware assign`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn assign_firmware(
        &self,
        assignment: &Assignment,
    ) -> Result<Vec<Assigned>, AdminClientError> {
        self.ask(Method::POST, "/v1/firmware-assignments", assignment)
            .await
    }

    /// `firmware drop`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn drop_firmware(&self, image: &str) -> Result<FirmwareRecord, AdminClientError> {
        let image =
            percent_encoding::utf8_percent_encode(image, percent_encoding::NON_ALPHANUMERIC);
        self.ask(Method::DELETE, &format!("/v1/firmware/{image}"), &())
            .await
    }
}
