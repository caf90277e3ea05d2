//! Settings that stand in the files of a phone and have no effect on it, or not for long.

use std::collections::{BTreeMap, HashSet};

use super::in_force::Found;
use super::pack::Pack;
use crate::native::{Layers, Mark, NativeKey};

/// A setting of a phone's own file that a file overrules which the phone reads later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overruled {
    /// The key as the own file names it.
    pub key: NativeKey,
    /// Where it stands there, from 1.
    pub line: u32,
    /// The same, in bytes.
    pub column: u32,
    /// The file that has the last word.
    pub by: String,
    /// The line in that file, from 1.
    pub by_line: u32,
}

/// A line with a setting of its own that keeps global settings from counting for it (aastra.md
/// 1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchedOff {
    /// The setting of the line that does it, the first of them in the order of the pack.
    pub key: NativeKey,
    /// The file that it stands in.
    pub file: String,
    /// Where it stands there, from 1.
    pub line: u32,
    /// The same, in bytes.
    pub column: u32,
    /// The global settings that are set and do not count for the line.
    pub globals: Vec<NativeKey>,
}

impl Pack {
    /// The settings of the own file that have another value in a file which the phone reads later,
    /// in the order of the own file.
    pub fn overruled(&self, layers: &Layers) -> Vec<Overruled> {
        let Some(own) = layers.own().filter(|_| !layers.after_own().is_empty()) else {
            return Vec::new();
        };
        let mut seen = HashSet::new();
        let mut overruled = Vec::new();
        for setting in own.document.settings() {
            let key = self.canonical(setting.key);
            if !seen.insert(key) {
                continue;
            }
            let later = self.shadowing(layers, key);
            let later = later.and_then(|layer| self.effective_in(layer, key));
            let mine = self.setting_in(&own.document, key);
            let value = self.value_in(&own.document, key);
            let (Some(later), Some(mine)) = (later, mine) else {
                continue;
            };
            if value.is_none_or(|value| value != later.value) {
                overruled.push(Overruled {
                    key: mine.key.clone(),
                    line: mine.line,
                    column: mine.column,
                    by: later.layer.path.clone(),
                    by_line: later.line,
                });
            }
        }
        overruled
    }

    /// How many settings that count carry no mark, so that a value that a user sets at the phone
    /// beats them (aastra.md 1.3, 1.4); none where files always win.
    pub fn beaten_by_local_changes(&self, layers: &Layers) -> usize {
        if !self.local_wins() {
            return 0;
        }
        let in_force = self.in_force(layers);
        let unmarked = in_force.iter();
        unmarked
            .filter(|(_, found)| found.mark == Mark::None)
            .count()
    }

    /// The lines whose own settings keep global ones from counting for them, in the order of the
    /// indexes and slots.
    pub fn switched_off(&self, layers: &Layers) -> Vec<SwitchedOff> {
        if self.set.line_sets.is_empty() {
            return Vec::new();
        }
        let in_force = self.in_force(layers);
        let mut lines: BTreeMap<(usize, u32), SwitchedOff> = BTreeMap::new();
        for (place, set) in self.set.line_sets.iter().enumerate() {
            let slots = self.set.indexes.get(set.index);
            for slot in 1..=slots.map_or(0, |index| index.slots) {
                let mut own = self.set_members(place, slot);
                let Some(first) = own.find_map(|key| in_force.get(key)) else {
                    continue;
                };
                let members = set.members.iter().zip(self.set_members(place, slot));
                let globals = members
                    .filter(|(member, own)| in_force.holds(&member.global) && !in_force.holds(own))
                    .map(|(member, _)| member.global.clone());
                let globals: Vec<NativeKey> = globals.collect();
                if globals.is_empty() {
                    continue;
                }
                let line = lines.entry((set.index, slot));
                let line = line.or_insert_with(|| switched_off_by(&first));
                line.globals.extend(globals);
            }
        }
        lines.into_values().collect()
    }
}

fn switched_off_by(found: &Found<'_>) -> SwitchedOff {
    let setting = found.layer.document.setting(found.name);
    SwitchedOff {
        key: found.name.clone(),
        file: found.layer.path.clone(),
        line: found.line,
        column: setting.map_or(1, |setting| setting.column),
        globals: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::{Phone, key_value_text, layer};
    use crate::native::{Dialect, LayerKind, ReadingOrder};

    #[test]
    fn what_a_later_file_sets_otherwise_is_overruled() {
        let mut phone = Phone::key_value("a: 1\nb: 2\n", "x: 1\nb: 3\na: 1\nb: 4\n");
        assert_eq!(phone.pack.overruled(&phone.layers), []);
        phone.layers.read_in(ReadingOrder::PhoneFirst);
        let overruled = phone.pack.overruled(&phone.layers);
        let [found] = overruled.as_slice() else {
            panic!("{overruled:?}");
        };
        assert_eq!((found.key.as_str(), found.line, found.column), ("b", 4, 1));
        assert_eq!((found.by.as_str(), found.by_line), ("example.cfg", 2));
    }

    #[test]
    fn settings_without_a_mark_are_counted_where_a_local_change_wins() {
        let phone = Phone::key_value("a: 1\n!b: 2\nc: 3\n", "^a: 1\nd: 4\n");
        assert_eq!(phone.pack.beaten_by_local_changes(&phone.layers), 0);
        let pack = key_value_text().replacen("merge = true", "merge = true\nlocal_wins = true", 1);
        let own = layer(
            "own.cfg",
            LayerKind::Phone,
            Dialect::KeyValue,
            "^a: 1\nd: 4\n",
        );
        let shared = "a: 1\n!b: 2\nc: 3\n";
        let shared = layer("s.cfg", LayerKind::Shared, Dialect::KeyValue, shared);
        let phone = Phone::new(&pack, vec![own, shared]);
        assert_eq!(phone.pack.beaten_by_local_changes(&phone.layers), 2);
    }

    #[test]
    fn a_line_with_one_key_of_a_set_takes_no_global_one() {
        let shared = "sip proxy ip: a.example.net\nsip proxy port: 5070\n";
        let own = "sip line2 proxy ip: b.example.net\n\
                   sip line3 proxy ip: c.example.net\nsip line3 proxy port: 5061\n";
        let phone = Phone::key_value(shared, own);
        let lines = phone.pack.switched_off(&phone.layers);
        let [line] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        assert_eq!(line.key.as_str(), "sip line2 proxy ip");
        assert_eq!((line.file.as_str(), line.line), ("02AABB000001.cfg", 1));
        assert_eq!(line.globals, [NativeKey::new("sip proxy port")]);
    }
}
