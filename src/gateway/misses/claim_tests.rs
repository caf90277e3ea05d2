//! Unknown phones, from their first request to their first file.

use std::net::SocketAddr;

use super::claim::{ClaimError, ClaimFrom};
use super::settings::{MissBudgets, MissRules};
use crate::gateway::tests::{Bench, MAC};
use crate::gateway::{FetchAnswer, FetchRequest, GatewayError};
use crate::native::Mac;

const NEW: Mac = Mac::new([0x00, 0x0b, 0x82, 0x00, 0x00, 0x01]);
const NEW_FILE: &str = "cfg000b82000001.xml";
const USER_AGENT: &str = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82000001";
const ADDRESS: [u8; 4] = [192, 0, 2, 77];

/// What comes, as text; `None` when no file does.
async fn fetch(bench: &Bench, path: &str, user_agent: &str) -> Option<String> {
    let request = FetchRequest {
        user_agent: Some(user_agent.to_owned()),
        ..FetchRequest::new(path, SocketAddr::from((ADDRESS, 40_000)))
    };
    match bench.gateway.fetch(request).await {
        FetchAnswer::File { body, .. } => Some(String::from_utf8(body.to_vec()).unwrap()),
        _ => None,
    }
}

/// The phone asks for its file as Grandstreams do: for the binary one first.
async fn ask(bench: &Bench) -> Option<String> {
    assert_eq!(fetch(bench, "site/cfg000b82000001", USER_AGENT).await, None);
    let path = format!("site/{NEW_FILE}");
    fetch(bench, &path, USER_AGENT).await
}

#[tokio::test]
async fn an_unknown_phone_is_claimed_with_an_empty_file_and_is_a_device_then() {
    let bench = Bench::new().await;
    assert_eq!(ask(&bench).await, None);
    let claimed = bench.gateway.claim(NEW, ClaimFrom::Nothing).await.unwrap();
    assert_eq!(claimed.path.as_str(), format!("site/{NEW_FILE}"));
    assert_eq!(claimed.vendor, "grandstream");
    assert!(bench.gateway.quarantine().phones.is_empty());
    let file = ask(&bench).await.unwrap();
    assert!(file.contains("<mac>000b82000001</mac>"), "{file}");
    let shown = bench.gateway.show(NEW).await.unwrap();
    let shown = serde_json::to_value(&shown).unwrap();
    assert_eq!(shown["device"]["model"], "GXP2170", "{shown:#}");
    let again = bench.gateway.claim(NEW, ClaimFrom::Nothing).await;
    assert!(matches!(again, Err(ClaimError::Known(NEW))));
    // Later misses under its name are an ordinary phone's.
    let bench = bench.restart().await;
    assert!(ask(&bench).await.is_some());
    assert!(bench.gateway.quarantine().phones.is_empty());
}

#[tokio::test]
async fn a_claimed_phone_gets_its_file_although_its_budget_is_used_up() {
    let rules = MissRules {
        budgets: MissBudgets {
            source: 1,
            ..MissBudgets::default()
        },
        decoys: Vec::new(),
    };
    let bench = Bench::new().await.restart_by(rules).await;
    assert_eq!(ask(&bench).await, None);
    assert_eq!(bench.gateway.quarantine().used_up.len(), 1);
    bench.gateway.claim(NEW, ClaimFrom::Nothing).await.unwrap();
    assert!(ask(&bench).await.is_some());
    assert_eq!(fetch(&bench, "cfg001fc1d4e5f6.xml", "x").await, None);
}

#[tokio::test]
async fn a_claimed_phone_can_have_a_copy_of_anothers_file_with_its_own_address() {
    let bench = Bench::new().await;
    ask(&bench).await;
    bench
        .gateway
        .claim(NEW, ClaimFrom::Like(MAC))
        .await
        .unwrap();
    let copy = ask(&bench).await.unwrap();
    let original = fetch(&bench, "cfg000b82a1b2c3.xml", "x").await.unwrap();
    assert!(original.to_ascii_lowercase().contains("000b82a1b2c3"));
    let lower = original.to_ascii_lowercase();
    let expected = lower.replace("<mac>000b82a1b2c3</mac>", "<mac>000b82000001</mac>");
    assert_eq!(copy.to_ascii_lowercase(), expected);
    let other = Mac::new([0x00, 0x1f, 0xc1, 0xd4, 0xe5, 0xf6]);
    let path = "cfg000b82000002.xml";
    let user_agent = USER_AGENT.replace("000001", "000002");
    assert_eq!(fetch(&bench, path, &user_agent).await, None);
    let next = Mac::new([0x00, 0x0b, 0x82, 0x00, 0x00, 0x02]);
    let refused = bench.gateway.claim(next, ClaimFrom::Like(other)).await;
    assert!(matches!(refused, Err(ClaimError::OtherMaker { .. })));
    let refused = bench.gateway.claim(next, ClaimFrom::Like(NEW)).await;
    assert_eq!(refused.unwrap().path.as_str(), path);
}

#[tokio::test]
async fn a_claimed_phone_can_have_a_given_file_if_it_is_one_for_it() {
    let bench = Bench::new().await;
    ask(&bench).await;
    let file = |text: &str| ClaimFrom::File(text.as_bytes().to_vec());
    let claim = |from| bench.gateway.claim(NEW, from);
    let refused = claim(file("no settings")).await.unwrap_err();
    let wanted = "the file is none that a phone reads as cfg000b82000001.xml, cfg000b82000001; is \
                  it encrypted, or another maker's?";
    assert_eq!(refused.to_string(), wanted);
    let of_another =
        "<gs_provision><mac>000b82a1b2c3</mac><config><P271>1</P271></config></gs_provision>\n";
    let refused = claim(file(of_another)).await;
    assert!(matches!(refused, Err(ClaimError::WrongPhone { .. })));
    assert_eq!(ask(&bench).await, None);
    let text = of_another.replace("000b82a1b2c3", "000b82000001");
    claim(file(&text)).await.unwrap();
    assert_eq!(ask(&bench).await, Some(text));
}

#[tokio::test]
async fn only_who_has_asked_can_be_claimed_and_a_maker_has_to_be_known() {
    let bench = Bench::new().await;
    let claim = |mac| bench.gateway.claim(mac, ClaimFrom::Nothing);
    assert!(matches!(
        claim(NEW).await,
        Err(ClaimError::NotInQuarantine(NEW))
    ));
    assert!(matches!(claim(MAC).await, Err(ClaimError::Known(MAC))));
    assert_eq!(fetch(&bench, "020000000001.cfg", "curl\u{7}/8").await, None);
    let mac = Mac::new([2, 0, 0, 0, 0, 1]);
    assert!(matches!(claim(mac).await, Err(ClaimError::NoMaker(_))));
    let like = ClaimFrom::Like(NEW);
    assert!(matches!(
        bench.gateway.claim(mac, like).await,
        Err(ClaimError::Gateway(GatewayError::UnknownPhone(NEW)))
    ));
    let quarantine = bench.gateway.quarantine();
    assert_eq!(quarantine.phones[0].user_agent, "curl /8");
    assert_eq!(quarantine.phones[0].vendor, None);
}

#[tokio::test]
async fn the_quarantine_survives_a_restart_and_a_phone_can_be_dropped_for_good() {
    let bench = Bench::new().await;
    ask(&bench).await;
    assert!(bench.gateway.inner.quarantine_writes.due(&()).is_some());
    bench.gateway.write_quarantine().await.unwrap();
    let before = bench.gateway.quarantine().phones;
    let bench = bench.restart().await;
    assert_eq!(bench.gateway.quarantine().phones, before);
    bench.gateway.drop_from_quarantine(NEW).await.unwrap();
    assert!(matches!(
        bench.gateway.drop_from_quarantine(NEW).await,
        Err(GatewayError::UnknownPhone(NEW))
    ));
    let bench = bench.restart().await;
    assert!(bench.gateway.quarantine().phones.is_empty());
}
