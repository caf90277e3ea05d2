//! The lens laws, tried on generated values: what was written is what is read, and writing back
//! what was read changes nothing, under every name that a file may use.
//!
//! Files are made in memory for it, in a syntax that carries every key; a value that a phone's
//! file cannot hold is refused, which breaks no law.

use std::collections::BTreeSet;
use std::fmt;

use super::change::{Change, NativeEdit, RefusalReason};
use super::convert::Convert;
use super::lens::{Lens, slot_place};
use super::pack::Pack;
use super::parameter::ValueState;
use super::rows::{Row, Rows};
use crate::datamodel::{ParameterPath, ValueRule, ValueType};
use crate::native::{Dialect, Document, Layer, LayerKind, Layers, NativeKey};

/// The longest generated text.
const LONGEST: usize = 300;

/// A law that a lens breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawFinding {
    /// The pack's file.
    pub file: String,
    /// The line of the lens in it, from 1.
    pub line: usize,
    /// The parameter.
    pub path: String,
    /// The native keys behind it.
    pub keys: Vec<NativeKey>,
    /// What is wrong.
    pub breach: Breach,
}

/// How a lens breaks the laws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// A value was taken, and another one is read.
    PutThenGet {
        /// What was written.
        written: String,
        /// What is read; `None`: nothing that the lens knows.
        read: Option<String>,
    },
    /// What is read is written back, and the file changes.
    GetThenPut {
        /// What was read.
        read: String,
        /// What the file would hold then, as `key = value`.
        edits: Vec<String>,
    },
    /// A file that uses another name for a key reads otherwise.
    Alias {
        /// The name.
        name: String,
        /// What is read under the key.
        written: String,
        /// What is read under the name.
        read: Option<String>,
    },
    /// The parameter is writable, but takes none of the values that its rule allows.
    NothingTaken {
        /// Why the last one was refused.
        why: String,
    },
}

impl fmt::Display for LawFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let breach = &self.breach;
        write!(
            formatter,
            "{}:{}: {}: {breach}",
            self.file, self.line, self.path
        )
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |read: &Option<String>| match read {
            Some(text) => format!("`{text}`"),
            None => "nothing that the lens knows".to_owned(),
        };
        match self {
            Breach::PutThenGet { written, read } => {
                write!(formatter, "`{written}` is written, {} is read", shown(read))
            }
            Breach::GetThenPut { read, edits } => {
                let edits = edits.join(", ");
                write!(
                    formatter,
                    "`{read}` is read, and writing it back changes {edits}"
                )
            }
            Breach::Alias {
                name,
                written,
                read,
            } => write!(
                formatter,
                "`{written}` reads as {} under the alias `{name}`",
                shown(read)
            ),
            Breach::NothingTaken { why } => write!(formatter, "takes no value at all: {why}"),
        }
    }
}

/// What came of putting a pack through the laws.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LawReport {
    /// Values that were taken, read again and written back.
    pub values: usize,
    /// The laws that do not hold.
    pub findings: Vec<LawFinding>,
}

/// The breaches that [`put_through`] finds.
pub fn check(pack: &Pack) -> Vec<LawFinding> {
    put_through(pack).findings
}

/// Puts all lenses of a pack, those for certain models too, through the laws.
pub fn put_through(pack: &Pack) -> LawReport {
    let mut report = LawReport::default();
    let mut checked = BTreeSet::new();
    for variant in pack.variants() {
        let rows = variant.all_rows();
        // All lenses together make a file in which those that need others find them.
        let mut full = own_file("");
        let mut refused = Vec::new();
        for (place, lens) in variant.set.lenses.iter().enumerate() {
            if !variant.has(lens) || matches!(lens.convert, Convert::Kept) {
                continue;
            }
            for Row { instance, slot } in ends(variant.instances(lens, &rows)) {
                for (number, face) in lens.faces.iter().enumerate() {
                    let is_shown = face.writable && !variant.is_shadowed(place, number);
                    if !is_shown || !checked.insert((place, number, slot)) {
                        continue;
                    }
                    let Some(path) = face.path(instance) else {
                        continue;
                    };
                    let trial = Trial {
                        pack: &variant,
                        rows: &rows,
                        lens,
                        path: path.into_owned(),
                        slot,
                    };
                    let values = samples(&face.rule);
                    match trial.try_all(&own_file(""), &values, &mut report) {
                        Outcome::Taken(value) => trial.add_to(&mut full, value),
                        Outcome::Refused(why) => refused.push((trial, values, why)),
                        Outcome::NotThere => {}
                    }
                }
            }
        }
        for (trial, values, why) in refused {
            let outcome = trial.try_all(&full, &values, &mut report);
            // Of an order of codecs, one part alone may well be impossible.
            let by_part = trial.lens.convert.is_by_part();
            if matches!(outcome, Outcome::Refused(_)) && !by_part {
                let finding = trial.finding(Breach::NothingTaken { why });
                report.findings.push(finding);
            }
        }
    }
    report
}

/// One parameter at one slot.
struct Trial<'p> {
    pack: &'p Pack,
    rows: &'p Rows,
    lens: &'p Lens,
    path: ParameterPath,
    slot: u32,
}

enum Outcome {
    /// One of the values that were taken.
    Taken(String),
    /// None was; why the last one was not.
    Refused(String),
    /// The slot has no such parameter, or no value was tried.
    NotThere,
}

impl Trial<'_> {
    fn try_all(&self, layers: &Layers, values: &[String], report: &mut LawReport) -> Outcome {
        let mut outcome = Outcome::NotThere;
        for value in values {
            match self.try_one(layers, value) {
                Ok(breach) => {
                    let finding = breach.map(|breach| self.finding(breach));
                    report.findings.extend(finding);
                    report.values += 1;
                    outcome = Outcome::Taken(value.clone());
                }
                Err(RefusalReason::Unknown) => return outcome,
                Err(reason) if !matches!(outcome, Outcome::Taken(_)) => {
                    outcome = Outcome::Refused(reason.to_string());
                }
                Err(_) => {}
            }
        }
        outcome
    }

    /// Writes a value, reads it, writes it again, and reads it under the other names of its keys.
    fn try_one(&self, before: &Layers, value: &str) -> Result<Option<Breach>, RefusalReason> {
        let mut layers = before.clone();
        let edits = self.write(&mut layers, value)?;
        let read = self.read(&layers);
        if read.as_deref() != Some(value) {
            let written = value.to_owned();
            return Ok(Some(Breach::PutThenGet { written, read }));
        }
        let again = self.write(&mut layers, value)?;
        // What shows without any key being set is the default, which a patch writes.
        let is_set = self.cells_are_set(&layers);
        if is_set && !again.is_empty() {
            let edits = again.iter();
            let edits = edits.map(|edit| {
                let new = edit.new.as_deref().unwrap_or_default();
                format!("{} = {new}", edit.key)
            });
            return Ok(Some(Breach::GetThenPut {
                read: value.to_owned(),
                edits: edits.collect(),
            }));
        }
        Ok(self.under_other_names(before, &layers, &edits, value))
    }

    fn under_other_names(
        &self,
        before: &Layers,
        after: &Layers,
        edits: &[NativeEdit],
        value: &str,
    ) -> Option<Breach> {
        for edit in edits {
            let key = self.pack.canonical(&edit.key);
            let native = self.pack.effective(after, key)?.value.into_owned();
            for spelling in self.pack.spellings(key) {
                let mut layers = after.clone();
                let document = layers.own_mut()?;
                // Where the file had the key before, the name comes after it and counts.
                if self.pack.effective(before, key).is_none() {
                    document.remove(key);
                }
                let aliases = &self.pack.set.aliases;
                let word = aliases.word(spelling, &native);
                // A value for which the name has no word, and which is itself a word for another,
                // cannot be written under the name: that is refused, and breaks no law.
                let is_carried = self
                    .pack
                    .alias(&spelling.name)
                    .is_some_and(|alias| aliases.native(alias, word.into()) == native);
                if !is_carried || document.set_as(&spelling.text, word).is_err() {
                    continue;
                }
                let read = self.read(&layers);
                if read.as_deref() != Some(value) {
                    return Some(Breach::Alias {
                        name: spelling.text.clone(),
                        written: value.to_owned(),
                        read,
                    });
                }
            }
        }
        None
    }

    fn add_to(&self, full: &mut Layers, value: String) {
        // What does not go beside the others is not needed by them either.
        let _ = self.write(full, &value);
    }

    fn write(&self, layers: &mut Layers, value: &str) -> Result<Vec<NativeEdit>, RefusalReason> {
        let change = Change {
            path: self.path.clone(),
            value: value.to_owned(),
        };
        self.pack
            .write(layers, self.rows, &[change])
            .map_err(|refusals| {
                let reason = refusals.into_iter().next().map(|refusal| refusal.reason);
                reason.unwrap_or(RefusalReason::Unknown)
            })
    }

    fn read(&self, layers: &Layers) -> Option<String> {
        read_one(self.pack, layers, self.rows, &self.path)
    }

    fn cells_are_set(&self, layers: &Layers) -> bool {
        let cells = self.lens.cells(
            self.slot,
            |key| self.pack.effective(layers, key),
            |set| self.pack.set_is_own(layers, set, self.slot),
        );
        cells.is_some_and(|cells| cells.iter().any(|cell| cell.found.is_some()))
    }

    fn finding(&self, breach: Breach) -> LawFinding {
        let place = slot_place(self.slot);
        let keys = self.lens.keys.iter();
        LawFinding {
            file: self.pack.file().to_owned(),
            line: self.lens.line,
            path: self.path.to_string(),
            keys: keys
                .filter_map(|column| column.own.get(place)?.clone())
                .collect(),
            breach,
        }
    }
}

/// The value of one parameter; `None` if it is gone or cannot be read.
pub(super) fn read_one(
    pack: &Pack,
    layers: &Layers,
    rows: &Rows,
    path: &ParameterPath,
) -> Option<String> {
    let parameter = pack.parameter(layers, rows, path)?;
    let is_readable = !matches!(parameter.state, ValueState::Unreadable { .. });
    is_readable.then_some(parameter.value)
}

/// The first and the last of some rows: formulas and tables that go wrong do so at an end.
fn ends(rows: &[Row]) -> impl Iterator<Item = Row> {
    let last = rows.last().copied().filter(|_| rows.len() > 1);
    rows.first().copied().into_iter().chain(last)
}

/// The file of a phone, in a syntax that has keys of every kind.
pub(super) fn own_file(text: &str) -> Layers {
    let layer = Layer {
        path: "example.cfg".to_owned(),
        kind: LayerKind::Phone,
        document: Document::parse(Dialect::KeyValue, text).into(),
    };
    Layers::new(vec![layer], true)
}

/// Values of a rule, at its limits and within, in their canonical form.
pub(super) fn samples(rule: &ValueRule) -> Vec<String> {
    let mut samples: Vec<String> = rule.enumeration.clone();
    let texts: &[&str] = match rule.value_type {
        ValueType::Boolean => &["0", "1"],
        ValueType::DateTime => &["2026-05-06T07:08:09Z"],
        ValueType::String if rule.list => &["", "192.0.2.53", "192.0.2.53,192.0.2.54", "SDP"],
        ValueType::String => &[
            "",
            "4711",
            "sip.example.net",
            "192.0.2.17",
            "2001:db8::17",
            "100%",
            "a=b & <c>; \"d\" #e",
            "Käthe",
            "sip:4711@sip.example.net",
            "https://acs.example.net:7547/acs",
            "UTC+3",
        ],
        _ => &[
            "-1", "0", "1", "2", "3", "60", "63", "64", "90", "3600", "5060", "65535",
        ],
    };
    samples.extend(texts.iter().map(|&text| text.to_owned()));
    for range in &rule.ranges {
        let ends = range.min.into_iter().chain(range.max);
        samples.extend(ends.map(|end| end.to_string()));
    }
    if let Some(max) = rule.max_length {
        samples.push("x".repeat(max.min(LONGEST)));
    }
    samples.retain(|text| rule.canonical(text).as_ref() == Ok(text));
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Packs;
    use crate::mapping::example::{key_value_text, p_code_text};
    use crate::mapping::example_patch::PATCH;

    fn shown(findings: &[LawFinding]) -> String {
        let lines: Vec<String> = findings.iter().map(LawFinding::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn the_example_packs_keep_the_laws() {
        for text in [p_code_text(), key_value_text(), PATCH.to_owned()] {
            let pack = Pack::parse("example.toml", &text).unwrap();
            let findings = check(&pack);
            assert!(findings.is_empty(), "{}", shown(&findings));
        }
    }

    #[test]
    fn every_carried_set_keeps_the_laws() {
        for pack in Packs::embedded().unwrap().lens_sets() {
            let findings = check(pack);
            assert!(findings.is_empty(), "{}", shown(&findings));
        }
    }

    #[test]
    fn a_breach_is_named_with_its_place() {
        let text = PATCH.replace(
            "type = \"int\"",
            "type = \"int\", scale = 7, range = [1, 6]",
        );
        let pack = Pack::parse("example.toml", &text).unwrap();
        let findings = check(&pack);
        let shown = shown(&findings);
        let line = text.lines().position(|line| line.contains("X_EX_Rate"));
        let place = format!("example.toml:{}: ", line.unwrap() + 1);
        assert!(shown.starts_with(&place), "{shown}");
        assert!(shown.contains("takes no value at all"), "{shown}");
    }
}
