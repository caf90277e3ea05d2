//! Bodies of responses.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use super::stalled::Connection;

/// The body is handed to the connection in pieces of this size, in bytes, and the connection asks
/// for the next when less than 32 KiB wait to be written: a slow phone holds no copy of its
/// firmware, and at the end of the body nearly all of it has left.
const PIECE: usize = 16 * 1024;

/// A body of which only the length is sent, in bytes: the answer to HEAD.
pub(super) struct HeadBody(pub(super) u64);

impl MessageBody for HeadBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// A file on its way.
pub(super) struct FileBody {
    length: usize,
    rest: Bytes,
    /// Whether the connection has had the occasion to write out the last piece.
    flushed: bool,
    /// Told that something moves.
    connection: Option<Arc<Connection>>,
    at_end: Option<Box<dyn FnOnce()>>,
}

impl FileBody {
    /// Sends this content, which must not be empty (the connection never asks an empty body for
    /// its end), and calls `at_end` once the connection has taken all of it. A connection that
    /// breaks before does not come to that.
    pub(super) fn new(
        content: Bytes,
        connection: Option<Arc<Connection>>,
        at_end: Option<impl FnOnce() + 'static>,
    ) -> Self {
        Self {
            length: content.len(),
            rest: content,
            flushed: false,
            connection,
            at_end: at_end.map(|call| -> Box<dyn FnOnce()> { Box::new(call) }),
        }
    }
}

impl MessageBody for FileBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(u64::try_from(self.length).unwrap_or(u64::MAX))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        if let Some(connection) = &self.connection {
            connection.moved();
        }
        if !self.rest.is_empty() {
            let piece = self.rest.len().min(PIECE);
            return Poll::Ready(Some(Ok(self.rest.split_to(piece))));
        }
        if !self.flushed {
            // The connection writes when a body makes it wait, and ends there if it is broken.
            // Without this a phone that went away during the answer often counts as served.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(at_end) = self.at_end.take() {
            at_end();
        }
        Poll::Ready(None)
    }
}
