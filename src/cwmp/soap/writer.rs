//! The elements of a message, written wherever the caller wants them.

use std::fmt;

use jiff::Timestamp;

use super::text::push_escaped;
use crate::cwmp::CwmpVersion;
use crate::cwmp::message::{
    AutonomousTransferComplete, Inform, ParameterAttribute, ParameterInfo, ParameterValue,
    QueuedTransfer, RequestDownload, TransferComplete, TransferFault, TransferStatus,
};
use crate::datamodel::UNKNOWN_TIME;

/// Everything before the namespace of CWMP. The prefixes are the usual ones: some ACSs compare
/// them as text (cwmp.md E5).
const START: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<soap-env:Envelope",
    " xmlns:soap-env=\"http://schemas.xmlsoap.org/soap/envelope/\"",
    " xmlns:soap-enc=\"http://schemas.xmlsoap.org/soap/encoding/\"",
    " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
    " xmlns:cwmp=\"",
);

/// Type of the entries of a list of values.
pub(super) const VALUE_TYPE: &str = "cwmp:ParameterValueStruct";

/// Writes one message. Names and types are ours and need no escaping; texts are escaped. All of it
/// is ASCII.
#[derive(Debug)]
pub(super) struct Writer<W> {
    out: W,
    version: CwmpVersion,
}

impl<W: fmt::Write> Writer<W> {
    /// Writes to `out`, which must not fail: a failure would go unseen.
    pub(super) fn new(out: W, version: CwmpVersion) -> Self {
        Self { out, version }
    }

    /// What was written to.
    pub(super) fn into_inner(self) -> W {
        self.out
    }

    /// Everything up to the header of the envelope.
    pub(super) fn envelope(&mut self) {
        self.push(START);
        self.push(self.version.namespace());
        self.push("\">");
    }

    /// A header block; one that need not be understood says so.
    pub(super) fn header(&mut self, name: &str, must_understand: bool, text: &str) {
        let flag = u8::from(must_understand);
        self.format(format_args!(
            "<cwmp:{name} soap-env:mustUnderstand=\"{flag}\">"
        ));
        push_escaped(&mut self.out, text);
        self.format(format_args!("</cwmp:{name}>"));
    }

    pub(super) fn end_line(&mut self) {
        self.push("\n");
    }

    fn push(&mut self, text: &str) {
        let _ = self.out.write_str(text);
    }

    fn format(&mut self, arguments: fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(arguments);
    }

    fn flag(&mut self, name: &str, flag: bool) {
        self.leaf(name, if flag { "1" } else { "0" });
    }

    pub(super) fn open(&mut self, name: &str) {
        self.push("<");
        self.push(name);
        self.push(">");
    }

    pub(super) fn close(&mut self, name: &str) {
        self.push("</");
        self.push(name);
        self.push(">");
    }

    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        push_escaped(&mut self.out, text);
        self.close(name);
    }

    pub(super) fn number(&mut self, name: &str, number: u32) {
        self.open(name);
        self.format(format_args!("{number}"));
        self.close(name);
    }

    /// Opens an array; `count` has to be the number of entries (cwmp.md E4).
    pub(super) fn array(&mut self, name: &str, entry_type: &str, count: usize) {
        self.format(format_args!(
            "<{name} soap-enc:arrayType=\"{entry_type}[{count}]\">"
        ));
    }

    pub(super) fn strings(&mut self, name: &str, entries: &[String]) {
        self.array(name, "xsd:string", entries.len());
        for entry in entries {
            self.leaf("string", entry);
        }
        self.close(name);
    }

    pub(super) fn value(&mut self, entry: &ParameterValue) {
        self.open("ParameterValueStruct");
        self.leaf("Name", &entry.name);
        self.push("<Value xsi:type=\"");
        self.push(entry.value_type.xsd_name());
        self.push("\">");
        push_escaped(&mut self.out, &entry.value);
        self.close("Value");
        self.close("ParameterValueStruct");
    }

    pub(super) fn info(&mut self, entry: &ParameterInfo) {
        self.open("ParameterInfoStruct");
        self.leaf("Name", &entry.name);
        self.flag("Writable", entry.writable);
        self.close("ParameterInfoStruct");
    }

    pub(super) fn attribute(&mut self, entry: &ParameterAttribute) {
        self.open("ParameterAttributeStruct");
        self.leaf("Name", &entry.name);
        self.number("Notification", entry.notification.number().into());
        self.strings("AccessList", &entry.access_list);
        self.close("ParameterAttributeStruct");
    }

    pub(super) fn transfer(&mut self, name: &str, status: &TransferStatus) {
        let status = match status {
            TransferStatus::Later => "1",
        };
        self.open(name);
        self.leaf("Status", status);
        self.leaf("StartTime", UNKNOWN_TIME);
        self.leaf("CompleteTime", UNKNOWN_TIME);
        self.close(name);
    }

    pub(super) fn inform(&mut self, inform: &Inform) {
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
        self.array("ParameterList", VALUE_TYPE, inform.parameters.len());
        for parameter in &inform.parameters {
            self.value(parameter);
        }
        self.close("ParameterList");
        self.close("cwmp:Inform");
    }

    pub(super) fn transfer_complete(&mut self, report: &TransferComplete) {
        self.open("cwmp:TransferComplete");
        self.leaf("CommandKey", &report.command_key);
        self.fault_struct(report.fault.as_ref());
        self.moment("StartTime", report.start_time);
        self.moment("CompleteTime", report.complete_time);
        self.close("cwmp:TransferComplete");
    }

    pub(super) fn autonomous_transfer_complete(&mut self, report: &AutonomousTransferComplete) {
        self.open("cwmp:AutonomousTransferComplete");
        self.leaf("AnnounceURL", &report.announce_url);
        self.leaf("TransferURL", &report.transfer_url);
        self.flag("IsDownload", report.is_download);
        self.leaf("FileType", &report.file_type);
        self.number("FileSize", report.file_size);
        self.leaf("TargetFileName", &report.target_file_name);
        self.fault_struct(report.fault.as_ref());
        self.moment("StartTime", report.start_time);
        self.moment("CompleteTime", report.complete_time);
        self.close("cwmp:AutonomousTransferComplete");
    }

    pub(super) fn fault_struct(&mut self, fault: Option<&TransferFault>) {
        let (code, text) = match fault {
            Some(fault) => (
                fault.code.within(self.version).number(),
                fault.text.as_str(),
            ),
            None => (0, ""),
        };
        self.open("FaultStruct");
        self.number("FaultCode", code.into());
        self.leaf("FaultString", text);
        self.close("FaultStruct");
    }

    pub(super) fn request_download(&mut self, wish: &RequestDownload) {
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

    pub(super) fn status(&mut self, applied_later: bool) {
        self.flag("Status", applied_later);
    }

    pub(super) fn queued_transfers(&mut self, transfers: &[QueuedTransfer], all: bool) {
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
                self.flag("IsDownload", transfer.is_download);
                self.leaf("FileType", &transfer.file_type);
                self.number("FileSize", transfer.file_size);
                self.leaf("TargetFileName", &transfer.target_file_name);
            }
            self.close(entry_name);
        }
        self.close("TransferList");
    }

    pub(super) fn moment(&mut self, name: &str, moment: Option<Timestamp>) {
        match moment {
            Some(moment) => {
                let text = moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                self.leaf(name, &text);
            }
            None => self.leaf(name, UNKNOWN_TIME),
        }
    }
}
