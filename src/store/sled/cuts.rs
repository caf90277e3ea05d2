//! Where a table is cut, so that several threads can read it.

use std::ops::Range;

use ::sled::Tree;

use crate::store::Table;

/// Longer beginnings of keys are not compared.
const MAX_PREFIX: usize = 64;

/// Ranges of full keys, in order, that together hold the records of a table, each once: as many as
/// wanted, or up to 256 times as many, if the table has so many records. They begin where the keys
/// differ from those before, so a look at one record in each tells them all. Where the database
/// can't be read they are fewer: whoever reads them will hear of that.
pub(super) fn parts(tree: &Tree, table: Table, wanted: usize) -> Vec<Range<Vec<u8>>> {
    let whole = table.key(b"")..vec![table.byte().saturating_add(1)];
    let mut starts = Vec::new();
    for length in 2..=MAX_PREFIX {
        match beginnings(tree, &whole, length) {
            Ok(found) => starts = found,
            Err(_) => break,
        }
        if starts.len() >= wanted {
            break;
        }
    }
    let mut parts = Vec::with_capacity(starts.len());
    let mut start = whole.start;
    for next in starts.into_iter().skip(1) {
        parts.push(std::mem::replace(&mut start, next.clone())..next);
    }
    parts.push(start..whole.end);
    parts
}

/// The different beginnings, of so many bytes at most, of the keys in a range.
fn beginnings(
    tree: &Tree,
    range: &Range<Vec<u8>>,
    length: usize,
) -> Result<Vec<Vec<u8>>, ::sled::Error> {
    let mut found = Vec::new();
    let mut from = range.start.clone();
    while let Some(key) = tree.range(from..range.end.clone()).keys().next() {
        let key = key?;
        let beginning = key.get(..length).unwrap_or(&key).to_vec();
        from = match after_all(&beginning, length) {
            Some(after) => after,
            None => range.end.clone(),
        };
        found.push(beginning);
        if from >= range.end {
            break;
        }
    }
    Ok(found)
}

/// The first key after all those that begin so; `None` when nothing can come after them.
fn after_all(beginning: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut after = beginning.to_vec();
    if after.len() < length {
        // The key itself: others may begin with it.
        after.push(0);
        return Some(after);
    }
    while let Some(last) = after.pop() {
        if let Some(next) = last.checked_add(1) {
            after.push(next);
            return Some(after);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_record_is_in_one_part(
            keys in prop::collection::btree_set(
                prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xff), any::<u8>()], 0..6),
                0..60,
            ),
            wanted in 1..40_usize,
        ) {
            let database = ::sled::Config::new().temporary(true).open().unwrap();
            let full: BTreeSet<Vec<u8>> = keys.iter().map(|key| Table::Device.key(key)).collect();
            for key in &full {
                database.insert(key, b"").unwrap();
            }
            for other in [Table::Meta, Table::File] {
                database.insert(other.key(b"key"), b"").unwrap();
            }
            let parts = parts(&database, Table::Device, wanted);
            let mut seen = Vec::new();
            for part in &parts {
                seen.extend(database.range(part.clone()).keys().map(|key| key.unwrap().to_vec()));
            }
            prop_assert_eq!(seen, full.into_iter().collect::<Vec<_>>());
            prop_assert!(parts.len() >= wanted.min(keys.len()), "{} parts", parts.len());
        }
    }
}
