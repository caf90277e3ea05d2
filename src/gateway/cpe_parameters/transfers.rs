//! Device.DeviceInfo.VendorConfigFile., VendorLogFile.: what an Upload may name; and
//! Device.ManagementServer.AutonomousTransferCompletePolicy.: which transfers are told that the ACS
//! has not ordered (cwmp.md M111, T6).

use super::parameter::{CpeColumn, CpeParameter, CpeTable, Reading, boolean, moment, settable};

/// Longest Name of a row, in characters.
const MAX_NAME: usize = 64;

pub(super) static PARAMETERS: &[CpeParameter] = &[
    settable(
        "Device.ManagementServer.AutonomousTransferCompletePolicy.Enable",
        |reading| boolean(reading.record.cpe.autonomous_policy.enable),
        |cpe, value| cpe.autonomous_policy.enable = value == "1",
    ),
    settable(
        "Device.ManagementServer.AutonomousTransferCompletePolicy.FileTypeFilter",
        |reading| reading.record.cpe.autonomous_policy.file_types.clone(),
        |cpe, value| value.clone_into(&mut cpe.autonomous_policy.file_types),
    ),
    settable(
        "Device.ManagementServer.AutonomousTransferCompletePolicy.ResultTypeFilter",
        |reading| both_unless_set(&reading.record.cpe.autonomous_policy.results),
        |cpe, value| value.clone_into(&mut cpe.autonomous_policy.results),
    ),
    settable(
        "Device.ManagementServer.AutonomousTransferCompletePolicy.TransferTypeFilter",
        |reading| both_unless_set(&reading.record.cpe.autonomous_policy.transfer_types),
        |cpe, value| value.clone_into(&mut cpe.autonomous_policy.transfer_types),
    ),
];

/// The one file of settings that the phone has of its own.
pub(super) const CONFIGURATION_FILES: CpeTable = CpeTable {
    path: "Device.DeviceInfo.VendorConfigFile.",
    instances: |_| vec![1],
    columns: &[
        // When the phone took it, as far as that was seen.
        column("Date", |reading, _| {
            let delivery = &reading.record.delivery;
            let served = delivery.served.as_ref();
            let current = served.filter(|served| served.revision == delivery.desired);
            moment(current.map(|served| served.at))
        }),
        column("Description", |_, _| {
            "the phone's own provisioning file".to_owned()
        }),
        column("Name", |reading, _| {
            let name = reading.record.own_file.file_name();
            name.chars().take(MAX_NAME).collect()
        }),
        column("UseForBackupRestore", |_, _| boolean(true)),
        column("Version", |reading, _| {
            reading.record.delivery.desired.to_string()
        }),
    ],
};

/// The one log: what the gateway has seen of the phone, and what the phone has said over syslog.
pub(super) const LOG_FILES: CpeTable = CpeTable {
    path: "Device.DeviceInfo.VendorLogFile.",
    instances: |_| vec![1],
    columns: &[
        column("MaximumSize", |reading, _| reading.log_bytes.to_string()),
        column("Name", |_, _| "trestle.log".to_owned()),
        column("Persistent", |_, _| boolean(true)),
    ],
};

/// One that an ACS only reads.
const fn column(name: &'static str, read: fn(&Reading<'_>, u32) -> String) -> CpeColumn {
    CpeColumn {
        name,
        read,
        write: None,
        check: None,
    }
}

fn both_unless_set(filter: &str) -> String {
    if filter.is_empty() { "Both" } else { filter }.to_owned()
}
