//! Values put aside for dictionaries, and when it is time for one.
//!
//! A table gets its first dictionary after a few values already, so that a small fleet has one
//! too. It is tried anew each time when eight times as many values have been written, and when the
//! values begin to fit badly, as they do when phones of another maker arrive.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use crate::store::Table;

/// After how many values a table's first dictionary is made.
const FIRST_AFTER: u64 = 128;
/// How many times more values until the next attempt.
const GROWTH: u64 = 8;
/// Most values that are put aside for one attempt.
const MAX_RECENT: usize = 256;
/// Values that stay aside from one attempt to the next, so that a dictionary for what came lately
/// is one for what was there before too.
const MAX_LASTING: usize = 64;
/// Larger values are not put aside: together, all of a table's take 10 MiB at most.
const MAX_SAMPLE_BYTES: usize = 32 * 1024;
/// Of how many values it is judged how well they fit.
const WINDOW: u64 = 256;

/// The values put aside, by table.
#[derive(Default)]
pub(super) struct Samples {
    tables: Mutex<BTreeMap<Table, Aside>>,
}

/// What is put aside of one table.
struct Aside {
    /// Values that were written, those that were compared only not counted.
    written: u64,
    /// At which count the next dictionary is due.
    due: u64,
    /// At which count the gathering for it began.
    since: u64,
    recent: Vec<Vec<u8>>,
    lasting: Vec<Vec<u8>>,
    window: Fit,
    /// How well values fitted after the last attempt.
    reference: Option<Fit>,
}

/// Bytes of values, and what was left of them.
#[derive(Debug, Clone, Copy, Default)]
struct Fit {
    values: u64,
    bytes: u64,
    stored: u64,
}

impl Samples {
    /// Notes a value and the size of its stored form. Returns values to make a dictionary of when
    /// it is time for one.
    pub(super) fn note(&self, table: Table, value: &[u8], stored: usize) -> Option<Vec<Vec<u8>>> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables
            .entry(table)
            .or_insert_with(Aside::new)
            .note(value, stored)
    }
}

/// Some of these values, as many as are put aside for one attempt.
pub(super) fn some_of(values: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    let small = values
        .into_iter()
        .filter(|value| value.len() <= MAX_SAMPLE_BYTES);
    for (number, value) in (1..).zip(small) {
        put_aside(&mut kept, MAX_RECENT, number, &value);
    }
    kept
}

impl Aside {
    fn new() -> Self {
        Self {
            written: 0,
            due: FIRST_AFTER,
            since: 0,
            recent: Vec::new(),
            lasting: Vec::new(),
            window: Fit::default(),
            reference: None,
        }
    }

    fn note(&mut self, value: &[u8], stored: usize) -> Option<Vec<Vec<u8>>> {
        self.written += 1;
        if value.len() <= MAX_SAMPLE_BYTES {
            let gathered = self.written - self.since;
            put_aside(&mut self.recent, MAX_RECENT, gathered, value);
            put_aside(&mut self.lasting, MAX_LASTING, self.written, value);
        }
        self.window.add(value.len(), stored);
        if self.window.values == WINDOW {
            let window = mem::take(&mut self.window);
            match self.reference {
                None => self.reference = Some(window),
                Some(reference) if window.is_much_worse_than(reference) => {
                    // The values from here on are those that do not fit.
                    self.recent.clear();
                    self.since = self.written;
                    self.due = self.due.min(self.written + FIRST_AFTER);
                    self.reference = Some(window);
                }
                Some(_) => {}
            }
        }
        if self.written < self.due {
            return None;
        }
        self.due = self.written.saturating_mul(GROWTH);
        self.since = self.written;
        self.window = Fit::default();
        self.reference = None;
        let mut samples = mem::take(&mut self.recent);
        samples.extend(self.lasting.iter().cloned());
        (!samples.is_empty()).then_some(samples)
    }
}

impl Fit {
    fn add(&mut self, bytes: usize, stored: usize) {
        self.values += 1;
        self.bytes += bytes as u64;
        self.stored += stored as u64;
    }

    /// Whether half as much again is left of a byte.
    fn is_much_worse_than(self, reference: Self) -> bool {
        let (here, there) = (
            u128::from(self.stored) * u128::from(reference.bytes),
            u128::from(reference.stored) * u128::from(self.bytes),
        );
        2 * here > 3 * there
    }
}

/// Puts the value with this number, counted from 1, aside so that in the end each one has had the
/// same chance to be among them.
fn put_aside(kept: &mut Vec<Vec<u8>>, most: usize, number: u64, value: &[u8]) {
    if kept.len() < most {
        kept.push(value.to_vec());
        return;
    }
    // Any well mixed number will do; a multiplicative hash of the count needs no source of chance.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) % number.max(1);
    let place = usize::try_from(mixed).ok();
    if let Some(slot) = place.and_then(|place| kept.get_mut(place)) {
        value.clone_into(slot);
    }
}
