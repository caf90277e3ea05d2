//! The options of a lens that limit its parameters, beside what the data model says.

use super::error::{PackError, PackProblem};
use super::section::{Section, Text, Value};
use super::template::{Expanded, IndexName, expand};
use crate::datamodel::{Range, ValueProblem, ValueRule, ValueType};

/// The options of a lens that limit its parameters.
pub(super) struct Limits<'t> {
    pub(super) default: Option<Value<'t>>,
    pub(super) value_type: Option<Text<'t>>,
    pub(super) max_length: Option<usize>,
    pub(super) range: Option<Range>,
    pub(super) allowed: Option<Vec<Text<'t>>>,
    pub(super) writable: Option<bool>,
    pub(super) secret: bool,
    pub(super) note: Option<String>,
}

impl<'t> Limits<'t> {
    pub(super) fn read(section: &Section<'t>) -> Result<Self, PackError> {
        let range = section.array("range")?.map(|ends| {
            let ends: Result<Vec<i64>, PackError> = ends
                .iter()
                .map(|end| section.number_of("range", end))
                .collect();
            match ends?.as_slice() {
                &[min, max] if min <= max => Ok(Range {
                    min: Some(min),
                    max: Some(max),
                }),
                ends => Err(section.error(
                    &section.span,
                    PackProblem::Template {
                        text: format!("range = {ends:?}"),
                        reason: "two numbers are wanted, the smaller first".to_owned(),
                    },
                )),
            }
        });
        Ok(Self {
            default: section.value("default"),
            value_type: section.text("type")?,
            max_length: section.count("max_length")?,
            range: range.transpose()?,
            allowed: section.texts("allowed")?,
            writable: section.flag("writable")?,
            secret: section.flag("secret")?.unwrap_or(false),
            note: section.text("note")?.map(|text| text.value.into_owned()),
        })
    }

    /// Narrows a rule.
    pub(super) fn narrow(
        &self,
        section: &Section<'_>,
        path: &str,
        rule: &mut ValueRule,
    ) -> Result<(), PackError> {
        let parameter = |reason: &str| {
            let problem = PackProblem::Parameter {
                path: path.to_owned(),
                reason: reason.to_owned(),
            };
            section.error(&section.span, problem)
        };
        if let Some(max) = self.max_length {
            rule.max_length = Some(rule.max_length.map_or(max, |known| known.min(max)));
        }
        if let Some(range) = self.range {
            if rule.ranges.is_empty() {
                rule.ranges.push(range);
            } else {
                let ranges = rule.ranges.iter();
                rule.ranges = ranges
                    .filter_map(|known| known.intersection(range))
                    .collect();
                if rule.ranges.is_empty() {
                    return Err(parameter("`range` leaves no number that the model allows"));
                }
            }
        }
        if let Some(allowed) = &self.allowed {
            let mut words = Vec::new();
            for text in allowed {
                let admitted = rule.admits(&text.value);
                words.push(
                    admitted.map_err(|problem| {
                        value_error(section, text, &text.value, path, problem)
                    })?,
                );
            }
            rule.enumeration = words;
        }
        Ok(())
    }

    /// The defaults by slot, before they are checked.
    pub(super) fn defaults(
        &self,
        section: &Section<'_>,
        index: Option<IndexName<'_>>,
    ) -> Result<Option<Vec<Text<'t>>>, PackError> {
        let Some(value) = self.default else {
            return Ok(None);
        };
        let slots = index.map_or(1, |index| index.slots as usize);
        if value.get_ref().is_array() {
            let items = match value.get_ref().as_array() {
                Some(items) => items.iter().collect::<Vec<_>>(),
                None => Vec::new(),
            };
            if items.len() != slots || index.is_none() {
                let problem = PackProblem::TableLength {
                    length: items.len(),
                    slots,
                };
                return Err(section.error(&value.span(), problem));
            }
            let texts: Result<Vec<Text<'t>>, PackError> = items
                .into_iter()
                .map(|item| text_of(section, item))
                .collect();
            return texts.map(Some);
        }
        let text = text_of(section, value)?;
        let formula = text.value.starts_with('{') && text.value.ends_with('}');
        if formula && index.is_some() {
            let expanded = expand_in(section, &text.value, &text.span, index)?;
            let texts = expanded.texts.into_iter().map(|value| Text {
                value: value.into(),
                span: text.span.clone(),
            });
            return Ok(Some(texts.collect()));
        }
        Ok(Some(vec![text; slots]))
    }
}

/// As [`Section::text_of`], for a value that outlives the section.
fn text_of<'t>(section: &Section<'_>, value: Value<'t>) -> Result<Text<'t>, PackError> {
    let text = section.text_of("default", value)?;
    Ok(Text {
        value: text.value.into_owned().into(),
        span: text.span,
    })
}

pub(super) fn value_error(
    section: &Section<'_>,
    text: &Text<'_>,
    seen: &str,
    path: &str,
    problem: ValueProblem,
) -> PackError {
    let problem = PackProblem::Value {
        seen: seen.to_owned(),
        path: path.to_owned(),
        problem,
    };
    section.error(&text.span, problem)
}

pub(super) fn expand_in(
    section: &Section<'_>,
    text: &str,
    span: &std::ops::Range<usize>,
    index: Option<IndexName<'_>>,
) -> Result<Expanded, PackError> {
    expand(text, index).map_err(|reason| {
        let problem = PackProblem::Template {
            text: text.to_owned(),
            reason,
        };
        section.error(span, problem)
    })
}

pub(super) fn vendor_type(
    section: &Section<'_>,
    limits: &Limits<'_>,
) -> Result<ValueType, PackError> {
    const ALLOWED: [&str; 5] = ["string", "int", "unsignedInt", "boolean", "dateTime"];
    let Some(text) = &limits.value_type else {
        return Ok(ValueType::String);
    };
    let known = ALLOWED.contains(&text.value.as_ref());
    known
        .then(|| ValueType::from_xsd_local_name(&text.value))
        .flatten()
        .ok_or_else(|| {
            let problem = PackProblem::UnknownWord {
                what: "type",
                seen: text.value.clone().into_owned(),
                allowed: ALLOWED.iter().map(|&name| name.to_owned()).collect(),
            };
            section.error(&text.span, problem)
        })
}
