//! C070 to C072: the version of the protocol, and C047: an ACS that wants to be left alone.

use std::time::Duration;

use trestle::sim::acs::{Exchange, Reply};

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::methods::METHODS;
use crate::private::{Options, Private};
use crate::subject::{PROVISIONING_CODE, check, check_alone, fault_code};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c047_retry_after_lengthens_the_wait,
    c070_the_chosen_version_is_in_force,
    c071_an_answer_in_1_0_is_an_agreement_on_1_0,
    c072_an_acs_that_does_not_know_the_namespace_gets_an_older_one,
];

/// Methods that CWMP 1.0 does not have.
const LATER_METHODS: [&str; 4] = [
    "GetAllQueuedTransfers",
    "ScheduleDownload",
    "CancelTransfer",
    "ChangeDUState",
];

fn namespace(exchange: &Exchange) -> &str {
    exchange
        .message
        .as_ref()
        .map_or("", |message| message.namespace.as_str())
}

fn c047_retry_after_lengthens_the_wait() {
    check_alone(47, async || {
        let options = Options {
            speed: 20,
            ..Options::default()
        };
        let private = Private::start(47, options).await;
        let mut subject = private.plugged_in(0).await;
        subject.running.boot().await;
        let session = subject.device.session().await.unwrap();
        let refusal = Reply::status(503).with_header("Retry-After", "60");
        session.end_with(refusal).unwrap();
        let refused = std::time::Instant::now();
        let session = subject.device.session().await.unwrap();
        let waited = private.unscaled(session.pending().unwrap().at - refused);
        assert_eq!(session.inform().retry_count, 1);
        // The first window of the retry policy is 5 s long; the rest is for slow machines.
        let window = Duration::from_secs(59)..=Duration::from_secs(60 + 5 + 20);
        assert!(window.contains(&waited), "{waited:?}");
        // A wait that is shorter than that of the policy changes nothing.
        let refusal = Reply::status(503).with_header("Retry-After", "1");
        session.end_with(refusal).unwrap();
        let refused = std::time::Instant::now();
        let session = subject.device.session().await.unwrap();
        let waited = private.unscaled(session.pending().unwrap().at - refused);
        assert!(waited >= Duration::from_secs(9), "{waited:?}");
        session.end_with(Reply::status(204)).unwrap();
    });
}

fn c070_the_chosen_version_is_in_force() {
    check(70, async |mut subject| {
        let lightweight = |notification| notify(PROVISIONING_CODE, notification);
        let mut session = subject.wake().await;
        let inform = session.pending().unwrap().clone();
        let supported = inform
            .message
            .as_ref()
            .and_then(|message| message.header_text("SupportedCWMPVersions"))
            .unwrap_or_default()
            .to_owned();
        let versions: Vec<&str> = supported.split(',').map(str::trim).collect();
        assert!(
            versions.contains(&"1.2") && versions.contains(&"1.4"),
            "{supported}"
        );
        session.set_use_version("1.2");
        session.begin().await.unwrap();
        for notification in ["3", "4", "5", "6"] {
            let answer = session.set_attributes(&[lightweight(notification)]).await;
            assert_eq!(fault_code(answer), 9003, "{notification}");
        }
        session.set_attributes(&[lightweight("1")]).await.unwrap();
        let number = session.number();
        let exchanges = session.device().exchanges();
        session.end().unwrap();
        for exchange in exchanges.iter().filter(|one| one.session == number).skip(1) {
            let Some(message) = &exchange.message else {
                continue;
            };
            assert_eq!(namespace(exchange), "urn:dslforum-org:cwmp-1-2");
            assert_eq!(message.header_text("SessionTimeout"), None);
            assert_eq!(message.header_text("SupportedCWMPVersions"), None);
        }
        // With 1.4 in force the same values are taken.
        let mut session = subject.wake().await;
        session.set_use_version("1.4");
        session.begin().await.unwrap();
        session.set_attributes(&[lightweight("3")]).await.unwrap();
        session.set_attributes(&[lightweight("0")]).await.unwrap();
        session.end().unwrap();
        // A version that was not offered is none.
        let mut session = subject.wake().await;
        session.set_use_version("1.9");
        let reply = session.inform_response();
        session.end_with(reply).unwrap();
        let session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 1);
        session.end_with(Reply::status(204)).unwrap();
    });
}

fn c071_an_answer_in_1_0_is_an_agreement_on_1_0() {
    check(71, async |mut subject| {
        let old = "urn:dslforum-org:cwmp-1-0";
        let mut session = subject.wake().await;
        session.set_namespace(old);
        session.begin().await.unwrap();
        let listed = session.rpc_methods().await.unwrap();
        for method in LATER_METHODS {
            assert!(!listed.iter().any(|one| one == method), "{method}");
            let arguments = METHODS.iter().find(|(name, _)| *name == method);
            let arguments = arguments.map_or("", |(_, arguments)| arguments);
            let body = session.style().method(method, arguments);
            assert_eq!(fault_code(session.call(&body).await), 9000, "{method}");
        }
        session.get_value(PROVISIONING_CODE).await.unwrap();
        let number = session.number();
        let exchanges = session.device().exchanges();
        session.end().unwrap();
        let later: Vec<_> = exchanges
            .iter()
            .filter(|one| one.session == number && one.message.is_some())
            .skip(1)
            .collect();
        assert!(later.len() >= 6);
        assert!(later.iter().all(|one| namespace(one) == old));
    });
}

fn c072_an_acs_that_does_not_know_the_namespace_gets_an_older_one() {
    check_alone(72, async || {
        let options = Options {
            speed: 10,
            ..Options::default()
        };
        let private = Private::start(72, options).await;
        for (which, refusal) in [(0, None), (1, Some(8003))] {
            let mut subject = private.plugged_in(which).await;
            subject.running.boot().await;
            let mut tries = 0;
            let mut session = loop {
                let mut session = subject.device.session().await.unwrap();
                let spoken = namespace(session.pending().unwrap()).to_owned();
                tries += 1;
                assert!(tries <= 3, "still {spoken} at try {tries}");
                if spoken != "urn:dslforum-org:cwmp-1-2" {
                    break session;
                }
                let reply = match refusal {
                    None => Reply::status(400),
                    Some(code) => {
                        let body = session.style().fault(code);
                        session.response(&body)
                    }
                };
                session.end_with(reply).unwrap();
            };
            session.begin().await.unwrap();
            session.get_value(PROVISIONING_CODE).await.unwrap();
            session.end().unwrap();
        }
    });
}
