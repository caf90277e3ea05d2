//! From the `[pack]`, `[identity]`, `[control]`, `[layers]`, `[names]`, `[[file]]` and
//! `[[new_file]]` of a base pack to what a vendor's lens sets share.

use std::collections::HashMap;

use super::control_file::read_control;
use super::error::{PackError, PackProblem};
use super::handout_file::read_handouts;
use super::identity::Identity;
use super::models::ModelPatterns;
use super::name_affixes::NameKeys;
use super::provisioning::read_provisioning;
use super::reading::MergeWhen;
use super::section::{Section, Text};
use super::syslog_file::read_syslog;
use super::vendor::{NewFileRule, Vendor};
use crate::native::{Dialect, FileRule, LayerKind, NativeKey, ReadingOrder};

/// Reads what the lens sets of a vendor share.
pub(super) fn read_vendor(top: &Section<'_>, head: &Section<'_>) -> Result<Vendor, PackError> {
    let (means, web_login) = read_control(top)?;
    let layers = top.required("[layers]", top.section("layers", "[layers]")?)?;
    let vendor = Vendor {
        name: required_text(head, "vendor")?,
        manufacturer: required_text(head, "manufacturer")?,
        merge: layers.required("merge", layers.flag("merge")?)?,
        merge_when: read_merge_when(&layers)?,
        name_keys: read_name_keys(top)?,
        patch: layers.flag("patch")?.unwrap_or(false),
        local_wins: layers.flag("local_wins")?.unwrap_or(false),
        means,
        web_login,
        identity: read_identity(top)?,
        default_passwords: read_default_passwords(head)?,
        new_files: read_new_files(top)?,
        handouts: read_handouts(top)?,
        syslog: read_syslog(top)?,
        provisioning: read_provisioning(top)?,
    };
    layers.finish()?;
    Ok(vendor)
}

pub(super) fn required_text(section: &Section<'_>, key: &'static str) -> Result<String, PackError> {
    let text = section.required(key, section.text(key)?)?;
    Ok(text.value.into_owned())
}

fn read_merge_when(layers: &Section<'_>) -> Result<Option<MergeWhen>, PackError> {
    let Some(section) = layers.section("merge_when", "merge_when")? else {
        return Ok(None);
    };
    let key = required_text(&section, "key")?;
    let value = required_text(&section, "value")?;
    let order = section.required("order", section.text("order")?)?;
    let order = match order.value.as_ref() {
        "phone-only" => ReadingOrder::PhoneOnly,
        "phone-last" => ReadingOrder::PhoneLast,
        "phone-first" => ReadingOrder::PhoneFirst,
        _ => {
            let allowed = ["phone-only", "phone-last", "phone-first"].map(str::to_owned);
            return Err(unknown_word(&section, &order, "order", allowed.to_vec()));
        }
    };
    section.finish()?;
    Ok(Some(MergeWhen {
        key: NativeKey::new(&key),
        value,
        order,
    }))
}

fn read_name_keys(top: &Section<'_>) -> Result<NameKeys, PackError> {
    let Some(section) = top.section("names", "[names]")? else {
        return Ok(NameKeys::default());
    };
    let key = |name| {
        let text = section.text(name)?;
        Ok(text.map(|text| NativeKey::new(&text.value)))
    };
    let keys = NameKeys {
        prefix: key("prefix_key")?,
        postfix: key("postfix_key")?,
    };
    section.finish()?;
    Ok(keys)
}

fn read_default_passwords(
    head: &Section<'_>,
) -> Result<HashMap<NativeKey, Vec<String>>, PackError> {
    let mut passwords = HashMap::new();
    let Some(section) = head.section("default_passwords", "default_passwords")? else {
        return Ok(passwords);
    };
    for (key, values) in section.entries() {
        let texts = section.texts_of(&key.value, values)?;
        let texts = texts.into_iter().map(|text| text.value.into_owned());
        passwords.insert(NativeKey::new(&key.value), texts.collect());
    }
    Ok(passwords)
}

fn read_new_files(top: &Section<'_>) -> Result<Vec<NewFileRule>, PackError> {
    let mut files = Vec::new();
    for section in top.sections("new_file", "a new file")? {
        let name = section.required("name", section.text("name")?)?;
        let dialect = section.required("dialect", section.text("dialect")?)?;
        let text = section.required("text", section.text("text")?)?;
        files.push(NewFileRule {
            name: name.value.into_owned(),
            dialect: dialect_of(&section, &dialect)?,
            text: text.value.into_owned(),
            models: ModelPatterns::read(&section)?,
        });
        section.finish()?;
    }
    Ok(files)
}

fn read_identity(top: &Section<'_>) -> Result<Identity, PackError> {
    let section = top.required("[identity]", top.section("identity", "[identity]")?)?;
    let ouis = section.texts("ouis")?.unwrap_or_default();
    let mut user_agents = Vec::new();
    for text in section.texts("user_agents")?.unwrap_or_default() {
        let pattern = regex::Regex::new(&text.value);
        user_agents.push(
            pattern.map_err(|error| {
                section.error(&text.span, PackProblem::Pattern(error.to_string()))
            })?,
        );
    }
    let models = section.pairs("models")?;
    let other_models = ModelPatterns::read_key(&section, "other_models")?;
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
    let layer = match layer.value.as_ref() {
        "shared" => LayerKind::Shared,
        "model" => LayerKind::Model,
        "phone" => LayerKind::Phone,
        _ => {
            let allowed = ["shared", "model", "phone"].map(str::to_owned).to_vec();
            return Err(unknown_word(section, &layer, "layer", allowed));
        }
    };
    let dialect = dialect_of(section, &dialect)?;
    let root = section.text("root")?.map(|text| text.value.into_owned());
    let pattern_error = |text: &Text<'_>, error: regex::Error| {
        section.error(&text.span, PackProblem::Pattern(error.to_string()))
    };
    let mut rule = FileRule::new(&name.value, layer, dialect, root)
        .map_err(|error| pattern_error(&name, error))?;
    if let Some(versions) = section.text("versions")? {
        rule = rule
            .for_versions(&versions.value)
            .map_err(|error| pattern_error(&versions, error))?;
    }
    if let Some(alternative) = section.text("alternative")? {
        rule = rule.as_alternative(alternative.value);
    }
    Ok(rule)
}

fn dialect_of(section: &Section<'_>, text: &Text<'_>) -> Result<Dialect, PackError> {
    text.value.parse().map_err(|_| {
        let names = Dialect::ALL.iter().map(|dialect| dialect.name().to_owned());
        unknown_word(section, text, "dialect", names.collect())
    })
}

pub(super) fn unknown_word(
    section: &Section<'_>,
    text: &Text<'_>,
    what: &'static str,
    allowed: Vec<String>,
) -> PackError {
    let problem = PackProblem::UnknownWord {
        what,
        seen: text.value.clone().into_owned(),
        allowed,
    };
    section.error(&text.span, problem)
}
