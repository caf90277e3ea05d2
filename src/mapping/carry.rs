//! From the parameters of one phone to a file for another maker's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::change::{Change, RefusalReason};
use super::pack::Pack;
use super::parameter::{Parameter, ValueState};
use super::rows::Rows;
use crate::datamodel::ParameterPath;
use crate::native::{Document, Layer, LayerKind, Layers};

/// Of the parameters that the standard has no name for, those that mean the same with every maker.
/// Others are counted, spelt or combined otherwise by each: another maker's phone would take them
/// for something else.
const SAME_WITH_ALL_MAKERS: [&str; 37] = [
    "AdminPassword",
    "AllowIntercomAutoAnswer",
    "AutoAnswer",
    "BLFListURI",
    "BackupOutboundProxy",
    "BackupOutboundProxyPort",
    "BackupProxyServer",
    "BackupProxyServerPort",
    "BackupRegistrarServer",
    "BackupRegistrarServerPort",
    "CallForwardOnNoAnswerTime",
    "ConferenceURI",
    "DateFormat",
    "DaylightSaving",
    "HotlineNumber",
    "LDAP.Base",
    "LDAP.Password",
    "LDAP.Port",
    "LDAP.Server",
    "LDAP.Username",
    "LLDPEnable",
    "MusicOnHoldURI",
    "NTPEnable",
    "PRACK",
    "PickupCode",
    "Register",
    "SRTPMode",
    "STUNServerPort",
    "ScreenName",
    "SessionTimerEnable",
    "SharedLineNumber",
    "SilenceSuppression",
    "Syslog.Port",
    "Syslog.Server",
    "TimeFormat",
    "UserPassword",
    "VoiceMailNumber",
];
/// Tables of keys; what a key does is told by the same words with every maker.
const KEY_TABLES: [&str; 7] = [
    ".ButtonMap.Button.",
    ".X_TRESTLE_Phone.DSSKey.",
    ".X_TRESTLE_Phone.FeatureKey.",
    ".X_TRESTLE_Phone.MemoryKey.",
    ".X_TRESTLE_Phone.ProgrammableKey.",
    ".X_TRESTLE_Phone.SoftKey.",
    ".X_TRESTLE_Phone.TopSoftKey.",
];
const KEY_ACTION: &str = "FacilityAction";
/// What keys of every maker can do. Some packs pass other words through as they are, which only the
/// maker's own phones know.
const COMMON_ACTIONS: [&str; 18] = [
    "ACD",
    "BLF",
    "CallForward",
    "CallLog",
    "CallPark",
    "CallPickup",
    "CallReturn",
    "Conference",
    "DND",
    "Directory",
    "EventlistBLF",
    "Intercom",
    "Line",
    "MulticastPaging",
    "None",
    "Redial",
    "SpeedDial",
    "Transfer",
];
const NO_KEY_ACTION: &str = "the new phone cannot have a key that does this";
const NO_SUCH_SETTING: &str = "the new phone has no such setting";
const OWN_TERMS: &str = "each maker has this in terms of its own";
const CODEC_TABLE: &str = ".Codec.List.";

/// A file for another phone, and what became of each setting of the old one.
#[derive(Debug, Clone)]
pub struct CarriedOver {
    /// The new phone's file.
    pub document: Document,
    /// What it has from the old phone, in order of the paths.
    pub carried: Vec<ParameterPath>,
    /// What could not be carried, in order of the paths.
    pub left: Vec<LeftBehind>,
}

/// A setting that could not be carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftBehind {
    /// The old phone's parameter.
    pub path: ParameterPath,
    /// Why not; no secret stands in it.
    pub why: String,
}

/// By the new phone's path: the value, and the old phone's path.
type Changes = BTreeMap<ParameterPath, (String, ParameterPath)>;

impl Pack {
    /// Writes what the files of another phone set into an empty file for a phone of this pack.
    /// Accounts and keys keep their native places: `parameters` and `rows` are the old phone's, as
    /// its pack reads them. Where accounts share a key of the new phone, the first has the last
    /// word. What the old files leave to its defaults stays with the new phone's own.
    pub fn carry_over(
        &self,
        old: &Pack,
        parameters: &[Parameter],
        rows: &Rows,
        empty: Document,
    ) -> CarriedOver {
        let all_rows = self.all_rows();
        let is_of_the_same_maker = old.vendor() == self.vendor();
        let phone = OldPhone::new(parameters, rows, is_of_the_same_maker);
        let mut left = Vec::new();
        let mut changes = Changes::new();
        let mut native = Vec::new();
        for parameter in parameters {
            match self.new_place(&phone, parameter, &all_rows) {
                Place::At(path) => {
                    let change = (parameter.value.clone(), parameter.path.clone());
                    changes.insert(path, change);
                }
                Place::Native => native.push(parameter),
                Place::Needless => {}
                Place::Nowhere(why) => left.push(LeftBehind {
                    path: parameter.path.clone(),
                    why: why.to_owned(),
                }),
            }
        }
        let new = self.read(&self.alone(&empty), &all_rows);
        phone.order_codecs(&new, &mut changes, &mut left);
        let mut document = self.write_what_fits(&empty, &all_rows, &mut changes, &mut left);
        let mut carried: BTreeSet<ParameterPath> =
            changes.into_values().map(|(_, path)| path).collect();
        for parameter in native {
            let path = parameter.path.clone();
            let keys = old.native_keys(&path, rows);
            let outcome = keys
                .first()
                .map(|key| document.set(key, &parameter.value).is_ok());
            if outcome == Some(true) {
                carried.insert(path);
            } else {
                let why = "the new phone's file cannot hold it".to_owned();
                left.push(LeftBehind { path, why });
            }
        }
        left.sort_by(|one, other| one.path.cmp(&other.path));
        CarriedOver {
            document,
            carried: carried.into_iter().collect(),
            left,
        }
    }

    /// One bad value stops a call as a whole, so what is refused is taken out and the rest is tried
    /// again. Each round takes out at least one.
    fn write_what_fits(
        &self,
        empty: &Document,
        rows: &Rows,
        changes: &mut Changes,
        left: &mut Vec<LeftBehind>,
    ) -> Document {
        let asked = |changes: &Changes| -> Vec<Change> {
            let changes = changes.iter().map(|(path, (value, _))| Change {
                path: path.clone(),
                value: value.clone(),
            });
            changes.collect()
        };
        while !changes.is_empty() {
            // Backwards: of accounts that share a key the first is written last and stays.
            let mut backwards = asked(changes);
            backwards.reverse();
            let mut layers = self.alone(empty);
            let refusals = match self.write(&mut layers, rows, &backwards) {
                Err(refusals) => refusals,
                // What fits together is written in the order that a person would expect.
                Ok(_) => {
                    let mut in_order = self.alone(empty);
                    let outcome = self.write(&mut in_order, rows, &asked(changes));
                    let written = if outcome.is_ok() { in_order } else { layers };
                    return written
                        .own()
                        .map_or_else(|| empty.clone(), |own| Document::clone(&own.document));
                }
            };
            let before = changes.len();
            for refusal in refusals {
                if let Some((_, path)) = changes.remove(&refusal.path) {
                    let why = reason(&refusal.reason);
                    left.push(LeftBehind { path, why });
                }
                // A key goes over as a whole or not at all.
                if key_row(refusal.path.as_str()).is_some_and(|(_, name)| name == KEY_ACTION) {
                    let row = row_of(refusal.path.as_str());
                    let of_the_key = changes.extract_if(.., |path, _| row_of(path.as_str()) == row);
                    left.extend(of_the_key.map(|(_, (_, path))| LeftBehind {
                        path,
                        why: NO_KEY_ACTION.to_owned(),
                    }));
                }
            }
            if changes.len() == before {
                let why = "the new phone's file cannot take it";
                let rest = std::mem::take(changes).into_values();
                left.extend(rest.map(|(_, path)| LeftBehind {
                    path,
                    why: why.to_owned(),
                }));
            }
        }
        empty.clone()
    }

    /// The phone with no file but this one.
    fn alone(&self, document: &Document) -> Layers {
        let layer = Layer {
            path: String::new(),
            kind: LayerKind::Phone,
            document: document.clone().into(),
        };
        Layers::new(vec![layer], self.merges_layers())
    }

    /// Where a parameter of the old phone stands with the new one.
    fn new_place(&self, phone: &OldPhone<'_>, parameter: &Parameter, rows: &Rows) -> Place {
        let path = parameter.path.as_str();
        match &parameter.state {
            ValueState::Default | ValueState::Kept => return Place::Needless,
            ValueState::Unreadable { .. } => return Place::Nowhere("its value is not understood"),
            ValueState::Set { .. } => {}
        }
        if parameter.is_native() {
            return if phone.is_of_the_same_maker {
                Place::Native
            } else {
                Place::Nowhere("no other maker has this key")
            };
        }
        if !parameter.writable || path.contains(CODEC_TABLE) || phone.is_idle(parameter) {
            return Place::Needless;
        }
        if !phone.is_of_the_same_maker && !means_the_same(path) {
            return Place::Nowhere(OWN_TERMS);
        }
        let place = |path: &str| {
            let path = moved(path, phone.rows).parse::<ParameterPath>().ok()?;
            self.target(&path, rows).map(|_| path)
        };
        if let Some((row, name)) = key_row(path) {
            let has_place = name == KEY_ACTION || place(&format!("{row}{KEY_ACTION}")).is_some();
            if !has_place || !phone.is_common_action(row) {
                return Place::Nowhere(NO_KEY_ACTION);
            }
        }
        place(path).map_or(Place::Nowhere(NO_SUCH_SETTING), Place::At)
    }
}

/// What becomes of a parameter.
enum Place {
    At(ParameterPath),
    /// A key of the same maker that no lens covers.
    Native,
    /// The new phone is as well off without it.
    Needless,
    Nowhere(&'static str),
}

/// What the old phone's files say.
struct OldPhone<'a> {
    rows: &'a Rows,
    parameters: &'a [Parameter],
    values: BTreeMap<&'a str, &'a Parameter>,
    is_of_the_same_maker: bool,
}

impl<'a> OldPhone<'a> {
    fn new(parameters: &'a [Parameter], rows: &'a Rows, is_of_the_same_maker: bool) -> Self {
        let values = parameters
            .iter()
            .map(|parameter| (parameter.path.as_str(), parameter));
        Self {
            rows,
            parameters,
            values: values.collect(),
            is_of_the_same_maker,
        }
    }

    /// Whether a parameter is set and has no effect, so that another maker's phone could only take
    /// it for something else.
    fn is_idle(&self, parameter: &Parameter) -> bool {
        let path = parameter.path.as_str();
        if self.is_of_the_same_maker {
            return false;
        }
        let value = |path: &str| self.values.get(path).map(|found| found.value.as_str());
        let is_off = |path: &str| value(path) == Some("0");
        match path {
            "Device.LAN.IPAddress" | "Device.LAN.SubnetMask" | "Device.LAN.DefaultGateway" => {
                value("Device.LAN.AddressingType") == Some("DHCP")
            }
            _ if path.ends_with(".SIP.ReInviteExpires") => {
                let row = row_of(path);
                is_off(&format!("{row}X_TRESTLE_SessionTimerEnable"))
            }
            _ => match key_row(path) {
                Some((row, _)) => {
                    let action = self.values.get(format!("{row}{KEY_ACTION}").as_str());
                    action.is_none_or(|action| !matches!(action.state, ValueState::Set { .. }))
                }
                None => parameter.value.is_empty(),
            },
        }
    }

    /// Whether any maker's phone can have a key that does what this one does.
    fn is_common_action(&self, row: &str) -> bool {
        let action = self.values.get(format!("{row}{KEY_ACTION}").as_str());
        self.is_of_the_same_maker
            || action.is_some_and(|action| COMMON_ACTIONS.contains(&action.value.as_str()))
    }

    /// Gives the new phone the old one's codecs in their order: the place of a codec differs from
    /// maker to maker, and the number of places too.
    fn order_codecs(&self, new: &[Parameter], changes: &mut Changes, left: &mut Vec<LeftBehind>) {
        let mut new_rows: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (table, codec, row) in codec_rows(new) {
            new_rows.entry(table).or_default().push((codec, row));
        }
        let mut enabled: BTreeMap<String, Vec<(u32, &str, &ParameterPath)>> = BTreeMap::new();
        for (_, codec, row) in codec_rows(self.parameters) {
            let field = |name: &str| self.values.get(format!("{row}{name}").as_str());
            let (Some(enable), Some(priority)) = (field("Enable"), field("Priority")) else {
                continue;
            };
            let is_set = matches!(enable.state, ValueState::Set { .. });
            if is_set && enable.value == "1" {
                let row = moved(row, self.rows);
                let table = row
                    .split_once(CODEC_TABLE)
                    .map(|(table, _)| table.to_owned());
                let place = priority.value.parse().unwrap_or(u32::MAX);
                let codecs = enabled.entry(table.unwrap_or_default()).or_default();
                codecs.push((place, codec, &enable.path));
            }
        }
        for (table, mut codecs) in enabled {
            codecs.sort_by_key(|(place, _, _)| *place);
            let rows = new_rows.get(table.as_str()).map_or(&[][..], Vec::as_slice);
            let mut change = |row: &str, name: &str, value: String, old: &ParameterPath| {
                if let Ok(path) = format!("{row}{name}").parse() {
                    changes.insert(path, (value, old.clone()));
                }
            };
            let mut priority = 0_u32;
            let mut taken = BTreeSet::new();
            for (_, codec, old) in &codecs {
                match rows.iter().find(|(known, _)| known == codec) {
                    Some((_, row)) => {
                        priority += 1;
                        taken.insert(*row);
                        change(row, "Enable", "1".to_owned(), old);
                        change(row, "Priority", priority.to_string(), old);
                    }
                    None => left.push(LeftBehind {
                        path: (*old).clone(),
                        why: format!("the new phone has no codec {codec}"),
                    }),
                }
            }
            let (Some((_, _, old)), true) = (codecs.first(), priority > 0) else {
                continue;
            };
            for (_, row) in rows.iter().filter(|(_, row)| !taken.contains(row)) {
                change(row, "Enable", "0".to_owned(), old);
            }
        }
    }
}

/// Whether a parameter means the same with another maker's phone.
fn means_the_same(path: &str) -> bool {
    let Some((_, own_name)) = path.split_once("X_TRESTLE_") else {
        return true;
    };
    let is_listed = SAME_WITH_ALL_MAKERS.iter().any(|name| {
        let rest = own_name.strip_suffix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    is_listed || key_row(path).is_some()
}

/// The row of a key and the field in it, of a path that stands in a table of keys.
fn key_row(path: &str) -> Option<(&str, &str)> {
    KEY_TABLES.iter().find(|table| path.contains(**table))?;
    path.split_at_checked(row_of(path).len())
}

/// A path with the native place of its account or key for its instance number.
fn moved(path: &str, rows: &Rows) -> String {
    for (_, table, rows) in rows.tables() {
        let Some((instance, rest)) = path
            .strip_prefix(table)
            .and_then(|after| after.split_once('.'))
        else {
            continue;
        };
        let row = rows.iter().find(|row| row.instance.to_string() == instance);
        if let Some(row) = row {
            return format!("{table}{}.{rest}", row.slot);
        }
    }
    path.to_owned()
}

fn reason(reason: &RefusalReason) -> String {
    match reason {
        RefusalReason::Unknown => NO_SUCH_SETTING.to_owned(),
        RefusalReason::ReadOnly => "the new phone has no way to set it".to_owned(),
        other => other.to_string(),
    }
}

/// The row that a parameter stands in, with a dot at the end.
fn row_of(path: &str) -> &str {
    let end = path.rfind('.').map_or(0, |dot| dot + 1);
    path.get(..end).unwrap_or_default()
}

/// Table, codec and row of each codec.
fn codec_rows(parameters: &[Parameter]) -> impl Iterator<Item = (&str, &str, &str)> {
    parameters.iter().filter_map(|parameter| {
        let row = parameter.path.as_str().strip_suffix("Codec")?;
        let (table, _) = row.split_once(CODEC_TABLE)?;
        Some((table, parameter.value.as_str(), row))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Packs;

    fn converted(vendor: &str, text: &str, to: &str, model: &str) -> (String, CarriedOver) {
        let packs = Packs::embedded().unwrap();
        let (old, new) = (
            packs.for_phone(vendor, None).unwrap(),
            packs.for_phone(to, Some(model)).unwrap(),
        );
        let mac = "000b82a1b2c3".parse().unwrap();
        let file = old.new_file(None, mac).unwrap();
        let layers = old.alone(&Document::parse(file.dialect, file.text.as_str()));
        let mut layers = layers;
        for line in text.lines() {
            let (key, value) = line.split_once('=').unwrap();
            layers.own_mut().unwrap().set_as(key, value).unwrap();
        }
        let rows = old.rows(&layers, &Rows::default());
        let parameters = old.read(&layers, &rows);
        let empty = new.new_file(Some(model), mac).unwrap();
        let empty = Document::parse(empty.dialect, empty.text);
        let outcome = new.carry_over(&old, &parameters, &rows, empty);
        let text = String::from_utf8(outcome.document.bytes().to_vec()).unwrap();
        (text, outcome)
    }

    fn why(outcome: &CarriedOver, path: &str) -> String {
        let left = outcome.left.iter();
        let mut found = left.filter(|left| left.path.as_str().ends_with(path));
        found
            .next()
            .map_or_else(String::new, |left| left.why.clone())
    }

    #[test]
    fn accounts_keep_their_places_and_values_their_meaning() {
        let text = "P271=1\nP47=one.example.net:5080\nP35=11\nP34=s#cret\nP32=10\nP401=1\n\
                    P402=two.example.net\nP404=22\nP57=8\nP58=9\nP59=9\nP60=9\nP61=9\nP62=9\nP46=9\nP98=9";
        let (file, outcome) = converted("grandstream", text, "aastra", "6867i");
        for line in [
            "sip line1 proxy ip: one.example.net",
            "sip line1 proxy port: 5080",
            "sip line1 user name: 11",
            "sip line1 password: \"s#cret\"",
            "sip line1 registration period: 600",
            "sip line2 proxy ip: two.example.net",
            "sip line2 user name: 22",
            "sip customized codec: payload=8;ptime=20;silsupp=off,payload=9;ptime=20;silsupp=off",
        ] {
            assert!(file.lines().any(|found| found == line), "{line}\n{file}");
        }
        assert!(outcome.carried.len() > 15, "{:?}", outcome.left);
    }

    #[test]
    fn what_cannot_be_carried_is_named_with_its_reason() {
        let text = "P271=1\nP47=h\nP35=1\nP130=0\nP401=1\nP402=h\nP404=2\nP448=2\n\
                    P290={x+}\nP999999=?\nP192=fm.example.net";
        let (file, outcome) = converted("grandstream", text, "aastra", "6867i");
        assert!(why(&outcome, "X_TRESTLE_DialPlan").contains("terms of its own"));
        assert!(why(&outcome, "Native.P999999").contains("no other maker"));
        assert!(why(&outcome, "FirmwareServer").contains("terms of its own"));
        // One transport for all lines: the first account's counts.
        assert!(why(&outcome, "VoiceProfile.2.SIP.ProxyServerTransport").contains("beside"));
        assert!(!file.contains("sip transport protocol: 4"), "{file}");
        for wrong in ["fm.example.net", "{x+}"] {
            assert!(!file.contains(wrong), "{file}");
        }
    }

    #[test]
    fn a_key_goes_over_as_a_whole_or_not_at_all() {
        // Key 1 is a speed dial, key 2 does what only this maker has, key 3 has no action.
        let text = "P1363=10\nP1364=0\nP1465=Desk\nP1466=201\nP1365=28\nP1467=Page\nP1471=Alone";
        let (file, outcome) = converted("grandstream", text, "htek", "UC926");
        for line in [
            "<P41202>2</P41202>",
            "<P41402>Desk</P41402>",
            "<P41302>201</P41302>",
        ] {
            let key_one = line.replace("02>", "00>").replace("02<", "00<");
            assert!(
                file.contains(line) || file.contains(&key_one),
                "{line}\n{file}"
            );
        }
        assert!(!file.contains("Page") && !file.contains("Alone"), "{file}");
        assert!(why(&outcome, "Button.2.ButtonMessage").contains("cannot have a key"));
    }

    #[test]
    fn what_has_no_effect_is_not_carried() {
        let text = "P271=1\nP8=0\nP9=192\nP10=0\nP11=2\nP12=7\nP2395=0\nP260=1";
        let (file, _) = converted("grandstream", text, "aastra", "6867i");
        assert!(
            !file.contains("ip:") && !file.contains("session timer"),
            "{file}"
        );
    }

    #[test]
    fn a_phone_of_the_same_maker_takes_nearly_everything() {
        let text = "P271=1\nP47=h\nP35=1\nP290={x+}\nP192=fm.example.net";
        let (file, outcome) = converted("grandstream", text, "grandstream", "GRP2614");
        assert_eq!(outcome.left, []);
        assert!(file.contains("<P290>{x+}</P290>"), "{file}");
    }
}
