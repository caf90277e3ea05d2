//! What the packs know about a key, an alias or a path, for people.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::alias::Spelling;
use super::convert::Part;
use super::lens::{Face, KeyColumn, Lens, slot_place};
use super::pack::Pack;
use super::template_view::Template;
use crate::datamodel::ParameterPath;
use crate::native::NativeKey;

/// What a person sees in place of a secret.
const MASK: &str = "***";

/// One lens, told to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LensExplanation {
    /// Short name of the vendor.
    pub vendor: String,
    /// Name of the lens set.
    pub set: String,
    /// The data model that it is for.
    pub template: Template,
    /// The pack's file.
    pub file: String,
    /// Line of the lens in it, from 1.
    pub line: usize,
    /// Patterns of the models that it is for; empty: all that the set's keys mean the same for.
    pub models: Vec<String>,
    /// The table whose rows have it; `None`: it is there once.
    pub index: Option<IndexExplanation>,
    /// The slots that were asked for; empty: all.
    pub slots: Vec<u32>,
    /// Its parameters, as far as they were asked for.
    pub parameters: Vec<ParameterExplanation>,
    /// Paths of its other parameters, which change together with these.
    pub beside: Vec<String>,
    /// Its native keys, in the order in which the conversion takes them.
    pub keys: Vec<KeyExplanation>,
    /// Name of the conversion in packs.
    pub conversion: String,
    /// What it does.
    pub words: Vec<String>,
    /// Whether the phone takes it only after a restart.
    pub needs_restart: bool,
    /// Whether it is shown only while a file sets it.
    pub only_if_set: bool,
    /// What the pack says about it.
    pub note: Option<String>,
}

/// The index of a lens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexExplanation {
    /// Its name, such as `account`.
    pub name: String,
    /// How many slots there are.
    pub slots: u32,
}

/// A parameter of a lens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterExplanation {
    /// Its path, with `{i}` for numbers that are not fixed.
    pub path: String,
    /// The paths under which the phone's data model shows it, where they are others.
    pub shown_as: Vec<String>,
    /// Type, as on the wire.
    #[serde(rename = "type")]
    pub value_type: String,
    /// Whether an ACS may write it.
    pub writable: bool,
    /// Whether its value is shown to nobody.
    pub secret: bool,
    /// What it reads while nothing is set, by slot; one if it is the same for all. `***` for a
    /// secret.
    pub defaults: Vec<String>,
    /// What values it may have beside being of its type.
    pub limits: Vec<String>,
}

/// A native key of a lens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyExplanation {
    /// By slot, `None` where the slot has none; one if it is the same for all.
    pub names: Vec<Option<String>>,
    /// The key that is read where this one is absent; likewise.
    pub fallbacks: Vec<Option<String>>,
    /// Whether the fallback counts only while no other key of the line is set.
    pub line_as_a_whole: bool,
    /// Whether another slot's key may count.
    pub redirected: bool,
    /// Other names that a file may use.
    pub aliases: Vec<AliasExplanation>,
}

/// Another name of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasExplanation {
    /// The name.
    pub name: String,
    /// Its words for native values, as `Yes = 1`; empty: they are the same.
    pub words: Vec<String>,
    /// The slot whose key it names; `None`: the key is the same for all.
    pub slot: Option<u32>,
    /// Patterns of the models that use it; empty: all.
    pub models: Vec<String>,
}

impl Pack {
    /// Every lens behind a native key, an alias, or a path; the path may hold instance numbers or
    /// `{i}`, and an object with its dot stands for all below it. Of a pack for one model, those
    /// that hold for it. In the pack's order; none for a word that the pack does not know.
    pub fn explain(&self, what: &str) -> Vec<LensExplanation> {
        let asked = self.asked(what).into_iter();
        asked
            .filter_map(|(lens, asked)| {
                let place = lens;
                let lens = self.set.lenses.get(place)?;
                Some(self.explain_lens(place, lens, &asked))
            })
            .collect()
    }

    /// The lenses that a word means, with what of them.
    pub(super) fn asked(&self, what: &str) -> BTreeMap<usize, Asked> {
        let what = what.trim();
        let mut asked: BTreeMap<usize, Asked> = BTreeMap::new();
        let key = NativeKey::new(what);
        let mut keys: BTreeSet<&NativeKey> = self.set.aliases.keys_of_any(&key).collect();
        if self.knows_model {
            keys.retain(|of_alias| self.canonical(&key) == *of_alias);
        }
        keys.insert(&key);
        for key_use in keys.iter().filter_map(|key| self.set.by_key.get(*key)) {
            for key_use in key_use {
                let lens = asked.entry(key_use.lens).or_default();
                lens.slots.extend(key_use.slot);
            }
        }
        for (place, lens) in self.set.lenses.iter().enumerate() {
            for (number, face) in lens.faces.iter().enumerate() {
                if let Some(instance) = self.fits(what, face) {
                    let asked_lens = asked.entry(place).or_default();
                    asked_lens.faces.insert(number);
                    asked_lens.slots.extend(instance);
                }
            }
        }
        asked.retain(|place, _| {
            let lens = self.set.lenses.get(*place);
            let counts = |lens: &Lens| self.has(lens) && self.faces(*place, lens).count() > 0;
            !self.knows_model || lens.is_some_and(counts)
        });
        asked
    }

    /// Whether a path that was asked for means a face: as the lens has it, or as the view shows it.
    fn fits(&self, what: &str, face: &Face) -> Option<Option<u32>> {
        let own = face.template.text();
        let Some(view) = &self.view else {
            return fits(what, &own);
        };
        let shown = || fits(what, &view.shown_name(&own));
        let in_other_words = || {
            let path: ParameterPath = what.parse().ok()?;
            fits(view.lens_path(&path)?.as_str(), &own)
        };
        fits(what, &own).or_else(shown).or_else(in_other_words)
    }

    fn explain_lens(&self, place: usize, lens: &Lens, asked: &Asked) -> LensExplanation {
        let index = lens.index.and_then(|index| self.set.indexes.get(index));
        let condition = lens.condition;
        let models = condition.map(|condition| self.set.conditions.patterns(condition));
        let mut parameters: Vec<ParameterExplanation> = Vec::new();
        let mut beside = Vec::new();
        for (number, face) in lens.faces.iter().enumerate() {
            let is_asked = asked.faces.is_empty() || asked.faces.contains(&number);
            let hidden = self.knows_model && self.is_shadowed(place, number);
            // The rows of a table of codecs are alike.
            let path = path_of(face);
            if hidden || parameters.iter().any(|known| known.path == path) {
                continue;
            }
            if is_asked {
                let mut parameter = explain_face(face, asked);
                parameter.shown_as = self.shown_as(&path);
                parameters.push(parameter);
            } else if face.part == Part::Whole {
                beside.push(path);
            }
        }
        let mut words = lens.convert.words();
        if lens.percent {
            words.push("`%XX` in the file stands for a character".to_owned());
        }
        LensExplanation {
            vendor: self.vendor().to_owned(),
            set: self.set.name.clone(),
            template: self.set.template,
            file: self.file().to_owned(),
            line: lens.line,
            models: models.unwrap_or_else(|| self.set.models.texts()),
            index: index.map(|index| IndexExplanation {
                name: index.name.clone(),
                slots: index.slots,
            }),
            slots: asked.slots.iter().copied().collect(),
            parameters,
            beside,
            keys: self.explain_keys(lens),
            conversion: lens.convert.name().to_owned(),
            words,
            needs_restart: lens.reboot,
            only_if_set: lens.only_if_set,
            note: lens.note.clone(),
        }
    }

    /// The paths under which a view shows a parameter of a lens; none where it has its own path.
    fn shown_as(&self, own: &str) -> Vec<String> {
        let Some(view) = &self.view else {
            return Vec::new();
        };
        let mut shown: Vec<String> = match own.parse::<ParameterPath>() {
            Ok(path) => {
                let paths = view.paths_of(&path).into_iter();
                paths.map(|path| path.to_string()).collect()
            }
            Err(_) => vec![view.shown_name(own).into_owned()],
        };
        shown.retain(|shown| shown != own);
        shown
    }

    fn explain_keys(&self, lens: &Lens) -> Vec<KeyExplanation> {
        let columns = lens.keys.iter();
        columns.map(|column| self.explain_column(column)).collect()
    }

    fn explain_column(&self, column: &KeyColumn) -> KeyExplanation {
        let spelled = |keys: &[Option<NativeKey>], by_slot: bool| -> Vec<Option<String>> {
            let names = keys.iter().map(|key| {
                let key = key.as_ref()?;
                Some(self.spelling(key).to_owned())
            });
            names.take(if by_slot { keys.len() } else { 1 }).collect()
        };
        let mut aliases: Vec<AliasExplanation> = Vec::new();
        for (slot, key) in (1..).zip(&column.own) {
            let Some(key) = key else { continue };
            let here: Vec<&Spelling> = self.spellings(key).collect();
            for spelling in self.set.aliases.all_spellings(key) {
                if self.knows_model && !here.iter().any(|one| std::ptr::eq(*one, spelling)) {
                    continue;
                }
                aliases.push(self.explain_alias(spelling, column.by_slot.then_some(slot)));
            }
            if !column.by_slot {
                break;
            }
        }
        KeyExplanation {
            names: spelled(&column.own, column.by_slot),
            fallbacks: spelled(&column.fallback, column.fallback_by_slot),
            line_as_a_whole: column.line_set.is_some(),
            redirected: column.redirect.is_some(),
            aliases,
        }
    }

    fn explain_alias(&self, spelling: &Spelling, slot: Option<u32>) -> AliasExplanation {
        let words = self.set.aliases.dictionary(spelling).iter();
        let condition = spelling.condition;
        let models = condition.map(|condition| self.set.conditions.patterns(condition));
        AliasExplanation {
            name: spelling.text.clone(),
            slot,
            words: words
                .map(|(word, native)| format!("{word} = {native}"))
                .collect(),
            models: models.unwrap_or_default(),
        }
    }
}

/// What of a lens is meant.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Empty: all.
    pub(super) slots: BTreeSet<u32>,
    /// Empty: all.
    pub(super) faces: BTreeSet<usize>,
}

fn explain_face(face: &Face, asked: &Asked) -> ParameterExplanation {
    let rule = &face.rule;
    let mut defaults: Vec<String> = match asked.slots.first() {
        Some(slot) if asked.slots.len() == 1 => face
            .defaults
            .get(slot_place(*slot))
            .cloned()
            .into_iter()
            .collect(),
        _ => face.defaults.clone(),
    };
    if defaults.windows(2).all(|two| two.first() == two.last()) {
        defaults.truncate(1);
    }
    if face.hidden {
        for default in defaults.iter_mut().filter(|default| !default.is_empty()) {
            MASK.clone_into(default);
        }
    }
    let mut limits = Vec::new();
    if rule.list {
        limits.push("a list with commas".to_owned());
    }
    let writable = rule
        .enumeration
        .iter()
        .filter(|word| !rule.report_only.contains(word));
    let words: Vec<&str> = writable
        .map(|word| if word.is_empty() { "empty" } else { word })
        .collect();
    if !words.is_empty() {
        limits.push(format!("one of {}", words.join(", ")));
    }
    if !rule.ranges.is_empty() {
        let ranges: Vec<String> = rule.ranges.iter().map(ToString::to_string).collect();
        limits.push(ranges.join(" or "));
    }
    match (rule.min_length, rule.max_length) {
        (Some(min), Some(max)) => limits.push(format!("{min} to {max} characters")),
        (Some(min), None) => limits.push(format!("{min} characters or more")),
        (None, Some(max)) => limits.push(format!("up to {max} characters")),
        (None, None) => {}
    }
    let patterns = rule.patterns.iter();
    limits.extend(patterns.map(|pattern| format!("of the form {}", pattern.as_str())));
    ParameterExplanation {
        path: path_of(face),
        shown_as: Vec::new(),
        value_type: face.value_type().xsd_name().to_owned(),
        writable: face.writable,
        secret: face.hidden,
        defaults,
        limits,
    }
}

/// The path of a face, with `{i}` for the index and for the row of a codec.
pub(super) fn path_of(face: &Face) -> String {
    let path = face.template.text();
    let row = match face.part {
        Part::Whole => return path,
        Part::Codec(row) | Part::Enable(row) | Part::Priority(row) => row + 1,
    };
    let mut segments: Vec<&str> = path.split('.').collect();
    let row = row.to_string();
    let last = segments.iter_mut().rev().nth(1);
    if let Some(segment) = last.filter(|segment| **segment == row) {
        *segment = "{i}";
    }
    segments.join(".")
}

/// Whether a path that was asked for means this one, and the number that stands in it for the
/// first `{i}`.
fn fits(asked: &str, path: &str) -> Option<Option<u32>> {
    let (asked, is_object) = match asked.strip_suffix('.') {
        Some(object) => (object, true),
        None => (asked, false),
    };
    let mut instance = None;
    let mut segments = path.split('.');
    for wanted in asked.split('.') {
        let segment = segments.next()?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match (wanted, segment) {
            _ if wanted == segment => {}
            ("{i}", number) if is_number(number) => {}
            (number, "{i}") if is_number(number) => {
                instance = instance.or(Some(number.parse().ok()?));
            }
            _ => return None,
        }
    }
    let is_rest = segments.next().is_some();
    (is_rest == is_object).then_some(instance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::{key_value_text, p_code_text};
    use crate::mapping::example_patch::PATCH;

    fn explained(text: &str, what: &str) -> Vec<LensExplanation> {
        Pack::parse("example.toml", text).unwrap().explain(what)
    }

    fn paths(explained: &[LensExplanation]) -> Vec<&str> {
        let parameters = explained.iter().flat_map(|lens| &lens.parameters);
        parameters
            .map(|parameter| parameter.path.rsplit('.').next().unwrap())
            .collect()
    }

    #[test]
    fn a_key_leads_to_every_lens_on_it() {
        let found = explained(&p_code_text(), "p402");
        let all = ["URI", "ProxyServer", "RegistrarServer", "ProxyServerPort"];
        assert_eq!(paths(&found), all);
        assert!(found.iter().all(|lens| lens.slots == [2]));
        let host = &found[1];
        assert_eq!(host.conversion, "host");
        let names: Vec<&str> = host.keys[0]
            .names
            .iter()
            .flatten()
            .map(String::as_str)
            .collect();
        assert_eq!(names, ["P47", "P402", "P502"]);
        let line = p_code_text().lines().nth(host.line - 1).unwrap().to_owned();
        assert_eq!(line, "[[lens]]");
        assert!(explained(&p_code_text(), "P7777").is_empty());
    }

    #[test]
    fn a_path_is_found_with_numbers_with_braces_and_as_an_object() {
        const PROFILE: &str = "Device.Services.VoiceService.1.VoiceProfile.";
        let text = p_code_text();
        for (path, slots) in [
            (format!("{PROFILE}2.SIP.RegistrarServer"), vec![2]),
            (format!("{PROFILE}{{i}}.SIP.RegistrarServer"), Vec::new()),
        ] {
            let found = explained(&text, &path);
            assert_eq!(paths(&found), ["RegistrarServer"]);
            assert_eq!(found[0].slots, slots);
            assert!(found[0].beside[0].ends_with(".SIP.ProxyServer"));
        }
        let below = explained(&text, &format!("{PROFILE}1.SIP."));
        assert!(paths(&below).contains(&"ProxyServerPort"));
        assert!(!paths(&below).contains(&"URI"));
        assert!(explained(&text, &format!("{PROFILE}1.SIP")).is_empty());
        let row = explained(&text, &format!("{PROFILE}1.Line.1.Codec.List.3.Enable"));
        assert_eq!(paths(&row), ["Enable"]);
        let codecs = explained(&text, "P57");
        assert_eq!(paths(&codecs), ["Codec", "Enable", "Priority"]);
    }

    #[test]
    fn a_path_of_a_view_leads_to_the_lens_behind_it() {
        let packs = crate::mapping::Packs::embedded().unwrap();
        let packs = packs.with_template(Template::Device2);
        let pack = packs.for_phone("grandstream", None).unwrap();
        let servers = pack.explain("Device.LAN.DNSServers");
        assert_eq!(servers.len(), 1);
        let shown = &servers[0].parameters[0].shown_as;
        assert!(
            !shown.is_empty() && !shown[0].starts_with("Device.LAN."),
            "{shown:?}"
        );
        for path in shown {
            assert_eq!(pack.explain(path)[0].line, servers[0].line, "{path}");
        }
    }

    #[test]
    fn conversions_are_told_in_words() {
        let words = |text: &str, key: &str| {
            let found = explained(text, key);
            found.first().unwrap().words.join("; ")
        };
        let codes = p_code_text();
        assert_eq!(
            words(&codes, "P271"),
            "Disabled = 0, Enabled = 1; `yes` also reads Enabled"
        );
        assert_eq!(words(&codes, "P91"), "true = 0, false = 1");
        assert_eq!(words(&codes, "P32"), "native × 60");
        assert_eq!(words(&codes, "P51"), "the native number; `0` reads -1");
        assert_eq!(
            words(&codes, "P2301"),
            "RFC2833 when any + `1` + any, written `0` + `1` + `0`; \
             SIPInfo when any + any + `1`, written `0` + `0` + `1`; \
             InBand when any + any + any, written `1` + `0` + `0`"
        );
        assert_eq!(
            words(&codes, "P9"),
            "an IPv4 address, one number a key; `0.0.0.0` reads empty"
        );
        assert!(words(&codes, "P270").ends_with("`%XX` in the file stands for a character"));
        let keys = key_value_text();
        assert_eq!(
            words(&keys, "sip line2 proxy ip"),
            "as it is; `0.0.0.0` reads empty, and is written for it"
        );
    }

    #[test]
    fn a_fallback_an_alias_and_a_secret_are_told() {
        let global = explained(&key_value_text(), "sip proxy ip");
        assert_eq!(paths(&global), ["ProxyServer"]);
        assert!(global[0].keys[0].line_as_a_whole);
        assert_eq!(
            global[0].keys[0].fallbacks,
            [Some("sip proxy ip".to_owned())]
        );
        let alias = explained(PATCH, "call.callWaiting.enable");
        assert_eq!(alias[0].keys[0].aliases[0].words, ["Yes = 0", "No = 1"]);
        let secret = explained(PATCH, "account.2.sip.password");
        let password = &secret[0].parameters[0];
        assert!(password.secret && password.writable);
        assert_eq!(secret[0].slots, [2]);
    }

    #[test]
    fn lenses_of_all_models_are_told_and_for_one_model_its_own() {
        let pack = Pack::parse("example.toml", PATCH).unwrap();
        let models = |pack: &Pack| -> Vec<Vec<String>> {
            let found = pack.explain("Device.X_EX_Lamp");
            found.into_iter().map(|lens| lens.models).collect()
        };
        assert_eq!(models(&pack), [["^A"], ["^B"]]);
        let of_b = Pack::new(pack.vendor.clone(), pack.set.clone(), Some("B7"));
        assert_eq!(models(&of_b), [["^B"]]);
        assert!(of_b.explain("P8100").is_empty());
    }
}
