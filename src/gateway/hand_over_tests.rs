//! A phone that is handed over to its own TR-069 client, and taken back.

use std::time::Duration;

use super::tests::{Bench, MAC, codes};
use super::{Delivery, HandOverError, HandOverOrder, HandOverState};
use crate::cwmp::EventCode;

const TRIAL: i64 = 7200;

fn order() -> HandOverOrder {
    HandOverOrder {
        acs_url: "https://acs2.example.net/cwmp".parse().unwrap(),
        username: "phone-{device_id}".to_owned(),
        periodic_inform_interval: 900,
        trial: TRIAL as u64,
    }
}

fn text(bench: &Bench) -> String {
    let (_, bytes) = bench.gateway.own_file(MAC).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn state(bench: &Bench) -> Option<HandOverState> {
    let mut all = bench.gateway.hand_overs();
    all.next().map(|one| one.unwrap().state)
}

/// Lets what is due come about.
async fn let_timers_run(bench: &Bench) {
    let waiting = bench.gateway.next_session();
    let _ = tokio::time::timeout(Duration::from_millis(200), waiting).await;
}

#[tokio::test]
async fn a_phone_is_told_by_its_file_and_its_virtual_cpe_is_silent_once_it_knows() {
    let bench = Bench::announced().await;
    let handed_over = bench.gateway.hand_over(MAC, &order()).await.unwrap();
    assert_eq!(handed_over.username, "phone-000B82-GXP2170-000B82A1B2C3");
    let text = text(&bench);
    for (code, value) in [
        ("P1409", "1"),
        ("P4503", "https://acs2.example.net/cwmp"),
        ("P4504", &handed_over.username),
        ("P4505", handed_over.password.expose()),
    ] {
        assert!(
            text.contains(&format!("<{code}>{value}</{code}>")),
            "{code}"
        );
    }
    let again = bench.gateway.hand_over(MAC, &order()).await;
    assert!(matches!(again, Err(HandOverError::Already { .. })));
    let too_early = bench.gateway.confirm_hand_over(MAC).await;
    assert!(matches!(too_early, Err(HandOverError::NotFetched)));

    // Until it knows, the virtual CPE is there.
    bench.gateway.wake(MAC).await;
    bench.session().await;
    bench.end().await;
    assert_eq!(state(&bench), Some(HandOverState::Waiting));
    bench.fetch().await;
    assert_eq!(state(&bench), Some(HandOverState::Fetched));
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.gateway.open_session(MAC).await.unwrap(), None);
    let (record, _) = bench.gateway.load(MAC).unwrap().unwrap();
    let segment = &record.cpe.connection_request_segment;
    let target = bench.gateway.connection_request_target(segment).await;
    assert_eq!(target, None);

    bench.gateway.confirm_hand_over(MAC).await.unwrap();
    bench.advance(2 * TRIAL);
    let bench = bench.restart().await;
    let_timers_run(&bench).await;
    assert_eq!(state(&bench), Some(HandOverState::Confirmed));
    assert_eq!(bench.gateway.open_session(MAC).await.unwrap(), None);
}

#[tokio::test]
async fn without_a_confirmation_it_is_taken_back_and_begins_anew() {
    let bench = Bench::announced().await;
    let before = text(&bench);
    bench.gateway.hand_over(MAC, &order()).await.unwrap();
    bench.fetch().await;
    let bench = bench.restart().await;
    bench.advance(TRIAL - 1);
    let_timers_run(&bench).await;
    assert_eq!(state(&bench), Some(HandOverState::Fetched));
    bench.advance(1);
    let_timers_run(&bench).await;
    assert_eq!(state(&bench), None);
    let after = text(&bench);
    assert!(after.contains("<P1409>0</P1409>"), "{after}");
    assert!(!after.contains("acs2.example.net"), "{after}");
    for line in before.lines() {
        assert!(after.contains(line), "{line}");
    }
    let session = bench.session().await;
    assert!(codes(&session).contains(&EventCode::Bootstrap));
    let delivered = bench.gateway.delivered(MAC, Delivery::Inform).await;
    delivered.unwrap();
    bench.end().await;
    let (record, _) = bench.gateway.load(MAC).unwrap().unwrap();
    assert!(record.delivery.is_outstanding(), "the phone is to fetch it");
}

#[tokio::test]
async fn one_that_never_knew_is_taken_back_without_a_word() {
    let bench = Bench::announced().await;
    bench.gateway.hand_over(MAC, &order()).await.unwrap();
    bench.gateway.take_back(MAC).await.unwrap();
    assert_eq!(state(&bench), None);
    assert_eq!(bench.gateway.open_session(MAC).await.unwrap(), None);
    let again = bench.gateway.take_back(MAC).await;
    assert!(matches!(again, Err(HandOverError::Not)));
}
