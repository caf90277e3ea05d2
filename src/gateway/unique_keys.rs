//! Parameters that must differ between the rows of a table (cwmp.md M30).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::view::View;
use crate::cwmp::{FaultCode, ParameterFault};
use crate::datamodel::{Entry, ObjectPath, ParameterPath, Schema, Table, UniqueKey};

/// What a call would set, by path.
pub(super) type Wanted<'c> = BTreeMap<&'c str, &'c str>;

/// What a call would give two rows of a table alike although it has to differ. What was alike
/// before is no fault of the call.
pub(super) fn clashes(view: &View, wanted: &Wanted<'_>, now: Timestamp) -> Vec<ParameterFault> {
    let model = Model { view, wanted, now };
    let clashes = wanted.keys().filter_map(|path| {
        let text = model.clash(&path.parse().ok()?)?;
        Some(ParameterFault {
            name: (*path).to_owned(),
            code: FaultCode::InvalidParameterValue,
            text,
        })
    });
    clashes.collect()
}

/// Whether a parameter is one of those that must differ between rows, or says whether that counts.
pub(super) fn is_in_a_key(schema: &Schema, path: &ParameterPath) -> bool {
    let mut object = path.parent();
    while let Some(row) = object {
        object = row.parent();
        let table = schema.entry(row.as_str()).and_then(Entry::table);
        let (Some(table), Some(name)) = (table, path.as_str().strip_prefix(row.as_str())) else {
            continue;
        };
        if table
            .unique_keys
            .iter()
            .any(|key| is_concerned(table, key, name))
        {
            return true;
        }
    }
    false
}

fn is_concerned(table: &Table, key: &UniqueKey, name: &str) -> bool {
    let is_member = key.parameters.iter().any(|member| member == name);
    is_member || key.functional && table.enable.as_deref() == Some(name)
}

/// The data model as it is, and as the call would make it.
struct Model<'m> {
    view: &'m View,
    wanted: &'m Wanted<'m>,
    now: Timestamp,
}

impl Model<'_> {
    fn clash(&self, path: &ParameterPath) -> Option<String> {
        let mut object = path.parent();
        while let Some(row) = object {
            object = row.parent();
            let entry = self.view.entry(row.as_str());
            let (Some(table), Some(path_of_table), Some(name)) = (
                entry.and_then(Entry::table),
                row.parent(),
                path.as_str().strip_prefix(row.as_str()),
            ) else {
                continue;
            };
            let keys = table.unique_keys.iter();
            let concerned = keys.filter(|key| is_concerned(table, key, name));
            for key in concerned {
                if !self.is_news(&row, table, key) || !self.binds(&row, table, key, true) {
                    continue;
                }
                let own = self.values(&row, key, true);
                let mut rows = self.view.rows(&path_of_table);
                let same = rows.find(|other| {
                    **other != row
                        && self.binds(other, table, key, true)
                        && self.values(other, key, true) == own
                });
                if let Some(other) = same {
                    let names = key.parameters.join(" and ");
                    return Some(format!("{other} has the same {names}"));
                }
            }
        }
        None
    }

    /// Whether the call changes what the key says of a row, or begins to bind it.
    fn is_news(&self, row: &ObjectPath, table: &Table, key: &UniqueKey) -> bool {
        let is_other = self.values(row, key, true) != self.values(row, key, false);
        is_other || !self.binds(row, table, key, false)
    }

    /// Whether a key counts for a row: a functional one for rows that are enabled, and none where
    /// nothing is set.
    fn binds(&self, row: &ObjectPath, table: &Table, key: &UniqueKey, after: bool) -> bool {
        let enable = table.enable.as_ref().filter(|_| key.functional);
        let is_on = enable.is_none_or(|name| {
            let value = self.value(row, name, after);
            !matches!(value.as_deref(), Some("Disabled" | "false" | "0"))
        });
        let is_set = |value: &Option<String>| value.as_ref().is_some_and(|it| !it.is_empty());
        is_on && self.values(row, key, after).iter().any(is_set)
    }

    fn values(&self, row: &ObjectPath, key: &UniqueKey, after: bool) -> Vec<Option<String>> {
        let names = key.parameters.iter();
        names.map(|name| self.value(row, name, after)).collect()
    }

    fn value(&self, row: &ObjectPath, name: &str, after: bool) -> Option<String> {
        let path = format!("{row}{name}");
        let wanted = self.wanted.get(path.as_str());
        match wanted.filter(|_| after) {
            Some(value) => Some((*value).to_owned()),
            None => Some(self.view.parameter(&path, self.now)?.value),
        }
    }
}
