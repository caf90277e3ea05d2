//! The gateway itself as a CPE of the ACS: `[acs] announce_gateway`.

use std::time::Duration;

use trestle::sim::acs::message::{AttributeChange, Transfer};
use trestle::sim::acs::{ScriptError, Session};

use crate::bench::Bench;
use crate::command::{CLEAN, FINDINGS};
use crate::managed::{DOWNLOAD_TYPE, Managed};
use crate::phones::{GRANDSTREAM, HTEK, PHONES};
use crate::support::finish;

const TABLE: &str = "Device.ManagementServer.VirtualDevice.";
const COUNT: &str = "Device.ManagementServer.VirtualDeviceNumberOfEntries";
const HEALTH: &str = "Device.X_TRESTLE_Gateway.";
/// The same for every start, so that a start is not also a change of the ConnectionRequestURL.
const CONNECTION_REQUESTS: &str = "url = \"http://127.0.0.1:7547\"";
/// How long nothing has to come from who is to be silent.
const SILENCE: Duration = Duration::from_secs(2);

/// The gateway's own SerialNumber, as its phones name it.
fn serial_of_gateway(bench: &Bench) -> String {
    let name = "Device.X_TRESTLE_Proxier.SerialNumber";
    let arguments = ["device", "get", GRANDSTREAM.mac, name, "--format", "json"];
    let shown = bench.command(&arguments).with_code(CLEAN).json();
    let value = shown.pointer("/0/value").and_then(|value| value.as_str());
    value.expect("the parameter has a value").to_owned()
}

/// Name below the object, and value, of everything below an object.
async fn below(session: &mut Session<'_>, object: &str) -> Vec<(String, String)> {
    let values = session.get_values(&[object]).await.unwrap().into_iter();
    values
        .map(|value| {
            let name = value.name.strip_prefix(object).unwrap().to_owned();
            (name, value.value)
        })
        .collect()
}

fn code<T: std::fmt::Debug>(outcome: Result<T, ScriptError>) -> u32 {
    match outcome {
        Err(ScriptError::Fault(fault)) => fault.code,
        other => panic!("a fault was due, not {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_shows_itself_and_a_row_for_every_announced_phone() {
    let bench = Bench::set_with("announce_gateway = true", CONNECTION_REQUESTS).await;
    bench.import().with_code(FINDINGS);
    let serial = serial_of_gateway(&bench);
    let device = bench.acs.device(&serial);
    let gateway = bench.serve_again();
    let mut own = Managed::greet(device).await;
    let inform = &own.first_inform;
    assert_eq!(inform.event_codes(), ["0 BOOTSTRAP", "1 BOOT"]);
    assert_eq!(inform.device_id.oui, "020000");
    assert_eq!(inform.device_id.product_class, "trestle");
    let version = inform.value("Device.DeviceInfo.SoftwareVersion");
    assert_eq!(version, Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(inform.value("Device.RootDataModelVersion"), Some("2.12"));

    let mut session = own.turn(&gateway).await;
    assert_eq!(session.get_value(COUNT).await.unwrap(), "0");
    assert_eq!(session.get_names(TABLE, true).await.unwrap(), []);
    session.end().unwrap();
    for phone in [HTEK, GRANDSTREAM] {
        Managed::first_seen(&bench, &gateway, phone).await;
    }
    let mut session = own.turn(&gateway).await;
    let rows = below(&mut session, TABLE).await;
    let value = |name: &str| {
        let mut rows = rows.iter();
        let row = rows.find(|(known, _)| known == name);
        row.map(|(_, value)| value.as_str()).unwrap()
    };
    for (row, phone) in [(1, HTEK), (2, GRANDSTREAM)] {
        assert_eq!(value(&format!("{row}.SerialNumber")), phone.serial());
        let oui = value(&format!("{row}.ManufacturerOUI"));
        assert_eq!(oui, phone.serial().get(..6).unwrap());
        let protocol = value(&format!("{row}.ProxyProtocol"));
        assert!(protocol.starts_with("X_") && protocol.len() <= 31);
        assert_eq!(value(&format!("{row}.X_TRESTLE_DeliveryStatus")), "Fetched");
    }
    let health = below(&mut session, HEALTH).await;
    let count = |name: &str| {
        let mut health = health.iter();
        let found = health.find(|(known, _)| known == name);
        found.unwrap().1.parse::<u64>().unwrap()
    };
    assert_eq!(count("PhonesAnnounced"), 2);
    assert!(count("PhonesKnown") > 2 && count("SessionsRunning") >= 1);
    assert!(count("SessionsEnded") >= 4 && count("StoreSize") > 0);

    // Every name that the tree has can be read, and the phones' own tree is not in it.
    let names = session.get_names("", false).await.unwrap();
    let names = names.iter().map(|info| info.name.as_str());
    let names: Vec<&str> = names.filter(|name| !name.ends_with('.')).collect();
    let values = session.get_values(&[""]).await.unwrap();
    let read: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(names, read);
    assert!(!names.iter().any(|name| name.contains("VoiceService")));

    assert_eq!(code(session.reboot("no").await), 9001);
    let download = Transfer {
        command_key: "no",
        file_type: DOWNLOAD_TYPE,
        url: "http://127.0.0.1:9/x",
        username: "",
        password: "",
        file_size: 0,
    };
    assert_eq!(code(session.download(&download).await), 9003);
    let host = format!("{TABLE}1.Host");
    let values = [(host.as_str(), "x", "xsd:string")];
    assert_eq!(code(session.set_values(&values, "").await), 9003);
    session.end().unwrap();
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_of_the_gateway_is_its_own_boot_and_none_of_its_phones() {
    let bench = Bench::set_with("announce_gateway = true", CONNECTION_REQUESTS).await;
    bench.import().with_code(FINDINGS);
    let serial = serial_of_gateway(&bench);
    let device = bench.acs.device(&serial);
    let gateway = bench.serve_again();
    let mut own = Managed::greet(device).await;
    let mut phones = Vec::new();
    for phone in PHONES {
        phones.push(Managed::first_seen(&bench, &gateway, phone).await);
    }
    assert_eq!(gateway.terminate().code(), Some(0));

    let gateway = bench.serve_again();
    let session = own.device.session().await.unwrap();
    assert_eq!(session.inform().event_codes(), ["1 BOOT"]);
    assert_eq!(session.inform().device_id, own.first_inform.device_id);
    finish(session).await;
    for phone in &mut phones {
        let is_silent = phone.device.is_silent_for(SILENCE).await;
        assert!(is_silent, "{}", phone.device.serial());
    }
    // Their rows are where they were.
    let mut session = own.turn(&gateway).await;
    for (row, phone) in (1..).zip(PHONES) {
        let name = format!("{TABLE}{row}.SerialNumber");
        assert_eq!(session.get_value(&name).await.unwrap(), phone.serial());
    }
    session.end().unwrap();
    drop(gateway);
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_appears_is_told_to_an_acs_that_watches_the_number_of_rows() {
    let bench = Bench::set_with("announce_gateway = true", CONNECTION_REQUESTS).await;
    bench.import().with_code(FINDINGS);
    let serial = serial_of_gateway(&bench);
    let device = bench.acs.device(&serial);
    let gateway = bench.serve_again();
    let mut own = Managed::greet(device).await;
    let watch = [AttributeChange {
        name: COUNT,
        notification: Some("2"),
        access_list: None,
    }];
    let mut session = own.turn(&gateway).await;
    session.set_attributes(&watch).await.unwrap();
    session.end().unwrap();
    HTEK.fetch(&bench, gateway.phones_http()).await;
    let session = own.device.session().await.unwrap();
    let inform = session.inform();
    assert_eq!(inform.event_codes(), ["4 VALUE CHANGE"]);
    assert_eq!(inform.value(COUNT), Some("1"));
    finish(session).await;
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_no_cpe_when_nobody_wants_that() {
    let bench = Bench::set().await;
    bench.import().with_code(FINDINGS);
    let serial = serial_of_gateway(&bench);
    let gateway = bench.serve_again();
    Managed::first_seen(&bench, &gateway, GRANDSTREAM).await;
    assert!(!bench.acs.serials().contains(&serial));
}
