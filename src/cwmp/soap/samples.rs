//! Messages and files that the tests of this folder and of the session share.

use std::path::PathBuf;

use crate::cwmp::{
    AutonomousTransferComplete, CpeCall, CpeRequest, CpeResponse, CwmpVersion, DeviceId, Event,
    EventCode, Fault, FaultCode, Inform, Notification, ParameterAttribute, ParameterFault,
    ParameterInfo, ParameterValue, QueuedTransfer, QueuedTransferState, RequestDownload,
    TransferComplete, TransferFault, TransferStatus, Voice, encode_fault,
    encode_must_understand_fault, encode_request, encode_response,
};
use crate::datamodel::ValueType;

/// Where a message of `fixtures/cwmp` is.
pub(in crate::cwmp) fn fixture_path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/cwmp");
    folder.join(format!("{name}.xml"))
}

/// A message of `fixtures/cwmp`.
pub(in crate::cwmp) fn fixture(name: &str) -> Vec<u8> {
    let path = fixture_path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every message of `fixtures/cwmp`.
pub(in crate::cwmp) fn all_fixtures() -> Vec<Vec<u8>> {
    let folder = fixture_path("any");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// A parameter.
pub(in crate::cwmp) fn value(name: &str, value_type: ValueType, text: &str) -> ParameterValue {
    ParameterValue {
        name: name.to_owned(),
        value: text.to_owned(),
        value_type,
    }
}

/// The Inform of a phone's first contact.
pub(in crate::cwmp) fn inform() -> Inform {
    Inform {
        device_id: DeviceId {
            manufacturer: "Maker & Sons".to_owned(),
            oui: "0A1B2C".to_owned(),
            product_class: "P100".to_owned(),
            serial_number: "0A1B2C000001".to_owned(),
        },
        events: vec![
            Event::plain(EventCode::Bootstrap),
            Event::plain(EventCode::Boot),
            Event {
                code: EventCode::Reboot,
                command_key: "restart <1>".to_owned(),
            },
        ],
        current_time: "2026-05-06T07:08:09.5Z".parse().unwrap(),
        retry_count: 3,
        parameters: vec![
            value(
                "Device.DeviceInfo.SoftwareVersion",
                ValueType::String,
                "1.0.4",
            ),
            value(
                "Device.ManagementServer.ParameterKey",
                ValueType::String,
                "",
            ),
        ],
    }
}

/// A transfer that went well.
pub(in crate::cwmp) fn transfer(command_key: &str) -> TransferComplete {
    TransferComplete {
        command_key: command_key.to_owned(),
        fault: None,
        start_time: Some("2026-05-06T07:08:09Z".parse().unwrap()),
        complete_time: Some("2026-05-06T07:08:19Z".parse().unwrap()),
    }
}

/// A transfer that did not.
fn failed_transfer() -> TransferComplete {
    TransferComplete {
        command_key: "k2".to_owned(),
        fault: Some(TransferFault {
            code: FaultCode::FileInaccessible,
            text: "HTTP status 404".to_owned(),
        }),
        start_time: None,
        complete_time: None,
    }
}

/// One parameter of each type, and a text that needs every kind of escaping.
fn values() -> Vec<ParameterValue> {
    vec![
        value(
            "Device.A.Text",
            ValueType::String,
            " <a>&\"'\té\r\n\u{1F600}\0 ",
        ),
        value("Device.A.Int", ValueType::Int, "-5"),
        value("Device.A.Long", ValueType::Long, "-5000000000"),
        value("Device.A.UnsignedInt", ValueType::UnsignedInt, "5"),
        value(
            "Device.A.UnsignedLong",
            ValueType::UnsignedLong,
            "5000000000",
        ),
        value("Device.A.Boolean", ValueType::Boolean, "1"),
        value(
            "Device.A.DateTime",
            ValueType::DateTime,
            "2026-05-06T07:08:09Z",
        ),
        value("Device.A.Base64", ValueType::Base64, "AAEC"),
        value("Device.A.HexBinary", ValueType::HexBinary, "00FF"),
    ]
}

fn fault_with_parameters() -> Fault {
    let parameter = |name: &str, code, text: &str| ParameterFault {
        name: name.to_owned(),
        code,
        text: text.to_owned(),
    };
    Fault {
        parameters: vec![
            parameter(
                "Device.<odd>",
                FaultCode::InvalidParameterName,
                "no such parameter",
            ),
            parameter(
                "Device.A.Int",
                FaultCode::InvalidParameterValue,
                "at most 9",
            ),
        ],
        ..Fault::new(FaultCode::InvalidArguments, "2 parameters cannot be set")
    }
}

/// A firmware that a phone took on its own.
pub(in crate::cwmp) fn autonomous_report() -> AutonomousTransferComplete {
    AutonomousTransferComplete {
        announce_url: String::new(),
        transfer_url: "https://files.example.net/p100?a&b".to_owned(),
        is_download: true,
        file_type: "1 Firmware Upgrade Image".to_owned(),
        file_size: 1_048_576,
        target_file_name: "p100.bin".to_owned(),
        fault: None,
        start_time: None,
        complete_time: Some("2026-05-06T07:08:19Z".parse().unwrap()),
    }
}

/// A wish for a file.
pub(in crate::cwmp) fn wish() -> RequestDownload {
    RequestDownload {
        file_type: "2 Web Content".to_owned(),
        arguments: vec![("Version".to_owned(), "1 & 2".to_owned())],
    }
}

fn queued_transfers() -> Vec<QueuedTransfer> {
    vec![
        QueuedTransfer {
            command_key: "k<1>".to_owned(),
            state: QueuedTransferState::Waiting,
            is_download: true,
            file_type: "3 Vendor Configuration File".to_owned(),
            file_size: 2048,
            target_file_name: String::new(),
        },
        QueuedTransfer {
            command_key: String::new(),
            state: QueuedTransferState::Finished,
            is_download: false,
            file_type: "4 Vendor Log File 1".to_owned(),
            file_size: 0,
            target_file_name: "log".to_owned(),
        },
    ]
}

/// At least one message of every kind that the CPE sends, each under the name of its fixture and
/// with the version that it is written in.
pub(in crate::cwmp) fn everything_sent() -> Vec<(&'static str, CwmpVersion, Vec<u8>)> {
    let mut sent = Vec::new();
    sent.extend(requests().into_iter().map(|(name, voice, request)| {
        let message = encode_request(voice, "1f-2", &request);
        (name, voice.version, message.to_vec())
    }));
    sent.extend(responses().into_iter().map(|(name, version, response)| {
        let id = (name != "cpe-get-parameter-values-response-empty").then_some("a&b é 0");
        let message = encode_response(version, id, response);
        (name, version, message.to_vec())
    }));
    sent.extend(faults());
    sent
}

fn requests() -> Vec<(&'static str, Voice, CpeRequest)> {
    let (first, usual) = (
        Voice::from(CwmpVersion::V1_0),
        Voice::from(CwmpVersion::V1_2),
    );
    let newest = Voice {
        version: CwmpVersion::V1_4,
        session_timeout: Some(90),
    };
    let call = CpeRequest::Call;
    vec![
        ("cpe-inform", usual, CpeRequest::Inform(inform())),
        ("cpe-inform-1-0", first, CpeRequest::Inform(inform())),
        ("cpe-inform-1-4", newest, CpeRequest::Inform(inform())),
        (
            "cpe-transfer-complete",
            usual,
            call(CpeCall::TransferComplete(transfer("k1"))),
        ),
        (
            "cpe-transfer-complete-failed",
            usual,
            call(CpeCall::TransferComplete(failed_transfer())),
        ),
        (
            "cpe-transfer-complete-failed-1-0",
            first,
            call(CpeCall::TransferComplete(failed_transfer())),
        ),
        (
            "cpe-autonomous-transfer-complete",
            usual,
            call(CpeCall::AutonomousTransferComplete(autonomous_report())),
        ),
        (
            "cpe-request-download",
            usual,
            call(CpeCall::RequestDownload(wish())),
        ),
        ("cpe-get-rpc-methods", usual, CpeRequest::GetRpcMethods),
    ]
}

fn responses() -> Vec<(&'static str, CwmpVersion, CpeResponse)> {
    let infos = ["Device.A.", "Device.A.Text"].map(|name| ParameterInfo {
        name: name.to_owned(),
        writable: !name.ends_with('.'),
    });
    let attributes = [
        (Notification::Active, vec!["Subscriber".to_owned()]),
        (Notification::Off, Vec::new()),
    ];
    let lightweight = [
        (Notification::PassiveBoth, Vec::new()),
        (Notification::ActiveLightweight, Vec::new()),
    ];
    let attribute = |(notification, access_list)| ParameterAttribute {
        name: "Device.A.Text".to_owned(),
        notification,
        access_list,
    };
    let methods = ["GetRPCMethods", "Reboot"].map(str::to_owned);
    let usual = [
        (
            "cpe-get-rpc-methods-response",
            CpeResponse::GetRpcMethods(methods.to_vec()),
        ),
        (
            "cpe-set-parameter-values-response",
            CpeResponse::SetParameterValues {
                applied_later: true,
            },
        ),
        (
            "cpe-get-parameter-values-response",
            CpeResponse::GetParameterValues(values()),
        ),
        (
            "cpe-get-parameter-values-response-empty",
            CpeResponse::GetParameterValues(Vec::new()),
        ),
        (
            "cpe-get-parameter-names-response",
            CpeResponse::GetParameterNames(infos.to_vec()),
        ),
        (
            "cpe-set-parameter-attributes-response",
            CpeResponse::SetParameterAttributes,
        ),
        (
            "cpe-get-parameter-attributes-response",
            CpeResponse::GetParameterAttributes(attributes.map(attribute).to_vec()),
        ),
        (
            "cpe-add-object-response",
            CpeResponse::AddObject {
                instance: 2,
                applied_later: true,
            },
        ),
        (
            "cpe-delete-object-response",
            CpeResponse::DeleteObject {
                applied_later: false,
            },
        ),
        ("cpe-reboot-response", CpeResponse::Reboot),
        ("cpe-factory-reset-response", CpeResponse::FactoryReset),
        ("cpe-schedule-inform-response", CpeResponse::ScheduleInform),
        (
            "cpe-download-response",
            CpeResponse::Download(TransferStatus::Later),
        ),
        (
            "cpe-upload-response",
            CpeResponse::Upload(TransferStatus::Later),
        ),
        (
            "cpe-get-queued-transfers-response",
            CpeResponse::GetQueuedTransfers(queued_transfers()),
        ),
        (
            "cpe-get-all-queued-transfers-response",
            CpeResponse::GetAllQueuedTransfers(queued_transfers()),
        ),
        (
            "cpe-schedule-download-response",
            CpeResponse::ScheduleDownload,
        ),
        ("cpe-cancel-transfer-response", CpeResponse::CancelTransfer),
    ];
    let lightweight = CpeResponse::GetParameterAttributes(lightweight.map(attribute).to_vec());
    let mut all: Vec<_> = usual
        .into_iter()
        .map(|(name, response)| (name, CwmpVersion::V1_2, response))
        .collect();
    all.extend([
        (
            "cpe-reboot-response-1-1",
            CwmpVersion::V1_1,
            CpeResponse::Reboot,
        ),
        (
            "cpe-lightweight-attributes",
            CwmpVersion::V1_4,
            lightweight.clone(),
        ),
        (
            "cpe-lightweight-attributes-1-0",
            CwmpVersion::V1_0,
            lightweight,
        ),
    ]);
    all
}

fn faults() -> Vec<(&'static str, CwmpVersion, Vec<u8>)> {
    let (id, version) = (Some("a&b é 0"), CwmpVersion::V1_2);
    let fault = Fault::new(FaultCode::MethodNotSupported, "no such method");
    let listed = fault_with_parameters();
    [
        ("cpe-fault", encode_fault(version, id, &fault)),
        (
            "cpe-fault-with-parameters",
            encode_fault(version, id, &listed),
        ),
        (
            "cpe-must-understand",
            encode_must_understand_fault(version, id, "Transaction"),
        ),
    ]
    .map(|(name, message)| (name, version, message.to_vec()))
    .to_vec()
}
