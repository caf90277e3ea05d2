//! Conversions of one native value by itself: text, boolean, enum, integer.

use std::borrow::Cow;

use super::conversion::{Checker, Reading};
use crate::mapping::error::{PackError, PackProblem};
use crate::mapping::section::{Section, Text};

/// The value as it is.
#[derive(Debug)]
pub(in crate::mapping) struct PlainText {
    /// Native text that stands for the empty value.
    empty: Option<String>,
}

impl PlainText {
    pub(super) fn parse(section: &Section<'_>) -> Result<Self, PackError> {
        Ok(Self {
            empty: section.text("empty")?.map(|text| text.value.into_owned()),
        })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let empty = self.empty.as_ref();
        let empty = empty.map(|empty| format!("`{empty}` reads empty, and is written for it"));
        std::iter::once("as it is".to_owned())
            .chain(empty)
            .collect()
    }

    pub(super) fn read(&self, native: Option<&str>) -> Reading {
        let Some(native) = native else {
            return Reading::Absent;
        };
        if self.empty.as_deref() == Some(native) {
            return Reading::Value(String::new());
        }
        Reading::Value(native.to_owned())
    }

    pub(super) fn write(&self, wanted: &str) -> String {
        match &self.empty {
            Some(empty) if wanted.is_empty() => empty.clone(),
            _ => wanted.to_owned(),
        }
    }
}

/// A truth value.
#[derive(Debug)]
pub(in crate::mapping) struct Boolean {
    yes: String,
    no: String,
    also_yes: Vec<String>,
    also_no: Vec<String>,
}

impl Boolean {
    pub(super) fn parse(section: &Section<'_>) -> Result<Self, PackError> {
        let mut once = Once::default();
        let mut word = |key, usual: &str| -> Result<String, PackError> {
            let text = section.text(key)?.unwrap_or_else(|| Text {
                value: Cow::Owned(usual.to_owned()),
                span: section.span.clone(),
            });
            once.add(section, &text)
        };
        let yes = word("yes", "1")?;
        let no = word("no", "0")?;
        let mut words = |key| -> Result<Vec<String>, PackError> {
            let texts = section.texts(key)?.unwrap_or_default();
            texts.iter().map(|text| once.add(section, text)).collect()
        };
        Ok(Self {
            yes,
            no,
            also_yes: words("also_yes")?,
            also_no: words("also_no")?,
        })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec![pairs([("true", &self.yes), ("false", &self.no)])];
        words.extend(also(&self.also_yes, "true"));
        words.extend(also(&self.also_no, "false"));
        words
    }

    pub(super) fn read(&self, native: Option<&str>) -> Reading {
        let Some(native) = native.map(str::trim) else {
            return Reading::Absent;
        };
        let is =
            |word: &String, also: &[String]| word == native || also.iter().any(|w| w == native);
        if is(&self.yes, &self.also_yes) {
            Reading::Value("1".to_owned())
        } else if is(&self.no, &self.also_no) {
            Reading::Value("0".to_owned())
        } else if native.is_empty() {
            Reading::Absent
        } else {
            Reading::Unreadable
        }
    }

    pub(super) fn write(&self, wanted: &str) -> String {
        if wanted == "1" {
            self.yes.clone()
        } else {
            self.no.clone()
        }
    }
}

/// A choice of named values.
#[derive(Debug)]
pub(in crate::mapping) struct Enumeration {
    /// Parameter value, native value, and native values that mean the same when read.
    values: Vec<(String, String, Vec<String>)>,
}

impl Enumeration {
    pub(super) fn parse(section: &Section<'_>, checker: &Checker<'_>) -> Result<Self, PackError> {
        let pairs = section.pairs("values")?;
        let pairs = section.required("values", (!pairs.is_empty()).then_some(pairs))?;
        let (mut parameters, mut natives) = (Once::default(), Once::default());
        let mut values = Vec::new();
        for (parameter, native) in &pairs {
            let value = checker.value(section, parameter, &parameter.value)?;
            parameters.add_as(section, parameter, &value)?;
            values.push((value, natives.add(section, native)?, Vec::new()));
        }
        if let Some(also) = section.section("also", "also")? {
            for (parameter, list) in also.entries() {
                let value = checker.value(section, &parameter, &parameter.value)?;
                let Some((_, _, more)) = values.iter_mut().find(|(known, _, _)| *known == value)
                else {
                    return Err(section.error(
                        &parameter.span,
                        PackProblem::UnknownWord {
                            what: "name in `values`",
                            seen: value,
                            allowed: values.into_iter().map(|(known, _, _)| known).collect(),
                        },
                    ));
                };
                for native in also.texts_of(&parameter.value, list)? {
                    more.push(natives.add(section, &native)?);
                }
            }
        }
        Ok(Self { values })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let values = self.values.iter();
        let mut words = vec![pairs(
            values.map(|(value, native, _)| (value.as_str(), native)),
        )];
        for (value, _, more) in &self.values {
            words.extend(also(more, value));
        }
        words
    }

    pub(super) fn parameter_values(&self) -> Vec<String> {
        let names = self.values.iter().map(|(value, _, _)| value.clone());
        names.collect()
    }

    pub(super) fn read(&self, native: Option<&str>) -> Reading {
        let Some(native) = native.map(str::trim) else {
            return Reading::Absent;
        };
        let found = self
            .values
            .iter()
            .find(|(_, text, also)| text == native || also.iter().any(|text| text == native));
        match found {
            Some((value, _, _)) => Reading::Value(value.clone()),
            None if native.is_empty() => Reading::Absent,
            None => Reading::Unreadable,
        }
    }

    pub(super) fn write(&self, wanted: &str) -> Result<String, String> {
        self.values
            .iter()
            .find(|(value, _, _)| value == wanted)
            .map(|(_, native, _)| native.clone())
            .ok_or_else(|| format!("`{wanted}` is not among the values that the phone knows"))
    }
}

/// A number in another unit, with texts that mean certain numbers.
#[derive(Debug)]
pub(in crate::mapping) struct Integer {
    scale: i64,
    /// Parameter value and native value.
    special: Vec<(String, String)>,
}

impl Integer {
    pub(super) fn parse(section: &Section<'_>, checker: &Checker<'_>) -> Result<Self, PackError> {
        let scale = section.number("scale")?.unwrap_or(1);
        if scale < 1 {
            let problem = PackProblem::WrongKind {
                key: "scale".to_owned(),
                seen: "number below 1".to_owned(),
                wanted: "a number from 1",
            };
            return Err(section.error(&section.span, problem));
        }
        let (mut parameters, mut natives) = (Once::default(), Once::default());
        let mut special = Vec::new();
        for (parameter, native) in section.pairs("special")? {
            let value = checker.value(section, &parameter, &parameter.value)?;
            parameters.add_as(section, &parameter, &value)?;
            special.push((value, natives.add(section, &native)?));
        }
        Ok(Self { scale, special })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let factor = match self.scale {
            1 => "the native number".to_owned(),
            scale => format!("native × {scale}"),
        };
        let special = self.special.iter();
        let special = special.map(|(value, native)| format!("{} reads {value}", quoted(native)));
        std::iter::once(factor).chain(special).collect()
    }

    pub(super) fn read(&self, native: Option<&str>) -> Reading {
        let Some(native) = native.map(str::trim) else {
            return Reading::Absent;
        };
        if let Some((value, _)) = self.special.iter().find(|(_, text)| text == native) {
            return Reading::Value(value.clone());
        }
        if native.is_empty() {
            return Reading::Absent;
        }
        let number = native.parse::<i64>().ok();
        match number.and_then(|number| number.checked_mul(self.scale)) {
            Some(number) => Reading::Value(number.to_string()),
            None => Reading::Unreadable,
        }
    }

    pub(super) fn write(&self, wanted: &str) -> Result<String, String> {
        if let Some((_, native)) = self.special.iter().find(|(value, _)| value == wanted) {
            return Ok(native.clone());
        }
        let number: i64 = wanted
            .parse()
            .map_err(|_| format!("{wanted} is too large for the phone"))?;
        if number % self.scale != 0 {
            return Err(format!(
                "{wanted} is no multiple of {}, which is the phone's unit",
                self.scale
            ));
        }
        let native = (number / self.scale).to_string();
        match self.special.iter().find(|(_, text)| *text == native) {
            Some((value, _)) => Err(format!("the phone would take {wanted} as {value}")),
            None => Ok(native),
        }
    }
}

/// A native text in a sentence.
pub(super) fn quoted(text: &str) -> String {
    match text {
        "" => "blank".to_owned(),
        _ => format!("`{text}`"),
    }
}

/// Parameter values and their native texts, as `UDP = 0, TCP = 1`.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a String)>) -> String {
    let pairs = pairs.into_iter().map(|(value, native)| {
        let value = if value.is_empty() { "empty" } else { value };
        let native = if native.is_empty() { "blank" } else { native };
        format!("{value} = {native}")
    });
    pairs.collect::<Vec<_>>().join(", ")
}

/// What reads as a value beside the text that is written for it.
fn also(natives: &[String], value: &str) -> Option<String> {
    let natives: Vec<String> = natives.iter().map(|native| quoted(native)).collect();
    (!natives.is_empty()).then(|| format!("{} also reads {value}", natives.join(", ")))
}

/// Texts of which none may come twice.
#[derive(Debug, Default)]
pub(super) struct Once(Vec<String>);

impl Once {
    pub(super) fn add(
        &mut self,
        section: &Section<'_>,
        text: &Text<'_>,
    ) -> Result<String, PackError> {
        self.add_as(section, text, &text.value)
    }

    fn add_as(
        &mut self,
        section: &Section<'_>,
        text: &Text<'_>,
        value: &str,
    ) -> Result<String, PackError> {
        let seen = value.to_owned();
        if self.0.contains(&seen) {
            return Err(section.error(&text.span, PackProblem::NotOneToOne { seen }));
        }
        self.0.push(seen.clone());
        Ok(seen)
    }
}
