//! What holds for a whole lens set, proved: for people who write packs.
//!
//! A set that loads has been checked already: each standard path is one of the data model, with
//! that type and no more access; enumerations are one-to-one and hold values of their parameters;
//! each key table and formula covers its index. Here come the laws on generated values, and that
//! lenses on one key can hold together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::convert::Convert;
use super::error::PackError;
use super::explain::path_of;
use super::laws::{LawFinding, own_file, put_through, samples};
use super::lens::{Face, Lens};
use super::lens_set::KeyUse;
use super::pack::Pack;
use super::parameter::ValueState;
use super::template_view::Template;
use crate::datamodel::ParameterPath;
use crate::native::NativeKey;

/// A lens set, what is in it, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetProof {
    /// Short name of the vendor.
    pub vendor: String,
    /// Name of the set.
    pub set: String,
    /// The data model that it is for.
    pub template: Template,
    /// Its file.
    pub file: String,
    /// Patterns of the models that it is for; empty: all that no other set is for.
    pub models: Vec<String>,
    /// Lenses.
    pub lenses: usize,
    /// Parameters, each path once.
    pub parameters: usize,
    /// Of these, those that the data model does not have: the pack's own, with `X_` in them.
    pub own_parameters: usize,
    /// Native keys, slots counted one by one.
    pub keys: usize,
    /// Other names of keys, likewise.
    pub aliases: usize,
    /// Keys that several lenses write, which were found to hold together or are in the findings.
    pub shared_keys: usize,
    /// Values that were written, read again and written back.
    pub values: usize,
    /// What is wrong, by line.
    pub findings: Vec<PackFinding>,
}

/// Something wrong with a pack, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackFinding {
    /// The pack's file.
    pub file: String,
    /// Line in it, from 1.
    pub line: usize,
    /// The parameter; empty when it is not about one.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

impl std::fmt::Display for PackFinding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: ", self.file, self.line)?;
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.problem)
    }
}

impl From<&PackError> for PackFinding {
    fn from(error: &PackError) -> Self {
        Self {
            file: error.file.clone(),
            line: error.line,
            path: String::new(),
            problem: error.problem.to_string(),
        }
    }
}

impl From<LawFinding> for PackFinding {
    fn from(finding: LawFinding) -> Self {
        let keys: Vec<&str> = finding.keys.iter().map(NativeKey::as_str).collect();
        let keys = match keys.as_slice() {
            [] => String::new(),
            keys => format!(" ({})", keys.join(", ")),
        };
        Self {
            problem: format!("{}{keys}", finding.breach),
            file: finding.file,
            line: finding.line,
            path: finding.path,
        }
    }
}

impl Pack {
    /// Puts the set through the laws and compares lenses that write one key, for all models.
    pub fn prove(&self) -> SetProof {
        let laws = put_through(self);
        let mut findings: Vec<PackFinding> =
            laws.findings.into_iter().map(PackFinding::from).collect();
        let shared_keys = self.compare_lenses(&mut findings);
        if self.set.models.is_empty() && self.set.template == Template::Device1 {
            findings.extend(self.prove_syslog());
        }
        findings.sort();
        let faces = self.set.lenses.iter().flat_map(|lens| &lens.faces);
        let paths: BTreeSet<String> = faces.map(path_of).collect();
        let own = |path: &&String| self.set.schema.entry(path).is_none();
        SetProof {
            vendor: self.vendor().to_owned(),
            set: self.set.name.clone(),
            template: self.set.template,
            file: self.file().to_owned(),
            models: self.set.models.texts(),
            lenses: self.set.lenses.len(),
            own_parameters: paths.iter().filter(own).count(),
            parameters: paths.len(),
            keys: self.set.by_key.len(),
            aliases: self.set.aliases.count,
            shared_keys,
            values: laws.values,
            findings,
        }
    }

    /// Finds lenses that write one key in conflict; how many keys several write.
    fn compare_lenses(&self, findings: &mut Vec<PackFinding>) -> usize {
        let mut shared = 0;
        let mut compared = BTreeSet::new();
        let variants: Vec<Self> = self.variants().collect();
        let mut keys: Vec<(&NativeKey, &Vec<KeyUse>)> = self.set.by_key.iter().collect();
        keys.sort_unstable_by_key(|(key, _)| *key);
        for (key, uses) in keys {
            let own: Vec<(usize, u32)> = uses
                .iter()
                .filter(|key_use| key_use.own)
                .map(|key_use| (key_use.lens, key_use.slot.unwrap_or(1)))
                .filter(|(lens, _)| self.writes(*lens, key))
                .collect();
            shared += usize::from(own.len() > 1);
            for (place, one) in own.iter().enumerate() {
                for other in own.iter().skip(place + 1) {
                    let pair = Pair {
                        key,
                        one: *one,
                        other: *other,
                    };
                    // How two lenses see a key is the same for all their keys; which slots it
                    // stands for is not.
                    if compared.insert((one.0, other.0, self.is_of_two_slots(&pair))) {
                        let holding = variants.iter().find(|variant| variant.has_both(&pair));
                        findings.extend(holding.and_then(|variant| variant.conflict(&pair)));
                    }
                }
            }
        }
        shared
    }

    /// Whether a lens may write a key: a URI does not write its host.
    fn writes(&self, lens: usize, key: &NativeKey) -> bool {
        let Some(lens) = self.set.lenses.get(lens) else {
            return false;
        };
        let is =
            |column: &super::lens::KeyColumn| column.own.iter().flatten().any(|own| own == key);
        let only_read = matches!(lens.convert, Convert::Uri(_))
            && lens.keys.first().is_some_and(|user| !is(user));
        lens.faces.iter().any(|face| face.writable) && !only_read
    }

    /// Whether both lenses hold together. Rows with different model conditions are taken as
    /// alternatives: which models there are, no pack says.
    fn has_both(&self, pair: &Pair<'_>) -> bool {
        let condition = |(place, _): (usize, u32)| self.set.lenses.get(place)?.condition;
        let (one, other) = (condition(pair.one), condition(pair.other));
        if one.is_some() && other.is_some() && one != other {
            return false;
        }
        [pair.one, pair.other].into_iter().all(|(place, _)| {
            let lens = self.set.lenses.get(place);
            lens.is_some_and(|lens| self.has(lens) && self.faces(place, lens).count() > 0)
        })
    }

    /// Whether a key is that of one slot to one lens, and of another slot to the other.
    fn is_of_two_slots(&self, pair: &Pair<'_>) -> bool {
        let index = |place: usize| self.set.lenses.get(place)?.index;
        let (one, other) = (index(pair.one.0), index(pair.other.0));
        one.is_some() && one == other && pair.one.1 != pair.other.1
    }

    fn conflict(&self, pair: &Pair<'_>) -> Option<PackFinding> {
        let one = self.set.lenses.get(pair.one.0)?;
        let other = self.set.lenses.get(pair.other.0)?;
        let finding = |lens: &Lens, path: &str, problem: String| PackFinding {
            file: self.file().to_owned(),
            line: lens.line,
            path: path.to_owned(),
            problem,
        };
        if self.is_of_two_slots(pair) {
            let problem = format!(
                "`{}` is the key of slot {} here and of slot {} at line {}",
                pair.key, pair.other.1, pair.one.1, one.line
            );
            let path = other.faces.first().map(path_of).unwrap_or_default();
            return Some(finding(other, &path, problem));
        }
        // Lenses that see a key through the same conversion show the same.
        let same = format!("{:?}", one.convert) == format!("{:?}", other.convert);
        if same && one.percent == other.percent {
            return None;
        }
        let (lens, path, problem) = self
            .makes_unreadable((one, pair.one.1), (other, pair.other.1), pair.key)
            .map(|(path, problem)| (other, path, problem))
            .or_else(|| {
                let back =
                    self.makes_unreadable((other, pair.other.1), (one, pair.one.1), pair.key)?;
                Some((one, back.0, back.1))
            })?;
        Some(finding(lens, &path, problem))
    }

    /// A value that one lens takes and that leaves the other one with a text that it can't read:
    /// its path, and what happens in words.
    fn makes_unreadable(
        &self,
        (writer, writer_slot): (&Lens, u32),
        (reader, reader_slot): (&Lens, u32),
        key: &NativeKey,
    ) -> Option<(String, String)> {
        let rows = self.all_rows();
        let path = |face: &Face, slot| -> Option<ParameterPath> {
            face.path(slot).map(std::borrow::Cow::into_owned)
        };
        for face in writer.faces.iter().filter(|face| face.writable) {
            let written = path(face, writer_slot)?;
            for value in samples(&face.rule) {
                let mut layers = own_file("");
                let change = Change {
                    path: written.clone(),
                    value: value.clone(),
                };
                if self.write(&mut layers, &rows, &[change]).is_err()
                    || self.effective(&layers, key).is_none()
                {
                    continue;
                }
                for read in &reader.faces {
                    let read = path(read, reader_slot)?;
                    let seen = self.parameter(&layers, &rows, &read);
                    if let Some(ValueState::Unreadable { native }) = seen.map(|seen| seen.state) {
                        let problem = format!(
                            "`{value}` written to {written} at line {} makes it unreadable: \
                             {key} = `{native}`",
                            writer.line
                        );
                        return Some((read.to_string(), problem));
                    }
                }
            }
        }
        None
    }
}

/// Two uses of one key, each a lens and a slot.
struct Pair<'k> {
    key: &'k NativeKey,
    one: (usize, u32),
    other: (usize, u32),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::{key_value_text, p_code_text};
    use crate::mapping::example_patch::PATCH;

    fn proof(text: &str) -> SetProof {
        Pack::parse("example.toml", text).unwrap().prove()
    }

    /// The findings of the P-code example with one more lens.
    fn with(lens: &str) -> Vec<String> {
        let text = format!("{}[[lens]]\n{lens}\n", p_code_text());
        let findings = proof(&text).findings;
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn whole_packs_have_no_findings_and_their_contents_are_counted() {
        for text in [p_code_text(), key_value_text(), PATCH.to_owned()] {
            let proof = proof(&text);
            assert_eq!(proof.findings, []);
            assert!(proof.values > 50 && proof.keys > 8, "{proof:?}");
        }
        let patch = proof(PATCH);
        assert_eq!((patch.lenses, patch.aliases), (10, 11));
        assert_eq!((patch.parameters, patch.own_parameters), (11, 4));
        assert!(proof(&p_code_text()).shared_keys >= 3);
    }

    #[test]
    fn lenses_on_one_key_that_cannot_both_hold_are_found() {
        let own = "path = \"Device.X_EX_Waiting\"\nkey = \"P91\"\nconvert = \"enum\"\n";
        let agrees = format!("{own}values = {{ On = \"0\", Off = \"1\" }}");
        assert_eq!(with(&agrees), [""; 0]);
        let differs = format!("{own}values = {{ On = \"0\", Off = \"1\", Ask = \"2\" }}");
        let found = with(&differs);
        let [finding] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert!(
            finding.contains("`Ask` written to Device.X_EX_Waiting"),
            "{finding}"
        );
        assert!(finding.contains("CallWaitingEnable: ") && finding.contains("P91 = `2`"));
        let by_model = |models: &str| {
            let lens = format!("{differs}\nmodels = ['{models}']");
            let waiting = "path = \"L.CallingFeatures.CallWaitingEnable\"";
            let of_a = format!("{waiting}\nmodels = ['^A']");
            let text = p_code_text().replacen(waiting, &of_a, 1);
            proof(&format!("{text}[[lens]]\n{lens}\n")).findings.len()
        };
        assert_eq!((by_model("^B"), by_model("^A")), (0, 1));
        let text = p_code_text();
        let line = text
            .lines()
            .position(|line| line.contains("CallWaitingEnable"))
            .unwrap();
        assert!(
            finding.starts_with(&format!("example.toml:{line}: ")),
            "{finding}"
        );
    }

    #[test]
    fn a_formula_that_runs_into_another_slots_key_is_found() {
        let found = with("path = \"VP.X_EX_A\"\nkey = \"P{401 + 100 * (account - 1)}\"");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("`P401` is the key of slot 1 here and of slot 2"),
            "{found:?}"
        );
    }

    #[test]
    fn keys_of_two_slots_are_found_behind_keys_that_agree() {
        let keys = r#"["P270", "P290", "P280"]"#;
        let found = with(&format!(
            "path = \"VP.X_EX_A\"\nkey = {keys}\npercent = true"
        ));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("`P280` is the key of slot 3"),
            "{found:?}"
        );
    }
}
