//! The gateway as a CPE, beside the phones of the fixtures.

use std::collections::BTreeMap;
use std::path::Path;

use super::virtual_devices::{MAX_ROWS, TABLE};
use super::{NO_VENDOR, OWN_MAC};
use crate::cwmp::{
    AcsRequest, CpeResponse, Download, EventCode, Fault, FaultCode, SetAttribute, SetValue,
    VersionDoubt,
};
use crate::gateway::test_support::{self, Hands};
use crate::gateway::{
    Delivery, Gateway, GatewaySettings, ImportOptions, OpenSession, SessionOutcome,
};
use crate::mapping::Packs;
use crate::native::Mac;
use crate::store::{Batch, Table};
use crate::wire::Secret;

const GRANDSTREAM: (&str, &str) = (
    "cfg000b82a1b2c3.xml",
    "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82a1b2c3",
);
const HTEK: (&str, &str) = (
    "cfg001fc1d4e5f6.xml",
    "Htek UC926 2.0.4.2 00:1f:c1:d4:e5:f6",
);

fn open(folder: &Path, announce_gateway: bool) -> Gateway {
    let settings = GatewaySettings {
        announce_gateway,
        ..test_support::with_acs()
    };
    test_support::open(folder, &Hands::new(), Packs::embedded().unwrap(), settings)
}

/// A gateway with the fixtures, in its first or a later life.
struct Bench {
    folder: tempfile::TempDir,
    gateway: Gateway,
}

impl Bench {
    async fn new(announce_gateway: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gateway = open(folder.path(), announce_gateway);
        test_support::import_fixtures(&gateway).await;
        gateway.start().await.unwrap();
        Self { folder, gateway }
    }

    async fn restart(self, announce_gateway: bool) -> Self {
        let Self { folder, gateway } = self;
        drop(gateway);
        let gateway = open(folder.path(), announce_gateway);
        gateway.start().await.unwrap();
        Self { folder, gateway }
    }

    async fn fetch(&self, (path, user_agent): (&str, &str)) {
        let request = test_support::request(path, user_agent);
        let body = test_support::take(&self.gateway, request).await;
        assert!(body.is_some(), "no file");
    }

    async fn session(&self) -> OpenSession {
        self.gateway.open_session(OWN_MAC).await.unwrap().unwrap()
    }

    /// A session in which the ACS takes the Inform and asks nothing.
    async fn informed(&self) -> OpenSession {
        let session = self.session().await;
        let gateway = &self.gateway;
        gateway.delivered(OWN_MAC, Delivery::Inform).await.unwrap();
        gateway.close_session(OWN_MAC, SessionOutcome::Ended).await;
        session
    }

    async fn values(&self, name: &str) -> Result<BTreeMap<String, String>, Fault> {
        let request = AcsRequest::GetParameterValues(vec![name.to_owned()]);
        match self.gateway.execute(OWN_MAC, request).await? {
            CpeResponse::GetParameterValues(values) => Ok(values
                .into_iter()
                .map(|value| (value.name, value.value))
                .collect()),
            other => panic!("{other:?}"),
        }
    }

    async fn value(&self, name: &str) -> String {
        self.values(name).await.unwrap().remove(name).unwrap()
    }

    async fn code(&self, request: AcsRequest) -> u16 {
        let fault = self.gateway.execute(OWN_MAC, request).await.unwrap_err();
        let parameter = fault.parameters.first();
        parameter
            .map_or(fault.code, |parameter| parameter.code)
            .number()
    }
}

fn codes(session: &OpenSession) -> Vec<EventCode> {
    let events = session.inform.events.iter();
    events.map(|event| event.code).collect()
}

fn set(name: &str, value: &str) -> AcsRequest {
    AcsRequest::SetParameterValues {
        parameters: vec![SetValue {
            name: name.to_owned(),
            value: value.to_owned(),
            value_type: None,
        }],
        parameter_key: "key".to_owned(),
    }
}

#[tokio::test]
async fn the_gateway_is_no_cpe_unless_that_is_wanted() {
    let bench = Bench::new(false).await;
    assert_eq!(bench.gateway.inner.sessions.due(&OWN_MAC), None);
    assert_eq!(bench.gateway.open_session(OWN_MAC).await.unwrap(), None);
    let bench = bench.restart(true).await;
    bench.informed().await;
    let bench = bench.restart(false).await;
    assert_eq!(bench.gateway.inner.sessions.due(&OWN_MAC), None);
}

#[tokio::test]
async fn it_announces_itself_once_and_tells_each_start_of_its_own() {
    let bench = Bench::new(true).await;
    assert!(bench.gateway.inner.sessions.due(&OWN_MAC).is_some());
    let session = bench.informed().await;
    assert_eq!(codes(&session), [EventCode::Bootstrap, EventCode::Boot]);
    let identity = &session.inform.device_id;
    assert_eq!(
        (&*identity.oui, &*identity.product_class),
        ("020000", "trestle")
    );
    let version = "Device.DeviceInfo.SoftwareVersion";
    let mut parameters = session.inform.parameters.iter();
    let version = parameters.find(|parameter| parameter.name == version);
    assert_eq!(version.unwrap().value, env!("CARGO_PKG_VERSION"));
    assert_eq!(bench.gateway.open_session(OWN_MAC).await.unwrap(), None);

    let bench = bench.restart(true).await;
    let again = bench.informed().await;
    assert_eq!(codes(&again), [EventCode::Boot]);
    assert_eq!(again.inform.device_id, *identity);
}

#[tokio::test]
async fn c198_a_start_of_the_gateway_is_no_start_of_the_phones() {
    let bench = Bench::new(true).await;
    bench.fetch(GRANDSTREAM).await;
    let mac: Mac = "000b82a1b2c3".parse().unwrap();
    let gateway = &bench.gateway;
    gateway.open_session(mac).await.unwrap().unwrap();
    gateway.delivered(mac, Delivery::Inform).await.unwrap();
    gateway.close_session(mac, SessionOutcome::Ended).await;
    let bench = bench.restart(true).await;
    assert!(bench.gateway.inner.sessions.due(&OWN_MAC).is_some());
    assert_eq!(bench.gateway.inner.sessions.due(&mac), None);
    assert_eq!(bench.gateway.open_session(mac).await.unwrap(), None);
}

#[tokio::test]
async fn it_is_the_proxier_that_its_phones_name() {
    let bench = Bench::new(true).await;
    let identity = bench.informed().await.inform.device_id;
    bench.fetch(GRANDSTREAM).await;
    let mac = "000b82a1b2c3".parse().unwrap();
    let names = AcsRequest::GetParameterValues(vec!["Device.X_TRESTLE_Proxier.".to_owned()]);
    let CpeResponse::GetParameterValues(values) = bench.gateway.execute(mac, names).await.unwrap()
    else {
        panic!("no values");
    };
    let values: Vec<_> = values.into_iter().map(|value| value.value).collect();
    let wanted = [
        identity.oui,
        identity.product_class,
        "X_TRESTLE_ProvisioningFile".to_owned(),
        identity.serial_number,
    ];
    assert_eq!(values, wanted);
}

#[tokio::test]
async fn announced_phones_have_rows_whose_numbers_stay() {
    let bench = Bench::new(true).await;
    let count = format!("{}NumberOfEntries", TABLE.trim_end_matches('.'));
    assert_eq!(bench.value(&count).await, "0");
    assert_eq!(bench.values(TABLE).await.unwrap(), BTreeMap::new());
    bench.fetch(HTEK).await;
    assert_eq!(bench.value(&count).await, "1");
    let row = bench.values(&format!("{TABLE}1.")).await.unwrap();
    for (name, wanted) in [
        ("ManufacturerOUI", "001FC1"),
        ("ProductClass", "UC926"),
        ("SerialNumber", "001FC1D4E5F6"),
        ("Host", ""),
        ("ProxyProtocol", "X_TRESTLE_ProvisioningFile"),
        ("X_TRESTLE_Address", "192.0.2.41"),
        ("X_TRESTLE_DeliveryStatus", "Fetched"),
        ("X_TRESTLE_LastContact", "2027-01-15T08:00:00Z"),
    ] {
        assert_eq!(row.get(&format!("{TABLE}1.{name}")).unwrap(), wanted);
    }
    bench.fetch(GRANDSTREAM).await;
    bench.fetch(HTEK).await;

    // While the gateway itself is not announced, phones get no rows; they get them afterwards.
    let bench = bench.restart(false).await.restart(true).await;
    let rows = bench.values(TABLE).await.unwrap();
    let serials: Vec<&str> = rows
        .iter()
        .filter(|(name, _)| name.ends_with(".SerialNumber"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(serials, ["001FC1D4E5F6", "000B82A1B2C3"]);
    assert_eq!(bench.value(&count).await, "2");
}

#[tokio::test]
async fn phones_announced_before_the_gateway_get_their_rows_when_it_is() {
    let bench = Bench::new(false).await;
    bench.fetch(GRANDSTREAM).await;
    let bench = bench.restart(true).await;
    let name = format!("{TABLE}1.SerialNumber");
    assert_eq!(bench.value(&name).await, "000B82A1B2C3");
}

#[tokio::test]
async fn a_table_that_is_too_large_for_one_answer_is_read_in_parts() {
    let bench = Bench::new(true).await;
    let mut batch = Batch::new();
    for number in 1..=u32::try_from(MAX_ROWS).unwrap() + 1 {
        let mac = [&[0, 11, 130, 9][..], &number.to_be_bytes()[2..]].concat();
        let by_number = [&[0][..], &number.to_be_bytes()].concat();
        let by_mac = [&[1][..], &mac].concat();
        let number = number.to_be_bytes().to_vec();
        batch.put(Table::VirtualDevice, &by_number, mac);
        batch.put(Table::VirtualDevice, &by_mac, number);
    }
    let store = &bench.gateway.inner.store;
    store.commit(batch).unwrap().wait().unwrap();
    let bench = bench.restart(true).await;
    for name in ["", "Device.", "Device.ManagementServer.", TABLE] {
        let fault = bench.values(name).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::ResourcesExceeded, "{name}");
        assert!(fault.text.contains("1001"), "{}", fault.text);
    }
    let count = "Device.ManagementServer.VirtualDeviceNumberOfEntries";
    assert_eq!(bench.value(count).await, "1001");
    let serial = bench.value(&format!("{TABLE}1001.SerialNumber")).await;
    assert_eq!(serial, "000B820903E9");
    let next_level = |path: &str, next_level| AcsRequest::GetParameterNames {
        path: path.to_owned(),
        next_level,
    };
    let top = next_level("Device.ManagementServer.", true);
    assert!(bench.gateway.execute(OWN_MAC, top).await.is_ok());
    assert_eq!(bench.code(next_level(TABLE, true)).await, 9004);
    let row = next_level(&format!("{TABLE}7."), true);
    assert!(bench.gateway.execute(OWN_MAC, row).await.is_ok());
    let bench = bench.restart(true).await;
    bench.fetch(GRANDSTREAM).await;
    let serial = bench.value(&format!("{TABLE}1002.SerialNumber")).await;
    assert_eq!(serial, "000B82A1B2C3", "the next number");
}

#[tokio::test]
async fn its_tree_is_its_own_and_every_name_in_it_has_a_value() {
    let bench = Bench::new(true).await;
    bench.fetch(GRANDSTREAM).await;
    let names = AcsRequest::GetParameterNames {
        path: "Device.".to_owned(),
        next_level: false,
    };
    let CpeResponse::GetParameterNames(names) =
        bench.gateway.execute(OWN_MAC, names).await.unwrap()
    else {
        panic!("no names");
    };
    let values = bench.values("Device.").await.unwrap();
    let parameters = names.iter().filter(|info| !info.name.ends_with('.'));
    let parameters: Vec<&str> = parameters.map(|info| info.name.as_str()).collect();
    assert_eq!(parameters, values.keys().collect::<Vec<_>>());
    for strange in [
        "Device.Services.",
        "Device.LAN.",
        "Device.IP.",
        "Device.Ethernet.",
        "Device.DeviceSummary",
        "Device.DeviceInfo.ProxierInfo.",
        "Device.X_TRESTLE_Delivery.",
        "Device.X_TRESTLE_Proxier.",
        "Device.ManagementServer.STUN",
    ] {
        let found = names.iter().find(|info| info.name.starts_with(strange));
        assert_eq!(found, None);
    }
    assert_eq!(values["Device.RootDataModelVersion"], "2.12");
    assert!(values["Device.DeviceInfo.Description"].contains("gateway"));
    assert_eq!(values["Device.DeviceInfo.UpTime"], "0");
    assert!(!values.values().any(|value| value.contains(NO_VENDOR)));
}

#[tokio::test]
async fn it_tells_how_phones_and_sessions_are() {
    let bench = Bench::new(true).await;
    let phones = bench.gateway.list().count().to_string();
    let health = async |name: &str| {
        let name = format!("Device.X_TRESTLE_Gateway.{name}");
        bench.value(&name).await
    };
    assert_eq!(health("PhonesKnown").await, phones);
    assert_eq!(health("PhonesPending").await, phones);
    assert_eq!(health("PhonesAnnounced").await, "0");
    bench.fetch(GRANDSTREAM).await;
    assert_eq!(health("PhonesAnnounced").await, "1");
    assert_eq!(health("PhonesOverdue").await, "0");
    let pending: usize = health("PhonesPending").await.parse().unwrap();
    assert_eq!((pending + 1).to_string(), phones);
    let _session = bench.session().await;
    assert_eq!(health("SessionsRunning").await, "1");
    let failed = SessionOutcome::Failed {
        reason: "a test".to_owned(),
        retry_after: None,
        version_doubt: VersionDoubt::None,
    };
    bench.gateway.close_session(OWN_MAC, failed).await;
    assert_eq!(health("SessionsRunning").await, "0");
    assert_eq!(health("SessionsFailed").await, "1");
    bench.informed().await;
    assert_eq!(health("SessionsEnded").await, "1");
    assert_ne!(health("StoreSize").await, "0");
}

#[tokio::test]
async fn counts_are_the_same_after_a_restart_and_a_second_import() {
    let bench = Bench::new(true).await;
    bench.fetch(GRANDSTREAM).await;
    let counts = async |bench: &Bench| {
        let all = bench.values("Device.X_TRESTLE_Gateway.").await.unwrap();
        let phones = |name: &str| name.contains("Phones");
        let phones = all.into_iter().filter(|(name, _)| phones(name));
        phones.collect::<BTreeMap<_, _>>()
    };
    let before = counts(&bench).await;
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
    let options = ImportOptions::default();
    let report = bench.gateway.import(&tree, options, &|_, _| {}).await;
    report.unwrap();
    assert_eq!(counts(&bench).await, before);
    let bench = bench.restart(true).await;
    assert_eq!(counts(&bench).await, before);
}

#[tokio::test]
async fn a_phone_that_is_new_is_told_if_the_acs_watches_the_number_of_rows() {
    let bench = Bench::new(true).await;
    bench.informed().await;
    bench.fetch(GRANDSTREAM).await;
    assert_eq!(bench.gateway.inner.sessions.due(&OWN_MAC), None);
    let count = "Device.ManagementServer.VirtualDeviceNumberOfEntries";
    let watch = AcsRequest::SetParameterAttributes(vec![SetAttribute {
        name: count.to_owned(),
        notification: Some(2),
        access_list: None,
    }]);
    bench.gateway.execute(OWN_MAC, watch).await.unwrap();
    bench.fetch(GRANDSTREAM).await;
    assert_eq!(bench.gateway.inner.sessions.due(&OWN_MAC), None);
    bench.fetch(HTEK).await;
    assert!(bench.gateway.inner.sessions.due(&OWN_MAC).is_some());
    let session = bench.informed().await;
    assert_eq!(codes(&session), [EventCode::ValueChange]);
    let mut parameters = session.inform.parameters.iter();
    let told = parameters.find(|parameter| parameter.name == count);
    assert_eq!(told.unwrap().value, "2");
}

#[tokio::test]
async fn an_acs_sets_what_belongs_to_the_cpe_and_gets_faults_for_the_rest() {
    let bench = Bench::new(true).await;
    bench.fetch(GRANDSTREAM).await;
    let interval = "Device.ManagementServer.PeriodicInformInterval";
    let response = bench.gateway.execute(OWN_MAC, set(interval, "77")).await;
    let applied_later = false;
    assert_eq!(
        response,
        Ok(CpeResponse::SetParameterValues { applied_later })
    );
    let bench = bench.restart(true).await;
    assert_eq!(bench.value(interval).await, "77");
    assert_eq!(
        bench.value("Device.ManagementServer.ParameterKey").await,
        "key"
    );

    let row = format!("{TABLE}1.Host");
    let health = "Device.X_TRESTLE_Gateway.PhonesKnown";
    let unknown = "Device.Services.VoiceService.1.VoiceProfile.1.Enable";
    assert_eq!(bench.code(set(&row, "x")).await, 9008);
    assert_eq!(bench.code(set(health, "1")).await, 9008);
    assert_eq!(bench.code(set(unknown, "1")).await, 9005);
    assert_eq!(bench.code(set(&format!("{TABLE}9.Host"), "x")).await, 9005);
    let watch = |name: &str| {
        AcsRequest::SetParameterAttributes(vec![SetAttribute {
            name: name.to_owned(),
            notification: Some(2),
            access_list: None,
        }])
    };
    assert_eq!(bench.code(watch(&row)).await, 9009);
    assert_eq!(bench.code(watch("Device.")).await, 9009);
    assert_eq!(bench.code(watch(health)).await, 9009);
    let code = "Device.DeviceInfo.ProvisioningCode";
    assert!(bench.gateway.execute(OWN_MAC, watch(code)).await.is_ok());
    let command_key = "reboot".to_owned();
    assert_eq!(bench.code(AcsRequest::Reboot { command_key }).await, 9001);
    let download = Download {
        command_key: String::new(),
        file_type: "3 Vendor Configuration File".to_owned(),
        url: "http://files.example.net/x".to_owned(),
        username: String::new(),
        password: Secret::default(),
        file_size: 0,
        target_file_name: String::new(),
        delay_seconds: 0,
    };
    let download = AcsRequest::Download(download);
    assert_eq!(bench.code(download).await, 9003);
    assert_eq!(bench.code(AcsRequest::FactoryReset).await, 9001);
    let add = |object: &str| AcsRequest::AddObject {
        object_name: object.to_owned(),
        parameter_key: String::new(),
    };
    assert_eq!(bench.code(add(TABLE)).await, 9005);
    let profiles = "Device.Services.VoiceService.1.VoiceProfile.";
    assert_eq!(bench.code(add(profiles)).await, 9005);
    let informs = "Device.ManagementServer.InformParameter.";
    let added = bench.gateway.execute(OWN_MAC, add(informs)).await;
    assert!(added.is_ok(), "{added:?}");
}
