//! Several keys behind one comma-separated list.

use super::address::{octets, parse_address, written_octets};
use super::conversion::{Reading, Writing, is_blank};
use super::scalar::quoted;
use crate::mapping::error::{PackError, PackProblem};
use crate::mapping::section::Section;

/// A list whose items stand in keys of their own.
#[derive(Debug)]
pub(in crate::mapping) struct List {
    /// Keys an item: one, or four that hold the numbers of an IPv4 address.
    group: usize,
    separator: String,
    /// Native items that count as absent; the first is written where an item goes.
    empty: Vec<String>,
}

impl List {
    pub(super) fn parse(section: &Section<'_>, keys: usize) -> Result<Self, PackError> {
        let group = section.count("group")?.unwrap_or(1);
        if !matches!(group, 1 | 4) || !keys.is_multiple_of(group) {
            let problem = PackProblem::KeyCount {
                convert: "list",
                seen: keys,
                wanted: "`group` keys an item, and 1 or 4 as `group`",
            };
            return Err(section.error(&section.span, problem));
        }
        let separator = section
            .text("separator")?
            .map_or_else(|| ",".to_owned(), |text| text.value.into_owned());
        if separator.is_empty() {
            let problem = PackProblem::Template {
                text: separator,
                reason: "the separator is empty".to_owned(),
            };
            return Err(section.error(&section.span, problem));
        }
        let empty: Vec<String> = section
            .texts("empty")?
            .unwrap_or_default()
            .into_iter()
            .map(|text| text.value.into_owned())
            .collect();
        Ok(Self {
            group,
            separator,
            empty,
        })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let item = match self.group {
            1 => "one item a key".to_owned(),
            keys => format!("{keys} keys an IPv4 address"),
        };
        let mut words = vec![item, format!("joined by {}", quoted(&self.separator))];
        if !self.empty.is_empty() {
            let empty: Vec<String> = self.empty.iter().map(|text| quoted(text)).collect();
            words.push(format!("{} is no item", empty.join(", ")));
        }
        words
    }

    pub(super) fn read(&self, natives: &[Option<&str>]) -> Reading {
        if natives.iter().all(Option::is_none) {
            return Reading::Absent;
        }
        let mut items = Vec::new();
        for group in natives.chunks(self.group) {
            if self.is_empty(group) {
                continue;
            }
            let Some(item) = self.item(group) else {
                return Reading::Unreadable;
            };
            if item.contains(&self.separator) {
                return Reading::Unreadable;
            }
            items.push(item);
        }
        Reading::Value(items.join(&self.separator))
    }

    pub(super) fn write(&self, natives: &[Option<&str>], wanted: &str, explicit: bool) -> Writing {
        let mut items = wanted
            .split(&self.separator)
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let mut written = Vec::with_capacity(natives.len());
        for group in natives.chunks(self.group) {
            match items.next() {
                Some(item) => written.extend(self.written(item)?),
                None if self.can_stay(group, explicit) => {
                    written.extend(group.iter().map(|_| None))
                }
                None => written.extend(self.written_empty(group)),
            }
        }
        if items.next().is_some() {
            let places = natives.len() / self.group;
            return Err(format!("the phone has places for {places} items"));
        }
        Ok(written)
    }

    fn item(&self, group: &[Option<&str>]) -> Option<String> {
        match group {
            [native] => native.map(|text| text.trim().to_owned()),
            _ => octets(group).map(|address| address.to_string()),
        }
    }

    fn is_empty(&self, group: &[Option<&str>]) -> bool {
        group.iter().all(|native| is_blank(*native))
            || self
                .item(group)
                .is_some_and(|item| self.empty.contains(&item))
    }

    /// Whether a group that says nothing can be left as it is.
    fn can_stay(&self, group: &[Option<&str>], explicit: bool) -> bool {
        let unset = group.iter().all(Option::is_none);
        self.is_empty(group) && !(explicit && unset)
    }

    fn written(&self, item: &str) -> Result<Vec<Option<String>>, String> {
        if self.group == 1 {
            return Ok(vec![Some(item.to_owned())]);
        }
        parse_address(item).map(written_octets)
    }

    fn written_empty(&self, group: &[Option<&str>]) -> Vec<Option<String>> {
        let empty = self.empty.first().map_or("", String::as_str);
        match self.written(empty) {
            Ok(written) => written,
            Err(_) => group.iter().map(|_| Some(String::new())).collect(),
        }
    }
}
