//! From the TOML text of a pack or lens set to its compiled form.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;
use toml::de::DeTable;

use super::alias::Aliases;
use super::embedded::vendor_schema;
use super::error::{LineStarts, PackError, PackProblem, Source};
use super::index::{read_indexes, read_line_sets};
use super::lens_file::LensReader;
use super::lens_set::{LensSet, Lenses, SecretKeys, check_size, contested};
use super::models::{ConditionReader, ModelPatterns};
use super::pack::Pack;
use super::redirect::read_redirects;
use super::section::Section;
use super::template_view::Template;
use super::vendor::Vendor;
use super::vendor_file::{read_vendor, required_text};
use super::view::View;
use super::view_file::read_view;
use crate::datamodel::Schema;
use crate::native::NativeKey;

/// Largest pack in bytes.
const MAX_PACK_SIZE: usize = 4 << 20;

/// What one file of the folder `mappings` holds.
pub(super) enum PackFile {
    /// A base pack.
    Base(Arc<Vendor>, Arc<LensSet>),
    /// A further set for the vendor of this name.
    Further(String, Arc<LensSet>),
    /// How the lenses for Device:1 show another data model.
    View(Arc<View>),
}

impl Pack {
    /// Reads and compiles a base pack. `file` is its name in errors.
    ///
    /// # Errors
    /// The first problem in the text.
    pub fn parse(file: &str, text: &str) -> Result<Self, PackError> {
        match PackFile::parse(file, text)? {
            PackFile::Base(vendor, set) => Ok(Self::new(vendor, set, None)),
            PackFile::Further(..) | PackFile::View(_) => {
                let problem = PackProblem::Missing {
                    section: "a pack".to_owned(),
                    key: "[pack]",
                };
                Err(Source { file, text }.error(&(0..0), problem))
            }
        }
    }
}

impl PackFile {
    /// Reads and compiles a file. `file` is its name in errors.
    ///
    /// # Errors
    /// The first problem in the text.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, PackError> {
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
        if document.get_ref().contains_key("view") {
            let top = Section::new(source, "a view", span, document.get_ref());
            let view = read_view(source, &top)?;
            top.finish()?;
            Ok(Self::View(Arc::new(view)))
        } else if document.get_ref().contains_key("lenses") {
            let top = Section::new(source, "a lens set", span, document.get_ref());
            let head = top.required("[lenses]", top.section("lenses", "[lenses]")?)?;
            let of = required_text(&head, "of")?;
            let scope = (read_template(&head)?, ModelPatterns::read(&head)?);
            let set = read_set(source, &top, &head, scope, &of)?;
            head.finish()?;
            top.finish()?;
            Ok(Self::Further(of, Arc::new(set)))
        } else {
            let top = Section::new(source, "a pack", span, document.get_ref());
            let head = top.required("[pack]", top.section("pack", "[pack]")?)?;
            let vendor = read_vendor(&top, &head)?;
            let scope = (Template::Device1, ModelPatterns::default());
            let set = read_set(source, &top, &head, scope, &vendor.name)?;
            head.finish()?;
            top.finish()?;
            Ok(Self::Base(Arc::new(vendor), Arc::new(set)))
        }
    }
}

/// Reads the lenses of a file and what they refer to.
fn read_set(
    source: Source<'_>,
    top: &Section<'_>,
    head: &Section<'_>,
    (template, models): (Template, ModelPatterns),
    vendor: &str,
) -> Result<LensSet, PackError> {
    let schema = match template {
        Template::Device1 => Schema::device1(),
        Template::Device2 => Schema::device2(),
        Template::Vendor => vendor_schema(vendor).ok_or_else(|| {
            let problem = PackProblem::MissingModel {
                vendor: vendor.to_owned(),
            };
            head.error(&head.span, problem)
        })?,
    };
    let conditions = ConditionReader::default();
    let indexes = read_indexes(top, &conditions)?;
    let prefixes = top.pairs("prefix")?;
    let line_sets = read_line_sets(top, &indexes)?;
    let redirects = read_redirects(top, &indexes)?;
    let spellings = RefCell::new(HashMap::new());
    let lines = LineStarts::of(source.text);
    let reader = LensReader {
        indexes: &indexes,
        prefixes: &prefixes,
        line_sets: &line_sets,
        conditions: &conditions,
        redirects: &redirects,
        template,
        schema,
        lines: &lines,
        spellings: &spellings,
    };
    let mut lenses = Lenses::default();
    let listed = top.sections("rows", "a row")?;
    for section in top.sections("lens", "a lens")?.into_iter().chain(listed) {
        let span = section.span.clone();
        for lens in reader.read(section)? {
            lenses.add(lens, &indexes, source, &span)?;
        }
    }
    let aliases = Aliases::read(top, &indexes, &conditions)?;
    check_size(lenses.compiled + aliases.count, source, &head.span)?;
    let by_key = lenses.by_key();
    if let Some((name, _)) = aliases.all().find(|(name, _)| by_key.contains_key(name)) {
        let problem = PackProblem::AliasIsKey { name: name.clone() };
        return Err(head.error(&head.span, problem));
    }
    let mut spellings = spellings.into_inner();
    for member in line_sets.iter().flat_map(|set| &set.members) {
        for (key, text) in member.own.iter().zip(&member.spellings) {
            if key.as_str() != text {
                spellings.insert(key.clone(), text.clone());
            }
        }
    }
    Ok(LensSet {
        name: stem(source.file).to_owned(),
        file: source.file.to_owned(),
        version: read_version(head)?,
        template,
        schema,
        models,
        secret_keys: read_secret_keys(head)?,
        contested: contested(&lenses.by_path),
        by_key,
        lenses: lenses.lenses,
        by_path: lenses.by_path,
        aliases,
        conditions: conditions.finish(),
        spellings,
        indexes,
        line_sets,
        redirects,
    })
}

/// A file's name without folders and ending.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".toml").unwrap_or(name)
}

pub(super) fn read_template(head: &Section<'_>) -> Result<Template, PackError> {
    let Some(text) = head.text("template")? else {
        return Ok(Template::default());
    };
    text.value.parse().map_err(|_| {
        let problem = PackProblem::UnknownWord {
            what: "template",
            seen: text.value.clone().into_owned(),
            allowed: Template::ALL.map(|known| known.name().to_owned()).to_vec(),
        };
        head.error(&text.span, problem)
    })
}

pub(super) fn read_version(head: &Section<'_>) -> Result<u32, PackError> {
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
        let pattern = Regex::new(&format!("(?is)^{}$", parts.join(".*")));
        secret_keys
            .patterns
            .push(pattern.map_err(|error| {
                head.error(&text.span, PackProblem::Pattern(error.to_string()))
            })?);
    }
    Ok(secret_keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Rows;
    use crate::mapping::example::{key_value_text, p_code_text};
    use crate::mapping::example_patch::PATCH;

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
    fn rows_aliases_and_models_are_read() {
        let pack = Pack::parse("patched.toml", PATCH).unwrap();
        assert!(pack.patches() && pack.local_wins());
        assert_eq!(pack.lens_count(), 10);
        let rows = Rows::default();
        let tone = "Device.X_EX_Ring".parse().unwrap();
        let line = PATCH.lines().position(|line| line.contains("X_EX_Ring"));
        let place = pack.lens_place(&tone, &rows).unwrap();
        assert_eq!(place, ("patched.toml", line.unwrap() + 1));
        let mac = "02aabb000001".parse().unwrap();
        let file = |model| pack.new_file(model, mac).unwrap();
        assert_eq!(file(Some("A1")).text, "<mac>02AABB000001</mac>");
        assert_eq!(file(Some("B1")).name, "02AABB000001.cfg");
        let alias = NativeKey::new("account.2.sip.password");
        assert!(pack.is_secret_key(&alias));
        assert!(pack.is_default_password(&NativeKey::new("P34"), "admin"));
        assert!(!pack.is_default_password(&alias, "admin"));
    }

    #[test]
    fn mistakes_in_rows_and_aliases_are_named_with_their_place() {
        for (from, to, wanted) in [
            (
                "key = \"P8001\", only_if_set",
                "key = \"P8001\", only_set",
                "`only_set` has no meaning",
            ),
            (
                "key = \"P91\", values",
                "key = [\"P91\"], values",
                "the table has 1 keys",
            ),
            (
                "index = \"account\" },",
                "index = \"line\" },",
                "is no index",
            ),
            (
                "models = ['^B'], convert",
                "models = ['^A'], convert",
                "has a lens already",
            ),
            (
                "key = \"P8200\", models = ['^B'] }",
                "key = \"P8200\", models = ['('] }",
                "regex",
            ),
            ("only.on.b", "P8001", "is itself a key of a lens"),
            ("count = 3", "count = 300", "at most 20"),
            ("count = 3\n", "", "needs `count`"),
            (
                "dialect = \"p-code-xml\"",
                "dialect = \"ini\"",
                "is no dialect",
            ),
            ("patch = true", "patch = 1", "true or false"),
        ] {
            assert!(PATCH.contains(from), "{from}");
            let text = PATCH.replacen(from, to, 1);
            let error = Pack::parse("patched.toml", &text).unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains(wanted), "{to}: {shown}");
            assert!(shown.starts_with("patched.toml:"), "{shown}");
        }
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
