//! One set of lenses of a vendor, as it holds for phones of one model.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::alias::{Alias, Spelling, is_holding};
use super::change::RefusalReason;
use super::convert::Convert;
use super::lens::{Lens, slot_place};
use super::lens_set::{FacePlace, KeyUse, LensSet};
use super::native_names::{key_of, path_of};
use super::rows::{Row, Rows};
use super::template_view::Template;
use super::vendor::{NewFile, Vendor};
use super::view::View;
use crate::datamodel::{ParameterPath, Schema};
use crate::native::{FileIdentity, Layers, Mac, NativeKey};

/// The lenses, identity rules and file rules of one vendor, for one model or for any.
#[derive(Debug, Clone)]
pub struct Pack {
    pub(super) vendor: Arc<Vendor>,
    pub(super) set: Arc<LensSet>,
    /// Which of the set's model conditions hold.
    pub(super) holds: Vec<bool>,
    /// Whether the model is known; else all conditions hold.
    pub(super) knows_model: bool,
    /// Faces whose path is that of another lens for this model.
    pub(super) shadowed: HashSet<FacePlace>,
    /// Through which its parameters are shown; `None`: as the lenses have them.
    pub(super) view: Option<Arc<View>>,
}

/// What was used to derive parameters: with another one they are stale.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PackId {
    /// Name of the lens set.
    pub set: String,
    /// Its version.
    pub version: u32,
    /// The data model that it is for.
    pub template: Template,
    /// Version of the view through which the parameters are shown, where they are.
    pub view: Option<u32>,
}

impl std::fmt::Display for PackId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let template = self.template.name();
        write!(formatter, "{}/{}/{template}", self.set, self.version)?;
        match self.view {
            Some(version) => write!(formatter, "/{version}"),
            None => Ok(()),
        }
    }
}

/// What a path stands for on one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Face { place: FacePlace, slot: u32 },
    Native(NativeKey),
}

impl Pack {
    /// The set as it holds for a model, or for a phone whose model is not known.
    pub(super) fn new(vendor: Arc<Vendor>, set: Arc<LensSet>, model: Option<&str>) -> Self {
        let holds = set.conditions.holding(model);
        Self::with_conditions(vendor, set, holds, model.is_some())
    }

    fn with_conditions(
        vendor: Arc<Vendor>,
        set: Arc<LensSet>,
        holds: Vec<bool>,
        knows_model: bool,
    ) -> Self {
        let mut shadowed = HashSet::new();
        for places in &set.contested {
            let holding = places.iter().filter(|place| {
                let lens = set.lenses.get(place.lens);
                lens.is_some_and(|lens| is_holding(lens.condition, &holds))
            });
            // The row for this model goes before the one for all; for a phone whose model is not
            // known it is the other way round.
            let last = |place: &&FacePlace| {
                let lens = set.lenses.get(place.lens);
                let for_all = lens.is_none_or(|lens| lens.condition.is_none());
                for_all == knows_model
            };
            let first = holding.clone().find(|place| !last(place));
            let first = first.or_else(|| holding.clone().next()).copied();
            shadowed.extend(places.iter().filter(|place| Some(**place) != first));
        }
        Self {
            vendor,
            set,
            holds,
            knows_model,
            shadowed,
            view: None,
        }
    }

    /// Short name, as in reports and settings.
    pub fn vendor(&self) -> &str {
        &self.vendor.name
    }

    /// DeviceInfo.Manufacturer of its phones.
    pub fn manufacturer(&self) -> &str {
        &self.vendor.manufacturer
    }

    /// The file that the lenses stand in.
    pub fn file(&self) -> &str {
        &self.set.file
    }

    /// Raised with every change of lenses: what was derived with another version is stale.
    pub fn version(&self) -> u32 {
        self.set.version
    }

    /// Set, version and template together: what was derived with another one is stale.
    pub fn id(&self) -> PackId {
        PackId {
            set: self.set.name.clone(),
            version: self.set.version,
            template: self.template(),
            view: self.view.as_ref().map(|view| view.version),
        }
    }

    /// The data model that it shows.
    pub fn template(&self) -> Template {
        let view = self.view.as_ref();
        view.map_or(self.set.template, |view| view.template)
    }

    /// That data model.
    pub fn schema(&self) -> &'static Schema {
        let view = self.view.as_ref();
        view.map_or(self.set.schema, |view| view.schema)
    }

    /// Whether later layers override earlier ones key by key. If not, a phone stops at its own
    /// file, and shared files do not count.
    pub fn merges_layers(&self) -> bool {
        self.vendor.merge
    }

    /// Whether what a file does not name keeps its value on the phone. If not, it falls back to
    /// the phone's default.
    pub fn patches(&self) -> bool {
        self.vendor.patch
    }

    /// Whether a value that a user set at the phone beats an unmarked one of a file.
    pub fn local_wins(&self) -> bool {
        self.vendor.local_wins
    }

    /// Whether the lenses hold for a model: vendors have models that read files of the same names,
    /// in which the same keys mean other things. A lens set of its own covers them.
    pub fn covers_model(&self, model: &str) -> bool {
        if self.set.models.is_empty() {
            !self.vendor.identity.other_models.matches(model)
        } else {
            self.set.models.matches(model)
        }
    }

    /// What a file is by this pack's own rules, by name (without folders) and content.
    pub fn identify(&self, file_name: &str, content: &[u8]) -> Option<FileIdentity> {
        self.vendor.identity.identify(file_name, content)
    }

    /// What a file should be by its name (without folders), whatever it holds.
    pub fn identify_by_name(&self, file_name: &str) -> Option<FileIdentity> {
        self.vendor.identity.identify_by_name(file_name)
    }

    /// Whether six hex digits, in either case, are an OUI of the vendor.
    pub fn knows_oui(&self, oui: &str) -> bool {
        self.vendor.identity.knows_oui(oui)
    }

    /// The names under which a phone asks for its own file, the usual one first.
    pub fn served_names(&self, mac: Mac) -> impl Iterator<Item = String> {
        self.vendor.identity.served_names(mac)
    }

    /// An empty file for a phone of a model; `None` where the pack has none.
    pub fn new_file(&self, model: Option<&str>, mac: Mac) -> Option<NewFile> {
        let mut rules = self.vendor.new_files.iter();
        let rule = rules.find(|rule| rule.fits(model))?;
        Some(rule.file(mac))
    }

    /// How many lenses the pack has for the model.
    pub fn lens_count(&self) -> usize {
        let lenses = self.set.lenses.iter();
        lenses.filter(|lens| self.has(lens)).count()
    }

    /// The rows of all tables, given those of before: the row of a slot that is gone goes; a new
    /// slot gets its own number as instance number if that was never used, else the next unused.
    /// A row that was added stays, one that was deleted is back only when the files have something
    /// new of it.
    pub fn rows(&self, layers: &Layers, previous: &Rows) -> Rows {
        let mut present: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for layer in layers.counting() {
            for setting in layer.document.settings() {
                for (index, slot) in self.slots_of(self.canonical(setting.key)) {
                    present.entry(index).or_default().insert(slot);
                }
            }
        }
        let indexes = &self.set.indexes;
        let mut rows = previous.clone();
        self.show_what_is_new(layers, &mut rows);
        rows.show_only(|name| indexes.iter().any(|index| index.name == name));
        for (place, index) in indexes.iter().enumerate() {
            let mut slots = present.remove(&place).unwrap_or_default();
            let holds = self.knows_model.then_some(self.holds.as_slice());
            slots.extend(index.always(holds));
            rows.reconcile(&index.name, &index.table, index.slots, &slots);
        }
        rows
    }

    /// Whether a key's value is a secret: a hidden parameter stands on it, or the pack names it.
    /// The name of an alias is as secret as its key.
    pub fn is_secret_key(&self, key: &NativeKey) -> bool {
        let named = |key: &NativeKey| {
            let names = &self.set.secret_keys;
            let hidden = self.all_uses(key).iter().any(|key_use| {
                let lens = self.set.lenses.get(key_use.lens);
                lens.is_some_and(|lens| lens.faces.iter().any(|face| face.hidden))
            });
            hidden
                || names.exact.contains(key)
                || names
                    .patterns
                    .iter()
                    .any(|pattern| pattern.is_match(key.as_str()))
        };
        let canonical = self.canonical(key);
        named(canonical) || canonical != key && named(key)
    }

    /// Whether a value is one that everybody knows as the key's default password. An alias counts
    /// as its key.
    pub fn is_default_password(&self, key: &NativeKey, value: &str) -> bool {
        let known = self.vendor.default_passwords.get(self.canonical(key));
        known.is_some_and(|values| values.iter().any(|known| known == value))
    }

    /// The native keys behind a parameter, in the lens's order, the fallback after its key. Of a
    /// key that may be another slot's, those of all slots, the own first. Empty for a path that
    /// stands for none.
    pub fn native_keys(&self, path: &ParameterPath, rows: &Rows) -> Vec<NativeKey> {
        match self.target(path, rows) {
            None => Vec::new(),
            Some(Target::Native(key)) => vec![key],
            Some(Target::Face { place, slot }) => {
                let columns = self.set.lenses.get(place.lens);
                let columns = columns.map(|lens| lens.keys.as_slice());
                let slot = slot_place(slot);
                columns
                    .unwrap_or_default()
                    .iter()
                    .flat_map(|column| {
                        let others = column.redirect.iter().flat_map(|_| 0..column.own.len());
                        let others = others.filter(move |other| *other != slot);
                        std::iter::once(slot).chain(others).flat_map(|slot| {
                            let own = column.own.get(slot).and_then(Option::as_ref);
                            let fallback = column.fallback.get(slot).and_then(Option::as_ref);
                            own.into_iter().chain(fallback)
                        })
                    })
                    .cloned()
                    .collect()
            }
        }
    }

    /// The parameters that a native key, or an alias, stands behind, sorted by path; also those
    /// that it only stands behind while another slot's keys count for them.
    pub fn parameters_of(&self, key: &NativeKey, rows: &Rows) -> Vec<ParameterPath> {
        let key = self.canonical(key);
        let row_paths = self.row_paths(rows);
        let mut paths: Vec<ParameterPath> = Vec::new();
        if !self.covers(key) {
            paths.extend(path_of(key));
        }
        for key_use in self.uses(key) {
            let Some(lens) = self.set.lenses.get(key_use.lens) else {
                continue;
            };
            for &Row { instance, slot } in self.instances(lens, rows) {
                let other = key_use.slot.is_some_and(|used| used != slot);
                if other && !lens.is_redirected() {
                    continue;
                }
                let faces = self.faces(key_use.lens, lens);
                let of_lens = faces.filter_map(|face| row_paths.of_face(lens, face, instance));
                match &self.view {
                    Some(view) => paths.extend(of_lens.flat_map(|path| view.paths_of(&path))),
                    None => paths.extend(of_lens.map(std::borrow::Cow::into_owned)),
                }
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }

    /// File and line of the lens behind a parameter.
    pub fn lens_place(&self, path: &ParameterPath, rows: &Rows) -> Option<(&str, usize)> {
        let Target::Face { place, .. } = self.target(path, rows)? else {
            return None;
        };
        let lens = self.set.lenses.get(place.lens)?;
        Some((self.file(), lens.line))
    }

    /// Whether no file has a place for a parameter, so that what is written to it has to be kept
    /// beside the device.
    pub fn is_kept(&self, path: &ParameterPath, rows: &Rows) -> bool {
        self.is_kept_target(self.target(path, rows).as_ref())
    }

    pub(super) fn is_kept_target(&self, target: Option<&Target>) -> bool {
        let Some(Target::Face { place, .. }) = target else {
            return false;
        };
        let lens = self.set.lenses.get(place.lens);
        lens.is_some_and(|lens| matches!(lens.convert, Convert::Kept))
    }

    /// The path under which a parameter is kept beside the device, whatever view shows it; `None`
    /// for one that a file has a place for.
    pub fn kept_as(&self, path: &ParameterPath, rows: &Rows) -> Option<ParameterPath> {
        let own = match &self.view {
            Some(view) => view.lens_path(path)?.into_owned(),
            None => path.clone(),
        };
        self.is_kept_target(self.own_target(&own, rows).as_ref())
            .then_some(own)
    }

    /// Checks a value that is to be kept beside the device, and gives the path under which it is
    /// kept and its canonical form: both are the lens's own, whatever view shows the parameter.
    ///
    /// # Errors
    /// Why the parameter cannot have it.
    pub fn check_kept(
        &self,
        path: &ParameterPath,
        rows: &Rows,
        value: &str,
    ) -> Result<(ParameterPath, String), RefusalReason> {
        let (path, value) = match &self.view {
            Some(view) => view.change(path, value)?,
            None => (path.clone(), value.to_owned()),
        };
        let target = self.own_target(&path, rows);
        let Some(Target::Face { place, .. }) = target.filter(|it| self.is_kept_target(Some(it)))
        else {
            return Err(RefusalReason::Unknown);
        };
        let (_, face) = self.face(place).ok_or(RefusalReason::Unknown)?;
        if !face.writable {
            return Err(RefusalReason::ReadOnly);
        }
        Ok((path, face.rule.check(&value)?))
    }

    /// The name of a table as the view shows it.
    pub(super) fn shown_table_name(&self, table: &str) -> String {
        match &self.view {
            Some(view) => view.shown_name(table).into_owned(),
            None => table.to_owned(),
        }
    }

    /// The set for any model, and once for each condition alone: every lens counts in one of them.
    pub(super) fn variants(&self) -> impl Iterator<Item = Self> {
        let count = self.set.conditions.len();
        let all = (0..=count).map(move |place| {
            let all: Vec<bool> = (0..count)
                .map(|other| place == 0 || other + 1 == place)
                .collect();
            (all, place > 0)
        });
        all.map(|(holds, knows_model)| {
            let (vendor, set) = (Arc::clone(&self.vendor), Arc::clone(&self.set));
            Self::with_conditions(vendor, set, holds, knows_model)
        })
    }

    /// Rows for all slots of all indexes.
    pub(super) fn all_rows(&self) -> Rows {
        let mut rows = Rows::default();
        for index in &self.set.indexes {
            let slots = (1..=index.slots).collect();
            rows.reconcile(&index.name, &index.table, index.slots, &slots);
        }
        rows
    }

    /// Whether a lens holds for the model.
    pub(super) fn has(&self, lens: &Lens) -> bool {
        is_holding(lens.condition, &self.holds)
    }

    /// The faces of a lens that are its own for the model.
    pub(super) fn faces<'a>(
        &'a self,
        place: usize,
        lens: &'a Lens,
    ) -> impl Iterator<Item = &'a super::lens::Face> {
        let faces = (0..).zip(&lens.faces);
        faces
            .filter(move |(face, _)| !self.is_shadowed(place, *face))
            .map(|(_, face)| face)
    }

    pub(super) fn is_shadowed(&self, lens: usize, face: usize) -> bool {
        !self.shadowed.is_empty() && self.shadowed.contains(&FacePlace { lens, face })
    }

    /// What a name in a file stands for, if it is an alias.
    pub(super) fn alias(&self, name: &NativeKey) -> Option<&Alias> {
        self.set.aliases.key_of(name, &self.holds)
    }

    /// Other names of a key.
    pub(super) fn spellings(&self, key: &NativeKey) -> impl Iterator<Item = &Spelling> {
        self.set.aliases.spellings(key, &self.holds)
    }

    /// The key that a name in a file stands for: itself, if it is no alias.
    pub(super) fn canonical<'a>(&'a self, name: &'a NativeKey) -> &'a NativeKey {
        self.alias(name).map_or(name, |alias| &alias.key)
    }

    /// Uses of a key by lenses that hold for the model.
    pub(super) fn uses(&self, key: &NativeKey) -> impl Iterator<Item = KeyUse> {
        let uses = self.all_uses(key).iter().copied();
        uses.filter(|key_use| self.counts(key_use))
    }

    /// Whether the model has the lens, and something of it is shown.
    fn counts(&self, key_use: &KeyUse) -> bool {
        let lens = self.set.lenses.get(key_use.lens);
        lens.is_some_and(|lens| self.has(lens) && self.faces(key_use.lens, lens).next().is_some())
    }

    fn all_uses(&self, key: &NativeKey) -> &[KeyUse] {
        self.set.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a lens of the model stands on a key, or on the key of an alias.
    pub fn covers(&self, key: &NativeKey) -> bool {
        self.uses(self.canonical(key)).next().is_some()
    }

    /// Index and slot that a key shows to exist: the key is that of one slot of the index only.
    pub(super) fn slots_of<'a>(
        &'a self,
        key: &'a NativeKey,
    ) -> impl Iterator<Item = (usize, u32)> + 'a {
        // A key has few uses, so comparing each with each is quicker than a sorted list of them.
        let own = move || {
            let uses = self.all_uses(key).iter();
            uses.filter(|key_use| key_use.own && self.counts(key_use))
                .filter_map(|key_use| {
                    let index = self.set.lenses.get(key_use.lens)?.index?;
                    Some((index, key_use.slot?))
                })
        };
        own().enumerate().filter_map(move |(number, found)| {
            let is_only_slot = own().all(|other| other.0 != found.0 || other == found);
            let is_first = own().take(number).all(|other| other != found);
            (is_only_slot && is_first).then_some(found)
        })
    }

    /// Instance numbers and slots for which a lens has parameters.
    pub(super) fn instances<'a>(&self, lens: &Lens, rows: &'a Rows) -> &'a [Row] {
        match lens.index.and_then(|index| self.set.indexes.get(index)) {
            Some(index) => rows.instances(&index.name),
            None => &[Row {
                instance: 1,
                slot: 1,
            }],
        }
    }

    /// What a path stands for; `None` if it is none of the pack's.
    pub(super) fn target(&self, path: &ParameterPath, rows: &Rows) -> Option<Target> {
        match &self.view {
            Some(view) => self.own_target(view.lens_path(path)?.as_ref(), rows),
            None => self.own_target(path, rows),
        }
    }

    /// What a path of a lens, not of a view, stands for.
    pub(super) fn own_target(&self, path: &ParameterPath, rows: &Rows) -> Option<Target> {
        let name = self.lens_name(path.as_str(), rows)?;
        if let Some(place) = self.place_of(&name) {
            return Some(Target::Face { place, slot: 1 });
        }
        for index in &self.set.indexes {
            let Some(after) = name.strip_prefix(&index.table) else {
                continue;
            };
            let Some((instance, rest)) = after.split_once('.') else {
                continue;
            };
            let template = format!("{}{{{}}}.{rest}", index.table, index.name);
            let canonical = !instance.starts_with(['0', '+']);
            if let Some(place) = self.place_of(&template)
                && canonical
                && let Ok(instance) = instance.parse()
            {
                let slot = rows.slot(&index.name, instance)?;
                return Some(Target::Face { place, slot });
            }
        }
        let key = key_of(path)?;
        (self.alias(&key).is_none() && !self.covers(&key)).then_some(Target::Native(key))
    }

    /// The face that has a path for this model.
    fn place_of(&self, path: &str) -> Option<FacePlace> {
        let places = self.set.by_path.get(path)?;
        let mut holding = places.iter().copied().filter(|place| {
            let lens = self.set.lenses.get(place.lens);
            lens.is_some_and(|lens| self.has(lens)) && !self.shadowed.contains(place)
        });
        holding.next()
    }

    /// Whether any member of a line set is set for a slot.
    pub(super) fn set_is_own(&self, layers: &Layers, set: usize, slot: u32) -> bool {
        self.set_members(set, slot)
            .any(|key| self.effective(layers, key).is_some())
    }

    /// The keys of a line set for a slot.
    pub(super) fn set_members(&self, set: usize, slot: u32) -> impl Iterator<Item = &NativeKey> {
        let place = slot_place(slot);
        let members = self.set.line_sets.get(set);
        let members = members.map(|set| set.members.as_slice());
        members
            .unwrap_or_default()
            .iter()
            .filter_map(move |member| member.own.get(place))
    }
}
