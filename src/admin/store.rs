//! The store, over the API: how it does, its check and reindex, and its backup as a stream.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::api::{Shared, reply, reply_to_work};
use super::client::{AdminClient, AdminClientError};
use crate::gateway::{ReindexReport, StoreCheckReport, StoreStatus};

/// Bytes of a piece of a backup on its way.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for a slow reader.
const WAITING: usize = 16;

#[derive(Deserialize)]
struct BackupQuery {
    contents: bool,
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/store", web::get().to(status))
        .route("/v1/store/check", web::post().to(check))
        .route("/v1/store/reindex", web::post().to(reindex))
        .route("/v1/store/backup", web::get().to(backup));
}

async fn status(shared: web::Data<Shared>) -> HttpResponse {
    reply(shared.gateway.store_status())
}

async fn check(shared: web::Data<Shared>) -> HttpResponse {
    let gateway = shared.gateway.clone();
    let work = shared
        .runtime
        .spawn_blocking(move || gateway.check_store(true, &|_, _| {}));
    reply_to_work(work.await)
}

async fn reindex(shared: web::Data<Shared>) -> HttpResponse {
    let gateway = shared.gateway.clone();
    let work = shared
        .runtime
        .spawn(async move { gateway.reindex(&|_, _| {}).await });
    reply_to_work(work.await)
}

/// The backup as it is made. When it can't be made to its end, neither is the answer, and whoever
/// reads it misses the end.
async fn backup(shared: web::Data<Shared>, query: web::Query<BackupQuery>) -> HttpResponse {
    let (pieces, waiting) = mpsc::channel(WAITING);
    let gateway = shared.gateway.clone();
    shared.runtime.spawn_blocking(move || {
        let mut out = Pieces {
            buffer: Vec::with_capacity(PIECE),
            pieces,
        };
        if let Err(error) = gateway.write_backup(query.contents, &mut out) {
            tracing::warn!(%error, "a backup has not come to its end");
            // Nobody may be there to hear it.
            let _ = out.pieces.blocking_send(Err(io::Error::other(error)));
        }
    });
    HttpResponse::Ok()
        .content_type("application/octet-stream")
        .body(Waiting(waiting))
}

/// The pieces as the body of an answer.
struct Waiting(mpsc::Receiver<io::Result<Bytes>>);

impl MessageBody for Waiting {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.0.poll_recv(context)
    }
}

/// What is written goes to the answer, piece by piece.
struct Pieces {
    buffer: Vec<u8>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        let sent = self.pieces.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever wanted it is gone"))
    }
}

/// A backup as it comes from a running gateway.
#[derive(Debug)]
pub struct BackupStream(Incoming);

impl BackupStream {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`AdminClientError::Cut`] when the gateway has not come to the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AdminClientError> {
        loop {
            let Some(frame) = self.0.frame().await else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| AdminClientError::Cut(error.to_string()))?;
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
    }
}

impl AdminClient {
    /// `store status`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn store_status(&self) -> Result<StoreStatus, AdminClientError> {
        self.ask(Method::GET, "/v1/store", &()).await
    }

    /// `store check`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn check_store(&self) -> Result<StoreCheckReport, AdminClientError> {
        self.ask(Method::POST, "/v1/store/check", &()).await
    }

    /// `reindex`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn reindex(&self) -> Result<ReindexReport, AdminClientError> {
        self.ask(Method::POST, "/v1/store/reindex", &()).await
    }

    /// `store backup`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn backup(&self, contents: bool) -> Result<BackupStream, AdminClientError> {
        let target = format!("/v1/store/backup?contents={contents}");
        Ok(BackupStream(self.stream(&target).await?))
    }
}
