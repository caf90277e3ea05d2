//! Which setting of a phone's files counts for a key, under whatever name it stands there.

use std::borrow::Cow;
use std::collections::HashMap;

use super::lens_set::KeyState;
use super::pack::Pack;
use crate::native::{Document, Layer, Layers, Mark, NativeKey, Setting};

/// A setting as the phone takes it.
#[derive(Clone)]
pub(super) struct Found<'a> {
    /// The key as the file names it: the lens's key, or an alias of it.
    pub(super) name: &'a NativeKey,
    /// In the key's own terms.
    pub(super) value: Cow<'a, str>,
    pub(super) layer: &'a Layer,
    /// From 1.
    pub(super) line: u32,
    pub(super) mark: Mark,
}

/// All settings that count in the files of a phone, by key.
#[derive(Debug)]
pub(super) struct InForce<'a> {
    by_key: HashMap<&'a NativeKey, Found<'a>, KeyState>,
}

impl<'a> InForce<'a> {
    /// The setting that counts for a key.
    pub(super) fn get(&self, key: &NativeKey) -> Option<Found<'a>> {
        self.by_key.get(key).cloned()
    }

    /// Every key that the files set, and what counts for it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a NativeKey, &Found<'a>)> {
        self.by_key.iter().map(|(key, found)| (*key, found))
    }

    /// Whether the files set a key.
    pub(super) fn holds(&self, key: &NativeKey) -> bool {
        self.by_key.contains_key(key)
    }
}

impl Pack {
    /// What counts for every key, found in one pass over the files.
    pub(super) fn in_force<'a>(&'a self, layers: &'a Layers) -> InForce<'a> {
        let mut by_key = HashMap::with_capacity_and_hasher(512, KeyState::default());
        for layer in layers.counting() {
            for setting in layer.document.settings() {
                let (key, found) = self.found(setting, layer);
                by_key.insert(key, found);
            }
        }
        InForce { by_key }
    }

    /// What counts for one key: in the layer read last that has it, the name that stands last.
    pub(super) fn effective<'a>(
        &'a self,
        layers: &'a Layers,
        key: &NativeKey,
    ) -> Option<Found<'a>> {
        layers
            .counting()
            .iter()
            .rev()
            .find_map(|layer| self.effective_in(layer, key))
    }

    /// What counts for one key in one layer.
    pub(super) fn effective_in<'a>(
        &'a self,
        layer: &'a Layer,
        key: &NativeKey,
    ) -> Option<Found<'a>> {
        let last = self.setting_in(&layer.document, key)?;
        Some(self.found(last, layer).1)
    }

    /// What counts for one key in one file, in the key's own terms.
    pub(super) fn value_in<'a>(
        &self,
        document: &'a Document,
        key: &NativeKey,
    ) -> Option<Cow<'a, str>> {
        let setting = self.setting_in(document, key)?;
        Some(match self.alias(setting.key) {
            Some(alias) => self.set.aliases.native(alias, setting.value),
            None => setting.value,
        })
    }

    /// The last setting of a file for a key, under whatever name.
    pub(super) fn setting_in<'a>(
        &self,
        document: &'a Document,
        key: &NativeKey,
    ) -> Option<Setting<'a>> {
        self.spellings(key)
            .filter_map(|spelling| document.setting(&spelling.name))
            .chain(document.setting(key))
            .max_by_key(|setting| (setting.line, setting.column))
    }

    /// The key that a setting is for, and what it says.
    fn found<'a>(&'a self, setting: Setting<'a>, layer: &'a Layer) -> (&'a NativeKey, Found<'a>) {
        let name = setting.key;
        let (key, value) = match self.alias(name) {
            Some(alias) => (&alias.key, self.set.aliases.native(alias, setting.value)),
            None => (name, setting.value),
        };
        let found = Found {
            name,
            value,
            layer,
            line: setting.line,
            mark: setting.mark,
        };
        (key, found)
    }
}

impl std::fmt::Debug for Found<'_> {
    /// Without the value: it may be a secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Found")
            .field("name", self.name)
            .field("path", &self.layer.path)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}
