//! C100, C198 and C203: a gateway that is killed and started again.

use std::time::{Duration, Instant};

use trestle::sim::acs::{Device, Reply};
use trestle::store::{Batch, SledStore, Store as _, StoreOptions, Table};

use crate::catalogue::{Check, checks};
use crate::lag::Lag;
use crate::private::{Options, Private};
use crate::subject::{INTERVAL, MS, PROVISIONING_CODE, Subject, VP, check_alone};
use crate::support::finish;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c100_what_was_answered_survives_a_kill,
    c198_a_restart_of_the_gateway_is_no_boot,
    c203_a_damaged_record_stops_its_device_only,
];

/// What a session reads: the values in their order, with the ParameterKey.
async fn state(subject: &mut Subject, names: &[String]) -> Vec<String> {
    let mut session = subject.turn().await;
    let mut read = Vec::new();
    for name in names {
        read.push(session.get_value(name).await.unwrap());
    }
    session.end().unwrap();
    read
}

fn c100_what_was_answered_survives_a_kill() {
    check_alone(100, async || {
        let (mut private, mut subject) = Private::announced(100, 1).await;
        let user = format!("{VP}Line.1.SIP.AuthUserName");
        let names = [
            PROVISIONING_CODE.to_owned(),
            INTERVAL.to_owned(),
            user.clone(),
            format!("{MS}ParameterKey"),
        ];
        for delay in [None, Some(0), Some(3), Some(10)] {
            let before = state(&mut subject, &names).await;
            let after = [
                format!("code {delay:?}"),
                (7_000 + delay.unwrap_or(99)).to_string(),
                format!("user{}", delay.unwrap_or(99)),
                format!("K {delay:?}"),
            ];
            let values = [
                (PROVISIONING_CODE, after[0].as_str(), "xsd:string"),
                (INTERVAL, after[1].as_str(), "xsd:unsignedInt"),
                (user.as_str(), after[2].as_str(), "xsd:string"),
            ];
            let mut session = subject.turn().await;
            let number = session.number();
            match delay {
                None => {
                    session.set_values(&values, &after[3]).await.unwrap();
                }
                Some(delay) => {
                    let body = session.style().set_parameter_values(&values, &after[3]);
                    let envelope = session.envelope(Some("kill"), &body);
                    session.reply(Reply::message(envelope)).unwrap();
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                }
            }
            private.kill();
            drop(session);
            let answered = subject.device.exchanges().iter().any(|exchange| {
                exchange.session == number && exchange.rpc() == "SetParameterValuesResponse"
            });
            assert!(answered || delay.is_some());
            private.start_again();
            let now = state(&mut subject, &names).await;
            assert!(
                now == after || (!answered && now == before),
                "{delay:?}: {now:?} after {before:?}, answered: {answered}"
            );
        }
    });
}

/// Answers Informs until one has the event; when it came.
async fn until(device: &mut Device, event: &str) -> Instant {
    loop {
        let session = device.session().await.unwrap();
        let found = session.inform().has_event(event);
        let at = session.pending().unwrap().at;
        finish(session).await;
        if found {
            return at;
        }
    }
}

fn c198_a_restart_of_the_gateway_is_no_boot() {
    check_alone(198, async || {
        let lag = Lag::watch();
        let options = Options {
            speed: 5,
            phones: 3,
            ..Options::default()
        };
        let mut private = Private::start(198, options).await;
        let mut periodic = private.subject(0).await;
        let mut failing = private.subject(1).await;
        let mut idle = private.subject(2).await;
        let interval = Duration::from_secs(60);
        let mut session = periodic.turn().await;
        session
            .set_values(&[(INTERVAL, "60", "xsd:unsignedInt")], "K198")
            .await
            .unwrap();
        session.end().unwrap();
        let first = until(&mut periodic.device, "2 PERIODIC").await;
        failing.wake().await.end_with(Reply::status(503)).unwrap();
        // The failure has to be on disk: nobody was promised that it is.
        tokio::time::sleep(Duration::from_millis(300)).await;
        private.restart();
        let session = periodic.device.session().await.unwrap();
        let since = private.unscaled(session.pending().unwrap().at - first);
        let inform = session.inform();
        assert_eq!(inform.event_codes(), ["2 PERIODIC"]);
        assert_eq!(inform.value(&format!("{MS}ParameterKey")), Some("K198"));
        assert_eq!(inform.retry_count, 0);
        assert_eq!(session.pending().unwrap().header("cookie"), None);
        let beside = since.as_secs_f64() % interval.as_secs_f64();
        lag.judge(
            Duration::from_millis(300),
            !(8.0..58.0).contains(&beside),
            &format!("{since:?} after the period before"),
        );
        finish(session).await;
        for (subject, failures) in [(&mut failing, 1), (&mut idle, 0)] {
            let session = subject.wake().await;
            let inform = session.inform();
            assert_eq!(inform.retry_count, failures, "{inform:?}");
            assert!(!inform.has_event("0 BOOTSTRAP"), "{inform:?}");
            assert!(!inform.has_event("1 BOOT"), "{inform:?}");
            finish(session).await;
        }
    });
}

fn c203_a_damaged_record_stops_its_device_only() {
    check_alone(203, async || {
        let mut private = Private::start(203, Options::default()).await;
        let mut damaged = private.subject(0).await;
        let mut sound = private.subject(1).await;
        private.stop();
        let mac = damaged.phone.mac();
        let key: Vec<u8> = (0..6)
            .map(|at| u8::from_str_radix(&mac[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let store = SledStore::open(&private.folder().join("data"), StoreOptions::default());
        let store = store.unwrap();
        assert!(store.get(Table::Device, &key).unwrap().is_some());
        let mut batch = Batch::new();
        batch.put(Table::Device, &key, b"\x03no record".to_vec());
        store.commit(batch).unwrap().wait().unwrap();
        drop(store);
        private.start_again();
        let mut session = sound.turn().await;
        session.get_values(&["Device."]).await.unwrap();
        session.end().unwrap();
        let waker = damaged.waker().clone();
        let answer = waker.requester.request(waker.shown()).await.unwrap().answer;
        assert!(!matches!(answer.status, 200 | 204), "{}", answer.status);
        let quiet = Duration::from_secs(2);
        assert!(damaged.device.is_silent_for(quiet).await);
        let logged = private.logged().to_lowercase().replace(':', "");
        assert!(logged.contains(&mac), "nobody reported {mac}:\n{logged}");
    });
}
