//! Index families and line sets of a pack.

use std::collections::BTreeSet;

use super::alias::is_holding;
use super::error::{PackError, PackProblem};
use super::models::ConditionReader;
use super::section::{Section, Text};
use super::template::{IndexName, expand};
use crate::native::NativeKey;

/// Most slots of an index.
const MAX_SLOTS: usize = 256;

/// A family of native places that are the rows of a table.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: String,
    /// Path of the table, with a dot at the end.
    pub(super) table: String,
    pub(super) slots: u32,
    /// How many slots a table of keys may stop at: those after have no such key.
    pub(super) listed: u32,
    /// For models that `always_for` does not name, and for a phone whose model is not known.
    pub(super) always: BTreeSet<u32>,
    /// A model condition, and up to which slot rows are always there for these models.
    pub(super) always_for: Vec<(usize, u32)>,
}

/// Keys that a phone takes from a line as a whole (aastra.md 1.6).
#[derive(Debug)]
pub(super) struct LineSet {
    pub(super) index: usize,
    pub(super) members: Vec<SetMember>,
}

#[derive(Debug)]
pub(super) struct SetMember {
    /// The line's own key, by slot.
    pub(super) own: Vec<NativeKey>,
    /// As the pack spells them, by slot.
    pub(super) spellings: Vec<String>,
    pub(super) global: NativeKey,
}

impl Index {
    /// The index as templates see it.
    pub(super) fn as_name(&self) -> IndexName<'_> {
        IndexName {
            name: &self.name,
            slots: self.slots,
            listed: self.listed,
        }
    }

    /// The slots that exist even if no file has one of their keys. `holds` says which model
    /// conditions hold; `None`: the model is not known.
    pub(super) fn always(&self, holds: Option<&[bool]>) -> BTreeSet<u32> {
        let first = holds.and_then(|holds| {
            let mut of_models = self.always_for.iter();
            of_models.find(|(condition, _)| is_holding(Some(*condition), holds))
        });
        match first {
            Some((_, last)) => (1..=*last).collect(),
            None => self.always.clone(),
        }
    }
}

pub(super) fn read_indexes(
    top: &Section<'_>,
    conditions: &ConditionReader,
) -> Result<Vec<Index>, PackError> {
    let Some(section) = top.section("index", "[index]")? else {
        return Ok(Vec::new());
    };
    let mut indexes = Vec::new();
    for (name, value) in section.entries() {
        let section = section.section_of(&name.value, format!("[index.{}]", name.value), value)?;
        let table = section.required("table", section.text("table")?)?;
        let path: crate::datamodel::ObjectPath = table
            .value
            .parse()
            .map_err(|error| section.error(&table.span, PackProblem::Path(error)))?;
        let slots = section.required("slots", section.count("slots")?)?;
        let slots = small(&section, "slots", slots, MAX_SLOTS)?;
        let listed = match section.count("listed")? {
            Some(listed) => small(&section, "listed", listed, slots as usize)?,
            None => slots,
        };
        let mut always = BTreeSet::new();
        for value in section.array("always")?.unwrap_or_default() {
            let slot = section.number_of("always", value)?;
            match u32::try_from(slot) {
                Ok(slot) if (1..=slots).contains(&slot) => {
                    always.insert(slot);
                }
                _ => {
                    let problem = PackProblem::UnknownWord {
                        what: "slot",
                        seen: slot.to_string(),
                        allowed: vec![format!("1 to {slots}")],
                    };
                    return Err(section.error(&value.span(), problem));
                }
            }
        }
        let mut always_for = Vec::new();
        for models in section.sections("always_for", "rows for some models")? {
            let condition = models.required("models", conditions.read(&models)?)?;
            let last = models.required("slots", models.count("slots")?)?;
            let last = small(&models, "slots", last, slots as usize)?;
            models.finish()?;
            always_for.push((condition, last));
        }
        section.finish()?;
        indexes.push(Index {
            name: name.value.into_owned(),
            table: path.as_str().to_owned(),
            slots,
            listed,
            always,
            always_for,
        });
    }
    Ok(indexes)
}

fn small(
    section: &Section<'_>,
    what: &'static str,
    seen: usize,
    max: usize,
) -> Result<u32, PackError> {
    match u32::try_from(seen) {
        Ok(number) if seen <= max => Ok(number),
        _ => {
            let problem = PackProblem::TooMany { what, seen, max };
            Err(section.error(&section.span, problem))
        }
    }
}

/// The place of the index with this name.
pub(super) fn index_named(
    section: &Section<'_>,
    indexes: &[Index],
    name: &Text<'_>,
) -> Result<usize, PackError> {
    let place = indexes.iter().position(|index| index.name == name.value);
    place.ok_or_else(|| {
        let problem = PackProblem::UnknownWord {
            what: "index",
            seen: name.value.clone().into_owned(),
            allowed: indexes.iter().map(|index| index.name.clone()).collect(),
        };
        section.error(&name.span, problem)
    })
}

pub(super) fn read_line_sets(
    top: &Section<'_>,
    indexes: &[Index],
) -> Result<Vec<LineSet>, PackError> {
    let mut line_sets = Vec::new();
    for section in top.sections("line_set", "a line set")? {
        let name = section.required("index", section.text("index")?)?;
        let index = index_named(&section, indexes, &name)?;
        let name = indexes.get(index).map(Index::as_name);
        let keys = section.required("keys", section.texts("keys")?)?;
        let globals = section.required("globals", section.texts("globals")?)?;
        if keys.len() != globals.len() {
            let problem = PackProblem::UnequalLists {
                key: "globals",
                seen: globals.len(),
                wanted: keys.len(),
                beside: "keys",
            };
            return Err(section.error(&section.span, problem));
        }
        let mut members = Vec::new();
        for (key, global) in keys.iter().zip(&globals) {
            let expanded = expand(&key.value, name).map_err(|reason| {
                let problem = PackProblem::Template {
                    text: key.value.clone().into_owned(),
                    reason,
                };
                section.error(&key.span, problem)
            })?;
            let own = expanded.texts.iter().map(|text| NativeKey::new(text));
            members.push(SetMember {
                own: own.collect(),
                spellings: expanded.texts,
                global: NativeKey::new(&global.value),
            });
        }
        section.finish()?;
        line_sets.push(LineSet { index, members });
    }
    Ok(line_sets)
}
