//! Rows that an ACS adds and deletes (cwmp.md M70 to M75): which table has room for another, and
//! what becomes of the phone's file.
//!
//! A row is a place that the phone has in any case. Adding shows it, switched off; deleting puts
//! its settings back to what the phone has without them, switches it off, and hides it.

use std::collections::{BTreeMap, BTreeSet};

use super::alias::is_holding;
use super::change::{Change, Refusal};
use super::convert::{Convert, Part};
use super::index::Index;
use super::lens::{KeyColumn, Lens, slot_place};
use super::pack::Pack;
use super::row_paths::{LINE_ROW, TablePlace};
use super::rows::Rows;
use super::scratch::{Scratch, Written};
use crate::datamodel::{ObjectPath, ParameterPath, ValueType};
use crate::native::{Layers, NativeKey};
use crate::wire::ContentHash;

/// A row can't be added or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// The path is that of no table, or of no row (fault 9005).
    #[error("there is no such table or row")]
    Unknown,
    /// The data model has the table read-only (fault 9005).
    #[error("rows of this table can't be added or deleted")]
    Fixed,
    /// The phone has no place for another row (fault 9004).
    #[error("the phone has room for {slots} rows")]
    Full {
        /// Most rows of this table.
        slots: u32,
    },
    /// The phone's file can't hold what has to be written.
    #[error("{0}")]
    Refused(Refusal),
}

/// A table whose rows are places of the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowTable {
    /// Path, ends in a dot.
    pub path: String,
    /// Instance numbers of its rows, ascending.
    pub instances: Vec<u32>,
    /// Whether an ACS may add and delete rows (cwmp.md M55); there may be no room for one.
    pub is_changeable: bool,
}

/// A row, or the place of a new one.
#[derive(Debug, Clone, Copy)]
struct RowPlace {
    index: usize,
    slot: u32,
    instance: u32,
    /// Only the line of the row is meant.
    is_line: bool,
}

impl Pack {
    /// The tables that the indexes count, as they are shown. The table of the one line of a row is
    /// among them.
    pub fn tables(&self, rows: &Rows) -> Vec<RowTable> {
        let tables = self.shown_tables(rows).into_iter();
        let tables = tables.map(|table| {
            let path = self.shown_table_name(&table.path);
            RowTable {
                is_changeable: self.may_change(&path),
                instances: table.rows,
                path,
            }
        });
        tables.collect()
    }

    /// Adds a row in the lowest free place, switched off, and gives its instance number.
    ///
    /// # Errors
    /// [`RowProblem`]; rows and layers are as before then.
    pub fn add_row(
        &self,
        layers: &mut Layers,
        rows: &mut Rows,
        table: &ObjectPath,
    ) -> Result<u32, RowProblem> {
        let tables = self.shown_tables(rows);
        let shown = |path: &str| self.shown_table_name(path) == table.as_str();
        let found = tables.iter().find(|known| shown(&known.path));
        let found = found.ok_or(RowProblem::Unknown)?;
        if !self.may_change(table.as_str()) {
            return Err(RowProblem::Fixed);
        }
        let mut after = rows.clone();
        let place = match found.place {
            TablePlace::Line { .. } if !found.rows.is_empty() => {
                return Err(RowProblem::Full { slots: 1 });
            }
            TablePlace::Line { index, slot } => {
                let place = self.index(index)?;
                after.add_line(&place.name, slot);
                let instance = after.instance(&place.name, slot);
                RowPlace {
                    index,
                    slot,
                    instance: instance.ok_or(RowProblem::Unknown)?,
                    is_line: true,
                }
            }
            TablePlace::Index(index) => self.add_to(index, layers, &mut after)?,
        };
        self.switch_off(layers, &after, place)?;
        let name = &self.index(place.index)?.name;
        let number = if place.is_line {
            after.line(name, place.slot).unwrap_or(1)
        } else {
            place.instance
        };
        *rows = after;
        Ok(number)
    }

    /// Deletes a row with all that is below it.
    ///
    /// # Errors
    /// [`RowProblem`]; rows and layers are as before then.
    pub fn delete_row(
        &self,
        layers: &mut Layers,
        rows: &mut Rows,
        row: &ObjectPath,
    ) -> Result<(), RowProblem> {
        let tables = self.shown_tables(rows);
        let mut found = None;
        for table in tables {
            let path = self.shown_table_name(&table.path);
            let number = row.as_str().strip_prefix(&path).and_then(row_number);
            if let Some(number) = number.filter(|number| table.rows.contains(number)) {
                found = Some((table.place, number, path));
            }
        }
        let (place, number, table) = found.ok_or(RowProblem::Unknown)?;
        if !self.may_change(&table) {
            return Err(RowProblem::Fixed);
        }
        let place = match place {
            TablePlace::Index(index) => {
                let slot = rows.slot(&self.index(index)?.name, number);
                RowPlace {
                    index,
                    slot: slot.ok_or(RowProblem::Unknown)?,
                    instance: number,
                    is_line: false,
                }
            }
            TablePlace::Line { index, slot } => {
                let instance = rows.instance(&self.index(index)?.name, slot);
                RowPlace {
                    index,
                    slot,
                    instance: instance.ok_or(RowProblem::Unknown)?,
                    is_line: true,
                }
            }
        };
        let mut attempt = layers.clone();
        self.take_back(&mut attempt, rows, place)?;
        let name = &self.index(place.index)?.name;
        let left = self.left(&attempt, place.index, place.slot, place.is_line);
        let left = left.unwrap_or_else(nothing);
        if place.is_line {
            rows.delete_line(name, place.slot, left, false);
        } else {
            rows.delete(name, place.slot, left);
        }
        *layers = attempt;
        Ok(())
    }

    /// Shows rows again of which the files have something that they had not when the row was
    /// deleted: somebody else has set it up anew.
    pub(super) fn show_what_is_new(&self, layers: &Layers, rows: &mut Rows) {
        for (place, index) in self.set.indexes.iter().enumerate() {
            let deleted: Vec<(u32, ContentHash)> = rows.deleted(&index.name).collect();
            for (slot, before) in deleted {
                let left = self.left(layers, place, slot, false);
                if left.is_some_and(|left| left != before) {
                    rows.undelete(&index.name, slot);
                }
            }
            let lines: Vec<(u32, ContentHash)> = rows.deleted_lines(&index.name).collect();
            for (slot, before) in lines {
                let left = self.left(layers, place, slot, true);
                if left.is_some_and(|left| left != before) {
                    rows.add_line(&index.name, slot);
                }
            }
        }
    }

    fn index(&self, place: usize) -> Result<&Index, RowProblem> {
        self.set.indexes.get(place).ok_or(RowProblem::Unknown)
    }

    /// Whether the data model lets an ACS change the rows of a table; those of a vendor's object
    /// always.
    fn may_change(&self, table: &str) -> bool {
        match self.schema().entry(table) {
            Some(entry) => entry.writable() && entry.table().is_some(),
            None => true,
        }
    }

    /// Gives the lowest free slot of an index a row.
    fn add_to(
        &self,
        place: usize,
        layers: &Layers,
        rows: &mut Rows,
    ) -> Result<RowPlace, RowProblem> {
        let index = self.index(place)?;
        let room: Vec<u32> = (1..=self.room(index))
            .filter(|slot| self.has_keys(place, *slot))
            .collect();
        let mut free = room.iter().copied();
        let free = free.find(|slot| rows.instance(&index.name, *slot).is_none());
        let slot = free.ok_or(RowProblem::Full {
            slots: u32::try_from(room.len()).unwrap_or(u32::MAX),
        })?;
        // Numbers that lenses write out for other tables stay theirs.
        let others = self.set.indexes.iter();
        let inner = others.filter_map(|other| other.table.strip_prefix(&index.table));
        let reserved: BTreeSet<u32> = inner
            .filter_map(|rest| rest.split_once('.')?.0.parse().ok())
            .collect();
        let instance = rows.add(&index.name, &index.table, slot, &reserved);
        if self.has_line(index) {
            // A new profile has no line yet (VoiceService:1, default of NumberOfLines).
            let left = self.left(layers, place, slot, true).unwrap_or_else(nothing);
            rows.delete_line(&index.name, slot, left, true);
        }
        Ok(RowPlace {
            index: place,
            slot,
            instance,
            is_line: false,
        })
    }

    /// How many rows the phone has places for.
    fn room(&self, index: &Index) -> u32 {
        let holds = self.knows_model.then_some(self.holds.as_slice());
        let of_model = holds.and_then(|holds| {
            let mut of_models = index.always_for.iter();
            of_models.find(|(condition, _)| is_holding(Some(*condition), holds))
        });
        of_model.map_or(index.slots, |(_, last)| *last)
    }

    /// Whether any lens for the model has a key of its own for a slot.
    fn has_keys(&self, index: usize, slot: u32) -> bool {
        let mut columns = self.columns(index, false);
        columns.any(|(_, column)| own_key(column, slot).is_some())
    }

    /// The keys of an index by lens; of its lines only, if that is asked.
    fn columns(&self, index: usize, of_line: bool) -> impl Iterator<Item = (&Lens, &KeyColumn)> {
        let lenses = self.set.lenses.iter();
        let lenses = lenses
            .filter(move |lens| lens.index == Some(index) && self.has(lens))
            .filter(move |lens| !of_line || self.is_of_line(lens));
        lenses.flat_map(|lens| lens.keys.iter().map(move |column| (lens, column)))
    }

    /// Whether a key is that of one slot of an index alone, and of its line alone if that is asked.
    fn is_of_slot(&self, key: &NativeKey, index: usize, slot: u32, of_line: bool) -> bool {
        let of_slot = self.slots_of(key).any(|found| found == (index, slot));
        let mut uses = self.uses(key).filter(|key_use| key_use.own);
        of_slot
            && (!of_line
                || uses.all(|key_use| {
                    let lens = self.set.lenses.get(key_use.lens);
                    lens.is_some_and(|lens| self.is_of_line(lens))
                }))
    }

    /// Whether a slot's key may be that of other slots too (a shared profile), which change it
    /// then.
    fn can_be_lent(&self, key: &NativeKey, slot: u32) -> bool {
        self.uses(key).any(|key_use| {
            let lens = self.set.lenses.get(key_use.lens);
            lens.is_some_and(|lens| {
                let mut lent = lens.keys.iter().filter(|column| column.redirect.is_some());
                lent.any(|column| own_key(column, slot) == Some(key))
            })
        })
    }

    /// What the files have of a slot alone, or of its line alone; `None`: nothing.
    fn left(&self, layers: &Layers, index: usize, slot: u32, of_line: bool) -> Option<ContentHash> {
        let mut text = String::new();
        for layer in layers.counting() {
            for setting in layer.document.settings() {
                let key = self.canonical(setting.key);
                let is_meant = self.is_of_slot(key, index, slot, of_line);
                if is_meant && !self.can_be_lent(key, slot) {
                    text.push_str(&format!("{}\0{}\0", key.as_str(), setting.value));
                }
            }
        }
        (!text.is_empty()).then(|| ContentHash::of(text.as_bytes()))
    }
}

impl Pack {
    /// Switches a row off, where it can be switched.
    fn switch_off(
        &self,
        layers: &mut Layers,
        rows: &Rows,
        place: RowPlace,
    ) -> Result<(), RowProblem> {
        let Some((path, off)) = self.switch(rows, place)? else {
            return Ok(());
        };
        let change = Change {
            path: path.clone(),
            value: off.clone(),
        };
        let Err(refusals) = self.write_lenses(layers, rows, &[change]) else {
            return Ok(());
        };
        // A row that is on because of something that it shares with others is off when its own
        // setting is there and empty.
        let refusal = refusals.into_iter().next();
        let mut scratch = Scratch::new(self, layers);
        for key in self.native_keys_of_lens(&path, rows) {
            if self.is_of_slot(&key, place.index, place.slot, false) {
                let written = scratch.set(&key, "", Written::default());
                written.map_err(|reason| {
                    let path = path.clone();
                    RowProblem::Refused(Refusal { path, reason })
                })?;
            }
        }
        let is_off = self
            .lens_parameter(&scratch.layers, rows, &path)
            .is_none_or(|found| found.value == off);
        match refusal {
            Some(refusal) if !is_off => Err(RowProblem::Refused(refusal)),
            _ => {
                *layers = scratch.layers;
                Ok(())
            }
        }
    }

    /// The parameter that switches a row, as the lenses call it, with its value for "off".
    fn switch(
        &self,
        rows: &Rows,
        place: RowPlace,
    ) -> Result<Option<(ParameterPath, String)>, RowProblem> {
        let index = self.index(place.index)?;
        let mut row = format!("{}{}.", index.table, place.instance);
        if place.is_line {
            let line = rows.line(&index.name, place.slot);
            row = match line {
                Some(line) => format!("{row}Line.{line}."),
                None => format!("{row}{LINE_ROW}"),
            };
        }
        let table = self.set.schema.entry(&row).and_then(|entry| entry.table());
        let Some(enable) = table.and_then(|table| table.enable.as_ref()) else {
            return Ok(None);
        };
        let name = format!("{row}{enable}");
        let default = self
            .set
            .schema
            .entry(&name)
            .and_then(|entry| entry.parameter())
            .map(|facts| {
                let off = facts
                    .rule
                    .enumeration
                    .iter()
                    .find(|word| *word == "Disabled");
                off.map_or_else(|| facts.rule.wire_type().zero().to_owned(), Clone::clone)
            });
        let path = name.parse::<ParameterPath>().ok();
        let path = path.filter(|path| self.own_target(path, rows).is_some());
        Ok(path.zip(default))
    }

    /// Puts the settings of a row back: lines go, or, where a file is a patch, defaults are
    /// written. What has no known default there becomes empty if it is a text; anything else goes
    /// from the file, and the phone keeps it for a row that is off.
    fn take_back(
        &self,
        layers: &mut Layers,
        rows: &Rows,
        place: RowPlace,
    ) -> Result<(), RowProblem> {
        let switch = match self.switch(rows, place)? {
            Some((path, off)) => {
                let keys = self.native_keys_of_lens(&path, rows);
                Some((path, off, keys))
            }
            None => None,
        };
        let is_switch = |key: &NativeKey| {
            let keys = switch.as_ref().map(|(_, _, keys)| keys.contains(key));
            keys.unwrap_or_default()
        };
        let mut scratch = Scratch::new(self, layers);
        for (key, default) in self.defaults(layers, rows, place) {
            let is_set = self.effective(&scratch.layers, &key).is_some();
            if is_switch(&key) || !is_set {
                continue;
            }
            let written = match default.filter(|_| self.patches()) {
                Some(text) => scratch.set(&key, &text, Written::default()).is_ok(),
                None => false,
            };
            if !written {
                scratch.remove(&key, Written::default());
            }
        }
        *layers = scratch.layers;
        let Some((path, off, keys)) = switch else {
            return Ok(());
        };
        if !self.patches() {
            // Without its lines a row may be off; then none is needed to say so.
            let mut without = Scratch::new(self, layers);
            for key in keys {
                if self.is_of_slot(&key, place.index, place.slot, false) {
                    without.remove(&key, Written::default());
                }
            }
            let found = self.lens_parameter(&without.layers, rows, &path);
            if found.is_none_or(|found| found.value == off) {
                *layers = without.layers;
                return Ok(());
            }
        }
        self.switch_off(layers, rows, place)
    }

    /// The keys of a row, each with the text that stands for its default, where one is known.
    fn defaults(
        &self,
        layers: &Layers,
        rows: &Rows,
        place: RowPlace,
    ) -> BTreeMap<NativeKey, Option<String>> {
        let mut defaults: BTreeMap<NativeKey, Option<String>> = BTreeMap::new();
        for (_, column) in self.columns(place.index, place.is_line) {
            let Some(key) = own_key(column, place.slot) else {
                continue;
            };
            let is_own = self.is_of_slot(key, place.index, place.slot, place.is_line);
            if is_own && !self.is_lent(layers, rows, column, place) {
                defaults.insert(key.clone(), None);
            }
        }
        let lenses = self.set.lenses.iter();
        let lenses = lenses.filter(|lens| lens.index == Some(place.index) && self.has(lens));
        let mut texts: BTreeSet<NativeKey> = BTreeSet::new();
        for lens in lenses {
            let keys: Vec<Option<&NativeKey>> = lens
                .keys
                .iter()
                .map(|column| own_key(column, place.slot))
                .collect();
            let is_text = matches!(lens.convert, Convert::Text(_) | Convert::Host(_))
                && lens
                    .faces
                    .iter()
                    .all(|face| face.value_type() == ValueType::String);
            if let ([Some(key)], true) = (keys.as_slice(), is_text) {
                texts.insert((*key).clone());
            }
            for (key, text) in keys.iter().zip(default_texts(lens, place.slot)) {
                if let (Some(key), Some(text)) = (key, text)
                    && let Some(known) = defaults.get_mut(key)
                {
                    known.get_or_insert(text);
                }
            }
        }
        for (key, default) in &mut defaults {
            if default.is_none() && texts.contains(key) {
                *default = Some(String::new());
            }
        }
        defaults
    }

    /// Whether another row takes this slot's key for its own (a shared profile).
    fn is_lent(&self, layers: &Layers, rows: &Rows, column: &KeyColumn, place: RowPlace) -> bool {
        let (Some(redirect), Ok(index)) = (&column.redirect, self.index(place.index)) else {
            return false;
        };
        let mut others = rows.instances(&index.name).iter();
        others.any(|row| {
            row.slot != place.slot
                && redirect.slot(row.slot, |key| self.effective(layers, key)) == Some(place.slot)
        })
    }

    /// The native keys behind a parameter as the lenses call it.
    fn native_keys_of_lens(&self, path: &ParameterPath, rows: &Rows) -> Vec<NativeKey> {
        let Some(super::pack::Target::Face { place, slot }) = self.own_target(path, rows) else {
            return Vec::new();
        };
        let lens = self.set.lenses.get(place.lens);
        let columns = lens.map_or(&[][..], |lens| lens.keys.as_slice());
        let keys = columns.iter().filter_map(|column| own_key(column, slot));
        keys.cloned().collect()
    }
}

/// The key of one slot alone.
fn own_key(column: &KeyColumn, slot: u32) -> Option<&NativeKey> {
    let keys = column.by_slot.then_some(&column.own)?;
    keys.get(slot_place(slot))?.as_ref()
}

/// What a lens writes by key for its default, where it names one.
fn default_texts(lens: &Lens, slot: u32) -> Vec<Option<String>> {
    if lens.convert.is_by_part() {
        return Vec::new();
    }
    let mut faces = lens.faces.iter();
    let face = faces.find(|face| face.default_given && face.writable && face.part == Part::Whole);
    let nothing = vec![None; lens.keys.len()];
    let written = face.map(|face| lens.convert.write(&nothing, face.default(slot), true));
    let texts = written.and_then(Result::ok).unwrap_or_default();
    let encoded = texts
        .into_iter()
        .map(|text| text.map(|it| lens.encoded(it)));
    encoded.collect()
}

/// The number of a row, from what follows the table's path.
fn row_number(rest: &str) -> Option<u32> {
    let number = rest.strip_suffix('.')?;
    let is_canonical = !number.starts_with(['0', '+']);
    number.parse().ok().filter(|_| is_canonical)
}

fn nothing() -> ContentHash {
    ContentHash::of(b"")
}
