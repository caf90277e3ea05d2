//! The HTTP API. Every request carries the bearer token of the running gateway.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, PathError};
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, body::MessageBody, web};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::hand_over;
use super::protocol::{
    ControlReply, ErrorReply, ExportRequest, ImportRequest, TreeRequest, UnsetRequest, WishRequest,
};
use super::syslog;
use super::uploads;
use crate::cwmp::{FaultCode, RequestDownload};
use crate::gateway::{
    ChangeError, ConvertError, ConvertRequest, Gateway, GatewayError, ImportOptions, WishError,
};
use crate::native::Mac;
use crate::wire::Secret;

/// Largest body of a request.
const MAX_BODY: usize = 1 << 20;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 64;

/// The API can't be offered.
#[derive(Debug, thiserror::Error)]
pub enum AdminServerError {
    /// The address can't be listened on.
    #[error("admin.listen = \"{address}\" can't be listened on: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The listener, bound and ready to run.
pub struct AdminServer {
    server: Server,
    address: SocketAddr,
}

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) gateway: Gateway,
    token: Secret,
    /// Long work goes on the gateway's threads, not on the one that answers requests.
    pub(super) runtime: Handle,
}

impl AdminServer {
    /// Opens the listener. To be called within the runtime that the gateway works on.
    ///
    /// # Errors
    /// [`AdminServerError::Bind`].
    pub fn bind(
        gateway: Gateway,
        listener: std::net::TcpListener,
        token: Secret,
    ) -> Result<Self, AdminServerError> {
        let address = listener
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let shared = Shared {
            gateway,
            token,
            runtime: Handle::current(),
        };
        let server =
            HttpServer::new(move || {
                App::new()
                    .app_data(web::Data::new(shared.clone()))
                    .app_data(web::JsonConfig::default().limit(MAX_BODY).error_handler(
                        |error, _| {
                            let reply = refusal(StatusCode::BAD_REQUEST, error.to_string());
                            InternalError::from_response(error, reply).into()
                        },
                    ))
                    .app_data(web::PathConfig::default().error_handler(bad_path))
                    .wrap(from_fn(check_token))
                    .route("/v1/devices", web::get().to(list))
                    .route("/v1/devices/{mac}", web::get().to(show))
                    .route("/v1/devices/{mac}/parameters", web::get().to(parameters))
                    .route("/v1/devices/{mac}/parameters", web::patch().to(set))
                    .route("/v1/devices/{mac}/unset", web::post().to(unset))
                    .route("/v1/devices/{mac}/explain", web::get().to(explain))
                    .route("/v1/devices/{mac}/trace", web::get().to(trace))
                    .route("/v1/devices/{mac}/resync", web::post().to(resync))
                    .route("/v1/devices/{mac}/reboot", web::post().to(reboot))
                    .configure(syslog::routes)
                    .route(
                        "/v1/devices/{mac}/factory-reset",
                        web::post().to(factory_reset),
                    )
                    .route(
                        "/v1/devices/{mac}/request-download",
                        web::post().to(request_download),
                    )
                    .route("/v1/devices/{mac}/convert", web::post().to(convert))
                    .configure(hand_over::routes)
                    .configure(uploads::routes)
                    .route("/v1/import", web::post().to(import))
                    .route("/v1/verify", web::post().to(verify))
                    .route("/v1/export", web::post().to(export))
                    .configure(super::upstream::routes)
                    .configure(super::credentials::routes)
                    .configure(super::quarantine::routes)
                    .configure(super::delivery::routes)
                    .configure(super::firmware::routes)
                    .configure(super::store::routes)
                    .default_service(web::to(|| async {
                        refusal(StatusCode::NOT_FOUND, "there is no such resource")
                    }))
            })
            .workers(1)
            .client_request_timeout(REQUEST_TIMEOUT)
            .max_connections(MAX_CONNECTIONS)
            .shutdown_timeout(1)
            .disable_signals()
            .listen(listener)
            .map_err(|source| AdminServerError::Bind { address, source })?;
        Ok(Self {
            server: server.run(),
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown`.
    ///
    /// # Errors
    /// What ended the server before.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let handle = self.server.handle();
        let mut server = std::pin::pin!(self.server);
        tokio::select! {
            ended = &mut server => return ended,
            () = shutdown.cancelled() => {}
        }
        let (ended, ()) = tokio::join!(server, handle.stop(true));
        ended
    }
}

async fn check_token(
    shared: web::Data<Shared>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let wanted = shared.token.expose();
    if bool::from(given.as_bytes().ct_eq(wanted.as_bytes())) {
        let response = next.call(request).await?;
        Ok(response.map_into_left_body())
    } else {
        let refusal = refusal(
            StatusCode::UNAUTHORIZED,
            "the bearer token of the running gateway is wanted",
        );
        Ok(request.into_response(refusal).map_into_right_body())
    }
}

async fn list(shared: web::Data<Shared>) -> HttpResponse {
    let devices: Vec<_> = shared
        .gateway
        .list()
        .filter_map(|device| match device {
            Ok(device) => Some(device),
            Err(error) => {
                tracing::error!(%error, "a phone is left out of the list");
                None
            }
        })
        .collect();
    HttpResponse::Ok().json(devices)
}

async fn show(shared: web::Data<Shared>, mac: web::Path<Mac>) -> HttpResponse {
    reply(shared.gateway.show(mac.into_inner()).await)
}

#[derive(Deserialize)]
struct PathQuery {
    #[serde(default)]
    path: String,
}

async fn parameters(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    query: web::Query<PathQuery>,
) -> HttpResponse {
    reply_or_fault(
        shared
            .gateway
            .parameters(mac.into_inner(), &query.path)
            .await,
    )
}

#[derive(Deserialize)]
struct WhatQuery {
    what: String,
}

async fn explain(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    query: web::Query<WhatQuery>,
) -> HttpResponse {
    reply_or_fault(shared.gateway.explain(mac.into_inner(), &query.what).await)
}

#[derive(Deserialize)]
struct SessionsQuery {
    sessions: usize,
}

async fn trace(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    query: web::Query<SessionsQuery>,
) -> HttpResponse {
    reply(
        shared
            .gateway
            .traced_sessions(mac.into_inner(), query.sessions)
            .await,
    )
}

async fn set(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    values: web::Json<BTreeMap<String, String>>,
) -> HttpResponse {
    let mac = mac.into_inner();
    let values = values.into_inner().into_iter().collect();
    reply_or_fault(shared.gateway.set_by_operator(mac, values).await)
}

async fn unset(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    request: web::Json<UnsetRequest>,
) -> HttpResponse {
    let mac = mac.into_inner();
    let paths = request.into_inner().paths;
    reply_or_fault(shared.gateway.unset_by_operator(mac, paths).await)
}

async fn resync(shared: web::Data<Shared>, mac: web::Path<Mac>) -> HttpResponse {
    let mac = mac.into_inner();
    let outcome = shared.gateway.resync(mac).await;
    reply(outcome.map(|outcome| ControlReply { outcome }))
}

async fn reboot(shared: web::Data<Shared>, mac: web::Path<Mac>) -> HttpResponse {
    let mac = mac.into_inner();
    let outcome = shared.gateway.reboot(mac).await;
    reply(outcome.map(|outcome| ControlReply { outcome }))
}

async fn factory_reset(shared: web::Data<Shared>, mac: web::Path<Mac>) -> HttpResponse {
    let mac = mac.into_inner();
    let outcome = shared.gateway.reset_phone(mac).await;
    reply(outcome.map(|outcome| ControlReply { outcome }))
}

async fn request_download(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    request: web::Json<WishRequest>,
) -> HttpResponse {
    let mac = mac.into_inner();
    let WishRequest {
        file_type,
        arguments,
    } = request.into_inner();
    let wish = RequestDownload {
        file_type,
        arguments,
    };
    match shared.gateway.request_download(mac, wish).await {
        Ok(()) => HttpResponse::Ok().json(()),
        Err(WishError::Gateway(error)) => reply::<()>(Err(error)),
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    }
}

async fn convert(
    shared: web::Data<Shared>,
    mac: web::Path<Mac>,
    request: web::Json<ConvertRequest>,
) -> HttpResponse {
    let mac = mac.into_inner();
    match shared.gateway.convert(mac, &request).await {
        Ok(file) => HttpResponse::Ok().json(file),
        Err(ConvertError::Gateway(error)) => reply::<()>(Err(error)),
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    }
}

async fn import(shared: web::Data<Shared>, request: web::Json<ImportRequest>) -> HttpResponse {
    let gateway = shared.gateway.clone();
    let work = shared.runtime.spawn(async move {
        let options = ImportOptions {
            dry_run: request.dry_run,
            replace: request.replace,
            prefer: request.prefer,
        };
        gateway.import(&request.tree, options, &|_, _| {}).await
    });
    reply_to_work(work.await)
}

async fn verify(shared: web::Data<Shared>, request: web::Json<TreeRequest>) -> HttpResponse {
    let gateway = shared.gateway.clone();
    let work = shared
        .runtime
        .spawn_blocking(move || gateway.verify(&request.tree, &|_, _| {}));
    reply_to_work(work.await)
}

async fn export(shared: web::Data<Shared>, request: web::Json<ExportRequest>) -> HttpResponse {
    let gateway = shared.gateway.clone();
    let work = shared
        .runtime
        .spawn_blocking(move || gateway.export(&request.directory, &|_, _| {}));
    reply_to_work(work.await)
}

/// A path without the MAC address that it wants.
fn bad_path(error: PathError, _: &HttpRequest) -> actix_web::Error {
    let text = match &error {
        PathError::Deserialize(problem) => problem.to_string(),
        other => other.to_string(),
    };
    InternalError::from_response(error, refusal(StatusCode::BAD_REQUEST, text)).into()
}

pub(super) fn reply<T: Serialize>(outcome: Result<T, GatewayError>) -> HttpResponse {
    match outcome {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(error) => {
            let status = match error {
                GatewayError::UnknownPhone(_) => StatusCode::NOT_FOUND,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refusal(status, error.to_string())
        }
    }
}

pub(super) fn reply_or_fault<T: Serialize>(outcome: Result<T, ChangeError>) -> HttpResponse {
    match outcome {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(ChangeError::Gateway(error)) => reply::<T>(Err(error)),
        Err(ChangeError::Fault(fault)) => {
            let status = match fault.code {
                FaultCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
                FaultCode::InvalidParameterName => StatusCode::NOT_FOUND,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            HttpResponse::build(status).json(ErrorReply::from(&fault))
        }
    }
}

pub(super) fn reply_to_work<T: Serialize, E: std::error::Error>(
    outcome: Result<Result<T, E>, tokio::task::JoinError>,
) -> HttpResponse {
    match outcome {
        Ok(Ok(report)) => HttpResponse::Ok().json(report),
        Ok(Err(error)) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

pub(super) fn refusal(status: StatusCode, error: impl Into<String>) -> HttpResponse {
    HttpResponse::build(status).json(ErrorReply {
        error: error.into(),
        code: None,
        parameters: Vec::new(),
    })
}
