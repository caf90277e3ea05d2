//! The data models of both templates, from the tables beside the project: types, ranges, what is
//! in the forced list. Nothing of it comes from the gateway.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use trestle::sim::acs::cpe::CpeMessage;
use trestle::sim::checks::ExpectedType;

use crate::variant::{Template, Variant};

/// The path of the VoiceService's table is written from here on.
const SERVICES: &str = "Device.Services.";

/// What the tables say; empty without them.
#[derive(Debug, Default)]
pub(crate) struct Model {
    rows: HashMap<String, Row>,
    objects: HashSet<String>,
}

/// One parameter.
#[derive(Debug)]
struct Row {
    kind: String,
    writable: bool,
    hidden: bool,
    forced: bool,
    rule: Rule,
}

/// What a value must be beside its type.
#[derive(Debug, Default)]
struct Rule {
    /// Whether it is a list with commas, each item of which keeps the rest.
    list: bool,
    words: Vec<String>,
    ranges: Vec<(Option<i64>, Option<i64>)>,
    length: Option<(usize, usize)>,
    total: Option<usize>,
    patterns: Vec<Regex>,
}

impl Model {
    /// That of a template.
    pub(crate) fn of(template: Template) -> &'static Self {
        static DEVICE1: LazyLock<Model> = LazyLock::new(|| Model::read("device1-tr106.tsv"));
        static DEVICE2: LazyLock<Model> = LazyLock::new(|| Model::read("tr181-phone-subset.tsv"));
        match template {
            Template::Device1 => &DEVICE1,
            Template::Device2 => &DEVICE2,
        }
    }

    /// That of this thread's variant.
    pub(crate) fn current() -> &'static Self {
        Self::of(Variant::current().template)
    }

    /// Whether the tables are there.
    pub(crate) fn is_known(&self) -> bool {
        !self.rows.is_empty()
    }

    /// The parameters of every Inform, sorted.
    pub(crate) fn forced(&self) -> Vec<&str> {
        let mut forced: Vec<&str> = self
            .rows
            .iter()
            .filter(|(_, row)| row.forced)
            .map(|(path, _)| path.as_str())
            .collect();
        forced.sort_unstable();
        forced
    }

    /// Whether a parameter reads as empty, whatever it holds.
    pub(crate) fn is_hidden(&self, path: &str) -> bool {
        self.rows.get(&generic(path)).is_some_and(|row| row.hidden)
    }

    /// Whether the model lets an ACS write a parameter.
    pub(crate) fn is_writable(&self, path: &str) -> bool {
        self.rows
            .get(&generic(path))
            .is_some_and(|row| row.writable)
    }

    /// The `xsi:type` of each path; `None` without tables.
    pub(crate) fn expected_types(&'static self) -> Option<Arc<ExpectedType>> {
        if !self.is_known() {
            println!("skipped: no corpus, so that the types of values are not compared");
            return None;
        }
        Some(Arc::new(|path: &str| {
            let row = self.rows.get(&generic(path))?;
            (row.kind != "base64").then(|| format!("xsd:{}", row.kind))
        }))
    }

    /// What is wrong with names (C011) and values (C005) of a message.
    pub(crate) fn findings(&self, message: &CpeMessage) -> Vec<(&'static str, String)> {
        if !self.is_known() {
            return Vec::new();
        }
        let mut findings = Vec::new();
        let lists_names = matches!(
            message.method.as_str(),
            "Inform"
                | "GetParameterValuesResponse"
                | "GetParameterNamesResponse"
                | "GetParameterAttributesResponse"
        );
        if lists_names {
            for name in message.names() {
                if !self.has(&name.name) {
                    findings.push(("C011", format!("{} is not in the model", name.name)));
                }
            }
        }
        if matches!(
            message.method.as_str(),
            "Inform" | "GetParameterValuesResponse"
        ) {
            for value in message.values() {
                let Some(row) = self.rows.get(&generic(&value.name)) else {
                    continue;
                };
                if let Some(problem) = row.rule.problem(&value.value) {
                    findings.push(("C005", format!("{}: {problem}", value.name)));
                }
            }
        }
        findings
    }

    fn has(&self, name: &str) -> bool {
        let generic = generic(name);
        generic.split('.').any(|segment| segment.starts_with("X_"))
            || self.rows.contains_key(&generic)
            || self.objects.contains(&generic)
    }

    fn read(root: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/datamodel");
        let mut model = Self::default();
        for (file, prefix) in [(root, ""), ("tr104-1.1.tsv", SERVICES)] {
            let Ok(table) = std::fs::read_to_string(folder.join(file)) else {
                return Self::default();
            };
            for line in table.lines().skip(1) {
                model.add(prefix, line);
            }
        }
        model.objects.insert(SERVICES.to_owned());
        model
    }

    fn add(&mut self, prefix: &str, line: &str) {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[path, access, kind, rule, _, forced, ..] = columns.as_slice() else {
            return;
        };
        let path = format!("{prefix}{path}");
        if path.ends_with('.') {
            if let Some(table) = path.strip_suffix("{i}.") {
                self.objects.insert(table.to_owned());
            }
            self.objects.insert(path);
            return;
        }
        let base = kind.split('(').next().unwrap_or(kind);
        let list = base.starts_with("list");
        let row = Row {
            kind: if list { "string" } else { base }.to_owned(),
            writable: access.contains('W'),
            hidden: rule.contains("hidden"),
            forced: forced == "Y",
            rule: Rule::read(rule, list),
        };
        self.rows.insert(path, row);
    }
}

impl Rule {
    fn read(text: &str, list: bool) -> Self {
        let mut rule = Self {
            list,
            ..Self::default()
        };
        for part in text.split("; ").map(str::trim) {
            let number = |text: &str| text.trim().parse().ok();
            if let Some(words) = part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            {
                let words = words.split('|').map(|word| word.trim_end_matches("(opt)"));
                rule.words.extend(words.map(str::to_owned));
            } else if let Some(range) = part.strip_prefix('[') {
                let range = range.trim_end_matches(']');
                if let Some((first, last)) = range.split_once(':') {
                    rule.ranges.push((number(first), number(last)));
                }
            } else if let Some(pattern) = part.strip_prefix("pattern") {
                let pattern = Regex::new(&format!("^(?:{})$", pattern.trim()));
                rule.patterns.extend(pattern.ok());
            } else if let Some(length) = part.strip_prefix("len ")
                && let Some((first, last)) = length.split_once(':')
            {
                let bound = |text: &str, without| text.trim().parse().unwrap_or(without);
                rule.length = Some((bound(first, 0), bound(last, usize::MAX)));
            } else if let Some((_, total)) = part.split_once("total-len :") {
                rule.total = total.trim().parse().ok();
            }
        }
        rule
    }

    fn problem(&self, value: &str) -> Option<String> {
        if self.total.is_some_and(|most| value.chars().count() > most) {
            return Some(format!("a list of {} characters", value.chars().count()));
        }
        if !self.list {
            return self.item_problem(value);
        }
        let mut items = value.split(',').map(str::trim);
        items.find_map(|item| {
            let problem = self.item_problem(item);
            problem.filter(|_| !item.is_empty())
        })
    }

    fn item_problem(&self, value: &str) -> Option<String> {
        let is_word = self.words.iter().any(|word| word == value) || value.starts_with("X_");
        if !self.words.is_empty() && !is_word {
            return Some(format!("{value:?} is none of {:?}", self.words));
        }
        if !self.ranges.is_empty() {
            let number: i64 = value.parse().ok()?;
            let fits = self.ranges.iter().any(|(first, last)| {
                first.is_none_or(|first| first <= number) && last.is_none_or(|last| number <= last)
            });
            if !fits {
                return Some(format!("{number} is in none of {:?}", self.ranges));
            }
        }
        let length = value.chars().count();
        if let Some((first, last)) = self.length
            && !(first..=last).contains(&length)
            && length > 0
        {
            return Some(format!("{length} characters, not {first} to {last}"));
        }
        let fits = self.patterns.iter().any(|pattern| pattern.is_match(value));
        if !self.patterns.is_empty() && !fits {
            return Some(format!("{value:?} keeps none of {:?}", self.patterns));
        }
        None
    }
}

/// The path with `{i}` for every instance number.
fn generic(path: &str) -> String {
    let segments: Vec<&str> = path
        .split('.')
        .map(|segment| {
            let is_number =
                !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { "{i}" } else { segment }
        })
        .collect();
    segments.join(".")
}
