//! C055 to C069: when events come, and until when.

use std::time::Duration;

use trestle::sim::acs::{Reply, Session};

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::local::{Mover, address_parameter, display_name, operate, set};
use crate::private::{Options, Private};
use crate::redirects::second_acs;
use crate::subject::{INTERVAL, MS, Subject, check, check_alone, fault_code};
use crate::support::finish;
use crate::transfers::download;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c028_what_arises_in_a_session_waits_for_its_end,
    c055_a_restart_that_no_acs_ordered_is_a_boot_and_nothing_else,
    c057_the_same_url_is_no_new_acs,
    c058_a_new_acs_gets_nothing_of_the_old_one,
    c060_what_must_not_be_dropped_outlives_a_kill,
    c061_periods_without_an_acs_are_one_event,
    c062_two_scheduled_informs_are_one_event_with_two_keys,
    c063_a_connection_request_is_not_retried,
    c064_only_what_was_delivered_is_cleared,
    c068_rows_add_parameters_to_informs_with_their_events: device2,
    c069_a_heartbeat_goes_alone_and_is_not_retried: device2,
];

/// Long enough for a wrong message to show up.
const QUIET: Duration = Duration::from_millis(1500);

async fn set_interval(session: &mut Session<'_>, seconds: &str) {
    let values = [(INTERVAL, seconds, "xsd:unsignedInt")];
    session.set_values(&values, "").await.unwrap();
}

fn c028_what_arises_in_a_session_waits_for_its_end() {
    check_alone(28, async || {
        let (private, mut subject) = Private::announced(28, 1).await;
        let name = display_name();
        let phone = subject.phone;
        let mut session = subject.turn().await;
        session.set_attributes(&[notify(&name, "2")]).await.unwrap();
        set_interval(&mut session, "2").await;
        set(private.folder(), phone, &name, "meanwhile").await;
        assert!(session.device().is_silent_for(Duration::from_secs(3)).await);
        set_interval(&mut session, "86400").await;
        session.end().unwrap();
        let session = subject.informed_of(&["2 PERIODIC", "4 VALUE CHANGE"]).await;
        let inform = session.inform();
        assert_eq!(inform.value(&name), Some("meanwhile"));
        finish(session).await;
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}

fn c055_a_restart_that_no_acs_ordered_is_a_boot_and_nothing_else() {
    check_alone(55, async || {
        let (private, mut subject) = Private::announced(55, 1).await;
        operate(private.folder(), &["reboot", &subject.phone.mac()]).await;
        let session = subject.informed_of(&["1 BOOT"]).await;
        finish(session).await;
    });
}

fn c057_the_same_url_is_no_new_acs() {
    check(57, async |mut subject| {
        let mut session = subject.turn().await;
        let url = format!("{MS}URL");
        let same = session.get_value(&url).await.unwrap();
        let values = [(url.as_str(), same.as_str(), "xsd:string")];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        assert!(subject.device.is_silent_for(QUIET).await);
        let session = subject.wake().await;
        assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c058_a_new_acs_gets_nothing_of_the_old_one() {
    check_alone(58, async || {
        let (private, mut subject) = Private::announced(58, 1).await;
        let other = second_acs(58, None).await;
        let mut there = other.device(&subject.phone.serial());
        let missing = subject.world.files.url("/missing");
        let mut session = subject.turn().await;
        let order = download("D58", &missing);
        session.download(&order).await.unwrap();
        session.schedule_inform(1, "S58").await.unwrap();
        session.end().unwrap();
        let refused = loop {
            let session = subject.device.session().await.unwrap();
            let inform = session.inform();
            let has_both = inform.has_event("3 SCHEDULED") && inform.has_event("M Download");
            if has_both {
                break session;
            }
            session.end_with(Reply::status(500)).unwrap();
        };
        let url = format!("{MS}URL");
        set(private.folder(), subject.phone, &url, other.url()).await;
        refused.end_with(Reply::status(500)).unwrap();
        let mut session = there.session().await.unwrap();
        assert_eq!(session.inform().event_codes(), ["0 BOOTSTRAP"]);
        assert_eq!(session.inform().retry_count, 0);
        assert_eq!(session.begin().await.unwrap().len(), 0, "no report");
        session.end().unwrap();
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}

/// Refuses an Inform with these events, kills the gateway, starts it, and expects them once.
async fn outlive(private: &mut Private, subject: &mut Subject, expected: &[&str]) {
    loop {
        let session = subject.device.session().await.unwrap();
        let is_it = expected.iter().all(|code| session.inform().has_event(code));
        session.end_with(Reply::status(503)).unwrap();
        if is_it {
            break;
        }
    }
    // Time to note that it has failed.
    tokio::time::sleep(Duration::from_millis(300)).await;
    private.restart();
    let session = subject.device.session().await.unwrap();
    let inform = session.inform().clone();
    for code in expected {
        let times = inform.events.iter().filter(|event| event.code == *code);
        assert_eq!(times.count(), 1, "{code} in {:?}", inform.events);
    }
    assert!(inform.retry_count > 0);
    finish(session).await;
    assert!(subject.device.is_silent_for(QUIET).await);
}

fn c060_what_must_not_be_dropped_outlives_a_kill() {
    check_alone(60, async || {
        let mut private = Private::start(60, Options::default()).await;
        let mut subject = private.plugged_in(0).await;
        subject.running.boot().await;
        outlive(&mut private, &mut subject, &["0 BOOTSTRAP", "1 BOOT"]).await;
        drop(subject);

        let mut subject = private.subject(1).await;
        let mut session = subject.turn().await;
        session.reboot("R60").await.unwrap();
        session.end().unwrap();
        outlive(&mut private, &mut subject, &["1 BOOT", "M Reboot"]).await;

        let missing = subject.world.files.url("/missing");
        let mut session = subject.turn().await;
        let order = download("D60", &missing);
        session.download(&order).await.unwrap();
        session.end().unwrap();
        outlive(
            &mut private,
            &mut subject,
            &["7 TRANSFER COMPLETE", "M Download"],
        )
        .await;
    });
}

fn c061_periods_without_an_acs_are_one_event() {
    check_alone(61, async || {
        let (private, mut subject) = Private::announced(61, 10).await;
        let mut session = subject.turn().await;
        set_interval(&mut session, "10").await;
        session.end().unwrap();
        subject.world.acs.close();
        private.pass(Duration::from_secs(35)).await;
        // Or one more period might end during the session.
        set(private.folder(), subject.phone, INTERVAL, "86400").await;
        subject.world.acs.reopen().await.unwrap();
        let session = subject.informed_of(&["2 PERIODIC"]).await;
        assert!(session.inform().retry_count > 0);
        finish(session).await;
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}

fn c062_two_scheduled_informs_are_one_event_with_two_keys() {
    check_alone(62, async || {
        let (private, mut subject) = Private::announced(62, 10).await;
        let mut session = subject.turn().await;
        session.schedule_inform(5, "k1").await.unwrap();
        session.schedule_inform(8, "k2").await.unwrap();
        session.end().unwrap();
        subject.world.acs.close();
        private.pass(Duration::from_secs(10)).await;
        subject.world.acs.reopen().await.unwrap();
        let session = subject
            .informed_of(&["3 SCHEDULED", "M ScheduleInform", "M ScheduleInform"])
            .await;
        let inform = session.inform();
        let mut keys = inform.command_keys("M ScheduleInform");
        keys.sort_unstable();
        assert_eq!(keys, ["k1", "k2"]);
        assert_eq!(inform.command_keys("3 SCHEDULED"), [""]);
        finish(session).await;
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}

fn c063_a_connection_request_is_not_retried() {
    check_alone(63, async || {
        let (_private, mut subject) = Private::announced(63, 10).await;
        let mut session = subject.turn().await;
        session.schedule_inform(1, "k").await.unwrap();
        session.end().unwrap();
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("3 SCHEDULED"));
        session.end_with(Reply::status(503)).unwrap();
        let session = subject.wake().await;
        assert!(session.inform().has_event("3 SCHEDULED"));
        session.end_with(Reply::status(503)).unwrap();
        for _ in 0..2 {
            let session = subject
                .informed_of(&["3 SCHEDULED", "M ScheduleInform"])
                .await;
            session.end_with(Reply::status(503)).unwrap();
        }
    });
}

fn c064_only_what_was_delivered_is_cleared() {
    check_alone(64, async || {
        let (_private, mut subject) = Private::announced(64, 1).await;
        let phone = Mover::of(&subject);
        let address = phone.address(0);
        let mut session = subject.turn().await;
        let active = notify(address_parameter(), "2");
        session.set_attributes(&[active]).await.unwrap();
        set_interval(&mut session, "2").await;
        session.end().unwrap();
        let mut session = subject.informed_of(&["2 PERIODIC"]).await;
        session.begin().await.unwrap();
        set_interval(&mut session, "86400").await;
        phone.move_to(address).await;
        session.end().unwrap();
        let session = subject.informed_of(&["4 VALUE CHANGE"]).await;
        let inform = session.inform();
        assert_eq!(
            inform.value(address_parameter()),
            Some(address.to_string().as_str())
        );
        finish(session).await;
    });
}

fn c068_rows_add_parameters_to_informs_with_their_events() {
    check_alone(68, async || {
        let (_private, mut subject) = Private::announced(68, 1).await;
        let mut session = subject.turn().await;
        let table = format!("{MS}InformParameter.");
        let (row, _) = session.add_object(&table, "").await.unwrap();
        let (nothing, _) = session.add_object(&table, "").await.unwrap();
        let of = |row: u32, name: &str| format!("{table}{row}.{name}");
        let name = display_name();
        let pattern = name
            .replace("VoiceProfile.1.", "VoiceProfile.*.")
            .replace("Line.1.", "Line.*.");
        let values = [
            (of(row, "Enable"), "1", "xsd:boolean"),
            (of(row, "EventList"), "2 PERIODIC", "xsd:string"),
            (of(row, "ParameterName"), pattern.as_str(), "xsd:string"),
            (of(nothing, "Enable"), "1", "xsd:boolean"),
            (
                of(nothing, "ParameterName"),
                "Device.Services.VoiceService.*.NoSuchThing",
                "xsd:string",
            ),
            (INTERVAL.to_owned(), "2", "xsd:unsignedInt"),
        ];
        let values = values
            .each_ref()
            .map(|(name, value, kind)| (name.as_str(), *value, *kind));
        session.set_values(&values, "").await.unwrap();
        for bad in [
            "Device.*.Name",
            "Device.DeviceInfo.Up*",
            "Device.DeviceInfo.*",
        ] {
            let path = of(row, "ParameterName");
            let values = [(path.as_str(), bad, "xsd:string")];
            assert_eq!(
                fault_code(session.set_values(&values, "").await),
                9003,
                "{bad}"
            );
        }
        session.end().unwrap();
        let mut session = subject.informed_of(&["2 PERIODIC"]).await;
        assert!(session.inform().value(&name).is_some());
        session.begin().await.unwrap();
        set_interval(&mut session, "86400").await;
        session.end().unwrap();
        let session = subject.wake().await;
        assert_eq!(session.inform().value(&name), None);
        finish(session).await;
    });
}

fn c069_a_heartbeat_goes_alone_and_is_not_retried() {
    check_alone(69, async || {
        let (_private, mut subject) = Private::announced(69, 15).await;
        let enable = format!("{MS}HeartbeatPolicy.Enable");
        let interval = format!("{MS}HeartbeatPolicy.ReportingInterval");
        let mut session = subject.turn().await;
        let values = [(interval.as_str(), "29", "xsd:unsignedInt")];
        assert!(
            session.set_values(&values, "").await.is_err(),
            "30 at least"
        );
        let values = [
            (enable.as_str(), "1", "xsd:boolean"),
            (interval.as_str(), "30", "xsd:unsignedInt"),
        ];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        // Another event falls due while the heartbeat waits for its answer.
        let mut session = subject.informed_of(&["14 HEARTBEAT"]).await;
        session.begin().await.unwrap();
        session.schedule_inform(1, "with it").await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        session.end().unwrap();
        let session = subject
            .informed_of(&["3 SCHEDULED", "M ScheduleInform"])
            .await;
        finish(session).await;
        // One that fails is not tried again: the next one comes at its own time.
        let session = subject.informed_of(&["14 HEARTBEAT"]).await;
        session.end_with(Reply::status(503)).unwrap();
        assert!(subject.device.is_silent_for(QUIET).await);
        let session = subject.informed_of(&["14 HEARTBEAT"]).await;
        assert_eq!(session.inform().retry_count, 1);
        finish(session).await;
    });
}
