//! From a pack's TOML text to a compiled pack.

use std::collections::{BTreeSet, HashMap, HashSet};

use regex::Regex;
use toml::de::DeTable;

use super::error::{PackError, PackProblem, Source};
use super::identity::Identity;
use super::lens::Lens;
use super::lens_file::LensReader;
use super::pack::{FacePlace, Index, LineSet, Pack, SecretKeys, SetMember};
use super::section::{Section, Text};
use super::template::{IndexName, expand};
use crate::native::{Dialect, FileRule, LayerKind, NativeKey};

/// Largest pack in bytes.
const MAX_PACK_SIZE: usize = 1 << 20;
/// Most slots of an index.
const MAX_SLOTS: usize = 256;
/// Most native keys and paths of a pack, slots counted one by one.
const MAX_COMPILED: usize = 200_000;

impl Pack {
    /// Reads and compiles a pack. `file` is its name in errors.
    ///
    /// # Errors
    /// The first problem in the text.
    pub fn parse(file: &str, text: &str) -> Result<Self, PackError> {
        let source = Source { file, text };
        if text.len() > MAX_PACK_SIZE {
            let problem = PackProblem::TooMany {
                what: "bytes",
                seen: text.len(),
                max: MAX_PACK_SIZE,
            };
            return Err(source.error(&(0..0), problem));
        }
        let document = DeTable::parse(text).map_err(|error| {
            let problem = PackProblem::Syntax(error.message().to_owned());
            source.error(&error.span().unwrap_or(0..0), problem)
        })?;
        let span = document.span();
        let top = Section::new(source, "a pack", span, document.get_ref());

        let head = top.required("[pack]", top.section("pack", "[pack]")?)?;
        let control = top.required("[control]", top.section("control", "[control]")?)?;
        let layers = top.required("[layers]", top.section("layers", "[layers]")?)?;
        let indexes = read_indexes(&top)?;
        let prefixes = top.pairs("prefix")?;
        let line_sets = read_line_sets(&top, &indexes)?;

        let reader = LensReader {
            indexes: &indexes,
            prefixes: &prefixes,
            line_sets: &line_sets,
        };
        let mut lenses = Lenses::default();
        for section in top.sections("lens", "a lens")? {
            let span = section.span.clone();
            for lens in reader.read(section)? {
                lenses.add(lens, &indexes, source, &span)?;
            }
        }

        let pack = Self {
            vendor: required_text(&head, "vendor")?,
            manufacturer: required_text(&head, "manufacturer")?,
            version: read_version(&head)?,
            merge: layers.required("merge", layers.flag("merge")?)?,
            resync: required_text(&control, "resync")?,
            reboot: required_text(&control, "reboot")?,
            identity: read_identity(&top)?,
            secret_keys: read_secret_keys(&head)?,
            presence: lenses.presence(),
            hidden_keys: lenses.hidden_keys(),
            covered: lenses.covered(),
            lenses: lenses.lenses,
            by_path: lenses.by_path,
            indexes,
            line_sets,
        };
        head.finish()?;
        control.finish()?;
        layers.finish()?;
        top.finish()?;
        Ok(pack)
    }
}

#[derive(Default)]
struct Lenses {
    lenses: Vec<Lens>,
    by_path: HashMap<String, FacePlace>,
    compiled: usize,
}

impl Lenses {
    fn add(
        &mut self,
        (lens, templates): (Lens, Vec<String>),
        indexes: &[Index],
        source: Source<'_>,
        span: &std::ops::Range<usize>,
    ) -> Result<(), PackError> {
        let slots = lens
            .index
            .and_then(|index| indexes.get(index))
            .map_or(1, |index| index.slots as usize);
        self.compiled += slots * (lens.keys.len() + lens.faces.len());
        if self.compiled > MAX_COMPILED {
            let problem = PackProblem::TooMany {
                what: "keys and paths by slot",
                seen: self.compiled,
                max: MAX_COMPILED,
            };
            return Err(source.error(span, problem));
        }
        for (face, template) in templates.into_iter().enumerate() {
            let place = FacePlace {
                lens: self.lenses.len(),
                face,
            };
            if self.by_path.insert(template.clone(), place).is_some() {
                let problem = PackProblem::DuplicatePath { path: template };
                return Err(source.error(span, problem));
            }
        }
        self.lenses.push(lens);
        Ok(())
    }

    fn covered(&self) -> HashSet<NativeKey> {
        let columns = self.lenses.iter().flat_map(|lens| &lens.keys);
        columns
            .flat_map(|column| {
                let own = column.own.iter().flatten();
                own.chain(column.fallback.iter().flatten())
            })
            .cloned()
            .collect()
    }

    fn hidden_keys(&self) -> HashSet<NativeKey> {
        let hidden = self
            .lenses
            .iter()
            .filter(|lens| lens.faces.iter().any(|face| face.hidden));
        hidden
            .flat_map(|lens| &lens.keys)
            .flat_map(|column| {
                let own = column.own.iter().flatten();
                own.chain(column.fallback.iter().flatten())
            })
            .cloned()
            .collect()
    }

    /// Keys that belong to one slot of an index only.
    fn presence(&self) -> HashMap<NativeKey, Vec<(usize, u32)>> {
        let mut slots: HashMap<(&NativeKey, usize), BTreeSet<u32>> = HashMap::new();
        for lens in &self.lenses {
            let Some(index) = lens.index else { continue };
            for column in lens.keys.iter().filter(|column| column.by_slot) {
                for (slot, key) in (1..).zip(&column.own) {
                    if let Some(key) = key {
                        slots.entry((key, index)).or_default().insert(slot);
                    }
                }
            }
        }
        let mut presence: HashMap<NativeKey, Vec<(usize, u32)>> = HashMap::new();
        for ((key, index), slots) in slots {
            if let (Some(&slot), 1) = (slots.first(), slots.len()) {
                presence.entry(key.clone()).or_default().push((index, slot));
            }
        }
        presence
    }
}

fn required_text(section: &Section<'_>, key: &'static str) -> Result<String, PackError> {
    let text = section.required(key, section.text(key)?)?;
    Ok(text.value.into_owned())
}

fn read_version(head: &Section<'_>) -> Result<u32, PackError> {
    let version = head.required("version", head.count("version")?)?;
    u32::try_from(version).map_err(|_| {
        let problem = PackProblem::TooMany {
            what: "version",
            seen: version,
            max: u32::MAX as usize,
        };
        head.error(&head.span, problem)
    })
}

fn read_secret_keys(head: &Section<'_>) -> Result<SecretKeys, PackError> {
    let mut secret_keys = SecretKeys::default();
    for text in head.texts("secret_keys")?.unwrap_or_default() {
        if !text.value.contains('*') {
            secret_keys.exact.insert(NativeKey::new(&text.value));
            continue;
        }
        let parts: Vec<String> = text.value.split('*').map(regex::escape).collect();
        let pattern = format!("(?is)^{}$", parts.join(".*"));
        secret_keys.patterns.push(regex_of(head, &text, &pattern)?);
    }
    Ok(secret_keys)
}

fn regex_of(section: &Section<'_>, text: &Text<'_>, pattern: &str) -> Result<Regex, PackError> {
    Regex::new(pattern)
        .map_err(|error| section.error(&text.span, PackProblem::Pattern(error.to_string())))
}

fn read_indexes(top: &Section<'_>) -> Result<Vec<Index>, PackError> {
    let Some(section) = top.section("index", "[index]")? else {
        return Ok(Vec::new());
    };
    let mut indexes = Vec::new();
    for (name, value) in section.entries() {
        let section = section.section_of(&name.value, format!("[index.{}]", name.value), value)?;
        let table = section.required("table", section.text("table")?)?;
        let path: crate::datamodel::ObjectPath = table
            .value
            .parse()
            .map_err(|error| section.error(&table.span, PackProblem::Path(error)))?;
        let slots = section.required("slots", section.count("slots")?)?;
        let slots = small(&section, "slots", slots, MAX_SLOTS)?;
        let mut always = BTreeSet::new();
        for value in section.array("always")?.unwrap_or_default() {
            let slot = section.number_of("always", value)?;
            match u32::try_from(slot) {
                Ok(slot) if (1..=slots).contains(&slot) => {
                    always.insert(slot);
                }
                _ => {
                    let problem = PackProblem::UnknownWord {
                        what: "slot",
                        seen: slot.to_string(),
                        allowed: vec![format!("1 to {slots}")],
                    };
                    return Err(section.error(&value.span(), problem));
                }
            }
        }
        section.finish()?;
        indexes.push(Index {
            name: name.value.into_owned(),
            table: path.as_str().to_owned(),
            slots,
            always,
        });
    }
    Ok(indexes)
}

fn small(
    section: &Section<'_>,
    what: &'static str,
    seen: usize,
    max: usize,
) -> Result<u32, PackError> {
    match u32::try_from(seen) {
        Ok(number) if seen <= max => Ok(number),
        _ => {
            let problem = PackProblem::TooMany { what, seen, max };
            Err(section.error(&section.span, problem))
        }
    }
}

/// The place of the index with this name.
pub(super) fn index_named(
    section: &Section<'_>,
    indexes: &[Index],
    name: &Text<'_>,
) -> Result<usize, PackError> {
    let place = indexes.iter().position(|index| index.name == name.value);
    place.ok_or_else(|| {
        let problem = PackProblem::UnknownWord {
            what: "index",
            seen: name.value.clone().into_owned(),
            allowed: indexes.iter().map(|index| index.name.clone()).collect(),
        };
        section.error(&name.span, problem)
    })
}

fn read_line_sets(top: &Section<'_>, indexes: &[Index]) -> Result<Vec<LineSet>, PackError> {
    let mut line_sets = Vec::new();
    for section in top.sections("line_set", "a line set")? {
        let name = section.required("index", section.text("index")?)?;
        let index = index_named(&section, indexes, &name)?;
        let name = indexes.get(index).map(|index| IndexName {
            name: &index.name,
            slots: index.slots,
        });
        let keys = section.required("keys", section.texts("keys")?)?;
        let globals = section.required("globals", section.texts("globals")?)?;
        if keys.len() != globals.len() {
            let problem = PackProblem::UnequalLists {
                key: "globals",
                seen: globals.len(),
                wanted: keys.len(),
                beside: "keys",
            };
            return Err(section.error(&section.span, problem));
        }
        let mut members = Vec::new();
        for (key, global) in keys.iter().zip(&globals) {
            let expanded = expand(&key.value, name).map_err(|reason| {
                let problem = PackProblem::Template {
                    text: key.value.clone().into_owned(),
                    reason,
                };
                section.error(&key.span, problem)
            })?;
            members.push(SetMember {
                own: expanded
                    .texts
                    .iter()
                    .map(|text| NativeKey::new(text))
                    .collect(),
                global: NativeKey::new(&global.value),
            });
        }
        section.finish()?;
        line_sets.push(LineSet { index, members });
    }
    Ok(line_sets)
}

fn read_identity(top: &Section<'_>) -> Result<Identity, PackError> {
    let section = top.required("[identity]", top.section("identity", "[identity]")?)?;
    let ouis = section.texts("ouis")?.unwrap_or_default();
    let mut user_agents = Vec::new();
    for text in section.texts("user_agents")?.unwrap_or_default() {
        user_agents.push(regex_of(&section, &text, &text.value)?);
    }
    let models = section.pairs("models")?;
    let mut other_models = Vec::new();
    for text in section.texts("other_models")?.unwrap_or_default() {
        other_models.push(regex_of(&section, &text, &text.value)?);
    }
    section.finish()?;

    let mut files = Vec::new();
    let mut served_as = Vec::new();
    for section in top.sections("file", "a file rule")? {
        files.push(read_file_rule(&section)?);
        if let Some(name) = section.text("served_as")? {
            served_as.push(name.value.into_owned());
        }
        section.finish()?;
    }
    served_as.dedup();
    Ok(Identity {
        ouis: ouis
            .into_iter()
            .map(|text| text.value.to_ascii_uppercase())
            .collect(),
        user_agents,
        models: models
            .into_iter()
            .map(|(short, full)| (short.value.into_owned(), full.value.into_owned()))
            .collect(),
        other_models,
        files,
        served_as,
    })
}

fn read_file_rule(section: &Section<'_>) -> Result<FileRule, PackError> {
    let name = section.required("name", section.text("name")?)?;
    let layer = section.required("layer", section.text("layer")?)?;
    let dialect = section.required("dialect", section.text("dialect")?)?;
    let unknown = |text: &Text<'_>, what, allowed: &[&str]| {
        let problem = PackProblem::UnknownWord {
            what,
            seen: text.value.clone().into_owned(),
            allowed: allowed.iter().map(|&word| word.to_owned()).collect(),
        };
        section.error(&text.span, problem)
    };
    let layer = match layer.value.as_ref() {
        "shared" => LayerKind::Shared,
        "model" => LayerKind::Model,
        "phone" => LayerKind::Phone,
        _ => return Err(unknown(&layer, "layer", &["shared", "model", "phone"])),
    };
    let dialect = dialect.value.parse().map_err(|_| {
        let allowed = Dialect::ALL.map(Dialect::name);
        unknown(&dialect, "dialect", &allowed)
    })?;
    let root = section.text("root")?.map(|text| text.value.into_owned());
    FileRule::new(&name.value, layer, dialect, root)
        .map_err(|error| section.error(&name.span, PackProblem::Pattern(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::{key_value_text, p_code_text};

    /// The error when a piece of the example pack is replaced.
    fn error_of(from: &str, to: &str) -> PackError {
        let text = p_code_text();
        assert!(text.contains(from), "{from}");
        Pack::parse("example.toml", &text.replacen(from, to, 1)).unwrap_err()
    }

    #[test]
    fn the_example_packs_are_whole() {
        for text in [p_code_text(), key_value_text()] {
            let pack = Pack::parse("example.toml", &text).unwrap();
            assert_eq!((pack.vendor(), pack.version()), ("example", 3));
            assert!(pack.knows_oui("02AABB"));
            assert!(pack.is_secret_key(&NativeKey::new("my Secret key")));
            assert!(!pack.is_secret_key(&NativeKey::new("P998")));
        }
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        let lens = "[[lens]]\npath = \"VP.Name\"";
        for (from, to, wanted) in [
            (
                "convert = \"host\"",
                "convert = \"hosts\"",
                "is no conversion",
            ),
            ("scale = 60", "scales = 60", "`scales` has no meaning"),
            ("merge = false", "merg = false", "needs `merge`"),
            ("scale = 60", "yes = \"1\"", "convert = \"integer\""),
            (
                "\"P32\", \"P412\", \"P512\"",
                "\"P32\", \"P412\"",
                "has 2 keys",
            ),
            (
                "path = \"VP.Name\"",
                "path = \"VP.Enable\"",
                "has a lens already",
            ),
            (
                "path = \"VP.Name\"",
                "path = \"VP.Nome\"",
                "no parameter of the data model",
            ),
            (
                "path = \"VP.Name\"",
                "path = \"Device.{line}.X_A\"",
                "is no index",
            ),
            (
                "path = \"VP.Name\"",
                "path = \"Device.X_A.{account}.B\"",
                "has to follow",
            ),
            ("account - 1)}", "account - 1}", "has no `)`"),
            ("account - 1)}", "line - 1)}", "is not the index"),
            ("Enabled = \"1\"", "Enabled = \"0\"", "is there twice"),
            ("[\"yes\"]", "[\"0\"]", "is there twice"),
            ("Enabled = \"1\"", "On = \"1\"", "is no value of"),
            ("slots = 3", "slots = 100000", "at most 256"),
            ("(?<model>", "(?<model", "regex"),
            (
                "dialect = \"p-code-text\"",
                "dialect = \"ini\"",
                "is no dialect",
            ),
            ("\"P11\", \"P12\"]", "\"P11\"]", "3 native keys"),
            (
                "convert = \"octets\"",
                "convert = \"octets\"\ntype = \"int\"",
                "`type` is for vendor",
            ),
            ("default = 3600", "default = 0", "out of range"),
            (lens, "[[lens]]\npath = \"VP.Name", "invalid basic string"),
            ("[\"*\", \"1\", \"*\"]", "[\"*\", \"1\"]", "3 are wanted"),
        ] {
            let error = error_of(from, to);
            let shown = error.to_string();
            assert!(shown.contains(wanted), "{to}: {shown}");
            assert!(shown.starts_with("example.toml:"), "{shown}");
        }
        let error = error_of("scale = 60", "scales = 60");
        let text = p_code_text().replacen("scale = 60", "scales = 60", 1);
        assert_eq!(text.lines().nth(error.line - 1), Some("scales = 60"));
        assert_eq!(error.column, 1);
    }

    #[test]
    fn a_damaged_pack_is_an_error_with_a_place() {
        let text = p_code_text();
        for end in (0..text.len()).step_by(29) {
            for piece in [
                "",
                "\"",
                "{",
                "]]",
                "= [",
                "9999999999999999999",
                "{account}",
            ] {
                let damaged = format!("{}{piece}{}", &text[..end], &text[end + 1..]);
                if let Err(error) = Pack::parse("example.toml", &damaged) {
                    assert!(error.line >= 1 && error.column >= 1);
                }
            }
        }
    }
}
