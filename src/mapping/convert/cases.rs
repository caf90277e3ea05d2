//! Parameters that depend on several native values at once, by a table of cases.

use super::conversion::{Checker, Reading, Writing, can_stay_blank, is_blank};
use super::scalar::quoted;
use crate::mapping::error::{PackError, PackProblem};
use crate::mapping::section::{Section, Text};

/// A table of cases; the first row that fits counts, both ways.
#[derive(Debug)]
pub(in crate::mapping) struct Cases {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    value: Pattern,
    read: Vec<Seen>,
    /// `None`: the row is for reading only.
    write: Option<Vec<Put>>,
    /// What `$` may be; `None`: anything.
    one_of: Option<Vec<String>>,
}

/// A text, or one with `$` in it that binds a part.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Literal(String),
    Bound { before: String, after: String },
}

#[derive(Debug)]
enum Seen {
    Anything,
    Blank,
    Text(Pattern),
}

#[derive(Debug)]
enum Put {
    Leave,
    Text(Pattern),
}

impl Cases {
    pub(super) fn parse(
        section: &Section<'_>,
        checker: &Checker<'_>,
        keys: usize,
    ) -> Result<Self, PackError> {
        let sections = section.sections("case", "a case")?;
        let sections = section.required("case", (!sections.is_empty()).then_some(sections))?;
        let rows: Result<Vec<Row>, PackError> = sections
            .into_iter()
            .map(|section| Row::parse(section, checker, keys))
            .collect();
        Ok(Self { rows: rows? })
    }

    /// One line a case, the first that fits counts.
    pub(super) fn words(&self) -> Vec<String> {
        self.rows.iter().map(Row::words).collect()
    }

    /// All parameter values, if none of them binds a part of a native value.
    pub(super) fn parameter_values(&self) -> Option<Vec<String>> {
        let values = self.rows.iter().map(|row| match &row.value {
            Pattern::Literal(value) => Some(value.clone()),
            Pattern::Bound { .. } => None,
        });
        values.collect()
    }

    /// Whether any case writes the key at a place.
    pub(super) fn writes(&self, key: usize) -> bool {
        let mut puts = self.rows.iter().filter_map(|row| row.write.as_ref());
        puts.any(|puts| matches!(puts.get(key), Some(Put::Text(_))))
    }

    pub(super) fn read(&self, natives: &[Option<&str>], default_given: bool) -> Reading {
        let none_set = natives.iter().all(Option::is_none);
        if none_set && default_given {
            return Reading::Absent;
        }
        match self.rows.iter().find_map(|row| row.read(natives)) {
            Some(value) => Reading::Value(value),
            None if natives.iter().all(|native| is_blank(*native)) => Reading::Absent,
            None => Reading::Unreadable,
        }
    }

    pub(super) fn write(&self, natives: &[Option<&str>], wanted: &str, explicit: bool) -> Writing {
        let row_and_bound = self.rows.iter().find_map(|row| {
            let bound = row.bind(&row.value, wanted)?;
            Some((row.write.as_ref()?, bound))
        });
        let Some((puts, bound)) = row_and_bound else {
            return Err("the phone has no setting for this value".to_owned());
        };
        let texts = puts.iter().zip(natives).map(|(put, native)| match put {
            Put::Leave => None,
            Put::Text(pattern) => {
                let text = pattern.filled(bound);
                (!(text.is_empty() && can_stay_blank(*native, explicit))).then_some(text)
            }
        });
        Ok(texts.collect())
    }
}

impl Row {
    fn words(&self) -> String {
        let read = self.read.iter().map(|seen| match seen {
            Seen::Anything => "any".to_owned(),
            Seen::Blank => "blank".to_owned(),
            Seen::Text(pattern) => quoted(&pattern.filled("$")),
        });
        let read: Vec<String> = read.collect();
        let value = match self.value.filled("$").as_str() {
            "" => "empty".to_owned(),
            value => value.to_owned(),
        };
        let mut words = format!("{value} when {}", read.join(" + "));
        match &self.write {
            None => words.push_str(" (never written)"),
            Some(puts) => {
                let puts = puts.iter().map(|put| match put {
                    Put::Leave => "as it was".to_owned(),
                    Put::Text(pattern) => quoted(&pattern.filled("$")),
                });
                let puts: Vec<String> = puts.collect();
                // Most cases write what they read.
                if puts != read {
                    words.push_str(&format!(", written {}", puts.join(" + ")));
                }
            }
        }
        if let Some(one_of) = &self.one_of {
            words.push_str(&format!(", $ one of {}", one_of.join(", ")));
        }
        words
    }

    fn parse(section: Section<'_>, checker: &Checker<'_>, keys: usize) -> Result<Self, PackError> {
        let value_text = section.required("value", section.text("value")?)?;
        let mut value = Pattern::parse(&section, &value_text)?;
        let one_of = section.texts("one_of")?;
        match &value {
            Pattern::Literal(text) => {
                value = Pattern::Literal(checker.value(&section, &value_text, text)?);
            }
            Pattern::Bound { .. } => {
                for text in one_of.iter().flatten() {
                    checker.value(&section, text, &value.filled(&text.value))?;
                }
            }
        }
        let binds = value.binds();
        let read = section.required("read", section.texts("read")?)?;
        let write = section.texts("write")?;
        for (key, list) in [("read", Some(&read)), ("write", write.as_ref())] {
            let seen = list.map_or(keys, Vec::len);
            if seen != keys {
                let problem = PackProblem::UnequalLists {
                    key,
                    seen,
                    wanted: keys,
                    beside: "keys",
                };
                return Err(section.error(&section.span, problem));
            }
        }
        let read: Result<Vec<Seen>, PackError> = read
            .iter()
            .map(|text| {
                Ok(match text.value.as_ref() {
                    "*" => Seen::Anything,
                    "" => Seen::Blank,
                    _ => Seen::Text(Pattern::parse(&section, text)?),
                })
            })
            .collect();
        let read = read?;
        let read_binds = read
            .iter()
            .any(|seen| matches!(seen, Seen::Text(pattern) if pattern.binds()));
        let unbound = |text: &Text<'_>| {
            let problem = PackProblem::Template {
                text: text.value.clone().into_owned(),
                reason: "`$` has to stand in `value` and in `read`".to_owned(),
            };
            section.error(&text.span, problem)
        };
        if binds != read_binds {
            return Err(unbound(&value_text));
        }
        let write = write
            .map(|texts| {
                let puts: Result<Vec<Put>, PackError> = texts
                    .iter()
                    .map(|text| {
                        if text.value == "*" {
                            return Ok(Put::Leave);
                        }
                        let pattern = Pattern::parse(&section, text)?;
                        if pattern.binds() && !binds {
                            return Err(unbound(text));
                        }
                        Ok(Put::Text(pattern))
                    })
                    .collect();
                puts
            })
            .transpose()?;
        section.finish()?;
        Ok(Self {
            value,
            read,
            write,
            one_of: one_of.map(|texts| {
                let texts = texts.into_iter();
                texts.map(|text| text.value.into_owned()).collect()
            }),
        })
    }

    fn read(&self, natives: &[Option<&str>]) -> Option<String> {
        let mut bound: Option<&str> = None;
        for (seen, native) in self.read.iter().zip(natives) {
            match seen {
                Seen::Anything => {}
                Seen::Blank => {
                    if !is_blank(*native) {
                        return None;
                    }
                }
                Seen::Text(pattern) => {
                    let part = self.bind(pattern, native.map(str::trim)?)?;
                    if pattern.binds() && bound.replace(part).is_some_and(|other| other != part) {
                        return None;
                    }
                }
            }
        }
        Some(self.value.filled(bound.unwrap_or_default()))
    }

    /// What `$` is when the pattern fits: empty for a pattern without it, never empty otherwise.
    fn bind<'a>(&self, pattern: &Pattern, text: &'a str) -> Option<&'a str> {
        match pattern {
            Pattern::Literal(literal) => (literal == text).then_some(""),
            Pattern::Bound { before, after } => {
                let part = text
                    .strip_prefix(before.as_str())?
                    .strip_suffix(after.as_str())?;
                let allowed = match &self.one_of {
                    Some(one_of) => one_of.iter().any(|allowed| allowed == part),
                    None => true,
                };
                (!part.is_empty() && allowed).then_some(part)
            }
        }
    }
}

impl Pattern {
    fn parse(section: &Section<'_>, text: &Text<'_>) -> Result<Self, PackError> {
        match text.value.split_once('$') {
            None => Ok(Self::Literal(text.value.clone().into_owned())),
            Some((_, after)) if after.contains('$') => {
                let problem = PackProblem::Template {
                    text: text.value.clone().into_owned(),
                    reason: "`$` can stand once only".to_owned(),
                };
                Err(section.error(&text.span, problem))
            }
            Some((before, after)) => Ok(Self::Bound {
                before: before.to_owned(),
                after: after.to_owned(),
            }),
        }
    }

    fn binds(&self) -> bool {
        matches!(self, Self::Bound { .. })
    }

    fn filled(&self, bound: &str) -> String {
        match self {
            Self::Literal(text) => text.clone(),
            Self::Bound { before, after } => format!("{before}{bound}{after}"),
        }
    }
}
