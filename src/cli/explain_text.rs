//! How `trestle explain` tells lenses to a person.

use super::output;
use crate::gateway::PhoneExplanation;
use crate::mapping::{
    AliasExplanation, CurrentValue, KeyExplanation, LensExplanation, Origin, ParameterExplanation,
};
use crate::native::Mark;

/// More lenses than this are told in two lines each.
const MOST_IN_FULL: usize = 9;
/// Keys by slot that are all named; of more, the first and the last.
const MOST_KEYS: usize = 6;
/// Other names of the keys of a lens that are all told.
const MOST_ALIASES: usize = 4;
/// Before what a lens does, after its place.
const PLACE_WIDTH: usize = 28;
/// Before the label of a line, and before its text.
const INDENT: &str = "    ";
const LABEL_WIDTH: usize = 10;

/// Lenses that differ in their places only.
struct Group<'e> {
    lens: &'e LensExplanation,
    places: Vec<&'e LensExplanation>,
}

/// Prints lenses, those that are alike together.
pub(super) fn print_lenses(lenses: &[LensExplanation], width: usize) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for lens in lenses {
        match groups.iter_mut().find(|group| alike(group.lens, lens)) {
            Some(group) => group.places.push(lens),
            None => groups.push(Group {
                lens,
                places: vec![lens],
            }),
        }
    }
    if groups.len() > MOST_IN_FULL {
        print_briefly(groups);
        return;
    }
    for (number, group) in groups.iter().enumerate() {
        if number > 0 {
            output::line("");
        }
        group.print(width);
    }
}

/// A line a lens, those for the same parameters together.
fn print_briefly(mut groups: Vec<Group<'_>>) {
    groups.sort_by(|one, other| one.paths().cmp(other.paths()));
    let mut before = None;
    for group in &groups {
        let paths: Vec<&str> = group.paths().collect();
        if before.as_ref() != Some(&paths) {
            for path in &paths {
                output::line(path);
            }
        }
        before = Some(paths);
        group.print_briefly();
    }
    output::line("");
    output::line(&format!(
        "{} lenses; one parameter, --vendor or --mac tells them in full",
        groups.len()
    ));
}

/// Prints what a phone has.
pub(super) fn print_phone(explanation: &PhoneExplanation) {
    if explanation.values.is_empty() && explanation.others.is_empty() {
        if !explanation.lenses.is_empty() {
            let why = match explanation.is_readable {
                true => "has no such parameter",
                false => "has a file that is encrypted and can't be opened",
            };
            output::line("");
            output::line(&format!("{} {why}", explanation.mac));
        }
        return;
    }
    if !explanation.lenses.is_empty() {
        output::line("");
    }
    let model = explanation.model.as_deref().unwrap_or("model not known");
    output::line(&format!(
        "now on {} ({}, {model})",
        explanation.mac, explanation.vendor
    ));
    for value in &explanation.values {
        print_value(value);
    }
    for other in &explanation.others {
        output::line(&format!("{INDENT}{} = {}", other.path, shown(&other.value)));
        let origin = match (&other.file, other.line) {
            (Some(file), Some(line)) => format!("{file}:{line}, kept as it is: no lens is for it"),
            _ => "the virtual CPE's own: in no file".to_owned(),
        };
        output::line(&format!("{INDENT}{INDENT}{origin}"));
    }
}

fn print_value(value: &CurrentValue) {
    let shown = shown(&value.value);
    let origin = match (value.origin, value.natives.is_empty()) {
        (Origin::File, _) => "",
        (Origin::Default, true) => "    (default: no file sets it)",
        (Origin::Default, false) => "    (default)",
        (Origin::Kept, _) => "    (kept beside the phone)",
        (Origin::Unreadable, _) => "    (default: what the file has means nothing here)",
    };
    output::line(&format!("{INDENT}{} = {shown}{origin}", value.path));
    for native in &value.natives {
        let mark = match native.mark {
            Mark::None => "",
            Mark::Locked => ", marked `!`: the phone's user can't change it",
            Mark::Overwriting => ", marked `^`: it replaces what the phone's user has set",
        };
        output::line(&format!(
            "{INDENT}{INDENT}{} = {}    {}:{}{mark}",
            native.key, native.text, native.file, native.line
        ));
    }
}

fn shown(value: &str) -> &str {
    match value {
        "" => "\"\"",
        value => value,
    }
}

/// Whether two lenses say the same in different places.
fn alike(one: &LensExplanation, other: &LensExplanation) -> bool {
    let mut placed = other.clone();
    placed.vendor.clone_from(&one.vendor);
    placed.set.clone_from(&one.set);
    placed.file.clone_from(&one.file);
    placed.line = one.line;
    placed.models.clone_from(&one.models);
    placed == *one
}

impl Group<'_> {
    fn print(&self, width: usize) {
        let lens = self.lens;
        for parameter in &lens.parameters {
            output::line(&parameter.path);
            for shown in &parameter.shown_as {
                output::line(&format!("{INDENT}shown as {shown}"));
            }
        }
        let entry = |label: &str, text: &str| {
            let room = width.saturating_sub(INDENT.len() + LABEL_WIDTH);
            let mut label = label;
            for line in wrap(text, room) {
                output::line(format!("{INDENT}{label:<LABEL_WIDTH$}{line}").trim_end());
                label = "";
            }
        };
        for (label, text) in self.keys() {
            entry(label, &text);
        }
        let aliases: Vec<String> = lens.keys.iter().flat_map(|key| self.aliases(key)).collect();
        for text in aliases.iter().take(MOST_ALIASES) {
            entry("alias", text);
        }
        if aliases.len() > MOST_ALIASES {
            let more = aliases.len() - MOST_ALIASES;
            entry("", &format!("and {more} more; --format json has all"));
        }
        let mut words = lens.words.iter();
        let first = words.next().map_or("", String::as_str);
        entry("converts", &format!("{}: {first}", lens.conversion));
        for word in words {
            entry("", word);
        }
        let mut told: Vec<String> = Vec::new();
        for parameter in &lens.parameters {
            let text = takes(parameter, self.default(parameter));
            if !told.contains(&text) {
                let several = lens
                    .parameters
                    .iter()
                    .any(|other| takes(other, self.default(other)) != text);
                let name = parameter.path.rsplit('.').next().unwrap_or_default();
                let shown = if several {
                    format!("{name}: {text}")
                } else {
                    text.clone()
                };
                entry(if told.is_empty() { "value" } else { "" }, &shown);
                told.push(text);
            }
        }
        for (number, path) in lens.beside.iter().enumerate() {
            entry(if number == 0 { "same in" } else { "" }, path);
        }
        if lens.needs_restart {
            entry("effect", "after a restart of the phone");
        }
        if lens.only_if_set {
            entry("shown", "only while a file sets it");
        }
        for (number, place) in self.places.iter().enumerate() {
            entry(if number == 0 { "lens" } else { "" }, &place_of(place));
        }
        if let Some(note) = &lens.note {
            entry("note", note);
        }
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        let parameters = self.lens.parameters.iter();
        parameters.map(|parameter| parameter.path.as_str())
    }

    fn print_briefly(&self) {
        let keys = match self.lens.keys.as_slice() {
            [key] if self.lens.slots.is_empty() => by_slot(&key.names),
            keys => {
                let names = keys.iter().map(|key| at(&key.names, self.slot()));
                names.collect::<Vec<_>>().join(", ")
            }
        };
        let word = self.lens.words.first().map_or("", String::as_str);
        let does = format!("{}: {word}", self.lens.conversion);
        let does = if keys.is_empty() {
            does
        } else {
            format!("{keys}; {does}")
        };
        for lens in &self.places {
            let place = format!("{}:{}", lens.file, lens.line);
            output::line(&format!("{INDENT}{place:<PLACE_WIDTH$} {does}"));
        }
    }

    /// The slot that is told of several: the one that was asked for, else the first with a key.
    fn slot(&self) -> usize {
        let asked = self.lens.slots.first();
        let asked = asked.and_then(|slot| usize::try_from(*slot).ok());
        let first = || {
            let names = self.lens.keys.first().map(|key| &key.names);
            names.and_then(|names| names.iter().position(Option::is_some))
        };
        asked
            .and_then(|slot| slot.checked_sub(1))
            .or_else(first)
            .unwrap_or_default()
    }

    /// What a slot is called: `account 2`.
    fn slot_name(&self) -> String {
        let index = self.lens.index.as_ref();
        let name = index.map_or("", |index| index.name.as_str());
        format!("{name} {}", self.slot() + 1)
    }

    /// The keys, with labels: of one key all slots, of several the slot that was asked for.
    fn keys(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        match self.lens.keys.as_slice() {
            [] => {}
            [key] if key.names.len() == 1 => lines.push(("key", at(&key.names, 0))),
            [key] => {
                let all = by_slot(&key.names);
                if self.lens.slots.is_empty() {
                    lines.push(("key", all));
                } else {
                    let own = at(&key.names, self.slot());
                    lines.push((
                        "key",
                        format!("{own} ({}); of all: {all}", self.slot_name()),
                    ));
                }
            }
            keys => {
                let slot = self.slot();
                let names = keys.iter().map(|key| at(&key.names, slot));
                let names: Vec<String> = names.collect();
                let several = keys.iter().any(|key| key.names.len() > 1);
                let whose = match several {
                    true => format!(" ({})", self.slot_name()),
                    false => String::new(),
                };
                lines.push(("keys", format!("{}{whose}", names.join(", "))));
            }
        }
        for key in &self.lens.keys {
            if !key.fallbacks.is_empty() {
                let whole = match key.line_as_a_whole {
                    true => ", while the line has none of its keys",
                    false => ", while there is none",
                };
                lines.push((
                    "else",
                    format!("{}{whole}", at(&key.fallbacks, self.slot())),
                ));
            }
        }
        if self.lens.keys.iter().any(|key| key.redirected) {
            let text = "the keys of another slot count where the phone is told so";
            lines.push(("", text.to_owned()));
        }
        lines
    }

    fn aliases(&self, key: &KeyExplanation) -> Vec<String> {
        let slot = u32::try_from(self.slot() + 1).unwrap_or(u32::MAX);
        let of_slot = key.aliases.iter();
        let of_slot = of_slot.filter(|alias| alias.slot.is_none_or(|own| own == slot));
        of_slot.map(alias_text).collect()
    }

    fn default<'p>(&self, parameter: &'p ParameterExplanation) -> &'p str {
        let defaults = &parameter.defaults;
        let default = match defaults.as_slice() {
            [one] => Some(one),
            _ => defaults.get(self.slot()),
        };
        default.map_or("", String::as_str)
    }
}

fn alias_text(alias: &AliasExplanation) -> String {
    let mut text = alias.name.clone();
    if !alias.words.is_empty() {
        text.push_str(&format!(" ({})", alias.words.join(", ")));
    }
    if !alias.models.is_empty() {
        text.push_str(&format!(", models {}", alias.models.join(" ")));
    }
    text
}

fn takes(parameter: &ParameterExplanation, default: &str) -> String {
    let value_type = parameter.value_type.as_str();
    let value_type = value_type
        .split_once(':')
        .map_or(value_type, |(_, name)| name);
    let mut parts = vec![value_type.to_owned()];
    parts.extend(parameter.limits.iter().cloned());
    if !parameter.writable {
        parts.push("read-only".to_owned());
    }
    if parameter.secret {
        parts.push("secret".to_owned());
    }
    let default = match default {
        "" => "empty",
        default => default,
    };
    parts.push(format!("default {default}"));
    parts.join("; ")
}

fn place_of(lens: &LensExplanation) -> String {
    let models = match lens.models.as_slice() {
        [] => String::new(),
        models => format!(" (models {})", models.join(" ")),
    };
    format!("{}:{}{models}", lens.file, lens.line)
}

/// The name at a place; the only one, if it is the same everywhere.
fn at(names: &[Option<String>], place: usize) -> String {
    let name = match names {
        [one] => Some(one),
        _ => names.get(place),
    };
    let name = name.and_then(Option::as_deref);
    name.unwrap_or("no key").to_owned()
}

/// Keys by slot; of many, the ends.
fn by_slot(names: &[Option<String>]) -> String {
    let last = names.iter().rposition(Option::is_some).unwrap_or_default();
    let names = names.iter().take(last + 1);
    let names: Vec<&str> = names.map(|name| name.as_deref().unwrap_or("–")).collect();
    match names.as_slice() {
        [first, second, .., last] if names.len() > MOST_KEYS => {
            format!("{first}, {second} … {last} ({} of them)", names.len())
        }
        names => names.join(", "),
    }
}

/// Lines of at most `width` characters; a longer word has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_between_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(
            wrap("Device.Services.VoiceService. x", 8),
            ["Device.Services.VoiceService.", "x"]
        );
        assert_eq!(wrap("", 8), [""]);
    }

    #[test]
    fn many_keys_are_told_by_their_ends() {
        let names = |count: usize| -> Vec<Option<String>> {
            let mut names: Vec<_> = (1..=count).map(|slot| Some(format!("P{slot}"))).collect();
            names.push(None);
            names
        };
        assert_eq!(by_slot(&names(3)), "P1, P2, P3");
        assert_eq!(by_slot(&names(16)), "P1, P2 … P16 (16 of them)");
        assert_eq!(at(&names(2), 2), "no key");
    }
}
