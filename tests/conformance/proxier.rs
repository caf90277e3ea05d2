//! C199 to C201: phones behind the gateway.

use std::net::Ipv4Addr;
use std::time::Duration;

use trestle::sim::acs::Session;

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::phone::boot_at;
use crate::subject::{Subject, VP, check, check_new};
use crate::support::finish;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c199_only_a_new_phone_is_a_bootstrap,
    c200_an_offline_phone_is_configured_but_not_restarted,
    c201_what_the_acs_set_is_no_news_for_it,
];

/// Long enough for a wrong session to show up.
const QUIET: Duration = Duration::from_secs(2);

/// Answers sessions until the device is quiet; all their event codes.
async fn events_until_quiet(subject: &mut Subject) -> Vec<String> {
    let mut codes = Vec::new();
    while !subject.device.is_silent_for(QUIET).await {
        let session = subject.device.session().await.unwrap();
        let events = &session.inform().events;
        codes.extend(events.iter().map(|event| event.code.clone()));
        finish(session).await;
    }
    codes
}

fn c199_only_a_new_phone_is_a_bootstrap() {
    check_new(199, async |mut subject| {
        subject
            .announce_with(|inform| {
                assert!(inform.has_event("0 BOOTSTRAP"), "{:?}", inform.events);
            })
            .await;
        let _ = events_until_quiet(&mut subject).await;
        // A known phone that restarts.
        let mut session = subject.turn().await;
        session.reboot("C199").await.unwrap();
        session.end().unwrap();
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("1 BOOT"));
        assert!(!session.inform().has_event("0 BOOTSTRAP"));
        finish(session).await;
        let codes = events_until_quiet(&mut subject).await;
        assert!(
            codes.iter().all(|code| code == "4 VALUE CHANGE"),
            "{codes:?}"
        );
        // A known phone with another address.
        let [first, second, _, last] = subject.phone.address().octets();
        let moved = Ipv4Addr::new(first, second, 199, last);
        boot_at(moved, subject.phone, subject.world.phones_http).await;
        let codes = events_until_quiet(&mut subject).await;
        assert!(
            codes.iter().all(|code| code == "4 VALUE CHANGE"),
            "{codes:?}"
        );
    });
}

/// A setting of the phone that every vendor has.
fn user_name() -> String {
    format!("{VP}Line.1.SIP.AuthUserName")
}

async fn set_user_name(session: &mut Session<'_>, value: &str) {
    let name = user_name();
    let values = [(name.as_str(), value, "xsd:string")];
    assert_eq!(session.set_values(&values, "").await.unwrap(), "1");
}

fn c200_an_offline_phone_is_configured_but_not_restarted() {
    check(200, async |mut subject| {
        let _ = events_until_quiet(&mut subject).await;
        subject.running.unplug().await;
        let mut session = subject.turn().await;
        set_user_name(&mut session, "offline").await;
        assert_eq!(session.get_value(&user_name()).await.unwrap(), "offline");
        let status = format!("{VP}Line.1.Status");
        let names = session.get_names(VP, false).await.unwrap();
        if names.iter().any(|name| name.name == status) {
            assert_ne!(session.get_value(&status).await.unwrap(), "Up");
        }
        session.reboot("C200").await.unwrap();
        session.end().unwrap();
        // Nobody claims that it has restarted.
        assert_eq!(events_until_quiet(&mut subject).await, Vec::<String>::new());
        subject.running.plug_in_again().await;
        let file = String::from_utf8(subject.running.boot().await.body).unwrap();
        assert!(file.contains("offline"), "{file}");
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("1 BOOT"));
        assert_eq!(session.inform().command_keys("M Reboot"), ["C200"]);
        finish(session).await;
    });
}

fn c201_what_the_acs_set_is_no_news_for_it() {
    check(201, async |mut subject| {
        let _ = events_until_quiet(&mut subject).await;
        let name = user_name();
        let mut session = subject.turn().await;
        let active = notify(&name, "2");
        session.set_attributes(&[active]).await.unwrap();
        set_user_name(&mut session, "setbyacs").await;
        session.end().unwrap();
        assert_eq!(events_until_quiet(&mut subject).await, Vec::<String>::new());
        let file = String::from_utf8(subject.running.boot().await.body).unwrap();
        assert!(file.contains("setbyacs"), "{file}");
        assert_eq!(events_until_quiet(&mut subject).await, Vec::<String>::new());
        let session = subject.wake().await;
        assert_eq!(session.inform().event_codes(), ["6 CONNECTION REQUEST"]);
        finish(session).await;
    });
}
