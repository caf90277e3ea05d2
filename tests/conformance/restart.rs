//! C100 and C198: a gateway that is killed and started again.

use std::time::Duration;

use trestle::sim::acs::Reply;

use crate::catalogue::{Check, checks};
use crate::private::{Options, Private};
use crate::subject::{INTERVAL, MS, PROVISIONING_CODE, Subject, VP, check_alone};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![c100_what_was_answered_survives_a_kill];

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
        let mut private = Private::start(100, Options::default()).await;
        let mut subject = private.subject(0).await;
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
