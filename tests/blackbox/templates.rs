//! The data models that an ACS can be shown: `[acs] template`.

use crate::bench::Bench;
use crate::command::ERROR;
use crate::managed::Managed;
use crate::phones::PHONES;

const DHCP: &str = "Device.DHCPv4.Client.1.Enable";
const PROXIER: &str = "Device.DeviceInfo.ProxierInfo.";

/// C196 of the conformance list, which is for Device:2 only: the gateway names itself, alike for
/// all phones.
#[tokio::test(flavor = "multi_thread")]
async fn c196_in_device_2_every_phone_names_the_gateway_that_it_is_seen_through() {
    let bench = Bench::set_with("template = \"device2\"", "").await;
    let gateway = bench.serve();
    let mut seen = Vec::new();
    for phone in PHONES {
        let mut managed = Managed::first_seen(&bench, &gateway, phone).await;
        let inform = &managed.first_inform;
        assert_eq!(inform.event_codes(), ["0 BOOTSTRAP", "1 BOOT"]);
        let version = inform.value("Device.RootDataModelVersion");
        assert_eq!(version, Some("2.12"));
        assert_eq!(inform.value("Device.DeviceSummary"), None);
        let mut session = managed.turn(&gateway).await;
        let values = session.get_values(&[PROXIER]).await.unwrap();
        session.end().unwrap();
        let values = values.into_iter();
        let values: Vec<(String, String)> = values.map(|value| (value.name, value.value)).collect();
        seen.push(values);
    }
    let [first, others @ ..] = seen.as_slice() else {
        panic!("no phones");
    };
    assert!(others.iter().all(|other| other == first));
    let value = |name: &str| {
        let path = format!("{PROXIER}{name}");
        let found = first.iter().find(|(known, _)| *known == path);
        found.map(|(_, value)| value.as_str()).unwrap()
    };
    let oui = value("ManufacturerOUI");
    assert!(oui.len() == 6 && oui.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(!value("ProductClass").is_empty() && !value("SerialNumber").is_empty());
    let protocol = value("ProxyProtocol");
    assert!(
        protocol.starts_with("X_") && protocol.len() <= 31,
        "{protocol}"
    );
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_acs_sets_in_device_2_is_in_the_file_that_the_phone_fetches() {
    let bench = Bench::set_with("template = \"device2\"", "").await;
    let gateway = bench.serve();
    let phone = PHONES[0];
    let mut managed = Managed::first_seen(&bench, &gateway, phone).await;
    managed.set(&gateway, DHCP, "true").await;
    let mut session = managed.turn(&gateway).await;
    assert_eq!(session.get_value(DHCP).await.unwrap(), "1");
    let names = session.get_names("Device.", false).await.unwrap();
    session.end().unwrap();
    let mut names = names.iter().map(|info| info.name.as_str());
    assert!(!names.any(|name| name.starts_with("Device.LAN.")));
    let served = phone.fetch(&bench, gateway.phones_http()).await;
    let before = String::from_utf8(bench.tree_file(phone.own_file())).unwrap();
    let wanted = before.replace("<P8>1</P8>", "<P8>0</P8>");
    assert_ne!(wanted, before);
    assert_eq!(String::from_utf8_lossy(&served.body), wanted);
    bench.assert_no_findings();
}

#[tokio::test]
async fn a_template_that_there_is_not_is_refused_with_those_that_there_are() {
    let bench = Bench::set_with("template = \"device3\"", "").await;
    let ended = bench.command(&["device", "list"]).with_code(ERROR);
    for word in ["device3", "`device1`", "`device2`", "`vendor`"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
}
