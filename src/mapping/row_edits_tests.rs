//! Rows that are added and deleted, in made-up packs and in those of the project.

use std::collections::BTreeSet;

use super::example::{Phone, layer, long};
use super::example_patch::patched;
use super::{Pack, Packs, RowProblem, Rows, Template};
use crate::datamodel::ObjectPath;
use crate::native::{Dialect, LayerKind, Layers};

const PROFILES: &str = "Device.Services.VoiceService.1.VoiceProfile.";

impl Phone {
    fn add(&mut self, table: &str) -> Result<u32, RowProblem> {
        let table: ObjectPath = long(table).parse().unwrap();
        self.pack.add_row(&mut self.layers, &mut self.rows, &table)
    }

    fn delete(&mut self, row: &str) -> Result<(), RowProblem> {
        let row: ObjectPath = long(row).parse().unwrap();
        self.pack.delete_row(&mut self.layers, &mut self.rows, &row)
    }

    /// What the gateway does after each change.
    fn derive(&mut self) {
        self.rows = self.pack.rows(&self.layers, &self.rows);
    }

    fn profiles(&self) -> Vec<u32> {
        let rows = self.rows.instances("account").iter();
        rows.map(|row| row.instance).collect()
    }
}

#[test]
fn a_new_profile_is_off_has_no_line_and_stays() {
    let mut phone = Phone::p_codes("P271 = 1\n");
    assert_eq!(phone.add(PROFILES), Ok(2));
    phone.derive();
    assert_eq!(phone.profiles(), [1, 2]);
    assert_eq!(phone.value("VP2.Enable"), "Disabled");
    assert_eq!(
        phone.own(),
        "P271 = 1\n",
        "off is what the phone has anyway"
    );
    assert!(phone.parameter("L2.Enable").is_none());
    assert_eq!(phone.add("VP2.Line."), Ok(1));
    phone.derive();
    assert_eq!(phone.value("L2.Enable"), "Disabled");
    assert_eq!(phone.add("VP2.Line."), Err(RowProblem::Full { slots: 1 }));
    phone.set(&[("VP2.Name", "two")]).unwrap();
    assert_eq!(phone.own(), "P271 = 1\nP280 = two\n");
}

#[test]
fn adding_and_deleting_leaves_the_bytes_where_files_are_no_patches() {
    let text = "# mine\nP271 = 1\nP35=4711\n";
    let mut phone = Phone::p_codes(text);
    for _ in 0..2 {
        let profile = phone.add(PROFILES).unwrap();
        phone.add(&format!("VP{profile}.Line.")).unwrap();
        let (enable, name) = (format!("VP{profile}.Enable"), format!("VP{profile}.Name"));
        phone
            .set(&[(enable.as_str(), "Enabled"), (name.as_str(), "x")])
            .unwrap();
        phone.delete(&format!("VP{profile}.")).unwrap();
        phone.derive();
        assert_eq!(phone.own(), text);
        assert_eq!(phone.profiles(), [1]);
    }
    assert_eq!(phone.add(PROFILES), Ok(4), "numbers 2 and 3 were used");
}

#[test]
fn a_row_that_is_always_there_can_go_and_is_off_then() {
    let mut phone = Phone::p_codes("# mine\nP271 = 1\nP35=4711\nP91=1\nP270=one\n");
    phone.delete("VP1.").unwrap();
    phone.derive();
    assert!(phone.profiles().is_empty());
    assert_eq!(phone.own(), "# mine\nP271 = 0\nP91=1\n");
    assert!(phone.parameter("VP1.Enable").is_none());
    assert_eq!(phone.delete("VP1."), Err(RowProblem::Unknown));
    assert_eq!(phone.add(PROFILES), Ok(2));
    phone.derive();
    assert_eq!(phone.value("VP2.Enable"), "Disabled");
    assert!(phone.parameter("VP1.Enable").is_none());
    phone.set(&[("VP2.Enable", "Enabled")]).unwrap();
    assert_eq!(phone.own(), "# mine\nP271 = 1\nP91=1\n");
}

#[test]
fn the_line_of_a_profile_can_go_and_come_back_under_another_number() {
    let mut phone = Phone::p_codes("P271 = 1\nP270=one\nP34=secret\n");
    phone.delete("VP1.Line.1.").unwrap();
    phone.derive();
    assert_eq!(phone.own(), "P271 = 0\nP270=one\n");
    assert_eq!(phone.value("VP1.Name"), "one");
    assert!(phone.parameter("L1.SIP.AuthPassword").is_none());
    assert_eq!(phone.delete("VP1.Line.1."), Err(RowProblem::Unknown));
    assert_eq!(phone.add("VP1.Line."), Ok(2));
    phone.derive();
    assert_eq!(phone.value("VP1.Line.2.Enable"), "Disabled");
    phone
        .set(&[("VP1.Line.2.SIP.AuthPassword", "new")])
        .unwrap();
    assert!(phone.own().contains("P34=new\n"), "{}", phone.own());
    assert!(phone.set(&[("L1.SIP.AuthPassword", "x")]).is_err());
    let key = crate::native::NativeKey::new("P34");
    let paths = phone.pack.parameters_of(&key, &phone.rows);
    assert_eq!(paths[0].as_str(), long("VP1.Line.2.SIP.AuthPassword"));
}

#[test]
fn a_deleted_row_is_back_when_its_keys_are_imported_again() {
    let mut phone = Phone::p_codes("P401=1\nP404=4712\n");
    phone.delete("VP2.").unwrap();
    phone.derive();
    assert_eq!(phone.profiles(), [1]);
    let imported = "P401=1\nP404=4713\n";
    let file = layer("cfg.txt", LayerKind::Phone, Dialect::PCodeText, imported);
    phone.layers = phone.pack.layers(vec![file]);
    phone.derive();
    assert_eq!(phone.profiles(), [1, 4]);
    assert_eq!(phone.value("L4.SIP.URI"), "sip:4713");
}

#[test]
fn where_files_are_patches_defaults_are_written_and_the_rest_is_emptied() {
    let mut phone = patched("P404: 4712\nP406: pw\nP2002: c\nP9002: 7\n");
    assert_eq!(phone.profiles(), [1, 2]);
    phone.delete("VP2.").unwrap();
    phone.derive();
    assert_eq!(phone.profiles(), [1]);
    let own = phone.own().to_owned();
    assert_eq!(own, "P404: \nP406: \nP2002: a%25b\n");
    phone.derive();
    assert_eq!(phone.profiles(), [1], "what is left does not show it again");
    assert_eq!(phone.add(PROFILES), Ok(3));
    phone.derive();
    assert_eq!(phone.value("VP3.DTMFMethod"), "RFC2833");
    assert!(phone.parameter("L3.SIP.AuthUserName").is_none());
    assert_eq!(phone.add("VP3.Line."), Ok(1));
    phone.derive();
    assert_eq!(phone.value("L3.SIP.AuthUserName"), "");
}

#[test]
fn a_key_of_everybodys_stays_and_a_line_of_a_set_goes() {
    let shared = "sip proxy ip: shared.example.net\n";
    let mut phone = Phone::key_value(
        shared,
        "sip line2 proxy ip: own.example.net\ndns1: 9.9.9.9\n",
    );
    phone.delete("VP2.").unwrap();
    phone.derive();
    assert_eq!(phone.own(), "dns1: 9.9.9.9\n");
    assert_eq!(phone.profiles(), [1]);
}

#[test]
fn tables_that_are_not_there_or_fixed_have_no_rows_to_add() {
    let mut phone = Phone::p_codes("");
    for table in ["VP9.Line.", "Device.LAN.", "VP1.", "VP1.SIP.", "VP01.Line."] {
        assert_eq!(phone.add(table), Err(RowProblem::Unknown), "{table}");
    }
    assert_eq!(phone.delete(PROFILES), Err(RowProblem::Unknown));
    assert_eq!(phone.delete("VP01."), Err(RowProblem::Unknown));
    phone.add(PROFILES).unwrap();
    phone.add(PROFILES).unwrap();
    assert_eq!(phone.add(PROFILES), Err(RowProblem::Full { slots: 3 }));
}

/// Every pack of the project with an empty file, in every data model.
fn all_packs() -> Vec<Pack> {
    let mut all = Vec::new();
    for template in Template::ALL {
        let packs = Packs::embedded().unwrap().with_template(template);
        for (vendor, model) in [
            ("grandstream", None),
            ("grandstream", Some("GXP2170")),
            ("grandstream", Some("HT802")),
            ("htek", None),
            ("aastra", None),
            ("aastra", Some("6867i")),
            ("akuvox", None),
        ] {
            let pack = packs.for_phone(vendor, model).unwrap();
            // A vendor without a tree of its own shows the same again.
            if !all.iter().any(|known: &Pack| known.id() == pack.id()) || model.is_some() {
                all.push((*pack).clone());
            }
        }
    }
    all
}

fn empty_file(pack: &Pack) -> Layers {
    let own = layer("own", LayerKind::Phone, Dialect::KeyValue, "");
    pack.layers(vec![own])
}

/// Path and value of everything in a row, without the beginning.
fn shown(pack: &Pack, layers: &Layers, rows: &Rows, row: &str) -> Vec<(String, String)> {
    let all = pack.read(layers, rows).into_iter();
    all.filter_map(|parameter| {
        let rest = parameter.path.as_str().strip_prefix(row)?;
        Some((rest.to_owned(), parameter.value))
    })
    .collect()
}

#[test]
fn numbers_are_never_used_again_and_full_tables_say_so() {
    for pack in all_packs() {
        let nothing = empty_file(&pack);
        for table in pack.tables(&pack.rows(&nothing, &Rows::default())) {
            let mut layers = nothing.clone();
            let mut rows = pack.rows(&layers, &Rows::default());
            let path: ObjectPath = table.path.parse().unwrap();
            let mut used: BTreeSet<u32> = table.instances.iter().copied().collect();
            if !table.is_changeable {
                let added = pack.add_row(&mut layers, &mut rows, &path);
                assert_eq!(added, Err(RowProblem::Fixed), "{} {path}", pack.id());
                continue;
            }
            let mut present: Vec<u32> = table.instances;
            for round in 0..2 {
                let problem = loop {
                    match pack.add_row(&mut layers, &mut rows, &path) {
                        Ok(number) => {
                            assert!(used.insert(number), "{} {path}{number}", pack.id());
                            present.push(number);
                        }
                        Err(problem) => break problem,
                    }
                };
                let is_full = matches!(problem, RowProblem::Full { slots } if slots as usize == present.len());
                assert!(is_full, "{} {path} {problem} in round {round}", pack.id());
                for number in present.drain(..) {
                    let row: ObjectPath = format!("{path}{number}.").parse().unwrap();
                    pack.delete_row(&mut layers, &mut rows, &row).unwrap();
                }
                rows = pack.rows(&layers, &rows);
                assert_eq!(shown(&pack, &layers, &rows, path.as_str()), []);
            }
        }
    }
}

#[test]
fn a_deleted_profile_is_as_new_when_it_is_added_again() {
    for pack in all_packs() {
        let mut layers = empty_file(&pack);
        let mut rows = pack.rows(&layers, &Rows::default());
        let table: ObjectPath = PROFILES.parse().unwrap();
        let is_changeable = |table: &super::RowTable| table.path == PROFILES && table.is_changeable;
        if !pack.tables(&rows).iter().any(is_changeable) {
            continue;
        }
        let fresh = |layers: &mut Layers, rows: &mut Rows| {
            let number = pack.add_row(layers, rows, &table).unwrap();
            let profile = format!("{PROFILES}{number}.");
            let lines: ObjectPath = format!("{profile}Line.").parse().unwrap();
            assert_eq!(pack.add_row(layers, rows, &lines), Ok(1));
            *rows = pack.rows(layers, rows);
            profile
        };
        let profile = fresh(&mut layers, &mut rows);
        let before = shown(&pack, &layers, &rows, &profile);
        let text = layers.own().unwrap().document.bytes().to_vec();
        let enable = before.iter().find(|(name, _)| name == "Enable");
        assert_eq!(enable.unwrap().1, "Disabled", "{}", pack.id());
        let changes: Vec<super::Change> = [
            ("Name", "x"),
            ("DTMFMethod", "SIPInfo"),
            ("SIP.RegistrarServer", "sip.example.net"),
            ("SIP.ProxyServer", "sip.example.net"),
            ("SIP.RegisterExpires", "120"),
            ("SIP.ProxyServerPort", "5070"),
            ("Line.1.DirectoryNumber", "4711"),
            ("Line.1.SIP.AuthUserName", "4711"),
            ("Line.1.SIP.AuthPassword", "pw"),
            ("Enable", "Enabled"),
        ]
        .iter()
        .filter(|(name, _)| before.iter().any(|(known, _)| known == name))
        .map(|(name, value)| super::Change {
            path: format!("{profile}{name}").parse().unwrap(),
            value: (*value).to_owned(),
        })
        .filter(|change| {
            pack.write(&mut layers, &rows, std::slice::from_ref(change))
                .is_ok()
        })
        .collect();
        assert!(changes.len() > 5, "{} {changes:?}", pack.id());
        let row: ObjectPath = profile.parse().unwrap();
        pack.delete_row(&mut layers, &mut rows, &row).unwrap();
        rows = pack.rows(&layers, &rows);
        if !pack.patches() {
            let left = layers.own().unwrap().document.bytes();
            assert_eq!(left, text, "{}", pack.id());
        }
        let again = fresh(&mut layers, &mut rows);
        assert_ne!(again, profile);
        assert_eq!(
            shown(&pack, &layers, &rows, &again),
            before,
            "{}",
            pack.id()
        );
    }
}

#[test]
fn tables_within_a_row_go_and_come_with_it() {
    let packs = Packs::embedded().unwrap();
    let pack = packs.for_phone("grandstream", Some("GXP2170")).unwrap();
    let mut layers = empty_file(&pack);
    let mut rows = pack.rows(&layers, &Rows::default());
    let first: ObjectPath = format!("{PROFILES}1.").parse().unwrap();
    let buttons = format!("{PROFILES}1.ButtonMap.Button.");
    let is_shown = |rows: &Rows, path: &str| pack.tables(rows).iter().any(|it| it.path == path);
    assert!(is_shown(&rows, &buttons));
    pack.delete_row(&mut layers, &mut rows, &first).unwrap();
    rows = pack.rows(&layers, &rows);
    assert!(!is_shown(&rows, &buttons));
    assert!(shown(&pack, &layers, &rows, first.as_str()).is_empty());

    let table: ObjectPath = PROFILES.parse().unwrap();
    let number = pack.add_row(&mut layers, &mut rows, &table).unwrap();
    rows = pack.rows(&layers, &rows);
    let buttons = format!("{PROFILES}{number}.ButtonMap.Button.");
    assert!(is_shown(&rows, &buttons));
    let path = format!("{buttons}3.FacilityActionArgument");
    let change = super::Change {
        path: path.parse().unwrap(),
        value: "4711".to_owned(),
    };
    pack.write(&mut layers, &rows, std::slice::from_ref(&change))
        .unwrap();
    let found = pack.parameter(&layers, &rows, &change.path).unwrap();
    assert_eq!(found.value, "4711");
    let all = pack.read(&layers, &rows);
    assert!(all.iter().any(|it| it.path == change.path));
    let keys = pack.native_keys(&change.path, &rows);
    let told = pack.parameters_of(&keys[0], &rows);
    assert!(told.contains(&change.path), "{told:?}");
}
