//! A message on its way out: its length is known before its first byte is written, and its list is
//! written piece by piece, so that an answer of any size takes the room of one piece.

use std::fmt;
use std::sync::Arc;

use super::writer::Writer;
use crate::cwmp::CwmpVersion;
use crate::cwmp::message::{ParameterAttribute, ParameterInfo, ParameterValue};
use crate::wire::digest::BodyPieces;

/// Most bytes of one piece.
pub const MAX_PIECE: usize = 64 * 1024;

/// A message that can be sent, and sent again. A clone shares its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing(Arc<Content>);

#[derive(Debug, PartialEq, Eq)]
struct Content {
    before: Vec<u8>,
    list: List,
    after: Vec<u8>,
    length: usize,
    version: CwmpVersion,
}

/// The part of a message that may be long.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum List {
    Nothing,
    Values(Vec<ParameterValue>),
    Names(Vec<ParameterInfo>),
    Attributes(Vec<ParameterAttribute>),
}

impl Outgoing {
    /// A message whose list stands between two texts.
    pub(super) fn new(before: Vec<u8>, list: List, after: Vec<u8>, version: CwmpVersion) -> Self {
        let mut writer = Writer::new(Length(0), version);
        let mut entry = 0;
        while list.write(entry, &mut writer) {
            entry += 1;
        }
        let length = before.len() + writer.into_inner().0 + after.len();
        Self(Arc::new(Content {
            before,
            list,
            after,
            length,
            version,
        }))
    }

    /// All its bytes; never 0.
    pub fn length(&self) -> usize {
        self.0.length
    }

    /// Its bytes in order, in pieces of at most [`MAX_PIECE`].
    pub fn pieces(&self) -> Pieces {
        Pieces {
            content: Arc::clone(&self.0),
            next: Part::Before,
            ready: Bytes::default(),
        }
    }

    /// All of it at once.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.length());
        self.feed(&mut |piece| whole.extend_from_slice(piece));
        whole
    }
}

impl BodyPieces for Outgoing {
    fn feed(&self, take: &mut dyn FnMut(&[u8])) {
        for piece in self.pieces() {
            take(&piece);
        }
    }
}

/// The pieces of an [`Outgoing`], written as they are asked for.
#[derive(Debug)]
pub struct Pieces {
    content: Arc<Content>,
    next: Part,
    ready: Bytes,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Before,
    Entry(usize),
    Nothing,
}

impl Iterator for Pieces {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while self.ready.0.len() < MAX_PIECE && self.write_next() {}
        if self.ready.0.is_empty() {
            return None;
        }
        let rest = if self.ready.0.len() > MAX_PIECE {
            self.ready.0.split_off(MAX_PIECE)
        } else {
            Vec::new()
        };
        Some(std::mem::replace(&mut self.ready.0, rest))
    }
}

impl Pieces {
    /// Writes what comes next; false when there is nothing more.
    fn write_next(&mut self) -> bool {
        let content = &*self.content;
        match self.next {
            Part::Before => {
                self.ready.0.extend_from_slice(&content.before);
                self.next = Part::Entry(0);
            }
            Part::Entry(entry) => {
                let mut writer = Writer::new(&mut self.ready, content.version);
                if content.list.write(entry, &mut writer) {
                    self.next = Part::Entry(entry + 1);
                } else {
                    self.ready.0.extend_from_slice(&content.after);
                    self.next = Part::Nothing;
                }
            }
            Part::Nothing => return false,
        }
        true
    }
}

impl List {
    /// Writes one entry; false when there is none of this number.
    fn write<W: fmt::Write>(&self, entry: usize, writer: &mut Writer<W>) -> bool {
        let written = match self {
            Self::Nothing => None,
            Self::Values(entries) => entries.get(entry).map(|entry| writer.value(entry)),
            Self::Names(entries) => entries.get(entry).map(|entry| writer.info(entry)),
            Self::Attributes(entries) => entries.get(entry).map(|entry| writer.attribute(entry)),
        };
        written.is_some()
    }
}

/// Takes bytes. Never fails.
#[derive(Debug, Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl fmt::Write for Bytes {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Counts bytes. Never fails.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cwmp::{CpeResponse, encode_response};
    use crate::datamodel::ValueType;

    fn answer(count: usize, text: &str) -> Outgoing {
        let value = |number: usize| ParameterValue {
            name: format!("Device.X.{number}.Name"),
            value: text.to_owned(),
            value_type: ValueType::String,
        };
        let values = (0..count).map(value).collect();
        encode_response(
            CwmpVersion::V1_2,
            Some("1"),
            CpeResponse::GetParameterValues(values),
        )
    }

    #[test]
    fn a_long_answer_goes_in_pieces_that_make_up_its_length() {
        for (count, text) in [
            (0, ""),
            (1, "x"),
            (5_000, "a&b"),
            (3, "é".repeat(100_000).as_str()),
        ] {
            let message = answer(count, text);
            let pieces: Vec<Vec<u8>> = message.pieces().collect();
            assert!(
                pieces
                    .iter()
                    .all(|piece| (1..=MAX_PIECE).contains(&piece.len()))
            );
            let total: usize = pieces.iter().map(Vec::len).sum();
            assert_eq!(total, message.length());
            assert_eq!(pieces.len(), total.div_ceil(MAX_PIECE));
            let whole = String::from_utf8(pieces.concat()).unwrap();
            assert!(whole.ends_with("</soap-env:Envelope>\n"));
            assert_eq!(whole.matches("<ParameterValueStruct>").count(), count);
        }
    }

    #[test]
    fn it_can_be_sent_again() {
        let message = answer(2_000, "again");
        let first: Vec<Vec<u8>> = message.pieces().collect();
        assert_eq!(message.pieces().collect::<Vec<_>>(), first);
        assert_eq!(message.clone().to_vec(), first.concat());
    }
}
