//! The order of codecs, shown as a table of codecs with Enable and Priority.

use regex::Regex;

use super::conversion::Writing;
use super::scalar::{Once, pairs, quoted};
use crate::mapping::error::{PackError, PackProblem};
use crate::mapping::section::Section;

/// Which parameter of a lens is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mapping) enum Part {
    /// The one that the lens is for.
    Whole,
    /// The name of the codec in this row, from 0.
    Codec(usize),
    /// Whether the codec in this row is chosen.
    Enable(usize),
    /// The place of the codec in this row, the preferred one first, from 1.
    Priority(usize),
}

/// Codecs by row and how native values name them.
#[derive(Debug)]
pub(in crate::mapping) struct Codecs {
    rows: Vec<Row>,
    form: Form,
}

#[derive(Debug)]
struct Row {
    name: String,
    native: String,
}

#[derive(Debug)]
enum Form {
    /// One key a choice, in order of preference.
    Choices,
    /// One key with all choices in it.
    Items {
        separator: String,
        /// Finds the codec in an item, as group `codec`.
        pattern: Regex,
        /// A new item, with `{codec}` in it.
        item: String,
    },
}

impl Codecs {
    pub(super) fn parse(section: &Section<'_>) -> Result<Self, PackError> {
        let (mut names, mut natives) = (Once::default(), Once::default());
        let mut rows = Vec::new();
        for codec in section.sections("codecs", "a codec")? {
            let name = codec.required("name", codec.text("name")?)?;
            let native = codec.required("native", codec.text("native")?)?;
            rows.push(Row {
                name: names.add(&codec, &name)?,
                native: natives.add(&codec, &native)?,
            });
            codec.finish()?;
        }
        let rows = section.required("codecs", (!rows.is_empty()).then_some(rows))?;

        let Some(pattern) = section.text("item_pattern")? else {
            let form = Form::Choices;
            return Ok(Self { rows, form });
        };
        let separator = section.required("separator", section.text("separator")?)?;
        let item = section.required("item", section.text("item")?)?;
        let wrong = |text: &str, reason: &str| {
            let problem = PackProblem::Template {
                text: text.to_owned(),
                reason: reason.to_owned(),
            };
            section.error(&pattern.span, problem)
        };
        if separator.value.is_empty() {
            return Err(wrong("", "the separator is empty"));
        }
        let regex = Regex::new(&pattern.value).map_err(|error| {
            section.error(&pattern.span, PackProblem::Pattern(error.to_string()))
        })?;
        let form = Form::Items {
            separator: separator.value.into_owned(),
            pattern: regex,
            item: item.value.into_owned(),
        };
        let codecs = Self { rows, form };
        for (row, codec) in codecs.rows.iter().enumerate() {
            let new = codecs.new_item(row);
            if codecs.row_of(&new) != Some(row) {
                let reason = format!("does not find {} in the new item `{new}`", codec.native);
                return Err(wrong(&pattern.value, &reason));
            }
        }
        Ok(codecs)
    }

    pub(super) fn words(&self) -> Vec<String> {
        let form = match &self.form {
            Form::Choices => "one key a choice, the preferred one first".to_owned(),
            Form::Items {
                separator, item, ..
            } => format!(
                "one key with all choices, joined by {}, a new one as {}",
                quoted(separator),
                quoted(item)
            ),
        };
        let rows = self.rows.iter();
        let rows = pairs(rows.map(|row| (row.name.as_str(), &row.native)));
        vec![form, format!("rows in this order: {rows}")]
    }

    /// Names of the codecs, by row.
    pub(in crate::mapping) fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.name.as_str())
    }

    /// The rows that are chosen, the preferred one first.
    pub(in crate::mapping) fn order(&self, natives: &[Option<&str>]) -> Vec<usize> {
        let mut order = Vec::new();
        for item in self.items(natives) {
            if let Some(row) = self.row_of(item)
                && !order.contains(&row)
            {
                order.push(row);
            }
        }
        order
    }

    /// The value of one part while this order is chosen.
    pub(in crate::mapping) fn read(&self, order: &[usize], part: Part) -> String {
        match part {
            Part::Codec(row) => self.rows.get(row).map(|row| row.name.clone()),
            Part::Enable(row) => Some(u8::from(order.contains(&row)).to_string()),
            Part::Priority(row) => {
                let place = order.iter().position(|&chosen| chosen == row).or_else(|| {
                    let others = 0..row;
                    let before = others.filter(|other| !order.contains(other)).count();
                    Some(order.len() + before)
                });
                place.map(|place| (place + 1).to_string())
            }
            Part::Whole => None,
        }
        .unwrap_or_default()
    }

    /// The native texts for a new order, made from the present one by what is asked for.
    pub(in crate::mapping) fn write(
        &self,
        natives: &[Option<&str>],
        asks: &[(Part, &str)],
    ) -> Writing {
        let order = new_order(self.order(natives), asks)?;
        match &self.form {
            Form::Choices => self.write_choices(natives, &order),
            Form::Items { separator, .. } => self.write_items(natives, &order, separator),
        }
    }

    fn write_choices(&self, natives: &[Option<&str>], order: &[usize]) -> Writing {
        let mut chosen = order.iter().filter_map(|&row| self.rows.get(row));
        let mut last = None;
        let mut written = Vec::with_capacity(natives.len());
        for native in natives {
            // A code that no row names keeps its place.
            let foreign = native.is_some_and(|text| {
                let text = text.trim();
                !text.is_empty() && self.row_of(text).is_none()
            });
            if foreign {
                written.push(None);
                continue;
            }
            last = chosen.next().or(last);
            written.push(last.map(|row| row.native.clone()));
        }
        if chosen.next().is_some() {
            return Err("the phone has no place for so many codecs".to_owned());
        }
        Ok(written)
    }

    fn write_items(&self, natives: &[Option<&str>], order: &[usize], separator: &str) -> Writing {
        let items: Vec<&str> = self.items(natives).collect();
        let mut chosen = order.iter().map(|&row| {
            let present = items.iter().find(|item| self.row_of(item) == Some(row));
            present.map_or_else(|| self.new_item(row), |&item| item.to_owned())
        });
        let mut written: Vec<String> = Vec::new();
        for item in &items {
            if self.row_of(item).is_none() {
                written.push((*item).to_owned());
            } else if let Some(next) = chosen.next() {
                written.push(next);
            }
        }
        written.extend(chosen);
        Ok(vec![Some(written.join(separator))])
    }

    fn items<'a>(&'a self, natives: &'a [Option<&'a str>]) -> impl Iterator<Item = &'a str> {
        let separator = match &self.form {
            Form::Choices => None,
            Form::Items { separator, .. } => Some(separator.as_str()),
        };
        natives.iter().flatten().flat_map(move |native| {
            let (split, whole) = match separator {
                Some(_) if native.is_empty() => (None, None),
                Some(separator) => (Some(native.split(separator)), None),
                None => (None, Some(native.trim())),
            };
            split.into_iter().flatten().chain(whole)
        })
    }

    fn row_of(&self, item: &str) -> Option<usize> {
        let native = match &self.form {
            Form::Choices => item,
            Form::Items { pattern, .. } => pattern.captures(item)?.name("codec")?.as_str(),
        };
        self.rows.iter().position(|row| row.native == native)
    }

    fn new_item(&self, row: usize) -> String {
        let native = self.rows.get(row).map_or("", |row| row.native.as_str());
        match &self.form {
            Form::Choices => native.to_owned(),
            Form::Items { item, .. } => item.replace("{codec}", native),
        }
    }
}

/// Turns codecs on and off, gives those with a wanted place that place, and the others the places
/// that are left, in their present order.
fn new_order(present: Vec<usize>, asks: &[(Part, &str)]) -> Result<Vec<usize>, String> {
    let mut enabled = present;
    for (part, wanted) in asks {
        if let Part::Enable(row) = part {
            enabled.retain(|chosen| chosen != row || *wanted == "1");
            if *wanted == "1" && !enabled.contains(row) {
                enabled.push(*row);
            }
        }
    }
    if enabled.is_empty() {
        return Err("at least one codec has to stay enabled".to_owned());
    }
    with_places(&enabled, asks)
}

/// Gives those with a wanted place that place, and the others the places that are left, in their
/// present order.
pub(super) fn with_places(enabled: &[usize], asks: &[(Part, &str)]) -> Result<Vec<usize>, String> {
    let mut places: Vec<Option<usize>> = vec![None; enabled.len()];
    for (part, wanted) in asks {
        let Part::Priority(row) = part else { continue };
        if !enabled.contains(row) {
            // The place of a codec that is off follows from the others.
            continue;
        }
        let place: Option<usize> = wanted.parse().ok();
        let place = place
            .and_then(|place| place.checked_sub(1))
            .and_then(|place| places.get_mut(place))
            .ok_or_else(|| {
                format!(
                    "{} codecs are enabled; {wanted} is none of their places",
                    enabled.len()
                )
            })?;
        if place.is_some_and(|other| other != *row) {
            return Err(format!("two codecs cannot both have priority {wanted}"));
        }
        *place = Some(*row);
    }
    let mut others = enabled.iter().filter(|row| !places.contains(&Some(**row)));
    let filled: Vec<usize> = places
        .iter()
        .filter_map(|place| place.or_else(|| others.next().copied()))
        .collect();
    Ok(filled)
}
