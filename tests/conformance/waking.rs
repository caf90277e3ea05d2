//! C163 to C169 and C197: connection requests beyond the first one.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use trestle::sim::acs::{Reply, Shown};

use crate::catalogue::{Check, checks};
use crate::phone::RunningPhone;
use crate::private::{Options, Private};
use crate::subject::{CR_USERNAME, MS, Subject, VP, check, check_alone};
use crate::support::finish;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c163_more_requests_than_the_limit_get_503_for_a_while,
    c164_a_new_password_is_in_force_after_the_session,
    c166_urls_of_a_fleet_are_all_different_and_say_nothing,
    c167_an_url_works_after_a_restart,
    c169_requests_over_http_can_be_switched_off,
    c197_a_phone_that_is_offline_is_told_when_that_is_wanted,
];

const URL: &str = "Device.ManagementServer.ConnectionRequestURL";
/// Devices of a fleet.
const FLEET: u16 = 1000;
/// Long enough for a phone to be given up that does not answer SIP.
const SIP_PATIENCE: Duration = Duration::from_secs(60);

/// Ends the next session as an ACS does that wants nothing.
async fn end_session(subject: &mut Subject) {
    let session = subject.device.session().await.unwrap();
    finish(session).await;
}

fn c163_more_requests_than_the_limit_get_503_for_a_while() {
    check_alone(163, async || {
        let options = Options {
            settings: "[acs]\nperiodic_inform_interval = 100000000\n\
                       [connection_request]\nthrottle = \"3/600\"\n"
                .to_owned(),
            speed: 100,
            ..Options::default()
        };
        let private = Private::start(163, options).await;
        let mut subject = private.subject(0).await;
        let waker = subject.waker().clone();
        for _ in 0..3 {
            let outcome = waker.requester.request(waker.shown()).await.unwrap();
            assert!(matches!(outcome.answer.status, 200 | 204));
            end_session(&mut subject).await;
        }
        let outcome = waker.requester.request(waker.shown()).await.unwrap();
        assert_eq!(outcome.answer.status, 503);
        assert_eq!(outcome.answer.header("retry-after"), None);
        let outcome = waker.requester.request(Shown::Nothing).await.unwrap();
        assert_eq!(outcome.answer.status, 401);
        // Another device is not meant.
        let other = private.subject(1).await;
        let outcome = other.waker().requester.request(other.waker().shown()).await;
        assert!(matches!(outcome.unwrap().answer.status, 200 | 204));
        private.pass(Duration::from_secs(600)).await;
        let outcome = waker.requester.request(waker.shown()).await.unwrap();
        assert!(matches!(outcome.answer.status, 200 | 204));
        end_session(&mut subject).await;
    });
}

fn c164_a_new_password_is_in_force_after_the_session() {
    check(164, async |mut subject| {
        let waker = subject.waker().clone();
        let path = format!("{MS}ConnectionRequestPassword");
        let mut session = subject.turn().await;
        let values = [(path.as_str(), "another password", "xsd:string")];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        // The device has noted its end when it has gone on from it.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let outcome = waker.requester.request(waker.shown()).await.unwrap();
        assert_eq!(outcome.answer.status, 401);
        let shown = Shown::Digest {
            username: CR_USERNAME,
            password: "another password",
        };
        let outcome = waker.requester.request(shown).await.unwrap();
        assert!(matches!(outcome.answer.status, 200 | 204));
        end_session(&mut subject).await;
    });
}

fn c166_urls_of_a_fleet_are_all_different_and_say_nothing() {
    check_alone(166, async || {
        let options = Options {
            phones: FLEET,
            ..Options::default()
        };
        let private = Private::start(166, options).await;
        let phones = (0..FLEET).map(|which| private.phone(which));
        for phone in phones.clone() {
            let running = RunningPhone::plug_in(phone, private.world.phones_http).await;
            running.boot().await;
        }
        let began = Instant::now();
        let mut urls = HashSet::new();
        for phone in phones {
            let informed = loop {
                let exchanges = private.world.acs.exchanges(&phone.serial());
                if let Some(inform) = exchanges.iter().find_map(|exchange| {
                    let message = exchange.message.as_ref()?;
                    message.inform()
                }) {
                    break inform;
                }
                assert!(began.elapsed() < Duration::from_secs(60), "all inform");
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            let url = informed.value(URL).unwrap().to_owned();
            assert!(url.len() <= 256, "{url}");
            let rest = url.strip_prefix("http://").unwrap();
            let (_, segment) = rest.split_once('/').unwrap();
            assert!(!segment.contains(['/', '?', '#']), "{url}");
            let lower = segment.to_ascii_lowercase();
            // Half of the MAC would be enough to guess the rest.
            let mac = phone.mac();
            assert!(!lower.contains(&mac[6..]), "{url} of {mac}");
            assert!(segment.len() >= 16, "{url} can be guessed");
            assert!(urls.insert(url));
        }
        assert_eq!(urls.len(), usize::from(FLEET));
    });
}

fn c167_an_url_works_after_a_restart() {
    check_alone(167, async || {
        let (mut private, mut subject) = Private::announced(167, 1).await;
        private.restart();
        subject.turn().await.end().unwrap();
    });
}

fn c169_requests_over_http_can_be_switched_off() {
    check(169, async |mut subject| {
        let waker = subject.waker().clone();
        let path = format!("{MS}HTTPConnectionRequestEnable");
        let mut session = subject.turn().await;
        let off = [(path.as_str(), "0", "xsd:boolean")];
        session.set_values(&off, "").await.unwrap();
        assert_eq!(session.get_value(URL).await.unwrap(), "");
        session.end().unwrap();
        // The ACS hears that the URL is another one.
        let mut session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("4 VALUE CHANGE"));
        assert_eq!(session.inform().value(URL), Some(""));
        session.begin().await.unwrap();
        for shown in [Shown::Nothing, waker.shown()] {
            let outcome = waker.requester.request(shown).await.unwrap();
            assert_eq!(outcome.answer.status, 404);
        }
        let on = [(path.as_str(), "1", "xsd:boolean")];
        session.set_values(&on, "").await.unwrap();
        session.end().unwrap();
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().value(URL).unwrap().starts_with("http://"));
        finish(session).await;
        subject.turn().await.end().unwrap();
    });
}

fn c197_a_phone_that_is_offline_is_told_when_that_is_wanted() {
    check_alone(197, async || {
        let options = Options {
            settings: "[connection_request]\nunreachable = \"refuse\"\n".to_owned(),
            ..Options::default()
        };
        let private = Private::start(197, options).await;
        let subject = private.subject(0).await;
        let waker = subject.waker().clone();
        let name = format!("{VP}Line.1.CallingFeatures.CallerIDName");
        let Subject {
            phone,
            running,
            mut device,
            world,
            ..
        } = subject;
        drop(running);
        waker.knock().await;
        let mut session = device.session().await.unwrap();
        session.begin().await.unwrap();
        let values = [(name.as_str(), "Nobody home", "xsd:string")];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        // The gateway tells the phone to fetch its file, and gets no answer.
        let began = Instant::now();
        loop {
            let outcome = waker.requester.request(waker.shown()).await.unwrap();
            if outcome.answer.status == 503 {
                assert_eq!(outcome.answer.header("retry-after"), None);
                break;
            }
            assert!(matches!(outcome.answer.status, 200 | 204));
            let session = device.session().await.unwrap();
            finish(session).await;
            assert!(began.elapsed() < SIP_PATIENCE, "it is never refused");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let outcome = waker.requester.request(Shown::Nothing).await.unwrap();
        assert_eq!(outcome.answer.status, 401);

        let running = RunningPhone::plug_in(phone, world.phones_http).await;
        running.boot().await;
        let outcome = waker.requester.request(waker.shown()).await.unwrap();
        assert!(matches!(outcome.answer.status, 200 | 204));
        let session = device.session().await.unwrap();
        assert!(session.inform().has_event("6 CONNECTION REQUEST"));
        session.end_with(Reply::status(503)).unwrap();
    });
}
