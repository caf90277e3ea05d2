//! The lens laws on the files of a phone, for tests and fuzzing.

use crate::datamodel::{ValueRule, ValueType};
use crate::mapping::laws::{read_one, samples};
use crate::mapping::lens::slot_place;
use crate::mapping::pack::Target;
use crate::mapping::{Change, Pack, Parameter, RefusalReason, Rows, ValueState};
use crate::native::{Layers, NativeKey};

/// Checks both laws for all parameters of a phone. `what` names the files in a failure. Of all the
/// values that could be written, at most `tries` are, spread over the parameters.
///
/// # Panics
/// If a law is broken, or if there is no file of the phone's own.
pub fn check(pack: &Pack, layers: &Layers, what: &str, tries: usize) {
    let rows = pack.rows(layers, &Rows::default());
    let parameters = pack.read(layers, &rows);
    get_then_put(pack, layers, &rows, &parameters, what);
    let values: Vec<(&Parameter, String)> = parameters
        .iter()
        .filter(|parameter| parameter.writable)
        .flat_map(|parameter| {
            let samples = samples(&rule_of(pack, &rows, parameter));
            samples.into_iter().map(move |value| (parameter, value))
        })
        .collect();
    let step = (values.len() / tries).max(1);
    for (parameter, value) in values.iter().skip(what.len() % step).step_by(step) {
        put_then_get(pack, layers, &rows, parameter, value, what);
    }
}

fn own_bytes(layers: &Layers) -> Vec<u8> {
    let own = layers.own();
    assert!(own.is_some(), "the phone has no file of its own");
    own.map(|own| own.document.bytes().to_vec())
        .unwrap_or_default()
}

fn change(parameter: &Parameter, value: &str) -> Change {
    Change {
        path: parameter.path.clone(),
        value: value.to_owned(),
    }
}

/// Writing back all that was read changes no byte. A parameter whose
/// native value no lens can read shows its default, which is not what stands in the file.
fn get_then_put(pack: &Pack, layers: &Layers, rows: &Rows, parameters: &[Parameter], what: &str) {
    let changes: Vec<Change> = parameters
        .iter()
        .filter(|parameter| parameter.writable)
        .filter(|parameter| match parameter.state {
            ValueState::Set { .. } => true,
            ValueState::Kept => false,
            // A phone that keeps what a file does not name may have something else.
            ValueState::Default => !pack.patches(),
            ValueState::Unreadable { .. } => false,
        })
        .map(|parameter| change(parameter, &parameter.value))
        .collect();
    let before = own_bytes(layers);
    let mut copy = layers.clone();
    let edits = pack.write(&mut copy, rows, &changes);
    assert_eq!(edits, Ok(Vec::new()), "{what}");
    assert!(own_bytes(&copy) == before, "{what}: bytes changed");
}

/// A value that is accepted reads back, and changes its lens's keys only; one that is not accepted
/// changes nothing.
fn put_then_get(
    pack: &Pack,
    layers: &Layers,
    rows: &Rows,
    parameter: &Parameter,
    value: &str,
    what: &str,
) {
    let place = format!("{what}: {} = {value:?}", parameter.path);
    let mut copy = layers.clone();
    match pack.write(&mut copy, rows, &[change(parameter, value)]) {
        Ok(edits) => {
            let read = read_one(pack, &copy, rows, &parameter.path);
            assert_eq!(read.as_deref(), Some(value), "{place}");
            let allowed = keys_that_may_change(pack, rows, parameter);
            for edit in edits {
                assert!(
                    allowed.contains(pack.canonical(&edit.key)),
                    "{place}: {} changed",
                    edit.key
                );
            }
            for (key, before) in pack.in_force(layers).iter() {
                let after = pack.effective(&copy, key).map(|found| found.value);
                let same = after.as_ref() == Some(&before.value);
                assert!(same || allowed.contains(key), "{place}: {key} changed");
            }
        }
        Err(refusals) => {
            let bad_value = match refusals.as_slice() {
                [refusal] => matches!(refusal.reason, RefusalReason::BadValue { .. }),
                _ => false,
            };
            assert!(bad_value, "{place}: {refusals:?}");
            assert!(own_bytes(&copy) == own_bytes(layers), "{place}");
        }
    }
}

/// The lens's own keys, and those of the line sets that they belong to.
fn keys_that_may_change(pack: &Pack, rows: &Rows, parameter: &Parameter) -> Vec<NativeKey> {
    let mut keys = pack.native_keys(&parameter.path, rows);
    if let Some(Target::Face { place, slot }) = pack.target(&parameter.path, rows) {
        for column in &pack.set.lenses[place.lens].keys {
            if let Some(set) = column.line_set {
                let members = &pack.set.line_sets[set].members;
                keys.extend(
                    members
                        .iter()
                        .map(|member| member.own[slot_place(slot)].clone()),
                );
            }
        }
    }
    keys
}

fn rule_of(pack: &Pack, rows: &Rows, parameter: &Parameter) -> ValueRule {
    let of_view = pack.view.as_ref().and_then(|view| {
        let entry = view.schema.entry(parameter.path.as_str())?;
        Some(entry.parameter()?.rule.clone())
    });
    if let Some(rule) = of_view {
        return rule;
    }
    match pack.target(&parameter.path, rows) {
        Some(Target::Face { place, .. }) => {
            let lens = &pack.set.lenses[place.lens];
            lens.faces[place.face].rule.clone()
        }
        _ => ValueRule::any(ValueType::String),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mapping::example::Phone;
    use crate::mapping::example_patch::patched;
    use crate::mapping::{Packs, Template};
    use crate::native::{Document, Layer, LayerKind};

    /// A file name that a vendor's rule for own files would take, for corpus files whose names say
    /// where they come from.
    fn corpus_name(vendor: &str, file: &str) -> String {
        let dialect = match file.rsplit('.').next() {
            Some("txt") => "txt",
            Some("xml") => "xml",
            _ => "cfg",
        };
        match (vendor, dialect) {
            ("grandstream", "txt") => "000b82a1b2c3.txt".to_owned(),
            ("grandstream", _) => "cfg000b82a1b2c3.xml".to_owned(),
            ("htek", _) => "cfg001fc1a1b2c3.xml".to_owned(),
            ("akuvox", _) => "0c1105a1b2c3.cfg".to_owned(),
            _ => "00085DA1B2C3.cfg".to_owned(),
        }
    }

    /// The model of a corpus file for which there is a lens set of its own.
    fn model_of(file: &str) -> Option<&'static str> {
        let models = [
            ("ht502", "HT502"),
            ("ht801", "HT801"),
            ("ht802", "HT802"),
            ("ht812", "HT812"),
            ("ht814", "HT814"),
            ("gxw40", "GXW4008"),
            ("gxw42", "GXW4216"),
            ("gxw410x", "GXW4104"),
            ("nullcomm-gxw", "GXW4104"),
            ("dp750", "DP750"),
            ("dp71", "DP715"),
            ("gds37", "GDS3710"),
        ];
        let found = models.iter().find(|(part, _)| file.contains(part));
        found.map(|(_, model)| *model)
    }

    #[test]
    fn every_conversion_keeps_the_laws() {
        let codes = "# c\nP271=1\nP401=no\nP270=a%25b\nP35=4711\nP47=[2001:db8::1]:5080\nP402=b.example.net\n\
            P40=5062\nP32=10\nP34=pw\nP2302=1\nP57=9\nP58=77\nP59=0\nP91=0\nP51=0\n\
            P9=10\nP10=0\nP11=0\nP12=1\nP21=0\nP22=0\nP23=0\nP24=0\nP64=MSK-3\nP7777=z\n";
        let keys = "sip line2 proxy ip: 0.0.0.0\nsip line1 auth name: a\ndns1: 192.0.2.53\n\
            tr69 server: http://acs.example.net\ntr69 server port: 7547\ntr69: true\n\
            tr69 time: 2026-05-06T07:08:09Z\nsip customized codec: payload=9;ptime=30,,payload=0\n";
        let patch = "P35: 1\nP34: pw\nP91: 1\nP2001: a%25b\nP8001: x\nP9002: 7\nP8100: 0\n\
            Config.Account1.Audio0.Name: PCMU\nConfig.Account1.Audio0.Enable: 1\n\
            Config.Account1.Audio0.Priority: 5\nConfig.Account1.Audio1.Name: PCMA\n\
            Config.Account1.Audio1.Priority: 7\n";
        let aliases = "account.1.sip.userid: 1\nP34: pw\ncall.callWaiting.enable: No\n\
            account.2.sip.password: pw\n";
        let shared = "sip proxy ip: shared.example.net\nsip proxy port: 5070\nsip auth name: all\n";
        for phone in [
            Phone::p_codes(codes),
            Phone::p_codes(""),
            Phone::key_value(shared, keys),
            Phone::key_value(shared, ""),
            patched(patch),
            patched(aliases),
            patched(""),
        ] {
            check(&phone.pack, &phone.layers, "example", usize::MAX);
        }
    }

    #[test]
    fn the_embedded_packs_keep_the_laws_on_every_real_file() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
        if !corpus.exists() {
            eprintln!("skipped: no corpus");
            return;
        }
        let packs = Packs::embedded().unwrap();
        let with_own_trees = packs.clone().with_template(Template::Vendor);
        let in_device2 = packs.clone().with_template(Template::Device2);
        let mut checked = 0;
        for vendor in packs.iter() {
            let Ok(folder) = std::fs::read_dir(corpus.join(vendor.vendor())) else {
                continue;
            };
            for entry in folder {
                let path = entry.unwrap().path();
                let file = path.file_name().unwrap().to_string_lossy().into_owned();
                let content = std::fs::read(&path).unwrap();
                let name = corpus_name(vendor.vendor(), &file);
                let Some((pack, identity)) = packs.identify(&name, &content) else {
                    continue;
                };
                let layer = Layer {
                    path: file.clone(),
                    kind: LayerKind::Phone,
                    document: Document::parse(identity.dialect, content).into(),
                };
                let layers = Layers::new(vec![layer], pack.merges_layers());
                let own_tree = with_own_trees.for_phone(pack.vendor(), None).unwrap();
                if own_tree.template() == Template::Vendor {
                    check(&own_tree, &layers, &file, 16);
                }
                let pack = packs.for_phone(pack.vendor(), model_of(&file)).unwrap();
                check(&pack, &layers, &file, 16);
                let pack = in_device2.for_phone(pack.vendor(), model_of(&file));
                check(&pack.unwrap(), &layers, &file, 16);
                checked += 1;
            }
        }
        assert!(checked > 60, "only {checked} files were checked");
    }
}
