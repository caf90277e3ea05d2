//! C037 and C041 to C045: redirects, and Basic behind TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use trestle::sim::acs::digest::Authentication;
use trestle::sim::acs::{Reply, ScriptedAcs};

use crate::catalogue::{Check, checks};
use crate::gateway::{CPE_PASSWORD, CPE_USERNAME, start_acs};
use crate::subject::{MS, PROVISIONING_CODE, Subject, check};
use crate::support::finish;
use crate::variant::Variant;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c037_basic_over_tls,
    c041_a_redirect_holds_for_one_session,
    c042_five_redirects_are_followed_and_six_are_not,
    c043_redirects_cross_between_http_and_https,
    c044_a_redirect_in_the_middle_takes_the_answer_along,
    c045_a_redirect_that_leads_nowhere_fails_the_session,
];

/// Another ACS on another address, so that cookies do not mix.
pub(crate) async fn second_acs(last: u8, tls: Option<Arc<rustls::ServerConfig>>) -> ScriptedAcs {
    let address = SocketAddr::from(([127, 0, 0, last], 0));
    start_acs(Variant::current(), address, tls).await
}

/// Redirects the next session to another ACS, and makes it whole there.
async fn follows(subject: &mut Subject, other: &ScriptedAcs, reply: Reply) {
    let mut there = other.device(&subject.phone.serial());
    let session = subject.wake().await;
    let body = session.pending().unwrap().body.clone();
    session.end_with(reply).unwrap();
    let mut session = there.session().await.unwrap();
    assert_eq!(session.pending().unwrap().method, "POST");
    assert_eq!(session.pending().unwrap().body, body);
    session.begin().await.unwrap();
    let own_url = session.get_value(&format!("{MS}URL")).await.unwrap();
    assert_eq!(own_url, subject.world.acs.url());
    session.end().unwrap();
    // The next session begins at the old place, and the last one was good.
    let mut session = subject.turn().await;
    assert_eq!(session.inform().retry_count, 0);
    session.get_value(PROVISIONING_CODE).await.unwrap();
    session.end().unwrap();
}

fn c037_basic_over_tls() {
    check(37, async |mut subject| {
        let tls = subject.world.authority.server("127.0.0.37");
        let other = second_acs(37, Some(tls)).await;
        other.require(Some(Authentication::basic(CPE_USERNAME, CPE_PASSWORD)));
        let reply = Reply::redirect(302, other.url());
        follows(&mut subject, &other, reply).await;
    });
}

fn c041_a_redirect_holds_for_one_session() {
    check(41, async |mut subject| {
        let other = second_acs(41, None).await;
        for status in [302, 307, 301, 308] {
            let reply = Reply::redirect(status, other.url());
            follows(&mut subject, &other, reply).await;
        }
    });
}

fn c042_five_redirects_are_followed_and_six_are_not() {
    check(42, async |mut subject| {
        subject.waker().knock().await;
        for hop in 1..=5 {
            let incoming = subject.device.next().await.unwrap();
            assert_eq!(incoming.exchange.rpc(), "Inform");
            incoming.reply(Reply::redirect(302, &format!("/hop/{hop}")));
        }
        let session = subject.device.session().await.unwrap();
        assert_eq!(session.pending().unwrap().target, "/hop/5");
        finish(session).await;

        subject.waker().knock().await;
        for hop in 1..=6 {
            let incoming = subject.device.next().await.unwrap();
            incoming.reply(Reply::redirect(302, &format!("/hop/{hop}")));
        }
        assert!(subject.device.is_silent_for(Duration::from_secs(2)).await);
        // Redirects to itself keep a session of this ACS open; a refusal ends it.
        let session = subject.wake().await;
        assert_eq!(session.pending().unwrap().target, "/acs");
        assert_eq!(session.inform().retry_count, 1);
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c043_redirects_cross_between_http_and_https() {
    check(43, async |mut subject| {
        let tls = subject.world.authority.server("127.0.0.43");
        let secure = second_acs(43, Some(tls)).await;
        let plain = second_acs(44, None).await;
        let reply = Reply::redirect(302, secure.url());
        follows(&mut subject, &secure, reply).await;
        // http to https and on to http again, relative in between.
        let mut on_the_way = secure.device(&subject.phone.serial());
        let mut there = plain.device(&subject.phone.serial());
        let session = subject.wake().await;
        session
            .end_with(Reply::redirect(302, secure.url()))
            .unwrap();
        let hop = on_the_way.next().await.unwrap();
        hop.reply(Reply::redirect(307, "/relative"));
        let hop = on_the_way.next().await.unwrap();
        assert_eq!(hop.exchange.target, "/relative");
        hop.reply(Reply::redirect(302, plain.url()));
        let session = there.session().await.unwrap();
        finish(session).await;
    });
}

fn c044_a_redirect_in_the_middle_takes_the_answer_along() {
    check(44, async |mut subject| {
        // It does not know the device, and ends whatever session comes there.
        let other = second_acs(144, None).await;
        let mut session = subject.turn().await;
        let body = session.style().get_parameter_values(&[PROVISIONING_CODE]);
        let asked = Reply::message(session.envelope(Some("44"), &body));
        let answer = session.exchange(asked).await.unwrap();
        assert_eq!(answer.rpc(), "GetParameterValuesResponse");
        session.end_with(Reply::redirect(307, other.url())).unwrap();
        let session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 0, "the session was good");
        assert_eq!(session.pending().unwrap().target, "/acs");
        session.end_with(Reply::status(503)).unwrap();
        let there = other.all_exchanges();
        let [moved] = there.as_slice() else {
            panic!("{} requests at the new place", there.len());
        };
        assert_eq!(moved.method, "POST");
        assert_eq!(moved.body, answer.body, "the same answer, again");
    });
}

fn c045_a_redirect_that_leads_nowhere_fails_the_session() {
    check(45, async |mut subject| {
        let here = subject.world.acs.url();
        for (failed, reply) in [
            Reply::redirect(303, here),
            Reply::redirect(300, here),
            Reply::status(302),
        ]
        .into_iter()
        .enumerate()
        {
            let session = subject.wake().await;
            assert_eq!(session.inform().retry_count, u32::try_from(failed).unwrap());
            session.end_with(reply).unwrap();
            assert!(subject.device.is_silent_for(Duration::from_secs(1)).await);
        }
        assert!(
            subject
                .device
                .exchanges()
                .iter()
                .all(|exchange| exchange.method == "POST")
        );
    });
}
