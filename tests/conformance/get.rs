//! C103 to C108: GetParameterValues.

use std::collections::BTreeSet;

use crate::catalogue::{Check, checks};
use crate::subject::{DI, MS, PROVISIONING_CODE, check, fault_code};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c103_exactly_what_was_asked_comes,
    c104_one_unknown_name_faults_the_whole_call,
    c105_a_table_without_rows_is_an_empty_list,
    c106_no_name_is_an_empty_list,
    c107_a_name_must_be_spelt_right,
    c108_every_name_that_is_listed_can_be_read,
    c109_overlapping_paths_give_no_name_twice,
];

fn c103_exactly_what_was_asked_comes() {
    check(103, async |mut subject| {
        let mut session = subject.turn().await;
        let all: BTreeSet<String> = session
            .get_names("", false)
            .await
            .unwrap()
            .into_iter()
            .map(|name| name.name)
            .filter(|name| !name.ends_with('.'))
            .collect();
        for asked in [
            vec![PROVISIONING_CODE],
            vec![DI],
            vec![PROVISIONING_CODE, MS],
            vec![""],
        ] {
            let due: BTreeSet<&String> = all
                .iter()
                .filter(|name| asked.iter().any(|path| name.starts_with(path)))
                .collect();
            let values = session.get_values(&asked).await.unwrap();
            let names: BTreeSet<&String> = values.iter().map(|value| &value.name).collect();
            assert_eq!(names, due, "{asked:?}");
            assert_eq!(values.len(), names.len(), "{asked:?}");
        }
        session.end().unwrap();
    });
}

fn c104_one_unknown_name_faults_the_whole_call() {
    check(104, async |mut subject| {
        let mut session = subject.turn().await;
        let names = session.get_names(DI, true).await.unwrap();
        let mut asked: Vec<&str> = names
            .iter()
            .map(|name| name.name.as_str())
            .filter(|name| !name.ends_with('.'))
            .take(10)
            .collect();
        session.get_values(&asked).await.unwrap();
        asked.push("Device.DeviceInfo.NoSuchThing");
        assert_eq!(fault_code(session.get_values(&asked).await), 9005);
        session.end().unwrap();
    });
}

fn c105_a_table_without_rows_is_an_empty_list() {
    check(105, async |mut subject| {
        let mut session = subject.turn().await;
        let table = empty_table(&mut session).await;
        assert_eq!(session.get_values(&[&table]).await.unwrap(), []);
        session.end().unwrap();
    });
}

/// A table of the device that has no row. The model has such: Line.Session of an idle phone.
pub(crate) async fn empty_table(session: &mut trestle::sim::acs::Session<'_>) -> String {
    let names = session.get_names("", false).await.unwrap();
    let all: BTreeSet<&str> = names.iter().map(|name| name.name.as_str()).collect();
    names
        .iter()
        .map(|name| name.name.as_str())
        .filter(|name| name.ends_with('.'))
        .find(|name| {
            !all.iter()
                .any(|other| other.len() > name.len() && other.starts_with(name))
        })
        .map(str::to_owned)
        .expect("some table is empty")
}

fn c107_a_name_must_be_spelt_right() {
    check(107, async |mut subject| {
        let mut session = subject.turn().await;
        for name in [
            "Device.DeviceInfo",
            "Device.DeviceInfo.ProvisioningCode.",
            "Device.deviceInfo.ProvisioningCode",
            "Device.Services.VoiceService.999.",
            "Device.Services.VoiceService.1.VoiceProfile.999.Enable",
        ] {
            assert_eq!(
                fault_code(session.get_values(&[name]).await),
                9005,
                "{name}"
            );
        }
        session.end().unwrap();
    });
}

fn c108_every_name_that_is_listed_can_be_read() {
    check(108, async |mut subject| {
        let mut session = subject.turn().await;
        let names = session.get_names("", false).await.unwrap();
        let parameters: Vec<&str> = names
            .iter()
            .map(|name| name.name.as_str())
            .filter(|name| !name.ends_with('.'))
            .collect();
        for size in [1, 32, 500] {
            for batch in parameters.chunks(size) {
                let values = session.get_values(batch).await.unwrap();
                assert_eq!(values.len(), batch.len());
            }
        }
        session.end().unwrap();
    });
}

fn c106_no_name_is_an_empty_list() {
    check(106, async |mut subject| {
        let mut session = subject.turn().await;
        assert_eq!(session.get_values(&[]).await.unwrap(), []);
        session.end().unwrap();
    });
}

fn c109_overlapping_paths_give_no_name_twice() {
    check(109, async |mut subject| {
        let mut session = subject.turn().await;
        let values = session.get_values(&["Device.", DI]).await.unwrap();
        let names: BTreeSet<&str> = values.iter().map(|value| value.name.as_str()).collect();
        assert_eq!(names.len(), values.len());
        assert!(names.contains(PROVISIONING_CODE));
        session.end().unwrap();
    });
}
