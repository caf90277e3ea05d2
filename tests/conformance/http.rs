//! C033 to C040 and C046, C048: authentication and the odd sides of HTTP.

use std::time::Duration;

use trestle::sim::acs::digest::{Authentication, DigestTraits, Scheme, Verdict};
use trestle::sim::acs::{Exchange, Reply, ScriptError};

use crate::catalogue::{Check, checks};
use crate::gateway::{CPE_PASSWORD, CPE_USERNAME};
use crate::subject::{PROVISIONING_CODE, Subject, check};
use crate::support::finish;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c033_digest_on_the_same_connection,
    c034_every_later_request_shows_the_next_count,
    c035_a_stale_nonce_is_renewed_in_the_middle,
    c036_a_wrong_password_is_tried_twice_at_most,
    c038_digest_is_chosen_where_both_are_offered,
    c039_every_kind_of_digest_challenge_is_answered,
    c040_a_challenge_that_closes_is_answered_on_a_new_connection,
    c046_an_error_status_fails_the_session_only,
    c048_every_legal_form_of_answer_is_understood,
    c050_cookies_come_back_where_they_belong,
];

fn digest(traits: DigestTraits) -> Authentication {
    Authentication::digest_with(CPE_USERNAME, CPE_PASSWORD, traits)
}

/// A whole session with a call in it; every request after the challenge must be right.
async fn session_works(subject: &mut Subject) {
    let mut session = subject.turn().await;
    session.get_value(PROVISIONING_CODE).await.unwrap();
    let number = session.number();
    let exchanges = session.device().exchanges();
    session.end().unwrap();
    let verdicts: Vec<_> = exchanges
        .iter()
        .filter(|exchange| exchange.session == number)
        .map(|exchange| &exchange.verdict)
        .collect();
    assert!(matches!(
        verdicts[0],
        Verdict::Absent | Verdict::Right { .. }
    ));
    assert!(verdicts[1..].iter().all(|one| one.passes()), "{verdicts:?}");
}

fn c033_digest_on_the_same_connection() {
    check(33, async |mut subject| {
        subject.device.require(Some(digest(DigestTraits {
            nonce_per_connection: true,
            ..DigestTraits::default()
        })));
        session_works(&mut subject).await;
        let exchanges = subject.device.exchanges();
        let refused = exchanges
            .iter()
            .position(|one| one.answered() == 401)
            .unwrap();
        let (first, second) = (&exchanges[refused], &exchanges[refused + 1]);
        assert_eq!(first.connection, second.connection);
        assert_eq!(first.body, second.body);
    });
}

fn c034_every_later_request_shows_the_next_count() {
    check(34, async |mut subject| {
        subject
            .device
            .require(Some(digest(DigestTraits::default())));
        session_works(&mut subject).await;
        let shown: Vec<_> = subject
            .device
            .exchanges()
            .iter()
            .filter_map(|exchange| match &exchange.verdict {
                Verdict::Right { nonce, count, .. } => Some((nonce.clone(), *count)),
                _ => None,
            })
            .collect();
        for (at, (nonce, count)) in shown.iter().enumerate() {
            assert_eq!(nonce, &shown[0].0);
            assert_eq!(*count, Some(u32::try_from(at).unwrap() + 1));
        }
        assert!(shown.len() >= 3);
    });
}

fn c035_a_stale_nonce_is_renewed_in_the_middle() {
    check(35, async |mut subject| {
        subject
            .device
            .require(Some(digest(DigestTraits::default())));
        let mut session = subject.turn().await;
        session.device().renew_nonces();
        // The answer to this call is refused once and posted again.
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session.end().unwrap();
        let exchanges = subject.device.exchanges();
        let stale = exchanges
            .iter()
            .position(|one| one.verdict == Verdict::Stale)
            .unwrap();
        assert_eq!(exchanges[stale].body, exchanges[stale + 1].body);
    });
}

fn c036_a_wrong_password_is_tried_twice_at_most() {
    check(36, async |mut subject| {
        let before = subject.device.exchanges().len();
        let wrong = Authentication::digest(CPE_USERNAME, "anothersecret");
        subject.device.require(Some(wrong));
        subject.waker().knock().await;
        // No request passes, so none reaches the script.
        assert!(subject.device.is_silent_for(Duration::from_secs(3)).await);
        let tries = subject.device.exchanges().len() - before;
        assert!((1..=2).contains(&tries), "{tries} tries");
        subject.device.require(None);
        let session = subject.wake().await;
        assert!(session.inform().retry_count >= 1);
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c039_every_kind_of_digest_challenge_is_answered() {
    check(39, async |mut subject| {
        let plain = DigestTraits::default();
        for traits in [
            DigestTraits {
                qop: None,
                algorithm: None,
                ..plain.clone()
            },
            DigestTraits {
                algorithm: Some("MD5-sess".to_owned()),
                ..plain.clone()
            },
            DigestTraits {
                opaque: Some("5ccc069c403ebaf9f0171e9517f40e41".to_owned()),
                ..plain.clone()
            },
            DigestTraits {
                qop: Some("auth,auth-int".to_owned()),
                ..plain.clone()
            },
        ] {
            subject.device.require(Some(digest(traits)));
            session_works(&mut subject).await;
        }
    });
}

fn c038_digest_is_chosen_where_both_are_offered() {
    check(38, async |mut subject| {
        subject.device.require(Some(Authentication {
            username: CPE_USERNAME.to_owned(),
            password: CPE_PASSWORD.to_owned(),
            scheme: Scheme::Either(DigestTraits::default()),
        }));
        session_works(&mut subject).await;
        for exchange in subject.device.exchanges() {
            if let Verdict::Right { scheme, .. } = &exchange.verdict {
                assert_eq!(scheme, "Digest");
            }
        }
    });
}

fn c040_a_challenge_that_closes_is_answered_on_a_new_connection() {
    check(40, async |mut subject| {
        let session = subject.wake().await;
        let first = session.pending().unwrap().clone();
        let challenge = Reply::status(401)
            .with_header(
                "WWW-Authenticate",
                "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5",
            )
            .and_close();
        session.end_with(challenge).unwrap();
        let session = subject.device.session().await.unwrap();
        let second = session.pending().unwrap().clone();
        assert_ne!(first.connection, second.connection);
        assert_eq!(first.body, second.body);
        assert!(
            second
                .header("authorization")
                .unwrap()
                .starts_with("Digest ")
        );
        finish(session).await;
    });
}

fn c046_an_error_status_fails_the_session_only() {
    check(46, async |mut subject| {
        for (failed, status) in [400, 403, 404, 500, 503].into_iter().enumerate() {
            let session = subject.wake().await;
            assert_eq!(session.inform().retry_count, u32::try_from(failed).unwrap());
            session.end_with(Reply::status(status)).unwrap();
        }
        let mut session = subject.turn().await;
        assert_eq!(session.inform().retry_count, 5);
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session.end().unwrap();
    });
}

fn c048_every_legal_form_of_answer_is_understood() {
    check(48, async |mut subject| {
        let forms: [fn(Reply) -> Reply; 4] = [
            Reply::in_chunks,
            Reply::in_lower_case,
            Reply::after_continue,
            |reply| {
                let body = [b"\xef\xbb\xbf", reply.body()].concat();
                reply.with_body(body)
            },
        ];
        for form in forms {
            let mut session = subject.wake().await;
            let reply = form(session.inform_response());
            assert!(session.exchange(reply).await.unwrap().is_empty_post());
            let body = session.style().get_parameter_values(&[PROVISIONING_CODE]);
            let reply = form(Reply::message(session.envelope(Some("form"), &body)));
            let answer = session.exchange(reply).await;
            assert!(!matches!(answer, Err(ScriptError::Silence { .. })));
            assert_eq!(answer.unwrap().rpc(), "GetParameterValuesResponse");
            session.end().unwrap();
        }
    });
}

fn c050_cookies_come_back_where_they_belong() {
    check(50, async |mut subject| {
        let mut session = subject.wake().await;
        let long = "x".repeat(400);
        let moved = Reply::redirect(302, "/other/acs")
            .with_header("Set-Cookie", "replaced=1")
            .with_header("Set-Cookie", "elsewhere=2; Path=/other")
            .with_header("Set-Cookie", "nowhere=3; Path=/third")
            .with_header("Set-Cookie", &format!("long={long}"));
        let there = session.exchange(moved).await.unwrap();
        assert_eq!(there.rpc(), "Inform");
        assert_eq!(
            cookies(&there),
            [
                "elsewhere=2".to_owned(),
                format!("long={long}"),
                "replaced=1".to_owned()
            ]
        );
        let reply = session
            .inform_response()
            .with_header("Set-Cookie", "replaced=4");
        let next = session.exchange(reply).await.unwrap();
        assert!(next.is_empty_post());
        assert!(cookies(&next).contains(&"replaced=4".to_owned()));
        session.end().unwrap();
        // A cookie for another path does not come to this one.
        let mut session = subject.wake().await;
        let reply = session
            .inform_response()
            .with_header("Set-Cookie", "elsewhere=2; Path=/other")
            .with_header("Set-Cookie", "here=5; Path=/acs");
        let next = session.exchange(reply).await.unwrap();
        let sent = cookies(&next);
        assert!(sent.contains(&"here=5".to_owned()), "{sent:?}");
        assert!(!sent.contains(&"elsewhere=2".to_owned()), "{sent:?}");
        session.end().unwrap();
    });
}

/// The cookies of a request, sorted, without that of the scripted ACS itself.
fn cookies(exchange: &Exchange) -> Vec<String> {
    let line = exchange.header("cookie").unwrap_or_default();
    let parts = line.split(';').map(str::trim);
    let mut cookies: Vec<String> = parts
        .filter(|part| !part.is_empty() && !part.starts_with("acs-session="))
        .map(str::to_owned)
        .collect();
    cookies.sort_unstable();
    cookies
}
