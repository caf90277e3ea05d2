//! How long a phone may take to fetch a change of its file, over the API.

use actix_web::{HttpResponse, web};
use hyper::Method;

use super::api::{Shared, reply};
use super::client::{AdminClient, AdminClientError};
use crate::device::DeliveryDeadline;
use crate::native::Mac;

/// `PUT /v1/devices/{mac}/deadline`.
pub(super) fn routes(services: &mut web::ServiceConfig) {
    services.route("/v1/devices/{mac}/deadline", web::put().to(set_deadline));
}

async fn set_deadline(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    deadline: web::Json<DeliveryDeadline>,
) -> HttpResponse {
    let mac = mac.into_inner();
    let deadline = deadline.into_inner();
    reply(shared.gateway.set_delivery_deadline(mac, deadline).await)
}

impl AdminClient {
    /// `device deadline`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn set_delivery_deadline(
        &self,
        mac: Mac,
        deadline: DeliveryDeadline,
    ) -> Result<(), AdminClientError> {
        let target = format!("/v1/devices/{mac}/deadline");
        self.ask(Method::PUT, &target, &deadline).await
    }
}
