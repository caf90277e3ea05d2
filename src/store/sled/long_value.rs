//! How a value lies in sled: as it is, or as a head and pieces.
//!
//! The first byte of a stored value tells: 0, and the value follows; 1, and the length (8 bytes,
//! big-endian) and the SHA-256 of a value follow that lies in pieces. The pieces have keys of
//! their own: the table's byte with the high bit, the key, the number of the piece (4 bytes,
//! big-endian). No listing of a table meets them, and no two keys can share one.

use sha2::{Digest, Sha256};

use crate::store::{MAX_VALUE_BYTES, Table};

/// Size of a piece; less than the largest value, so that long values strain sled's pages less.
pub(super) const PIECE_BYTES: usize = 32 * 1024;

const WHOLE: u8 = 0;
const IN_PIECES: u8 = 1;
const PIECES_OF: u8 = 0x80;

/// What is stored under a key.
pub(super) enum Stored<'bytes> {
    /// The value itself.
    Whole(&'bytes [u8]),
    /// The head of a value in pieces.
    InPieces(Head),
}

/// What a value in pieces must add up to.
pub(super) struct Head {
    length: u64,
    digest: [u8; 32],
}

/// The stored form of a value and its pieces, none for a value that fits as it is.
pub(super) fn store(value: &[u8]) -> (Vec<u8>, std::slice::Chunks<'_, u8>) {
    if value.len() <= MAX_VALUE_BYTES {
        let mut stored = Vec::with_capacity(1 + value.len());
        stored.push(WHOLE);
        stored.extend_from_slice(value);
        (stored, [].chunks(PIECE_BYTES))
    } else {
        let mut stored = vec![IN_PIECES];
        stored.extend_from_slice(&(value.len() as u64).to_be_bytes());
        stored.extend_from_slice(&Sha256::digest(value));
        (stored, value.chunks(PIECE_BYTES))
    }
}

/// Reads a stored form; `None` for bytes that are none.
pub(super) fn parse(stored: &[u8]) -> Option<Stored<'_>> {
    match stored.split_first()? {
        (&WHOLE, value) => Some(Stored::Whole(value)),
        (&IN_PIECES, head) => {
            let (length, digest) = head.split_first_chunk()?;
            Some(Stored::InPieces(Head {
                length: u64::from_be_bytes(*length),
                digest: digest.try_into().ok()?,
            }))
        }
        _ => None,
    }
}

impl Head {
    /// How many pieces there are, numbered from 0.
    pub(super) fn pieces(&self) -> u32 {
        let pieces = self.length.div_ceil(PIECE_BYTES as u64);
        u32::try_from(pieces).unwrap_or(u32::MAX)
    }

    /// Whether this is the head of that value.
    pub(super) fn belongs_to(&self, value: &[u8]) -> bool {
        value.len() as u64 == self.length && Sha256::digest(value).as_slice() == self.digest
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
