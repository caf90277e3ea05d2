//! The messages of a CPE as `cwmp-1-0.xsd` to `cwmp-1-4.xsd` have them: order of elements, lengths,
//! enumerations, and what came with which.

use std::ops::RangeInclusive;

use super::text::Rule;

/// What may stand in an element.
#[derive(Debug)]
pub(super) enum Content {
    /// Whatever: a value, whose type is checked apart.
    Any,
    /// Text.
    Text(Rule),
    /// Elements in this order.
    Sequence(&'static [Part]),
    /// A SOAP array.
    Array {
        /// Local name of the type in `arrayType`.
        kind: &'static str,
        /// Its items.
        item: &'static Part,
    },
}

/// One element of a sequence or array.
#[derive(Debug)]
pub(super) struct Part {
    /// Local name.
    pub(super) name: &'static str,
    /// What is in it.
    pub(super) content: Content,
    /// How often it may stand there.
    pub(super) times: RangeInclusive<usize>,
}

const fn one(name: &'static str, content: Content) -> Part {
    Part {
        name,
        content,
        times: 1..=1,
    }
}

const fn text(name: &'static str, rule: Rule) -> Part {
    one(name, Content::Text(rule))
}

const fn several(name: &'static str, content: Content, times: RangeInclusive<usize>) -> Part {
    Part {
        name,
        content,
        times,
    }
}

const fn array(name: &'static str, kind: &'static str, item: &'static Part) -> Part {
    one(name, Content::Array { kind, item })
}

const NOTHING: Content = Content::Sequence(&[]);
const STATUS: Content = Content::Sequence(&[text("Status", Rule::Number(0, 1))]);
const NUMBER: Rule = Rule::Number(0, u32::MAX);

static PARAMETER_VALUE: Part = several(
    "ParameterValueStruct",
    Content::Sequence(&[text("Name", Rule::AtMost(256)), one("Value", Content::Any)]),
    0..=usize::MAX,
);

static PARAMETER_INFO: Part = several(
    "ParameterInfoStruct",
    Content::Sequence(&[
        text("Name", Rule::AtMost(256)),
        text("Writable", Rule::Boolean),
    ]),
    0..=usize::MAX,
);

static ACCESS: Part = several(
    "string",
    Content::Text(Rule::Exactly("Subscriber")),
    0..=usize::MAX,
);

static PARAMETER_ATTRIBUTE: Part = several(
    "ParameterAttributeStruct",
    Content::Sequence(&[
        text("Name", Rule::AtMost(256)),
        text("Notification", Rule::Number(0, 6)),
        array("AccessList", "string", &ACCESS),
    ]),
    0..=usize::MAX,
);

static EVENT: Part = several(
    "EventStruct",
    Content::Sequence(&[
        text("EventCode", Rule::EventCode),
        text("CommandKey", Rule::AtMost(32)),
    ]),
    0..=64,
);

static METHOD: Part = several("string", Content::Text(Rule::AtMost(64)), 1..=usize::MAX);

static ARGUMENT: Part = several(
    "ArgStruct",
    Content::Sequence(&[
        text("Name", Rule::AtMost(64)),
        text("Value", Rule::AtMost(256)),
    ]),
    0..=16,
);

static QUEUED_TRANSFER: Part = several(
    "QueuedTransferStruct",
    Content::Sequence(&[
        text("CommandKey", Rule::AtMost(32)),
        text("State", Rule::Number(1, 3)),
    ]),
    0..=16,
);

static ANY_QUEUED_TRANSFER: Part = several(
    "AllQueuedTransferStruct",
    Content::Sequence(&[
        text("CommandKey", Rule::AtMost(32)),
        text("State", Rule::Number(1, 3)),
        text("IsDownload", Rule::Boolean),
        text("FileType", Rule::FileType),
        text("FileSize", NUMBER),
        text("TargetFileName", Rule::AtMost(256)),
    ]),
    0..=16,
);

const TRANSFER_FAULT: Content = Content::Sequence(&[
    text("FaultCode", Rule::TransferFault),
    text("FaultString", Rule::AtMost(256)),
]);

const TRANSFER_RESPONSE: Content = Content::Sequence(&[
    text("Status", Rule::Number(0, 1)),
    text("StartTime", Rule::DateTime),
    text("CompleteTime", Rule::DateTime),
]);

/// The detail of a fault.
pub(super) static FAULT: Content = Content::Sequence(&[
    text("FaultCode", Rule::Number(9000, 9899)),
    several("FaultString", Content::Text(Rule::Anything), 0..=1),
    several(
        "SetParameterValuesFault",
        Content::Sequence(&[
            text("ParameterName", Rule::Anything),
            text("FaultCode", Rule::Number(9000, 9899)),
            several("FaultString", Content::Text(Rule::Anything), 0..=1),
        ]),
        0..=usize::MAX,
    ),
]);

/// Everything that a CPE may send, faults apart.
pub(super) static RPC_METHODS: [(&str, Content); 22] = [
    (
        "Inform",
        Content::Sequence(&[
            one(
                "DeviceId",
                Content::Sequence(&[
                    text("Manufacturer", Rule::AtMost(64)),
                    text("OUI", Rule::Oui),
                    text("ProductClass", Rule::AtMost(64)),
                    text("SerialNumber", Rule::AtMost(64)),
                ]),
            ),
            array("Event", "EventStruct", &EVENT),
            text("MaxEnvelopes", Rule::Exactly("1")),
            one("CurrentTime", Content::Any),
            text("RetryCount", NUMBER),
            array("ParameterList", "ParameterValueStruct", &PARAMETER_VALUE),
        ]),
    ),
    (
        "TransferComplete",
        Content::Sequence(&[
            text("CommandKey", Rule::AtMost(32)),
            one("FaultStruct", TRANSFER_FAULT),
            text("StartTime", Rule::DateTime),
            text("CompleteTime", Rule::DateTime),
        ]),
    ),
    (
        "AutonomousTransferComplete",
        Content::Sequence(&[
            text("AnnounceURL", Rule::AtMost(1024)),
            text("TransferURL", Rule::AtMost(1024)),
            text("IsDownload", Rule::Boolean),
            text("FileType", Rule::FileType),
            text("FileSize", NUMBER),
            text("TargetFileName", Rule::AtMost(256)),
            one("FaultStruct", TRANSFER_FAULT),
            text("StartTime", Rule::DateTime),
            text("CompleteTime", Rule::DateTime),
        ]),
    ),
    (
        "RequestDownload",
        Content::Sequence(&[
            text("FileType", Rule::FileType),
            array("FileTypeArg", "ArgStruct", &ARGUMENT),
        ]),
    ),
    ("GetRPCMethods", NOTHING),
    (
        "GetRPCMethodsResponse",
        Content::Sequence(&[array("MethodList", "string", &METHOD)]),
    ),
    ("SetParameterValuesResponse", STATUS),
    (
        "GetParameterValuesResponse",
        Content::Sequence(&[array(
            "ParameterList",
            "ParameterValueStruct",
            &PARAMETER_VALUE,
        )]),
    ),
    (
        "GetParameterNamesResponse",
        Content::Sequence(&[array(
            "ParameterList",
            "ParameterInfoStruct",
            &PARAMETER_INFO,
        )]),
    ),
    ("SetParameterAttributesResponse", NOTHING),
    (
        "GetParameterAttributesResponse",
        Content::Sequence(&[array(
            "ParameterList",
            "ParameterAttributeStruct",
            &PARAMETER_ATTRIBUTE,
        )]),
    ),
    (
        "AddObjectResponse",
        Content::Sequence(&[
            text("InstanceNumber", Rule::Number(1, u32::MAX)),
            text("Status", Rule::Number(0, 1)),
        ]),
    ),
    ("DeleteObjectResponse", STATUS),
    ("RebootResponse", NOTHING),
    ("DownloadResponse", TRANSFER_RESPONSE),
    ("UploadResponse", TRANSFER_RESPONSE),
    ("ScheduleInformResponse", NOTHING),
    ("FactoryResetResponse", NOTHING),
    (
        "GetQueuedTransfersResponse",
        Content::Sequence(&[array(
            "TransferList",
            "QueuedTransferStruct",
            &QUEUED_TRANSFER,
        )]),
    ),
    (
        "GetAllQueuedTransfersResponse",
        Content::Sequence(&[array(
            "TransferList",
            "AllQueuedTransferStruct",
            &ANY_QUEUED_TRANSFER,
        )]),
    ),
    ("ScheduleDownloadResponse", NOTHING),
    ("CancelTransferResponse", NOTHING),
];

/// The first namespace that has a message, by its last figure: 0, 1 or 2.
pub(super) fn first_namespace(message: &str) -> u8 {
    match message {
        "AutonomousTransferComplete" | "GetAllQueuedTransfersResponse" => 1,
        "ScheduleDownloadResponse" | "CancelTransferResponse" => 2,
        _ => 0,
    }
}

/// The same for a fault code, of a fault or a report.
pub(super) fn first_namespace_of_fault(code: u32) -> u8 {
    match code {
        9014..=9019 => 1,
        9020.. => 2,
        _ => 0,
    }
}

/// The same for an event code.
pub(super) fn first_namespace_of_event(code: &str) -> u8 {
    match code {
        "10 AUTONOMOUS TRANSFER COMPLETE" => 1,
        "M ScheduleDownload" | "14 HEARTBEAT" => 2,
        _ => 0,
    }
}
