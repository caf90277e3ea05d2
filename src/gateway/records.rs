//! Which records the gateway keeps, and in which version.
//!
//! A change of a struct's fields is a new version: the old struct stays here with an upgrade, and
//! its golden bytes in `fixtures/store`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::core::Installation;
use crate::cwmp::{DeviceId, TransferComplete};
use crate::datamodel::ParameterPath;
use crate::device::{
    AcsOverride, Attribute, Contact, CpeState, DeliveryState, DeviceLog, DeviceRecord, EventQueue,
    FileRecord, FirmwareRecord, StoredParameters, SyslogPiece, SyslogRing, Transfer, TransferKind,
    TransferOrder, TransferState, TreePath, UnknownPhone, UploadRecord,
};
use crate::mapping::FixedRows;
use crate::store::{Record, RecordError, decode_body};
use crate::wire::Secret;

impl Record for DeviceRecord {
    const VERSION: u8 = 3;
    const KIND: &'static str = "device";

    fn upgrade(version: u8, fields: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => decode_body::<DeviceRecordV1>(Self::KIND, fields).map(Self::from),
            2 => decode_body::<DeviceRecordV2>(Self::KIND, fields).map(Self::from),
            _ => Err(RecordError::UnknownVersion {
                kind: Self::KIND,
                found: version,
                known: Self::VERSION,
            }),
        }
    }
}

/// A device before it said by which lenses it was derived.
#[derive(Deserialize)]
struct DeviceRecordV1 {
    vendor: String,
    own_file: TreePath,
    model: Option<String>,
    software_version: Option<String>,
    identity: Option<DeviceId>,
    rows: FixedRows,
    booted_at: Option<Timestamp>,
    contact: Option<Contact>,
    delivery: DeliveryState,
    cpe: CpeStateV2,
}

impl From<DeviceRecordV1> for DeviceRecord {
    /// Without the name of its lenses a device is derived anew.
    fn from(old: DeviceRecordV1) -> Self {
        Self {
            model: old.model,
            software_version: old.software_version,
            identity: old.identity,
            rows: old.rows.into(),
            booted_at: old.booted_at,
            contact: old.contact,
            delivery: old.delivery,
            ..Self::new(old.vendor, old.own_file, old.cpe.into())
        }
    }
}

/// A device before its virtual CPE had all of CWMP: fields of the first version, which lie in the
/// store one after the other, and two more.
#[derive(Deserialize)]
struct DeviceRecordV2 {
    first: DeviceRecordV1,
    lenses: String,
    kept: BTreeMap<ParameterPath, String>,
}

impl From<DeviceRecordV2> for DeviceRecord {
    fn from(old: DeviceRecordV2) -> Self {
        Self {
            lenses: old.lenses,
            kept: old.kept,
            ..old.first.into()
        }
    }
}

/// What a virtual CPE remembered in records of versions 1 and 2.
#[derive(Deserialize)]
struct CpeStateV2 {
    connection_request_segment: String,
    connection_request_username: String,
    connection_request_password: Secret,
    acs: AcsOverride,
    informed_acs: Option<String>,
    told_connection_request_url: Option<String>,
    periodic_inform_enable: bool,
    periodic_inform_interval: Option<u32>,
    periodic_inform_time: Option<Timestamp>,
    parameter_key: String,
    provisioning_code: String,
    upgrades_managed: bool,
    attributes: BTreeMap<ParameterPath, Attribute>,
    events: EventQueue,
    transfers: Vec<TransferV2>,
    next_transfer_id: u64,
    retry_count: u32,
}

impl From<CpeStateV2> for CpeState {
    fn from(old: CpeStateV2) -> Self {
        let new = Self::new(
            old.connection_request_segment,
            old.connection_request_password,
        );
        Self {
            connection_request_username: old.connection_request_username,
            acs: old.acs,
            informed_acs: old.informed_acs,
            told_connection_request_url: old.told_connection_request_url,
            periodic_inform_enable: old.periodic_inform_enable,
            periodic_inform_interval: old.periodic_inform_interval,
            periodic_inform_time: old.periodic_inform_time,
            parameter_key: old.parameter_key,
            provisioning_code: old.provisioning_code,
            upgrades_managed: old.upgrades_managed,
            attributes: old.attributes,
            events: old.events,
            transfers: old.transfers.into_iter().map(Transfer::from).collect(),
            next_transfer_id: old.next_transfer_id,
            retry_count: old.retry_count,
            ..new
        }
    }
}

#[derive(Deserialize)]
struct TransferV2 {
    id: u64,
    command_key: String,
    kind: TransferKindV2,
    url: String,
    username: String,
    password: Secret,
    state: TransferStateV2,
}

#[derive(Deserialize)]
enum TransferKindV2 {
    DownloadConfiguration { file_size: u32 },
    UploadConfiguration,
}

#[derive(Deserialize)]
enum TransferStateV2 {
    Waiting { due: Timestamp },
    Finished(TransferComplete),
}

impl From<TransferV2> for Transfer {
    fn from(old: TransferV2) -> Self {
        let (kind, file_type, file_size) = match old.kind {
            TransferKindV2::DownloadConfiguration { file_size } => (
                TransferKind::DownloadConfiguration,
                "3 Vendor Configuration File",
                file_size,
            ),
            TransferKindV2::UploadConfiguration => (
                TransferKind::UploadConfiguration,
                "1 Vendor Configuration File",
                0,
            ),
        };
        Self {
            id: old.id,
            command_key: old.command_key,
            kind,
            url: old.url,
            username: old.username,
            password: old.password,
            state: match old.state {
                TransferStateV2::Waiting { due } => TransferState::Waiting { due },
                TransferStateV2::Finished(report) => TransferState::Finished(report),
            },
            order: TransferOrder::Once,
            file_type: file_type.to_owned(),
            file_size,
            target_file_name: String::new(),
        }
    }
}

impl Record for FileRecord {
    const VERSION: u8 = 1;
    const KIND: &'static str = "file";
}

// Parameters of an older version are derived anew.
impl Record for StoredParameters {
    const VERSION: u8 = 2;
    const KIND: &'static str = "parameters";
}

impl Record for DeviceLog {
    const VERSION: u8 = 1;
    const KIND: &'static str = "log";
}

impl Record for SyslogRing {
    const VERSION: u8 = 1;
    const KIND: &'static str = "syslog ring";
}

impl Record for SyslogPiece {
    const VERSION: u8 = 1;
    const KIND: &'static str = "syslog";
}

impl Record for UnknownPhone {
    const VERSION: u8 = 1;
    const KIND: &'static str = "unknown phone";
}

impl Record for UploadRecord {
    const VERSION: u8 = 1;
    const KIND: &'static str = "upload";
}

impl Record for FirmwareRecord {
    const VERSION: u8 = 1;
    const KIND: &'static str = "firmware";
}

impl Record for Installation {
    const VERSION: u8 = 1;
    const KIND: &'static str = "installation";
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::cwmp::{Event, EventCode, FaultCode, Notification, TransferFault};
    use crate::device::{
        Access, ChangeSets, FileContent, FileRole, FirmwareSource, RebootOrders, SeenBy, Served,
        SyslogEntry, SyslogSwitch, TokenHash,
    };
    use crate::gateway::controls::{MeansTried, Remembered};
    use crate::mapping::{ControlAction, Rows};
    use crate::native::{Dialect, Mac};
    use crate::store::{decode, encode};
    use crate::wire::digest::PasswordHash;
    use crate::wire::syslog::Severity;
    use crate::wire::{ContentHash, Credentials};

    const MAC: Mac = Mac::new([0x00, 0x0b, 0x82, 0xa1, 0xb2, 0xc3]);

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/store")
            .join(name)
    }

    /// The bytes of a record must not change without a new version: stores out there hold them.
    /// With UPDATE_FIXTURES set the golden files are written anew.
    fn golden<T: Record + PartialEq + std::fmt::Debug>(name: &str, record: &T) {
        let path = fixture(name);
        let bytes = encode(record).unwrap();
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let golden = std::fs::read(&path).unwrap();
        assert_eq!(bytes, golden, "{} has other bytes", path.display());
        assert_eq!(&decode::<T>(&golden).unwrap(), record, "{}", path.display());
    }

    fn at(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_bytes_of_a_device_stay() {
        let mut cpe = CpeState::new("c2VnbWVudA".to_owned(), Secret::new("wake me"));
        cpe.connection_request_username = "acs".to_owned();
        cpe.acs.url = Some("https://acs.example.net/".to_owned());
        cpe.periodic_inform_interval = Some(300);
        cpe.periodic_inform_time = Some(at(1_700_000_000));
        cpe.parameter_key = "key".to_owned();
        cpe.attributes.insert(
            "Device.LAN.IPAddress".parse().unwrap(),
            Attribute {
                notification: Notification::Active,
                access_list: Some(Vec::new()),
            },
        );
        cpe.informed_acs = Some("https://acs.example.net/".to_owned());
        cpe.told_connection_request_url = Some("http://192.0.2.1:7547/x".to_owned());
        cpe.events.add(Event::plain(EventCode::Bootstrap));
        cpe.events
            .note_change("Device.LAN.IPAddress".parse().unwrap());
        cpe.transfers.push(Transfer {
            id: 1,
            command_key: "download".to_owned(),
            kind: TransferKind::DownloadConfiguration,
            url: "http://files.example.net/a".to_owned(),
            username: "user".to_owned(),
            password: Secret::new("password"),
            state: TransferState::Waiting { due: at(20) },
            order: TransferOrder::Once,
            file_type: "3 Vendor Configuration File".to_owned(),
            file_size: 12,
            target_file_name: String::new(),
        });
        cpe.transfers.push(Transfer {
            id: 2,
            command_key: "upload".to_owned(),
            kind: TransferKind::UploadConfiguration,
            url: "http://files.example.net/b".to_owned(),
            username: String::new(),
            password: Secret::default(),
            state: TransferState::Finished(TransferComplete {
                command_key: "upload".to_owned(),
                fault: Some(TransferFault {
                    code: FaultCode::UploadFailure,
                    text: "no".to_owned(),
                }),
                start_time: None,
                complete_time: None,
            }),
            order: TransferOrder::Once,
            file_type: "1 Vendor Configuration File".to_owned(),
            file_size: 0,
            target_file_name: String::new(),
        });
        cpe.next_transfer_id = 3;
        cpe.retry_count = 4;
        let mut access = Access::default();
        access.tokens.issue(TokenHash::of("token"), at(15)).unwrap();
        access.tokens.note_use(0, at(16));
        let credentials = Credentials {
            username: MAC.to_string(),
            password: Secret::new("fetch"),
        };
        let hash = PasswordHash::of(&credentials, "realm");
        access.passwords.issue(hash, at(17)).unwrap();
        access.certificate_since = Some(at(18));
        access.is_lost = true;
        let record = DeviceRecord {
            vendor: "vendor".to_owned(),
            own_file: "site/cfg000b82a1b2c3.xml".parse().unwrap(),
            model: Some("M1".to_owned()),
            software_version: Some("1.2.3".to_owned()),
            identity: Some(DeviceId {
                manufacturer: "Maker".to_owned(),
                oui: MAC.oui(),
                product_class: "M1".to_owned(),
                serial_number: MAC.upper(),
            }),
            rows: Rows::default(),
            booted_at: Some(at(10)),
            contact: Some(Contact {
                address: [192, 0, 2, 7].into(),
                at: at(11),
            }),
            delivery: DeliveryState {
                desired: 3,
                served: Some(Served {
                    revision: 2,
                    at: at(12),
                    address: [192, 0, 2, 7].into(),
                }),
                confirmed: Some(1),
                told_at: Some(at(13)),
                given_up: Some(2),
                reboot: RebootOrders {
                    keys: vec![Some("reboot".to_owned()), None],
                    told_at: Some(at(14)),
                    closed: true,
                },
            },
            cpe: Box::new(cpe),
            lenses: "vendor/1/device1".to_owned(),
            kept: BTreeMap::from([(
                "Device.Time.NTPServer1".parse().unwrap(),
                "ntp.example.net".to_owned(),
            )]),
            reached_by: None,
            changes: ChangeSets::default(),
            hand_over: None,
            seen_by: SeenBy::default(),
            syslog: SyslogSwitch::default(),
            access,
            control: Box::default(),
        };
        golden("device.v3", &record);
        // Those before knew nothing of who asks.
        let record = DeviceRecord {
            access: Access::default(),
            ..record
        };
        let old = std::fs::read(fixture("device.v2")).unwrap();
        assert_eq!(decode::<DeviceRecord>(&old).unwrap(), record);
        let old = std::fs::read(fixture("device.v1")).unwrap();
        let upgraded: DeviceRecord = decode(&old).unwrap();
        let expected = DeviceRecord {
            lenses: String::new(),
            kept: BTreeMap::new(),
            ..record
        };
        assert_eq!(upgraded, expected);
    }

    #[test]
    fn the_bytes_of_syslog_stay() {
        golden("syslog-ring.v1", &SyslogRing { first: 3, next: 19 });
        let entry = |severity, text: &str| SyslogEntry {
            at: 1_800_000_000_123,
            severity,
            text: text.to_owned(),
        };
        let entries = vec![
            entry(Some(Severity::Warning), "no route"),
            entry(None, "up"),
        ];
        golden("syslog.v1", &SyslogPiece { entries });
    }

    #[test]
    fn the_bytes_of_files_stay() {
        let file = |role, content| FileRecord {
            role,
            content,
            length: 3,
            content_hash: ContentHash::of(b"now"),
            imported_hash: ContentHash::of(b"old"),
            revision: 7,
        };
        let vendor = || "vendor".to_owned();
        let phone = FileRole::Phone {
            mac: MAC,
            vendor: vendor(),
            dialect: Dialect::PCodeXml,
        };
        let shared = FileRole::Shared {
            vendor: vendor(),
            dialect: Dialect::KeyValue,
            model: Some("M1".to_owned()),
        };
        let orphan = FileRole::Orphan {
            dialect: Dialect::PCodeText,
        };
        golden("file-phone.v1", &file(phone, FileContent::Document));
        golden("file-shared.v1", &file(shared, FileContent::Document));
        golden("file-orphan.v1", &file(orphan, FileContent::Asset));
        golden("file-other.v1", &file(FileRole::Other, FileContent::Asset));
        let handout = FileRole::Handout { mac: MAC };
        golden("file-handout.v1", &file(handout, FileContent::Asset));
    }

    #[test]
    fn the_bytes_of_an_unknown_phone_stay() {
        let address = [192, 0, 2, 7].into();
        let path = "site/cfg000b82a1b2c3.xml".parse().unwrap();
        let user_agent = "Phone 1.0".to_owned();
        let mut phone = UnknownPhone::new(at(10), address, path, user_agent.clone());
        let path = "site/cfg000b82a1b2c3".parse().unwrap();
        phone.note(at(11), address, path, user_agent);
        phone.is_decoy = true;
        golden("unknown-phone.v1", &phone);
    }

    #[test]
    fn the_bytes_of_parameters_logs_and_the_installation_stay() {
        let parameters = StoredParameters {
            lenses: "vendor/2/device1".to_owned(),
            values: vec![(
                "Device.Time.NTPServer1".parse().unwrap(),
                "ntp.example.net".to_owned(),
            )],
        };
        golden("parameters.v2", &parameters);
        let old = std::fs::read(fixture("parameters.v1")).unwrap();
        let refused = decode::<StoredParameters>(&old);
        assert!(matches!(
            refused,
            Err(RecordError::UnknownVersion { found: 1, .. })
        ));
        let installation = Installation {
            phase_key: 0x0123_4567_89ab_cdef,
            connection_request_base: "http://192.0.2.1:7547".to_owned(),
        };
        golden("installation.v1", &installation);
        let means = Remembered {
            means: vec![MeansTried {
                action: ControlAction::Reboot,
                means: "notify check-sync;reboot=true".to_owned(),
                tried: 7,
                fetched: 5,
            }],
            used_at: at(20),
        };
        golden("means.v1", &means);
        let log = DeviceLog {
            text: "2026-11-21T17:00:00Z restarted\n".to_owned(),
        };
        golden("log.v1", &log);
        let upload = UploadRecord {
            path: "logs/000b82a1b2c3.log".parse().unwrap(),
            at: at(15),
            source: [192, 0, 2, 7].into(),
            length: 3,
            content_hash: ContentHash::of(b"now"),
        };
        golden("upload.v1", &upload);
        let firmware = FirmwareRecord {
            file_name: "gxp2170fw.bin".to_owned(),
            length: 12,
            vendor: Some("vendor".to_owned()),
            version: Some("1.2.3".to_owned()),
            source: FirmwareSource::Download {
                url: "http://files.example.net/gxp2170fw.bin".to_owned(),
                entity_tag: Some("\"tag\"".to_owned()),
            },
            added_at: at(15),
        };
        golden("firmware.v1", &firmware);
    }
}
