//! Noting which records change, for one who copies a store that goes on being written.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{StoreError, Table};

/// Table and key of a record.
pub type RecordKey = (Table, Vec<u8>);

/// A record that has changed: where it stands and its present value, `None` when it is gone, or why
/// that can't be read.
pub type Changed = (RecordKey, Result<Option<Vec<u8>>, StoreError>);

/// Notes every record that a commit changes, from [`Store::watch`](super::Store::watch) until it is
/// dropped. It keeps a key once, however often the record changes.
#[derive(Debug)]
pub struct Watch(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted(Mutex<BTreeSet<RecordKey>>);

/// Who watches a store.
#[derive(Debug, Default)]
pub(in crate::store) struct Watches(Mutex<Vec<Weak<Noted>>>);

impl Watch {
    /// What was noted and not taken yet. A record that changes after that is noted again.
    pub fn take(&self) -> BTreeSet<RecordKey> {
        std::mem::take(&mut self.0.keys())
    }

    /// How many records are noted and not taken.
    pub fn len(&self) -> usize {
        self.0.keys().len()
    }

    /// Whether nothing is noted that was not taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Watches {
    /// One more.
    pub(in crate::store) fn watch(&self) -> Watch {
        let watch = Watch(Arc::default());
        self.all().push(Arc::downgrade(&watch.0));
        watch
    }

    /// To be called when a commit is visible and before the next one can be made.
    pub(in crate::store) fn note<'k>(&self, keys: impl Iterator<Item = &'k RecordKey> + Clone) {
        self.all().retain(|watch| {
            let Some(noted) = watch.upgrade() else {
                return false;
            };
            noted.keys().extend(keys.clone().cloned());
            true
        });
    }

    fn all(&self) -> MutexGuard<'_, Vec<Weak<Noted>>> {
        // No code that can panic runs under this lock, nor under the one below.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn keys(&self) -> MutexGuard<'_, BTreeSet<RecordKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_watch_notes_a_key_once_and_a_dropped_one_is_forgotten() {
        let watches = Watches::default();
        let key = |name: &str| (Table::Device, name.as_bytes().to_vec());
        watches.note([key("before")].iter());
        let first = watches.watch();
        watches.note([key("a"), key("b")].iter());
        let second = watches.watch();
        watches.note([key("a")].iter());
        assert_eq!(
            first.take().into_iter().collect::<Vec<_>>(),
            [key("a"), key("b")]
        );
        assert!(first.is_empty());
        assert_eq!(second.len(), 1);
        drop(second);
        watches.note([key("c")].iter());
        assert_eq!(watches.all().len(), 1);
        assert_eq!(first.len(), 1);
    }
}
