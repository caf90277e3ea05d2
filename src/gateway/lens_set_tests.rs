//! The gateway with further lens sets: which lenses a phone has follows its model.

use super::tests::{Bench, MAC};
use crate::mapping::Packs;

const FAMILY: &str = r#"
rows = [
  { path = "Device.X_EX_Hook", key = "P2", only_if_set = true, reboot = true },
  { path = "Device.X_EX_Note", convert = "kept", default = "none" },
]
[lenses]
of = "grandstream"
models = ['^GXP2170$']
version = 1
"#;

fn packs() -> Packs {
    Packs::with_overrides([("family.toml".to_owned(), FAMILY.to_owned())]).unwrap()
}

async fn value(bench: &Bench, path: &str) -> Option<String> {
    let lines = bench.gateway.parameters(MAC, path).await.ok()?;
    lines.into_iter().next().map(|line| line.value)
}

async fn set(bench: &Bench, path: &str, value: &str) -> super::SetReport {
    let values = vec![(path.to_owned(), value.to_owned())];
    bench.gateway.set_by_operator(MAC, values).await.unwrap()
}

#[tokio::test]
async fn a_phone_gets_the_lenses_of_its_model_once_that_is_known() {
    let bench = Bench::new().await.restart_with(packs()).await;
    assert_eq!(value(&bench, "Device.X_EX_Note").await, None);
    bench.fetch().await;
    assert_eq!(
        value(&bench, "Device.X_EX_Note").await.as_deref(),
        Some("none")
    );
    let (record, _) = bench.gateway.load(MAC).unwrap().unwrap();
    assert_eq!(record.lenses, "family/1/device1");

    let report = set(&bench, "Device.X_EX_Note", "third floor").await;
    assert!(!report.applied_later && report.edits.is_empty());
    let report = set(&bench, "Device.X_EX_Hook", "up").await;
    assert!(report.applied_later && report.edits[0].needs_reboot);
    assert_eq!(report.edits[0].key, "P2");

    let bench = bench.restart_with(packs()).await;
    let note = value(&bench, "Device.X_EX_Note").await;
    assert_eq!(note.as_deref(), Some("third floor"));
    assert_eq!(
        value(&bench, "Device.X_EX_Hook").await.as_deref(),
        Some("up")
    );

    let bench = bench.restart_with(Packs::embedded().unwrap()).await;
    assert_eq!(value(&bench, "Device.X_EX_Note").await, None);
    let time = "Device.Time.NTPServer1";
    set(&bench, time, "ntp.example.net").await;
    let (record, _) = bench.gateway.load(MAC).unwrap().unwrap();
    assert!(
        record.lenses.starts_with("grandstream/"),
        "{}",
        record.lenses
    );
}
