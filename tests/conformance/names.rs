//! C110 to C118, C134: GetParameterNames.

use std::collections::BTreeSet;

use trestle::sim::acs::Session;

use crate::catalogue::{Check, checks};
use crate::get::empty_table;
use crate::subject::{DI, PROVISIONING_CODE, VP, check, fault_code};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c110_the_root_has_one_child,
    c111_the_whole_tree_is_complete,
    c112_the_next_level_is_the_direct_children,
    c113_a_whole_branch_has_its_root,
    c114_the_next_level_of_a_table_is_its_rows,
    c115_a_table_without_rows_has_no_next_level,
    c116_a_parameter_has_no_next_level,
    c117_an_unknown_path_is_fault_9005,
    c118_both_spellings_of_next_level_are_one,
    c134_a_path_with_an_alias_is_unknown,
];

async fn names(session: &mut Session<'_>, path: &str, next_level: bool) -> Vec<String> {
    let names = session.get_names(path, next_level).await.unwrap();
    names.into_iter().map(|name| name.name).collect()
}

fn parent(name: &str) -> Option<&str> {
    let trimmed = name.strip_suffix('.').unwrap_or(name);
    trimmed.rfind('.').map(|dot| &trimmed[..=dot])
}

fn c110_the_root_has_one_child() {
    check(110, async |mut subject| {
        let mut session = subject.turn().await;
        assert_eq!(names(&mut session, "", true).await, ["Device."]);
        session.end().unwrap();
    });
}

fn c111_the_whole_tree_is_complete() {
    check(111, async |mut subject| {
        let mut session = subject.turn().await;
        let all = names(&mut session, "", false).await;
        assert_eq!(all[0], "Device.");
        let set: BTreeSet<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(set.len(), all.len());
        for name in &all {
            if let Some(parent) = parent(name) {
                assert!(set.contains(parent), "{name} without {parent}");
            }
        }
        session.end().unwrap();
    });
}

fn c112_the_next_level_is_the_direct_children() {
    check(112, async |mut subject| {
        let mut session = subject.turn().await;
        let level = names(&mut session, "Device.", true).await;
        assert!(
            level.iter().all(|name| parent(name) == Some("Device.")),
            "{level:?}"
        );
        assert!(level.iter().any(|name| name == DI));
        session.end().unwrap();
    });
}

fn c113_a_whole_branch_has_its_root() {
    check(113, async |mut subject| {
        let mut session = subject.turn().await;
        let branch = names(&mut session, DI, false).await;
        assert_eq!(branch[0], DI);
        assert!(branch.iter().all(|name| name.starts_with(DI)));
        assert!(branch.iter().any(|name| name == PROVISIONING_CODE));
        session.end().unwrap();
    });
}

fn c114_the_next_level_of_a_table_is_its_rows() {
    check(114, async |mut subject| {
        let mut session = subject.turn().await;
        let table = "Device.Services.VoiceService.1.VoiceProfile.";
        // A gap, where the phone lets a row go.
        let gap = format!("{table}2.");
        let has_gap = session.delete_object(&gap, "").await.is_ok();
        let rows = names(&mut session, table, true).await;
        assert!(!has_gap || !rows.contains(&gap), "{rows:?}");
        let branch = names(&mut session, table, false).await;
        let due: BTreeSet<&String> = branch
            .iter()
            .filter(|name| parent(name) == Some(table))
            .collect();
        assert_eq!(rows.iter().collect::<BTreeSet<_>>(), due);
        assert!(rows.iter().any(|row| row == VP), "{rows:?}");
        session.end().unwrap();
    });
}

fn c115_a_table_without_rows_has_no_next_level() {
    check(115, async |mut subject| {
        let mut session = subject.turn().await;
        let table = empty_table(&mut session).await;
        assert!(names(&mut session, &table, true).await.is_empty());
        assert_eq!(names(&mut session, &table, false).await, [table]);
        session.end().unwrap();
    });
}

fn c116_a_parameter_has_no_next_level() {
    check(116, async |mut subject| {
        let mut session = subject.turn().await;
        let one = names(&mut session, PROVISIONING_CODE, false).await;
        assert_eq!(one, [PROVISIONING_CODE]);
        assert_eq!(
            fault_code(session.get_names(PROVISIONING_CODE, true).await),
            9003
        );
        session.end().unwrap();
    });
}

fn c117_an_unknown_path_is_fault_9005() {
    check(117, async |mut subject| {
        let mut session = subject.turn().await;
        for path in [
            "Device.NoSuchThing",
            "Device.NoSuchThing.",
            "Device.DeviceInfo",
            "Device.Services.VoiceService.999.",
        ] {
            for next_level in [false, true] {
                let result = session.get_names(path, next_level).await;
                assert_eq!(fault_code(result), 9005, "{path}");
            }
        }
        session.end().unwrap();
    });
}

fn c118_both_spellings_of_next_level_are_one() {
    check(118, async |mut subject| {
        let mut session = subject.turn().await;
        let mut answers = Vec::new();
        for spelling in ["0", "false", "1", "true"] {
            let body = session.style().get_parameter_names_spelt(DI, spelling);
            answers.push(session.call(&body).await.unwrap().names());
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[2], answers[3]);
        session.end().unwrap();
    });
}

fn c134_a_path_with_an_alias_is_unknown() {
    check(134, async |mut subject| {
        let mut session = subject.turn().await;
        let path = "Device.Services.VoiceService.1.VoiceProfile.[home].";
        assert_eq!(fault_code(session.get_values(&[path]).await), 9005);
        session.end().unwrap();
    });
}
