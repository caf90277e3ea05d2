//! How a value lies in the database.
//!
//! The first byte of what is stored under a key tells:
//!
//! | byte | what follows |
//! |---|---|
//! | 0 | the value as it is |
//! | 1 | the head of a value in pieces: its length (8 bytes), its SHA-256; read, written no more |
//! | 2 | a compressed value: the CRC-32 of the value (4 bytes), a zstd frame |
//! | 3 | a value compressed against a dictionary: its number (2 bytes), the CRC-32 of the value, a zstd frame |
//! | 4 | the head of a stored form in pieces: its length (8 bytes), its CRC-32 (4 bytes) |
//!
//! Numbers are big-endian. The pieces of a 4, put together, are a stored form of kind 0, 2 or 3.
//! Pieces have keys of their own: the table's byte with the high bit, the key, the number of the
//! piece (4 bytes). No listing of a table meets them, and no two keys can share one.
//!
//! A CRC finds damage, not malice: whoever can write the database needs no forged value. SHA-256
//! over every long value at each reading was most of the cost of serving a file of 50 KiB.

use sha2::{Digest, Sha256};

use crate::store::{MAX_LONG_VALUE_BYTES, MAX_VALUE_BYTES, Table};

/// Size of a piece; less than the largest value, so that long values strain sled's pages less.
pub(super) const PIECE_BYTES: usize = 32 * 1024;

/// Longest stored form that lies under its key in one piece.
pub(super) const MAX_FORM_BYTES: usize = 1 + MAX_VALUE_BYTES;

const PLAIN: u8 = 0;
const IN_PIECES_BY_DIGEST: u8 = 1;
const COMPRESSED: u8 = 2;
const COMPRESSED_BY_DICTIONARY: u8 = 3;
const IN_PIECES: u8 = 4;
const PIECES_OF: u8 = 0x80;

/// What is stored under a key.
#[derive(Debug)]
pub(super) enum Form<'bytes> {
    /// The value itself.
    Plain(&'bytes [u8]),
    /// The value, compressed.
    Compressed(Compressed<'bytes>),
    /// The head of what lies in pieces.
    InPieces(Head),
}

/// A compressed value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compressed<'bytes> {
    /// The dictionary that it needs.
    pub(super) dictionary: Option<u16>,
    /// The CRC-32 of the value.
    pub(super) check: u32,
    /// The zstd frame.
    pub(super) frame: &'bytes [u8],
}

/// What pieces must add up to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A value, as format 1 had it.
    OfValue { length: u64, digest: [u8; 32] },
    /// A stored form.
    OfForm { length: u64, check: u32 },
}

/// The stored form of a value as it is.
pub(super) fn plain(value: &[u8]) -> Vec<u8> {
    let mut form = Vec::with_capacity(1 + value.len());
    form.push(PLAIN);
    form.extend_from_slice(value);
    form
}

/// What stands before the frame of a compressed value.
pub(super) fn before_frame(dictionary: Option<u16>, check: u32) -> Vec<u8> {
    let mut form = Vec::new();
    match dictionary {
        None => form.push(COMPRESSED),
        Some(number) => {
            form.push(COMPRESSED_BY_DICTIONARY);
            form.extend_from_slice(&number.to_be_bytes());
        }
    }
    form.extend_from_slice(&check.to_be_bytes());
    form
}

/// The head of a stored form that is too long for one piece, and the pieces; `None` for one that
/// is stored as it is.
pub(super) fn cut(form: &[u8]) -> Option<(Vec<u8>, std::slice::Chunks<'_, u8>)> {
    if form.len() <= MAX_FORM_BYTES {
        return None;
    }
    let mut head = vec![IN_PIECES];
    head.extend_from_slice(&(form.len() as u64).to_be_bytes());
    head.extend_from_slice(&check(form).to_be_bytes());
    Some((head, form.chunks(PIECE_BYTES)))
}

/// Reads a stored form; `None` for bytes that are none.
pub(super) fn parse(form: &[u8]) -> Option<Form<'_>> {
    match form.split_first()? {
        (&PLAIN, value) => Some(Form::Plain(value)),
        (&COMPRESSED, rest) => compressed(None, rest),
        (&COMPRESSED_BY_DICTIONARY, rest) => {
            let (number, rest) = rest.split_first_chunk()?;
            compressed(Some(u16::from_be_bytes(*number)), rest)
        }
        (&IN_PIECES_BY_DIGEST, head) => {
            let (length, digest) = head.split_first_chunk()?;
            Head::OfValue {
                length: u64::from_be_bytes(*length),
                digest: digest.try_into().ok()?,
            }
            .within_limits()
        }
        (&IN_PIECES, head) => {
            let (length, check) = head.split_first_chunk()?;
            Head::OfForm {
                length: u64::from_be_bytes(*length),
                check: u32::from_be_bytes(check.try_into().ok()?),
            }
            .within_limits()
        }
        _ => None,
    }
}

/// What a value, or a stored form in pieces, is checked by.
pub(super) fn check(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

impl Head {
    /// How many pieces there are, numbered from 0.
    pub(super) fn pieces(&self) -> u32 {
        let (Self::OfValue { length, .. } | Self::OfForm { length, .. }) = self;
        let pieces = length.div_ceil(PIECE_BYTES as u64);
        u32::try_from(pieces).unwrap_or(u32::MAX)
    }

    /// The stored form that the pieces are, if they are those of this head.
    pub(super) fn put_together<'bytes>(&self, pieces: &'bytes [u8]) -> Option<Form<'bytes>> {
        match self {
            Self::OfValue { length, digest } => (pieces.len() as u64 == *length
                && Sha256::digest(pieces).as_slice() == digest)
                .then_some(Form::Plain(pieces)),
            Self::OfForm {
                length,
                check: expected,
            } => {
                if pieces.len() as u64 != *length || check(pieces) != *expected {
                    return None;
                }
                parse(pieces).filter(|form| !matches!(form, Form::InPieces(_)))
            }
        }
    }

    /// A damaged head must not send a reader through billions of keys.
    fn within_limits(self) -> Option<Form<'static>> {
        let most = (MAX_LONG_VALUE_BYTES + 1).div_ceil(PIECE_BYTES);
        (self.pieces() as usize <= most).then_some(Form::InPieces(self))
    }
}

/// The key of a piece.
pub(super) fn piece_key(table: Table, key: &[u8], number: u32) -> Vec<u8> {
    let mut full = table.key(key);
    if let Some(first) = full.first_mut() {
        *first |= PIECES_OF;
    }
    full.extend_from_slice(&number.to_be_bytes());
    full
}

fn compressed(dictionary: Option<u16>, rest: &[u8]) -> Option<Form<'_>> {
    let (check, frame) = rest.split_first_chunk()?;
    Some(Form::Compressed(Compressed {
        dictionary,
        check: u32::from_be_bytes(*check),
        frame,
    }))
}
