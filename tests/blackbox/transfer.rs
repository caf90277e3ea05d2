//! Upload then Download of the configuration.

use crate::bench::Bench;
use crate::fetch;
use crate::managed::{DISPLAY_NAME, DOWNLOAD_TYPE, Managed, UPLOAD_TYPE, transfer};
use crate::phones::PHONES;

#[tokio::test(flavor = "multi_thread")]
async fn upload_then_download_restores_the_file_byte_for_byte() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for phone in PHONES {
        let (mut running, mut managed) = Managed::switched_on(&bench, &gateway, phone, None).await;
        let original = bench.tree_file(phone.own_file());
        let path = format!("/backup-{}", phone.mac);
        let url = bench.files.url(&path);

        let mut session = managed.turn(&gateway).await;
        let order = transfer("back up", UPLOAD_TYPE, &url);
        session.upload(&order).await.unwrap();
        session.end().unwrap();
        let report = managed.transfer_complete().await;
        assert_eq!(
            (report.command_key.as_str(), report.fault_code),
            ("back up", 0)
        );
        let backup = bench.files.upload(&path).await;
        assert_eq!(backup, original);

        managed.set(&gateway, DISPLAY_NAME, "Spoilt").await;
        assert_ne!(running.fetched().await, original);

        bench.files.put(&path, backup);
        let mut session = managed.turn(&gateway).await;
        let order = transfer("restore", DOWNLOAD_TYPE, &url);
        session.download(&order).await.unwrap();
        session.end().unwrap();
        let report = managed.transfer_complete().await;
        assert_eq!(
            (report.command_key.as_str(), report.fault_code),
            ("restore", 0)
        );
        assert_eq!(running.fetched().await, original, "the phone has it again");
        assert_eq!(
            fetch::file(gateway.phones_http(), phone.own_file()).await,
            original
        );
    }
    let verify = bench.command(&["verify", bench.tree().to_str().unwrap()]);
    assert_eq!(verify.code, 0, "{verify:#?}");
    bench.assert_no_findings();
}
