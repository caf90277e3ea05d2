//! Which instance number stands for which native slot.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The rows of all index tables of one phone. Stored with the phone: an instance number is never
/// used for another slot, also after its row is gone (DESIGN section 5).
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

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct IndexRows {
    /// Empty while the lenses have no such index.
    table: String,
    /// By instance number.
    rows: Vec<Row>,
    /// Instance numbers that have been given out ever.
    used: BTreeSet<u32>,
}

impl Rows {
    /// The rows of an index, by instance number; none for an index that is not known.
    pub fn instances(&self, index: &str) -> &[Row] {
        self.indexes
            .get(index)
            .map_or(&[], |index| index.rows.as_slice())
    }

    /// The tables, each a path that ends in a dot, with their rows.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, &[Row])> {
        self.indexes
            .values()
            .filter(|index| !index.table.is_empty())
            .map(|index| (index.table.as_str(), index.rows.as_slice()))
    }

    /// The slot behind an instance number.
    pub(super) fn slot(&self, index: &str, instance: u32) -> Option<u32> {
        let rows = self.instances(index);
        rows.iter()
            .find(|row| row.instance == instance)
            .map(|row| row.slot)
    }

    /// Brings the rows of one index in line with the slots that exist now. A slot keeps its
    /// instance number; a new one gets its own number if that was never used, otherwise the next
    /// number beyond all used ones and all slots.
    pub(super) fn reconcile(
        &mut self,
        index: &str,
        table: &str,
        slots: u32,
        present: &BTreeSet<u32>,
    ) {
        let entry = self.indexes.entry(index.to_owned()).or_default();
        table.clone_into(&mut entry.table);
        entry.rows.retain(|row| present.contains(&row.slot));
        for &slot in present {
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
}
