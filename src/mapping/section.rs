//! Reading a pack's TOML: tables that know which keys were asked for, so that every other key is
//! an error that names the place and what is allowed there.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{PackError, PackProblem, Source};

/// A text with its place in the file.
#[derive(Debug, Clone)]
pub(super) struct Text<'t> {
    pub(super) value: Cow<'t, str>,
    pub(super) span: Range<usize>,
}

/// One TOML table that is being read.
#[derive(Debug)]
pub(super) struct Section<'t> {
    pub(super) source: Source<'t>,
    pub(super) span: Range<usize>,
    table: &'t DeTable<'t>,
    name: RefCell<String>,
    asked: RefCell<Vec<&'static str>>,
}

/// A value with its place.
pub(super) type Value<'t> = &'t Spanned<DeValue<'t>>;

impl<'t> Section<'t> {
    pub(super) fn new(
        source: Source<'t>,
        name: impl Into<String>,
        span: Range<usize>,
        table: &'t DeTable<'t>,
    ) -> Self {
        Self {
            source,
            span,
            table,
            name: RefCell::new(name.into()),
            asked: RefCell::default(),
        }
    }

    /// Calls the section by a more exact name from here on.
    pub(super) fn rename(&self, name: String) {
        self.name.replace(name);
    }

    pub(super) fn value(&self, key: &'static str) -> Option<Value<'t>> {
        self.asked.borrow_mut().push(key);
        self.entries()
            .find_map(|(name, value)| (name.value == key).then_some(value))
    }

    /// All keys, in the order of the file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Text<'t>, Value<'t>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(name, value)| {
                let text = Text {
                    value: Cow::Borrowed(name.get_ref().as_ref()),
                    span: name.span(),
                };
                (text, value)
            })
            .collect();
        entries.sort_by_key(|(name, _)| name.span.start);
        entries.into_iter()
    }

    pub(super) fn required<T>(&self, key: &'static str, value: Option<T>) -> Result<T, PackError> {
        value.ok_or_else(|| {
            let section = self.name.borrow().clone();
            self.error(&self.span, PackProblem::Missing { section, key })
        })
    }

    /// A text; numbers and truth values are taken as their text.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<Text<'t>>, PackError> {
        self.value(key)
            .map(|value| self.text_of(key, value))
            .transpose()
    }

    pub(super) fn text_of(&self, key: &str, value: Value<'t>) -> Result<Text<'t>, PackError> {
        let text = match value.get_ref() {
            DeValue::String(text) => Cow::Borrowed(text.as_ref()),
            DeValue::Boolean(truth) => Cow::Owned(truth.to_string()),
            DeValue::Integer(_) => Cow::Owned(self.number_of(key, value)?.to_string()),
            _ => return Err(self.wrong_kind(key, value, "a text")),
        };
        Ok(Text {
            value: text,
            span: value.span(),
        })
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<Option<bool>, PackError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match value.get_ref().as_bool() {
            Some(truth) => Ok(Some(truth)),
            None => Err(self.wrong_kind(key, value, "true or false")),
        }
    }

    pub(super) fn number(&self, key: &'static str) -> Result<Option<i64>, PackError> {
        self.value(key)
            .map(|value| self.number_of(key, value))
            .transpose()
    }

    pub(super) fn number_of(&self, key: &str, value: Value<'t>) -> Result<i64, PackError> {
        value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .ok_or_else(|| self.wrong_kind(key, value, "a whole number of 64 bits"))
    }

    /// A number that counts something.
    pub(super) fn count(&self, key: &'static str) -> Result<Option<usize>, PackError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match usize::try_from(self.number_of(key, value)?) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.wrong_kind(key, value, "a number from 0")),
        }
    }

    pub(super) fn array(&self, key: &'static str) -> Result<Option<Vec<Value<'t>>>, PackError> {
        self.value(key)
            .map(|value| self.array_of(key, value))
            .transpose()
    }

    pub(super) fn array_of(
        &self,
        key: &str,
        value: Value<'t>,
    ) -> Result<Vec<Value<'t>>, PackError> {
        match value.get_ref().as_array() {
            Some(items) => Ok(items.iter().collect()),
            None => Err(self.wrong_kind(key, value, "an array")),
        }
    }

    /// An array of texts.
    pub(super) fn texts(&self, key: &'static str) -> Result<Option<Vec<Text<'t>>>, PackError> {
        self.value(key)
            .map(|value| self.texts_of(key, value))
            .transpose()
    }

    pub(super) fn texts_of(&self, key: &str, value: Value<'t>) -> Result<Vec<Text<'t>>, PackError> {
        self.array_of(key, value)?
            .into_iter()
            .map(|item| self.text_of(key, item))
            .collect()
    }

    /// A table below this one.
    pub(super) fn section(
        &self,
        key: &'static str,
        name: &'static str,
    ) -> Result<Option<Section<'t>>, PackError> {
        self.value(key)
            .map(|value| self.section_of(key, name, value))
            .transpose()
    }

    pub(super) fn section_of(
        &self,
        key: &str,
        name: impl Into<String>,
        value: Value<'t>,
    ) -> Result<Section<'t>, PackError> {
        match value.get_ref().as_table() {
            Some(table) => Ok(Section::new(self.source, name, value.span(), table)),
            None => Err(self.wrong_kind(key, value, "a table")),
        }
    }

    /// An array of tables; none when the key is missing.
    pub(super) fn sections(
        &self,
        key: &'static str,
        name: &'static str,
    ) -> Result<Vec<Section<'t>>, PackError> {
        self.array(key)?
            .unwrap_or_default()
            .into_iter()
            .map(|value| self.section_of(key, name, value))
            .collect()
    }

    /// A table of names and texts.
    pub(super) fn pairs(&self, key: &'static str) -> Result<Vec<(Text<'t>, Text<'t>)>, PackError> {
        let Some(section) = self.section(key, key)? else {
            return Ok(Vec::new());
        };
        section
            .entries()
            .map(|(name, value)| {
                let text = section.text_of(&name.value, value)?;
                Ok((name, text))
            })
            .collect()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// A key that nobody asked for.
    pub(super) fn finish(self) -> Result<(), PackError> {
        let asked = self.asked.borrow();
        let Some((key, _)) = self
            .entries()
            .find(|(key, _)| !asked.iter().any(|asked| key.value == *asked))
        else {
            return Ok(());
        };
        let mut allowed: Vec<String> = asked.iter().map(|&key| key.to_owned()).collect();
        allowed.sort();
        allowed.dedup();
        Err(self.error(
            &key.span,
            PackProblem::UnknownKey {
                section: self.name.borrow().clone(),
                key: key.value.into_owned(),
                allowed,
            },
        ))
    }

    pub(super) fn error(&self, span: &Range<usize>, problem: PackProblem) -> PackError {
        self.source.error(span, problem)
    }

    fn wrong_kind(&self, key: &str, value: Value<'t>, wanted: &'static str) -> PackError {
        let seen = value.get_ref().type_str().to_owned();
        let key = key.to_owned();
        self.error(&value.span(), PackProblem::WrongKind { key, seen, wanted })
    }
}
