//! A table of codecs whose rows are fixed places of the file, each with a name, a switch and a
//! priority of its own (akuvox.md 4.1).

use super::codecs::{Part, with_places};
use super::conversion::{Reading, Writing, is_blank};
use super::scalar::{Once, pairs};
use crate::mapping::error::{PackError, PackProblem};
use crate::mapping::section::Section;

/// Most rows.
const MAX_ROWS: usize = 20;

/// Fixed rows of codecs.
#[derive(Debug)]
pub(in crate::mapping) struct CodecRows {
    /// Name in the data model, and the phone's.
    codecs: Vec<(String, String)>,
}

impl CodecRows {
    /// Keys of a row, in this order: name, switch, priority.
    pub(in crate::mapping) const FIELDS: usize = 3;

    /// The keys of all rows, as templates: `{codec}` is written out.
    pub(in crate::mapping) fn key_templates(
        section: &Section<'_>,
    ) -> Result<Vec<String>, PackError> {
        let count = section.required("count", section.count("count")?)?;
        if !(1..=MAX_ROWS).contains(&count) {
            let problem = PackProblem::TooMany {
                what: "rows of codecs",
                seen: count,
                max: MAX_ROWS,
            };
            return Err(section.error(&section.span, problem));
        }
        let mut fields = Vec::new();
        for key in ["codec", "enable", "priority"] {
            fields.push(section.required(key, section.text(key)?)?);
        }
        let rows = 0..count;
        let keys = rows.flat_map(|row| {
            let row = row.to_string();
            let fields = fields.iter();
            fields.map(move |field| field.value.replace("{codec}", &row))
        });
        Ok(keys.collect())
    }

    pub(super) fn parse(section: &Section<'_>) -> Result<Self, PackError> {
        let (mut names, mut natives) = (Once::default(), Once::default());
        let mut codecs = Vec::new();
        for codec in section.sections("codecs", "a codec")? {
            let name = codec.required("name", codec.text("name")?)?;
            let native = codec.required("native", codec.text("native")?)?;
            codecs.push((names.add(&codec, &name)?, natives.add(&codec, &native)?));
            codec.finish()?;
        }
        Ok(Self { codecs })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let mut words =
            vec!["a name, a switch and a priority for each row, the largest first".to_owned()];
        if !self.codecs.is_empty() {
            let codecs = self.codecs.iter();
            words.push(pairs(codecs.map(|(name, native)| (name.as_str(), native))));
        }
        words
    }

    pub(super) fn read(&self, natives: &[Option<&str>], part: Part) -> Reading {
        match part {
            Part::Codec(row) => match field(natives, row, 0) {
                None => Reading::Absent,
                Some(native) => {
                    let known = self.codecs.iter().find(|(_, text)| text == native);
                    Reading::Value(known.map_or(native, |(name, _)| name).to_owned())
                }
            },
            Part::Enable(row) => match field(natives, row, 1) {
                None => Reading::Absent,
                Some(native @ ("0" | "1")) => Reading::Value(native.to_owned()),
                Some(_) => Reading::Unreadable,
            },
            Part::Priority(row) => match field(natives, row, 2).map(str::parse::<i64>) {
                None => Reading::Absent,
                Some(Err(_)) => Reading::Unreadable,
                Some(Ok(_)) => {
                    let place = order(natives).iter().position(|other| *other == row);
                    place.map_or(Reading::Absent, |place| {
                        Reading::Value((place + 1).to_string())
                    })
                }
            },
            Part::Whole => Reading::Absent,
        }
    }

    /// The native texts that carry out all that is asked of one account's codecs.
    pub(in crate::mapping) fn write(
        &self,
        natives: &[Option<&str>],
        asks: &[(Part, &str)],
    ) -> Writing {
        let mut written: Vec<Option<String>> = natives.iter().map(|_| None).collect();
        for (part, wanted) in asks {
            if let Part::Enable(row) = part
                && let Some(place) = written.get_mut(row * Self::FIELDS + 1)
            {
                *place = Some((*wanted).to_owned());
            }
        }
        let before = order(natives);
        let after = with_places(&before, asks)?;
        let all_set = (0..before.len()).all(|row| priority(natives, row).is_some());
        if before != after || !all_set && asks.iter().any(|(part, _)| is_priority(*part)) {
            for (row, number) in new_priorities(natives, &before).zip(&after).map(swap) {
                if let Some(place) = written.get_mut(row * Self::FIELDS + 2) {
                    *place = Some(number.to_string());
                }
            }
        }
        Ok(written)
    }
}

fn swap((number, row): (i64, &usize)) -> (usize, i64) {
    (*row, number)
}

fn is_priority(part: Part) -> bool {
    matches!(part, Part::Priority(_))
}

/// The numbers by place, the preferred first: those that are there, if they tell the rows apart.
fn new_priorities(natives: &[Option<&str>], order: &[usize]) -> impl Iterator<Item = i64> {
    let present: Vec<i64> = order
        .iter()
        .filter_map(|row| priority(natives, *row))
        .collect();
    let falling = present.is_sorted_by(|one, two| one > two) && present.len() == order.len();
    let count = i64::try_from(order.len()).unwrap_or(i64::MAX);
    (0..count).map(move |place| match usize::try_from(place) {
        Ok(place) if falling => present.get(place).copied().unwrap_or_default(),
        _ => count - place,
    })
}

/// All rows, the preferred one first: a larger number is preferred; of equal ones the first row,
/// and rows without a number come last.
fn order(natives: &[Option<&str>]) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..natives.len() / CodecRows::FIELDS).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(priority(natives, *row)));
    rows
}

fn priority(natives: &[Option<&str>], row: usize) -> Option<i64> {
    field(natives, row, 2)?.parse().ok()
}

fn field<'a>(natives: &[Option<&'a str>], row: usize, field: usize) -> Option<&'a str> {
    let native = natives
        .get(row * CodecRows::FIELDS + field)
        .copied()
        .flatten();
    native.map(str::trim).filter(|_| !is_blank(native))
}
