//! From the parameters of one phone to a file for another maker's.

use std::collections::BTreeMap;

use super::pack::{Pack, Parameter, ValueState};
use super::rows::Rows;
use super::write::{Change, RefusalReason};
use crate::datamodel::ParameterPath;
use crate::native::{Document, Layer, LayerKind, Layers};

/// Where the parameters stand that no lens covers.
const NATIVE_PREFIX: &str = "Device.X_TRESTLE_Native.";
/// What is about the old phone's firmware and files, not about its user. Another maker's phone
/// must not load them.
const OF_THE_OLD_PHONE: [&str; 3] = [
    "Device.X_TRESTLE_Firmware.",
    "Device.X_TRESTLE_Provisioning.",
    "Device.X_TRESTLE_Upgrade.",
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

impl Pack {
    /// Writes what the files of another phone set into an empty file for a phone of this pack.
    /// Accounts and keys keep their native places: `rows` are the old phone's. What the old files
    /// leave to its defaults stays with the new phone's own.
    pub fn carry_over(&self, parameters: &[Parameter], rows: &Rows, empty: Document) -> CarriedOver {
        let unchanged = empty.clone();
        let mut layers = Layers::new(
            vec![Layer {
                path: String::new(),
                kind: LayerKind::Phone,
                document: empty,
            }],
            self.merges_layers(),
        );
        let all_rows = self.all_rows();
        let codecs = Codecs::of(parameters, &self.read(&layers, &all_rows));
        let mut left = Vec::new();
        // By the new phone's path: the change, and the old phone's path.
        let mut changes: BTreeMap<ParameterPath, (String, ParameterPath)> = BTreeMap::new();
        for parameter in parameters {
            match self.place_of(parameter, rows, &all_rows, &codecs) {
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
        // One bad value stops a call as a whole, so what is refused is taken out and the rest is
        // tried again. Each round takes out at least one.
        while !changes.is_empty() {
            let asked: Vec<Change> = changes
                .iter()
                .map(|(path, (value, _))| Change {
                    path: path.clone(),
                    value: value.clone(),
                })
                .collect();
            let Err(refusals) = self.write(&mut layers, &all_rows, &asked) else {
                break;
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
                left.extend(changes.into_values().map(|(_, path)| LeftBehind {
                    path,
                    why: why.to_owned(),
                }));
                changes = BTreeMap::new();
            }
        }
        let mut carried: Vec<ParameterPath> = changes.into_values().map(|(_, path)| path).collect();
        carried.sort();
        left.sort_by(|one, other| one.path.cmp(&other.path));
        let own = layers.own().map(|layer| layer.document.clone());
        CarriedOver {
            document: own.unwrap_or(unchanged),
            carried,
            left,
        }
    }

    /// Where a parameter of the old phone stands with the new one; `None` if it needs no place.
    fn place_of(
        &self,
        parameter: &Parameter,
        old_rows: &Rows,
        rows: &Rows,
        codecs: &Codecs,
    ) -> Result<Option<ParameterPath>, String> {
        let path = parameter.path.as_str();
        match &parameter.state {
            ValueState::Default => return Ok(None),
            ValueState::Unreadable { .. } => {
                return Err("its value is not understood".to_owned());
            }
            ValueState::Set { .. } => {}
        }
        if path.starts_with(NATIVE_PREFIX) {
            return Err("no other maker has this key".to_owned());
        }
        if OF_THE_OLD_PHONE.iter().any(|prefix| path.starts_with(prefix)) {
            return Err("it is about the old phone's own files".to_owned());
        }
        if !parameter.writable {
            return Ok(None);
        }
        let moved = moved(path, old_rows);
        let moved = codecs.place(&moved).unwrap_or(moved);
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

/// Rows of codec tables: a codec has another row with each maker.
struct Codecs {
    /// Old row's path, with a dot at the end, to the new one's.
    places: BTreeMap<String, Option<String>>,
}

impl Codecs {
    fn of(old: &[Parameter], new: &[Parameter]) -> Self {
        let rows = |parameters: &[Parameter]| -> Vec<(String, String, String)> {
            let rows = parameters.iter().filter_map(|parameter| {
                let row = parameter.path.as_str().strip_suffix("Codec")?;
                let (table, _) = row.split_once(CODEC_TABLE)?;
                Some((table.to_owned(), parameter.value.clone(), row.to_owned()))
            });
            rows.collect()
        };
        let new: BTreeMap<(String, String), String> = rows(new)
            .into_iter()
            .map(|(table, codec, row)| ((table, codec), row))
            .collect();
        let places = rows(old).into_iter().map(|(table, codec, row)| {
            let place = new.get(&(table, codec)).cloned();
            (row, place)
        });
        Self {
            places: places.collect(),
        }
    }

    /// The path of a codec's parameter with the new phone; one that is no path if it has no such
    /// codec, `None` for any other parameter.
    fn place(&self, path: &str) -> Option<String> {
        let at = path.rfind('.')? + 1;
        let (row, name) = path.split_at_checked(at)?;
        let place = self.places.get(row)?;
        Some(place.as_ref().map_or_else(String::new, |row| format!("{row}{name}")))
    }
}
