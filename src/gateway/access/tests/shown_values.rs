//! What is shown of a value with a token in it, and what becomes of it when it is set.

use super::*;
use crate::gateway::ChangeError;

#[tokio::test]
async fn a_token_is_not_shown_and_setting_what_is_shown_keeps_it() {
    let bench = Bench::new(all(&[Proof::Token], UntilUsed::Open)).await;
    bench.phone(FILE).await.file();
    let order = CredentialsOrder::default();
    assert!(matches!(
        bench.order(MAC, order).await,
        CredentialsOutcome::Given { .. }
    ));
    let token = bench.token();
    let shown = bench.gateway.parameters(MAC, "").await.unwrap();
    assert!(!shown.iter().any(|one| one.value.contains(&token)));
    let masked = "phones.example.net:8080/***";
    let mut paths = shown.iter().filter(|one| one.value == masked);
    let path = paths.next().expect("the server's path").path.clone();

    // As an ACS does that writes back what it has read.
    let before = bench.own_text(MAC);
    let set = |value: &str| {
        let values = vec![(path.clone(), value.to_owned())];
        bench.gateway.set_by_operator(MAC, values)
    };
    assert_eq!(set(masked).await.unwrap().edits, []);
    assert_eq!(bench.own_text(MAC), before);
    let Err(ChangeError::Fault(fault)) = set("elsewhere.example.net/***").await else {
        panic!("the mask is no part of a path");
    };
    assert!(fault.parameters[0].text.contains("token"), "{fault:?}");
    set("elsewhere.example.net/folder").await.unwrap();
    assert_eq!(bench.own_value("P237"), "elsewhere.example.net/folder");
}
