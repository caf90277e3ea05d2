//! The data model of the templates: which objects and parameters there are, and what they hold.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::path::ParameterPath;
use super::rule::{Range, UNSTATED_LENGTH, ValueProblem, ValueRule};
use super::value::ValueType;

/// Made by `mappings/datamodel/make.py` from the Broadband Forum's files.
const DEVICE1: &str = include_str!("../../mappings/datamodel/device1.tsv");

/// The root of Device:2, made likewise; its VoiceService is the one of `device1.tsv`.
const DEVICE2: &str = include_str!("../../mappings/datamodel/device2.tsv");
const VOICE_SERVICE: &str = "Device.Services.VoiceService";

/// What we add to Device:1: parameters with active notification until an ACS sets another.
const DEVICE1_ACTIVE: &str = include_str!("../../mappings/datamodel/device1-active.txt");

static DEVICE1_SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut entries = Entry::parse_all(DEVICE1);
    for entry in &mut entries {
        let is_active = DEVICE1_ACTIVE.lines().any(|line| *line == *entry.path);
        if let EntryKind::Parameter(facts) = &mut entry.kind
            && is_active
        {
            facts.active_notification = ActiveNotification::Default;
        }
    }
    Schema::new(entries)
});
static DEVICE2_SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut entries = Entry::parse_all(DEVICE2);
    let voice = Entry::parse_all(DEVICE1);
    entries.extend(
        voice
            .into_iter()
            .filter(|entry| entry.path.starts_with(VOICE_SERVICE)),
    );
    Schema::new(entries)
});

/// One whole data model, in document order.
#[derive(Debug)]
pub struct Schema {
    entries: Vec<Entry>,
    by_path: HashMap<Box<str>, usize>,
    /// Parameters outside of tables that have active notification unasked.
    active_unasked: Vec<ParameterPath>,
    /// Parameters that are in every Inform, in order of their paths. None is in a table.
    forced: Vec<Box<str>>,
}

/// One object, table or parameter of a model.
#[derive(Debug)]
pub struct Entry {
    path: Box<str>,
    writable: bool,
    kind: EntryKind,
}

/// What an entry is.
#[derive(Debug)]
pub enum EntryKind {
    /// An object that is there once.
    Object,
    /// An object that is there once for each instance number.
    Table(Table),
    /// A parameter.
    Parameter(Box<ParameterFacts>),
}

/// What a model says about a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Name of the parameter beside the table that counts its rows.
    pub count: Option<String>,
    /// Name of the parameter in a row that enables it.
    pub enable: Option<String>,
    /// What must differ between rows.
    pub unique_keys: Vec<UniqueKey>,
}

/// Parameters that together differ between the rows of a table (cwmp.md M30).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// Names of the parameters.
    pub parameters: Vec<String>,
    /// Whether it binds enabled rows only, where the table has an enable parameter.
    pub functional: bool,
}

/// What a model says about a parameter.
#[derive(Debug)]
pub struct ParameterFacts {
    /// Type and limits of its values.
    pub rule: ValueRule,
    /// Its value in a new row; `None` where the model names none.
    pub default: Option<String>,
    /// Reads as the empty text (cwmp.md M28).
    pub hidden: bool,
    /// Is in every Inform.
    pub forced_inform: bool,
    /// What is particular about active notification.
    pub active_notification: ActiveNotification,
}

/// What a model says of active notification of a parameter (cwmp.md A6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActiveNotification {
    /// An ACS may ask for it.
    #[default]
    OnDemand,
    /// The CPE may refuse it.
    Deniable,
    /// It is there until an ACS sets another notification.
    Default,
    /// It is there whatever an ACS sets.
    Forced,
}

impl Schema {
    /// Device:1.2 with VoiceService:1.1 below `Device.Services.`.
    pub fn device1() -> &'static Self {
        &DEVICE1_SCHEMA
    }

    /// The part of Device:2.12 that a phone can have, with VoiceService:1.1 below
    /// `Device.Services.`.
    pub fn device2() -> &'static Self {
        &DEVICE2_SCHEMA
    }

    /// The entry of a path, with instance numbers or `{i}` in it. For a table it is the same entry
    /// with an instance number at the end (`…VoiceProfile.2.`) and without (`…VoiceProfile.`).
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let mut pattern = String::with_capacity(path.len() + 8);
        for (position, segment) in path.split('.').enumerate() {
            if position > 0 {
                pattern.push('.');
            }
            let instance = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
            pattern.push_str(if instance { "{i}" } else { segment });
        }
        let index = match self.by_path.get(pattern.as_str()) {
            Some(index) => index,
            None if pattern.ends_with('.') => {
                pattern.push_str("{i}.");
                self.by_path.get(pattern.as_str())?
            }
            None => return None,
        };
        self.entries.get(*index)
    }

    /// All entries in document order: an object before what it holds.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Parameters that have active notification unless an ACS has set another; none is in a table.
    pub fn active_unasked(&self) -> &[ParameterPath] {
        &self.active_unasked
    }

    /// The paths of the parameters that are in every Inform (cwmp.md I5), in their order.
    pub fn forced(&self) -> impl Iterator<Item = &str> {
        self.forced.iter().map(|path| &**path)
    }

    /// The entries directly in an object: its parameters, objects and tables. The path may hold
    /// instance numbers or `{i}` and ends in a dot; a table's rows are named with a number.
    pub fn children(&self, object: &str) -> impl Iterator<Item = &Entry> {
        let parent = self.entry(object).map(Entry::path);
        self.entries
            .iter()
            .filter(move |entry| parent.is_some() && entry.parent() == parent)
    }

    /// A model in the form of `device1.tsv`, such as a vendor's own tree. Lines of another form are
    /// left out.
    pub fn parse(text: &str) -> Self {
        Self::new(Entry::parse_all(text))
    }

    fn new(entries: Vec<Entry>) -> Self {
        let by_path = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| (entry.path.clone(), index))
            .collect();
        let mut forced: Vec<Box<str>> = entries
            .iter()
            .filter(|entry| entry.parameter().is_some_and(|facts| facts.forced_inform))
            .map(|entry| entry.path.clone())
            .collect();
        forced.sort_unstable();
        let active_unasked = entries
            .iter()
            .filter(|entry| {
                let active = entry.parameter().map(|facts| facts.active_notification);
                matches!(
                    active,
                    Some(ActiveNotification::Default | ActiveNotification::Forced)
                )
            })
            .filter_map(|entry| entry.path.parse().ok())
            .collect();
        Self {
            entries,
            by_path,
            active_unasked,
            forced,
        }
    }
}

impl Entry {
    /// The path with `{i}` for instance numbers; objects and tables end in a dot.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A parameter: an ACS may write it. A table: an ACS may add and delete rows.
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// What it is.
    pub fn kind(&self) -> &EntryKind {
        &self.kind
    }

    /// What the model says about it, if it is a parameter.
    pub fn parameter(&self) -> Option<&ParameterFacts> {
        match &self.kind {
            EntryKind::Parameter(facts) => Some(facts),
            _ => None,
        }
    }

    /// What the model says about it, if it is a table.
    pub fn table(&self) -> Option<&Table> {
        match &self.kind {
            EntryKind::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Checks what an ACS wants to write to this parameter and gives the canonical form. Whether
    /// it is writable at all is not asked.
    ///
    /// # Errors
    /// Why the text is no value of this parameter. Objects have no values: every text is of the
    /// wrong type for them.
    pub fn check(&self, text: &str) -> Result<String, ValueProblem> {
        match self.parameter() {
            Some(facts) => facts.rule.check(text),
            None => Err(ValueProblem::WrongType(ValueType::String)),
        }
    }

    /// The path of the object that holds this entry.
    fn parent(&self) -> Option<&str> {
        let inner = self.path.strip_suffix('.').unwrap_or(&self.path);
        let inner = inner.strip_suffix(".{i}").unwrap_or(inner);
        let dot = inner.rfind('.')?;
        self.path.get(..=dot)
    }

    /// Reads a whole table.
    fn parse_all(text: &str) -> Vec<Self> {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(Self::parse)
            .collect()
    }

    /// Reads one line of the table; `None` for a line of another form. That every line of the
    /// embedded table has the form is a test.
    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split('\t');
        let path = columns.next()?;
        let writable = columns.next()? == "W";
        let type_name = columns.next()?;
        let facets = columns.next()?;
        let kind = match type_name {
            "object" => EntryKind::Object,
            "table" => EntryKind::Table(parse_table(facets)?),
            _ => EntryKind::Parameter(Box::new(parse_parameter(type_name, facets)?)),
        };
        Some(Self {
            path: path.into(),
            writable,
            kind,
        })
    }
}

fn parse_table(facets: &str) -> Option<Table> {
    let mut table = Table::default();
    for facet in facets.split_ascii_whitespace() {
        let (word, value) = facet.split_once('=')?;
        match word {
            "count" => table.count = Some(value.to_owned()),
            "enable" => table.enable = Some(value.to_owned()),
            "key" | "always-key" => table.unique_keys.push(UniqueKey {
                parameters: value.split(',').map(str::to_owned).collect(),
                functional: word == "key",
            }),
            _ => return None,
        }
    }
    Some(table)
}

fn parse_parameter(type_name: &str, facets: &str) -> Option<ParameterFacts> {
    let item_type = type_name.strip_prefix("list ");
    let mut rule = ValueRule::any(ValueType::from_xsd_local_name(
        item_type.unwrap_or(type_name),
    )?);
    rule.list = item_type.is_some();
    let mut facts = ParameterFacts {
        rule,
        default: None,
        hidden: false,
        forced_inform: false,
        active_notification: ActiveNotification::default(),
    };
    for facet in facets.split_ascii_whitespace() {
        parse_facet(&mut facts, facet)?;
    }
    let rule = &mut facts.rule;
    if rule.value_type == ValueType::String
        && !rule.list
        && rule.max_length.is_none()
        && rule.enumeration.is_empty()
        && rule.patterns.is_empty()
    {
        rule.max_length = Some(UNSTATED_LENGTH);
    }
    if let Some(default) = &facts.default {
        facts.default = Some(rule.canonical(default).ok()?);
    }
    Some(facts)
}

fn parse_facet(facts: &mut ParameterFacts, facet: &str) -> Option<()> {
    let words = |value: &str| value.split('|').map(str::to_owned).collect();
    let rule = &mut facts.rule;
    match facet.split_once('=') {
        Some(("max", value)) => rule.max_length = Some(value.parse().ok()?),
        Some(("min", value)) => rule.min_length = Some(value.parse().ok()?),
        Some(("item", value)) => rule.max_item_length = Some(value.parse().ok()?),
        Some(("enum", value)) => rule.enumeration = words(value),
        Some(("report", value)) => rule.report_only = words(value),
        Some(("default", value)) => facts.default = Some(value.to_owned()),
        Some(("pattern", value)) => rule
            .patterns
            .push(Regex::new(&format!("^(?:{value})$")).ok()?),
        Some(("range", value)) => {
            for range in value.split(',') {
                let (min, max) = range.split_once(':')?;
                rule.ranges.push(Range {
                    min: bound(min)?,
                    max: bound(max)?,
                });
            }
        }
        Some(_) => return None,
        None => match facet {
            "hidden" => facts.hidden = true,
            "forced" => facts.forced_inform = true,
            "can-deny" => facts.active_notification = ActiveNotification::Deniable,
            "default-active" => facts.active_notification = ActiveNotification::Default,
            "force-active" => facts.active_notification = ActiveNotification::Forced,
            _ => return None,
        },
    }
    Some(())
}

/// One end of a range: `Some(None)` where it is open.
fn bound(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        Some(None)
    } else {
        text.parse().ok().map(Some)
    }
}

#[cfg(test)]
mod tests;
