//! What a CPE said, read for a script.

use super::xml::{self, Element, XmlError};

/// Namespace of a SOAP 1.1 envelope.
pub const ENVELOPE_NAMESPACE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of `xsi:type`.
pub const INSTANCE_NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Why a body is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// No XML.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Not an envelope with one thing in its body.
    #[error("the root is {0}, not a SOAP envelope with one element in its Body")]
    NoEnvelope(String),
}

/// One message of a CPE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpeMessage {
    /// `cwmp:ID` of the header.
    pub id: Option<String>,
    /// Local name of the element in the body: `Inform`, `GetParameterValuesResponse`, `Fault`.
    pub method: String,
    /// Namespace of that element, for a fault that of its detail.
    pub namespace: String,
    /// The header blocks.
    pub header: Vec<Element>,
    /// The element in the body.
    pub body: Element,
}

/// Identity of a CPE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId {
    /// Maker.
    pub manufacturer: String,
    /// Six hex digits.
    pub oui: String,
    /// Product class.
    pub product_class: String,
    /// Serial number.
    pub serial_number: String,
}

/// One event of an Inform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `0 BOOTSTRAP`.
    pub code: String,
    /// Key of the command that caused it; empty for most.
    pub command_key: String,
}

/// One parameter with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterValue {
    /// Full path.
    pub name: String,
    /// `xsi:type`, as written: `xsd:string`.
    pub kind: String,
    /// The text, untouched.
    pub value: String,
}

/// What GetParameterNames tells of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterName {
    /// Path; an object's ends in a dot.
    pub name: String,
    /// Whether it may be written, or rows added or deleted.
    pub writable: bool,
}

/// What GetParameterAttributes tells of one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterAttribute {
    /// Full path.
    pub name: String,
    /// 0 to 6.
    pub notification: String,
    /// Who may write beside the ACS.
    pub access_list: Vec<String>,
}

/// An Inform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inform {
    /// Who.
    pub device_id: DeviceId,
    /// Why.
    pub events: Vec<Event>,
    /// As written; it ought to be 1.
    pub max_envelopes: String,
    /// As written.
    pub current_time: String,
    /// How often this session was tried before.
    pub retry_count: u32,
    /// The forced list and what changed.
    pub parameters: Vec<ParameterValue>,
}

impl Inform {
    /// Whether an event with this code is there.
    pub fn has_event(&self, code: &str) -> bool {
        self.events.iter().any(|event| event.code == code)
    }

    /// The event codes, sorted.
    pub fn event_codes(&self) -> Vec<&str> {
        let mut codes: Vec<_> = self
            .events
            .iter()
            .map(|event| event.code.as_str())
            .collect();
        codes.sort_unstable();
        codes
    }

    /// The CommandKeys of the events with this code.
    pub fn command_keys(&self, code: &str) -> Vec<&str> {
        self.events
            .iter()
            .filter(|event| event.code == code)
            .map(|event| event.command_key.as_str())
            .collect()
    }

    /// The value of a parameter in the list.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
            .map(|parameter| parameter.value.as_str())
    }
}

/// A fault that a CPE answered with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault {code} ({soap_code}): {text}")]
pub struct CwmpFault {
    /// Local part of the SOAP faultcode: `Client`, `Server`, `MustUnderstand`.
    pub soap_code: String,
    /// CWMP fault code; 0 when the fault has no CWMP detail.
    pub code: u32,
    /// CWMP fault text, or that of SOAP without a detail.
    pub text: String,
    /// What was wrong with each parameter of a SetParameterValues.
    pub parameters: Vec<ParameterFault>,
}

/// What was wrong with one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterFault {
    /// Its name as it was asked.
    pub name: String,
    /// CWMP fault code.
    pub code: u32,
    /// Text.
    pub text: String,
}

/// The report of a finished transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferComplete {
    /// Key of the Download or Upload.
    pub command_key: String,
    /// 0 on success.
    pub fault_code: u32,
    /// Empty on success.
    pub fault_text: String,
    /// As written.
    pub start_time: String,
    /// As written.
    pub complete_time: String,
}

/// The report of a transfer that the ACS did not order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutonomousTransferComplete {
    /// Where it was announced.
    pub announce_url: String,
    /// Where the file came from or went to.
    pub transfer_url: String,
    /// False for an upload.
    pub is_download: bool,
    /// `1 Firmware Upgrade Image`.
    pub file_type: String,
    /// Bytes.
    pub file_size: u32,
    /// Name of the file.
    pub target_file_name: String,
    /// 0 on success.
    pub fault_code: u32,
    /// Empty on success.
    pub fault_text: String,
    /// As written.
    pub start_time: String,
    /// As written.
    pub complete_time: String,
}

/// The wish for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDownload {
    /// `1 Firmware Upgrade Image`.
    pub file_type: String,
    /// Name and value of each argument.
    pub arguments: Vec<(String, String)>,
}

/// An entry of GetQueuedTransfersResponse or GetAllQueuedTransfersResponse. In the former, all but
/// key and state are empty, 0 or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedTransfer {
    /// Key of the command.
    pub command_key: String,
    /// 1 waits, 2 runs, 3 is done.
    pub state: u32,
    /// False for an upload.
    pub is_download: bool,
    /// `3 Vendor Configuration File`.
    pub file_type: String,
    /// Bytes.
    pub file_size: u32,
    /// Name of the file.
    pub target_file_name: String,
}

impl CpeMessage {
    /// Reads the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, MessageError> {
        let root = xml::parse(body)?;
        let no_envelope = || MessageError::NoEnvelope(root.name.clone());
        if !root.is(ENVELOPE_NAMESPACE, "Envelope") {
            return Err(no_envelope());
        }
        let header = root
            .child("Header")
            .map(|header| header.children.clone())
            .unwrap_or_default();
        let [body] = root
            .child("Body")
            .ok_or_else(no_envelope)?
            .children
            .as_slice()
        else {
            return Err(no_envelope());
        };
        let named = body
            .child("detail")
            .and_then(|detail| detail.child("Fault"));
        Ok(Self {
            id: header
                .iter()
                .find(|block| block.name == "ID")
                .map(|block| block.text.clone()),
            method: body.name.clone(),
            namespace: named.unwrap_or(body).namespace.clone().unwrap_or_default(),
            header,
            body: body.clone(),
        })
    }

    /// The Inform in it.
    pub fn inform(&self) -> Option<Inform> {
        if self.method != "Inform" {
            return None;
        }
        let device_id = self.body.child("DeviceId")?;
        Some(Inform {
            device_id: DeviceId {
                manufacturer: device_id.child_text("Manufacturer").to_owned(),
                oui: device_id.child_text("OUI").to_owned(),
                product_class: device_id.child_text("ProductClass").to_owned(),
                serial_number: device_id.child_text("SerialNumber").to_owned(),
            },
            events: self
                .items("Event")
                .map(|event| Event {
                    code: event.child_text("EventCode").to_owned(),
                    command_key: event.child_text("CommandKey").to_owned(),
                })
                .collect(),
            max_envelopes: self.body.child_text("MaxEnvelopes").to_owned(),
            current_time: self.body.child_text("CurrentTime").to_owned(),
            retry_count: number(self.body.child_text("RetryCount")),
            parameters: self.values(),
        })
    }

    /// The fault in it.
    pub fn fault(&self) -> Option<CwmpFault> {
        if self.method != "Fault" {
            return None;
        }
        let soap_code = self.body.child_text("faultcode");
        let soap_code = soap_code.rsplit(':').next().unwrap_or(soap_code).to_owned();
        let detail = self
            .body
            .child("detail")
            .and_then(|detail| detail.child("Fault"));
        Some(CwmpFault {
            soap_code,
            code: detail.map_or(0, |fault| number(fault.child_text("FaultCode"))),
            text: detail
                .map_or(self.body.child_text("faultstring"), |fault| {
                    fault.child_text("FaultString")
                })
                .to_owned(),
            parameters: detail
                .into_iter()
                .flat_map(|fault| &fault.children)
                .filter(|child| child.name == "SetParameterValuesFault")
                .map(|fault| ParameterFault {
                    name: fault.child_text("ParameterName").to_owned(),
                    code: number(fault.child_text("FaultCode")),
                    text: fault.child_text("FaultString").to_owned(),
                })
                .collect(),
        })
    }

    /// The TransferComplete in it.
    pub fn transfer_complete(&self) -> Option<TransferComplete> {
        if self.method != "TransferComplete" {
            return None;
        }
        let fault = self.body.child("FaultStruct")?;
        Some(TransferComplete {
            command_key: self.body.child_text("CommandKey").to_owned(),
            fault_code: number(fault.child_text("FaultCode")),
            fault_text: fault.child_text("FaultString").to_owned(),
            start_time: self.body.child_text("StartTime").to_owned(),
            complete_time: self.body.child_text("CompleteTime").to_owned(),
        })
    }

    /// The AutonomousTransferComplete in it.
    pub fn autonomous_transfer_complete(&self) -> Option<AutonomousTransferComplete> {
        if self.method != "AutonomousTransferComplete" {
            return None;
        }
        let text = |name| self.body.child_text(name).to_owned();
        let fault = self.body.child("FaultStruct")?;
        Some(AutonomousTransferComplete {
            announce_url: text("AnnounceURL"),
            transfer_url: text("TransferURL"),
            is_download: truth(self.body.child_text("IsDownload")),
            file_type: text("FileType"),
            file_size: number(self.body.child_text("FileSize")),
            target_file_name: text("TargetFileName"),
            fault_code: number(fault.child_text("FaultCode")),
            fault_text: fault.child_text("FaultString").to_owned(),
            start_time: text("StartTime"),
            complete_time: text("CompleteTime"),
        })
    }

    /// The RequestDownload in it.
    pub fn request_download(&self) -> Option<RequestDownload> {
        if self.method != "RequestDownload" {
            return None;
        }
        let argument = |item: &Element| {
            let (name, value) = (item.child_text("Name"), item.child_text("Value"));
            (name.to_owned(), value.to_owned())
        };
        Some(RequestDownload {
            file_type: self.body.child_text("FileType").to_owned(),
            arguments: self.items("FileTypeArg").map(argument).collect(),
        })
    }

    /// The transfers in its TransferList.
    pub fn queued_transfers(&self) -> Vec<QueuedTransfer> {
        self.items("TransferList")
            .map(|item| QueuedTransfer {
                command_key: item.child_text("CommandKey").to_owned(),
                state: number(item.child_text("State")),
                is_download: truth(item.child_text("IsDownload")),
                file_type: item.child_text("FileType").to_owned(),
                file_size: item.child("FileSize").map_or(0, |size| number(&size.text)),
                target_file_name: item.child_text("TargetFileName").to_owned(),
            })
            .collect()
    }

    /// The text of a header block with this name.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header
            .iter()
            .find(|block| block.name == name)
            .map(|block| block.text.as_str())
    }

    /// The values in its ParameterList.
    pub fn values(&self) -> Vec<ParameterValue> {
        self.items("ParameterList")
            .map(|item| ParameterValue {
                name: item.child_text("Name").to_owned(),
                kind: item
                    .child("Value")
                    .and_then(|value| value.attribute(Some(INSTANCE_NAMESPACE), "type"))
                    .unwrap_or_default()
                    .to_owned(),
                value: item.child_text("Value").to_owned(),
            })
            .collect()
    }

    /// The names in its ParameterList.
    pub fn names(&self) -> Vec<ParameterName> {
        self.items("ParameterList")
            .map(|item| ParameterName {
                name: item.child_text("Name").to_owned(),
                writable: truth(item.child_text("Writable")),
            })
            .collect()
    }

    /// The attributes in its ParameterList.
    pub fn attributes(&self) -> Vec<ParameterAttribute> {
        self.items("ParameterList")
            .map(|item| ParameterAttribute {
                name: item.child_text("Name").to_owned(),
                notification: item.child_text("Notification").to_owned(),
                access_list: item
                    .child("AccessList")
                    .into_iter()
                    .flat_map(|list| &list.children)
                    .map(|entry| entry.text.clone())
                    .collect(),
            })
            .collect()
    }

    fn items(&self, list: &str) -> impl Iterator<Item = &Element> {
        self.body
            .child(list)
            .into_iter()
            .flat_map(|list| &list.children)
    }
}

fn truth(text: &str) -> bool {
    matches!(text, "1" | "true")
}

/// A number of the protocol; what is none reads as the largest, which no script expects.
fn number(text: &str) -> u32 {
    text.trim().parse().unwrap_or(u32::MAX)
}
