//! Other spellings of keys in the same files: item/part names, named elements.

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::{PackError, PackProblem};
use super::index::{Index, index_named};
use super::lens_file::read_key_texts;
use super::lens_set::KeyState;
use super::models::ConditionReader;
use super::section::Section;
use super::template::expand;
use crate::native::NativeKey;

/// The dictionary of a pack.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    by_name: HashMap<NativeKey, Vec<Alias>, KeyState>,
    by_key: HashMap<NativeKey, Vec<Spelling>, KeyState>,
    words: Vec<Vec<(String, String)>>,
    /// Names and keys written out.
    pub(super) count: usize,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) struct Alias {
    pub(super) key: NativeKey,
    /// Of the model condition under which it does.
    pub(super) condition: Option<usize>,
    words: Option<usize>,
}

/// A name of a key.
#[derive(Debug)]
pub(super) struct Spelling {
    pub(super) name: NativeKey,
    /// As the pack spells it.
    pub(super) text: String,
    pub(super) condition: Option<usize>,
    words: Option<usize>,
}

impl Aliases {
    /// What a name stands for, under the conditions that hold.
    pub(super) fn key_of(&self, name: &NativeKey, holds: &[bool]) -> Option<&Alias> {
        let aliases = self.by_name.get(name)?;
        aliases
            .iter()
            .find(|alias| is_holding(alias.condition, holds))
    }

    /// Other names of a key, under the conditions that hold.
    pub(super) fn spellings<'a>(
        &'a self,
        key: &NativeKey,
        holds: &'a [bool],
    ) -> impl Iterator<Item = &'a Spelling> {
        self.by_key
            .get(key)
            .into_iter()
            .flatten()
            .filter(move |spelling| is_holding(spelling.condition, holds))
    }

    /// The keys that a name may stand for, whatever the model.
    pub(super) fn keys_of_any(&self, name: &NativeKey) -> impl Iterator<Item = &NativeKey> {
        let aliases = self.by_name.get(name).into_iter().flatten();
        aliases.map(|alias| &alias.key)
    }

    /// Every spelling of a key, whatever the model.
    pub(super) fn all_spellings(&self, key: &NativeKey) -> &[Spelling] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// Every spelling there is.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let spellings = self.by_key.values().flatten();
        spellings.map(|spelling| spelling.text.as_str())
    }

    /// The words that a name uses for native values: word and value.
    pub(super) fn dictionary(&self, spelling: &Spelling) -> &[(String, String)] {
        self.words_of(spelling.words)
    }

    /// Every name, with its key, whatever the model.
    pub(super) fn all(&self) -> impl Iterator<Item = (&NativeKey, &NativeKey)> {
        self.by_key.iter().flat_map(|(key, spellings)| {
            spellings.iter().map(move |spelling| (&spelling.name, key))
        })
    }

    /// A value as it stands under a name, in the key's own terms.
    pub(super) fn native<'v>(&self, alias: &Alias, value: Cow<'v, str>) -> Cow<'v, str> {
        let pair = self
            .words_of(alias.words)
            .iter()
            .find(|(word, _)| *word == value.trim());
        pair.map_or(value, |(_, native)| Cow::Owned(native.clone()))
    }

    /// A value in the key's own terms as it has to stand under a name.
    pub(super) fn word<'v>(&'v self, spelling: &Spelling, value: &'v str) -> &'v str {
        let pair = self
            .words_of(spelling.words)
            .iter()
            .find(|(_, native)| native == value);
        pair.map_or(value, |(word, _)| word.as_str())
    }

    fn words_of(&self, place: Option<usize>) -> &[(String, String)] {
        place
            .and_then(|place| self.words.get(place))
            .map_or(&[], Vec::as_slice)
    }

    /// Reads `aliases`.
    pub(super) fn read(
        top: &Section<'_>,
        indexes: &[Index],
        conditions: &ConditionReader,
    ) -> Result<Self, PackError> {
        let mut aliases = Self::default();
        for section in top.sections("aliases", "an alias")? {
            aliases.add(&section, indexes, conditions)?;
            section.finish()?;
        }
        Ok(aliases)
    }

    fn add(
        &mut self,
        section: &Section<'_>,
        indexes: &[Index],
        conditions: &ConditionReader,
    ) -> Result<(), PackError> {
        let name = section.required("name", section.text("name")?)?;
        let key = section.required("key", section.value("key"))?;
        let index = match section.text("index")? {
            Some(text) => indexes.get(index_named(section, indexes, &text)?),
            None => None,
        };
        let index = index.map(Index::as_name);
        let condition = conditions.read(section)?;
        let pairs = section.pairs("values")?;
        let words = (!pairs.is_empty()).then(|| {
            let pairs = pairs.into_iter();
            let pairs = pairs
                .map(|(word, native)| (word.value.trim().to_owned(), native.value.into_owned()));
            self.words.push(pairs.collect());
            self.words.len() - 1
        });
        let names = expand(&name.value, index).map_err(|reason| {
            let text = name.value.clone().into_owned();
            section.error(&name.span, PackProblem::Template { text, reason })
        })?;
        let keys = read_key_texts(section, key, index)?;
        for (place, (text, key)) in names.texts.into_iter().zip(&keys.texts).enumerate() {
            if key.is_empty() || place > 0 && !names.by_slot {
                continue;
            }
            let (name, key) = (NativeKey::new(&text), NativeKey::new(key));
            self.count += 1;
            let known = self.by_name.entry(name.clone()).or_default();
            let twice = known
                .iter()
                .any(|alias| alias.condition == condition && alias.key != key);
            if twice || name == key {
                let seen = text;
                return Err(section.error(&section.span, PackProblem::NotOneToOne { seen }));
            }
            known.push(Alias {
                key: key.clone(),
                condition,
                words,
            });
            self.by_key.entry(key).or_default().push(Spelling {
                name,
                text,
                condition,
                words,
            });
        }
        Ok(())
    }
}

/// Whether a condition holds; where there is none, everything does.
pub(super) fn is_holding(condition: Option<usize>, holds: &[bool]) -> bool {
    condition.is_none_or(|place| holds.get(place).copied().unwrap_or(true))
}
