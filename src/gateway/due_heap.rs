//! Keys in the order of their moments, in little memory: a binary heap whose entries can be found
//! by their keys.
//!
//! An entry has a slot, which holds its key, its moment and its place in the heap. The heap and the
//! table of keys hold the numbers of slots. For a MAC address that is 22 bytes, and some 7 of the
//! table: a fleet's timers lie in a few tens of megabytes.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Keys with a moment each, as a number that grows with time.
///
/// All indexing in it is by slots below `keys.len()` and places below `heap.len()`. The four
/// vectors have the same length, and only `push` and `take_slot` change it: `push` adds one to each,
/// and `take_slot` corrects what pointed to the slot and the place that go.
#[derive(Debug)]
pub(super) struct DueHeap<K> {
    keys: Vec<K>,
    moments: Vec<i64>,
    /// Where in the heap a slot stands.
    places: Vec<u32>,
    /// Slots; none is due before the one at half its place.
    heap: Vec<u32>,
    /// Slots by their keys.
    slots: HashTable<u32>,
    hashes: RandomState,
}

impl<K> Default for DueHeap<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            moments: Vec::new(),
            places: Vec::new(),
            heap: Vec::new(),
            slots: HashTable::new(),
            hashes: RandomState::default(),
        }
    }
}

impl<K: Copy + Ord + Hash> DueHeap<K> {
    /// Sets the moment of a key, and says whether the key is the first now. A key more than a table
    /// can number is not taken: no fleet has four thousand million devices.
    pub(super) fn set(&mut self, key: K, moment: i64) -> bool {
        let slot = match self.slot(&key) {
            Some(slot) => {
                self.moments[slot as usize] = moment;
                slot
            }
            None => match self.push(key, moment) {
                Some(slot) => slot,
                None => return false,
            },
        };
        self.settle(self.places[slot as usize] as usize);
        self.heap.first() == Some(&slot)
    }

    /// Takes a key out.
    pub(super) fn remove(&mut self, key: &K) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        let place = self.places[slot as usize] as usize;
        let last = self.heap.len() - 1;
        self.swap(place, last);
        self.heap.pop();
        if place < self.heap.len() {
            self.settle(place);
        }
        self.take_slot(slot);
    }

    /// The key that comes first, and its moment.
    pub(super) fn first(&self) -> Option<(i64, K)> {
        self.heap.first().map(|slot| self.rank(*slot))
    }

    /// The moment of a key.
    pub(super) fn due(&self, key: &K) -> Option<i64> {
        self.slot(key).map(|slot| self.moments[slot as usize])
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    fn slot(&self, key: &K) -> Option<u32> {
        let hash = self.hashes.hash_one(key);
        let found = self
            .slots
            .find(hash, |slot| self.keys[*slot as usize] == *key);
        found.copied()
    }

    /// Adds an entry at the end of the heap.
    fn push(&mut self, key: K, moment: i64) -> Option<u32> {
        let slot = u32::try_from(self.keys.len()).ok()?;
        self.keys.push(key);
        self.moments.push(moment);
        self.places.push(slot);
        self.heap.push(slot);
        let (keys, hashes) = (&self.keys, &self.hashes);
        self.slots
            .insert_unique(hashes.hash_one(key), slot, |slot| {
                hashes.hash_one(keys[*slot as usize])
            });
        Some(slot)
    }

    /// Gives up a slot that no place of the heap has any more: the last slot moves into it.
    fn take_slot(&mut self, slot: u32) {
        let hash = self.hashes.hash_one(self.keys[slot as usize]);
        if let Ok(entry) = self.slots.find_entry(hash, |found| *found == slot) {
            entry.remove();
        }
        self.keys.swap_remove(slot as usize);
        self.moments.swap_remove(slot as usize);
        self.places.swap_remove(slot as usize);
        let Some(moved) = self.keys.get(slot as usize) else {
            return;
        };
        self.heap[self.places[slot as usize] as usize] = slot;
        // What was the last slot has the number that is now one past the end.
        let before = self.keys.len();
        let hash = self.hashes.hash_one(moved);
        if let Some(entry) = self.slots.find_mut(hash, |found| *found as usize == before) {
            *entry = slot;
        }
    }

    /// Brings the entry at a place to where its moment belongs.
    fn settle(&mut self, place: usize) {
        let mut place = place;
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.is_before(place, parent) {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
        loop {
            let left = 2 * place + 1;
            let right = left + 1;
            if left >= self.heap.len() {
                return;
            }
            let child = if right < self.heap.len() && self.is_before(right, left) {
                right
            } else {
                left
            };
            if !self.is_before(child, place) {
                return;
            }
            self.swap(child, place);
            place = child;
        }
    }

    fn is_before(&self, place: usize, other: usize) -> bool {
        self.rank(self.heap[place]) < self.rank(self.heap[other])
    }

    fn rank(&self, slot: u32) -> (i64, K) {
        (self.moments[slot as usize], self.keys[slot as usize])
    }

    fn swap(&mut self, place: usize, other: usize) {
        self.heap.swap(place, other);
        // Both are places of slots, whose numbers are 32 bits wide.
        self.places
            .swap(self.heap[place] as usize, self.heap[other] as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_go_from_anywhere_and_the_rest_stays_in_order() {
        let mut heap = DueHeap::default();
        for key in 0..1_000_u32 {
            heap.set(key, i64::from(key.wrapping_mul(7_919) % 500));
        }
        for key in (0..1_000).step_by(3) {
            heap.remove(&key);
        }
        let mut before = (i64::MIN, 0);
        let mut left = heap.len();
        while let Some((moment, key)) = heap.first() {
            assert!((moment, key) > before && key % 3 != 0, "{key}");
            assert_eq!(heap.due(&key), Some(moment));
            before = (moment, key);
            heap.remove(&key);
            left -= 1;
            assert_eq!((heap.len(), heap.due(&key)), (left, None));
        }
        assert_eq!(left, 0);
    }

    #[test]
    fn only_the_first_is_said_to_be_first() {
        let mut heap = DueHeap::default();
        assert!(heap.set('a', 10));
        assert!(!heap.set('b', 20));
        assert!(heap.set('b', 5));
        assert!(!heap.set('b', 30));
        assert_eq!(heap.first(), Some((10, 'a')));
    }
}
