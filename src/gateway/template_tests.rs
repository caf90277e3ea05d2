//! The gateway with each data model: what a phone shows, what an ACS changes, and what becomes of
//! a device whose data model is changed in the settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use super::test_support::{self, Hands};
use super::{Delivery, FetchAnswer, FetchRequest, Gateway, OpenSession, SessionOutcome};
use crate::cwmp::{
    AcsRequest, CpeResponse, EventCode, Fault, FaultCode, Notification, SetAttribute, SetValue,
};
use crate::mapping::{Packs, Template};
use crate::native::Mac;

const GRANDSTREAM: Mac = Mac::new([0x00, 0x0b, 0x82, 0xa1, 0xb2, 0xc3]);
const HTEK: Mac = Mac::new([0x00, 0x1f, 0xc1, 0xd4, 0xe5, 0xf6]);
const AASTRA: Mac = Mac::new([0x00, 0x08, 0x5d, 0x78, 0x90, 0xab]);
/// The phones of the fixtures.
pub(super) const DEVICES: [Mac; 3] = [GRANDSTREAM, HTEK, AASTRA];
const PROFILES: &str = "Device.Services.VoiceService.1.VoiceProfile.";
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
const ADDRESS: &str = "Device.IP.Interface.1.IPv4Address.1.IPAddress";

/// A gateway on a folder of its own, with the fixtures imported.
pub(super) struct Bench {
    pub(super) gateway: Gateway,
    folder: tempfile::TempDir,
}

fn open(folder: &Path, template: Template) -> Gateway {
    let packs = Packs::embedded().unwrap().with_template(template);
    test_support::open(folder, &Hands::new(), packs, test_support::with_acs())
}

impl Bench {
    pub(super) async fn new(template: Template) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gateway = open(folder.path(), template);
        test_support::import_fixtures(&gateway).await;
        Self { gateway, folder }
    }

    /// The process ends and starts again, with another template in its settings.
    async fn restart(self, template: Template) -> Self {
        let Self { gateway, folder } = self;
        drop(gateway);
        let gateway = open(folder.path(), template);
        gateway.start().await.unwrap();
        Self { gateway, folder }
    }

    /// The Grandstream phone fetches its file, which names its model.
    pub(super) async fn fetch(&self) {
        let answer = self
            .gateway
            .fetch(FetchRequest {
                user_agent: Some(
                    "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82a1b2c3".to_owned(),
                ),
                ..FetchRequest::new(
                    "cfg000b82a1b2c3.xml",
                    SocketAddr::from(([192, 0, 2, 141], 40_000)),
                )
            })
            .await;
        let FetchAnswer::File { receipt, .. } = answer else {
            panic!("no file");
        };
        self.gateway.fetched(receipt).await;
    }

    /// A whole session of the Grandstream phone in which the ACS asks nothing.
    async fn session(&self) -> OpenSession {
        let session = self.gateway.open_session(GRANDSTREAM).await;
        let session = session.unwrap().unwrap();
        let gateway = &self.gateway;
        gateway
            .delivered(GRANDSTREAM, Delivery::Inform)
            .await
            .unwrap();
        gateway
            .close_session(GRANDSTREAM, SessionOutcome::Ended)
            .await;
        session
    }

    /// A session because of a connection request.
    async fn woken(&self) -> Vec<EventCode> {
        self.gateway.wake(GRANDSTREAM).await;
        let session = self.session().await;
        let events = session.inform.events.iter();
        events.map(|event| event.code).collect()
    }

    /// Every name of the tree, with whether it can be written.
    async fn names(&self, mac: Mac) -> BTreeMap<String, bool> {
        let everything = AcsRequest::GetParameterNames {
            path: String::new(),
            next_level: false,
        };
        let answer = self.gateway.execute(mac, everything).await.unwrap();
        let CpeResponse::GetParameterNames(names) = answer else {
            panic!("{answer:?}");
        };
        let names = names.into_iter();
        names.map(|info| (info.name, info.writable)).collect()
    }

    async fn value(&self, mac: Mac, path: &str) -> Result<String, Fault> {
        let request = AcsRequest::GetParameterValues(vec![path.to_owned()]);
        match self.gateway.execute(mac, request).await? {
            CpeResponse::GetParameterValues(values) => Ok(values[0].value.clone()),
            other => panic!("{other:?}"),
        }
    }

    async fn set(&self, mac: Mac, values: &[(&str, &str)]) -> Result<(), Fault> {
        let request = AcsRequest::SetParameterValues {
            parameters: values
                .iter()
                .map(|(name, value)| SetValue {
                    name: (*name).to_owned(),
                    value: (*value).to_owned(),
                    value_type: None,
                })
                .collect(),
            parameter_key: String::new(),
        };
        self.gateway.execute(mac, request).await.map(|_| ())
    }

    /// The lines of the phone's file that are not as they were imported.
    fn changed_lines(&self, mac: Mac, file: &str) -> Vec<String> {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
        let before = std::fs::read(tree.join(file)).unwrap();
        let before = String::from_utf8_lossy(&before).into_owned();
        let mut draft = self.gateway.draft(mac).unwrap();
        let documents = draft.documents(&self.gateway).unwrap();
        let after = documents.layers.own().unwrap().document.bytes().to_vec();
        let after = String::from_utf8_lossy(&after).into_owned();
        after
            .lines()
            .filter(|line| !before.lines().any(|known| known == *line))
            .map(|line| line.trim().to_owned())
            .collect()
    }

    async fn notify(&self, name: &str) {
        let attribute = SetAttribute {
            name: name.to_owned(),
            notification: Some(1),
            access_list: None,
        };
        let request = AcsRequest::SetParameterAttributes(vec![attribute]);
        self.gateway.execute(GRANDSTREAM, request).await.unwrap();
    }

    async fn notification(&self, name: &str) -> Notification {
        let request = AcsRequest::GetParameterAttributes(vec![name.to_owned()]);
        match self.gateway.execute(GRANDSTREAM, request).await.unwrap() {
            CpeResponse::GetParameterAttributes(all) => all[0].notification,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn every_name_is_of_the_data_model_or_ours() {
    for template in Template::ALL {
        let bench = Bench::new(template).await;
        for mac in [GRANDSTREAM, HTEK, AASTRA] {
            let schema = bench.gateway.draft(mac).unwrap().pack.schema();
            for (name, writable) in bench.names(mac).await {
                let ours = name.contains(".X_");
                let entry = schema.entry(&name);
                let what = format!("{name} in {}", template.name());
                assert!(ours || entry.is_some(), "{what}");
                let may_write = entry.is_none_or(|entry| entry.writable());
                assert!(may_write || !writable, "{what} is read-only");
            }
        }
    }
}

#[tokio::test]
async fn every_counter_counts_the_rows_that_are_there() {
    for template in Template::ALL {
        let bench = Bench::new(template).await;
        for mac in [GRANDSTREAM, HTEK, AASTRA] {
            let schema = bench.gateway.draft(mac).unwrap().pack.schema();
            let names = bench.names(mac).await;
            let tables = names.keys().filter_map(|name| {
                let table = schema.entry(name)?.table()?;
                let is_row = name
                    .trim_end_matches('.')
                    .ends_with(|c: char| c.is_ascii_digit());
                (!is_row).then_some((name, table.count.as_ref()?))
            });
            for (table, count) in tables {
                let rows = names.keys().filter(|name| {
                    let number = name.strip_prefix(table.as_str());
                    number.is_some_and(|number| number.trim_end_matches('.').parse::<u32>().is_ok())
                });
                let holder = table.trim_end_matches('.').rsplit_once('.').unwrap().0;
                let counter = format!("{holder}.{count}");
                if schema.entry(&counter).is_some() {
                    let shown = bench.value(mac, &counter).await.unwrap();
                    assert_eq!(shown, rows.count().to_string(), "{counter}");
                }
            }
        }
    }
}

#[tokio::test]
async fn device_2_shows_the_interfaces_and_the_gateway() {
    let bench = Bench::new(Template::Device2).await;
    for (path, value) in [
        ("Device.RootDataModelVersion", "2.12"),
        (ADDRESS, "192.0.2.41"),
        (
            "Device.Ethernet.Interface.1.MACAddress",
            "00:0B:82:A1:B2:C3",
        ),
        ("Device.InterfaceStackNumberOfEntries", "2"),
        ("Device.IP.InterfaceNumberOfEntries", "1"),
        ("Device.DNS.Client.ServerNumberOfEntries", "2"),
        ("Device.DNS.Client.Server.1.DNSServer", "192.0.2.53"),
        ("Device.DeviceInfo.SupportedDataModelNumberOfEntries", "2"),
        ("Device.DeviceInfo.ProxierInfo.ProductClass", "trestle"),
        ("Device.Services.VoiceServiceNumberOfEntries", "1"),
    ] {
        assert_eq!(
            bench.value(GRANDSTREAM, path).await.unwrap(),
            value,
            "{path}"
        );
    }
    let serial = "Device.DeviceInfo.ProxierInfo.SerialNumber";
    let of_one = bench.value(GRANDSTREAM, serial).await.unwrap();
    assert_eq!(of_one.len(), 12);
    assert_eq!(bench.value(HTEK, serial).await.unwrap(), of_one);
    for gone in [
        "Device.LAN.IPAddress",
        "Device.LAN.MACAddress",
        "Device.DeviceSummary",
        "Device.DeviceInfo.DeviceStatus",
        "Device.DeviceInfo.SupportedDataModel.1.UUID",
    ] {
        let fault = bench.value(GRANDSTREAM, gone).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::InvalidParameterName, "{gone}");
    }
}

#[tokio::test]
async fn a_change_of_the_network_in_device_2_edits_the_right_lines() {
    let bench = Bench::new(Template::Device2).await;
    let changes = [
        ("Device.DHCPv4.Client.1.Enable", "true"),
        ("Device.DNS.Client.Server.2.DNSServer", "192.0.2.54"),
    ];
    bench.set(GRANDSTREAM, &changes).await.unwrap();
    assert_eq!(
        bench.changed_lines(GRANDSTREAM, "cfg000b82a1b2c3.xml"),
        [
            "<P8>0</P8>",
            "<P25>192</P25><P26>0</P26><P27>2</P27><P28>54</P28>"
        ]
    );
    let fault = bench.set(GRANDSTREAM, &[(ADDRESS, "nowhere")]).await;
    assert_eq!(fault.unwrap_err().parameters[0].name, ADDRESS);
    let addressing = "Device.IP.Interface.1.IPv4Address.1.AddressingType";
    let fault = bench.set(GRANDSTREAM, &[(addressing, "Static")]).await;
    let code = fault.unwrap_err().parameters[0].code;
    assert_eq!(code, FaultCode::NotWritable);
}

#[tokio::test]
async fn the_inform_carries_what_the_data_model_forces() {
    let bench = Bench::new(Template::Device2).await;
    bench.fetch().await;
    let session = bench.session().await;
    let parameters = session.inform.parameters.iter();
    let names: Vec<&str> = parameters.map(|told| told.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Device.DeviceInfo.HardwareVersion",
            "Device.DeviceInfo.ProvisioningCode",
            "Device.DeviceInfo.SoftwareVersion",
            "Device.ManagementServer.AliasBasedAddressing",
            "Device.ManagementServer.ConnectionRequestURL",
            "Device.ManagementServer.ParameterKey",
            "Device.RootDataModelVersion",
        ]
    );
}

#[tokio::test]
async fn another_template_is_a_bootstrap_once_and_loses_only_what_one_tree_names() {
    let bench = Bench::new(Template::Device1).await;
    bench.fetch().await;
    bench.session().await;
    bench.notify(DISPLAY_NAME).await;
    bench.notify("Device.LAN.SubnetMask").await;
    let rows = format!("{PROFILES}2.Enable");
    let of_second = bench.value(GRANDSTREAM, &rows).await.unwrap();

    let bench = bench.restart(Template::Device2).await;
    let due = bench.gateway.inner.sessions.due(&GRANDSTREAM);
    assert_eq!(due, None, "nothing is rewritten or due because of it");
    assert_eq!(
        bench.woken().await,
        [EventCode::Bootstrap, EventCode::ConnectionRequest]
    );
    assert_eq!(bench.woken().await, [EventCode::ConnectionRequest]);
    assert_eq!(
        bench.notification(DISPLAY_NAME).await,
        Notification::Passive
    );
    let mask = "Device.IP.Interface.1.IPv4Address.1.SubnetMask";
    assert_eq!(bench.notification(mask).await, Notification::Off);
    assert_eq!(bench.value(GRANDSTREAM, &rows).await.unwrap(), of_second);
    bench
        .set(GRANDSTREAM, &[(DISPLAY_NAME, "by Device:2")])
        .await
        .unwrap();

    let bench = bench.restart(Template::Device1).await;
    assert!(bench.woken().await.contains(&EventCode::Bootstrap));
    let name = bench.value(GRANDSTREAM, DISPLAY_NAME).await.unwrap();
    assert_eq!(name, "by Device:2");
    assert_eq!(
        bench.notification(DISPLAY_NAME).await,
        Notification::Passive
    );
    let mask = "Device.LAN.SubnetMask";
    assert_eq!(bench.notification(mask).await, Notification::Off);

    // There is no tree of its own for this vendor.
    let bench = bench.restart(Template::Vendor).await;
    assert_eq!(bench.woken().await, [EventCode::ConnectionRequest]);
}
