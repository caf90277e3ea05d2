//! Messages and files that the tests of this folder and of the session share.

use std::path::PathBuf;

use crate::cwmp::{
    CpeCall, CpeRequest, CpeResponse, DeviceId, Event, EventCode, Fault, FaultCode, Inform,
    Notification, ParameterAttribute, ParameterFault, ParameterInfo, ParameterValue,
    TransferComplete, TransferFault, TransferStatus, encode_fault, encode_must_understand_fault,
    encode_request, encode_response,
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

/// At least one message of every kind that the CPE sends, each under the name of its fixture.
pub(in crate::cwmp) fn everything_sent() -> Vec<(&'static str, Vec<u8>)> {
    let id = Some("a&b é 0");
    let infos = ["Device.A.", "Device.A.Text"].map(|name| ParameterInfo {
        name: name.to_owned(),
        writable: !name.ends_with('.'),
    });
    let attributes = [
        (Notification::Active, vec!["Subscriber".to_owned()]),
        (Notification::Off, Vec::new()),
    ]
    .map(|(notification, access_list)| ParameterAttribute {
        name: "Device.A.Text".to_owned(),
        notification,
        access_list,
    });
    let methods = ["GetRPCMethods", "Reboot"].map(str::to_owned);
    let request = |request| encode_request("1f-2", &request);
    let response = |response| encode_response(id, &response);
    vec![
        ("cpe-inform", request(CpeRequest::Inform(inform()))),
        (
            "cpe-transfer-complete",
            request(CpeRequest::Call(CpeCall::TransferComplete(transfer("k1")))),
        ),
        (
            "cpe-transfer-complete-failed",
            request(CpeRequest::Call(CpeCall::TransferComplete(
                failed_transfer(),
            ))),
        ),
        ("cpe-get-rpc-methods", request(CpeRequest::GetRpcMethods)),
        (
            "cpe-get-rpc-methods-response",
            response(CpeResponse::GetRpcMethods(methods.to_vec())),
        ),
        (
            "cpe-set-parameter-values-response",
            response(CpeResponse::SetParameterValues {
                applied_later: true,
            }),
        ),
        (
            "cpe-get-parameter-values-response",
            response(CpeResponse::GetParameterValues(values())),
        ),
        (
            "cpe-get-parameter-values-response-empty",
            encode_response(None, &CpeResponse::GetParameterValues(Vec::new())),
        ),
        (
            "cpe-get-parameter-names-response",
            response(CpeResponse::GetParameterNames(infos.to_vec())),
        ),
        (
            "cpe-set-parameter-attributes-response",
            response(CpeResponse::SetParameterAttributes),
        ),
        (
            "cpe-get-parameter-attributes-response",
            response(CpeResponse::GetParameterAttributes(attributes.to_vec())),
        ),
        ("cpe-reboot-response", response(CpeResponse::Reboot)),
        (
            "cpe-download-response",
            response(CpeResponse::Download(TransferStatus::Later)),
        ),
        (
            "cpe-upload-response",
            response(CpeResponse::Upload(TransferStatus::Later)),
        ),
        (
            "cpe-fault",
            encode_fault(
                id,
                &Fault::new(FaultCode::MethodNotSupported, "no such method"),
            ),
        ),
        (
            "cpe-fault-with-parameters",
            encode_fault(id, &fault_with_parameters()),
        ),
        (
            "cpe-must-understand",
            encode_must_understand_fault(id, "Transaction"),
        ),
    ]
}
