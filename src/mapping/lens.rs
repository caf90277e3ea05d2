//! One compiled lens: its native keys by slot, its parameters, and the conversion between them.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::convert::{Convert, Part, Reading};
use super::in_force::Found;
use super::redirect::Redirect;
use super::template::PathTemplate;
use crate::datamodel::{ParameterPath, ValueRule, ValueType};
use crate::native::NativeKey;

/// A mapping row.
#[derive(Debug)]
pub(super) struct Lens {
    /// Place of its index in the pack; `None` for parameters that are there once.
    pub(super) index: Option<usize>,
    pub(super) keys: Vec<KeyColumn>,
    pub(super) convert: Convert,
    pub(super) faces: Vec<Face>,
    pub(super) note: Option<String>,
    /// Of the model condition under which it holds, in the set.
    pub(super) condition: Option<usize>,
    /// Its parameters are shown only while a file sets one of its keys.
    pub(super) only_if_set: bool,
    /// The phone takes it only after a restart.
    pub(super) reboot: bool,
    /// The file holds `%XX` for some characters (htek.md 1.1).
    pub(super) percent: bool,
    /// In the pack's file, from 1.
    pub(super) line: usize,
}

/// One of a lens's native keys, by slot. A lens without an index has one slot.
#[derive(Debug)]
pub(super) struct KeyColumn {
    /// `None`: the slot has no such key.
    pub(super) own: Vec<Option<NativeKey>>,
    /// Read where the own key is absent, by slot; empty: there is none.
    pub(super) fallback: Vec<Option<NativeKey>>,
    /// Whether the fallback differs by slot.
    pub(super) fallback_by_slot: bool,
    /// Place in the pack of the line set that the key belongs to.
    pub(super) line_set: Option<usize>,
    /// Whether the key differs by slot, so that it shows that the slot exists.
    pub(super) by_slot: bool,
    /// Whose keys count, where that may be another slot.
    pub(super) redirect: Option<Arc<Redirect>>,
}

/// One parameter of a lens.
#[derive(Debug)]
pub(super) struct Face {
    pub(super) template: PathTemplate,
    /// Paths of the first instance numbers, written out; one path without an index.
    pub(super) paths: Vec<ParameterPath>,
    pub(super) part: Part,
    pub(super) rule: ValueRule,
    /// By slot.
    pub(super) defaults: Vec<String>,
    /// Whether the lens names the default, rather than the data model.
    pub(super) default_given: bool,
    pub(super) writable: bool,
    pub(super) hidden: bool,
}

/// A native key with what it holds at present.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    pub(super) key: &'a NativeKey,
    pub(super) column: &'a KeyColumn,
    pub(super) found: Option<Found<'a>>,
}

impl Cell<'_> {
    pub(super) fn value(&self) -> Option<&str> {
        self.found.as_ref().map(|found| found.value.as_ref())
    }
}

/// What a parameter reads as.
#[derive(Debug)]
pub(super) enum Seen {
    Set(String),
    Default(String),
    Unreadable { native: String, default: String },
}

impl Seen {
    /// Whether the parameter holds this value, so that writing it would be no change.
    pub(super) fn is(&self, wanted: &str) -> bool {
        match self {
            Self::Set(value) | Self::Default(value) => value == wanted,
            Self::Unreadable { .. } => false,
        }
    }
}

impl Lens {
    /// Whether the keys of another slot may count for a slot.
    pub(super) fn is_redirected(&self) -> bool {
        self.keys.iter().any(|column| column.redirect.is_some())
    }

    /// The keys of a slot with what counts for them; `None` if the parameter does not exist there.
    pub(super) fn cells<'a>(
        &'a self,
        slot: u32,
        look_up: impl Fn(&NativeKey) -> Option<Found<'a>>,
        set_is_own: impl Fn(usize) -> bool,
    ) -> Option<Vec<Cell<'a>>> {
        let mut cells = Vec::with_capacity(self.keys.len());
        for column in &self.keys {
            let place = slot_place(match &column.redirect {
                Some(redirect) => redirect.slot(slot, &look_up)?,
                None => slot,
            });
            let Some(key) = column.own.get(place)?.as_ref() else {
                if self.convert.takes_fewer_keys() {
                    continue;
                }
                return None;
            };
            let found = look_up(key).or_else(|| {
                let fallback = column.fallback.get(place)?.as_ref()?;
                let found = look_up(fallback)?;
                let blocked = column.line_set.is_some_and(&set_is_own);
                (!blocked).then_some(found)
            });
            cells.push(Cell { key, column, found });
        }
        let missing = cells.is_empty() && !self.keys.is_empty();
        (!missing).then_some(cells)
    }

    /// The native values of all cells, in order, as the conversion works on them; `None` when one
    /// can't be decoded.
    pub(super) fn natives<'a>(&self, cells: &'a [Cell<'_>]) -> Option<Vec<Option<Cow<'a, str>>>> {
        cells
            .iter()
            .map(|cell| match cell.value() {
                Some(text) if self.percent => match percent_decode_str(text).decode_utf8() {
                    Ok(decoded) => Some(Some(decoded)),
                    Err(_) => None,
                },
                text => Some(text.map(Cow::Borrowed)),
            })
            .collect()
    }

    /// A text of the conversion as it has to stand in the file.
    pub(super) fn encoded(&self, text: String) -> String {
        if self.percent {
            text.replace('%', "%25")
        } else {
            text
        }
    }

    /// Reads all parameters of the lens for a slot.
    pub(super) fn read<'a>(
        &'a self,
        cells: &[Cell<'_>],
        slot: u32,
    ) -> impl Iterator<Item = (&'a Face, Seen)> {
        let decoded = self.natives(cells);
        let natives: Vec<Option<&str>> = match &decoded {
            Some(natives) => natives.iter().map(Option::as_deref).collect(),
            None => Vec::new(),
        };
        let none_set = cells.iter().all(|cell| cell.found.is_none());
        let order = match &self.convert {
            Convert::Codecs(codecs) => Some((codecs, codecs.order(&natives))),
            _ => None,
        };
        let seen: Vec<(&Face, Seen)> = self
            .faces
            .iter()
            .map(|face| {
                let reading = match (&order, &decoded) {
                    (_, None) => Reading::Unreadable,
                    (Some((codecs, order)), _) => Reading::Value(codecs.read(order, face.part)),
                    (None, _) => self.convert.read(&natives, face.part, face.default_given),
                };
                (face, face.seen(reading, cells, slot, none_set))
            })
            .collect();
        seen.into_iter()
    }
}

impl Face {
    fn seen(&self, reading: Reading, cells: &[Cell<'_>], slot: u32, none_set: bool) -> Seen {
        let default = || self.default(slot).to_owned();
        let unreadable = || {
            let set: Vec<&str> = cells.iter().filter_map(Cell::value).collect();
            Seen::Unreadable {
                native: set.join(" "),
                default: default(),
            }
        };
        match reading {
            Reading::Absent => Seen::Default(default()),
            Reading::Unreadable => unreadable(),
            Reading::Value(value) => match self.rule.admits(&value) {
                Ok(value) if none_set => Seen::Default(value),
                Ok(value) => Seen::Set(value),
                Err(_) => unreadable(),
            },
        }
    }

    /// The path for an instance number.
    pub(super) fn path(&self, instance: u32) -> Option<Cow<'_, ParameterPath>> {
        match self.paths.get(slot_place(instance)) {
            Some(path) => Some(Cow::Borrowed(path)),
            None => self.template.path(instance).ok().map(Cow::Owned),
        }
    }

    pub(super) fn default(&self, slot: u32) -> &str {
        let default = self.defaults.get(slot_place(slot));
        default.map_or("", String::as_str)
    }

    pub(super) fn value_type(&self) -> ValueType {
        self.rule.wire_type()
    }
}

/// Where a slot, counted from 1, stands in a list by slot.
pub(super) fn slot_place(slot: u32) -> usize {
    slot.saturating_sub(1) as usize
}
