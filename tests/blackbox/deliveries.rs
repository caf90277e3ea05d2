//! What a person sees of a change on its way to the phone, and of firmware that he gives phones.

use std::fs;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::command::{CLEAN, FINDINGS};
use crate::fetch::fetch;
use crate::managed::{DISPLAY_NAME, Managed, transfer};
use crate::phones::{AASTRA, GRANDSTREAM, HTEK, PHONES, Phone};

const AKUVOX: Phone = Phone::new(
    "0c1105200006",
    "Akuvox SP-R50P 50.0.5.6 0C:11:05:20:00:06",
    &["0c1105200006.cfg"],
    3,
);
const AKUVOX_FILE: &str = "#!version:1.0.0.1\nConfig.Account1.GENERAL.DisplayName = Desk\n\
                           Config.Account1.GENERAL.UserName = 2260\n\
                           Config.Account1.GENERAL.Enable = 1\n";

/// Puts a line at the head of a section of the settings.
fn set(bench: &Bench, section: &str, line: &str) {
    let path = bench.folder().join("trestle.toml");
    let settings = fs::read_to_string(&path).unwrap();
    let head = format!("[{section}]\n");
    assert!(settings.contains(&head));
    fs::write(path, settings.replace(&head, &format!("{head}{line}\n"))).unwrap();
}

fn last_change(shown: &Value) -> Value {
    shown["delivery"]["changes"]
        .as_array()
        .and_then(|changes| changes.last().cloned())
        .unwrap_or_default()
}

/// The path at which a phone is pointed for an image, as it stands in its file: what follows
/// `firmware/` up to a character that no path has.
async fn pointed_at(bench: &Bench, server: SocketAddr, phone: Phone, name: &str) -> String {
    let file = phone.fetch(bench, server).await;
    let text = String::from_utf8(file.body.to_vec()).unwrap();
    let (_, rest) = text.split_once("/firmware/").expect("a pointer");
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let token = &rest[..end.unwrap_or(rest.len())];
    format!("/firmware/{token}/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_followed_from_its_author_to_the_phone_of_each_vendor() {
    let bench = Bench::set().await;
    fs::write(bench.tree().join(AKUVOX.own_file()), AKUVOX_FILE).unwrap();
    let gateway = bench.serve();
    let server = gateway.phones_http();
    for phone in PHONES {
        let (mut running, mut managed) = Managed::switched_on(&bench, &gateway, phone, None).await;
        let shown = bench.show(phone.mac);
        assert_eq!(last_change(&shown)["author"], "import", "{shown:#}");
        managed.set(&gateway, DISPLAY_NAME, "Followed").await;
        running.fetched().await;
        let shown = bench.show_once(phone.mac, |shown| {
            let last = last_change(shown);
            last["fetched"].is_string() && last["told"].is_string()
        });
        let last = last_change(&shown);
        assert_eq!(last["author"], "acs");
        assert_eq!(last["revision"], 2);
        assert_eq!(shown["delivery"]["status"], "fetched");
        assert_eq!(
            last["confirmed"],
            json!(null),
            "a yes to NOTIFY is not enough"
        );
        running.sim.stop().await;
        phone.fetch(&bench, server).await;
        bench.show_once(phone.mac, |shown| {
            shown["delivery"]["status"] == "confirmed"
                && last_change(shown)["confirmed"].is_string()
        });
        let text = bench
            .command(&["device", "show", phone.mac])
            .with_code(CLEAN);
        assert!(
            text.stdout.contains("delivery            confirmed"),
            "{text:#?}"
        );
        assert!(text.stdout.contains("2 by ACS: "), "{text:#?}");
    }
    // One that comes on its own.
    let mut managed = Managed::first_seen(&bench, &gateway, AKUVOX).await;
    managed.set(&gateway, DISPLAY_NAME, "Followed").await;
    bench.show_once(AKUVOX.mac, |shown| shown["delivery"]["status"] == "pending");
    AKUVOX.fetch(&bench, server).await;
    let shown = bench.show_once(AKUVOX.mac, |shown| shown["delivery"]["status"] == "fetched");
    let last = last_change(&shown);
    assert_eq!(
        last["what"], "config.account1.general.displayname",
        "{last}"
    );
    assert_eq!(last["told"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_stays_away_is_overdue_in_the_list_and_a_deadline_of_its_own_helps() {
    let bench = Bench::set().await;
    set(&bench, "phones", "delivery_deadline = 1");
    let gateway = bench.serve();
    let mut managed = Managed::first_seen(&bench, &gateway, GRANDSTREAM).await;
    managed.set(&gateway, DISPLAY_NAME, "Waits").await;
    let is_overdue = |shown: &Value| shown["delivery"]["status"] == "overdue";
    let shown = bench.show_once(GRANDSTREAM.mac, is_overdue);
    assert!(shown["delivery"]["overdue_since"].is_string());
    let list = bench.command(&["device", "list"]).with_code(CLEAN);
    assert!(
        list.stdout
            .contains("overdue: revision 2 waits, phone has 1")
    );
    let more = bench.command(&["device", "deadline", GRANDSTREAM.mac, "2h"]);
    more.with_code(CLEAN);
    let shown = bench.show(GRANDSTREAM.mac);
    assert_eq!(shown["delivery"]["deadline"], json!({"seconds": 7200}));
    assert!(!is_overdue(&shown), "{shown:#}");
    let usual = bench.command(&["device", "deadline", GRANDSTREAM.mac, "usual"]);
    usual.with_code(CLEAN);
    bench.show_once(GRANDSTREAM.mac, is_overdue);
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    bench.show_once(GRANDSTREAM.mac, |shown| {
        shown["delivery"]["status"] == "fetched"
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_shared_file_is_a_change_for_the_phones_that_read_it_and_no_others() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let server = gateway.phones_http();
    for phone in [AASTRA, HTEK] {
        phone.fetch(&bench, server).await;
        bench.show_once(phone.mac, |shown| shown["device"]["served"] == 1);
    }
    let path = bench.tree().join("startup.cfg");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\nsip session timer: 1234\n")).unwrap();
    let tree = bench.tree();
    let import = bench.command(&["import", tree.to_str().unwrap()]);
    assert_ne!(import.code, 2, "{import:#?}");
    let shown = bench.show(AASTRA.mac);
    assert_eq!(shown["device"]["desired"], 2);
    let last = last_change(&shown);
    assert_eq!(last["author"], "import");
    assert_eq!(last["what"], "a file that it shares with others");
    assert_eq!(bench.show(HTEK.mac)["device"]["desired"], 1);
    AASTRA.fetch(&bench, server).await;
    bench.show_once(AASTRA.mac, |shown| shown["delivery"]["status"] == "fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn firmware_that_a_person_gives_phones_is_taken_and_the_catalogue_tells() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let server = gateway.phones_http();
    let cases = [
        (
            GRANDSTREAM,
            "gxp2170fw.bin",
            "Grandstream Model HW GXP2170 SW 1.0.11.99 DevId 000b82a1b2c3",
            "1.0.11.99",
        ),
        (
            AASTRA,
            "6867i.st",
            "Aastra6867i MAC:00-08-5D-78-90-AB V:4.2.0.999-SIP",
            "4.2.0.999",
        ),
    ];
    for (phone, name, new, version) in cases {
        phone.fetch(&bench, server).await;
        let file = bench.folder().join(name);
        fs::write(&file, format!("an image for {name}")).unwrap();
        let added = bench.command(&["firmware", "add", file.to_str().unwrap()]);
        added.with_code(CLEAN);
        let assigned = bench.command(&["firmware", "assign", name, phone.mac]);
        assigned.with_code(CLEAN);
        bench.show_once(phone.mac, |shown| {
            last_change(shown)["author"] == "firmware"
        });
        let busy = bench.command(&["firmware", "drop", name]);
        assert!(
            busy.code == 2 && busy.stderr.contains("in use"),
            "{busy:#?}"
        );
        let path = pointed_at(&bench, server, phone, name).await;
        let image = fetch(bench.address(7), server, &path, phone.user_agent).await;
        assert_eq!(image.body, format!("an image for {name}").as_bytes());
        // It is noted when the last byte has left; no phone is back as fast as this one.
        bench.show_once(phone.mac, |_| {
            let log = bench.command(&["device", "log", phone.mac]);
            log.stdout.contains("the phone has all of it")
        });
        let target = format!("/{}", phone.own_file());
        let own = fetch(bench.address(7), server, &target, new).await;
        // A last line without an end has got one with the line that was added behind it.
        let before = bench.tree_file(phone.own_file());
        assert_eq!(own.body.trim_ascii_end(), before.trim_ascii_end());
        bench.show_once(phone.mac, |shown| shown["transfers"] == json!([]));
        let list = bench.command(&["firmware", "list", "--format", "json"]);
        let list = list.with_code(CLEAN).json();
        let images = list.as_array().unwrap();
        let found = images
            .iter()
            .find(|image| image["image"]["file_name"] == name);
        let found = found.unwrap();
        let told = found["image"]["version"].as_str().unwrap();
        assert!(told.starts_with(version), "{told}");
        assert_eq!(found["running"], 1);
        let again = bench.command(&["firmware", "assign", name, phone.mac]);
        let again = again.with_code(FINDINGS);
        assert!(again.stdout.contains("runs this version already"));
        bench.command(&["firmware", "drop", name]).with_code(CLEAN);
    }
    gateway.terminate();
    // Without a gateway the same, as far as it goes without one.
    let list = bench.command(&["firmware", "list"]).with_code(CLEAN);
    assert!(list.stdout.contains("0 images"));
    let file = bench.folder().join("gxp2170fw.bin");
    let add = ["firmware", "add", file.to_str().unwrap(), "--version", "9"];
    bench.command(&add).with_code(CLEAN);
    let assign = ["firmware", "assign", "gxp2170fw.bin", "--model", "GXP2170"];
    let assigned = bench.command(&assign);
    assert!(
        assigned.stdout.contains("by 1 of 1 phone\n"),
        "{assigned:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn firmware_that_a_phone_does_not_take_is_taken_back() {
    let bench = Bench::set().await;
    set(&bench, "transfers", "firmware_deadline = 2");
    let gateway = bench.serve();
    let server = gateway.phones_http();
    GRANDSTREAM.fetch(&bench, server).await;
    let file = bench.folder().join("gxp2170fw.bin");
    fs::write(&file, "an image").unwrap();
    let add = ["firmware", "add", file.to_str().unwrap()];
    bench.command(&add).with_code(CLEAN);
    let assign = ["firmware", "assign", "gxp2170fw.bin", GRANDSTREAM.mac];
    bench.command(&assign).with_code(CLEAN);
    bench.show_once(GRANDSTREAM.mac, |shown| {
        shown["device"]["desired"] == 3 && shown["transfers"] == json!([])
    });
    let own = GRANDSTREAM.fetch(&bench, server).await;
    assert_eq!(own.body, bench.tree_file(GRANDSTREAM.own_file()));
    let log = bench.command(&["device", "log", GRANDSTREAM.mac]);
    assert!(log.stdout.contains("failed with 9010"), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_of_a_download_stands_in_the_catalogue() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let mut managed = Managed::first_seen(&bench, &gateway, AASTRA).await;
    bench.files.put("/6867i.st", "an image");
    let url = bench.files.url("/6867i.st");
    let order = transfer("once", "1 Firmware Upgrade Image", &url);
    let mut session = managed.turn(&gateway).await;
    session.download(&order).await.unwrap();
    session.end().unwrap();
    bench.show_once(AASTRA.mac, |shown| {
        shown["transfers"][0]["installing"] == true
    });
    let list = bench.command(&["firmware", "list", "--format", "json"]);
    let list = list.with_code(CLEAN).json();
    assert_eq!(list[0]["image"]["vendor"], "aastra");
    assert_eq!(list[0]["waiting"], json!([AASTRA.mac]));
    assert_eq!(bench.files.requests("/6867i.st").len(), 1);
}
