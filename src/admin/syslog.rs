//! Logs of phones: what was seen and said, how a phone is made to say it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use hyper::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::api::{Shared, refusal, reply};
use super::client::{AdminClient, AdminClientError};
use crate::gateway::{
    LogEntry, LogOrigin, LogQuery, SyslogOrder, SyslogReport, SyslogSwitchError, SyslogSwitched,
};
use crate::native::Mac;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/devices/{mac}/log", web::get().to(log))
        .route("/v1/devices/{mac}/syslog", web::post().to(switch))
        .route("/v1/syslog", web::get().to(report));
}

#[derive(Deserialize)]
struct LogParameters {
    #[serde(default)]
    origin: Option<LogOrigin>,
    #[serde(default)]
    since: Option<Timestamp>,
}

async fn log(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    query: web::Query<LogParameters>,
) -> HttpResponse {
    let query = LogQuery {
        origin: query.origin,
        since: query.since,
    };
    reply(shared.gateway.device_log(mac.into_inner(), query))
}

async fn switch(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    order: web::Json<SyslogOrder>,
) -> HttpResponse {
    let mac = mac.into_inner();
    match shared.gateway.switch_syslog(mac, order.into_inner()).await {
        Ok(switched) => HttpResponse::Ok().json(switched),
        Err(SyslogSwitchError::Gateway(error)) => reply::<()>(Err(error)),
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    }
}

async fn report(shared: web::Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(shared.gateway.syslog_report())
}

impl AdminClient {
    /// `device log`
    ///
    /// # Errors
    /// [`AdminClientError`], as for every method here.
    pub async fn log(&self, mac: Mac, query: LogQuery) -> Result<Vec<LogEntry>, AdminClientError> {
        let mut target = format!("/v1/devices/{mac}/log?");
        match query.origin {
            Some(LogOrigin::Gateway) => target.push_str("origin=gateway&"),
            Some(LogOrigin::Phone) => target.push_str("origin=phone&"),
            None => {}
        }
        if let Some(since) = query.since {
            target.push_str(&format!("since={since}"));
        }
        self.ask(Method::GET, &target, &()).await
    }

    /// `device syslog`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn switch_syslog(
        &self,
        mac: Mac,
        order: &SyslogOrder,
    ) -> Result<SyslogSwitched, AdminClientError> {
        let target = format!("/v1/devices/{mac}/syslog");
        self.ask(Method::POST, &target, order).await
    }

    /// `syslog`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn syslog_report(&self) -> Result<SyslogReport, AdminClientError> {
        self.ask(Method::GET, "/v1/syslog", &()).await
    }
}
