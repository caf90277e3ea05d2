//! What the CPE sends, held against the rules of cwmp-1-0.xsd to cwmp-1-4.xsd written out by hand:
//! names, namespaces, order, counts, lengths and types (conformance checks C001 to C004, C007, C010,
//! C012).

use super::samples::everything_sent;
use super::schema_reader::{Checked, Element, read};
use crate::cwmp::CwmpVersion;
use crate::datamodel::ValueType;

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_ENCODING: &str = "http://schemas.xmlsoap.org/soap/encoding/";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const NONE: &str = "";

type Check = fn(&Element) -> Checked;

/// Exactly these children, in this order, in no namespace, and no text of its own.
fn sequence(element: &Element, wanted: &[(&str, Check)]) -> Checked {
    let names: Vec<&str> = element.children.iter().map(|c| c.name.as_str()).collect();
    let wanted_names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    element.require(names == wanted_names, &format!("holds {names:?}"))?;
    element.require(element.text.is_empty(), "has text")?;
    for (child, (_, check)) in element.children.iter().zip(wanted) {
        child.require(child.namespace == NONE, "is in a namespace")?;
        check(child)?;
    }
    Ok(())
}

fn array(element: &Element, entry_type: &str, name: &str, check: Check) -> Checked {
    let count = element.children.len();
    let wanted = format!("{entry_type}[{count}]");
    let array_type = element.attribute(SOAP_ENCODING, "arrayType");
    element.require(array_type == Some(&wanted), &format!("{array_type:?}"))?;
    sequence(element, &vec![(name, check); count])
}

fn leaf(element: &Element, holds: impl Fn(&str) -> bool, what: &str) -> Checked {
    element.require(element.children.is_empty(), "holds elements")?;
    element.require(holds(&element.text), what)
}

fn at_most(element: &Element, length: usize) -> Checked {
    leaf(
        element,
        |text| text.chars().count() <= length,
        "is too long",
    )
}

fn string(element: &Element) -> Checked {
    at_most(element, usize::MAX)
}

fn key(element: &Element) -> Checked {
    at_most(element, 32)
}

fn short_name(element: &Element) -> Checked {
    at_most(element, 64)
}

fn long_name(element: &Element) -> Checked {
    at_most(element, 256)
}

fn unsigned(element: &Element) -> Checked {
    leaf(
        element,
        |text| text.parse::<u32>().is_ok(),
        "is no unsignedInt",
    )
}

fn one_of_two(element: &Element) -> Checked {
    leaf(
        element,
        |text| matches!(text, "0" | "1"),
        "is neither 0 nor 1",
    )
}

fn utc(element: &Element) -> Checked {
    let holds = |text: &str| ValueType::DateTime.canonical(text).as_deref() == Ok(text);
    leaf(element, holds, "is no dateTime in UTC")
}

fn offset_moment(element: &Element) -> Checked {
    let holds =
        |text: &str| text.ends_with("+00:00") && ValueType::DateTime.canonical(text).is_ok();
    leaf(element, holds, "is no dateTime with an offset in figures")
}

fn oui(element: &Element) -> Checked {
    let holds = |text: &str| {
        text.len() == 6 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
    };
    leaf(element, holds, "is no OUI")
}

fn event_code(element: &Element) -> Checked {
    let holds = |text: &str| match text.split_once(' ') {
        Some(("M", method)) => !method.is_empty() && !method.contains(' '),
        Some((number, words)) => number.parse::<u8>().is_ok() && !words.starts_with(' '),
        None => false,
    };
    leaf(element, holds, "is no event code")
}

fn fault_code(element: &Element) -> Checked {
    let holds = |text: &str| matches!(text.parse(), Ok(9000..=9032u16 | 9800..=9899));
    leaf(element, holds, "is no fault code of a CPE")
}

fn transfer_fault_code(element: &Element) -> Checked {
    let holds = |text: &str| {
        matches!(
            text.parse(),
            Ok(0 | 9001 | 9002 | 9010..=9012 | 9014..=9020u16)
        )
    };
    leaf(element, holds, "is no fault code of a transfer")
}

fn typed_value(element: &Element) -> Checked {
    let declared = element.attribute(XSI, "type").unwrap_or_default();
    let value_type = declared
        .strip_prefix("xsd:")
        .and_then(ValueType::from_xsd_local_name);
    let Some(value_type) = value_type else {
        return element.wrong("has no xsi:type of the schema");
    };
    let holds = |text: &str| value_type.canonical(text).as_deref() == Ok(text);
    leaf(element, holds, "is no value of its type")
}

fn value(element: &Element) -> Checked {
    sequence(element, &[("Name", long_name), ("Value", typed_value)])
}

fn values(element: &Element) -> Checked {
    array(
        element,
        "cwmp:ParameterValueStruct",
        "ParameterValueStruct",
        value,
    )
}

fn short_strings(element: &Element) -> Checked {
    array(element, "xsd:string", "string", short_name)
}

fn event(element: &Element) -> Checked {
    sequence(element, &[("EventCode", event_code), ("CommandKey", key)])
}

fn events(element: &Element) -> Checked {
    element.require(element.children.len() <= 64, "has more than 64 entries")?;
    array(element, "cwmp:EventStruct", "EventStruct", event)
}

fn device_id(element: &Element) -> Checked {
    let fields: [(&str, Check); 4] = [
        ("Manufacturer", short_name),
        ("OUI", oui),
        ("ProductClass", short_name),
        ("SerialNumber", short_name),
    ];
    sequence(element, &fields)
}

fn info(element: &Element) -> Checked {
    sequence(element, &[("Name", long_name), ("Writable", one_of_two)])
}

fn infos(element: &Element) -> Checked {
    array(
        element,
        "cwmp:ParameterInfoStruct",
        "ParameterInfoStruct",
        info,
    )
}

fn notification(element: &Element) -> Checked {
    leaf(
        element,
        |text| text.parse().is_ok_and(|number: u8| number <= 6),
        "is no notification",
    )
}

fn attribute(element: &Element) -> Checked {
    let fields: [(&str, Check); 3] = [
        ("Name", long_name),
        ("Notification", notification),
        ("AccessList", short_strings),
    ];
    sequence(element, &fields)
}

fn attributes(element: &Element) -> Checked {
    let name = "ParameterAttributeStruct";
    array(element, "cwmp:ParameterAttributeStruct", name, attribute)
}

fn transfer_fault(element: &Element) -> Checked {
    let fields: [(&str, Check); 2] = [
        ("FaultCode", transfer_fault_code),
        ("FaultString", long_name),
    ];
    sequence(element, &fields)
}

fn url(element: &Element) -> Checked {
    at_most(element, 1024)
}

fn file_type(element: &Element) -> Checked {
    let holds = |text: &str| match text.split_once(' ') {
        Some((number, words)) => {
            number.parse::<u8>().is_ok_and(|number| number > 0) && !words.starts_with(' ')
        }
        None => false,
    };
    at_most(element, 64)?;
    leaf(element, holds, "is no file type")
}

fn instance(element: &Element) -> Checked {
    unsigned(element)?;
    leaf(element, |text| text != "0", "is no instance number")
}

fn argument(element: &Element) -> Checked {
    sequence(element, &[("Name", short_name), ("Value", long_name)])
}

fn arguments(element: &Element) -> Checked {
    element.require(element.children.len() <= 16, "has more than 16 entries")?;
    array(element, "cwmp:ArgStruct", "ArgStruct", argument)
}

fn transfer_state(element: &Element) -> Checked {
    leaf(
        element,
        |text| matches!(text, "1" | "2" | "3"),
        "is no state of a transfer",
    )
}

fn queued_transfer(element: &Element) -> Checked {
    sequence(element, &[("CommandKey", key), ("State", transfer_state)])
}

fn queued_transfers(element: &Element) -> Checked {
    element.require(element.children.len() <= 16, "has more than 16 entries")?;
    let name = "QueuedTransferStruct";
    array(element, "cwmp:QueuedTransferStruct", name, queued_transfer)
}

fn any_queued_transfer(element: &Element) -> Checked {
    let fields: [(&str, Check); 6] = [
        ("CommandKey", key),
        ("State", transfer_state),
        ("IsDownload", one_of_two),
        ("FileType", file_type),
        ("FileSize", unsigned),
        ("TargetFileName", long_name),
    ];
    sequence(element, &fields)
}

fn all_queued_transfers(element: &Element) -> Checked {
    element.require(element.children.len() <= 16, "has more than 16 entries")?;
    let name = "AllQueuedTransferStruct";
    array(
        element,
        "cwmp:AllQueuedTransferStruct",
        name,
        any_queued_transfer,
    )
}

/// The SOAP fault: CWMP's with its detail, or MustUnderstand without.
fn fault(element: &Element) -> Checked {
    if element.children.len() == 2 {
        let must_understand: Check = |code| {
            leaf(
                code,
                |text| text == "soap-env:MustUnderstand",
                "is no MustUnderstand",
            )
        };
        return sequence(
            element,
            &[("faultcode", must_understand), ("faultstring", string)],
        );
    }
    let soap_code: Check = |code| {
        leaf(
            code,
            |text| matches!(text, "Client" | "Server"),
            "is neither side's fault",
        )
    };
    let cwmp_fault: Check = |text| leaf(text, |text| text == "CWMP fault", "is no CWMP fault");
    let detail: Check = |detail| {
        let [inner] = detail.children.as_slice() else {
            return detail.wrong("does not hold one fault");
        };
        inner.require(inner.name == "Fault", "is no Fault")?;
        let mut fields: Vec<(&str, Check)> =
            vec![("FaultCode", fault_code), ("FaultString", string)];
        let parameters = inner.children.len().saturating_sub(2);
        fields.extend(vec![
            ("SetParameterValuesFault", parameter_fault as Check);
            parameters
        ]);
        sequence(inner, &fields)
    };
    let fields = [
        ("faultcode", soap_code),
        ("faultstring", cwmp_fault),
        ("detail", detail),
    ];
    sequence(element, &fields)
}

fn parameter_fault(element: &Element) -> Checked {
    let fields: [(&str, Check); 3] = [
        ("ParameterName", string),
        ("FaultCode", fault_code),
        ("FaultString", string),
    ];
    sequence(element, &fields)
}

fn message(element: &Element) -> Checked {
    let fields: &[(&str, Check)] = match element.name.as_str() {
        "Inform" => &[
            ("DeviceId", device_id),
            ("Event", events),
            ("MaxEnvelopes", unsigned),
            ("CurrentTime", offset_moment),
            ("RetryCount", unsigned),
            ("ParameterList", values),
        ],
        "TransferComplete" => &[
            ("CommandKey", key),
            ("FaultStruct", transfer_fault),
            ("StartTime", utc),
            ("CompleteTime", utc),
        ],
        "GetRPCMethodsResponse" => &[("MethodList", short_strings)],
        "SetParameterValuesResponse" => &[("Status", one_of_two)],
        "GetParameterValuesResponse" => &[("ParameterList", values)],
        "GetParameterNamesResponse" => &[("ParameterList", infos)],
        "GetParameterAttributesResponse" => &[("ParameterList", attributes)],
        "DownloadResponse" | "UploadResponse" => &[
            ("Status", one_of_two),
            ("StartTime", utc),
            ("CompleteTime", utc),
        ],
        "AutonomousTransferComplete" => &[
            ("AnnounceURL", url),
            ("TransferURL", url),
            ("IsDownload", one_of_two),
            ("FileType", file_type),
            ("FileSize", unsigned),
            ("TargetFileName", long_name),
            ("FaultStruct", transfer_fault),
            ("StartTime", utc),
            ("CompleteTime", utc),
        ],
        "RequestDownload" => &[("FileType", file_type), ("FileTypeArg", arguments)],
        "AddObjectResponse" => &[("InstanceNumber", instance), ("Status", one_of_two)],
        "DeleteObjectResponse" => &[("Status", one_of_two)],
        "GetQueuedTransfersResponse" => &[("TransferList", queued_transfers)],
        "GetAllQueuedTransfersResponse" => &[("TransferList", all_queued_transfers)],
        "GetRPCMethods"
        | "SetParameterAttributesResponse"
        | "RebootResponse"
        | "FactoryResetResponse"
        | "ScheduleInformResponse"
        | "ScheduleDownloadResponse"
        | "CancelTransferResponse" => &[],
        _ => return element.wrong("is no message of a CPE"),
    };
    sequence(element, fields)
}

/// The namespace of the version, in which nothing but the message and its headers are.
fn namespace_of(version: CwmpVersion) -> &'static str {
    match version {
        CwmpVersion::V1_0 => "urn:dslforum-org:cwmp-1-0",
        CwmpVersion::V1_1 => "urn:dslforum-org:cwmp-1-1",
        CwmpVersion::V1_2 | CwmpVersion::V1_3 | CwmpVersion::V1_4 => "urn:dslforum-org:cwmp-1-2",
    }
}

fn header(element: &Element, version: CwmpVersion) -> Checked {
    let in_namespace = element.namespace == namespace_of(version);
    element.require(in_namespace, "is in another namespace")?;
    let must_understand = match element.name.as_str() {
        "ID" => "1",
        "SessionTimeout" if version >= CwmpVersion::V1_3 => {
            unsigned(element)?;
            "0"
        }
        "SupportedCWMPVersions" if version >= CwmpVersion::V1_4 => {
            leaf(element, |text| text == "1.0,1.1,1.2,1.3,1.4", "is no list")?;
            "0"
        }
        _ => return element.wrong("is no header of a CPE of this version"),
    };
    let found = element.attribute(SOAP, "mustUnderstand");
    element.require(found == Some(must_understand), "mustUnderstand is wrong")?;
    string(element)
}

/// What only later versions may say.
fn of_version(text: &str, version: CwmpVersion) -> Checked {
    let newer = [
        (CwmpVersion::V1_1, "AutonomousTransferComplete>"),
        (CwmpVersion::V1_1, "AllQueuedTransfers"),
        (CwmpVersion::V1_1, "<FaultCode>9016<"),
        (CwmpVersion::V1_2, "ScheduleDownload"),
        (CwmpVersion::V1_2, "CancelTransfer"),
        (CwmpVersion::V1_4, "<Notification>4<"),
        (CwmpVersion::V1_4, "<Notification>5<"),
    ];
    match newer
        .iter()
        .find(|(since, part)| *since > version && text.contains(part))
    {
        Some((since, part)) => Err(format!("{part} is of {since}, not of {version}")),
        None => Ok(()),
    }
}

fn envelope(text: &str, version: CwmpVersion) -> Checked {
    of_version(text, version)?;
    let cwmp = namespace_of(version);
    let root = read(text);
    root.require(
        root.namespace == SOAP && root.name == "Envelope",
        "is no Envelope",
    )?;
    let (headers, body) = match root.children.as_slice() {
        [header, body] if header.namespace == SOAP && header.name == "Header" => {
            (header.children.as_slice(), body)
        }
        [body] => (&[][..], body),
        _ => return root.wrong("is not a header and a body"),
    };
    headers
        .iter()
        .try_for_each(|block| header(block, version))?;
    body.require(body.namespace == SOAP && body.name == "Body", "is no Body")?;
    match body.children.as_slice() {
        [content] if content.namespace == SOAP && content.name == "Fault" => {
            let inner = content
                .children
                .last()
                .and_then(|detail| detail.children.first());
            let in_namespace = inner.is_none_or(|inner| inner.namespace == cwmp);
            content.require(in_namespace, "has a detail in another namespace")?;
            fault(content)
        }
        [content] if content.namespace == cwmp => message(content),
        _ => body.wrong("does not hold one message"),
    }
}

#[test]
fn every_message_keeps_the_rules_of_the_schema() {
    for (name, version, message) in everything_sent() {
        let text = String::from_utf8(message).unwrap();
        assert_eq!(envelope(&text, version), Ok(()), "{name}");
    }
}

/// The checks themselves are checked: each of these spoils a message of ours.
#[test]
fn the_checks_find_what_breaks_the_schema() {
    let spoils = [
        ("cpe-inform", "EventStruct[3]", "EventStruct[2]"),
        ("cpe-inform", "<MaxEnvelopes>1</MaxEnvelopes>", ""),
        ("cpe-inform", "+00:00<", "Z<"),
        ("cpe-inform", "cwmp-1-2", "cwmp-1-3"),
        ("cpe-inform", "0A1B2C<", "0a1b2c<"),
        ("cpe-inform", " soap-env:mustUnderstand=\"1\"", ""),
        ("cpe-inform", "restart", "a key of more than 32 characters"),
        ("cpe-transfer-complete", "09Z", "09"),
        ("cpe-transfer-complete-failed", "9016", "9003"),
        ("cpe-get-parameter-values-response", "xsd:int\"", "xs:int\""),
        ("cpe-get-parameter-values-response", ">-5<", ">five<"),
        (
            "cpe-get-parameter-values-response",
            "ParameterList",
            "cwmp:ParameterList",
        ),
        ("cpe-reboot-response", "cwmp:Reboot", "Reboot"),
        ("cpe-inform-1-0", "cwmp-1-0", "cwmp-1-2"),
        (
            "cpe-inform-1-4",
            "mustUnderstand=\"0\"",
            "mustUnderstand=\"1\"",
        ),
        ("cpe-inform-1-0", "cwmp:ID", "cwmp:SessionTimeout"),
        ("cpe-transfer-complete-failed-1-0", "9010", "9016"),
        ("cpe-autonomous-transfer-complete", "1 Firmware", "Firmware"),
        ("cpe-request-download", "ArgStruct[1]", "ArgStruct[2]"),
        ("cpe-add-object-response", ">2<", ">0<"),
        ("cpe-get-queued-transfers-response", "<State>1", "<State>0"),
        (
            "cpe-get-all-queued-transfers-response",
            "AllQueuedTransferStruct",
            "QueuedTransferStruct",
        ),
        (
            "cpe-lightweight-attributes-1-0",
            "<Notification>1",
            "<Notification>4",
        ),
        ("cpe-fault", "CWMP fault", "fault"),
        ("cpe-fault-with-parameters", "9005", "8005"),
        (
            "cpe-must-understand",
            "soap-env:MustUnderstand",
            "MustUnderstand",
        ),
    ];
    for (name, right, wrong) in spoils {
        let sent = everything_sent();
        let (_, version, message) = sent.iter().find(|(sample, ..)| *sample == name).unwrap();
        let text = std::str::from_utf8(message).unwrap();
        let spoilt = text.replace(right, wrong);
        assert_ne!(text, spoilt, "{name} has no {right}");
        assert!(
            envelope(&spoilt, *version).is_err(),
            "{name}: {right} may be {wrong}"
        );
    }
}
