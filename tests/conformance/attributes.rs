//! C120 to C124: parameter attributes.

use trestle::sim::acs::ScriptError;
use trestle::sim::acs::message::AttributeChange;

use crate::catalogue::{Check, checks};
use crate::subject::{DI, PROVISIONING_CODE, VP, check, fault_code};
use crate::variant::{Template, Variant};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c120_a_notification_reads_back,
    c121_what_is_not_to_change_does_not,
    c122_a_partial_path_is_every_parameter_below,
    c123_one_bad_entry_changes_nothing,
    c124_the_answer_on_active_notification_is_kept,
];

/// Parameters whose notification Device:2 forces to be active.
const FORCED_ACTIVE: [&str; 2] = [PROVISIONING_CODE, "Device.DeviceInfo.SoftwareVersion"];

/// Sets the notification of a parameter, or of all below a path, and nothing else of it.
pub(crate) fn notify<'a>(name: &'a str, notification: &'a str) -> AttributeChange<'a> {
    AttributeChange {
        name,
        notification: Some(notification),
        access_list: None,
    }
}

fn c120_a_notification_reads_back() {
    check(120, async |mut subject| {
        let mut session = subject.turn().await;
        let name = format!("{VP}Name");
        for value in ["1", "2", "0"] {
            session
                .set_attributes(&[notify(&name, value)])
                .await
                .unwrap();
            let read = session.get_attributes(&[&name]).await.unwrap();
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].notification, value);
            assert_eq!(read[0].access_list, ["Subscriber"]);
        }
        session.end().unwrap();
    });
}

fn c121_what_is_not_to_change_does_not() {
    check(121, async |mut subject| {
        let mut session = subject.turn().await;
        session
            .set_attributes(&[notify(PROVISIONING_CODE, "1")])
            .await
            .unwrap();
        let before = session.get_attributes(&[PROVISIONING_CODE]).await.unwrap();
        let nothing = AttributeChange {
            name: PROVISIONING_CODE,
            notification: None,
            access_list: None,
        };
        session.set_attributes(&[nothing]).await.unwrap();
        // AccessListChange false beside a list.
        let body = session
            .style()
            .set_parameter_attributes(&[nothing])
            .replace(
                "soapenc:arrayType=\"xsd:string[0]\">",
                "soapenc:arrayType=\"xsd:string[1]\"><string>Alien</string>",
            );
        assert!(body.contains("Alien"));
        session.call(&body).await.unwrap();
        let after = session.get_attributes(&[PROVISIONING_CODE]).await.unwrap();
        assert_eq!(before, after);
        session.end().unwrap();
    });
}

fn c122_a_partial_path_is_every_parameter_below() {
    check(122, async |mut subject| {
        let mut session = subject.turn().await;
        session.set_attributes(&[notify(DI, "1")]).await.unwrap();
        let read = session.get_attributes(&[DI]).await.unwrap();
        let names = session.get_names(DI, false).await.unwrap();
        let parameters = names.iter().filter(|name| !name.name.ends_with('.'));
        assert_eq!(read.len(), parameters.count());
        for attribute in &read {
            assert!(!attribute.name.ends_with('.'));
            // What the model forces stays active (cwmp.md A6, M63).
            let is_forced = FORCED_ACTIVE.contains(&attribute.name.as_str())
                && Variant::current().template == Template::Device2;
            let wanted = if is_forced { "2" } else { "1" };
            assert_eq!(attribute.notification, wanted, "{}", attribute.name);
        }
        session.set_attributes(&[notify(DI, "0")]).await.unwrap();
        session.end().unwrap();
    });
}

fn c123_one_bad_entry_changes_nothing() {
    check(123, async |mut subject| {
        let mut session = subject.turn().await;
        let before = session.get_attributes(&[PROVISIONING_CODE]).await.unwrap();
        let good = notify(PROVISIONING_CODE, "2");
        let alien = AttributeChange {
            name: DI,
            notification: None,
            access_list: Some(&["Alien"]),
        };
        for (bad, code) in [
            (notify("Device.NoSuchThing", "1"), 9005),
            (notify(DI, "9"), 9003),
            (alien, 9003),
        ] {
            let result = session.set_attributes(&[good, bad]).await;
            assert_eq!(fault_code(result), code, "{bad:?}");
        }
        let after = session.get_attributes(&[PROVISIONING_CODE]).await.unwrap();
        assert_eq!(before, after);
        session.end().unwrap();
    });
}

fn c124_the_answer_on_active_notification_is_kept() {
    check(124, async |mut subject| {
        let mut session = subject.turn().await;
        let names = session.get_names(VP, false).await.unwrap();
        let statistic = format!("{VP}Line.1.Stats.PacketsSent");
        // A phone without statistics has other parameters that can deny, on the device's level.
        let name = if names.iter().any(|name| name.name == statistic) {
            statistic
        } else {
            format!("{DI}UpTime")
        };
        let due = match session.set_attributes(&[notify(&name, "2")]).await {
            Ok(()) => "2",
            Err(ScriptError::Fault(fault)) => {
                assert_eq!(fault.code, 9009);
                "0"
            }
            Err(other) => panic!("{other}"),
        };
        let read = session.get_attributes(&[&name]).await.unwrap();
        assert_eq!(read[0].notification, due);
        session.set_attributes(&[notify(&name, "0")]).await.unwrap();
        session.end().unwrap();
    });
}
