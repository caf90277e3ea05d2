//! C157 to C168 and C212: connection requests.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use trestle::sim::acs::digest::{DigestInput, digest_response, parse_fields};
use trestle::sim::acs::http::Response;
use trestle::sim::acs::{Reply, Shown};

use crate::catalogue::{Check, checks};
use crate::gateway::world;
use crate::lag::Lag;
use crate::private::Private;
use crate::subject::{CR_USERNAME, PROVISIONING_CODE, Subject, Waker, check, check_alone};
use crate::support::finish;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c157_without_credentials_there_is_a_challenge_and_no_session,
    c158_a_right_request_is_answered_before_the_session,
    c159_wrong_credentials_wake_nobody,
    c160_a_replay_wakes_nobody,
    c160_an_old_nonce_wakes_nobody,
    c161_five_requests_at_once_are_one_session,
    c162_a_request_does_not_disturb_a_session,
    c165_nothing_else_is_a_connection_request,
    c168_a_request_ends_the_wait_for_a_retry,
    c212_many_requests_are_answered_in_a_second: once,
];

/// Long enough for a wrong session to show up.
const QUIET: Duration = Duration::from_secs(2);
/// A nonce is older than it may be after this.
const NONCE_LIFETIME: Duration = Duration::from_secs(62);

fn c157_without_credentials_there_is_a_challenge_and_no_session() {
    check_alone(157, async || {
        // A minute of the gateway's time is what is watched.
        let (private, mut subject) = Private::announced(157, 30).await;
        let requester = subject.waker().requester.clone();
        let mut challenges = Vec::new();
        for _ in 0..2 {
            let answer = requester.request(Shown::Nothing).await.unwrap().answer;
            assert_eq!(answer.status, 401);
            let challenge = answer.header("www-authenticate").unwrap().to_owned();
            assert!(challenge.starts_with("Digest "), "{challenge}");
            assert!(challenge.contains("qop=\"auth\""), "{challenge}");
            challenges.push(challenge);
        }
        assert_ne!(challenges[0], challenges[1], "each nonce is fresh");
        let minute = private.scaled(Duration::from_secs(60));
        assert!(subject.device.is_silent_for(minute).await);
    });
}

fn c158_a_right_request_is_answered_before_the_session() {
    check(158, async |mut subject| {
        let waker = subject.waker().clone();
        let asked = Instant::now();
        let outcome = waker.requester.request(waker.shown()).await.unwrap();
        let answered = Instant::now();
        assert!(matches!(outcome.answer.status, 200 | 204));
        assert!(outcome.answer.body.is_empty());
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("6 CONNECTION REQUEST"));
        let came = session.pending().unwrap().at;
        assert!(came.duration_since(asked) < Duration::from_secs(30));
        // The Inform can't have been complete before the answer was written; it is seen here by
        // another task, so a little room is left.
        assert!(came + Duration::from_millis(200) > answered);
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c159_wrong_credentials_wake_nobody() {
    check(159, async |mut subject| {
        let waker = subject.waker().clone();
        let password = waker.password.as_str();
        for shown in [
            Shown::Digest {
                username: "stranger",
                password,
            },
            Shown::Digest {
                username: CR_USERNAME,
                password: "wrongsecret",
            },
            Shown::DigestOverUri {
                username: CR_USERNAME,
                password,
                uri: "/elsewhere",
            },
            Shown::Basic {
                username: CR_USERNAME,
                password,
            },
        ] {
            let outcome = waker.requester.request(shown).await.unwrap();
            assert_eq!(outcome.answer.status, 401, "{shown:?}");
        }
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}

fn c160_a_replay_wakes_nobody() {
    check(160, async |mut subject| {
        let waker = subject.waker().clone();
        let outcome = waker.requester.request(waker.shown()).await.unwrap();
        let session = subject.device.session().await.unwrap();
        finish(session).await;
        let replay = outcome.authorization.unwrap();
        let challenge = outcome.challenge.unwrap();
        let again = authorization(&waker, &challenge, "00000001", "another");
        assert_ne!(again, replay);
        for shown in [replay, again] {
            let shown = Shown::Authorization(&shown);
            let answer = waker.requester.request(shown).await.unwrap().answer;
            assert_eq!(answer.status, 401);
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.contains("stale=true"), "{challenge}");
        }
        assert!(subject.device.is_silent_for(QUIET).await);
        // A higher count shows that it is a new request.
        let higher = authorization(&waker, &challenge, "00000002", "another");
        let shown = Shown::Authorization(&higher);
        let answer = waker.requester.request(shown).await.unwrap().answer;
        assert!(matches!(answer.status, 200 | 204));
        assert_eq!(count_sessions(&mut subject).await, 1);
    });
}

fn c160_an_old_nonce_wakes_nobody() {
    world();
    check_alone(160, async || {
        let mut subject = Subject::announced(160, 1).await;
        let waker = subject.waker().clone();
        let outcome = waker.requester.request(Shown::Nothing).await.unwrap();
        // Nonces go by the time of the process, which no clock can hasten; they are good for a
        // minute.
        tokio::time::sleep(NONCE_LIFETIME).await;
        let old = authorization(&waker, &outcome.answer, "00000001", "c0");
        let shown = Shown::Authorization(&old);
        let answer = waker.requester.request(shown).await.unwrap().answer;
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("stale=true"), "{challenge}");
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}

/// A right answer to a challenge, with this count and client nonce.
fn authorization(waker: &Waker, challenge: &Response, count: &str, client_nonce: &str) -> String {
    let fields = challenge.header("www-authenticate").unwrap();
    let fields = parse_fields(fields.strip_prefix("Digest ").unwrap());
    let uri = waker.requester.target();
    let response = digest_response(&DigestInput {
        username: CR_USERNAME,
        password: &waker.password,
        realm: &fields["realm"],
        nonce: &fields["nonce"],
        method: "GET",
        uri,
        session: false,
        quality: Some((count, client_nonce)),
    });
    format!(
        "Digest username=\"{CR_USERNAME}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", \
         response=\"{response}\", qop=auth, nc={count}, cnonce=\"{client_nonce}\"",
        fields["realm"], fields["nonce"]
    )
}

/// Ends sessions until the device is quiet, and counts them.
async fn count_sessions(subject: &mut Subject) -> usize {
    let mut count = 0;
    while !subject.device.is_silent_for(QUIET).await {
        let session = subject.device.session().await.unwrap();
        count += 1;
        finish(session).await;
    }
    count
}

fn c161_five_requests_at_once_are_one_session() {
    check(161, async |mut subject| {
        let waker = subject.waker().clone();
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let waker = waker.clone();
            requests.spawn(async move {
                let outcome = waker.requester.request(waker.shown()).await;
                outcome.unwrap().answer.status
            });
        }
        let statuses = requests.join_all().await;
        let good = |status: &u16| matches!(status, 200 | 204);
        assert!(statuses.iter().all(good), "{statuses:?}");
        assert_eq!(count_sessions(&mut subject).await, 1);
    });
}

fn c162_a_request_does_not_disturb_a_session() {
    check(162, async |mut subject| {
        let waker = subject.waker().clone();
        let mut session = subject.turn().await;
        let outcome = waker.requester.request(waker.shown()).await.unwrap();
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session.end().unwrap();
        let due = match outcome.answer.status {
            200 | 204 => 1,
            503 => 0,
            other => panic!("{other}"),
        };
        assert_eq!(count_sessions(&mut subject).await, due);
    });
}

fn c165_nothing_else_is_a_connection_request() {
    check(165, async |mut subject| {
        let other = Subject::announced(165, 1).await;
        let waker = subject.waker().clone();
        let target = waker.requester.target();
        let big = "x".repeat(16 * 1024);
        let headers = format!("X-Filler: {big}\r\n").repeat(7);
        for (request, is_head) in [
            (
                format!("POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
                false,
            ),
            (format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n\r\n"), true),
            (
                "GET /nosuchdevice HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
                false,
            ),
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), false),
            (format!("GET /{big} HTTP/1.1\r\nHost: h\r\n\r\n"), false),
            (format!("GET {target} HTTP/1.1\r\n{headers}\r\n"), false),
        ] {
            // A closed connection is an answer too.
            if let Ok(answer) = waker.requester.raw(request.as_bytes(), is_head).await {
                assert!(
                    (400..500).contains(&answer.status),
                    "{:.40}: {}",
                    request,
                    answer.status
                );
            }
        }
        // The path of another device with this one's credentials.
        let stranger = waker
            .requester
            .with_target(other.waker().requester.target());
        let outcome = stranger.request(waker.shown()).await.unwrap();
        assert_eq!(outcome.answer.status, 401);
        // A head that never ends keeps nobody else out.
        let mut endless = waker.requester.connect().await.unwrap();
        let beginning = format!("GET {target} HTTP/1.1\r\nX-");
        endless
            .stream()
            .write_all(beginning.as_bytes())
            .await
            .unwrap();
        assert!(subject.device.is_silent_for(QUIET).await);
        subject.turn().await.end().unwrap();
    });
}

fn c168_a_request_ends_the_wait_for_a_retry() {
    check(168, async |mut subject| {
        let session = subject.wake().await;
        session.end_with(Reply::status(500)).unwrap();
        let asked = Instant::now();
        let session = subject.wake().await;
        // The first retry would have waited five seconds at least.
        assert!(session.pending().unwrap().at.duration_since(asked) < Duration::from_secs(4));
        assert_eq!(session.inform().retry_count, 1);
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c212_many_requests_are_answered_in_a_second() {
    check(212, async |mut subject| {
        let waker = subject.waker().clone();
        let path = waker.requester.target();
        assert_eq!(path.matches('/').count(), 1, "{path} has one segment");
        assert!(!path.contains('?'), "{path}");
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..1000 {
            let waker = waker.clone();
            requests.spawn(async move {
                let outcome = waker.requester.request(Shown::Nothing).await;
                outcome.unwrap().answer.status
            });
        }
        let lag = Lag::watch();
        let asked = Instant::now();
        let outcome = waker.requester.request(waker.shown()).await.unwrap();
        let took = asked.elapsed();
        let answer = outcome.answer;
        lag.judge(
            Duration::from_millis(300),
            took < Duration::from_secs(1),
            &format!("both answers took {took:?}"),
        );
        assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
        for status in requests.join_all().await {
            assert_eq!(status, 401);
        }
        let session = subject.device.session().await.unwrap();
        finish(session).await;
    });
}
