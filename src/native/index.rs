//! Finds the setting in force for a key.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use super::key::{KeyHash, NativeKey, WrittenKey};
use super::parsed::Entry;

/// Of each key the last entry, as phones take it, and which entries stand before it in vain.
///
/// Keys are not kept: they are read from the file again when they are compared.
#[derive(Debug, Clone)]
pub(super) struct KeyIndex {
    last: HashTable<u32>,
    /// Of each key that stands more than once, every entry but the last and the one that follows
    /// it; in file order.
    repeated: Vec<(u32, u32)>,
}

impl KeyIndex {
    pub(super) fn new(bytes: &[u8], entries: &[Entry]) -> Self {
        let mut index = Self {
            last: HashTable::with_capacity(entries.len()),
            repeated: Vec::new(),
        };
        for (place, entry) in (0_u32..).zip(entries) {
            if let Some(before) = index.take(bytes, entries, place, entry.key.of(bytes)) {
                index.repeated.push((before, place));
            }
        }
        index.repeated.sort_unstable();
        index
    }

    /// The place of the last entry with a key.
    pub(super) fn find(
        &self,
        bytes: &[u8],
        entries: &[Entry],
        key: &NativeKey,
        hash: KeyHash,
    ) -> Option<usize> {
        let is_it =
            |&place: &u32| written(bytes, entries, place).is_some_and(|other| other.is(key));
        self.last.find(hash.0, is_it).map(|&place| place as usize)
    }

    /// The places of the first and the last entry of each key, by the first.
    pub(super) fn firsts_and_lasts(&self, entries: usize) -> impl Iterator<Item = (usize, usize)> {
        let mut later: Vec<u32> = self.repeated.iter().map(|&(_, later)| later).collect();
        later.sort_unstable();
        let mut later = later.into_iter().peekable();
        (0..entries).filter_map(move |place| {
            let is_first = later.next_if(|&later| later as usize == place).is_none();
            is_first.then(|| (place, self.last_after(place)))
        })
    }

    /// The places of all entries with the key whose last entry is given, that one included; in
    /// file order.
    pub(super) fn all_until(&self, last: usize) -> Vec<usize> {
        let mut places = vec![last];
        let mut at = last;
        for &(before, later) in self.repeated.iter().rev() {
            if later as usize == at {
                at = before as usize;
                places.push(at);
            }
        }
        places.reverse();
        places
    }

    /// Takes in an entry that was added, the only one with its key.
    pub(super) fn add(&mut self, bytes: &[u8], entries: &[Entry], place: usize) {
        let (Ok(added), Some(entry)) = (u32::try_from(place), entries.get(place)) else {
            return;
        };
        self.renumber(|place| place + u32::from(place >= added));
        self.take(bytes, entries, added, entry.key.of(bytes));
    }

    /// Forgets all entries of a key, whose places are given in file order; to be called while the
    /// entries are still there.
    pub(super) fn remove(&mut self, bytes: &[u8], entries: &[Entry], places: &[usize]) {
        let Some((&last, key)) = places.last().and_then(|last| {
            let key = entries.get(*last)?.key.of(bytes);
            Some((last, key))
        }) else {
            return;
        };
        let is_it = |&place: &u32| place as usize == last;
        if let Ok(taken) = self.last.find_entry(key.hash().0, is_it) {
            taken.remove();
        }
        let is_removed = |place: u32| places.binary_search(&(place as usize)).is_ok();
        self.repeated.retain(|&(_, later)| !is_removed(later));
        self.renumber(|place| {
            let before = places.partition_point(|&removed| removed < place as usize);
            place - u32::try_from(before).unwrap_or_default()
        });
    }

    fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        self.last
            .iter_mut()
            .for_each(|place| *place = number(*place));
        for (before, later) in &mut self.repeated {
            (*before, *later) = (number(*before), number(*later));
        }
    }

    /// Makes an entry the last of its key; returns the one that was.
    fn take(
        &mut self,
        bytes: &[u8],
        entries: &[Entry],
        place: u32,
        key: WrittenKey<'_>,
    ) -> Option<u32> {
        let written = |place: u32| written(bytes, entries, place);
        let is_it = |&other: &u32| written(other).is_some_and(|other| other.is_same(key));
        let hash = |&other: &u32| written(other).map_or(0, |other| other.hash().0);
        match self.last.entry(key.hash().0, is_it, hash) {
            Slot::Vacant(free) => {
                free.insert(place);
                None
            }
            Slot::Occupied(mut taken) => Some(std::mem::replace(taken.get_mut(), place)),
        }
    }

    /// The last entry of the key of an entry.
    fn last_after(&self, place: usize) -> usize {
        let mut at = place;
        while let Some(&(_, later)) = self
            .repeated
            .binary_search_by_key(&at, |&(before, _)| before as usize)
            .ok()
            .and_then(|found| self.repeated.get(found))
        {
            at = later as usize;
        }
        at
    }
}

fn written<'a>(bytes: &'a [u8], entries: &[Entry], place: u32) -> Option<WrittenKey<'a>> {
    Some(entries.get(place as usize)?.key.of(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::native::NativeKey;
    use crate::native::key::KeyHash;

    /// Keys whose hashes fall together make every look-up walk through them all.
    #[test]
    fn keys_of_one_bit_of_difference_have_hashes_of_their_own() {
        let hash = |number: u32| {
            let digits = format!("{number:020b}");
            let key = NativeKey::new(&digits.replace('0', "[").replace('1', "{"));
            KeyHash::of(&key).0
        };
        let hashes: HashSet<u64> = (0..40_000).map(hash).collect();
        assert_eq!(hashes.len(), 40_000);
        // Of 65,536 places, 40,000 throws of dice hit 30,000.
        let places: HashSet<u64> = hashes.iter().map(|hash| hash & 0xffff).collect();
        assert!(places.len() > 25_000, "{}", places.len());
    }
}
