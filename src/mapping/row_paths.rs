//! Paths of parameters in rows that were added and deleted: what the lenses call a parameter, and
//! what it is called on one phone. The two differ where a row has another number than its slot.
//!
//! Lenses write out the number of a row in two places: the one line of a profile (`Line.1.`), and
//! rows within which other tables of the phone stand (`VoiceProfile.1.ButtonMap.Button.`).

use std::borrow::Cow;

use super::index::Index;
use super::lens::{Face, Lens};
use super::pack::Pack;
use super::rows::Rows;
use crate::datamodel::ParameterPath;

/// The table within a row of which a phone has one row at most: the line of a profile
/// (VoiceService:1, `VoiceProfile.{i}.Line.{i}.`).
pub(super) const LINE_TABLE: &str = "Line.";
/// The row of it, as lenses write it.
pub(super) const LINE_ROW: &str = "Line.1.";

/// What the parameters of one phone are called.
#[derive(Debug)]
pub(super) struct RowPaths<'p> {
    pack: &'p Pack,
    rows: &'p Rows,
    is_plain: bool,
    /// By index, whether its rows have a line each; empty while paths are plain.
    have_lines: Vec<bool>,
}

/// A table as one phone shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownTable {
    /// Path, ends in a dot.
    pub(super) path: String,
    /// Instance numbers.
    pub(super) rows: Vec<u32>,
    pub(super) place: TablePlace,
}

/// What a table is to the lenses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TablePlace {
    /// That of an index, by its place in the set.
    Index(usize),
    /// That of the one line of a slot's row.
    Line { index: usize, slot: u32 },
}

impl Pack {
    /// What parameters are called on a phone with these rows.
    pub(super) fn row_paths<'p>(&'p self, rows: &'p Rows) -> RowPaths<'p> {
        let is_plain = rows.is_plain();
        let indexes = self.set.indexes.iter().filter(|_| !is_plain);
        RowPaths {
            pack: self,
            rows,
            is_plain,
            have_lines: indexes.map(|index| self.has_line(index)).collect(),
        }
    }

    /// A path as the lenses have it, and any other word as it is.
    pub fn plain_word<'w>(&self, word: &'w str, rows: &Rows) -> Cow<'w, str> {
        let name = self.lens_name(word, rows);
        name.unwrap_or(Cow::Borrowed(word))
    }

    /// What the lenses call a parameter, with the number of a slot where they write one; `None` if
    /// it stands in a row that is not there.
    pub(super) fn lens_name<'n>(&self, name: &'n str, rows: &Rows) -> Option<Cow<'n, str>> {
        let mut text = Cow::Borrowed(name);
        if rows.is_plain() {
            return Some(text);
        }
        for index in &self.set.indexes {
            let Some((number, rest)) = row_of(&text, &index.table) else {
                continue;
            };
            let Some(slot) = rows.slot(&index.name, number) else {
                // A place that lenses write out and that is no row of its own.
                if self.is_hidden(index, number, rows) {
                    return None;
                }
                continue;
            };
            let rest = match rest.strip_prefix(LINE_TABLE) {
                Some(line) if self.has_line(index) => {
                    let (line, rest) = line.split_once('.')?;
                    let shown = rows.line(&index.name, slot)?;
                    if line != shown.to_string() {
                        return None;
                    }
                    Cow::Owned(format!("{LINE_ROW}{rest}"))
                }
                _ => Cow::Borrowed(rest),
            };
            // Lenses of the index itself have its instance number in their paths.
            let template = format!("{}{{{}}}.{rest}", index.table, index.name);
            let number = if self.set.by_path.contains_key(&template) {
                number
            } else {
                slot
            };
            text = Cow::Owned(format!("{}{number}.{rest}", index.table));
        }
        Some(text)
    }

    /// Whether a slot that lenses write out is not to be seen under that number.
    fn is_hidden(&self, index: &Index, slot: u32, rows: &Rows) -> bool {
        let is_deleted = rows
            .deleted(&index.name)
            .any(|(deleted, _)| deleted == slot);
        is_deleted || rows.instance(&index.name, slot).is_some()
    }

    /// Whether the rows of an index have a line each.
    pub(super) fn has_line(&self, index: &Index) -> bool {
        let table = self
            .set
            .schema
            .entry(&format!("{}1.{LINE_TABLE}", index.table));
        let is_table = table.is_some_and(|entry| entry.table().is_some());
        is_table
            && self
                .set
                .indexes
                .iter()
                .position(|it| it.name == index.name)
                .is_some_and(|place| {
                    let mut lenses = self.set.lenses.iter();
                    lenses.any(|lens| lens.index == Some(place) && self.is_of_line(lens))
                })
    }

    /// Whether all parameters of a lens stand in the line of a row.
    pub(super) fn is_of_line(&self, lens: &Lens) -> bool {
        let Some(index) = lens.index.and_then(|index| self.set.indexes.get(index)) else {
            return false;
        };
        lens.faces.iter().all(|face| {
            let path = face.path(1);
            let rest = path
                .as_ref()
                .and_then(|path| row_of(path.as_str(), &index.table));
            rest.is_some_and(|(_, rest)| rest.starts_with(LINE_ROW))
        })
    }

    /// All tables that the indexes count, as the lenses call their data model.
    pub(super) fn shown_tables(&self, rows: &Rows) -> Vec<ShownTable> {
        let paths = self.row_paths(rows);
        let mut tables = Vec::new();
        for (name, table, rows_of_table) in rows.tables() {
            let mut indexes = self.set.indexes.iter();
            let Some(place) = indexes.position(|index| index.name == name) else {
                continue;
            };
            let Some(path) = paths.of_text(table, Some(place)) else {
                continue;
            };
            let has_line = self
                .set
                .indexes
                .get(place)
                .is_some_and(|it| self.has_line(it));
            if has_line {
                tables.extend(rows_of_table.iter().map(|row| ShownTable {
                    path: format!("{path}{}.{LINE_TABLE}", row.instance),
                    rows: rows.line(name, row.slot).into_iter().collect(),
                    place: TablePlace::Line {
                        index: place,
                        slot: row.slot,
                    },
                }));
            }
            tables.push(ShownTable {
                path: path.into_owned(),
                rows: rows_of_table.iter().map(|row| row.instance).collect(),
                place: TablePlace::Index(place),
            });
        }
        tables
    }
}

impl RowPaths<'_> {
    /// The path of a lens's parameter in a row of its index; `None` if it is not to be seen.
    pub(super) fn of_face<'f>(
        &self,
        lens: &Lens,
        face: &'f Face,
        instance: u32,
    ) -> Option<Cow<'f, ParameterPath>> {
        let path = face.path(instance)?;
        if self.is_plain {
            return Some(path);
        }
        match self.of_text(path.as_str(), lens.index)? {
            Cow::Borrowed(_) => Some(path),
            Cow::Owned(text) => text.parse().ok().map(Cow::Owned),
        }
    }

    /// The same for a text in which the number of the index `own` is an instance number already.
    fn of_text<'t>(&self, text: &'t str, own: Option<usize>) -> Option<Cow<'t, str>> {
        let mut shown = Cow::Borrowed(text);
        if self.is_plain {
            return Some(shown);
        }
        for (place, index) in self.pack.set.indexes.iter().enumerate() {
            let Some((number, rest)) = row_of(&shown, &index.table) else {
                continue;
            };
            let (slot, instance) = if own == Some(place) {
                (self.rows.slot(&index.name, number)?, number)
            } else {
                match self.rows.instance(&index.name, number) {
                    Some(instance) => (number, instance),
                    None if self.pack.is_hidden(index, number, self.rows) => return None,
                    None => continue,
                }
            };
            let line = rest.strip_prefix(LINE_ROW);
            let has_line = self.have_lines.get(place).copied().unwrap_or_default();
            let renamed = match line.filter(|_| has_line) {
                Some(rest) => {
                    let line = self.rows.line(&index.name, slot)?;
                    format!("{}{instance}.{LINE_TABLE}{line}.{rest}", index.table)
                }
                None => format!("{}{instance}.{rest}", index.table),
            };
            if renamed != *shown {
                shown = Cow::Owned(renamed);
            }
        }
        Some(shown)
    }
}

/// Number and rest of a path in a row of a table.
fn row_of<'t>(path: &'t str, table: &str) -> Option<(u32, &'t str)> {
    let (number, rest) = path.strip_prefix(table)?.split_once('.')?;
    let is_canonical = !number.starts_with(['0', '+']);
    let number = number.parse().ok().filter(|_| is_canonical)?;
    Some((number, rest))
}
