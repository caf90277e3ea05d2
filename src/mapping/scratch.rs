//! A copy of a phone's files on which changes are tried, and what they come to.

use std::collections::BTreeMap;

use super::alias::Spelling;
use super::change::{Effects, NativeEdit, RefusalReason};
use super::pack::Pack;
use crate::native::{Document, Layer, Layers, Mark, NativeKey};

/// What stands in an edit for the value of a secret key.
const MASK: &str = "***";

/// The copy, with the keys that were written.
pub(super) struct Scratch<'p> {
    pack: &'p Pack,
    pub(super) layers: Layers,
    written: BTreeMap<NativeKey, Written>,
}

/// Why a key was written.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    pub(super) needs_reboot: bool,
    pub(super) copied_beside: Option<NativeKey>,
}

impl<'p> Scratch<'p> {
    pub(super) fn new(pack: &'p Pack, layers: &Layers) -> Self {
        Self {
            pack,
            layers: layers.clone(),
            written: BTreeMap::new(),
        }
    }

    /// Gives a key a value, under the name that is in force in the phone's own file; a new setting
    /// gets the name that suits the file.
    pub(super) fn set(
        &mut self,
        key: &NativeKey,
        value: &str,
        why: Written,
    ) -> Result<(), RefusalReason> {
        let bad = |why: String| RefusalReason::BadValue { why };
        let own = self.layers.own();
        let present = own.and_then(|own| self.pack.effective_in(own, key));
        let present = present.map(|found| found.name.clone());
        let spelling = match (&present, own) {
            (Some(name), _) => self
                .pack
                .spellings(key)
                .find(|spelling| spelling.name == *name),
            (None, Some(own)) => self.pack.new_spelling(&own.document, key),
            (None, None) => None,
        };
        let (name, text) = match spelling {
            Some(spelling) => (
                spelling.text.clone(),
                self.pack.set.aliases.word(spelling, value),
            ),
            None => (self.pack.spelling(key).to_owned(), value),
        };
        let text = text.to_owned();
        let document = self
            .layers
            .own_mut()
            .ok_or_else(|| bad("the phone has no file of its own yet".to_owned()))?;
        document
            .set_as(&name, &text)
            .map_err(|error| bad(error.to_string()))?;
        let known = self.written.entry(key.clone()).or_default();
        known.needs_reboot |= why.needs_reboot;
        known.copied_beside = why.copied_beside;
        Ok(())
    }

    /// Removes all lines of a key from the phone's own file, under whatever name.
    pub(super) fn remove(&mut self, key: &NativeKey, why: Written) {
        let mut names = vec![key.clone()];
        names.extend(self.pack.spellings(key).map(|other| other.name.clone()));
        let Some(document) = self.layers.own_mut() else {
            return;
        };
        let mut removed = false;
        for name in names {
            removed |= document.remove(&name);
        }
        if removed {
            self.written.entry(key.clone()).or_insert(why);
        }
    }

    /// What was written, with the values before and after, and what a person should know of it.
    pub(super) fn edits(&self, before: &Layers) -> Vec<NativeEdit> {
        let text = |layers: &Layers, key: &NativeKey| {
            let found = self.pack.effective(layers, key)?;
            Some(if self.pack.is_secret_key(key) {
                MASK.to_owned()
            } else {
                found.value.into_owned()
            })
        };
        let edits = self.written.iter().map(|(key, why)| {
            let own = self.layers.own();
            let found = own.and_then(|own| self.pack.effective_in(own, key));
            let name = found.as_ref().map_or(key, |found| found.name);
            let is_marked = found.as_ref().is_none_or(|found| found.mark != Mark::None);
            NativeEdit {
                key: name.clone(),
                old: text(before, key),
                new: text(&self.layers, key),
                effects: Effects {
                    needs_reboot: why.needs_reboot,
                    local_change_wins: self.pack.local_wins() && !is_marked,
                    shadowed_by: self
                        .pack
                        .shadowing(&self.layers, key)
                        .map(|layer| layer.path.clone()),
                    copied_beside: why.copied_beside.clone(),
                },
            }
        });
        edits.collect()
    }
}

impl Pack {
    /// The layer that the phone reads after its own file and that has the key too.
    pub(super) fn shadowing<'a>(&self, layers: &'a Layers, key: &NativeKey) -> Option<&'a Layer> {
        let own = layers.own()?;
        let after = layers
            .counting()
            .iter()
            .rev()
            .take_while(|layer| !std::ptr::eq(*layer, own));
        let mut having = after.filter(|layer| self.effective_in(layer, key).is_some());
        having.next()
    }

    /// How the pack spells a key.
    pub(super) fn spelling<'a>(&'a self, key: &'a NativeKey) -> &'a str {
        let spelling = self.set.spellings.get(key);
        spelling.map_or(key.as_str(), String::as_str)
    }

    /// The alias as which a new setting goes into a file: one where the file is written in such
    /// names and has no P-codes, and of several the one that has dots as the file's names do.
    fn new_spelling<'a>(&'a self, document: &Document, key: &NativeKey) -> Option<&'a Spelling> {
        let mut spellings = self.spellings(key).peekable();
        spellings.peek()?;
        let mut dotted = None;
        for setting in document.settings() {
            if self.alias(setting.key).is_some() {
                dotted = Some(setting.key.as_str().contains('.'));
            } else if setting.key.as_str().starts_with('P') {
                // Only P-codes have an upper-case letter in their normal form.
                return None;
            }
        }
        let dotted = dotted?;
        let mut all: Vec<&Spelling> = spellings.collect();
        all.sort_by_key(|spelling| spelling.text.contains('.') != dotted);
        all.first().copied()
    }
}
