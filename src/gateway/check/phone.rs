//! What is said of one phone, from its own file and those that it shares.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::sync::Arc;

use super::census::{KeyPlace, Notes};
use crate::device::TreePath;
use crate::gateway::report::{Finding, FindingKind};
use crate::gateway::tree::{Candidate, Reader, choose, classify};
use crate::mapping::{Pack, Packs, Parameter, Rows, ValueState};
use crate::native::{Document, Layer, LayerKind, Layers, Mac, NativeKey};

/// Whether the phone's own TR-069 client is on, and where it goes.
const TR069_ENABLE: &str = "Device.X_TRESTLE_PhoneTR069.Enable";
const TR069_URL: &str = "Device.X_TRESTLE_PhoneTR069.URL";

/// Shared documents by vendor and folder.
pub(super) type SharedDocuments = BTreeMap<(String, String), Vec<(TreePath, Arc<Document>)>>;

/// What one phone adds to the report.
#[derive(Debug, Default)]
pub(super) struct PhoneFacts {
    pub(super) vendor: String,
    pub(super) notes: Notes,
    pub(super) parameters: u64,
    pub(super) native_parameters: u64,
    pub(super) understood: u64,
    pub(super) kept: u64,
    pub(super) unknown_keys: Vec<KeyPlace>,
    /// Where the phone's own TR-069 client goes, if it is on.
    pub(super) acs: Option<String>,
    pub(super) beaten_by_local_changes: u64,
    pub(super) has_line_sets: bool,
}

/// Reads one phone as the gateway would.
pub(super) fn phone_facts(
    reader: Reader<'_>,
    mac: Mac,
    candidates: Vec<Candidate>,
    shared: &SharedDocuments,
    listed: Option<FindingKind>,
) -> PhoneFacts {
    let mut facts = PhoneFacts::default();
    let packs = reader.packs;
    let Some((Candidate { file, vendor }, others)) = choose(packs, mac, candidates, None) else {
        return facts;
    };
    facts.vendor.clone_from(&vendor);
    let path = file.path;
    facts.notes.note(listed, FindingKind::Phone, || {
        Finding::of_file(
            FindingKind::Phone,
            path.to_string(),
            format!("{mac} of {vendor}"),
        )
        .about(mac)
    });
    // A tree has no word for the model of a phone: it is in the User-Agent of its fetches.
    facts.notes.note(listed, FindingKind::ModelUnknown, || {
        let why = "its first fetch tells the model";
        Finding::of_file(FindingKind::ModelUnknown, path.to_string(), why).about(mac)
    });
    // Read once more: the files of a large fleet are not all held at a time.
    let read = |path: &TreePath, on_disk: &std::path::Path| {
        let content = fs::read(on_disk).ok()?;
        classify(reader, path, &content).document
    };
    let (Some(pack), Some(document)) = (packs.by_vendor(&vendor), read(&path, &file.on_disk))
    else {
        return facts;
    };
    for other in others {
        let differing = read(&other.file.path, &other.file.on_disk)
            .map(|other| differing_keys(&document, &other))
            .filter(|count| *count > 0);
        let differing = differing.map_or_else(String::new, |count| {
            format!("; {count} settings have other values in it")
        });
        facts.notes.note(listed, FindingKind::SeveralFiles, || {
            let why = format!(
                "phone {mac} has {path} for its own; this one is served as it is{differing}"
            );
            let other = other.file.path.to_string();
            Finding::of_file(FindingKind::SeveralFiles, other, why).about(mac)
        });
    }
    for setting in document.settings() {
        if pack.covers(setting.key) {
            facts.understood += 1;
        } else {
            facts.kept += 1;
        }
    }
    let layers = layers_of(&vendor, &path, document, shared, pack);
    facts.look_at_parameters(pack, &layers, mac, &path, listed);
    facts.look_at_effects(pack, &layers, mac, &path, listed);
    facts
}

/// Counts files in one folder of which a phone reads only one, and which do not say the same.
pub(super) fn unlike_alternatives(
    packs: &Packs,
    shared: &SharedDocuments,
    notes: &mut Notes,
    listed: Option<FindingKind>,
) {
    for ((vendor, _), documents) in shared {
        let Some(pack) = packs.by_vendor(vendor) else {
            continue;
        };
        let mut firsts: BTreeMap<&str, &(TreePath, Arc<Document>)> = BTreeMap::new();
        for file in documents {
            let Some(alternative) = pack.alternative(file.0.file_name()) else {
                continue;
            };
            let (first, one) = firsts.entry(alternative).or_insert(file);
            let (path, other) = file;
            let unlike = unlike_keys(one, other);
            if unlike > 0 {
                notes.note(listed, FindingKind::UnlikeAlternatives, || {
                    let why = format!(
                        "{unlike} settings are otherwise, or not there, in one of this and \
                         {first}; a phone reads only one of the two"
                    );
                    Finding::of_file(FindingKind::UnlikeAlternatives, path.to_string(), why)
                });
            }
        }
    }
}

impl PhoneFacts {
    fn look_at_parameters(
        &mut self,
        pack: &Pack,
        layers: &Layers,
        mac: Mac,
        path: &TreePath,
        listed: Option<FindingKind>,
    ) {
        let rows = pack.rows(layers, &Rows::default());
        let (mut is_on, mut acs) = (false, String::new());
        for parameter in pack.read(layers, &rows) {
            self.parameters += 1;
            let is_set = matches!(parameter.state, ValueState::Set { .. });
            match parameter.path.as_str() {
                TR069_ENABLE => is_on = is_set && parameter.value == "1",
                TR069_URL => acs.clone_from(&parameter.value),
                _ => {}
            }
            if let ValueState::Unreadable { native } = &parameter.state {
                self.notes.note(listed, FindingKind::OddValue, || {
                    odd_value(pack, layers, &rows, &parameter, native, path).about(mac)
                });
            }
            if parameter.is_native() {
                self.native_parameters += 1;
                let key = pack.native_keys(&parameter.path, &rows).into_iter().next();
                if let (Some(key), ValueState::Set { layer, line }) = (key, parameter.state) {
                    let file = layer;
                    self.unknown_keys.push(KeyPlace { key, file, line });
                }
            }
        }
        if is_on {
            let acs = if acs.is_empty() {
                "its maker's own".to_owned()
            } else {
                without_credentials(&acs)
            };
            self.notes.note(listed, FindingKind::PhoneTr069, || {
                let message = format!("the phone speaks TR-069 with {acs}");
                Finding::of_file(FindingKind::PhoneTr069, path.to_string(), message).about(mac)
            });
            self.acs = Some(acs);
        }
    }

    /// What stands in the files and does not reach the phone, or not for long.
    fn look_at_effects(
        &mut self,
        pack: &Pack,
        layers: &Layers,
        mac: Mac,
        path: &TreePath,
        listed: Option<FindingKind>,
    ) {
        for overruled in pack.overruled(layers) {
            self.notes.note(listed, FindingKind::NoEffect, || {
                let why = format!(
                    "`{}` has another value in {}:{}, which the phone reads later",
                    overruled.key, overruled.by, overruled.by_line
                );
                Finding::of_file(FindingKind::NoEffect, path.to_string(), why)
                    .at(overruled.line, overruled.column)
                    .about(mac)
            });
        }
        let beaten = pack.beaten_by_local_changes(layers) as u64;
        self.beaten_by_local_changes = beaten;
        if beaten > 0 {
            self.notes.note(listed, FindingKind::LocalWins, || {
                let why = format!(
                    "{beaten} settings carry neither `!` nor `^`: what a user sets at the phone \
                     beats them"
                );
                Finding::of_file(FindingKind::LocalWins, path.to_string(), why).about(mac)
            });
        }
        for line in pack.switched_off(layers) {
            self.has_line_sets = true;
            self.notes.note(listed, FindingKind::LineSet, || {
                let globals: Vec<String> =
                    line.globals.iter().map(|key| format!("`{key}`")).collect();
                let why = format!(
                    "with `{}` set, the line takes none of {}",
                    line.key,
                    globals.join(", ")
                );
                Finding::of_file(FindingKind::LineSet, line.file, why)
                    .at(line.line, line.column)
                    .about(mac)
            });
        }
    }
}

/// A URL as it may be shown: one can hold a name and a password before its host.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}***@{host}{path}"),
        None => url.to_owned(),
    }
}

/// A value that no lens understands, where it stands.
fn odd_value(
    pack: &Pack,
    layers: &Layers,
    rows: &Rows,
    parameter: &Parameter,
    native: &str,
    path: &TreePath,
) -> Finding {
    let value = if parameter.hidden {
        "a hidden value".to_owned()
    } else {
        format!("`{}`", native.escape_debug())
    };
    let why = format!(
        "{} cannot have {value}; an ACS sees its default",
        parameter.path
    );
    let keys = pack.native_keys(&parameter.path, rows);
    let found = keys.iter().find_map(|key| layers.effective(key));
    match found {
        Some(found) => {
            let finding = Finding::of_file(FindingKind::OddValue, found.layer.path.clone(), why);
            let setting = keys
                .iter()
                .find_map(|key| found.layer.document.setting(key));
            match setting {
                Some(setting) => finding.at(setting.line, setting.column),
                None => finding,
            }
        }
        None => Finding::of_file(FindingKind::OddValue, path.to_string(), why),
    }
}

fn layers_of(
    vendor: &str,
    path: &TreePath,
    document: Document,
    shared: &SharedDocuments,
    pack: &Pack,
) -> Layers {
    let place = (vendor.to_owned(), path.folder().to_owned());
    let shared = shared.get(&place).map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = shared.iter().map(|(path, _)| path.file_name()).collect();
    // No file tells the version of a phone.
    let reads = pack.reads(&names, None);
    let mut layers: Vec<Layer> = shared
        .iter()
        .zip(reads)
        .filter(|(_, is_read)| *is_read)
        .map(|((path, document), _)| Layer {
            path: path.to_string(),
            kind: LayerKind::Shared,
            document: Arc::clone(document),
        })
        .collect();
    layers.push(Layer {
        path: path.to_string(),
        kind: LayerKind::Phone,
        document: document.into(),
    });
    pack.layers(layers)
}

/// How many keys stand in both files with other values.
fn differing_keys(one: &Document, other: &Document) -> usize {
    let mut values: HashMap<&NativeKey, std::borrow::Cow<'_, str>> = HashMap::new();
    for setting in other.settings() {
        values.insert(setting.key, setting.value);
    }
    values
        .into_iter()
        .filter(|(key, value)| one.setting(key).is_some_and(|mine| mine.value != *value))
        .count()
}

/// How many keys stand in one of the files only, or in both with other values.
fn unlike_keys(one: &Document, other: &Document) -> usize {
    let keys: BTreeSet<&NativeKey> = one
        .settings()
        .chain(other.settings())
        .map(|setting| setting.key)
        .collect();
    let is_unlike = |key: &&NativeKey| match (one.setting(key), other.setting(key)) {
        (Some(one), Some(other)) => one.value != other.value,
        _ => true,
    };
    keys.into_iter().filter(is_unlike).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_stands_before_its_host() {
        for (url, shown) in [
            (
                "http://acs.example.net:7547/a@b",
                "http://acs.example.net:7547/a@b",
            ),
            (
                "https://gate:hunter2@acs.example.net/x",
                "https://***@acs.example.net/x",
            ),
            ("gate:hun@ter2@acs.example.net", "***@acs.example.net"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
