//! From native files to parameters.

use std::collections::{BTreeMap, HashMap};

use super::in_force::{Found, InForce};
use super::lens::{Lens, Seen};
use super::native_names::path_of;
use super::pack::{Pack, Target};
use super::parameter::{Parameter, ValueState};
use super::row_paths::RowPaths;
use super::rows::{Row, Rows};
use crate::datamodel::{ParameterPath, ValueType};
use crate::native::Layers;

/// Line sets that are set for a slot.
type OwnSets = HashMap<(usize, u32), bool>;

impl Pack {
    /// All parameters of a phone, sorted by path: those of the lenses, and one under
    /// `Device.X_TRESTLE_Native.` for every key that no lens covers. Rows that are shown only
    /// while a file sets them are found from the keys that are there, so that the many others cost
    /// nothing.
    pub fn read(&self, layers: &Layers, rows: &Rows) -> Vec<Parameter> {
        self.shown(self.read_lenses(layers, rows))
    }

    fn read_lenses(&self, layers: &Layers, rows: &Rows) -> Vec<Parameter> {
        let in_force = self.in_force(layers);
        let mut parameters = Vec::with_capacity(512);
        let own_sets = self.own_sets(&in_force, rows);
        let paths = self.row_paths(rows);
        let context = (&in_force, &own_sets, &paths);
        for (place, lens) in self.set.lenses.iter().enumerate() {
            if lens.only_if_set || !self.has(lens) {
                continue;
            }
            for &Row { instance, slot } in self.instances(lens, rows) {
                let at = (place, lens, instance, slot);
                self.read_lens(at, context, &mut parameters);
            }
        }
        let touched = self.touched(&in_force, |lens| lens.only_if_set);
        self.read_touched(&touched, rows, context, &mut parameters);
        self.read_natives(&in_force, &mut parameters);
        parameters.sort_unstable_by(|one, two| one.path.cmp(&two.path));
        parameters
    }

    /// All parameters of a phone, as [`Self::read`] gives them, with the values that are kept
    /// beside it because no file has a place for them.
    pub fn read_with_kept(
        &self,
        layers: &Layers,
        rows: &Rows,
        kept: &BTreeMap<ParameterPath, String>,
    ) -> Vec<Parameter> {
        let mut parameters = self.read_lenses(layers, rows);
        for (path, value) in kept {
            let place = parameters.binary_search_by(|parameter| parameter.path.cmp(path));
            if let Ok(place) = place
                && let Some(parameter) = parameters.get_mut(place)
                && self.is_kept_target(self.own_target(path, rows).as_ref())
            {
                parameter.value.clone_from(value);
                parameter.state = ValueState::Kept;
            }
        }
        self.shown(parameters)
    }

    /// Of all parameters, as [`Self::read_with_kept`] gives them, those that a file sets or that are
    /// kept: lenses on whose keys nothing stands are not looked at, and those are by far the most.
    pub fn read_set(
        &self,
        layers: &Layers,
        rows: &Rows,
        kept: &BTreeMap<ParameterPath, String>,
    ) -> Vec<Parameter> {
        let in_force = self.in_force(layers);
        let mut parameters = Vec::with_capacity(512);
        let own_sets = self.own_sets(&in_force, rows);
        let paths = self.row_paths(rows);
        let context = (&in_force, &own_sets, &paths);
        let touched = self.touched(&in_force, |_| true);
        self.read_touched(&touched, rows, context, &mut parameters);
        self.read_natives(&in_force, &mut parameters);
        for (path, value) in kept {
            let target = self.own_target(path, rows);
            if self.is_kept_target(target.as_ref())
                && let Some(Target::Face { place, .. }) = target
                && let Some(lens) = self.set.lenses.get(place.lens)
                && !lens.only_if_set
                && let Some(mut parameter) = self.lens_parameter(layers, rows, path)
            {
                parameter.value.clone_from(value);
                parameter.state = ValueState::Kept;
                parameters.push(parameter);
            }
        }
        let is_set = |parameter: &Parameter| {
            matches!(parameter.state, ValueState::Set { .. } | ValueState::Kept)
        };
        // What a view makes of a parameter is set only if that is.
        parameters.retain(is_set);
        let mut shown = match &self.view {
            None => parameters,
            Some(view) => view.show_all(parameters),
        };
        shown.retain(is_set);
        shown.sort_unstable_by(|one, two| one.path.cmp(&two.path));
        shown
    }

    /// The parameters of lenses in these slots.
    fn read_touched(
        &self,
        touched: &[(usize, Option<u32>)],
        rows: &Rows,
        context: (&InForce<'_>, &OwnSets, &RowPaths),
        parameters: &mut Vec<Parameter>,
    ) {
        for (place, slot) in touched {
            let Some(lens) = self.set.lenses.get(*place) else {
                continue;
            };
            for row in self.instances(lens, rows) {
                if slot.is_none_or(|slot| slot == row.slot) {
                    let at = (*place, lens, row.instance, row.slot);
                    self.read_lens(at, context, parameters);
                }
            }
        }
    }

    /// A parameter for every key that no lens covers.
    fn read_natives(&self, in_force: &InForce<'_>, parameters: &mut Vec<Parameter>) {
        for (key, found) in in_force.iter() {
            if self.covers(key) {
                continue;
            }
            let Some(path) = path_of(key) else { continue };
            parameters.push(Parameter {
                path,
                value_type: ValueType::String,
                writable: true,
                hidden: self.is_secret_key(key),
                state: set_state(found),
                value: found.value.clone().into_owned(),
            });
        }
    }

    /// The parameters of lenses as the view shows them, sorted by path.
    fn shown(&self, parameters: Vec<Parameter>) -> Vec<Parameter> {
        let Some(view) = &self.view else {
            return parameters;
        };
        view.show_all(parameters)
    }

    /// One parameter, also if it is not shown because no file sets it; `None` for a path that is
    /// none of the pack's.
    pub fn parameter(
        &self,
        layers: &Layers,
        rows: &Rows,
        path: &ParameterPath,
    ) -> Option<Parameter> {
        let Some(view) = &self.view else {
            return self.lens_parameter(layers, rows, path);
        };
        view.show_one(path, |own| self.lens_parameter(layers, rows, own))
    }

    /// One parameter as it is shown while no file sets it; `None` for one that is not shown then,
    /// and for one that depends on what is set beside it.
    pub fn default_parameter(&self, rows: &Rows, path: &ParameterPath) -> Option<Parameter> {
        let nothing = Layers::new(Vec::new(), false);
        let of_lens = |own: &ParameterPath| {
            let Target::Face { place, .. } = self.own_target(own, rows)? else {
                return None;
            };
            let lens = self.set.lenses.get(place.lens)?;
            let depends = lens.only_if_set || lens.is_redirected();
            self.lens_parameter(&nothing, rows, own)
                .filter(|_| !depends)
        };
        match &self.view {
            None => of_lens(path),
            Some(view) if view.is_item(path) => None,
            Some(view) => view.show_one(path, of_lens),
        }
    }

    /// One parameter as a lens has it.
    pub(super) fn lens_parameter(
        &self,
        layers: &Layers,
        rows: &Rows,
        path: &ParameterPath,
    ) -> Option<Parameter> {
        let (place, slot) = match self.own_target(path, rows)? {
            Target::Face { place, slot } => (place, slot),
            Target::Native(key) => {
                let found = self.effective(layers, &key)?;
                return Some(Parameter {
                    path: path.clone(),
                    value_type: ValueType::String,
                    writable: true,
                    hidden: self.is_secret_key(&key),
                    state: set_state(&found),
                    value: found.value.into_owned(),
                });
            }
        };
        let lens = self.set.lenses.get(place.lens)?;
        let cells = lens.cells(
            slot,
            |key| self.effective(layers, key),
            |set| self.set_is_own(layers, set, slot),
        )?;
        let first = cells.iter().find_map(|cell| cell.found.as_ref());
        let (face, seen) = lens.read(&cells, slot).nth(place.face)?;
        Some(face_parameter(path.clone(), face, seen, first))
    }

    /// Of the lenses that are wanted those on whose keys something stands in a file, with the slots
    /// (`None`: all) for which a key is there. Each once: a slot is not named beside "all".
    fn touched(
        &self,
        in_force: &InForce<'_>,
        is_wanted: impl Fn(&Lens) -> bool,
    ) -> Vec<(usize, Option<u32>)> {
        let mut shown = Vec::with_capacity(512);
        for (key, _) in in_force.iter() {
            for key_use in self.uses(key) {
                let lens = self.set.lenses.get(key_use.lens);
                if let Some(lens) = lens.filter(|lens| is_wanted(lens)) {
                    let slot = key_use.slot.filter(|_| !lens.is_redirected());
                    shown.push((key_use.lens, slot));
                }
            }
        }
        // "All" comes before the slots of a lens.
        shown.sort_unstable();
        shown.dedup_by(|next, kept| next.0 == kept.0 && (kept.1.is_none() || next == kept));
        shown
    }

    fn own_sets(&self, in_force: &InForce<'_>, rows: &Rows) -> OwnSets {
        let mut own_sets = OwnSets::new();
        for (set, line_set) in self.set.line_sets.iter().enumerate() {
            let Some(index) = self.set.indexes.get(line_set.index) else {
                continue;
            };
            for row in rows.instances(&index.name) {
                let own = self
                    .set_members(set, row.slot)
                    .any(|key| in_force.holds(key));
                own_sets.insert((set, row.slot), own);
            }
        }
        own_sets
    }

    fn read_lens(
        &self,
        (place, lens, instance, slot): (usize, &Lens, u32, u32),
        (in_force, own_sets, paths): (&InForce<'_>, &OwnSets, &RowPaths<'_>),
        parameters: &mut Vec<Parameter>,
    ) {
        let is_own = |set| own_sets.get(&(set, slot)).copied().unwrap_or(false);
        let Some(cells) = lens.cells(slot, |key| in_force.get(key), is_own) else {
            return;
        };
        let first = cells.iter().find_map(|cell| cell.found.as_ref());
        if lens.only_if_set && first.is_none() {
            return;
        }
        for (number, (face, seen)) in lens.read(&cells, slot).enumerate() {
            if self.is_shadowed(place, number) {
                continue;
            }
            let Some(path) = paths.of_face(lens, face, instance) else {
                continue;
            };
            parameters.push(face_parameter(path.into_owned(), face, seen, first));
        }
    }
}

fn face_parameter(
    path: ParameterPath,
    face: &super::lens::Face,
    seen: Seen,
    first: Option<&Found<'_>>,
) -> Parameter {
    let (value, state) = match seen {
        Seen::Set(value) => (value, first.map_or(ValueState::Default, set_state)),
        Seen::Default(value) => (value, ValueState::Default),
        Seen::Unreadable { native, default } => (default, ValueState::Unreadable { native }),
    };
    Parameter {
        path,
        value_type: face.value_type(),
        writable: face.writable,
        hidden: face.hidden,
        value,
        state,
    }
}

fn set_state(found: &Found<'_>) -> ValueState {
    ValueState::Set {
        layer: found.layer.path.clone(),
        line: found.line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::Phone;
    use crate::mapping::{Packs, Template};
    use crate::native::{Document, Layer, LayerKind};

    #[test]
    fn values_come_from_the_file_or_are_the_phones_defaults() {
        let phone = Phone::p_codes("P271 = 0\nP47 = sip.example.net:5080\nP32=10\nP91=1\n");
        assert_eq!(phone.value("VP1.Enable"), "Disabled");
        assert_eq!(phone.value("L1.Enable"), "Disabled");
        assert_eq!(phone.value("VP1.SIP.ProxyServer"), "sip.example.net");
        assert_eq!(phone.value("VP1.SIP.ProxyServerPort"), "5080");
        assert_eq!(phone.value("VP1.SIP.RegisterExpires"), "600");
        assert_eq!(phone.value("L1.CallingFeatures.CallWaitingEnable"), "0");
        let enable = phone.parameter("VP1.Enable").unwrap();
        let layer = "cfg.txt".to_owned();
        assert_eq!(enable.state, ValueState::Set { layer, line: 1 });
        let port = phone.parameter("VP1.SIP.UserAgentPort").unwrap();
        assert_eq!(
            (port.value.as_str(), port.state),
            ("5060", ValueState::Default)
        );
        assert_eq!(phone.value("VP1.SignalingProtocol"), "SIP");
    }

    #[test]
    fn an_account_exists_when_the_file_names_it() {
        let phone = Phone::p_codes("P501 = 1\nP91 = 1\n");
        let numbers: Vec<u32> = phone
            .rows
            .instances("account")
            .iter()
            .map(|row| row.instance)
            .collect();
        assert_eq!(numbers, [1, 3]);
        assert_eq!(phone.value("VP3.Enable"), "Enabled");
        assert!(phone.parameter("VP2.Enable").is_none());
        // The third account has no key for it.
        assert!(phone.parameter("VP3.SIP.UserAgentPort").is_none());
    }

    #[test]
    fn a_line_takes_a_line_set_as_a_whole() {
        let shared = "sip proxy ip: shared.example.net\nsip proxy port: 5070\nsip auth name: all\n";
        let phone = Phone::key_value(shared, "sip line2 proxy ip: own.example.net\n");
        assert_eq!(phone.value("VP1.SIP.ProxyServer"), "shared.example.net");
        assert_eq!(phone.value("VP1.SIP.ProxyServerPort"), "5070");
        assert_eq!(phone.value("VP2.SIP.ProxyServer"), "own.example.net");
        assert_eq!(phone.value("VP2.SIP.ProxyServerPort"), "5060");
        assert_eq!(phone.value("L2.SIP.AuthUserName"), "all");
    }

    #[test]
    fn what_no_lens_covers_is_a_native_parameter() {
        let phone = Phone::p_codes("P91=1\nP8888=x y\nP99=hush\n");
        let other = phone.parameter("Device.X_TRESTLE_Native.P8888").unwrap();
        assert_eq!((other.value.as_str(), other.hidden), ("x y", false));
        assert!(
            phone
                .parameter("Device.X_TRESTLE_Native.P99")
                .unwrap()
                .hidden
        );
        assert!(phone.parameter("Device.X_TRESTLE_Native.P91").is_none());
    }

    #[test]
    fn what_a_lens_does_not_know_is_unreadable_and_shows_the_default() {
        let phone = Phone::p_codes("P271=7\nP9=10\nP10=999\nP11=0\nP12=1\nP32=often\n");
        for (path, value, native) in [
            ("VP1.Enable", "Enabled", "7"),
            ("Device.LAN.IPAddress", "", "10 999 0 1"),
            ("VP1.SIP.RegisterExpires", "3600", "often"),
        ] {
            let found = phone.parameter(path).unwrap();
            let native = native.to_owned();
            assert_eq!(found.state, ValueState::Unreadable { native }, "{path}");
            assert_eq!(found.value, value, "{path}");
        }
        let long = Phone::p_codes(&format!("P270={}\n", "x".repeat(65)));
        let name = long.parameter("VP1.Name").unwrap();
        assert!(matches!(name.state, ValueState::Unreadable { .. }));
    }

    #[test]
    fn codecs_are_rows_with_a_place() {
        let phone = Phone::p_codes("P57=9\nP58=77\nP59=0\n");
        let field = |row: u32, field: &str| phone.value(&format!("L1.Codec.List.{row}.{field}"));
        assert_eq!(field(3, "Codec"), "G.722");
        let places: Vec<(String, String)> = (1..=4)
            .map(|row| (field(row, "Enable"), field(row, "Priority")))
            .collect();
        let places: Vec<(&str, &str)> = places
            .iter()
            .map(|(enable, priority)| (enable.as_str(), priority.as_str()))
            .collect();
        assert_eq!(places, [("1", "2"), ("0", "3"), ("1", "1"), ("0", "4")]);
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let phone = Phone::p_codes("P34=hunter2\n");
        let password = phone.parameter("L1.SIP.AuthPassword").unwrap();
        assert_eq!(password.value, "hunter2");
        assert!(!format!("{password:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_set_is_found_without_looking_at_the_rest() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
        let name = "cfg000b82a1b2c3.xml";
        let content = std::fs::read(folder.join(name)).unwrap();
        for template in Template::ALL {
            let packs = Packs::embedded().unwrap().with_template(template);
            let (pack, identity) = packs.identify(name, &content).unwrap();
            for model in [None, Some("GXP2170"), Some("HT801")] {
                let pack = packs.for_phone(pack.vendor(), model).unwrap();
                let document = Document::parse(identity.dialect, content.as_slice());
                let own = Layer {
                    path: name.to_owned(),
                    kind: LayerKind::Phone,
                    document: document.into(),
                };
                let layers = pack.layers(vec![own]);
                let rows = pack.rows(&layers, &Rows::default());
                let mut all = pack.read(&layers, &rows);
                let kept: BTreeMap<ParameterPath, String> = all
                    .iter()
                    .filter_map(|parameter| pack.kept_as(&parameter.path, &rows))
                    .map(|path| (path, "1".to_owned()))
                    .collect();
                all = pack.read_with_kept(&layers, &rows, &kept);
                all.retain(|parameter| {
                    matches!(parameter.state, ValueState::Set { .. } | ValueState::Kept)
                });
                assert!(all.len() > 20, "{template:?} {model:?} {}", all.len());
                assert_eq!(pack.read_set(&layers, &rows, &kept), all, "{template:?}");
            }
        }
        let shared = "sip proxy ip: shared.example.net\nsip auth name: all\n";
        let phone = Phone::key_value(shared, "sip line2 proxy ip: own.example.net\nodd: 1\n");
        let mut all = phone.pack.read(&phone.layers, &phone.rows);
        all.retain(|parameter| matches!(parameter.state, ValueState::Set { .. }));
        let none = BTreeMap::new();
        assert_eq!(phone.pack.read_set(&phone.layers, &phone.rows, &none), all);
    }

    #[test]
    fn parameters_are_sorted_and_of_one_path_each() {
        let phone = Phone::p_codes("P401=1\nP1=2\nP8888=1\n");
        let all = phone.pack.read(&phone.layers, &phone.rows);
        assert!(all.is_sorted_by(|one, two| one.path < two.path));
    }
}
