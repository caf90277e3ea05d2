//! Start and stop of the gateway.

use std::net::TcpListener;

use crate::bench::Bench;
use crate::command::{ERROR, run};
use crate::managed::Managed;
use crate::phones::GRANDSTREAM;

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_cleanly_and_the_store_can_be_used_at_once() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let mut managed = Managed::first_seen(&bench, &gateway, GRANDSTREAM).await;
    // A session that waits for the ACS does not hold it up.
    let session = managed.wake(&gateway).await;
    let status = gateway.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    drop(session);
    assert!(!bench.folder().join("data/admin.json").exists());
    assert_eq!(bench.show(GRANDSTREAM.mac)["device"]["served"], 1);
    assert!(!bench.gateway_text().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_on_the_same_store_says_so_and_ends() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let second = bench.command(&["serve"]).with_code(ERROR);
    let data = bench.folder().join("data");
    assert!(second.stderr.contains(data.to_str().unwrap()), "{second:?}");
    assert!(second.stderr.contains("in use"), "{second:?}");
    assert!(!second.stdout.contains("listening"), "{second:?}");
    // The first one does not mind.
    bench.show(GRANDSTREAM.mac);
    assert_eq!(gateway.terminate().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sections = [
        "[phones]\nhttp",
        "[connection_request]\nlisten",
        "[admin]\nlisten",
    ];
    for (number, section) in sections.into_iter().enumerate() {
        let mut text = String::new();
        for other in sections {
            let at = if other == section {
                address.as_str()
            } else {
                "127.0.0.1:0"
            };
            text.push_str(&format!("{other} = {at:?}\n"));
        }
        let config = folder.path().join(format!("{number}.toml"));
        std::fs::write(&config, text).unwrap();
        let data = folder.path().join(format!("data-{number}"));
        let arguments = [
            "serve".as_ref(),
            "--config".as_ref(),
            config.as_os_str(),
            "--data".as_ref(),
            data.as_os_str(),
        ];
        let ended = run(arguments).with_code(ERROR);
        assert!(ended.stderr.contains(&address), "{section}: {ended:?}");
    }
}
