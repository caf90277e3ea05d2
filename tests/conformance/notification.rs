//! C093, C125 and C178 to C185: how an ACS hears of changes; and C202, a device that is to be
//! silent.

use std::time::{Duration, Instant};

use trestle::sim::acs::Reply;
use trestle::sim::acs::message::AttributeChange;

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::local::{Mover, address_parameter, display_name, set};
use crate::private::Private;
use crate::subject::{INTERVAL, MS, PROVISIONING_CODE, Subject, check, check_alone};
use crate::support::finish;
use crate::variant::{Template, Variant};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c093_the_same_value_again_is_no_change,
    c125_attributes_survive_a_restart,
    c178_an_active_change_opens_a_session,
    c179_a_passive_change_waits_for_a_session,
    c180_what_the_acs_sets_is_no_news_to_it,
    c181_what_the_operator_sets_is_news,
    c182_there_and_back_is_a_change,
    c183_a_pending_change_survives_a_restart_and_is_told_once,
    c184_the_throttle_holds_active_changes_back: device2,
    c185_without_notification_changes_are_silent,
    c202_a_device_that_is_disabled_is_silent: device2,
];

/// Long enough for a wrong message to show up.
const QUIET: Duration = Duration::from_millis(1500);

/// Sets a notification in a session of its own.
async fn set_notification(subject: &mut Subject, name: &str, notification: &str) {
    let mut session = subject.turn().await;
    let change = notify(name, notification);
    session.set_attributes(&[change]).await.unwrap();
    session.end().unwrap();
}

/// Checks that a change is not told: neither by itself nor in a session of another cause.
async fn check_untold(subject: &mut Subject) {
    assert!(subject.device.is_silent_for(QUIET).await);
    let session = subject.wake().await;
    assert!(!session.inform().has_event("4 VALUE CHANGE"));
    finish(session).await;
}

fn c093_the_same_value_again_is_no_change() {
    check(93, async |mut subject| {
        let name = display_name();
        let mut session = subject.turn().await;
        let value = session.get_value(&name).await.unwrap();
        let values = [(name.as_str(), value.as_str(), "xsd:string")];
        session.set_attributes(&[notify(&name, "2")]).await.unwrap();
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        check_untold(&mut subject).await;
    });
}

fn c125_attributes_survive_a_restart() {
    check_alone(125, async || {
        let (mut private, mut subject) = Private::announced(125, 1).await;
        let name = display_name();
        let mut session = subject.turn().await;
        let change = AttributeChange {
            name: &name,
            notification: Some("1"),
            access_list: Some(&[]),
        };
        session.set_attributes(&[change]).await.unwrap();
        session.end().unwrap();
        private.restart();
        let mut session = subject.turn().await;
        let read = session.get_attributes(&[&name]).await.unwrap();
        assert_eq!(read[0].notification, "1");
        assert!(read[0].access_list.is_empty());
        session.factory_reset().await.unwrap();
        session.end().unwrap();
        let mut session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("0 BOOTSTRAP"));
        session.begin().await.unwrap();
        let read = session.get_attributes(&[&name]).await.unwrap();
        assert_eq!(read[0].notification, "0");
        assert_eq!(read[0].access_list, ["Subscriber"]);
        session.end().unwrap();
    });
}

fn c178_an_active_change_opens_a_session() {
    check(178, async |mut subject| {
        let name = address_parameter();
        set_notification(&mut subject, name, "2").await;
        let phone = Mover::of(&subject);
        let address = phone.address(0);
        let moved = Instant::now();
        phone.move_to(address).await;
        let session = subject.device.session().await.unwrap();
        assert!(moved.elapsed() < Duration::from_secs(5));
        let inform = session.inform();
        assert_eq!(inform.event_codes(), ["4 VALUE CHANGE"]);
        assert_eq!(inform.value(name), Some(address.to_string().as_str()));
        // What an Inform tells is what is so when it is sent.
        phone.move_back().await;
        session.end_with(Reply::status(503)).unwrap();
        let home = subject.phone.address().to_string();
        let session = subject.informed_of(&["4 VALUE CHANGE"]).await;
        let inform = session.inform();
        assert_eq!(inform.value(name), Some(home.as_str()));
        finish(session).await;
    });
}

fn c179_a_passive_change_waits_for_a_session() {
    check_alone(179, async || {
        let (_private, mut subject) = Private::announced(179, 1).await;
        let name = address_parameter();
        set_notification(&mut subject, name, "1").await;
        let phone = Mover::of(&subject);
        let address = phone.address(0);
        phone.move_to(address).await;
        assert!(subject.device.is_silent_for(QUIET).await);
        let mut session = subject.turn().await;
        assert!(session.inform().has_event("4 VALUE CHANGE"));
        let values = [(INTERVAL, "3", "xsd:unsignedInt")];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        phone.move_back().await;
        let home = subject.phone.address().to_string();
        let session = subject.informed_of(&["2 PERIODIC", "4 VALUE CHANGE"]).await;
        let inform = session.inform();
        assert_eq!(inform.value(name), Some(home.as_str()));
        finish(session).await;
    });
}

fn c180_what_the_acs_sets_is_no_news_to_it() {
    check(180, async |mut subject| {
        let mut session = subject.turn().await;
        let change = notify(PROVISIONING_CODE, "2");
        session.set_attributes(&[change]).await.unwrap();
        let values = [(PROVISIONING_CODE, "by the ACS", "xsd:string")];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        check_untold(&mut subject).await;
    });
}

fn c181_what_the_operator_sets_is_news() {
    check_alone(181, async || {
        let (private, mut subject) = Private::announced(181, 1).await;
        let name = display_name();
        for name in [name.as_str(), PROVISIONING_CODE] {
            set_notification(&mut subject, name, "2").await;
            set(private.folder(), subject.phone, name, "by hand").await;
            let session = subject.informed_of(&["4 VALUE CHANGE"]).await;
            let inform = session.inform();
            assert_eq!(inform.value(name), Some("by hand"));
            finish(session).await;
        }
    });
}

fn c182_there_and_back_is_a_change() {
    check(182, async |mut subject| {
        let name = address_parameter();
        set_notification(&mut subject, name, "1").await;
        let phone = Mover::of(&subject);
        phone.move_to(phone.address(0)).await;
        phone.move_back().await;
        let home = subject.phone.address().to_string();
        let session = subject.wake().await;
        let inform = session.inform();
        assert!(inform.has_event("4 VALUE CHANGE"));
        assert_eq!(inform.value(name), Some(home.as_str()));
        finish(session).await;
    });
}

fn c183_a_pending_change_survives_a_restart_and_is_told_once() {
    check_alone(183, async || {
        let (mut private, mut subject) = Private::announced(183, 10).await;
        let name = address_parameter();
        set_notification(&mut subject, name, "1").await;
        let phone = Mover::of(&subject);
        phone.move_to(phone.address(0)).await;
        private.kill();
        subject.world.acs.close();
        private.start_again();
        subject.waker().knock().await;
        private.pass(Duration::from_secs(10)).await;
        subject.world.acs.reopen().await.unwrap();
        let session = subject.informed_of(&["4 VALUE CHANGE"]).await;
        let inform = session.inform();
        assert_eq!(
            inform.value(name),
            Some(phone.address(0).to_string().as_str())
        );
        finish(session).await;
        assert!(subject.device.is_silent_for(QUIET).await);
        let session = subject.wake().await;
        assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
        finish(session).await;
    });
}

fn c184_the_throttle_holds_active_changes_back() {
    check_alone(184, async || {
        let (private, mut subject) = Private::announced(184, 20).await;
        let name = address_parameter();
        let throttle = format!("{MS}DefaultActiveNotificationThrottle");
        let phone = Mover::of(&subject);
        let mut session = subject.turn().await;
        session.set_attributes(&[notify(name, "2")]).await.unwrap();
        let values = [(throttle.as_str(), "60", "xsd:unsignedInt")];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        let ended = Instant::now();
        for which in 0..10 {
            phone.move_to(phone.address(which)).await;
        }
        let session = subject.device.session().await.unwrap();
        let waited = private.unscaled(session.pending().unwrap().at - ended);
        assert!(waited >= Duration::from_secs(58), "{waited:?}");
        assert!(waited <= Duration::from_secs(80), "{waited:?}");
        assert_eq!(session.inform().event_codes(), ["4 VALUE CHANGE"]);
        assert_eq!(
            session.inform().value(name),
            Some(phone.address(9).to_string().as_str())
        );
        finish(session).await;
        // Whatever else opens a session takes the changes along.
        phone.move_back().await;
        let session = subject.wake().await;
        let codes = ["4 VALUE CHANGE", "6 CONNECTION REQUEST"];
        assert_eq!(session.inform().event_codes(), codes);
        finish(session).await;
        let throttle = private.scaled(Duration::from_secs(80));
        assert!(subject.device.is_silent_for(throttle).await);
    });
}

fn c185_without_notification_changes_are_silent() {
    check_alone(185, async || {
        let (private, mut subject) = Private::announced(185, 1).await;
        set_notification(&mut subject, "Device.", "0").await;
        let phone = Mover::of(&subject);
        phone.move_to(phone.address(0)).await;
        set(private.folder(), subject.phone, &display_name(), "quietly").await;
        assert!(subject.device.is_silent_for(QUIET).await);
        let session = subject.wake().await;
        assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
        finish(session).await;
        set(private.folder(), subject.phone, PROVISIONING_CODE, "forced").await;
        match Variant::current().template {
            Template::Device1 => assert!(subject.device.is_silent_for(QUIET).await),
            Template::Device2 => {
                let session = subject.informed_of(&["4 VALUE CHANGE"]).await;
                let inform = session.inform();
                assert_eq!(inform.value(PROVISIONING_CODE), Some("forced"));
                finish(session).await;
            }
        }
    });
}

fn c202_a_device_that_is_disabled_is_silent() {
    check_alone(202, async || {
        let (private, mut subject) = Private::announced(202, 1).await;
        let mut other = private.subject(1).await;
        let enable = format!("{MS}EnableCWMP");
        let mut session = subject.turn().await;
        let values = [
            (enable.as_str(), "0", "xsd:boolean"),
            (INTERVAL, "2", "xsd:unsignedInt"),
        ];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        let waker = subject.waker();
        let answer = waker.requester.request(waker.shown()).await.unwrap().answer;
        assert!(answer.status >= 400, "{}", answer.status);
        assert!(subject.device.is_silent_for(Duration::from_secs(4)).await);
        finish(other.wake().await).await;
        // Its operator lets it speak again.
        set(private.folder(), subject.phone, &enable, "1").await;
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("2 PERIODIC"));
        finish(session).await;
    });
}
