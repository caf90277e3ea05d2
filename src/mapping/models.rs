//! For which models something of a pack holds.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use super::error::{PackError, PackProblem};
use super::section::Section;

/// The model conditions of a pack, each once: thousands of rows share a handful of them.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    conditions: Vec<ModelPatterns>,
}

/// Patterns of which a model has to match one, without regard to case: file names spell models
/// otherwise than phones do.
#[derive(Debug, Clone, Default)]
pub(super) struct ModelPatterns(Vec<Regex>);

/// Collects conditions while a pack is read.
#[derive(Debug, Default)]
pub(super) struct ConditionReader {
    by_text: RefCell<HashMap<Vec<String>, usize>>,
    conditions: RefCell<Vec<ModelPatterns>>,
}

impl Conditions {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.conditions.len()
    }

    /// The patterns of one of them.
    pub(super) fn patterns(&self, place: usize) -> Vec<String> {
        let patterns = self.conditions.get(place);
        patterns.map(ModelPatterns::texts).unwrap_or_default()
    }

    /// Which of them hold for a model. A model that is not known could be any of them.
    pub(super) fn holding(&self, model: Option<&str>) -> Vec<bool> {
        self.conditions
            .iter()
            .map(|patterns| model.is_none_or(|model| patterns.matches(model)))
            .collect()
    }
}

impl ModelPatterns {
    /// Reads `models`; no patterns where the key is missing.
    pub(super) fn read(section: &Section<'_>) -> Result<Self, PackError> {
        Self::read_key(section, "models")
    }

    /// Reads a list of patterns.
    pub(super) fn read_key(section: &Section<'_>, key: &'static str) -> Result<Self, PackError> {
        let texts = section.texts(key)?.unwrap_or_default();
        let patterns: Result<Vec<Regex>, PackError> = texts
            .iter()
            .map(|text| {
                RegexBuilder::new(&text.value)
                    .case_insensitive(true)
                    .build()
                    .map_err(|error| {
                        section.error(&text.span, PackProblem::Pattern(error.to_string()))
                    })
            })
            .collect();
        Ok(Self(patterns?))
    }

    /// The patterns as the pack has them.
    pub(super) fn texts(&self) -> Vec<String> {
        let patterns = self.0.iter();
        patterns
            .map(|pattern| pattern.as_str().to_owned())
            .collect()
    }

    /// Whether there are no patterns.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them fits.
    pub(super) fn matches(&self, model: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_match(model))
    }
}

impl ConditionReader {
    /// The place of the condition that a section's `models` makes; `None` where it has none.
    pub(super) fn read(&self, section: &Section<'_>) -> Result<Option<usize>, PackError> {
        let Some(texts) = section.texts("models")? else {
            return Ok(None);
        };
        let key: Vec<String> = texts
            .into_iter()
            .map(|text| text.value.into_owned())
            .collect();
        if let Some(&place) = self.by_text.borrow().get(&key) {
            return Ok(Some(place));
        }
        let patterns = ModelPatterns::read(section)?;
        let mut conditions = self.conditions.borrow_mut();
        let place = conditions.len();
        conditions.push(patterns);
        self.by_text.borrow_mut().insert(key, place);
        Ok(Some(place))
    }

    pub(super) fn finish(self) -> Conditions {
        Conditions {
            conditions: self.conditions.into_inner(),
        }
    }
}
