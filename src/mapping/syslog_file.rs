//! From the `[[syslog]]` of a base pack to the rules by which phones are told to send their log.

use super::error::{LineStarts, PackError, PackProblem};
use super::models::ModelPatterns;
use super::section::Section;
use super::syslog::{PLACEHOLDERS, SyslogRule};
use super::vendor_file::unknown_word;

/// Reads how phones are told to send their log.
pub(super) fn read_syslog(top: &Section<'_>) -> Result<Vec<SyslogRule>, PackError> {
    let sections = top.sections("syslog", "a syslog rule")?;
    sections.into_iter().map(read_rule).collect()
}

fn read_rule(section: Section<'_>) -> Result<SyslogRule, PackError> {
    let pairs = |key| -> Result<Vec<(String, String)>, PackError> {
        let pairs = section.pairs(key)?.into_iter();
        Ok(pairs
            .map(|(name, text)| (name.value.into_owned(), text.value.into_owned()))
            .collect())
    };
    for (_, text) in section.pairs("keys")? {
        let mut rest = text.value.to_string();
        for known in PLACEHOLDERS {
            rest = rest.replace(known, "");
        }
        if rest.contains(['{', '}']) {
            let allowed = PLACEHOLDERS.map(str::to_owned).to_vec();
            return Err(unknown_word(&section, &text, "placeholder", allowed));
        }
    }
    let keys = pairs("keys")?;
    let names_the_server =
        |(_, value): &(String, String)| value.contains("{host}") || value.contains("{server}");
    if !keys.iter().any(names_the_server) {
        let problem = PackProblem::Missing {
            section: "a syslog rule".to_owned(),
            key: "keys with {host} or {server}",
        };
        return Err(section.error(&section.span, problem));
    }
    let levels = pairs("levels")?;
    let level = section.text("level")?;
    if let Some(level) = &level
        && !levels.iter().any(|(word, _)| *word == level.value)
    {
        let allowed = levels.iter().map(|(word, _)| word.clone()).collect();
        return Err(unknown_word(&section, level, "level", allowed));
    }
    let rule = SyslogRule {
        models: ModelPatterns::read(&section)?,
        keys,
        if_set: pairs("if_set")?,
        levels,
        level: level.map(|level| level.value.into_owned()),
        line: LineStarts::of(section.source.text).line(section.span.start),
        reboot: section.flag("reboot")?.unwrap_or(false),
    };
    section.finish()?;
    Ok(rule)
}
