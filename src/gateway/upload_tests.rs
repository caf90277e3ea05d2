//! What phones may send, and what is kept of it.

use std::num::NonZeroU32;
use std::path::Path;

use bytes::Bytes;

use super::test_support::{self, Hands};
use super::tests::MAC;
use super::{FetchRequest, Gateway, GatewayError, GatewaySettings, UploadRefusal, UploadSettings};
use crate::mapping::Packs;
use crate::native::Mac;
use crate::store::{AssetStore, ContentFolder};

const MIB: usize = 1 << 20;

fn open(folder: &Path, enabled: bool) -> Gateway {
    let mib = |count| NonZeroU32::new(count).unwrap();
    let settings = GatewaySettings {
        uploads: UploadSettings {
            enabled,
            max_file_mib: mib(2),
            per_phone_mib: mib(3),
            total_mib: mib(4),
        },
        ..GatewaySettings::default()
    };
    test_support::open(folder, &Hands::new(), Packs::embedded().unwrap(), settings)
}

async fn with_tree(folder: &Path, enabled: bool) -> Gateway {
    let gateway = open(folder, enabled);
    test_support::import_fixtures(&gateway).await;
    gateway
}

async fn send(gateway: &Gateway, path: &str, content: &[u8]) -> Result<(), UploadRefusal> {
    let source = "192.0.2.7:4000".parse().unwrap();
    let request = FetchRequest::new(path, source);
    let length = u64::try_from(content.len()).unwrap();
    let permit = gateway.admit_upload(&request, Some(length)).await?;
    let content = Bytes::copy_from_slice(content);
    gateway.keep_upload(permit, content).await
}

fn names(gateway: &Gateway) -> Vec<String> {
    let uploads = gateway.uploads(MAC).unwrap().into_iter();
    uploads.map(|upload| upload.name).collect()
}

/// Files in the folder of contents.
fn contents(folder: &Path) -> usize {
    let uploads = AssetStore::open(folder)
        .unwrap()
        .beside(ContentFolder::Uploads)
        .unwrap();
    uploads.list().unwrap().len()
}

#[tokio::test]
async fn what_a_known_phone_sends_is_kept_beside_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_tree(folder.path(), true).await;
    send(&gateway, "logs/000B82A1B2C3_1.log", b"first")
        .await
        .unwrap();
    send(&gateway, "000b82a1b2c3local.cfg", b"local")
        .await
        .unwrap();
    assert_eq!(
        names(&gateway),
        ["000b82a1b2c3local.cfg", "logs/000B82A1B2C3_1.log"]
    );
    let content = gateway.upload_content(MAC, "000b82a1b2c3local.cfg");
    assert_eq!(content.unwrap().unwrap(), b"local");
    assert!(gateway.upload_content(MAC, "other.cfg").unwrap().is_none());
    let log = gateway.log_file(MAC).unwrap();
    assert!(
        log.contains("has sent logs/000B82A1B2C3_1.log, 5 bytes, from 192.0.2.7"),
        "{log}"
    );
    let found = gateway.find_file("000b82a1b2c3local.cfg").unwrap();
    assert!(found.is_none(), "it is no file of the tree");
    let stranger = Mac::new([0, 11, 130, 9, 9, 9]);
    let refused = gateway.uploads(stranger);
    assert!(matches!(refused, Err(GatewayError::UnknownPhone(_))));

    drop(gateway);
    let gateway = open(folder.path(), true);
    assert_eq!(names(&gateway).len(), 2);
}

#[tokio::test]
async fn nothing_is_taken_that_is_off_unknown_or_in_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_tree(folder.path(), true).await;
    for path in [
        "cfg000b82a1b2c3.xml",
        "cfg000B82A1B2C3.xml",
        "cfg000b82090909.xml",
        "000b82a1b2c3/log.txt",
        "log.txt",
    ] {
        let outcome = send(&gateway, path, b"x").await;
        assert!(matches!(outcome, Err(UploadRefusal::NoPlace)), "{path}");
    }
    assert_eq!(names(&gateway).len(), 0);
    drop(gateway);
    let gateway = open(folder.path(), false);
    let outcome = send(&gateway, "000b82a1b2c3.log", b"x").await;
    assert!(matches!(outcome, Err(UploadRefusal::Off)));
}

#[tokio::test]
async fn quotas_hold_and_a_refusal_disturbs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_tree(folder.path(), true).await;
    let whole = vec![1; 2 * MIB];
    let outcome = send(&gateway, "000b82a1b2c3-a.log", &[&whole[..], b"x"].concat()).await;
    assert!(matches!(outcome, Err(UploadRefusal::TooLarge { limit }) if limit == 2 << 20));
    send(&gateway, "000b82a1b2c3-a.log", &whole).await.unwrap();
    // In the place of the first, so it has room.
    send(&gateway, "000b82a1b2c3-a.log", &vec![2; 2 * MIB])
        .await
        .unwrap();
    send(&gateway, "000b82a1b2c3-b.log", &vec![3; MIB])
        .await
        .unwrap();
    let outcome = send(&gateway, "000b82a1b2c3-c.log", b"one byte more").await;
    assert!(matches!(
        outcome,
        Err(UploadRefusal::Full {
            whose: "the phone's",
            ..
        })
    ));
    // Another phone has what is left of all.
    send(&gateway, "001fc1d4e5f6.log", &vec![4; MIB])
        .await
        .unwrap();
    let outcome = send(&gateway, "00085d7890ab.log", b"one byte more").await;
    assert!(matches!(
        outcome,
        Err(UploadRefusal::Full {
            whose: "all phones'",
            ..
        })
    ));
    assert_eq!(
        names(&gateway),
        ["000b82a1b2c3-a.log", "000b82a1b2c3-b.log"]
    );
    let log = gateway.log_file(MAC).unwrap();
    assert!(
        log.contains(
            "000b82a1b2c3-c.log from 192.0.2.7, which is not kept: the phone's uploads are full"
        ),
        "{log}"
    );
    assert!(
        gateway
            .remove_upload(MAC, "000b82a1b2c3-b.log")
            .await
            .unwrap()
    );
    send(&gateway, "000b82a1b2c3-c.log", b"there is room")
        .await
        .unwrap();
}

#[tokio::test]
async fn many_small_files_are_no_way_around_a_quota() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_tree(folder.path(), true).await;
    send(&gateway, "000b82a1b2c3.log", &vec![1; 2 * MIB])
        .await
        .unwrap();
    send(&gateway, "000b82a1b2c3.2.log", &vec![1; MIB - 8192])
        .await
        .unwrap();
    for number in 0..2 {
        send(&gateway, &format!("000b82a1b2c3-{number}.txt"), b"")
            .await
            .unwrap();
    }
    let outcome = send(&gateway, "000b82a1b2c3-2.txt", b"").await;
    assert!(matches!(outcome, Err(UploadRefusal::Full { .. })));
}

#[tokio::test]
async fn a_content_goes_with_the_last_record_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_tree(folder.path(), true).await;
    send(&gateway, "000b82a1b2c3-a.log", b"the same")
        .await
        .unwrap();
    send(&gateway, "000b82a1b2c3-b.log", b"the same")
        .await
        .unwrap();
    assert_eq!(contents(folder.path()), 1);
    send(&gateway, "000b82a1b2c3-a.log", b"another")
        .await
        .unwrap();
    assert_eq!(contents(folder.path()), 2);
    assert!(
        gateway
            .remove_upload(MAC, "000b82a1b2c3-b.log")
            .await
            .unwrap()
    );
    assert!(
        !gateway
            .remove_upload(MAC, "000b82a1b2c3-b.log")
            .await
            .unwrap()
    );
    assert_eq!(contents(folder.path()), 1);
    let content = gateway.upload_content(MAC, "000b82a1b2c3-a.log");
    assert_eq!(content.unwrap().unwrap(), b"another");

    // What a process that was killed has left.
    drop(gateway);
    let uploads = AssetStore::open(folder.path())
        .unwrap()
        .beside(ContentFolder::Uploads)
        .unwrap();
    uploads.put(b"left behind").unwrap();
    assert_eq!(contents(folder.path()), 2);
    let gateway = open(folder.path(), true);
    assert_eq!(contents(folder.path()), 1);
    assert_eq!(names(&gateway), ["000b82a1b2c3-a.log"]);
}
