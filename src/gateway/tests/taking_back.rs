//! What a person takes back, and what can't be.

use super::{Bench, DISPLAY_NAME, MAC};
use crate::gateway::{ChangeError, ConvertError, ConvertRequest, GatewayError};

#[tokio::test]
async fn nothing_is_taken_back_or_converted_for_a_model_whose_keys_mean_other_things() {
    let bench = Bench::new().await;
    let gateway = &bench.gateway;
    let agent = "Grandstream Model HW UCM6202 SW 1.0.20.17 DevId 000b82a1b2c3";
    bench.fetch_as(agent).await;
    let before = gateway.own_file(MAC).unwrap();
    let paths = vec![DISPLAY_NAME.to_owned()];
    let refused = gateway.unset_by_operator(MAC, paths).await;
    assert!(matches!(
        refused,
        Err(ChangeError::Gateway(GatewayError::UncoveredModel { .. }))
    ));
    assert_eq!(gateway.own_file(MAC).unwrap(), before);
    let request = ConvertRequest {
        vendor: "htek".to_owned(),
        model: None,
        mac: None,
    };
    let refused = gateway.convert(MAC, &request).await;
    assert!(matches!(
        refused,
        Err(ConvertError::Gateway(GatewayError::UncoveredModel { .. }))
    ));
}

#[tokio::test]
async fn what_stands_in_no_file_cannot_be_taken_back_from_one() {
    let bench = Bench::new().await;
    let paths = vec!["Device.ManagementServer.URL".to_owned()];
    let refused = bench.gateway.unset_by_operator(MAC, paths).await;
    let Err(ChangeError::Fault(fault)) = refused else {
        panic!("{refused:?}");
    };
    assert!(fault.parameters[0].text.contains("stands in no file"));
}

#[tokio::test]
async fn what_is_taken_back_twice_is_in_effect_only_once_the_phone_has_fetched() {
    let bench = Bench::new().await;
    bench.fetch().await;
    for _ in 0..2 {
        let paths = vec![DISPLAY_NAME.to_owned()];
        let report = bench.gateway.unset_by_operator(MAC, paths).await.unwrap();
        assert!(report.applied_later);
    }
    bench.fetch().await;
    let paths = vec![DISPLAY_NAME.to_owned()];
    let report = bench.gateway.unset_by_operator(MAC, paths).await.unwrap();
    assert!(!report.applied_later);
}
