//! A phone of each of the four makers goes through what an operator does with phones: a change, a
//! resync, a restart, firmware, and the hand-over to its own TR-069 client. Each of them knows the
//! events and looks for firmware as the sheet of its maker has it; where a maker lacks a means, that
//! is said.

use std::fs;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::command::{CLEAN, FINDINGS};
use crate::gateway::Gateway;
use crate::managed::{DISPLAY_NAME, Managed};
use crate::phones::{AASTRA, GRANDSTREAM, HTEK, Phone, Running};
use crate::support::finish;

/// What the makers do not have in common.
struct Maker {
    phone: Phone,
    /// Its file, if the fixtures have none.
    file: Option<&'static str>,
    /// The means by which it fetches.
    resync: &'static str,
    firmware: Option<Firmware>,
    /// What stands in its file when it is handed over, and what after it was taken back.
    handed_over: &'static [&'static str],
    taken_back: &'static str,
}

/// Firmware of a simulated phone.
struct Firmware {
    /// Name of the image.
    image: &'static str,
    /// The URL of the image by the settings of the phone's file.
    place: fn(&str) -> String,
    /// How the phone introduces itself once it runs the image.
    user_agent: &'static str,
    version: &'static str,
}

const AKUVOX: Phone = Phone::new(
    "0c1105aabb64",
    "Akuvox SP-R50P 50.0.5.6 0C:11:05:AA:BB:64",
    &["0c1105aabb64.cfg"],
    3,
)
.with_account("2264", "Sail-Loft-90")
.with_sip_port(5062);

/// The text of an element.
fn element<'f>(file: &'f str, key: &str) -> &'f str {
    let (_, after) = file.split_once(&format!("<{key}>")).expect(key);
    after.split_once('<').unwrap().0
}

/// What stands after a key.
fn line<'f>(file: &'f str, key: &str, separator: &str) -> &'f str {
    let line = file.lines().find(|line| line.starts_with(key)).expect(key);
    line.split_once(separator).unwrap().1.trim()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grandstream_phone_goes_through_everything() {
    let maker = Maker {
        phone: GRANDSTREAM,
        file: None,
        resync: "notify check-sync",
        firmware: Some(Firmware {
            image: "gxp2170fw.bin",
            // Host and path, the protocol by a number: 1 is http.
            place: |file| {
                assert_eq!(element(file, "P6767"), "1");
                format!("http://{}/gxp2170fw.bin", element(file, "P192"))
            },
            user_agent: "Grandstream Model HW GXP2170 SW 1.0.11.99 DevId 000b82a1b2c3",
            version: "1.0.11.99",
        }),
        handed_over: &["<P1409>1</P1409>", "<P4503>https://acs2.example.net/cwmp<"],
        taken_back: "<P1409>0</P1409>",
    };
    Box::pin(goes_through_everything(maker)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_htek_phone_goes_through_everything_but_firmware() {
    let maker = Maker {
        phone: HTEK,
        file: None,
        resync: "notify resync",
        // The names of its images are likely at most.
        firmware: None,
        handed_over: &["<P8100>1</P8100>", "<P8101>https://acs2.example.net/cwmp<"],
        taken_back: "<P8100>0</P8100>",
    };
    Box::pin(goes_through_everything(maker)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aastra_phone_goes_through_everything() {
    let maker = Maker {
        phone: AASTRA,
        file: None,
        resync: "notify check-sync",
        firmware: Some(Firmware {
            image: "6867i.st",
            place: |file| format!("{}/6867i.st", line(file, "firmware server", ": ")),
            user_agent: "Aastra6867i MAC:00-08-5D-78-90-AB V:4.2.0.999-SIP",
            version: "4.2.0.999",
        }),
        handed_over: &["tr69: 1", "tr69 server: https://acs2.example.net"],
        // Its files are no patches: a line that is gone is a default.
        taken_back: "",
    };
    Box::pin(goes_through_everything(maker)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_akuvox_phone_goes_through_everything() {
    let maker = Maker {
        phone: AKUVOX,
        file: Some(
            "#!version:1.0.0.1\nConfig.Account1.GENERAL.DisplayName = Hut\n\
             Config.Account1.GENERAL.UserName = 2264\nConfig.Account1.GENERAL.AuthName = 2264\n\
             Config.Account1.GENERAL.Pwd = Sail-Loft-90\nConfig.Account1.GENERAL.Enable = 1\n",
        ),
        // It restarts on it, and fetches then.
        resync: "notify check-sync",
        firmware: Some(Firmware {
            image: "50.0.5.99.rom",
            place: |file| line(file, "Config.Firmware.Url", "= ").to_owned(),
            user_agent: "Akuvox SP-R50P 50.0.5.99 0C:11:05:AA:BB:64",
            version: "50.0.5.99",
        }),
        handed_over: &[
            "Config.TR069.General.Enable = 1",
            "Config.TR069.ManagementServer.URL = https://acs2.example.net/cwmp",
        ],
        taken_back: "Config.TR069.General.Enable = 0",
    };
    Box::pin(goes_through_everything(maker)).await;
}

async fn goes_through_everything(maker: Maker) {
    let bench = Bench::set().await;
    if let Some(file) = maker.file {
        fs::write(bench.tree().join(maker.phone.own_file()), file).unwrap();
    }
    let gateway = bench.serve();
    let account = Some(maker.phone.account);
    let (mut running, mut managed) =
        Managed::switched_on(&bench, &gateway, maker.phone, account).await;

    resync(&bench, &gateway, &maker, &mut running, &mut managed).await;
    restart(&bench, &gateway, &maker, &mut running, &mut managed).await;
    match &maker.firmware {
        Some(firmware) => {
            take(&bench, &gateway, &maker, firmware, running).await;
            running = come_back(&bench, &gateway, &maker, firmware, &mut managed).await;
        }
        None => no_firmware(&bench, &maker).await,
    }
    hand_over(&bench, &gateway, &maker, &mut running, &mut managed).await;
    assert_eq!(gateway.terminate().code(), Some(0));
    bench.assert_no_findings();
}

/// Waits until the file that it fetches is as wanted.
async fn fetched(running: &mut Running, is_wanted: impl Fn(&str) -> bool) -> String {
    loop {
        let file = String::from_utf8(running.fetched().await).unwrap();
        if is_wanted(&file) {
            return file;
        }
    }
}

#[track_caller]
fn control(bench: &Bench, what: &str, mac: &str) {
    let ended = bench.command(&["device", what, mac, "--format", "json"]);
    let reply = ended.with_code(CLEAN).json();
    assert_eq!(reply, json!({"outcome": {"result": "accepted"}}), "{what}");
}

/// Whether a means has led to a fetch.
fn has_worked(shown: &Value, action: &str, means: &str) -> bool {
    let tried = shown["means"].as_array().unwrap();
    tried.iter().any(|one| {
        one["means"] == means && one["action"] == action && one["fetched"].as_u64() >= Some(1)
    })
}

/// A change of the ACS arrives, and an operator's order to fetch is obeyed.
async fn resync(
    bench: &Bench,
    gateway: &Gateway,
    maker: &Maker,
    running: &mut Running,
    managed: &mut Managed,
) {
    let mac = maker.phone.mac;
    managed.set(gateway, DISPLAY_NAME, "Four makers").await;
    fetched(running, |file| file.contains("Four makers")).await;
    bench.show_once(mac, |shown| shown["delivery"]["status"] == "fetched");
    control(bench, "resync", mac);
    running.fetched().await;
    // It lives with the file when it comes back for it.
    bench.show_once(mac, |shown| {
        shown["delivery"]["status"] == "confirmed" && has_worked(shown, "resync", maker.resync)
    });
}

/// A person's restart is a boot, and one of the ACS has its key.
async fn restart(
    bench: &Bench,
    gateway: &Gateway,
    maker: &Maker,
    running: &mut Running,
    managed: &mut Managed,
) {
    let mac = maker.phone.mac;
    control(bench, "reboot", mac);
    running.fetched().await;
    let session = managed.device.session().await.unwrap();
    assert_eq!(session.inform().event_codes(), ["1 BOOT"]);
    finish(session).await;
    let mut session = managed.turn(gateway).await;
    session.reboot("by the ACS").await.unwrap();
    session.end().unwrap();
    running.fetched().await;
    let session = managed.device.session().await.unwrap();
    let inform = session.inform();
    assert_eq!(inform.event_codes(), ["1 BOOT", "M Reboot"]);
    assert_eq!(inform.command_keys("M Reboot"), ["by the ACS"]);
    finish(session).await;
    bench.show_once(mac, |shown| {
        shown["reboots"] == 0 && has_worked(shown, "reboot", "notify check-sync;reboot=true")
    });
}

/// The phone takes the image at the place where its file points.
async fn take(
    bench: &Bench,
    gateway: &Gateway,
    maker: &Maker,
    firmware: &Firmware,
    mut running: Running,
) {
    let Maker { phone, .. } = maker;
    let server = gateway.phones_http();
    let image = bench.folder().join(firmware.image);
    fs::write(&image, "an image").unwrap();
    let add = ["firmware", "add", image.to_str().unwrap()];
    bench.command(&add).with_code(CLEAN);
    let assign = ["firmware", "assign", firmware.image, phone.mac];
    bench.command(&assign).with_code(CLEAN);
    let file = fetched(&mut running, |file| file.contains("/firmware/")).await;
    // What it does next takes its time, and it hears nothing meanwhile.
    running.sim.stop().await;
    let url = (firmware.place)(&file);
    let target = url.strip_prefix(&format!("http://{server}")).expect(&url);
    let taken = phone.ask(bench, server, target).await;
    assert_eq!(taken.body, b"an image");
    bench.show_once(phone.mac, |_| {
        let log = bench.command(&["device", "log", phone.mac]);
        log.stdout.contains("the phone has all of it")
    });
}

/// The phone is on again and runs the image.
async fn come_back(
    bench: &Bench,
    gateway: &Gateway,
    maker: &Maker,
    firmware: &Firmware,
    managed: &mut Managed,
) -> Running {
    let server = gateway.phones_http();
    let phone = maker.phone.with_user_agent(firmware.user_agent);
    let account = Some(phone.account);
    let mut running = phone.switch_on(bench, server, account).await;
    let session = managed.device.session().await.unwrap();
    let inform = session.inform();
    assert_eq!(inform.event_codes(), ["1 BOOT", "4 VALUE CHANGE"]);
    let version = inform.value("Device.DeviceInfo.SoftwareVersion");
    assert_eq!(version, Some(firmware.version));
    finish(session).await;
    bench.show_once(phone.mac, |shown| {
        shown["transfers"] == json!([]) && shown["device"]["version"] == firmware.version
    });
    // Nothing points there any more.
    let mut file = running.sim.current(phone.own_file()).unwrap();
    while String::from_utf8_lossy(&file).contains("/firmware/") {
        file = running.fetched().await.into();
    }
    assert!(String::from_utf8_lossy(&file).contains("Four makers"));
    running
}

/// It is said that nobody knows how such a phone takes firmware.
async fn no_firmware(bench: &Bench, maker: &Maker) {
    let image = bench.folder().join("fw926.rom");
    fs::write(&image, "an image").unwrap();
    let image = image.to_str().unwrap();
    let add = ["firmware", "add", image, "--vendor", "htek"];
    bench.command(&add).with_code(CLEAN);
    let assign = ["firmware", "assign", "fw926.rom", maker.phone.mac];
    let refused = bench.command(&assign).with_code(FINDINGS);
    let why = "it is not known for sure how a UC926 takes a 1 Firmware Upgrade Image";
    assert!(refused.stdout.contains(why), "{refused:#?}");
    assert_eq!(bench.show(maker.phone.mac)["transfers"], json!([]));
}

/// Its own client is told its ACS, the device is silent, and both are as before in the end.
async fn hand_over(
    bench: &Bench,
    gateway: &Gateway,
    maker: &Maker,
    running: &mut Running,
    managed: &mut Managed,
) {
    let mac = maker.phone.mac;
    let before = running.sim.current(maker.phone.own_file()).unwrap();
    let credentials = bench.folder().join("new-cpes.csv");
    let over = [
        "handover",
        mac,
        "--to",
        "https://acs2.example.net/cwmp",
        "--credentials",
        credentials.to_str().unwrap(),
    ];
    bench.command(&over).with_code(CLEAN);
    let has_all = |file: &str| maker.handed_over.iter().all(|line| file.contains(line));
    let file = fetched(running, has_all).await;
    let table = fs::read_to_string(&credentials).unwrap();
    let row = table.lines().find(|row| row.starts_with(mac)).unwrap();
    for secret in row.split(',').skip(2) {
        assert!(file.contains(secret), "{secret}: {file}");
    }
    bench.show_once(mac, |shown| shown["device"]["hand_over"] == "fetched");
    assert_eq!(managed.request(gateway).await, 404, "the device is silent");
    bench
        .command(&["handover", mac, "--take-back"])
        .with_code(CLEAN);
    // The device waits half a minute for its ACS; the phone can wait longer.
    let session = managed.device.session().await.unwrap();
    assert!(session.inform().has_event("0 BOOTSTRAP"));
    finish(session).await;
    let back = fetched(running, |file| !has_all(file)).await;
    assert!(back.contains(maker.taken_back), "{back}");
    assert!(!back.contains("acs2.example.net"), "{back}");
    for line in String::from_utf8_lossy(&before).lines() {
        assert!(back.contains(line), "{line}: {back}");
    }
}
