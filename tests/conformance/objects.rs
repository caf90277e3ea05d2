//! C102, C119, C126 to C132, C186: tables whose rows come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::time::Duration;

use trestle::sim::acs::{ScriptError, Session};

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::model::Model;
use crate::private::Private;
use crate::subject::{MS, PROVISIONING_CODE, VP, check, check_alone, fault_code};
use crate::support::finish;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c102_what_must_differ_differs,
    c119_what_is_writable_can_be_written,
    c126_a_new_row_has_the_default_attributes,
    c127_a_new_row_is_off_and_counted,
    c128_a_row_keeps_its_number_and_values,
    c129_a_number_is_not_given_again,
    c130_what_is_no_table_is_refused,
    c131_a_full_table_says_so,
    c132_a_deleted_row_is_gone,
    c186_the_number_of_rows_is_notified,
];

const VS: &str = "Device.Services.VoiceService.1.";
const PROFILES: &str = "Device.Services.VoiceService.1.VoiceProfile.";
const STRING: &str = "xsd:string";
/// No sign of life for so long is silence.
const SILENCE: Duration = Duration::from_secs(2);

async fn text(session: &mut Session<'_>, name: &str) -> String {
    session.get_value(name).await.unwrap()
}

async fn count(session: &mut Session<'_>) -> u32 {
    let name = format!("{VS}VoiceProfileNumberOfEntries");
    text(session, &name).await.parse().unwrap()
}

async fn parameter_key(session: &mut Session<'_>) -> String {
    text(session, &format!("{MS}ParameterKey")).await
}

async fn set(session: &mut Session<'_>, name: &str, value: &str) {
    session
        .set_values(&[(name, value, STRING)], "")
        .await
        .unwrap();
}

/// Adds a profile with its line; the path of the profile.
async fn add_profile(session: &mut Session<'_>) -> String {
    let (number, status) = session.add_object(PROFILES, "").await.unwrap();
    assert!(matches!(status.as_str(), "0" | "1"), "{status}");
    let profile = format!("{PROFILES}{number}.");
    let lines = format!("{profile}Line.");
    assert_eq!(session.add_object(&lines, "").await.unwrap().0, 1);
    profile
}

fn c102_what_must_differ_differs() {
    check(102, async |mut subject| {
        let mut session = subject.turn().await;
        let other = add_profile(&mut session).await;
        let (mine, theirs) = (format!("{VP}Name"), format!("{other}Name"));
        set(&mut session, &mine, "one").await;
        set(&mut session, &theirs, "two").await;
        // A row that is off does not count.
        set(&mut session, &theirs, "one").await;
        set(&mut session, &theirs, "two").await;
        let number = format!("{other}Line.1.DirectoryNumber");
        let enable = format!("{other}Enable");
        let values = [
            (number.as_str(), "4712", STRING),
            (enable.as_str(), "Enabled", STRING),
        ];
        session.set_values(&values, "K1").await.unwrap();
        let same = session
            .set_values(&[(&theirs, "one", STRING)], "K2")
            .await
            .expect_err("two profiles of one name");
        let ScriptError::Fault(fault) = same else {
            panic!("{same:?}");
        };
        assert_eq!(fault.code, 9003);
        let details: Vec<_> = fault.parameters.iter().collect();
        assert_eq!((details.len(), details[0].code), (1, 9007));
        assert_eq!(details[0].name, theirs);
        assert_eq!(text(&mut session, &theirs).await, "two");
        assert_eq!(parameter_key(&mut session).await, "K1");
        // To change places in one call is allowed.
        let swapped = [(mine.as_str(), "two", STRING), (&theirs, "one", STRING)];
        session.set_values(&swapped, "K3").await.unwrap();
        session.end().unwrap();
    });
}

fn is_row(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
}

fn c119_what_is_writable_can_be_written() {
    check(119, async |mut subject| {
        let model = Model::current();
        let mut session = subject.turn().await;
        let names = session.get_names("", false).await.unwrap();
        let values: BTreeMap<String, (String, String)> = session
            .get_values(&["Device."])
            .await
            .unwrap()
            .into_iter()
            .map(|value| (value.name, (value.value, value.kind)))
            .collect();
        let (mut own, mut fixed) = (Vec::new(), Vec::new());
        for name in names.iter().filter(|name| !name.name.ends_with('.')) {
            let (value, kind) = &values[&name.name];
            let is_ours = name.name.contains(".X_");
            assert!(
                !name.writable || is_ours || !model.is_known() || model.is_writable(&name.name),
                "{} is read-only in the model",
                name.name
            );
            // A value that reads as empty is not its own.
            let is_hidden = model.is_hidden(&name.name) || name.name.contains("Password");
            let entry = (name.name.as_str(), value.as_str(), kind.as_str());
            match (name.writable, is_hidden) {
                (true, false) => own.push(entry),
                (true, true) => {}
                (false, _) => fixed.push(entry),
            }
        }
        assert!(own.len() > 20 && fixed.len() > 20);
        session.set_values(&own, "own").await.unwrap();
        let refused = session.set_values(&fixed, "fixed").await;
        let Err(ScriptError::Fault(fault)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((fault.code, fault.parameters.len()), (9003, fixed.len()));
        assert!(fault.parameters.iter().all(|detail| detail.code == 9008));

        let rows: BTreeSet<&str> = names
            .iter()
            .map(|name| name.name.as_str())
            .filter(|name| name.ends_with('.') && is_row(name))
            .collect();
        let mut tried = 0;
        for name in names.iter().filter(|name| name.name.ends_with('.')) {
            if rows.contains(name.name.as_str()) {
                let table = name.name.trim_end_matches('.').rfind('.').unwrap();
                let table = names.iter().find(|it| it.name == name.name[..=table]);
                assert_eq!(table.unwrap().writable, name.writable, "{}", name.name);
                continue;
            }
            tried += 1;
            let added = session.add_object(&name.name, "").await;
            match added {
                Ok((number, _)) => {
                    assert!(name.writable, "{}", name.name);
                    let row = format!("{}{number}.", name.name);
                    session.delete_object(&row, "").await.unwrap();
                }
                Err(ScriptError::Fault(fault)) => {
                    let expected = if name.writable { 9004 } else { 9005 };
                    assert_eq!(fault.code, expected, "{}", name.name);
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(tried > 10);
        let fixed_row = rows
            .iter()
            .find(|row| row.contains(".Codec.List."))
            .unwrap();
        let deleted = session.delete_object(fixed_row, "").await;
        assert_eq!(fault_code(deleted), 9005);
        session.end().unwrap();
    });
}

fn c126_a_new_row_has_the_default_attributes() {
    check(126, async |mut subject| {
        let mut session = subject.turn().await;
        let passive = notify(PROFILES, "1");
        session.set_attributes(&[passive]).await.unwrap();
        let profile = add_profile(&mut session).await;
        let attributes = session.get_attributes(&[&profile]).await.unwrap();
        assert!(attributes.len() > 10);
        for attribute in attributes {
            assert_eq!(attribute.notification, "0", "{}", attribute.name);
            assert_eq!(attribute.access_list, ["Subscriber"]);
        }
        let before = session.get_attributes(&[VP]).await.unwrap();
        assert!(before.iter().any(|it| it.notification == "1"));
        session.end().unwrap();
    });
}

fn c127_a_new_row_is_off_and_counted() {
    check(127, async |mut subject| {
        let mut session = subject.turn().await;
        let before = count(&mut session).await;
        let (number, status) = session.add_object(PROFILES, "K3").await.unwrap();
        assert!(number >= 1 && matches!(status.as_str(), "0" | "1"));
        assert_eq!(parameter_key(&mut session).await, "K3");
        assert_eq!(count(&mut session).await, before + 1);
        let profile = format!("{PROFILES}{number}.");
        let lines = format!("{profile}NumberOfLines");
        assert_eq!(text(&mut session, &lines).await, "0");
        assert_eq!(
            text(&mut session, &format!("{profile}Enable")).await,
            "Disabled"
        );
        let table = format!("{profile}Line.");
        let (line, _) = session.add_object(&table, "K4").await.unwrap();
        assert_eq!(parameter_key(&mut session).await, "K4");
        assert_eq!(text(&mut session, &lines).await, "1");
        let row = format!("{table}{line}.");
        let values = session.get_values(&[&row]).await.unwrap();
        let value = |name: &str| {
            let path = format!("{row}{name}");
            let mut found = values.iter().filter(|value| value.name == path);
            found.next().map(|value| value.value.as_str())
        };
        assert_eq!(value("Enable"), Some("Disabled"));
        assert_eq!(value("DirectoryNumber"), Some(""));
        let full = session.add_object(&table, "K5").await;
        assert_eq!(fault_code(full), 9004);
        assert_eq!(parameter_key(&mut session).await, "K4");
        session.end().unwrap();
    });
}

fn c128_a_row_keeps_its_number_and_values() {
    check_alone(128, async || {
        let (mut private, mut subject) = Private::announced(128, 1).await;
        let mut session = subject.turn().await;
        let first = add_profile(&mut session).await;
        let second = add_profile(&mut session).await;
        let number = format!("{second}Line.1.DirectoryNumber");
        set(&mut session, &number, "4728").await;
        session.end().unwrap();
        private.restart();
        let mut session = subject.turn().await;
        assert_eq!(text(&mut session, &number).await, "4728");
        session.delete_object(&first, "").await.unwrap();
        let third = add_profile(&mut session).await;
        assert!(third != first && third != second, "{third}");
        assert_eq!(text(&mut session, &number).await, "4728");
        session.end().unwrap();
        private.restart();
        let mut session = subject.turn().await;
        assert_eq!(text(&mut session, &number).await, "4728");
        let gone = session.get_values(&[&first]).await;
        assert_eq!(fault_code(gone), 9005);
        let there = session.get_values(&[&third]).await.unwrap();
        assert!(there.len() > 10);
        session.end().unwrap();
    });
}

fn c129_a_number_is_not_given_again() {
    check(129, async |mut subject| {
        let mut session = subject.turn().await;
        let mut used = BTreeSet::from([VP.to_owned()]);
        for _ in 0..2 {
            let added = add_profile(&mut session).await;
            assert!(used.insert(added));
        }
        for _ in 0..4 {
            let (last, _) = session.add_object(PROFILES, "").await.unwrap();
            let last = format!("{PROFILES}{last}.");
            assert!(used.insert(last.clone()), "{last} again");
            session.delete_object(&last, "").await.unwrap();
        }
        let line = format!("{VP}Line.1.");
        session.delete_object(&line, "").await.unwrap();
        let lines = format!("{VP}Line.");
        let (number, _) = session.add_object(&lines, "").await.unwrap();
        assert_ne!(number, 1);
        session.end().unwrap();
    });
}

fn c130_what_is_no_table_is_refused() {
    check(130, async |mut subject| {
        let mut session = subject.turn().await;
        set(&mut session, PROVISIONING_CODE, "C130").await;
        let key = parameter_key(&mut session).await;
        let without_dot = PROFILES.trim_end_matches('.');
        let fixed = format!("{VP}Line.1.Codec.List.");
        let parameter = format!("{VP}Enable");
        let object = format!("{VP}SIP.");
        for name in [
            without_dot,
            VP,
            &fixed,
            &parameter,
            &object,
            "Device.NoSuchTable.",
            "Device.",
            "",
        ] {
            let code = fault_code(session.add_object(name, "refused").await);
            let allowed: &[u32] = if name == without_dot || name == VP || name.is_empty() {
                &[9003, 9005]
            } else {
                &[9005]
            };
            assert!(allowed.contains(&code), "{name}: {code}");
            assert_eq!(parameter_key(&mut session).await, key, "{name}");
        }
        session.end().unwrap();
    });
}

fn c131_a_full_table_says_so() {
    check(131, async |mut subject| {
        let mut session = subject.turn().await;
        let most = format!("{VS}Capabilities.MaxProfileCount");
        let most: u32 = text(&mut session, &most).await.parse().unwrap();
        for _ in count(&mut session).await..most {
            session.add_object(PROFILES, "more").await.unwrap();
        }
        assert_eq!(count(&mut session).await, most);
        let full = session.add_object(PROFILES, "full").await;
        assert_eq!(fault_code(full), 9004);
        assert_eq!(count(&mut session).await, most);
        assert_eq!(parameter_key(&mut session).await, "more");
        session.end().unwrap();
    });
}

fn c132_a_deleted_row_is_gone() {
    check(132, async |mut subject| {
        let mut session = subject.turn().await;
        let profile = add_profile(&mut session).await;
        let number = format!("{profile}Line.1.DirectoryNumber");
        set(&mut session, &number, "4732").await;
        let others = session.get_values(&[VP]).await.unwrap();
        let before = count(&mut session).await;
        let status = session.delete_object(&profile, "K6").await.unwrap();
        assert!(matches!(status.as_str(), "0" | "1"), "{status}");
        assert_eq!(parameter_key(&mut session).await, "K6");
        let gone = session.get_values(&[&profile]).await;
        assert_eq!(fault_code(gone), 9005);
        let gone = session.get_values(&[&number]).await;
        assert_eq!(fault_code(gone), 9005);
        let again = session.delete_object(&profile, "K7").await;
        assert_eq!(fault_code(again), 9005);
        assert_eq!(parameter_key(&mut session).await, "K6");
        assert_eq!(count(&mut session).await, before - 1);
        assert_eq!(session.get_values(&[VP]).await.unwrap(), others);
        session.end().unwrap();
    });
}

fn c186_the_number_of_rows_is_notified() {
    check_alone(186, async || {
        let (private, mut subject) = Private::announced(186, 1).await;
        let counter = format!("{VP}NumberOfLines");
        let active = notify(&counter, "2");
        let mut session = subject.turn().await;
        session.set_attributes(&[active]).await.unwrap();
        let line = format!("{VP}Line.1.");
        session.delete_object(&line, "").await.unwrap();
        session.end().unwrap();
        assert!(subject.device.is_silent_for(SILENCE).await, "it knows");

        // Somebody sets the line up anew in the phone's file.
        let tree = private.folder().join("tree");
        let file = tree.join(subject.phone.file_name());
        let user = (2000 + 186).to_string();
        let edited = fs::read_to_string(&file).unwrap().replace(&user, "8686");
        fs::write(&file, edited).unwrap();
        let imported = Command::new(env!("CARGO_BIN_EXE_trestle"))
            .arg("import")
            .arg(&tree)
            .args(["--replace", "--config"])
            .arg(private.folder().join("trestle.toml"))
            .output()
            .unwrap();
        assert!(imported.status.success(), "{imported:?}");
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("4 VALUE CHANGE"));
        assert_eq!(session.inform().value(&counter), Some("1"));
        finish(session).await;
        assert!(subject.device.is_silent_for(SILENCE).await, "once");
    });
}
