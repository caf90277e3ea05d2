//! Writing what the CPE says.

use super::outgoing::{Bytes, List, Outgoing};
use super::writer::{VALUE_TYPE, Writer};
use crate::cwmp::CwmpVersion;
use crate::cwmp::fault::Fault;
use crate::cwmp::message::{CpeCall, CpeRequest, CpeResponse};

/// How the CPE speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    /// The version in force: it decides the namespace, and leaves out what is newer.
    pub version: CwmpVersion,
    /// Seconds for the header SessionTimeout of an Inform; needs version 1.3 (cwmp.md E11).
    pub session_timeout: Option<u32>,
}

impl From<CwmpVersion> for Voice {
    fn from(version: CwmpVersion) -> Self {
        Self {
            version,
            session_timeout: None,
        }
    }
}

/// Writes a request of the CPE. `id` is free, but has to be unique in its session.
pub fn encode_request(voice: Voice, id: &str, request: &CpeRequest) -> Outgoing {
    let Voice {
        version,
        session_timeout,
    } = voice;
    let mut message = begin(version, Some(id), |writer| {
        if !matches!(request, CpeRequest::Inform(_)) {
            return;
        }
        if version >= CwmpVersion::V1_4 {
            let versions = CwmpVersion::ALL.map(CwmpVersion::name).join(",");
            writer.header("SupportedCWMPVersions", false, &versions);
        }
        if let Some(seconds) = session_timeout
            && version >= CwmpVersion::V1_3
        {
            writer.header("SessionTimeout", false, &seconds.to_string());
        }
    });
    match request {
        CpeRequest::Inform(inform) => message.inform(inform),
        CpeRequest::Call(CpeCall::TransferComplete(report)) => message.transfer_complete(report),
        CpeRequest::Call(CpeCall::AutonomousTransferComplete(report)) => {
            message.autonomous_transfer_complete(report);
        }
        CpeRequest::Call(CpeCall::RequestDownload(wish)) => message.request_download(wish),
        CpeRequest::GetRpcMethods => message.leaf("cwmp:GetRPCMethods", ""),
    }
    finish(message, version)
}

/// Writes the answer to a request of the ACS. `id` is the request's own, and is given back
/// unchanged; a request without one gets an answer without one (cwmp.md E8).
pub fn encode_response(version: CwmpVersion, id: Option<&str>, response: CpeResponse) -> Outgoing {
    let mut message = begin(version, id, |_| {});
    match response {
        CpeResponse::GetRpcMethods(methods) => {
            message.open("cwmp:GetRPCMethodsResponse");
            message.strings("MethodList", &methods);
            message.close("cwmp:GetRPCMethodsResponse");
        }
        CpeResponse::SetParameterValues { applied_later } => {
            message.open("cwmp:SetParameterValuesResponse");
            message.status(applied_later);
            message.close("cwmp:SetParameterValuesResponse");
        }
        CpeResponse::GetParameterValues(values) => {
            let count = values.len();
            let list = List::Values(values);
            let name = "cwmp:GetParameterValuesResponse";
            return with_list(message, name, (VALUE_TYPE, count), list, version);
        }
        CpeResponse::GetParameterNames(names) => {
            let entries = ("cwmp:ParameterInfoStruct", names.len());
            let list = List::Names(names);
            let name = "cwmp:GetParameterNamesResponse";
            return with_list(message, name, entries, list, version);
        }
        CpeResponse::SetParameterAttributes => {
            message.leaf("cwmp:SetParameterAttributesResponse", "");
        }
        CpeResponse::GetParameterAttributes(mut attributes) => {
            for attribute in &mut attributes {
                attribute.notification = attribute.notification.within(version);
            }
            let entries = ("cwmp:ParameterAttributeStruct", attributes.len());
            let list = List::Attributes(attributes);
            let name = "cwmp:GetParameterAttributesResponse";
            return with_list(message, name, entries, list, version);
        }
        CpeResponse::Reboot => message.leaf("cwmp:RebootResponse", ""),
        CpeResponse::Download(status) => message.transfer("cwmp:DownloadResponse", &status),
        CpeResponse::Upload(status) => message.transfer("cwmp:UploadResponse", &status),
        CpeResponse::AddObject {
            instance,
            applied_later,
        } => {
            message.open("cwmp:AddObjectResponse");
            message.number("InstanceNumber", instance);
            message.status(applied_later);
            message.close("cwmp:AddObjectResponse");
        }
        CpeResponse::DeleteObject { applied_later } => {
            message.open("cwmp:DeleteObjectResponse");
            message.status(applied_later);
            message.close("cwmp:DeleteObjectResponse");
        }
        CpeResponse::FactoryReset => message.leaf("cwmp:FactoryResetResponse", ""),
        CpeResponse::ScheduleInform => message.leaf("cwmp:ScheduleInformResponse", ""),
        CpeResponse::GetQueuedTransfers(transfers) => {
            message.open("cwmp:GetQueuedTransfersResponse");
            message.queued_transfers(&transfers, false);
            message.close("cwmp:GetQueuedTransfersResponse");
        }
        CpeResponse::GetAllQueuedTransfers(transfers) => {
            message.open("cwmp:GetAllQueuedTransfersResponse");
            message.queued_transfers(&transfers, true);
            message.close("cwmp:GetAllQueuedTransfersResponse");
        }
        CpeResponse::ScheduleDownload => message.leaf("cwmp:ScheduleDownloadResponse", ""),
        CpeResponse::CancelTransfer => message.leaf("cwmp:CancelTransferResponse", ""),
    }
    finish(message, version)
}

/// Writes the fault that answers a request of the ACS (cwmp.md E16, E17).
pub fn encode_fault(version: CwmpVersion, id: Option<&str>, fault: &Fault) -> Outgoing {
    let mut message = begin(version, id, |_| {});
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
    finish(message, version)
}

/// Writes SOAP's own fault for a request with a header that has to be understood and is not. It is
/// no CWMP fault and has no detail (cwmp.md E15; SOAP 1.1 section 4.4).
pub fn encode_must_understand_fault(
    version: CwmpVersion,
    id: Option<&str>,
    header: &str,
) -> Outgoing {
    let mut message = begin(version, id, |_| {});
    message.open("soap-env:Fault");
    message.leaf("faultcode", "soap-env:MustUnderstand");
    message.leaf(
        "faultstring",
        &format!("the header {header} is not understood"),
    );
    message.close("soap-env:Fault");
    finish(message, version)
}

/// An envelope with the header ID, if there is one, and what else `headers` writes after it.
fn begin(
    version: CwmpVersion,
    id: Option<&str>,
    headers: impl FnOnce(&mut Writer<Bytes>),
) -> Writer<Bytes> {
    let mut message = Writer::new(Bytes::default(), version);
    message.envelope();
    if let Some(id) = id {
        message.open("soap-env:Header");
        message.header("ID", true, id);
        headers(&mut message);
        message.close("soap-env:Header");
    }
    message.open("soap-env:Body");
    message
}

fn end<W: std::fmt::Write>(message: &mut Writer<W>) {
    message.close("soap-env:Body");
    message.close("soap-env:Envelope");
    message.end_line();
}

fn finish(mut message: Writer<Bytes>, version: CwmpVersion) -> Outgoing {
    end(&mut message);
    Outgoing::new(message.into_inner().0, List::Nothing, Vec::new(), version)
}

/// A response that is one list; `entries` is the type of the entries and their number.
fn with_list(
    mut before: Writer<Bytes>,
    name: &str,
    (entry_type, count): (&str, usize),
    list: List,
    version: CwmpVersion,
) -> Outgoing {
    before.open(name);
    before.array("ParameterList", entry_type, count);
    let mut after = Writer::new(Bytes::default(), version);
    after.close("ParameterList");
    after.close(name);
    end(&mut after);
    Outgoing::new(before.into_inner().0, list, after.into_inner().0, version)
}
