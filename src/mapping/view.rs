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
                let zero = || parameter.value_type.zero().to_owned();
                let default = facts.default.clone().unwrap_or_else(zero);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mapping::laws_on_files::check;
    use crate::mapping::{PackError, Packs};
    use crate::native::{Dialect, Document, Layer, LayerKind};

    const DHCP: &str = "Device.DHCPv4.Client.1.Enable";
    const SERVER_1: &str = "Device.DNS.Client.Server.1.DNSServer";
    const SERVER_2: &str = "Device.DNS.Client.Server.2.DNSServer";

    /// A phone seen as Device:2.
    struct Phone {
        pack: Arc<Pack>,
        layers: Layers,
        rows: Rows,
    }

    impl Phone {
        fn new(vendor: &str, dialect: Dialect, text: &str) -> Self {
            let packs = Packs::embedded().unwrap();
            let packs = packs.with_template(Template::Device2);
            let pack = packs.for_phone(vendor, None).unwrap();
            let layer = Layer {
                path: "own".to_owned(),
                kind: LayerKind::Phone,
                document: Document::parse(dialect, text.as_bytes().to_vec()),
            };
            let layers = Layers::new(vec![layer], true);
            let rows = pack.rows(&layers, &Rows::default());
            Self { pack, layers, rows }
        }

        fn htek(text: &str) -> Self {
            Self::new("htek", Dialect::PCodeText, text)
        }

        fn aastra(text: &str) -> Self {
            Self::new("aastra", Dialect::KeyValue, text)
        }

        fn parameter(&self, path: &str) -> Option<Parameter> {
            let path = path.parse().unwrap();
            let one = self.pack.parameter(&self.layers, &self.rows, &path);
            let all = self.pack.read(&self.layers, &self.rows);
            let listed = all.into_iter().find(|parameter| parameter.path == path);
            assert!(listed.is_none() || listed == one, "{path}");
            one
        }

        fn value(&self, path: &str) -> String {
            self.parameter(path).unwrap().value
        }

        fn set(&mut self, changes: &[(&str, &str)]) -> Result<(), Vec<Refusal>> {
            let changes: Vec<Change> = changes
                .iter()
                .map(|(path, value)| Change {
                    path: path.parse().unwrap(),
                    value: (*value).to_owned(),
                })
                .collect();
            let outcome = self.pack.write(&mut self.layers, &self.rows, &changes);
            outcome.map(|_| ())
        }

        fn own(&self) -> String {
            let own = self.layers.own().unwrap();
            String::from_utf8(own.document.bytes().to_vec()).unwrap()
        }
    }

    #[test]
    fn network_settings_have_the_names_of_device_2() {
        let phone = Phone::aastra("dhcp: 0\nip: 192.0.2.7\ndefault gateway: 192.0.2.1\n");
        let interface = "Device.IP.Interface.1.";
        let value = |name: &str| phone.value(&format!("{interface}{name}"));
        assert_eq!(value("IPv4Address.1.IPAddress"), "192.0.2.7");
        assert_eq!(value("IPv4Address.1.AddressingType"), "Static");
        assert_eq!(value("X_TRESTLE_DefaultGateway"), "192.0.2.1");
        assert_eq!(value("LowerLayers"), "Device.Ethernet.Link.1");
        let lldp = phone.parameter("Device.IP.Interface.1.X_TRESTLE_LLDPEnable");
        assert!(lldp.is_some_and(|lldp| lldp.writable));
        assert_eq!(phone.value(DHCP), "0");
        for gone in ["Device.LAN.IPAddress", "Device.IP.Interface.1.DNSServers"] {
            assert_eq!(phone.parameter(gone), None);
        }
        let all = phone.pack.read(&phone.layers, &phone.rows);
        assert!(all.is_sorted_by(|one, two| one.path < two.path));
    }

    #[test]
    fn one_setting_is_told_in_several_words_and_written_by_one() {
        let mut phone = Phone::htek("P8 = 0\nP35 = 1\n");
        assert_eq!(phone.value(DHCP), "1");
        assert_eq!(phone.value("Device.DHCPv4.Client.1.Status"), "Enabled");
        phone.set(&[(DHCP, "false")]).unwrap();
        assert_eq!(phone.own(), "P8 = 1\nP35 = 1\n");
        let addressing = "Device.IP.Interface.1.IPv4Address.1.AddressingType";
        assert_eq!(phone.value(addressing), "Static");
        let refusals = phone.set(&[(addressing, "DHCP"), (DHCP, "maybe")]);
        let reasons: Vec<RefusalReason> = refusals
            .unwrap_err()
            .into_iter()
            .map(|refusal| refusal.reason)
            .collect();
        assert_eq!(reasons, [RefusalReason::ReadOnly, RefusalReason::WrongType]);
        assert_eq!(phone.own(), "P8 = 1\nP35 = 1\n");
    }

    #[test]
    fn items_of_a_list_are_changed_one_by_one_or_together() {
        let mut phone = Phone::aastra("dns1: 192.0.2.53\nip: 192.0.2.7\n");
        assert_eq!(phone.value(SERVER_2), "");
        assert_eq!(phone.value("Device.DNS.Client.Server.1.Enable"), "1");
        assert_eq!(phone.value("Device.DNS.Client.Server.2.Enable"), "0");
        phone.set(&[(SERVER_2, "192.0.2.54")]).unwrap();
        assert_eq!(phone.value(SERVER_2), "192.0.2.54");
        assert!(phone.own().contains("dns2: 192.0.2.54"));
        let both = [(SERVER_2, "192.0.2.2"), (SERVER_1, "192.0.2.1")];
        phone.set(&both).unwrap();
        assert!(phone.own().starts_with("dns1: 192.0.2.1\n"));
        let before = phone.own();
        let refusals = phone.set(&[(SERVER_1, ""), (SERVER_2, "192.0.2.2")]);
        assert_eq!(refusals.unwrap_err().len(), 2);
        assert!(phone.set(&[(SERVER_1, "192.0.2.1,192.0.2.9")]).is_err());
        assert_eq!(phone.own(), before);
        phone.set(&[(SERVER_1, ""), (SERVER_2, "")]).unwrap();
        assert_eq!(phone.value(SERVER_1), "");
    }

    #[test]
    fn what_the_lenses_refuse_is_told_under_the_name_that_was_asked_for() {
        let mut phone = Phone::htek("P8 = 0\n");
        let address = "Device.IP.Interface.1.IPv4Address.1.IPAddress";
        let text = phone.set(&[(address, "nowhere"), (DHCP, "0")]).unwrap_err();
        assert_eq!(text.len(), 1);
        assert_eq!(text[0].path.as_str(), address);
        let gateway = "Device.IP.Interface.1.X_TRESTLE_DefaultGateway";
        let text = phone.set(&[(gateway, "192.0.2.300")]).unwrap_err();
        assert_eq!(text[0].path.as_str(), gateway);
        let constant = "Device.IP.Interface.1.Enable";
        let text = phone.set(&[(constant, "0")]).unwrap_err();
        assert_eq!(text[0].reason, RefusalReason::ReadOnly);
        assert_eq!(phone.own(), "P8 = 0\n");
    }

    #[test]
    fn what_device_2_has_no_room_for_is_unreadable() {
        let phone = Phone::aastra("ip: 2001:db8::7\n");
        let address = phone.parameter("Device.IP.Interface.1.IPv4Address.1.IPAddress");
        let address = address.unwrap();
        assert_eq!(address.value, "");
        assert!(matches!(address.state, ValueState::Unreadable { .. }));
    }

    #[test]
    fn every_pack_is_shown_by_names_of_device_2_or_of_ours_and_back() {
        let packs = Packs::embedded().unwrap();
        let packs = packs.with_template(Template::Device2);
        for set in packs.lens_sets() {
            if set.template() != Template::Device1 {
                continue;
            }
            let model = None;
            let pack = packs.for_phone(set.vendor(), model).unwrap();
            let view = pack.view.clone().unwrap();
            for (path, _) in &set.set.by_path {
                let indexes = set.set.indexes.iter();
                let name = indexes.fold(path.clone(), |name, index| {
                    name.replace(&format!("{{{}}}", index.name), "1")
                });
                let own: ParameterPath = name.parse().unwrap();
                for shown in view.paths_of(&own) {
                    let text = shown.as_str();
                    let is_known = view.schema.entry(text).is_some() || is_vendor_name(text);
                    assert!(is_known, "{text}");
                    assert!(!text.starts_with("Device.X_TRESTLE_Device1."), "{text}");
                    assert_eq!(view.lens_path(&shown).as_deref(), Some(&own), "{text}");
                    if own == shown && !is_vendor_name(text) {
                        // Shown as it is: both models have to agree about it.
                        let entry = |schema: &'static Schema| schema.entry(text).unwrap();
                        let rule = |schema| &entry(schema).parameter().unwrap().rule;
                        let (one, two) = (rule(Schema::device1()), rule(Schema::device2()));
                        assert_eq!(one.wire_type(), two.wire_type(), "{text}");
                        assert_eq!(one.max_length, two.max_length, "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_laws_hold_through_the_view() {
        let codes = "P8=1\nP9=192\nP10=0\nP11=2\nP12=7\nP21=192\nP22=0\nP23=2\nP24=53\n\
            P35=1\nP47=sip.example.net\nP30=ntp.example.net\n";
        let keys = "dhcp: 0\nip: 192.0.2.7\ndns1: 192.0.2.53\ndns2: 192.0.2.54\n\
            sip line1 auth name: a\n";
        for phone in [
            Phone::htek(codes),
            Phone::htek(""),
            Phone::new("grandstream", Dialect::PCodeText, codes),
            Phone::aastra(keys),
            Phone::aastra("dns2: 192.0.2.54\n"),
        ] {
            check(&phone.pack, &phone.layers, "device2", 200);
        }
    }

    fn error_of(from: &str, to: &str) -> PackError {
        let text = include_str!("../../mappings/device2.toml");
        assert!(text.contains(from), "{from}");
        let text = text.replacen(from, to, 1);
        Packs::with_overrides([("device2.toml".to_owned(), text)]).unwrap_err()
    }

    #[test]
    fn mistakes_in_a_view_are_named_with_their_place() {
        for (from, to, wanted) in [
            (
                "template = \"device2\"\nv",
                "template = \"device1\"\nv",
                "data model for a view",
            ),
            ("Static = false", "Static = true", "is there twice"),
            (", Static = false", "", "nothing for `Static`"),
            ("Client.1.Enable\"", "Client.1.Enabled\"", "no parameter"),
            ("= \"Normal\"", "= \"Normale\"", "is no value of"),
            ("name = \"Type\"", "nome = \"Type\"", "needs `name`"),
            (
                "\"Device.LAN.\" = \"Device.IP.Interface.1.\"",
                "\"Device.LAN.\" = \"Device.IP\"",
                "both names end in a dot",
            ),
            (
                "otherwise = \"Device.X_TRESTLE_Device1.\"",
                "otherwise = \"Device.Old.\"",
                "name of ours",
            ),
            (
                "of = \"Device.LAN.DNSServers\"",
                "of = \"Device.LAN.DNS\"",
                "no parameter",
            ),
        ] {
            let error = error_of(from, to);
            let shown = error.to_string();
            assert!(shown.contains(wanted), "{to}: {shown}");
            assert!(shown.starts_with("device2.toml:"), "{shown}");
        }
    }
}
