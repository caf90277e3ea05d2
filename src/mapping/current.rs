//! What one phone's files have for the lenses behind a word.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::in_force::Found;
use super::lens::Lens;
use super::pack::Pack;
use super::parameter::ValueState;
use super::rows::{Row, Rows};
use crate::datamodel::ParameterPath;
use crate::native::{Layers, Mark};

/// What a person sees in place of a secret.
const MASK: &str = "***";

/// A parameter of a phone with what stands behind it. Secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentValue {
    /// Full path.
    pub path: String,
    /// What it reads.
    pub value: String,
    /// Whether it is a secret.
    pub secret: bool,
    /// Where the value comes from.
    pub origin: Origin,
    /// What stands in the files for the keys of its lens and counts for the phone; empty: nothing
    /// does.
    pub natives: Vec<CurrentNative>,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A file of the phone's.
    File,
    /// No file: it is the phone's default, or a constant of the pack.
    Default,
    /// It is kept beside the phone.
    Kept,
    /// A file has something that the lens does not know; the default is shown.
    Unreadable,
}

/// A setting of a file that counts for a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentNative {
    /// The key as the file names it.
    pub key: String,
    /// What stands there, in the key's own terms.
    pub text: String,
    /// The file.
    pub file: String,
    /// Line in it, from 1.
    pub line: u32,
    /// The mark before it.
    pub mark: Mark,
}

impl Pack {
    /// The present values of all parameters of a phone that a word means, in the order of
    /// [`Pack::explain`].
    pub fn current(
        &self,
        what: &str,
        layers: &Layers,
        rows: &Rows,
        kept: &BTreeMap<ParameterPath, String>,
    ) -> Vec<CurrentValue> {
        let mut values = Vec::new();
        let paths = self.row_paths(rows);
        for (place, asked) in self.asked(&self.plain_word(what, rows)) {
            let Some(lens) = self.set.lenses.get(place) else {
                continue;
            };
            for &Row { instance, slot } in self.instances(lens, rows) {
                // A key is that of a slot, a number in a path that of a row.
                let number = if asked.faces.is_empty() {
                    slot
                } else {
                    instance
                };
                let means = asked.slots.is_empty() || asked.slots.contains(&number);
                if !means && !lens.is_redirected() {
                    continue;
                }
                for (number, face) in lens.faces.iter().enumerate() {
                    let is_asked = asked.faces.is_empty() || asked.faces.contains(&number);
                    if !is_asked || self.is_shadowed(place, number) {
                        continue;
                    }
                    let Some(path) = paths.of_face(lens, face, instance) else {
                        continue;
                    };
                    let shown = match &self.view {
                        Some(view) => view.paths_of(&path),
                        None => vec![path.clone().into_owned()],
                    };
                    let kept = kept.get(path.as_ref());
                    let of_path = |path| self.value_of(lens, slot, path, layers, rows, kept);
                    values.extend(shown.iter().filter_map(of_path));
                }
            }
        }
        values
    }

    fn value_of(
        &self,
        lens: &Lens,
        slot: u32,
        path: &ParameterPath,
        layers: &Layers,
        rows: &Rows,
        kept: Option<&String>,
    ) -> Option<CurrentValue> {
        let mut parameter = self.parameter(layers, rows, path)?;
        if let Some(value) = kept
            && self.is_kept(path, rows)
        {
            parameter.value.clone_from(value);
            parameter.state = ValueState::Kept;
        }
        let cells = lens.cells(
            slot,
            |key| self.effective(layers, key),
            |set| self.set_is_own(layers, set, slot),
        );
        let cells = cells.unwrap_or_default();
        let found = cells.iter().filter_map(|cell| cell.found.as_ref());
        let native = |found: &Found<'_>| CurrentNative {
            key: self.spelling(found.name).to_owned(),
            text: masked(
                &found.value,
                parameter.hidden || self.is_secret_key(found.name),
            ),
            file: found.layer.path.clone(),
            line: found.line,
            mark: found.mark,
        };
        Some(CurrentValue {
            path: path.to_string(),
            value: masked(&parameter.value, parameter.hidden),
            secret: parameter.hidden,
            origin: match parameter.state {
                ValueState::Set { .. } => Origin::File,
                ValueState::Default => Origin::Default,
                ValueState::Kept => Origin::Kept,
                ValueState::Unreadable { .. } => Origin::Unreadable,
            },
            natives: found.map(native).collect(),
        })
    }
}

fn masked(text: &str, is_secret: bool) -> String {
    if is_secret && !text.is_empty() {
        MASK.to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::Phone;

    fn current(phone: &Phone, what: &str) -> Vec<CurrentValue> {
        phone
            .pack
            .current(what, &phone.layers, &phone.rows, &BTreeMap::new())
    }

    #[test]
    fn a_value_has_its_file_line_and_mark_also_in_a_shared_file() {
        let phone = Phone::key_value(
            "# c\nsip proxy ip: all.example.net\n",
            "!sip auth name: a\n",
        );
        let [value] = current(&phone, "sip line1 proxy ip").try_into().unwrap();
        assert_eq!(
            (value.value.as_str(), value.origin),
            ("all.example.net", Origin::File)
        );
        let native = &value.natives[0];
        assert_eq!((native.file.as_str(), native.line), ("example.cfg", 2));
        assert_eq!(
            (native.key.as_str(), native.mark),
            ("sip proxy ip", Mark::None)
        );
        let [name] = current(&phone, "sip auth name").try_into().unwrap();
        assert_eq!(name.natives[0].mark, Mark::Locked);
    }

    #[test]
    fn a_default_a_secret_and_what_cannot_be_read_are_told() {
        let phone = Phone::p_codes("P34=hunter2\nP32=often\nP401=1\n");
        let [password] = current(&phone, "P34").try_into().unwrap();
        assert_eq!(
            (password.value.as_str(), password.natives[0].text.as_str()),
            ("***", "***")
        );
        let [expires] = current(&phone, "P32").try_into().unwrap();
        assert_eq!(
            (expires.value.as_str(), expires.origin),
            ("3600", Origin::Unreadable)
        );
        assert_eq!(expires.natives[0].text, "often");
        let [waiting, of_two] = current(&phone, "P91").try_into().unwrap();
        assert_eq!(
            (waiting.value.as_str(), waiting.origin),
            ("1", Origin::Default)
        );
        assert!(waiting.natives.is_empty() && of_two.path != waiting.path);
        assert!(current(&phone, "P506").is_empty());
    }
}
