//! From the `[[download]]` of a base pack to the rules by which phones are pointed at files.

use super::error::{PackError, PackProblem};
use super::handout::{HandoutKind, HandoutRule};
use super::models::ModelPatterns;
use super::section::Section;
use super::vendor_file::{required_text, unknown_word};

/// Reads how phones are pointed at firmware and the like.
pub(super) fn read_handouts(top: &Section<'_>) -> Result<Vec<HandoutRule>, PackError> {
    let sections = top.sections("download", "a download")?;
    sections.into_iter().map(read_handout).collect()
}

fn read_handout(section: Section<'_>) -> Result<HandoutRule, PackError> {
    let kind = section.required("type", section.text("type")?)?;
    let known = HandoutKind::NAMED.iter();
    let Some((_, known)) = known.clone().find(|(name, _)| *name == kind.value) else {
        let allowed = known.map(|(name, _)| (*name).to_owned()).collect();
        return Err(unknown_word(&section, &kind, "type of a download", allowed));
    };
    let names = match section.text("names")? {
        None => None,
        Some(text) => {
            let pattern = regex::Regex::new(&text.value);
            Some(pattern.map_err(|error| {
                section.error(&text.span, PackProblem::Pattern(error.to_string()))
            })?)
        }
    };
    let pairs = |key| -> Result<Vec<(String, String)>, PackError> {
        let pairs = section.pairs(key)?.into_iter();
        Ok(pairs
            .map(|(name, text)| (name.value.into_owned(), text.value.into_owned()))
            .collect())
    };
    let rule = HandoutRule {
        kind: *known,
        models: ModelPatterns::read(&section)?,
        file: required_text(&section, "file")?,
        model_names: pairs("model_names")?.into_iter().collect(),
        names,
        keys: pairs("keys")?,
        empty: section
            .texts("empty")?
            .unwrap_or_default()
            .into_iter()
            .map(|text| text.value.into_owned())
            .collect(),
        protocols: pairs("protocols")?.into_iter().collect(),
        max_bytes: section.count("max_bytes")?.map(|bytes| bytes as u64),
    };
    section.finish()?;
    Ok(rule)
}
