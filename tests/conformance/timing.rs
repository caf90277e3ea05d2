//! C073 to C084: retries and periods. Waits are of the gateway's clock, which runs faster.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use trestle::sim::acs::{Reply, ScriptError};

use crate::catalogue::{Check, checks};
use crate::lag::Lag;
use crate::private::Private;
use crate::subject::{INTERVAL, MS, Subject, check_alone, fault_code};
use crate::support::finish;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c073_waits_double,
    c075_tries_are_counted_until_one_is_good,
    c076_an_acs_sets_how_waits_grow: device2,
    c077_an_acs_sets_waits_that_do_not_grow: device2,
    c078_a_connection_request_ends_a_wait_and_not_the_row,
    c079_a_restart_begins_the_waits_anew_and_keeps_the_count,
    c081_periods_keep_to_the_time_that_the_acs_set,
    c083_without_periods_there_is_no_periodic,
    c084_another_interval_takes_effect_at_once,
];

/// What a busy machine may add to a wait, in our time.
const SLACK: Duration = Duration::from_millis(400);

/// Leads a session in which an Inform is ordered, and refuses that Inform: from its end the first
/// wait counts.
async fn fail_first(subject: &mut Subject) -> Instant {
    let mut session = subject.turn().await;
    session.schedule_inform(1, "owed").await.unwrap();
    session.end().unwrap();
    refuse(subject, 0).await.1
}

/// Refuses the next Inform, whose RetryCount must be this. When it came, and when it had failed.
async fn refuse(subject: &mut Subject, retry_count: u32) -> (Instant, Instant) {
    let session = subject.device.session().await.unwrap();
    assert_eq!(session.inform().retry_count, retry_count);
    let came = session.pending().unwrap().at;
    session.end_with(Reply::status(503)).unwrap();
    (came, Instant::now())
}

/// Checks that a wait, by the gateway's clock, was in this range of seconds.
fn check_wait(private: &Private, wait: Duration, shortest: f64, longest: f64) {
    let wait = private.unscaled(wait).as_secs_f64();
    let slack = private.unscaled(SLACK).as_secs_f64();
    // The moment of the failure is taken on our side of the wire, a little late or early.
    assert!(
        wait >= shortest - slack / 4.0 && wait <= longest + slack,
        "{wait} s, not {shortest} to {longest}"
    );
}

fn c073_waits_double() {
    check_alone(73, async || {
        let (private, mut subject) = Private::announced(73, 10).await;
        let mut failed = fail_first(&mut subject).await;
        let mut shortest = 5.0;
        for retry in 1..=5 {
            let (came, next) = refuse(&mut subject, retry).await;
            check_wait(&private, came - failed, shortest, 2.0 * shortest);
            failed = next;
            shortest *= 2.0;
        }
    });
}

fn c075_tries_are_counted_until_one_is_good() {
    check_alone(75, async || {
        let (_private, mut subject) = Private::announced(75, 40).await;
        fail_first(&mut subject).await;
        for retry in 1..=3 {
            refuse(&mut subject, retry).await;
        }
        let session = subject.device.session().await.unwrap();
        assert_eq!(session.inform().retry_count, 4);
        finish(session).await;
        let session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 0);
        session.end_with(Reply::status(503)).unwrap();
    });
}

async fn set_policy(subject: &mut Subject, minimum_wait: &str, multiplier: &str) {
    let (wait_path, multiplier_path) = (
        format!("{MS}CWMPRetryMinimumWaitInterval"),
        format!("{MS}CWMPRetryIntervalMultiplier"),
    );
    let values = [
        (wait_path.as_str(), minimum_wait, "xsd:unsignedInt"),
        (multiplier_path.as_str(), multiplier, "xsd:unsignedInt"),
    ];
    let mut session = subject.turn().await;
    session.set_values(&values, "").await.unwrap();
    for (path, bad) in [(&wait_path, "0"), (&multiplier_path, "999")] {
        let values = [(path.as_str(), bad, "xsd:unsignedInt")];
        assert_eq!(fault_code(session.set_values(&values, "").await), 9003);
    }
    assert_eq!(session.get_value(&wait_path).await.unwrap(), minimum_wait);
    session.end().unwrap();
}

fn c076_an_acs_sets_how_waits_grow() {
    check_alone(76, async || {
        let (private, mut subject) = Private::announced(76, 2).await;
        set_policy(&mut subject, "1", "1500").await;
        let mut failed = fail_first(&mut subject).await;
        let mut shortest = 1.0;
        for retry in 1..=5 {
            let (came, next) = refuse(&mut subject, retry).await;
            check_wait(&private, came - failed, shortest, 1.5 * shortest);
            failed = next;
            shortest *= 1.5;
        }
    });
}

fn c077_an_acs_sets_waits_that_do_not_grow() {
    check_alone(77, async || {
        let (private, mut subject) = Private::announced(77, 4).await;
        set_policy(&mut subject, "2", "1000").await;
        let mut failed = fail_first(&mut subject).await;
        for retry in 1..=12 {
            let (came, next) = refuse(&mut subject, retry).await;
            check_wait(&private, came - failed, 2.0, 2.0);
            failed = next;
        }
    });
    check_alone(77, async || {
        // A second of ours is more than an hour.
        let (private, mut subject) = Private::announced(77, 4_000).await;
        set_policy(&mut subject, "5", "2000").await;
        let mut failed = fail_first(&mut subject).await;
        let began = failed;
        let day = private.scaled(Duration::from_hours(24));
        let lag = Lag::watch();
        let mut last_waits = Vec::new();
        let mut retry = 0;
        while failed - began < day {
            retry += 1;
            let (came, next) = refuse(&mut subject, retry).await;
            if retry >= 10 {
                last_waits.push(private.unscaled(came - failed).as_secs());
            }
            failed = next;
        }
        assert!(last_waits.len() > 5, "{retry} tries in a day");
        lag.judge(
            Duration::from_millis(100),
            last_waits.iter().all(|wait| (2_200..6_000).contains(wait)),
            &format!("seconds before the tenth and later tries: {last_waits:?}"),
        );
    });
}

fn c078_a_connection_request_ends_a_wait_and_not_the_row() {
    check_alone(78, async || {
        let (private, mut subject) = Private::announced(78, 20).await;
        fail_first(&mut subject).await;
        for retry in 1..=3 {
            refuse(&mut subject, retry).await;
        }
        let session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 4);
        assert!(session.inform().has_event("3 SCHEDULED"));
        session.end_with(Reply::status(503)).unwrap();
        let failed = Instant::now();
        let (came, _) = refuse(&mut subject, 5).await;
        check_wait(&private, came - failed, 80.0, 160.0);
    });
}

fn c079_a_restart_begins_the_waits_anew_and_keeps_the_count() {
    check_alone(79, async || {
        let (mut private, mut subject) = Private::announced(79, 10).await;
        fail_first(&mut subject).await;
        for retry in 1..=2 {
            refuse(&mut subject, retry).await;
        }
        // Time to note that it has failed.
        private.pass(Duration::from_secs(3)).await;
        private.restart();
        let (_, failed) = refuse(&mut subject, 3).await;
        let (came, _) = refuse(&mut subject, 4).await;
        check_wait(&private, came - failed, 5.0, 10.0);
    });
}

/// Seconds from the nearest whole number of intervals after the reference, by the device's clock.
fn distance(told: &str, reference: &str, interval: i64) -> i64 {
    let told: Timestamp = told.parse().unwrap();
    let reference: Timestamp = reference.parse().unwrap();
    let passed = (told.as_second() - reference.as_second()).rem_euclid(interval);
    passed.min(interval - passed)
}

fn c081_periods_keep_to_the_time_that_the_acs_set() {
    check_alone(81, async || {
        let (_private, mut subject) = Private::announced(81, 10).await;
        let time = format!("{MS}PeriodicInformTime");
        for (reference, periods) in [("2011-03-04T05:06:07Z", 3), ("2051-03-04T05:06:07Z", 2)] {
            let mut session = subject.turn().await;
            let values = [
                (time.as_str(), reference, "xsd:dateTime"),
                (INTERVAL, "60", "xsd:unsignedInt"),
            ];
            session.set_values(&values, "").await.unwrap();
            session.end().unwrap();
            for _ in 0..periods {
                let session = subject.informed_of(&["2 PERIODIC"]).await;
                let told = session.inform().current_time.clone();
                assert!(distance(&told, reference, 60) <= 2, "{told}");
                finish(session).await;
            }
        }
    });
}

fn c083_without_periods_there_is_no_periodic() {
    check_alone(83, async || {
        let (private, mut subject) = Private::announced(83, 20).await;
        let enable = format!("{MS}PeriodicInformEnable");
        let mut session = subject.turn().await;
        let values = [
            (enable.as_str(), "0", "xsd:boolean"),
            (INTERVAL, "30", "xsd:unsignedInt"),
        ];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        let while_off = private.scaled(Duration::from_secs(70));
        assert!(subject.device.is_silent_for(while_off).await);
        let mut session = subject.turn().await;
        let values = [(enable.as_str(), "1", "xsd:boolean")];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        for _ in 0..2 {
            let session = subject.informed_of(&["2 PERIODIC"]).await;
            finish(session).await;
        }
    });
}

fn c084_another_interval_takes_effect_at_once() {
    check_alone(84, async || {
        let (private, mut subject) = Private::announced(84, 10).await;
        let mut session = subject.turn().await;
        let set = |seconds: &'static str| [(INTERVAL, seconds, "xsd:unsignedInt")];
        session.set_values(&set("600"), "").await.unwrap();
        session.set_values(&set("30"), "").await.unwrap();
        assert_eq!(session.get_value(INTERVAL).await.unwrap(), "30");
        let Err(ScriptError::Fault(fault)) = session.set_values(&set("0"), "").await else {
            panic!("0 seconds were taken");
        };
        let inside: Vec<u32> = fault.parameters.iter().map(|detail| detail.code).collect();
        assert_eq!((fault.code, inside.as_slice()), (9003, [9007].as_slice()));
        assert_eq!(session.get_value(INTERVAL).await.unwrap(), "30");
        session.end().unwrap();
        let ended = Instant::now();
        let session = subject.informed_of(&["2 PERIODIC"]).await;
        let came = session.pending().unwrap().at;
        session.end_with(Reply::status(503)).unwrap();
        check_wait(&private, came - ended, 0.0, 31.0);
    });
}
