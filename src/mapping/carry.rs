//! From the parameters of one phone to a file for another maker's.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, RefusalReason};
use super::pack::Pack;
use super::parameter::{Parameter, ValueState};
use super::rows::Rows;
use crate::datamodel::ParameterPath;
use crate::native::{Document, Layer, LayerKind, Layers};

/// Where the parameters stand that no lens covers.
const NATIVE_PREFIX: &str = "Device.X_TRESTLE_Native.";
/// What is about the old phone's own firmware and files, or is written in terms of its own: a dial
/// plan, the variables of an action URL, the form of a phone book. Another maker's phone would take
/// it otherwise.
const OF_THE_MAKER: [&str; 8] = [
    ".X_TRESTLE_ActionURL.",
    ".X_TRESTLE_DialPlan",
    ".X_TRESTLE_Firmware.",
    ".X_TRESTLE_Phone.",
    ".X_TRESTLE_PhoneBook.",
    ".X_TRESTLE_Provisioning.",
    ".X_TRESTLE_RingTone",
    ".X_TRESTLE_Upgrade.",
];
/// Of what stands below `X_TRESTLE_Phone.`, what means the same with every maker.
const OF_THE_USER: [&str; 4] = [
    ".X_TRESTLE_Phone.ExpansionModule.",
    ".X_TRESTLE_Phone.MemoryKey.",
    ".X_TRESTLE_Phone.SoftKey.",
    ".X_TRESTLE_Phone.TopSoftKey.",
];
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let codecs = Codecs::of(parameters, &self.read(&self.alone(&empty), &all_rows));
        let mut left = Vec::new();
        let mut changes = Changes::new();
        for parameter in parameters {
            let place = if old.vendor() != self.vendor() && is_of_the_maker(parameter) {
                Err("it is written in the old phone's own terms".to_owned())
            } else {
                self.new_place(parameter, rows, &all_rows, &codecs)
            };
            match place {
                Ok(Some(path)) => {
                    let change = (parameter.value.clone(), parameter.path.clone());
                    changes.insert(path, change);
                }
                Ok(None) => {}
                Err(why) => left.push(LeftBehind {
                    path: parameter.path.clone(),
                    why,
                }),
            }
        }
        let document = self.write_what_fits(&empty, &all_rows, &mut changes, &mut left);
        let mut carried: Vec<ParameterPath> = changes.into_values().map(|(_, path)| path).collect();
        carried.sort();
        left.sort_by(|one, other| one.path.cmp(&other.path));
        CarriedOver {
            document,
            carried,
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
                        .map_or_else(|| empty.clone(), |own| own.document.clone());
                }
            };
            let before = changes.len();
            for refusal in refusals {
                if let Some((_, path)) = changes.remove(&refusal.path) {
                    let why = reason(&refusal.reason);
                    left.push(LeftBehind { path, why });
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
            document: document.clone(),
        };
        Layers::new(vec![layer], self.merges_layers())
    }

    /// Where a parameter of the old phone stands with the new one; `None` if it needs no place.
    fn new_place(
        &self,
        parameter: &Parameter,
        old_rows: &Rows,
        rows: &Rows,
        codecs: &Codecs,
    ) -> Result<Option<ParameterPath>, String> {
        let path = parameter.path.as_str();
        match &parameter.state {
            ValueState::Default | ValueState::Kept => return Ok(None),
            ValueState::Unreadable { .. } => {
                return Err("its value is not understood".to_owned());
            }
            ValueState::Set { .. } => {}
        }
        if path.starts_with(NATIVE_PREFIX) {
            return Err("no other maker has this key".to_owned());
        }
        if !parameter.writable {
            return Ok(None);
        }
        let moved = moved(path, old_rows);
        let moved = match codecs.place(&moved) {
            // A codec that the new phone does not have and nobody uses is no loss.
            Some(None) if codecs.unused.contains(row_of(path)) => return Ok(None),
            Some(place) => place.unwrap_or_default(),
            None => moved,
        };
        let Ok(moved) = moved.parse::<ParameterPath>() else {
            return Err("the new phone has no such setting".to_owned());
        };
        match self.target(&moved, rows) {
            Some(_) => Ok(Some(moved)),
            None => Err("the new phone has no such setting".to_owned()),
        }
    }
}

/// A path with the native place of its account or key for its instance number.
fn moved(path: &str, rows: &Rows) -> String {
    for (table, rows) in rows.tables() {
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
        RefusalReason::Unknown => "the new phone has no such setting".to_owned(),
        RefusalReason::ReadOnly => "the new phone has no way to set it".to_owned(),
        other => other.to_string(),
    }
}

fn is_of_the_maker(parameter: &Parameter) -> bool {
    let path = parameter.path.as_str();
    let holds = |words: &[&str]| words.iter().any(|word| path.contains(word));
    matches!(parameter.state, ValueState::Set { .. })
        && holds(&OF_THE_MAKER)
        && !holds(&OF_THE_USER)
}

/// The row that a parameter stands in, with a dot at the end.
fn row_of(path: &str) -> &str {
    let end = path.rfind('.').map_or(0, |dot| dot + 1);
    path.get(..end).unwrap_or_default()
}

/// Rows of codec tables: a codec has another row with each maker.
struct Codecs {
    /// Old row's path to the new one's; `None` if the new phone has no such codec.
    places: BTreeMap<String, Option<String>>,
    /// Old rows that are switched off.
    unused: BTreeSet<String>,
}

impl Codecs {
    fn of(old: &[Parameter], new: &[Parameter]) -> Self {
        let new: BTreeMap<(&str, &str), &str> = codec_rows(new)
            .map(|(table, codec, row)| ((table, codec), row))
            .collect();
        let places = codec_rows(old).map(|(table, codec, row)| {
            let place = new.get(&(table, codec)).map(|&row| row.to_owned());
            (row.to_owned(), place)
        });
        let is_off = |parameter: &&Parameter| {
            let path = parameter.path.as_str();
            path.contains(CODEC_TABLE)
                && path.ends_with(".Enable")
                && matches!(parameter.value.as_str(), "0" | "false")
        };
        let unused = old.iter().filter(is_off);
        Self {
            places: places.collect(),
            unused: unused
                .map(|parameter| row_of(parameter.path.as_str()).to_owned())
                .collect(),
        }
    }

    /// The path of a codec's parameter with the new phone, if that has the codec; `None` for any
    /// other parameter.
    fn place(&self, path: &str) -> Option<Option<String>> {
        let row = row_of(path);
        let place = self.places.get(row)?;
        let name = path.get(row.len()..)?;
        Some(place.as_ref().map(|row| format!("{row}{name}")))
    }
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
        assert!(why(&outcome, "X_TRESTLE_DialPlan").contains("own terms"));
        assert!(why(&outcome, "Native.P999999").contains("no other maker"));
        assert!(why(&outcome, "FirmwareServer").contains("own terms"));
        // One transport for all lines: the first account's counts.
        assert!(why(&outcome, "VoiceProfile.2.SIP.ProxyServerTransport").contains("beside"));
        assert!(!file.contains("sip transport protocol: 4"), "{file}");
        for wrong in ["fm.example.net", "{x+}"] {
            assert!(!file.contains(wrong), "{file}");
        }
    }

    #[test]
    fn a_phone_of_the_same_maker_takes_nearly_everything() {
        let text = "P271=1\nP47=h\nP35=1\nP290={x+}\nP192=fm.example.net";
        let (file, outcome) = converted("grandstream", text, "grandstream", "GRP2614");
        assert_eq!(outcome.left, []);
        assert!(file.contains("<P290>{x+}</P290>"), "{file}");
    }
}
