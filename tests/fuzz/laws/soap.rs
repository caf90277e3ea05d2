//! The law of the SOAP reader. The file that takes this module in has `cwmp` in scope.

use super::cwmp::{AcsBody, AcsMessage, AcsRequest, CwmpVersion, decode, encode_fault};

/// The law: any bytes are a message or an error, never a panic; whatever is taken for a request
/// keeps the lengths that the schema sets; and a refusal of it can always be written.
pub(crate) fn holds(body: &[u8]) {
    let Ok(message) = decode(body) else {
        return;
    };
    let AcsMessage {
        id,
        body,
        version,
        use_version,
        ..
    } = message;
    assert!(version <= Some(CwmpVersion::V1_2), "no namespace says more");
    assert!(use_version.is_none_or(|text| text.chars().count() <= 64));
    match body {
        AcsBody::Request(request) => check(&request),
        AcsBody::BadRequest { fault, .. } => {
            let refusal = encode_fault(version.unwrap_or_default(), id.as_deref(), &fault);
            let written = refusal.to_vec();
            assert!(written.is_ascii());
            assert_eq!(written.len(), refusal.length());
        }
        AcsBody::Response(_) => {}
        AcsBody::Fault(fault) => assert!(fault.text.chars().count() <= 256),
    }
}

fn check(request: &AcsRequest) {
    let within = |text: &str, limit: usize| assert!(text.chars().count() <= limit);
    within(request.method(), 64);
    match request {
        AcsRequest::GetRpcMethods => {}
        AcsRequest::SetParameterValues {
            parameters,
            parameter_key,
        } => {
            parameters.iter().for_each(|entry| within(&entry.name, 256));
            within(parameter_key, 32);
        }
        AcsRequest::GetParameterValues(names) | AcsRequest::GetParameterAttributes(names) => {
            names.iter().for_each(|name| within(name, 256));
        }
        AcsRequest::GetParameterNames { path, .. } => within(path, 256),
        AcsRequest::SetParameterAttributes(entries) => {
            entries.iter().for_each(|entry| within(&entry.name, 256));
        }
        AcsRequest::Reboot { command_key } => within(command_key, 32),
        AcsRequest::Download(download) => {
            within(&download.command_key, 32);
            within(&download.file_type, 64);
            within(&download.url, 256);
        }
        AcsRequest::Upload(upload) => {
            within(&upload.command_key, 32);
            within(&upload.file_type, 64);
            within(&upload.url, 256);
        }
        AcsRequest::AddObject {
            object_name,
            parameter_key,
        }
        | AcsRequest::DeleteObject {
            object_name,
            parameter_key,
        } => {
            within(object_name, 256);
            within(parameter_key, 32);
        }
        AcsRequest::FactoryReset
        | AcsRequest::GetQueuedTransfers
        | AcsRequest::GetAllQueuedTransfers => {}
        AcsRequest::ScheduleInform { command_key, .. }
        | AcsRequest::CancelTransfer { command_key } => within(command_key, 32),
        AcsRequest::ScheduleDownload(schedule) => {
            within(&schedule.download.command_key, 32);
            within(&schedule.download.file_type, 64);
            within(&schedule.download.url, 256);
            for window in &schedule.windows {
                within(&window.mode, 64);
                within(&window.user_message, 256);
            }
        }
        AcsRequest::Unsupported(method) => within(method, 64),
    }
}
