//! Lenses for Device:1 seen as another data model: a second lens behind each of theirs. What a
//! parameter is called there, and in which words its value is told, stands in a file of its own
//! (`mappings/device2.toml`) and is the same for all vendors.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::change::{Change, NativeEdit, Refusal, RefusalReason};
use super::pack::Pack;
use super::parameter::{Parameter, ValueState};
use super::rows::Rows;
use super::template_view::Template;
use crate::datamodel::{ParameterPath, Schema};
use crate::native::Layers;

/// Everything below it is the same in all data models that there are views for.
const SERVICES: &str = "Device.Services.";
/// What every path begins with.
const ROOT: &str = "Device.";

/// How parameters of lenses are shown in another data model.
#[derive(Debug)]
pub(super) struct View {
    pub(super) template: Template,
    pub(super) version: u32,
    pub(super) schema: &'static Schema,
    /// Names of parameters, or beginnings of names that end in a dot, and what stands in their
    /// place; the longest first.
    pub(super) renames: Vec<(String, String)>,
    /// Object for standard parameters that have no place in the data model.
    pub(super) otherwise: String,
    pub(super) words: Vec<Words>,
    pub(super) lists: Vec<List>,
    pub(super) constants: Vec<Parameter>,
}

/// A parameter that tells in words of its own what another one has.
#[derive(Debug)]
pub(super) struct Words {
    /// The parameter of the lens.
    pub(super) of: ParameterPath,
    pub(super) path: ParameterPath,
    /// Value of the lens's parameter and value here; one-to-one if it can be written.
    pub(super) values: Vec<(String, String)>,
    pub(super) writable: bool,
}

/// A comma list of a lens, shown item by item.
#[derive(Debug)]
pub(super) struct List {
    /// The parameter of the lens.
    pub(super) of: ParameterPath,
    pub(super) items: Vec<Item>,
}

/// One item of a list.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) path: ParameterPath,
    pub(super) beside: Vec<Beside>,
}

/// A parameter beside an item that tells whether it is there.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) path: ParameterPath,
    pub(super) filled: String,
    pub(super) empty: String,
}

/// What a parameter of the view shows.
enum Origin<'v> {
    /// The whole value of a lens's parameter, in the same words.
    Same(Cow<'v, ParameterPath>),
    Words(&'v Words),
    /// The item of this number, from 0.
    Item(&'v List, usize),
    /// Whether an item is there.
    Beside(&'v List),
    Constant(&'v Parameter),
}

/// What one parameter of a lens is to get.
struct Asked {
    value: String,
    /// The parameters of the view that ask for it.
    by: Vec<ParameterPath>,
}

impl View {
    /// All parameters of lenses as they are shown, and the constants, sorted by path.
    pub(super) fn show_all(&self, parameters: Vec<Parameter>) -> Vec<Parameter> {
        let mut shown = Vec::with_capacity(parameters.len() + self.constants.len() + 16);
        shown.extend(self.constants.iter().cloned());
        for parameter in parameters {
            self.show(parameter, &mut shown);
        }
        shown.sort_unstable_by(|one, two| one.path.cmp(&two.path));
        shown
    }

    /// The parameter of a path, given what finds the lens's parameter behind it.
    pub(super) fn show_one(
        &self,
        path: &ParameterPath,
        lens_parameter: impl Fn(&ParameterPath) -> Option<Parameter>,
    ) -> Option<Parameter> {
        let Some(own) = self.lens_path(path) else {
            return match self.origin(path)? {
                Origin::Constant(constant) => Some(constant.clone()),
                _ => None,
            };
        };
        let mut shown = Vec::new();
        self.show(lens_parameter(own.as_ref())?, &mut shown);
        shown.into_iter().find(|shown| shown.path == *path)
    }

    /// Whether a parameter shows one item of a list, or whether that is there.
    pub(super) fn is_item(&self, path: &ParameterPath) -> bool {
        matches!(
            self.origin(path),
            Some(Origin::Item(..) | Origin::Beside(_))
        )
    }

    /// The lens's parameter behind one that is shown; `None` for a constant, and for a path that
    /// is not of this data model.
    pub(super) fn lens_path<'v>(&'v self, path: &ParameterPath) -> Option<Cow<'v, ParameterPath>> {
        Some(match self.origin(path)? {
            Origin::Same(own) => own,
            Origin::Words(words) => Cow::Borrowed(&words.of),
            Origin::Item(list, _) | Origin::Beside(list) => Cow::Borrowed(&list.of),
            Origin::Constant(_) => return None,
        })
    }

    /// The parameters that show something of a lens's parameter.
    pub(super) fn paths_of(&self, own: &ParameterPath) -> Vec<ParameterPath> {
        let words = self.words.iter().filter(|words| words.of == *own);
        let mut paths: Vec<ParameterPath> = words.map(|words| words.path.clone()).collect();
        for list in self.lists.iter().filter(|list| list.of == *own) {
            for item in &list.items {
                paths.push(item.path.clone());
                paths.extend(item.beside.iter().map(|beside| beside.path.clone()));
            }
        }
        if paths.is_empty() {
            paths.extend(self.shown_name(own.as_str()).parse());
        }
        paths
    }

    /// The name under which a parameter or table of a lens is shown, if it keeps its value.
    pub(super) fn shown_name<'n>(&self, own: &'n str) -> Cow<'n, str> {
        let mut renames = self.renames.iter();
        let renamed = renames.find_map(|(from, to)| replace_start(own, from, to));
        let shown = renamed.map_or(Cow::Borrowed(own), Cow::Owned);
        let is_known = shown.starts_with(SERVICES)
            || is_vendor_name(&shown)
            || self.schema.entry(&shown).is_some();
        match own.strip_prefix(ROOT) {
            Some(rest) if !is_known => Cow::Owned(format!("{}{rest}", self.otherwise)),
            _ => shown,
        }
    }

    /// The change of a lens's parameter that a change here stands for.
    pub(super) fn change(
        &self,
        path: &ParameterPath,
        value: &str,
    ) -> Result<(ParameterPath, String), RefusalReason> {
        let origin = self.origin(path).ok_or(RefusalReason::Unknown)?;
        match origin {
            Origin::Same(own) if own.as_ref() == path => Ok((own.into_owned(), value.to_owned())),
            Origin::Same(own) => Ok((own.into_owned(), self.checked(path, value)?)),
            Origin::Words(words) if words.writable => {
                let wanted = self.checked(path, value)?;
                let mut values = words.values.iter();
                let found = values.find(|(_, shown)| *shown == wanted);
                let (own, _) = found.ok_or_else(|| RefusalReason::BadValue {
                    why: "the phone has nothing for this value".to_owned(),
                })?;
                Ok((words.of.clone(), own.clone()))
            }
            _ => Err(RefusalReason::ReadOnly),
        }
    }

    /// Carries out changes of what is shown, all of them or none, as [`Pack::write`] does.
    pub(super) fn write(
        &self,
        pack: &Pack,
        layers: &mut Layers,
        rows: &Rows,
        changes: &[Change],
    ) -> Result<Vec<NativeEdit>, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let mut asked: BTreeMap<ParameterPath, Asked> = BTreeMap::new();
        let mut lists: Vec<(&List, Vec<(usize, &Change)>)> = Vec::new();
        for change in changes {
            let refuse = |reason| Refusal {
                path: change.path.clone(),
                reason,
            };
            if let Some(Origin::Item(list, place)) = self.origin(&change.path) {
                let known = lists.iter_mut().find(|(known, _)| known.of == list.of);
                match known {
                    Some((_, items)) => items.push((place, change)),
                    None => lists.push((list, vec![(place, change)])),
                }
                continue;
            }
            match self.change(&change.path, &change.value) {
                Ok((own, value)) => {
                    let by = vec![change.path.clone()];
                    asked.insert(own, Asked { value, by });
                }
                Err(reason) => refusals.push(refuse(reason)),
            }
        }
        for (list, items) in lists {
            let Some(present) = pack.lens_parameter(layers, rows, &list.of) else {
                refusals.extend(items.iter().map(|(_, change)| Refusal {
                    path: change.path.clone(),
                    reason: RefusalReason::Unknown,
                }));
                continue;
            };
            match self.joined(&present.value, &items) {
                Ok(value) => {
                    let by = items.iter().map(|(_, change)| change.path.clone());
                    let by = by.collect();
                    asked.insert(list.of.clone(), Asked { value, by });
                }
                Err(of_list) => refusals.extend(of_list),
            }
        }
        let own: Vec<Change> = asked
            .iter()
            .map(|(path, asked)| Change {
                path: path.clone(),
                value: asked.value.clone(),
            })
            .collect();
        // What is refused here must change nothing; what the lenses refuse is told beside it.
        let mut attempt = layers.clone();
        let outcome = pack.write_lenses(&mut attempt, rows, &own);
        let edits = match outcome {
            Ok(edits) if refusals.is_empty() => edits,
            Ok(_) => return Err(refusals),
            Err(of_lenses) => {
                for Refusal { path, reason } in of_lenses {
                    let by = asked.get(&path).map(|asked| asked.by.as_slice());
                    refusals.extend(by.unwrap_or_default().iter().map(|path| Refusal {
                        path: path.clone(),
                        reason: reason.clone(),
                    }));
                }
                return Err(refusals);
            }
        };
        *layers = attempt;
        Ok(edits)
    }

    /// A list after changes of some of its items. Items that stand behind those that are shown
    /// stay.
    fn joined(&self, present: &str, items: &[(usize, &Change)]) -> Result<String, Vec<Refusal>> {
        let before: Vec<&str> = split(present).collect();
        let mut after: Vec<String> = before.iter().map(|&item| item.to_owned()).collect();
        let mut refusals = Vec::new();
        let mut wanted = Vec::new();
        for (place, change) in items {
            match self.checked(&change.path, &change.value) {
                Ok(value) => {
                    if after.len() <= *place {
                        after.resize(place + 1, String::new());
                    }
                    if let Some(item) = after.get_mut(*place) {
                        item.clone_from(&value);
                    }
                    wanted.push((*place, *change, value));
                }
                Err(reason) => refusals.push(Refusal {
                    path: change.path.clone(),
                    reason,
                }),
            }
        }
        while after.last().is_some_and(String::is_empty) {
            after.pop();
        }
        if after == before {
            // Blanks between items are no change.
            return if refusals.is_empty() {
                Ok(present.to_owned())
            } else {
                Err(refusals)
            };
        }
        let joined = after.join(",");
        // A list has no empty places, and an item no comma: what would read otherwise is refused.
        let read: Vec<&str> = split(&joined).collect();
        for (place, change, value) in wanted {
            if read.get(place).copied().unwrap_or_default() != value || read.len() != after.len() {
                refusals.push(Refusal {
                    path: change.path.clone(),
                    reason: RefusalReason::BadValue {
                        why:
                            "the phone keeps these as a list without empty places: fill the first \
                            ones first"
                                .to_owned(),
                    },
                });
            }
        }
        if refusals.is_empty() {
            Ok(joined)
        } else {
            Err(refusals)
        }
    }

    /// A value as the data model wants it.
    fn checked(&self, path: &ParameterPath, value: &str) -> Result<String, RefusalReason> {
        match self.schema.entry(path.as_str()) {
            Some(entry) => Ok(entry.check(value)?),
            None => Ok(value.to_owned()),
        }
    }

    fn origin(&self, path: &ParameterPath) -> Option<Origin<'_>> {
        if let Some(constant) = self.constants.iter().find(|it| it.path == *path) {
            return Some(Origin::Constant(constant));
        }
        if let Some(words) = self.words.iter().find(|words| words.path == *path) {
            return Some(Origin::Words(words));
        }
        for list in &self.lists {
            for (place, item) in list.items.iter().enumerate() {
                if item.path == *path {
                    return Some(Origin::Item(list, place));
                }
                if item.beside.iter().any(|beside| beside.path == *path) {
                    return Some(Origin::Beside(list));
                }
            }
        }
        let shown = path.as_str();
        let in_place = |start: &str| {
            shown
                .strip_prefix(start)
                .map(|rest| format!("{ROOT}{rest}"))
        };
        let mut candidates = self
            .renames
            .iter()
            .filter_map(|(from, to)| replace_start(shown, to, from))
            .chain(in_place(&self.otherwise))
            .chain([shown.to_owned()]);
        candidates
            .find(|own| !self.is_retold(own) && self.shown_name(own) == shown)
            .and_then(|own| own.parse().ok())
            .map(|own| Origin::Same(Cow::Owned(own)))
    }

    /// Whether a lens's parameter is shown in other words or item by item.
    fn is_retold(&self, own: &str) -> bool {
        let mut words = self.words.iter().map(|words| &words.of);
        let mut lists = self.lists.iter().map(|list| &list.of);
        words.any(|of| of.as_str() == own) || lists.any(|of| of.as_str() == own)
    }

    fn show(&self, parameter: Parameter, shown: &mut Vec<Parameter>) {
        if self.is_retold(parameter.path.as_str()) {
            self.retell(&parameter, shown);
            return;
        }
        let path = match self.shown_name(parameter.path.as_str()) {
            Cow::Borrowed(_) => {
                shown.push(parameter);
                return;
            }
            Cow::Owned(name) => name.parse(),
        };
        // A longer name may be too long for a path: nothing can name the parameter then.
        if let Ok(path) = path {
            let (writable, value) = (parameter.writable, parameter.value.clone());
            shown.push(self.parameter(path, &parameter, writable, value));
        }
    }

    fn retell(&self, parameter: &Parameter, shown: &mut Vec<Parameter>) {
        for words in self.words.iter().filter(|it| it.of == parameter.path) {
            let mut values = words.values.iter();
            let found = values.find(|(own, _)| *own == parameter.value);
            if let Some((_, value)) = found {
                let writable = words.writable && parameter.writable;
                let path = words.path.clone();
                shown.push(self.parameter(path, parameter, writable, value.clone()));
            }
        }
        for list in self.lists.iter().filter(|it| it.of == parameter.path) {
            let mut values = split(&parameter.value);
            for item in &list.items {
                let value = values.next().unwrap_or_default();
                for beside in &item.beside {
                    let word = if value.is_empty() {
                        &beside.empty
                    } else {
                        &beside.filled
                    };
                    let path = beside.path.clone();
                    shown.push(self.parameter(path, parameter, false, word.clone()));
                }
                let (path, value) = (item.path.clone(), value.to_owned());
                shown.push(self.parameter(path, parameter, parameter.writable, value));
            }
        }
    }

    /// A parameter of this data model that shows something of a lens's. What the data model has
    /// no room for is unreadable, as it is in a lens.
    fn parameter(
        &self,
        path: ParameterPath,
        of: &Parameter,
        writable: bool,
        value: String,
    ) -> Parameter {
        let mut parameter = Parameter {
            path,
            writable,
            value,
            ..of.clone()
        };
        let Some(entry) = self.schema.entry(parameter.path.as_str()) else {
            return parameter;
        };
        let Some(facts) = entry.parameter() else {
            return parameter;
        };
        parameter.value_type = facts.rule.wire_type();
        parameter.hidden |= facts.hidden;
        parameter.writable &= entry.writable();
        match facts.rule.admits(&parameter.value) {
            Ok(value) => parameter.value = value,
            Err(_) => {
                let default = facts.default.clone().unwrap_or_else(|| facts.rule.zero());
                let native = std::mem::replace(&mut parameter.value, default);
                if !matches!(parameter.state, ValueState::Unreadable { .. }) {
                    parameter.state = ValueState::Unreadable { native };
                }
            }
        }
        parameter
    }
}

/// A name with another beginning, or another name for the whole; `None` if it is not meant.
fn replace_start(name: &str, from: &str, to: &str) -> Option<String> {
    let rest = name.strip_prefix(from)?;
    (rest.is_empty() || from.ends_with('.')).then(|| format!("{to}{rest}"))
}

/// Whether a name has a segment of a vendor, so that no data model says anything about it.
pub(super) fn is_vendor_name(name: &str) -> bool {
    name.contains(".X_")
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}
