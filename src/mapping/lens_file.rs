//! From one `[[lens]]` of a pack's text to a compiled lens.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::convert::{Checker, CodecRows, Convert, Part};
use super::error::{LineStarts, PackError, PackProblem};
use super::index::{Index, LineSet, index_named};
use super::lens::{Face, KeyColumn, Lens};
use super::lens_limits::{Limits, expand_in, value_error, vendor_type};
use super::models::ConditionReader;
use super::redirect::{Redirect, redirects_of};
use super::section::{Section, Text, Value};
use super::template::{Expanded, IndexName, PathTemplate};
use super::template_view::Template;
use crate::datamodel::{Schema, ValueRule, ValueType};
use crate::native::NativeKey;

/// Longest text of a vendor parameter for which the pack names no length.
const VENDOR_LENGTH: usize = 256;
/// Most native keys of a lens.
const MAX_KEYS: usize = 64;

/// What lenses refer to.
pub(super) struct LensReader<'a> {
    pub(super) indexes: &'a [Index],
    pub(super) prefixes: &'a [(Text<'a>, Text<'a>)],
    pub(super) line_sets: &'a [LineSet],
    pub(super) conditions: &'a ConditionReader,
    pub(super) redirects: &'a [Arc<Redirect>],
    pub(super) template: Template,
    pub(super) schema: &'a Schema,
    pub(super) lines: &'a LineStarts,
    /// How the pack spells keys, where that is not their normal form.
    pub(super) spellings: &'a RefCell<HashMap<NativeKey, String>>,
}

/// A path of a lens, with its prefix written out.
struct LensPath<'t> {
    text: Text<'t>,
    whole: String,
    index: Option<usize>,
    template: PathTemplate,
}

/// A parameter before it is compiled.
struct Draft {
    /// As it stands in the pack's map of paths.
    whole: String,
    template: PathTemplate,
    part: Part,
    rule: ValueRule,
    schema_default: Option<String>,
    writable: bool,
    hidden: bool,
}

impl LensReader<'_> {
    /// Compiles a lens, with its paths as they stand in the pack's map of paths. Paths with and
    /// without an index make lenses of their own: only keys that are the same for all slots can
    /// stand behind both.
    pub(super) fn read(&self, section: Section<'_>) -> Result<Vec<(Lens, Vec<String>)>, PackError> {
        let paths = self.read_paths(&section)?;
        let convert = section.text("convert")?;
        let convert = convert.as_ref().map(|convert| convert.value.as_ref());
        let codec_rows = convert == Some("codec_rows");
        let by_part = codec_rows || convert == Some("codecs");
        let limits = Limits::read(&section)?;
        let condition = self.conditions.read(&section)?;
        let only_if_set = section.flag("only_if_set")?.unwrap_or(false);
        let reboot = section.flag("reboot")?.unwrap_or(false);
        let mut indexes: Vec<Option<usize>> = paths.iter().map(|path| path.index).collect();
        indexes.sort_unstable();
        indexes.dedup();

        let mut lenses = Vec::new();
        for index in indexes {
            let slots = index.and_then(|index| self.indexes.get(index));
            let name = slots.map(Index::as_name);
            let mut keys = if codec_rows {
                self.read_codec_keys(&section, name)?
            } else {
                self.read_keys(&section, name)?
            };
            let redirects = redirects_of(&section, self.redirects, index, keys.len())?;
            for (column, redirect) in keys.iter_mut().zip(redirects) {
                column.redirect = redirect;
            }
            let of_index = paths.iter().filter(|path| path.index == index);
            let mut drafts = Vec::new();
            for path in of_index.clone() {
                if !by_part {
                    drafts.push(self.draft_parameter(&section, path, &limits)?);
                }
            }
            let convert = {
                let checker = Checker {
                    rules: drafts
                        .iter()
                        .map(|draft| (draft.whole.as_str(), &draft.rule))
                        .collect(),
                };
                Convert::parse(&section, &checker, keys.len())?
            };
            let rows: Vec<Option<&str>> = match &convert {
                Convert::Codecs(codecs) => codecs.names().map(Some).collect(),
                Convert::CodecRows(_) => vec![None; keys.len() / CodecRows::FIELDS],
                _ => Vec::new(),
            };
            if by_part {
                for path in of_index {
                    drafts.extend(self.draft_codecs(&section, path, &rows, &limits)?);
                }
            }
            let percent = convert.is_text_like() && section.flag("percent")?.unwrap_or(false);
            let templates = drafts.iter().map(|draft| draft.whole.clone()).collect();
            let mut faces = Vec::new();
            for draft in drafts {
                let mut face = finish_face(&section, draft, &convert, &limits, name)?;
                if only_if_set {
                    // Few of them are ever shown: their paths are made when they are.
                    face.paths = Vec::new();
                }
                faces.push(face);
            }
            let lens = Lens {
                index,
                keys,
                convert,
                faces,
                note: limits.note.clone(),
                condition,
                only_if_set,
                reboot,
                percent,
                line: self.lines.line(section.span.start),
            };
            lenses.push((lens, templates));
        }
        section.finish()?;
        Ok(lenses)
    }

    fn read_paths<'t>(&self, section: &Section<'t>) -> Result<Vec<LensPath<'t>>, PackError> {
        let texts = match (section.text("path")?, section.texts("paths")?) {
            (Some(path), None) => vec![path],
            (None, Some(paths)) if !paths.is_empty() => paths,
            _ => {
                let missing: Option<Text<'_>> = None;
                section.required("path` or `paths", missing)?;
                Vec::new()
            }
        };
        texts
            .into_iter()
            .map(|text| self.read_path(section, text))
            .collect()
    }

    fn read_path<'t>(
        &self,
        section: &Section<'t>,
        text: Text<'t>,
    ) -> Result<LensPath<'t>, PackError> {
        let whole = match text.value.split_once('.') {
            Some((first, rest)) => match self.prefixes.iter().find(|(name, _)| name.value == first)
            {
                Some((_, prefix)) => format!("{}.{rest}", prefix.value),
                None => text.value.clone().into_owned(),
            },
            None => text.value.clone().into_owned(),
        };
        let (index, template) = match whole.split_once('{') {
            None => (None, PathTemplate::new(whole.clone(), None)),
            Some((before, after)) => {
                let (name, after) = after.split_once('}').unwrap_or((after, ""));
                let name = Text {
                    value: name.to_owned().into(),
                    span: text.span.clone(),
                };
                let place = index_named(section, self.indexes, &name)?;
                if let Some(index) = self.indexes.get(place)
                    && (before != index.table || !after.starts_with('.') || after.contains('{'))
                {
                    let problem = PackProblem::IndexPlace {
                        path: whole.clone(),
                        index: index.name.clone(),
                        table: index.table.clone(),
                    };
                    return Err(section.error(&text.span, problem));
                }
                let template = PathTemplate::new(before.to_owned(), Some(after.to_owned()));
                (Some(place), template)
            }
        };
        Ok(LensPath {
            text,
            whole,
            index,
            template,
        })
    }

    fn read_keys(
        &self,
        section: &Section<'_>,
        index: Option<IndexName<'_>>,
    ) -> Result<Vec<KeyColumn>, PackError> {
        let (keys, fallbacks) = match (section.value("key"), section.array("keys")?) {
            (Some(key), None) => {
                let fallback = section.text("fallback")?;
                (vec![key], fallback.map(|text| vec![text]))
            }
            (None, Some(keys)) => (keys, section.texts("fallbacks")?),
            (None, None) => (Vec::new(), None),
            (Some(key), Some(_)) => {
                let problem = PackProblem::Template {
                    text: "keys".to_owned(),
                    reason: "a lens has `key` or `keys`, not both".to_owned(),
                };
                return Err(section.error(&key.span(), problem));
            }
        };
        if keys.len() > MAX_KEYS {
            let problem = PackProblem::TooMany {
                what: "native keys of a lens",
                seen: keys.len(),
                max: MAX_KEYS,
            };
            return Err(section.error(&section.span, problem));
        }
        if let Some(fallbacks) = &fallbacks
            && fallbacks.len() != keys.len()
        {
            let problem = PackProblem::UnequalLists {
                key: "fallbacks",
                seen: fallbacks.len(),
                wanted: keys.len(),
                beside: "keys",
            };
            return Err(section.error(&section.span, problem));
        }
        let mut columns = Vec::with_capacity(keys.len());
        for (place, key) in keys.into_iter().enumerate() {
            let fallback = fallbacks.as_ref().and_then(|texts| texts.get(place));
            columns.push(self.read_column(section, key, fallback, index)?);
        }
        Ok(columns)
    }

    /// The keys of a table of codecs with fixed rows.
    fn read_codec_keys(
        &self,
        section: &Section<'_>,
        index: Option<IndexName<'_>>,
    ) -> Result<Vec<KeyColumn>, PackError> {
        let mut columns = Vec::new();
        for template in CodecRows::key_templates(section)? {
            let own = expand_in(section, &template, &section.span, index)?;
            columns.push(self.column(own, None));
        }
        Ok(columns)
    }

    fn read_column(
        &self,
        section: &Section<'_>,
        key: Value<'_>,
        fallback: Option<&Text<'_>>,
        index: Option<IndexName<'_>>,
    ) -> Result<KeyColumn, PackError> {
        let own = read_key_texts(section, key, index)?;
        let fallback = match fallback {
            Some(text) if !text.value.is_empty() => {
                Some(expand_in(section, &text.value, &text.span, index)?)
            }
            _ => None,
        };
        Ok(self.column(own, fallback))
    }

    fn column(&self, own: Expanded, fallback: Option<Expanded>) -> KeyColumn {
        let by_slot = own.by_slot;
        let own = self.keys(own.texts);
        let fallback_by_slot = fallback.as_ref().is_some_and(|fallback| fallback.by_slot);
        KeyColumn {
            line_set: self.line_set_of(own.iter().flatten().next()),
            own,
            fallback: fallback.map_or_else(Vec::new, |fallback| self.keys(fallback.texts)),
            fallback_by_slot,
            by_slot,
            redirect: None,
        }
    }

    /// Keys, whose spelling is kept for lines that are inserted.
    fn keys(&self, texts: Vec<String>) -> Vec<Option<NativeKey>> {
        texts
            .into_iter()
            .map(|text| {
                if text.is_empty() {
                    return None;
                }
                let key = NativeKey::new(&text);
                if key.as_str() != text {
                    self.spellings.borrow_mut().insert(key.clone(), text);
                }
                Some(key)
            })
            .collect()
    }

    fn line_set_of(&self, key: Option<&NativeKey>) -> Option<usize> {
        let key = key?;
        self.line_sets
            .iter()
            .position(|set| set.members.iter().any(|member| member.own.contains(key)))
    }

    fn draft_parameter(
        &self,
        section: &Section<'_>,
        path: &LensPath<'_>,
        limits: &Limits<'_>,
    ) -> Result<Draft, PackError> {
        let concrete = schema_path(&path.template, section, &path.text)?;
        let mut draft = self.draft(section, path, &concrete, Part::Whole, limits)?;
        limits.narrow(section, &draft.whole, &mut draft.rule)?;
        Ok(draft)
    }

    /// One parameter by the data model, or by the lens where the model says nothing about it.
    fn draft(
        &self,
        section: &Section<'_>,
        path: &LensPath<'_>,
        concrete: &str,
        part: Part,
        limits: &Limits<'_>,
    ) -> Result<Draft, PackError> {
        let whole = path.whole.clone();
        let template = path.template.clone();
        if self.is_free_path(concrete) {
            let mut rule = ValueRule::any(vendor_type(section, limits)?);
            if rule.value_type == ValueType::String && limits.max_length.is_none() {
                rule.max_length = Some(VENDOR_LENGTH);
            }
            return Ok(Draft {
                whole,
                template,
                part,
                rule,
                schema_default: None,
                writable: limits.writable.unwrap_or(true),
                hidden: limits.secret,
            });
        }
        let entry = self.schema.entry(concrete);
        let Some((entry, facts)) = entry.and_then(|entry| Some((entry, entry.parameter()?))) else {
            let problem = PackProblem::UnknownPath {
                path: whole,
                wanted: "parameter",
            };
            return Err(section.error(&path.text.span, problem));
        };
        if let Some(value_type) = &limits.value_type
            && vendor_type(section, limits)? != facts.rule.wire_type()
        {
            let problem = PackProblem::Parameter {
                path: whole,
                reason: format!(
                    "the data model says {}; `type` is for vendor parameters",
                    facts.rule.wire_type().xsd_name()
                ),
            };
            return Err(section.error(&value_type.span, problem));
        }
        if limits.writable == Some(true) && !entry.writable() {
            let problem = PackProblem::Parameter {
                path: whole,
                reason: "is read-only in the data model".to_owned(),
            };
            return Err(section.error(&path.text.span, problem));
        }
        Ok(Draft {
            whole,
            template,
            part,
            rule: facts.rule.clone(),
            schema_default: facts.default.clone(),
            writable: entry.writable() && limits.writable.unwrap_or(true),
            hidden: facts.hidden || limits.secret,
        })
    }

    /// The parameters of a table of codecs.
    fn draft_codecs(
        &self,
        section: &Section<'_>,
        path: &LensPath<'_>,
        names: &[Option<&str>],
        limits: &Limits<'_>,
    ) -> Result<Vec<Draft>, PackError> {
        if !path.whole.ends_with('.') {
            let problem = PackProblem::UnknownPath {
                path: path.whole.clone(),
                wanted: "table",
            };
            return Err(section.error(&path.text.span, problem));
        }
        let mut drafts = Vec::new();
        for (row, name) in names.iter().enumerate() {
            for (field, part, value_type) in [
                ("Codec", Part::Codec(row), ValueType::String),
                ("Enable", Part::Enable(row), ValueType::Boolean),
                ("Priority", Part::Priority(row), ValueType::UnsignedInt),
            ] {
                let after = format!("{}.{field}", row + 1);
                let in_row = LensPath {
                    text: path.text.clone(),
                    whole: format!("{}{after}", path.whole),
                    index: path.index,
                    template: path.template.extended(&after),
                };
                let concrete = schema_path(&in_row.template, section, &in_row.text)?;
                let mut draft = self.draft(section, &in_row, &concrete, part, limits)?;
                if self.is_free_path(&concrete) {
                    draft.rule = ValueRule::any(value_type);
                }
                if let Part::Codec(_) = part {
                    draft.writable = false;
                    if let Some(name) = name {
                        draft.rule.admits(name).map_err(|problem| {
                            value_error(section, &path.text, name, &in_row.whole, problem)
                        })?;
                    }
                }
                drafts.push(draft);
            }
        }
        Ok(drafts)
    }

    /// Whether the data model says nothing about a path, so that the lens has to: one with a vendor's
    /// segment. A vendor's own tree knows its vendor's segments.
    fn is_free_path(&self, path: &str) -> bool {
        is_vendor_path(path)
            && !(self.template == Template::Vendor && self.schema.entry(path).is_some())
    }
}

/// Whether a path has a vendor's segment, so that the data model says nothing about it.
fn is_vendor_path(path: &str) -> bool {
    path.split('.').any(|segment| segment.starts_with("X_"))
}

/// The path with `{i}` in place of the index, as the schema has it.
fn schema_path(
    template: &PathTemplate,
    section: &Section<'_>,
    text: &Text<'_>,
) -> Result<String, PackError> {
    // The largest number makes the longest path: what fits now fits for every instance.
    let path = template.path(u32::MAX);
    let path = path.map_err(|error| section.error(&text.span, PackProblem::Path(error)))?;
    Ok(path.as_str().to_owned())
}

fn finish_face(
    section: &Section<'_>,
    mut draft: Draft,
    convert: &Convert,
    limits: &Limits<'_>,
    index: Option<IndexName<'_>>,
) -> Result<Face, PackError> {
    let slots = index.map_or(1, |index| index.slots);
    if let Some(values) = convert.closed_values() {
        draft.rule.enumeration = values;
    }
    let given = limits.defaults(section, index)?;
    let default_given = given.is_some();
    let defaults = match given {
        Some(texts) => {
            let mut defaults = Vec::new();
            for text in &texts {
                let value = draft.rule.admits(&text.value);
                defaults.push(value.map_err(|problem| {
                    value_error(section, text, &text.value, &draft.whole, problem)
                })?);
            }
            defaults
        }
        None => {
            let default = draft.schema_default.unwrap_or_else(|| draft.rule.zero());
            vec![default; slots as usize]
        }
    };
    let numbers = 1..=index.map_or(1, |index| index.slots);
    let paths: Result<Vec<_>, _> = numbers.map(|number| draft.template.path(number)).collect();
    let paths = paths.map_err(|error| section.error(&section.span, PackProblem::Path(error)))?;
    Ok(Face {
        template: draft.template,
        paths,
        part: draft.part,
        rule: draft.rule,
        defaults,
        default_given,
        writable: draft.writable && !matches!(convert, Convert::Constant(_)),
        hidden: draft.hidden,
    })
}

/// Keys in one of the forms that packs have: a text with formulas, or a table by slot.
pub(super) fn read_key_texts(
    section: &Section<'_>,
    key: Value<'_>,
    index: Option<IndexName<'_>>,
) -> Result<Expanded, PackError> {
    let wrong_kind = |value: Value<'_>, wanted| {
        let problem = PackProblem::WrongKind {
            key: "key".to_owned(),
            seen: value.get_ref().type_str().to_owned(),
            wanted,
        };
        section.error(&value.span(), problem)
    };
    if !key.get_ref().is_array() {
        let text = key
            .get_ref()
            .as_str()
            .ok_or_else(|| wrong_kind(key, "a text, or an array with a text for every slot"))?;
        return expand_in(section, text, &key.span(), index);
    }
    let mut texts: Vec<String> = section
        .array_of("key", key)?
        .into_iter()
        .map(|item| {
            let text = item.get_ref().as_str();
            text.map(str::to_owned)
                .ok_or_else(|| wrong_kind(item, "a text"))
        })
        .collect::<Result<_, _>>()?;
    let (slots, listed) = index.map_or((0, 0), |index| {
        (index.slots as usize, index.listed as usize)
    });
    if texts.len() == listed {
        texts.resize(slots, String::new());
    }
    if texts.len() != slots {
        let problem = PackProblem::TableLength {
            length: texts.len(),
            slots,
        };
        return Err(section.error(&key.span(), problem));
    }
    Ok(Expanded {
        texts,
        by_slot: true,
    })
}
