//! The body of an outgoing request, for hyper: bytes, or a message that is written as it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::cwmp::{MAX_PIECE, Outgoing, Pieces};
use crate::wire::digest::BodyPieces;

/// What a request carries; it can be sent again and again.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Whole(Bytes),
    Message(Outgoing),
}

impl Content {
    /// A message: one of a single piece is written now, once, and a longer one whenever it is sent.
    pub(super) fn of(message: Outgoing) -> Self {
        if message.length() <= MAX_PIECE {
            Self::Whole(Bytes::from(message.to_vec()))
        } else {
            Self::Message(message)
        }
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Message(message) => message.length(),
        }
    }

    /// All of it at once.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        match self {
            Self::Whole(bytes) => bytes.to_vec(),
            Self::Message(message) => message.to_vec(),
        }
    }

    /// The body of one request.
    pub(super) fn body(&self) -> RequestBody {
        let source = match self {
            Self::Whole(bytes) => Source::Whole(bytes.clone()),
            Self::Message(message) => Source::Pieces(message.pieces()),
        };
        RequestBody {
            left: self.length(),
            source,
        }
    }
}

impl BodyPieces for Content {
    fn feed(&self, take: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Whole(bytes) => take(bytes),
            Self::Message(message) => message.feed(take),
        }
    }
}

/// The body of one request; its length is known from the start.
#[derive(Debug)]
pub(super) struct RequestBody {
    source: Source,
    left: usize,
}

#[derive(Debug)]
enum Source {
    Whole(Bytes),
    Pieces(Pieces),
}

impl RequestBody {
    /// No body.
    pub(super) fn empty() -> Self {
        Self {
            source: Source::Whole(Bytes::new()),
            left: 0,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut self.source {
            Source::Whole(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Source::Pieces(pieces) => pieces.next().map(Bytes::from),
        };
        if let Some(piece) = &piece {
            self.left = self.left.saturating_sub(piece.len());
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
