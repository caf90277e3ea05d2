//! C135 to C139: restarts and Informs that an ACS orders.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::catalogue::{Check, checks};
use crate::private::Private;
use crate::subject::{check, check_alone, fault_code};
use crate::support::finish;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c135_a_reboot_is_reported_once_with_its_key,
    c136_two_reboots_are_one_boot_with_two_keys,
    c138_scheduled_informs_come_in_time,
    c139_a_scheduled_inform_survives_a_restart,
];

/// Long enough for a wrong message to show up.
const QUIET: Duration = Duration::from_millis(1500);

fn c135_a_reboot_is_reported_once_with_its_key() {
    check(135, async |mut subject| {
        let key = "R1-".repeat(10) + "32";
        let mut session = subject.turn().await;
        session.reboot(&key).await.unwrap();
        // It is carried out after the session (C029).
        session.rpc_methods().await.unwrap();
        session.end().unwrap();
        let session = subject.informed_of(&["1 BOOT", "M Reboot"]).await;
        let inform = session.inform();
        assert_eq!(inform.command_keys("M Reboot"), [key.as_str()]);
        assert_eq!(inform.command_keys("1 BOOT"), [""]);
        finish(session).await;
        assert!(subject.device.is_silent_for(QUIET).await);
        let session = subject.wake().await;
        assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
        finish(session).await;
    });
}

fn c136_two_reboots_are_one_boot_with_two_keys() {
    check(136, async |mut subject| {
        let mut session = subject.turn().await;
        session.reboot("R1").await.unwrap();
        session.reboot("R2").await.unwrap();
        session.end().unwrap();
        let session = subject
            .informed_of(&["1 BOOT", "M Reboot", "M Reboot"])
            .await;
        let inform = session.inform();
        let mut keys = inform.command_keys("M Reboot");
        keys.sort_unstable();
        assert_eq!(keys, ["R1", "R2"]);
        finish(session).await;
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}

fn second(told: &str) -> i64 {
    told.parse::<Timestamp>().unwrap().as_second()
}

fn c138_scheduled_informs_come_in_time() {
    check_alone(138, async || {
        let (_private, mut subject) = Private::announced(138, 5).await;
        let mut session = subject.turn().await;
        let ordered = second(&session.inform().current_time);
        session.schedule_inform(20, "S1").await.unwrap();
        session.schedule_inform(40, "S2").await.unwrap();
        for (delay, key) in [(0, "S3"), (20, "S4-of-thirty-three-characters-and")] {
            assert!(delay == 0 || key.len() == 33);
            let fault = session.schedule_inform(delay, key).await;
            assert_eq!(fault_code(fault), 9003, "{delay} {key}");
        }
        session.end().unwrap();
        for (delay, key) in [(20, "S1"), (40, "S2")] {
            let session = subject
                .informed_of(&["3 SCHEDULED", "M ScheduleInform"])
                .await;
            let inform = session.inform();
            assert_eq!(inform.command_keys("M ScheduleInform"), [key]);
            let after = second(&inform.current_time) - ordered;
            assert!(
                (delay..=delay + 3).contains(&after),
                "{after} s, not {delay}"
            );
            finish(session).await;
        }
        // There is an end to how many can wait.
        let mut session = subject.turn().await;
        let mut taken = 0;
        let refused = loop {
            match session.schedule_inform(3_000, "many").await {
                Ok(()) => taken += 1,
                refused => break refused,
            }
            assert!(taken <= 64);
        };
        assert_eq!(fault_code(refused), 9004);
        assert!(taken >= 2);
        session.end().unwrap();
    });
}

fn c139_a_scheduled_inform_survives_a_restart() {
    check_alone(139, async || {
        let (mut private, mut subject) = Private::announced(139, 10).await;
        let mut session = subject.turn().await;
        let ordered = second(&session.inform().current_time);
        session.schedule_inform(60, "S").await.unwrap();
        session.end().unwrap();
        let at_order = Instant::now();
        private.pass(Duration::from_secs(20)).await;
        private.restart();
        let back = private.unscaled(at_order.elapsed()).as_secs();
        let session = subject
            .informed_of(&["3 SCHEDULED", "M ScheduleInform"])
            .await;
        let inform = session.inform();
        assert_eq!(inform.command_keys("M ScheduleInform"), ["S"]);
        let after = second(&inform.current_time) - ordered;
        // At once if the gateway is back only after its time; a busy machine adds to it.
        let latest = back.max(60) + 15;
        assert!(
            (60..=i64::try_from(latest).unwrap()).contains(&after),
            "{after} s"
        );
        finish(session).await;
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}
