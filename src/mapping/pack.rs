//! One vendor's pack, compiled.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::identity::Identity;
use super::lens::Lens;
use super::native_names::{key_of, path_of};
use super::rows::Rows;
use crate::datamodel::{ParameterPath, ValueType};
use crate::native::{Layers, NativeKey};

/// The lenses, identity rules and file rules of one vendor.
#[derive(Debug)]
pub struct Pack {
    pub(super) vendor: String,
    pub(super) manufacturer: String,
    pub(super) version: u32,
    pub(super) merge: bool,
    pub(super) resync: String,
    pub(super) reboot: String,
    pub(super) identity: Identity,
    pub(super) secret_keys: SecretKeys,
    pub(super) indexes: Vec<Index>,
    pub(super) line_sets: Vec<LineSet>,
    pub(super) lenses: Vec<Lens>,
    /// Lens and face behind a path; the instance number of an index stands as `{name}` there.
    pub(super) by_path: HashMap<String, FacePlace>,
    /// Every key that a lens reads.
    pub(super) covered: HashSet<NativeKey>,
    /// Index and slot that a key shows to exist.
    pub(super) presence: HashMap<NativeKey, Vec<(usize, u32)>>,
    /// Keys behind hidden parameters.
    pub(super) hidden_keys: HashSet<NativeKey>,
}

/// Where a face stands in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FacePlace {
    pub(super) lens: usize,
    pub(super) face: usize,
}

/// A family of native places that are the rows of a table.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: String,
    /// Path of the table, with a dot at the end.
    pub(super) table: String,
    pub(super) slots: u32,
    pub(super) always: BTreeSet<u32>,
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
    pub(super) global: NativeKey,
}

/// Names of keys whose values are secrets; `*` matches anything.
#[derive(Debug, Default)]
pub(super) struct SecretKeys {
    pub(super) exact: HashSet<NativeKey>,
    pub(super) patterns: Vec<regex::Regex>,
}

/// One parameter as the phone's files have it.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Full path.
    pub path: ParameterPath,
    /// Type on the wire.
    pub value_type: ValueType,
    /// Whether an ACS may write it.
    pub writable: bool,
    /// Whether it has to read as empty for an ACS (cwmp.md M28); `value` holds the real one.
    pub hidden: bool,
    /// Canonical text.
    pub value: String,
    /// Where the value comes from.
    pub state: ValueState,
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueState {
    /// From a file.
    Set {
        /// Path of the layer.
        layer: String,
        /// Line in it, from 1.
        line: u32,
    },
    /// Nothing is set: the phone's default, or a constant of the pack.
    Default,
    /// A file holds something that the lens does not know, or that the parameter cannot hold. The
    /// parameter shows its default, and every write to it is carried out.
    Unreadable {
        /// The native text; of several keys, all texts with blanks between. It is as secret as the
        /// parameter.
        native: String,
    },
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = formatter.debug_struct("Parameter");
        text.field("path", &self.path)
            .field("value_type", &self.value_type)
            .field("writable", &self.writable)
            .field("hidden", &self.hidden);
        if self.hidden {
            text.field("value", &"***").finish_non_exhaustive()
        } else {
            text.field("value", &self.value)
                .field("state", &self.state)
                .finish()
        }
    }
}

/// What a path stands for on one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Face { place: FacePlace, slot: u32 },
    Native(NativeKey),
}

impl Pack {
    /// Short name, as in reports and settings.
    pub fn vendor(&self) -> &str {
        &self.vendor
    }

    /// DeviceInfo.Manufacturer of its phones.
    pub fn manufacturer(&self) -> &str {
        &self.manufacturer
    }

    /// Raised with every change of lenses: what was derived with another version is stale.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Whether later layers override earlier ones key by key. If not, a phone stops at its own
    /// file, and shared files do not count.
    pub fn merges_layers(&self) -> bool {
        self.merge
    }

    /// The SIP event that makes a phone fetch its file.
    pub fn resync_event(&self) -> &str {
        &self.resync
    }

    /// The SIP event that restarts a phone.
    pub fn reboot_event(&self) -> &str {
        &self.reboot
    }

    /// Whether the lenses hold for a model: vendors have models that read files of the same names,
    /// in which the same keys mean other things.
    pub fn covers_model(&self, model: &str) -> bool {
        !self
            .identity
            .other_models
            .iter()
            .any(|pattern| pattern.is_match(model))
    }

    /// What a file is by this pack's own rules, by name (without folders) and content.
    pub fn identify(&self, file_name: &str, content: &[u8]) -> Option<crate::native::FileIdentity> {
        self.identity.identify(file_name, content)
    }

    /// Whether six hex digits, in either case, are an OUI of the vendor.
    pub fn knows_oui(&self, oui: &str) -> bool {
        self.identity.knows_oui(oui)
    }

    /// The names under which a phone asks for its own file, the usual one first.
    pub fn served_names(&self, mac: crate::native::Mac) -> impl Iterator<Item = String> {
        self.identity.served_names(mac)
    }

    /// How many lenses the pack has.
    pub fn lens_count(&self) -> usize {
        self.lenses.len()
    }

    /// The rows of all tables, given those of before: the row of a slot that is gone goes; a new
    /// slot gets its own number as instance number if that was never used, else the next unused.
    pub fn rows(&self, layers: &Layers, previous: &Rows) -> Rows {
        let mut present: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for (key, _) in layers.effective_settings() {
            for &(index, slot) in self.presence.get(key).into_iter().flatten() {
                present.entry(index).or_default().insert(slot);
            }
        }
        let mut rows = previous.clone();
        rows.keep_only(|name| self.indexes.iter().any(|index| index.name == name));
        for (place, index) in self.indexes.iter().enumerate() {
            let mut slots = present.remove(&place).unwrap_or_default();
            slots.extend(&index.always);
            rows.reconcile(&index.name, &index.table, index.slots, &slots);
        }
        rows
    }

    /// Whether a key's value is a secret: a hidden parameter stands on it, or the pack names it.
    pub fn is_secret_key(&self, key: &NativeKey) -> bool {
        self.hidden_keys.contains(key)
            || self.secret_keys.exact.contains(key)
            || self
                .secret_keys
                .patterns
                .iter()
                .any(|pattern| pattern.is_match(key.as_str()))
    }

    /// Whether a value is one that everybody knows for this key.
    pub fn is_default_password(&self, _key: &NativeKey, _value: &str) -> bool {
        false
    }

    /// Whether a lens stands on a key, so that it has a parameter with a name of its own.
    pub fn covers(&self, key: &NativeKey) -> bool {
        self.covered.contains(key)
    }

    /// The native keys behind a parameter, in the lens's order, the fallback after its key. Empty
    /// for a path that stands for none.
    pub fn native_keys(&self, path: &ParameterPath, rows: &Rows) -> Vec<NativeKey> {
        match self.target(path, rows) {
            None => Vec::new(),
            Some(Target::Native(key)) => vec![key],
            Some(Target::Face { place, slot }) => {
                let columns = self.lenses.get(place.lens).map(|lens| lens.keys.as_slice());
                let slot = super::lens::slot_place(slot);
                columns
                    .unwrap_or_default()
                    .iter()
                    .flat_map(|column| {
                        let own = column.own.get(slot).and_then(Option::as_ref);
                        let fallback = column.fallback.as_ref().and_then(|keys| keys.get(slot));
                        own.into_iter().chain(fallback)
                    })
                    .cloned()
                    .collect()
            }
        }
    }

    /// The parameters that a native key stands behind, sorted by path.
    pub fn parameters_of(&self, key: &NativeKey, rows: &Rows) -> Vec<ParameterPath> {
        let mut paths: Vec<ParameterPath> = Vec::new();
        if self.covered.contains(key) {
            for lens in &self.lenses {
                for (instance, slot) in self.instances(lens, rows) {
                    let place = super::lens::slot_place(slot);
                    let behind = lens.keys.iter().any(|column| {
                        let own = column.own.get(place).and_then(Option::as_ref);
                        let fallback = column.fallback.as_ref().and_then(|keys| keys.get(place));
                        own == Some(key) || fallback == Some(key)
                    });
                    if behind {
                        let faces = lens.faces.iter().filter_map(|face| face.path(instance));
                        paths.extend(faces.map(std::borrow::Cow::into_owned));
                    }
                }
            }
        } else {
            paths.extend(path_of(key));
        }
        paths.sort();
        paths
    }

    /// The conversion behind a parameter, by its name in the pack, and the lens's note.
    pub fn conversion(&self, path: &ParameterPath, rows: &Rows) -> Option<(&str, Option<&str>)> {
        let Target::Face { place, .. } = self.target(path, rows)? else {
            return None;
        };
        let lens = self.lenses.get(place.lens)?;
        Some((lens.convert.name(), lens.note.as_deref()))
    }

    /// Instance numbers and slots for which a lens has parameters.
    pub(super) fn instances(&self, lens: &Lens, rows: &Rows) -> Vec<(u32, u32)> {
        match lens.index.and_then(|index| self.indexes.get(index)) {
            Some(index) => {
                let rows = rows.instances(&index.name).iter();
                rows.map(|row| (row.instance, row.slot)).collect()
            }
            None => vec![(1, 1)],
        }
    }

    /// What a path stands for; `None` if it is none of the pack's.
    pub(super) fn target(&self, path: &ParameterPath, rows: &Rows) -> Option<Target> {
        if let Some(&place) = self.by_path.get(path.as_str()) {
            return Some(Target::Face { place, slot: 1 });
        }
        for index in &self.indexes {
            let Some(after) = path.as_str().strip_prefix(&index.table) else {
                continue;
            };
            let Some((instance, rest)) = after.split_once('.') else {
                continue;
            };
            let template = format!("{}{{{}}}.{rest}", index.table, index.name);
            let canonical = !instance.starts_with(['0', '+']);
            if let Some(&place) = self.by_path.get(&template)
                && canonical
                && let Ok(instance) = instance.parse()
            {
                let slot = rows.slot(&index.name, instance)?;
                return Some(Target::Face { place, slot });
            }
        }
        let key = key_of(path)?;
        (!self.covered.contains(&key)).then_some(Target::Native(key))
    }

    /// Whether any member of a line set is set for a slot.
    pub(super) fn set_is_own(&self, layers: &Layers, set: usize, slot: u32) -> bool {
        let place = super::lens::slot_place(slot);
        self.line_sets.get(set).is_some_and(|set| {
            set.members
                .iter()
                .filter_map(|member| member.own.get(place))
                .any(|key| layers.effective(key).is_some())
        })
    }
}
