//! Writing what the CPE says.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::text::push_escaped;
use crate::cwmp::fault::Fault;
use crate::cwmp::message::{
    AutonomousTransferComplete, CpeCall, CpeRequest, CpeResponse, Inform, ParameterAttribute,
    ParameterInfo, ParameterValue, QueuedTransfer, RequestDownload, TransferComplete,
    TransferFault, TransferStatus,
};
use crate::datamodel::UNKNOWN_TIME;

/// Everything before the header. The prefixes are the usual ones: some ACSs compare them as text
/// (cwmp.md E5).
const START: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<soap-env:Envelope",
    " xmlns:soap-env=\"http://schemas.xmlsoap.org/soap/envelope/\"",
    " xmlns:soap-enc=\"http://schemas.xmlsoap.org/soap/encoding/\"",
    " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
    " xmlns:cwmp=\"urn:dslforum-org:cwmp-1-2\">",
);

/// Room for the envelope and a short message.
const ENVELOPE_LENGTH: usize = 1024;

/// Room for the tags around one entry of a list.
const ENTRY_LENGTH: usize = 128;

/// Writes a request of the CPE. `id` is free, but has to be unique in its session.
pub fn encode_request(id: &str, request: &CpeRequest) -> Vec<u8> {
    match request {
        CpeRequest::Inform(inform) => {
            let mut message = Message::begin(Some(id), values_length(&inform.parameters));
            message.inform(inform);
            message.finish()
        }
        CpeRequest::Call(call) => {
            let mut message = Message::begin(Some(id), 0);
            match call {
                CpeCall::TransferComplete(report) => message.transfer_complete(report),
                CpeCall::AutonomousTransferComplete(report) => {
                    message.autonomous_transfer_complete(report);
                }
                CpeCall::RequestDownload(wish) => message.request_download(wish),
            }
            message.finish()
        }
        CpeRequest::GetRpcMethods => {
            let mut message = Message::begin(Some(id), 0);
            message.leaf("cwmp:GetRPCMethods", "");
            message.finish()
        }
    }
}

/// Writes the answer to a request of the ACS. `id` is the request's own, and is given back
/// unchanged; a request without one gets an answer without one (cwmp.md E8).
pub fn encode_response(id: Option<&str>, response: &CpeResponse) -> Vec<u8> {
    let room = match response {
        CpeResponse::GetParameterValues(values) => values_length(values),
        CpeResponse::GetParameterNames(names) => names
            .iter()
            .map(|entry| entry.name.len() + ENTRY_LENGTH)
            .sum(),
        CpeResponse::GetParameterAttributes(entries) => entries
            .iter()
            .map(|entry| entry.name.len() + 2 * ENTRY_LENGTH)
            .sum(),
        _ => 0,
    };
    let mut message = Message::begin(id, room);
    match response {
        CpeResponse::GetRpcMethods(methods) => {
            message.open("cwmp:GetRPCMethodsResponse");
            message.strings("MethodList", methods);
            message.close("cwmp:GetRPCMethodsResponse");
        }
        CpeResponse::SetParameterValues { applied_later } => {
            message.open("cwmp:SetParameterValuesResponse");
            message.status(*applied_later);
            message.close("cwmp:SetParameterValuesResponse");
        }
        CpeResponse::GetParameterValues(values) => {
            message.open("cwmp:GetParameterValuesResponse");
            message.values(values);
            message.close("cwmp:GetParameterValuesResponse");
        }
        CpeResponse::GetParameterNames(names) => {
            message.open("cwmp:GetParameterNamesResponse");
            message.names(names);
            message.close("cwmp:GetParameterNamesResponse");
        }
        CpeResponse::SetParameterAttributes => {
            message.leaf("cwmp:SetParameterAttributesResponse", "");
        }
        CpeResponse::GetParameterAttributes(attributes) => {
            message.open("cwmp:GetParameterAttributesResponse");
            message.attributes(attributes);
            message.close("cwmp:GetParameterAttributesResponse");
        }
        CpeResponse::Reboot => message.leaf("cwmp:RebootResponse", ""),
        CpeResponse::Download(status) => message.transfer("cwmp:DownloadResponse", status),
        CpeResponse::Upload(status) => message.transfer("cwmp:UploadResponse", status),
        CpeResponse::AddObject {
            instance,
            applied_later,
        } => {
            message.open("cwmp:AddObjectResponse");
            message.number("InstanceNumber", *instance);
            message.status(*applied_later);
            message.close("cwmp:AddObjectResponse");
        }
        CpeResponse::DeleteObject { applied_later } => {
            message.open("cwmp:DeleteObjectResponse");
            message.status(*applied_later);
            message.close("cwmp:DeleteObjectResponse");
        }
        CpeResponse::FactoryReset => message.leaf("cwmp:FactoryResetResponse", ""),
        CpeResponse::ScheduleInform => message.leaf("cwmp:ScheduleInformResponse", ""),
        CpeResponse::GetQueuedTransfers(transfers) => {
            message.open("cwmp:GetQueuedTransfersResponse");
            message.queued_transfers(transfers, false);
            message.close("cwmp:GetQueuedTransfersResponse");
        }
        CpeResponse::GetAllQueuedTransfers(transfers) => {
            message.open("cwmp:GetAllQueuedTransfersResponse");
            message.queued_transfers(transfers, true);
            message.close("cwmp:GetAllQueuedTransfersResponse");
        }
        CpeResponse::ScheduleDownload => message.leaf("cwmp:ScheduleDownloadResponse", ""),
        CpeResponse::CancelTransfer => message.leaf("cwmp:CancelTransferResponse", ""),
    }
    message.finish()
}

/// Writes the fault that answers a request of the ACS (cwmp.md E16, E17).
pub fn encode_fault(id: Option<&str>, fault: &Fault) -> Vec<u8> {
    let room = fault
        .parameters
        .iter()
        .map(|entry| entry.name.len() + entry.text.len() + 2 * ENTRY_LENGTH)
        .sum();
    let mut message = Message::begin(id, room);
    message.open("soap-env:Fault");
    let callers = fault.code.is_callers();
    message.leaf("faultcode", if callers { "Client" } else { "Server" });
    message.leaf("faultstring", "CWMP fault");
    message.open("detail");
    message.open("cwmp:Fault");
    message.number("FaultCode", fault.code.number().into());
    message.leaf("FaultString", &fault.text);
    for parameter in &fault.parameters {
        message.open("SetParameterValuesFault");
        message.leaf("ParameterName", &parameter.name);
        message.number("FaultCode", parameter.code.number().into());
        message.leaf("FaultString", &parameter.text);
        message.close("SetParameterValuesFault");
    }
    message.close("cwmp:Fault");
    message.close("detail");
    message.close("soap-env:Fault");
    message.finish()
}

/// Writes SOAP's own fault for a request with a header that has to be understood and is not. It is
/// no CWMP fault and has no detail (cwmp.md E15; SOAP 1.1 section 4.4).
pub fn encode_must_understand_fault(id: Option<&str>, header: &str) -> Vec<u8> {
    let mut message = Message::begin(id, header.len());
    message.open("soap-env:Fault");
    message.leaf("faultcode", "soap-env:MustUnderstand");
    message.leaf(
        "faultstring",
        &format!("the header {header} is not understood"),
    );
    message.close("soap-env:Fault");
    message.finish()
}

fn values_length(values: &[ParameterValue]) -> usize {
    values
        .iter()
        .map(|entry| entry.name.len() + entry.value.len() + ENTRY_LENGTH)
        .sum()
}

/// One envelope in the making. Names and types are ours and need no escaping; texts are escaped.
struct Message {
    text: String,
}

impl Message {
    fn begin(id: Option<&str>, room: usize) -> Self {
        let mut message = Self {
            text: String::with_capacity(ENVELOPE_LENGTH + room),
        };
        message.text.push_str(START);
        if let Some(id) = id {
            let tag = "<soap-env:Header><cwmp:ID soap-env:mustUnderstand=\"1\">";
            message.text.push_str(tag);
            push_escaped(&mut message.text, id);
            message.text.push_str("</cwmp:ID></soap-env:Header>");
        }
        message.open("soap-env:Body");
        message
    }

    fn finish(mut self) -> Vec<u8> {
        self.close("soap-env:Body");
        self.close("soap-env:Envelope");
        self.text.push('\n');
        self.text.into_bytes()
    }

    fn open(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
    }

    fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        push_escaped(&mut self.text, text);
        self.close(name);
    }

    fn number(&mut self, name: &str, number: u32) {
        self.open(name);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{number}");
        self.close(name);
    }

    /// Opens an array; `count` has to be the number of entries (cwmp.md E4).
    fn array(&mut self, name: &str, entry_type: &str, count: usize) {
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "<{name} soap-enc:arrayType=\"{entry_type}[{count}]\">"
        );
    }

    fn strings(&mut self, name: &str, entries: &[String]) {
        self.array(name, "xsd:string", entries.len());
        for entry in entries {
            self.leaf("string", entry);
        }
        self.close(name);
    }

    fn values(&mut self, values: &[ParameterValue]) {
        self.array("ParameterList", "cwmp:ParameterValueStruct", values.len());
        for entry in values {
            self.open("ParameterValueStruct");
            self.leaf("Name", &entry.name);
            self.text.push_str("<Value xsi:type=\"");
            self.text.push_str(entry.value_type.xsd_name());
            self.text.push_str("\">");
            push_escaped(&mut self.text, &entry.value);
            self.close("Value");
            self.close("ParameterValueStruct");
        }
        self.close("ParameterList");
    }

    fn names(&mut self, names: &[ParameterInfo]) {
        self.array("ParameterList", "cwmp:ParameterInfoStruct", names.len());
        for entry in names {
            self.open("ParameterInfoStruct");
            self.leaf("Name", &entry.name);
            self.leaf("Writable", if entry.writable { "1" } else { "0" });
            self.close("ParameterInfoStruct");
        }
        self.close("ParameterList");
    }

    fn attributes(&mut self, attributes: &[ParameterAttribute]) {
        let count = attributes.len();
        self.array("ParameterList", "cwmp:ParameterAttributeStruct", count);
        for entry in attributes {
            self.open("ParameterAttributeStruct");
            self.leaf("Name", &entry.name);
            self.number("Notification", entry.notification.number().into());
            self.strings("AccessList", &entry.access_list);
            self.close("ParameterAttributeStruct");
        }
        self.close("ParameterList");
    }

    fn transfer(&mut self, name: &str, status: &TransferStatus) {
        let status = match status {
            TransferStatus::Later => "1",
        };
        self.open(name);
        self.leaf("Status", status);
        self.leaf("StartTime", UNKNOWN_TIME);
        self.leaf("CompleteTime", UNKNOWN_TIME);
        self.close(name);
    }

    fn inform(&mut self, inform: &Inform) {
        self.open("cwmp:Inform");
        self.open("DeviceId");
        self.leaf("Manufacturer", &inform.device_id.manufacturer);
        self.leaf("OUI", &inform.device_id.oui);
        self.leaf("ProductClass", &inform.device_id.product_class);
        self.leaf("SerialNumber", &inform.device_id.serial_number);
        self.close("DeviceId");
        self.array("Event", "cwmp:EventStruct", inform.events.len());
        for event in &inform.events {
            self.open("EventStruct");
            self.leaf("EventCode", event.code.wire_name());
            self.leaf("CommandKey", &event.command_key);
            self.close("EventStruct");
        }
        self.close("Event");
        self.leaf("MaxEnvelopes", "1");
        // The one dateTime that needs an offset in figures (cwmp.md I4).
        let now = inform.current_time.strftime("%Y-%m-%dT%H:%M:%S+00:00");
        self.leaf("CurrentTime", &now.to_string());
        self.number("RetryCount", inform.retry_count);
        self.values(&inform.parameters);
        self.close("cwmp:Inform");
    }

    fn transfer_complete(&mut self, report: &TransferComplete) {
        self.open("cwmp:TransferComplete");
        self.leaf("CommandKey", &report.command_key);
        self.fault_struct(report.fault.as_ref());
        self.moment("StartTime", report.start_time);
        self.moment("CompleteTime", report.complete_time);
        self.close("cwmp:TransferComplete");
    }

    fn autonomous_transfer_complete(&mut self, report: &AutonomousTransferComplete) {
        self.open("cwmp:AutonomousTransferComplete");
        self.leaf("AnnounceURL", &report.announce_url);
        self.leaf("TransferURL", &report.transfer_url);
        self.leaf("IsDownload", if report.is_download { "1" } else { "0" });
        self.leaf("FileType", &report.file_type);
        self.number("FileSize", report.file_size);
        self.leaf("TargetFileName", &report.target_file_name);
        self.fault_struct(report.fault.as_ref());
        self.moment("StartTime", report.start_time);
        self.moment("CompleteTime", report.complete_time);
        self.close("cwmp:AutonomousTransferComplete");
    }

    fn fault_struct(&mut self, fault: Option<&TransferFault>) {
        let (code, text) = match fault {
            Some(fault) => (fault.code.number(), fault.text.as_str()),
            None => (0, ""),
        };
        self.open("FaultStruct");
        self.number("FaultCode", code.into());
        self.leaf("FaultString", text);
        self.close("FaultStruct");
    }

    fn request_download(&mut self, wish: &RequestDownload) {
        self.open("cwmp:RequestDownload");
        self.leaf("FileType", &wish.file_type);
        self.array("FileTypeArg", "cwmp:ArgStruct", wish.arguments.len());
        for (name, value) in &wish.arguments {
            self.open("ArgStruct");
            self.leaf("Name", name);
            self.leaf("Value", value);
            self.close("ArgStruct");
        }
        self.close("FileTypeArg");
        self.close("cwmp:RequestDownload");
    }

    fn status(&mut self, applied_later: bool) {
        self.leaf("Status", if applied_later { "1" } else { "0" });
    }

    fn queued_transfers(&mut self, transfers: &[QueuedTransfer], all: bool) {
        let entry_name = if all {
            "AllQueuedTransferStruct"
        } else {
            "QueuedTransferStruct"
        };
        let entry_type = format!("cwmp:{entry_name}");
        self.array("TransferList", &entry_type, transfers.len());
        for transfer in transfers {
            self.open(entry_name);
            self.leaf("CommandKey", &transfer.command_key);
            self.number("State", transfer.state.number().into());
            if all {
                self.leaf("IsDownload", if transfer.is_download { "1" } else { "0" });
                self.leaf("FileType", &transfer.file_type);
                self.number("FileSize", transfer.file_size);
                self.leaf("TargetFileName", &transfer.target_file_name);
            }
            self.close(entry_name);
        }
        self.close("TransferList");
    }

    fn moment(&mut self, name: &str, moment: Option<Timestamp>) {
        match moment {
            Some(moment) => {
                let text = moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                self.leaf(name, &text);
            }
            None => self.leaf(name, UNKNOWN_TIME),
        }
    }
}
