//! One compiled lens: its native keys by slot, its parameters, and the conversion between them.

use std::borrow::Cow;

use super::convert::{Convert, Part, Reading};
use super::template::PathTemplate;
use crate::datamodel::{ParameterPath, ValueRule, ValueType};
use crate::native::{Effective, Layers, NativeKey};

/// A mapping row.
#[derive(Debug)]
pub(super) struct Lens {
    /// Place of its index in the pack; `None` for parameters that are there once.
    pub(super) index: Option<usize>,
    pub(super) keys: Vec<KeyColumn>,
    pub(super) convert: Convert,
    pub(super) faces: Vec<Face>,
    pub(super) note: Option<String>,
}

/// One of a lens's native keys, by slot. A lens without an index has one slot.
#[derive(Debug)]
pub(super) struct KeyColumn {
    /// `None`: the slot has no such key.
    pub(super) own: Vec<Option<NativeKey>>,
    /// Read where the own key is absent.
    pub(super) fallback: Option<Vec<NativeKey>>,
    /// Place in the pack of the line set that the key belongs to.
    pub(super) line_set: Option<usize>,
    /// Whether the key differs by slot, so that it shows that the slot exists.
    pub(super) by_slot: bool,
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
    pub(super) found: Option<Effective<'a>>,
}

impl Cell<'_> {
    pub(super) fn value(&self) -> Option<&str> {
        self.found.as_ref().map(|found| found.value.as_ref())
    }
}

/// The native values of all cells, in order.
pub(super) fn values<'a>(cells: &'a [Cell<'_>]) -> Vec<Option<&'a str>> {
    cells.iter().map(Cell::value).collect()
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
    /// The keys of a slot with their present values; `None` if the parameter does not exist there.
    pub(super) fn cells<'a>(
        &'a self,
        layers: &'a Layers,
        slot: u32,
        set_is_own: impl Fn(usize) -> bool,
    ) -> Option<Vec<Cell<'a>>> {
        let place = slot_place(slot);
        let mut cells = Vec::with_capacity(self.keys.len());
        for column in &self.keys {
            let Some(key) = column.own.get(place)?.as_ref() else {
                if self.convert.takes_fewer_keys() {
                    continue;
                }
                return None;
            };
            let found = layers.effective(key).or_else(|| {
                let fallback = column.fallback.as_ref()?.get(place)?;
                let found = layers.effective(fallback)?;
                let blocked = column.line_set.is_some_and(&set_is_own);
                (!blocked).then_some(found)
            });
            cells.push(Cell { key, column, found });
        }
        let missing = cells.is_empty() && !self.keys.is_empty();
        (!missing).then_some(cells)
    }

    /// Reads all parameters of the lens for a slot.
    pub(super) fn read<'a>(
        &'a self,
        cells: &[Cell<'_>],
        slot: u32,
    ) -> impl Iterator<Item = (&'a Face, Seen)> {
        let natives = values(cells);
        let joined = || {
            let set: Vec<&str> = natives.iter().flatten().copied().collect();
            set.join(" ")
        };
        let none_set = natives.iter().all(Option::is_none);
        let order = match &self.convert {
            Convert::Codecs(codecs) => Some((codecs, codecs.order(&natives))),
            _ => None,
        };
        let seen: Vec<(&Face, Seen)> = self
            .faces
            .iter()
            .map(|face| {
                let reading = match &order {
                    Some((codecs, order)) => {
                        let value = codecs.read(order, face.part);
                        return (
                            face,
                            if none_set {
                                Seen::Default(value)
                            } else {
                                Seen::Set(value)
                            },
                        );
                    }
                    None => self.convert.read(&natives, face.default_given),
                };
                let default = || face.default(slot).to_owned();
                let unreadable = || Seen::Unreadable {
                    native: joined(),
                    default: default(),
                };
                let seen = match reading {
                    Reading::Absent => Seen::Default(default()),
                    Reading::Unreadable => unreadable(),
                    Reading::Value(value) => match face.rule.admits(&value) {
                        Ok(value) if none_set => Seen::Default(value),
                        Ok(value) => Seen::Set(value),
                        Err(_) => unreadable(),
                    },
                };
                (face, seen)
            })
            .collect();
        seen.into_iter()
    }
}

impl Face {
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
