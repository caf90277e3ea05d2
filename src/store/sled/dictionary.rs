//! Dictionaries: made of values that were put aside, kept in the database.
//!
//! A dictionary is a row of whole values. zstd's own trainer picks fragments; on the files of a
//! fleet it left 68 to 850 bytes of 6 KB where whole values leave 61 (measured at levels 1 and 3,
//! 16 to 112 KiB, 64 to 1000 samples), and it takes longer.
//!
//! In the database they have keys of their own below those of all tables, where no listing meets
//! them: 0, the number (2 bytes), the piece (2 bytes), numbers big-endian. Piece 0 holds a version
//! byte, the byte of the table, the length (4 bytes) and the CRC-32 of the content; the others
//! are the content. A dictionary is never changed and never removed; copying the records into a
//! fresh store leaves those behind that nothing needs.

use std::collections::BTreeMap;

use ::sled::Tree;

use super::compression::{Compression, Dictionary};
use super::stored_form::{self, PIECE_BYTES};
use crate::store::{StoreError, Table};

/// Largest dictionary.
const MAX_BYTES: usize = 112 * 1024;
/// Most dictionaries of a store: each takes twice its size of memory.
const MAX_NUMBER: u16 = 48;
/// Most values of one dictionary.
const MAX_VALUES: usize = 24;
const VERSION: u8 = 1;
/// Below the byte of every table.
const DICTIONARIES: u8 = 0;

/// Makes a dictionary of some of these values that makes the others at least a tenth smaller than
/// the one in force does; `None` when there is none.
pub(super) fn compose(
    compression: &Compression,
    table: Table,
    samples: &[Vec<u8>],
) -> Option<Vec<u8>> {
    // The judges are not those who may be taken: a value always fits itself.
    let (candidates, judges): (Vec<_>, Vec<_>) = samples
        .iter()
        .enumerate()
        .partition(|(place, _)| place % 2 == 0);
    let candidates: Vec<&[u8]> = candidates
        .iter()
        .map(|(_, value)| value.as_slice())
        .collect();
    let judges: Vec<&[u8]> = judges.iter().map(|(_, value)| value.as_slice()).collect();
    let mut content = Vec::new();
    let mut left = sizes(compression, None, &candidates);
    for _ in 0..MAX_VALUES {
        let before: usize = left.iter().sum();
        let best = proposals(&candidates, &left, MAX_BYTES - content.len())
            .into_iter()
            .map(|value| {
                // What stands last is nearest, and nearness is cheap.
                let mut content = content.clone();
                content.extend_from_slice(value);
                let left = match Dictionary::new(0, table, &content) {
                    Some(dictionary) => sizes(compression, Some(&dictionary), &candidates),
                    None => Vec::new(),
                };
                (content, left)
            })
            .filter(|(_, left)| left.len() == candidates.len())
            .min_by_key(|(_, left)| left.iter().sum::<usize>());
        let Some((longer, smaller)) = best else {
            break;
        };
        let after: usize = smaller.iter().sum();
        // Each value costs memory, and every value of the fleet is compared with it.
        if after * 100 > before * 99 {
            break;
        }
        (content, left) = (longer, smaller);
    }
    if content.is_empty() {
        return None;
    }
    let in_force = compression.in_force(table);
    let old: usize = sizes(compression, in_force.as_deref(), &judges)
        .iter()
        .sum();
    let made = Dictionary::new(0, table, &content)?;
    let new: usize = sizes(compression, Some(&made), &judges).iter().sum();
    (new * 10 <= old * 9).then_some(content)
}

/// The changes that put a dictionary into the database.
pub(super) fn changes(number: u16, table: Table, content: &[u8]) -> ::sled::Batch {
    let mut head = vec![VERSION, table.byte()];
    head.extend_from_slice(
        &u32::try_from(content.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    head.extend_from_slice(&stored_form::check(content).to_be_bytes());
    let mut changes = ::sled::Batch::default();
    changes.insert(&key(number, 0), head);
    for (piece, bytes) in (1..).zip(content.chunks(PIECE_BYTES)) {
        changes.insert(&key(number, piece), bytes);
    }
    changes
}

/// Takes all dictionaries of the database into use and returns the number for the next one;
/// `None` when there are as many as there may be.
///
/// One that is damaged is left out: values that need it are damaged then, others are not.
pub(super) fn load(tree: &Tree, compression: &Compression) -> Result<Option<u16>, StoreError> {
    let mut found: BTreeMap<u16, Option<(Table, Vec<u8>)>> = BTreeMap::new();
    let mut length_and_check = None;
    for entry in tree.scan_prefix([DICTIONARIES]) {
        let (key, bytes) = entry?;
        let Some((number, piece)) = parse_key(&key) else {
            continue;
        };
        if piece == 0 {
            found.insert(
                number,
                parse_head(&bytes).map(|(table, _, _)| (table, Vec::new())),
            );
            length_and_check = parse_head(&bytes).map(|(_, length, check)| (length, check));
        } else if let Some((_, content)) = found.entry(number).or_default() {
            content.extend_from_slice(&bytes);
        }
        // Complete with its last piece; what is not stays out.
        if let Some(Some((table, content))) = found.get(&number)
            && length_and_check == Some((content.len(), stored_form::check(content)))
        {
            // Numbers rise, so the last one of a table is the one in force.
            if let Some(dictionary) = Dictionary::new(number, *table, content) {
                compression.add(dictionary);
            }
        }
    }
    let next = found
        .keys()
        .next_back()
        .map_or(1, |last| last.saturating_add(1));
    Ok((next <= MAX_NUMBER).then_some(next))
}

/// The number after this one, if there may be one more dictionary.
pub(super) fn next(number: u16) -> Option<u16> {
    number.checked_add(1).filter(|next| *next <= MAX_NUMBER)
}

/// How large the stored forms of values would be.
fn sizes(
    compression: &Compression,
    dictionary: Option<&Dictionary>,
    values: &[&[u8]],
) -> Vec<usize> {
    values
        .iter()
        .map(|value| {
            let form = compression.compress(dictionary, value);
            form.map_or(value.len(), |form| form.len().min(value.len()))
        })
        .collect()
}

/// A few of the values that could be next in the dictionary: the one that fits worst, which may be
/// the first of its kind or like no other, and two that fit better.
fn proposals<'a>(values: &[&'a [u8]], left: &[usize], room: usize) -> Vec<&'a [u8]> {
    let mut by_fit: Vec<_> = values
        .iter()
        .zip(left)
        .filter(|(value, _)| value.len() <= room)
        .collect();
    by_fit.sort_by_key(|(_, left)| **left);
    let last = by_fit.len().saturating_sub(1);
    [last, last * 3 / 4, last / 2]
        .into_iter()
        .filter_map(|place| by_fit.get(place).map(|(value, _)| **value))
        .collect()
}

fn key(number: u16, piece: u16) -> [u8; 5] {
    let ([a, b], [c, d]) = (number.to_be_bytes(), piece.to_be_bytes());
    [DICTIONARIES, a, b, c, d]
}

fn parse_key(key: &[u8]) -> Option<(u16, u16)> {
    let &[DICTIONARIES, a, b, c, d] = key else {
        return None;
    };
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

fn parse_head(head: &[u8]) -> Option<(Table, usize, u32)> {
    let (&[VERSION, table], rest) = head.split_first_chunk()? else {
        return None;
    };
    let (length, check) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let check = u32::from_be_bytes(check.try_into().ok()?);
    Some((Table::of_byte(table)?, length, check))
}
