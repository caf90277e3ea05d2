//! What values a parameter may have.

use base64::Engine as _;
use regex::Regex;

use super::value::ValueType;

/// Longest string where a model states no length (TR-106 3.2.6; cwmp.md M27).
pub(super) const UNSTATED_LENGTH: usize = 16;

/// Longest vendor extension of an enumeration (data-model.md section 6).
const VENDOR_VALUE_LENGTH: usize = 31;

/// Why a text is no value of a parameter.
///
/// The text itself is not in it where it could be a secret: only words of enumerations are shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueProblem {
    /// The text is no value of the parameter's type.
    #[error("not a value of type {}", .0.xsd_name())]
    WrongType(ValueType),
    /// The text, or one item of the list, has too many characters.
    #[error("has {length} characters; at most {max} are allowed")]
    TooLong {
        /// Characters given.
        length: usize,
        /// Characters allowed.
        max: usize,
    },
    /// The text, or one item of the list, has too few characters.
    #[error("has {length} characters; at least {min} are wanted")]
    TooShort {
        /// Characters given.
        length: usize,
        /// Characters wanted.
        min: usize,
    },
    /// The number is outside of what is allowed.
    #[error("{value} is out of range; allowed: {allowed}")]
    OutOfRange {
        /// The number given.
        value: i64,
        /// The ranges, `0 to 65535`.
        allowed: String,
    },
    /// The text is none of the enumeration.
    #[error("`{value}` is none of {}", .allowed.join(", "))]
    NotInEnumeration {
        /// The text given, cut to 64 characters.
        value: String,
        /// What may be written.
        allowed: Vec<String>,
    },
    /// The text has another form than the model wants.
    #[error("does not have the form that the data model wants")]
    WrongForm,
}

/// A stretch of numbers, both ends included; a missing end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Smallest number.
    pub min: Option<i64>,
    /// Largest number.
    pub max: Option<i64>,
}

impl Range {
    fn holds(self, number: i64) -> bool {
        self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }

    /// What lies in both; `None` when nothing does.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let min = self.min.max(other.min);
        let max = match (self.max, other.max) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        let empty = matches!((min, max), (Some(min), Some(max)) if min > max);
        (!empty).then_some(Self { min, max })
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => write!(formatter, "{min}"),
            (Some(min), Some(max)) => write!(formatter, "{min} to {max}"),
            (Some(min), None) => write!(formatter, "{min} and more"),
            (None, Some(max)) => write!(formatter, "up to {max}"),
            (None, None) => formatter.write_str("any"),
        }
    }
}

/// The type of a parameter's values and all limits on them.
#[derive(Debug, Clone)]
pub struct ValueRule {
    /// The type; of the items, if the value is a list.
    pub value_type: ValueType,
    /// Whether the value is a comma-separated list. A list is a string on the wire.
    pub list: bool,
    /// Fewest characters (bytes for Base64).
    pub min_length: Option<usize>,
    /// Most characters (bytes for Base64), of the whole list if it is one.
    pub max_length: Option<usize>,
    /// Most characters of one list item.
    pub max_item_length: Option<usize>,
    /// Numbers allowed; empty allows all of the type.
    pub ranges: Vec<Range>,
    /// Texts allowed; empty allows all.
    pub enumeration: Vec<String>,
    /// Those of `enumeration` that only the CPE may write, such as the result of a diagnosis.
    pub report_only: Vec<String>,
    /// Forms allowed; empty allows all.
    pub patterns: Vec<Regex>,
}

impl ValueRule {
    /// A rule that allows all values of a type.
    pub fn any(value_type: ValueType) -> Self {
        Self {
            value_type,
            list: false,
            min_length: None,
            max_length: None,
            max_item_length: None,
            ranges: Vec::new(),
            enumeration: Vec::new(),
            report_only: Vec::new(),
            patterns: Vec::new(),
        }
    }

    /// The type that stands on the wire: a list is a string.
    pub fn wire_type(&self) -> ValueType {
        if self.list {
            ValueType::String
        } else {
            self.value_type
        }
    }

    /// The value of a parameter that nobody has set, when its model names no default: the zero of
    /// its type, or the smallest number allowed where zero is not (check C005).
    pub fn zero(&self) -> String {
        let zero = self.wire_type().zero();
        let first = self.ranges.iter().filter_map(|range| range.min).min();
        match first {
            Some(first) if self.admits(zero).is_err() => first.to_string(),
            _ => zero.to_owned(),
        }
    }

    /// The canonical form of a text: its type is checked, its limits are not. Blanks around the
    /// items of a list go (data-model.md section 6).
    ///
    /// # Errors
    /// [`ValueProblem::WrongType`].
    pub fn canonical(&self, text: &str) -> Result<String, ValueProblem> {
        let canonical = |text: &str| {
            self.value_type
                .canonical(text)
                .map_err(|error| ValueProblem::WrongType(error.wanted))
        };
        if !self.list {
            return canonical(text);
        }
        let items: Result<Vec<String>, _> =
            items(text).map(|item| canonical(item.trim())).collect();
        Ok(items?.join(","))
    }

    /// Checks what an ACS wants to write, and gives its canonical form.
    ///
    /// # Errors
    /// [`ValueProblem::WrongType`] is fault 9006, everything else 9007 (cwmp.md M26, M27).
    pub fn check(&self, text: &str) -> Result<String, ValueProblem> {
        self.judge(text, |word| {
            self.enumeration.iter().any(|allowed| allowed == word)
                && !self.report_only.iter().any(|reported| reported == word)
        })
    }

    /// Checks what the CPE reports, and gives its canonical form. Enumerations are wider than in
    /// [`Self::check`]: values that only the CPE may write, and vendor extensions `X_…`.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn admits(&self, text: &str) -> Result<String, ValueProblem> {
        self.judge(text, |word| {
            self.enumeration.iter().any(|allowed| allowed == word)
                || (word.starts_with("X_") && word.chars().count() <= VENDOR_VALUE_LENGTH)
        })
    }

    fn judge(&self, text: &str, known: impl Fn(&str) -> bool) -> Result<String, ValueProblem> {
        let canonical = self.canonical(text)?;
        self.check_length(&canonical)?;
        if self.list {
            for item in items(&canonical) {
                if let Some(max) = self.max_item_length {
                    at_most(item.chars().count(), max)?;
                }
                self.check_item(item, &known)?;
            }
        } else {
            self.check_item(&canonical, &known)?;
        }
        Ok(canonical)
    }

    fn check_length(&self, text: &str) -> Result<(), ValueProblem> {
        if !self.has_length() {
            return Ok(());
        }
        let length = match self.value_type {
            ValueType::Base64 => base64::engine::general_purpose::STANDARD
                .decode(text)
                .map_or(text.len(), |bytes| bytes.len()),
            _ => text.chars().count(),
        };
        if let Some(max) = self.max_length {
            at_most(length, max)?;
        }
        match self.min_length {
            Some(min) if length < min => Err(ValueProblem::TooShort { length, min }),
            _ => Ok(()),
        }
    }

    fn has_length(&self) -> bool {
        use ValueType::{Base64, HexBinary, String};
        self.list || matches!(self.value_type, String | Base64 | HexBinary)
    }

    fn check_item(&self, item: &str, known: impl Fn(&str) -> bool) -> Result<(), ValueProblem> {
        if !self.ranges.is_empty()
            && let Ok(value) = item.parse::<i64>()
            && !self.ranges.iter().any(|range| range.holds(value))
        {
            let allowed: Vec<String> = self.ranges.iter().map(Range::to_string).collect();
            return Err(ValueProblem::OutOfRange {
                value,
                allowed: allowed.join(", "),
            });
        }
        if !self.enumeration.is_empty() && !known(item) {
            return Err(ValueProblem::NotInEnumeration {
                value: item.chars().take(64).collect(),
                allowed: self
                    .enumeration
                    .iter()
                    .filter(|word| !self.report_only.contains(word))
                    .cloned()
                    .collect(),
            });
        }
        let formed = self.patterns.iter().any(|pattern| pattern.is_match(item));
        if !self.patterns.is_empty() && !formed {
            return Err(ValueProblem::WrongForm);
        }
        Ok(())
    }
}

fn at_most(length: usize, max: usize) -> Result<(), ValueProblem> {
    if length > max {
        return Err(ValueProblem::TooLong { length, max });
    }
    Ok(())
}

/// The items of a list; an empty text is an empty list.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').take(if text.trim().is_empty() {
        0
    } else {
        usize::MAX
    })
}
