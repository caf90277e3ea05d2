//! Which instance number stands for which native slot.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::wire::ContentHash;

/// The rows of all index tables of one phone. Stored with the phone: an instance number is never
/// used for another slot, also after its row is gone (DESIGN section 5, cwmp.md M72).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rows {
    indexes: BTreeMap<String, IndexRows>,
}

/// One row of an index table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Instance number in the data model.
    pub instance: u32,
    /// Place in the phone's files, from 1.
    pub slot: u32,
}

/// The rows as they were kept before an ACS could add and delete them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct FixedRows {
    indexes: BTreeMap<String, FixedIndexRows>,
}

#[derive(Debug, Clone, Deserialize)]
struct FixedIndexRows {
    table: String,
    rows: Vec<Row>,
    used: BTreeSet<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct IndexRows {
    /// Empty while the lenses have no such index.
    table: String,
    /// By instance number.
    rows: Vec<Row>,
    /// Instance numbers that have been given out ever.
    used: BTreeSet<u32>,
    /// Slots whose row was added: it is there although no file may have a key of it.
    added: BTreeSet<u32>,
    /// Slots whose row was deleted, with what the files had left of them then.
    deleted: BTreeMap<u32, ContentHash>,
    /// The one line of a row, by slot, where it is not there or not number 1 any more.
    lines: BTreeMap<u32, Line>,
}

/// The only row of a table within a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// Its instance number while it is there.
    instance: Option<u32>,
    /// The last number that was given out; 0: none.
    last: u32,
    /// What the files had of it when it went.
    left: ContentHash,
}

impl From<FixedRows> for Rows {
    fn from(old: FixedRows) -> Self {
        let indexes = old.indexes.into_iter().map(|(name, old)| {
            let index = IndexRows {
                table: old.table,
                rows: old.rows,
                used: old.used,
                ..IndexRows::default()
            };
            (name, index)
        });
        Self {
            indexes: indexes.collect(),
        }
    }
}

impl Rows {
    /// The rows of an index, by instance number; none for an index that is not known.
    pub fn instances(&self, index: &str) -> &[Row] {
        self.indexes
            .get(index)
            .map_or(&[], |index| index.rows.as_slice())
    }

    /// The tables, each a path that ends in a dot, with the name of the index and their rows.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, &str, &[Row])> {
        let indexes = self.indexes.iter();
        let shown = indexes.filter(|(_, index)| !index.table.is_empty());
        shown.map(|(name, index)| (name.as_str(), index.table.as_str(), index.rows.as_slice()))
    }

    /// The slot behind an instance number.
    pub(super) fn slot(&self, index: &str, instance: u32) -> Option<u32> {
        let rows = self.instances(index);
        rows.iter()
            .find(|row| row.instance == instance)
            .map(|row| row.slot)
    }

    /// The instance number of a slot; `None` while it has no row.
    pub(super) fn instance(&self, index: &str, slot: u32) -> Option<u32> {
        let rows = self.instances(index);
        rows.iter()
            .find(|row| row.slot == slot)
            .map(|row| row.instance)
    }

    /// The instance number of the one line of a slot's row; `None` while it is not there.
    pub(super) fn line(&self, index: &str, slot: u32) -> Option<u32> {
        let lines = self.indexes.get(index).map(|index| &index.lines);
        match lines.and_then(|lines| lines.get(&slot)) {
            Some(line) => line.instance,
            None => Some(1),
        }
    }

    /// Whether every row has the number of its slot and nothing was deleted, so that paths are as
    /// the lenses have them.
    pub(super) fn is_plain(&self) -> bool {
        self.indexes.values().all(|index| {
            let mut rows = index.rows.iter();
            index.deleted.is_empty()
                && index.lines.is_empty()
                && rows.all(|row| row.instance == row.slot)
        })
    }

    /// The slots whose row was deleted and not added again.
    pub(super) fn deleted(&self, index: &str) -> impl Iterator<Item = (u32, ContentHash)> {
        let deleted = self.indexes.get(index).map(|index| &index.deleted);
        let deleted = deleted.into_iter().flatten();
        deleted.map(|(slot, left)| (*slot, *left))
    }

    /// The slots whose one line is not there, with what the files had of it when it went.
    pub(super) fn deleted_lines(&self, index: &str) -> impl Iterator<Item = (u32, ContentHash)> {
        let lines = self.indexes.get(index).map(|index| &index.lines);
        let lines = lines.into_iter().flatten();
        let gone = lines.filter(|(_, line)| line.instance.is_none());
        gone.map(|(slot, line)| (*slot, line.left))
    }

    /// Gives a slot a row that is there from now on. Its number was never used before; it is none
    /// of `reserved` either.
    pub(super) fn add(
        &mut self,
        index: &str,
        table: &str,
        slot: u32,
        reserved: &BTreeSet<u32>,
    ) -> u32 {
        let entry = self.indexes.entry(index.to_owned()).or_default();
        table.clone_into(&mut entry.table);
        let taken = entry.used.last().max(reserved.last()).copied();
        let instance = if entry.used.contains(&slot) {
            taken.unwrap_or(0).saturating_add(1)
        } else {
            slot
        };
        entry.used.insert(instance);
        entry.added.insert(slot);
        entry.deleted.remove(&slot);
        entry.lines.remove(&slot);
        entry.rows.push(Row { instance, slot });
        entry.rows.sort_by_key(|row| row.instance);
        instance
    }

    /// Takes the row of a slot away; `left` is what the files still have of it.
    pub(super) fn delete(&mut self, index: &str, slot: u32, left: ContentHash) {
        if let Some(entry) = self.indexes.get_mut(index) {
            entry.rows.retain(|row| row.slot != slot);
            entry.added.remove(&slot);
            entry.lines.remove(&slot);
            entry.deleted.insert(slot, left);
        }
    }

    /// Forgets that the row of a slot was deleted: the files have something new of it.
    pub(super) fn undelete(&mut self, index: &str, slot: u32) {
        if let Some(entry) = self.indexes.get_mut(index) {
            entry.deleted.remove(&slot);
        }
    }

    /// Adds the one line of a slot's row, under a number that it has not had.
    pub(super) fn add_line(&mut self, index: &str, slot: u32) -> u32 {
        let Some(entry) = self.indexes.get_mut(index) else {
            return 1;
        };
        match entry.lines.get_mut(&slot) {
            None => 1,
            Some(line) if line.last == 0 => {
                // As it is with every row that nobody has touched.
                entry.lines.remove(&slot);
                1
            }
            Some(line) => {
                line.last = line.last.saturating_add(1);
                line.instance = Some(line.last);
                line.last
            }
        }
    }

    /// Takes the one line of a slot's row away; `left` is what the files still have of it. A row
    /// that is new has had none.
    pub(super) fn delete_line(&mut self, index: &str, slot: u32, left: ContentHash, is_new: bool) {
        if let Some(entry) = self.indexes.get_mut(index) {
            let last = entry.lines.get(&slot).map_or(1, |line| line.last);
            let line = Line {
                instance: None,
                last: if is_new { 0 } else { last },
                left,
            };
            entry.lines.insert(slot, line);
        }
    }

    /// Brings the rows of one index in line with the slots that exist now. A slot keeps its
    /// instance number; a new one gets its own number if that was never used, otherwise the next
    /// number beyond all used ones and all slots. An added row is there in any case, a deleted one
    /// in none.
    pub(super) fn reconcile(
        &mut self,
        index: &str,
        table: &str,
        slots: u32,
        present: &BTreeSet<u32>,
    ) {
        let entry = self.indexes.entry(index.to_owned()).or_default();
        table.clone_into(&mut entry.table);
        let mut present = present | &entry.added;
        present.retain(|slot| !entry.deleted.contains_key(slot));
        entry.rows.retain(|row| present.contains(&row.slot));
        entry.lines.retain(|slot, _| present.contains(slot));
        for slot in present {
            if entry.rows.iter().any(|row| row.slot == slot) {
                continue;
            }
            let beyond = entry.used.last().copied().unwrap_or(0).max(slots);
            let instance = if entry.used.contains(&slot) {
                beyond.saturating_add(1)
            } else {
                slot
            };
            entry.used.insert(instance);
            entry.rows.push(Row { instance, slot });
        }
        entry.rows.sort_by_key(|row| row.instance);
    }

    /// Hides the tables of indexes that the pack does not have. Their numbers stay, for the day on
    /// which lenses with such an index come back.
    pub(super) fn show_only(&mut self, known: impl Fn(&str) -> bool) {
        for (name, index) in &mut self.indexes {
            if !known(name) {
                index.table.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(rows: &Rows) -> Vec<(u32, u32)> {
        let rows = rows.instances("account").iter();
        rows.map(|row| (row.instance, row.slot)).collect()
    }

    fn reconciled(rows: &Rows, present: &[u32]) -> Rows {
        let mut rows = rows.clone();
        let present = present.iter().copied().collect();
        rows.reconcile("account", "Device.T.", 6, &present);
        rows
    }

    #[test]
    fn an_instance_number_is_never_used_again() {
        let rows = reconciled(&Rows::default(), &[1, 3]);
        assert_eq!(numbers(&rows), [(1, 1), (3, 3)]);
        let rows = reconciled(&rows, &[1, 2]);
        assert_eq!(numbers(&rows), [(1, 1), (2, 2)]);
        let rows = reconciled(&rows, &[1, 2, 3]);
        assert_eq!(numbers(&rows), [(1, 1), (2, 2), (7, 3)]);
        let rows = reconciled(&reconciled(&rows, &[1]), &[1, 3]);
        assert_eq!(numbers(&rows), [(1, 1), (8, 3)]);
        assert_eq!(rows.slot("account", 8), Some(3));
        assert_eq!(rows.slot("account", 3), None);
    }

    #[test]
    fn numbers_outlive_lenses_without_the_index() {
        let mut rows = reconciled(&reconciled(&Rows::default(), &[1, 3]), &[1, 2]);
        rows = reconciled(&rows, &[1, 2, 3]);
        let before = numbers(&rows);
        rows.show_only(|_| false);
        assert_eq!(rows.tables().count(), 0);
        rows = reconciled(&rows, &[1, 2, 3]);
        assert_eq!(numbers(&rows), before);
        assert_eq!(rows.tables().count(), 1);
    }

    #[test]
    fn rows_survive_storage() {
        let rows = reconciled(&Rows::default(), &[1, 4]);
        let bytes = postcard::to_stdvec(&rows).unwrap();
        assert_eq!(postcard::from_bytes::<Rows>(&bytes).unwrap(), rows);
    }

    #[test]
    fn an_added_row_stays_without_a_key_and_a_deleted_one_stays_away() {
        let left = ContentHash::of(b"");
        let mut rows = reconciled(&Rows::default(), &[1, 2, 3]);
        rows.delete("account", 3, left);
        rows = reconciled(&rows, &[1, 2, 3]);
        assert_eq!(numbers(&rows), [(1, 1), (2, 2)]);
        let none = BTreeSet::new();
        assert_eq!(rows.add("account", "Device.T.", 3, &none), 4, "3 was used");
        assert_eq!(rows.add("account", "Device.T.", 5, &none), 5);
        rows = reconciled(&rows, &[1]);
        assert_eq!(numbers(&rows), [(1, 1), (4, 3), (5, 5)]);
        rows.delete("account", 5, left);
        rows.delete("account", 1, left);
        rows.undelete("account", 1);
        rows = reconciled(&rows, &[1, 5]);
        assert_eq!(numbers(&rows), [(4, 3), (7, 1)]);
        let reserved = BTreeSet::from([9]);
        assert_eq!(rows.add("account", "Device.T.", 5, &reserved), 10);
    }

    #[test]
    fn the_line_of_a_row_has_numbers_of_its_own() {
        let left = ContentHash::of(b"");
        let mut rows = reconciled(&Rows::default(), &[1]);
        assert_eq!(rows.line("account", 1), Some(1));
        rows.delete_line("account", 1, left, true);
        assert_eq!(rows.line("account", 1), None);
        assert_eq!(rows.add_line("account", 1), 1);
        assert!(rows.is_plain());
        rows.delete_line("account", 1, left, false);
        assert_eq!(rows.deleted_lines("account").count(), 1);
        assert_eq!(rows.add_line("account", 1), 2);
        assert_eq!(rows.line("account", 1), Some(2));
        rows.delete_line("account", 1, left, false);
        assert_eq!(rows.add_line("account", 1), 3);
    }

    #[test]
    fn rows_of_an_older_record_are_read() {
        let old = BTreeMap::from([(
            "account",
            (
                "Device.T.",
                vec![(7_u32, 3_u32)],
                BTreeSet::from([3_u32, 7]),
            ),
        )]);
        let bytes = postcard::to_stdvec(&old).unwrap();
        let rows = Rows::from(postcard::from_bytes::<FixedRows>(&bytes).unwrap());
        assert_eq!(numbers(&rows), [(7, 3)]);
        assert_eq!(numbers(&reconciled(&rows, &[])), []);
    }
}
