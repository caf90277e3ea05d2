//! The arguments of the ACS's requests (cwmp.md section 6, M1).

use super::limits::{MAX_KEY, MAX_NAME, MAX_SHORT_NAME};
use super::tree::Node;
use crate::cwmp::message::{
    AcsRequest, Download, ScheduleDownload, SetAttribute, SetValue, TimeWindow, Upload,
};
use crate::wire::Secret;

/// What is wrong with an argument. The text goes to the ACS; it names no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArgumentError {
    #[error("the argument {name} is missing")]
    Missing { name: &'static str },
    #[error("{name} has {length} characters; at most {limit} are allowed")]
    TooLong {
        name: &'static str,
        length: usize,
        limit: usize,
    },
    #[error("{name} should be {wanted}")]
    Mistyped {
        name: &'static str,
        wanted: &'static str,
    },
}

/// Reads a request. `None` for a method that is not known here.
pub(super) fn read_request(request: Node<'_>) -> Result<Option<AcsRequest>, ArgumentError> {
    Ok(Some(match request.name() {
        "GetRPCMethods" => AcsRequest::GetRpcMethods,
        "SetParameterValues" => AcsRequest::SetParameterValues {
            parameters: required(request, "ParameterList")?
                .children()
                .map(read_value)
                .collect::<Result<_, _>>()?,
            parameter_key: exact(request, "ParameterKey", MAX_KEY)?,
        },
        "GetParameterValues" => AcsRequest::GetParameterValues(read_names(request)?),
        "GetParameterNames" => AcsRequest::GetParameterNames {
            path: trimmed(request, "ParameterPath", MAX_NAME)?,
            next_level: boolean(request, "NextLevel")?,
        },
        "SetParameterAttributes" => AcsRequest::SetParameterAttributes(
            required(request, "ParameterList")?
                .children()
                .map(read_attribute)
                .collect::<Result<_, _>>()?,
        ),
        "GetParameterAttributes" => AcsRequest::GetParameterAttributes(read_names(request)?),
        "Reboot" => AcsRequest::Reboot {
            command_key: exact(request, "CommandKey", MAX_KEY)?,
        },
        "Download" => AcsRequest::Download(read_download(request)?),
        "Upload" => AcsRequest::Upload(read_upload(request)?),
        "AddObject" => AcsRequest::AddObject {
            object_name: trimmed(request, "ObjectName", MAX_NAME)?,
            parameter_key: exact(request, "ParameterKey", MAX_KEY)?,
        },
        "DeleteObject" => AcsRequest::DeleteObject {
            object_name: trimmed(request, "ObjectName", MAX_NAME)?,
            parameter_key: exact(request, "ParameterKey", MAX_KEY)?,
        },
        "FactoryReset" => AcsRequest::FactoryReset,
        "ScheduleInform" => AcsRequest::ScheduleInform {
            delay_seconds: number(request, "DelaySeconds", UNSIGNED)?,
            command_key: exact(request, "CommandKey", MAX_KEY)?,
        },
        "GetQueuedTransfers" => AcsRequest::GetQueuedTransfers,
        "GetAllQueuedTransfers" => AcsRequest::GetAllQueuedTransfers,
        "ScheduleDownload" => AcsRequest::ScheduleDownload(read_schedule_download(request)?),
        "CancelTransfer" => AcsRequest::CancelTransfer {
            command_key: exact(request, "CommandKey", MAX_KEY)?,
        },
        _ => return Ok(None),
    }))
}

/// The texts of an array of strings, trimmed. The entries' names say nothing in SOAP, so any will
/// do.
pub(super) fn strings(array: Node<'_>) -> Vec<String> {
    array
        .children()
        .filter_map(Node::text)
        .map(|text| text.trim_ascii().to_owned())
        .collect()
}

/// A boolean in any of its spellings (cwmp.md E7).
pub(super) fn flag(node: Node<'_>) -> Option<bool> {
    match node.text()?.trim_ascii() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn read_names(request: Node<'_>) -> Result<Vec<String>, ArgumentError> {
    required(request, "ParameterNames")?
        .children()
        .map(|entry| {
            let text = plain_text(entry, "ParameterNames")?.trim_ascii();
            within("ParameterNames", text, MAX_NAME)
        })
        .collect()
}

fn read_value(entry: Node<'_>) -> Result<SetValue, ArgumentError> {
    let value = required(entry, "Value")?;
    Ok(SetValue {
        name: trimmed(entry, "Name", MAX_NAME)?,
        value: plain_text(value, "Value")?.to_owned(),
        value_type: value.value_type(),
    })
}

/// What stands beside a Change flag that is false is not looked at (cwmp.md M60).
fn read_attribute(entry: Node<'_>) -> Result<SetAttribute, ArgumentError> {
    let notification = if boolean(entry, "NotificationChange")? {
        Some(number(entry, "Notification", "a whole number")?)
    } else {
        None
    };
    let access_list = if boolean(entry, "AccessListChange")? {
        let entities = strings(required(entry, "AccessList")?);
        for entity in &entities {
            check_length("AccessList", entity, MAX_SHORT_NAME)?;
        }
        Some(entities)
    } else {
        None
    };
    Ok(SetAttribute {
        name: trimmed(entry, "Name", MAX_NAME)?,
        notification,
        access_list,
    })
}

fn read_download(request: Node<'_>) -> Result<Download, ArgumentError> {
    // For a browser on the phone's network: never used (cwmp.md M101), so they may be missing.
    for name in ["SuccessURL", "FailureURL"] {
        if let Some(text) = request.child(name).and_then(Node::text) {
            check_length(name, text, MAX_NAME)?;
        }
    }
    let delay_seconds = number(request, "DelaySeconds", UNSIGNED)?;
    read_file(request, delay_seconds)
}

fn read_schedule_download(request: Node<'_>) -> Result<ScheduleDownload, ArgumentError> {
    Ok(ScheduleDownload {
        download: read_file(request, 0)?,
        windows: required(request, "TimeWindowList")?
            .children()
            .map(read_window)
            .collect::<Result<_, _>>()?,
    })
}

fn read_window(entry: Node<'_>) -> Result<TimeWindow, ArgumentError> {
    Ok(TimeWindow {
        start: number(entry, "WindowStart", UNSIGNED)?,
        end: number(entry, "WindowEnd", UNSIGNED)?,
        mode: trimmed(entry, "WindowMode", MAX_SHORT_NAME)?,
        user_message: exact(entry, "UserMessage", MAX_NAME)?,
        max_retries: number(entry, "MaxRetries", "a whole number")?,
    })
}

/// What Download and ScheduleDownload have in common.
fn read_file(request: Node<'_>, delay_seconds: u32) -> Result<Download, ArgumentError> {
    Ok(Download {
        command_key: exact(request, "CommandKey", MAX_KEY)?,
        file_type: trimmed(request, "FileType", MAX_SHORT_NAME)?,
        url: trimmed(request, "URL", MAX_NAME)?,
        username: exact(request, "Username", MAX_NAME)?,
        password: Secret::new(exact(request, "Password", MAX_NAME)?),
        file_size: number(request, "FileSize", UNSIGNED)?,
        target_file_name: exact(request, "TargetFileName", MAX_NAME)?,
        delay_seconds,
    })
}

fn read_upload(request: Node<'_>) -> Result<Upload, ArgumentError> {
    Ok(Upload {
        command_key: exact(request, "CommandKey", MAX_KEY)?,
        file_type: trimmed(request, "FileType", MAX_SHORT_NAME)?,
        url: trimmed(request, "URL", MAX_NAME)?,
        username: exact(request, "Username", MAX_NAME)?,
        password: Secret::new(exact(request, "Password", MAX_NAME)?),
        delay_seconds: number(request, "DelaySeconds", UNSIGNED)?,
    })
}

const UNSIGNED: &str = "a whole number from 0 to 4294967295";

fn required<'t>(parent: Node<'t>, name: &'static str) -> Result<Node<'t>, ArgumentError> {
    parent.child(name).ok_or(ArgumentError::Missing { name })
}

/// Text of an element that may hold nothing else: `<Value><b/></Value>` must not read as empty.
fn plain_text<'t>(node: Node<'t>, name: &'static str) -> Result<&'t str, ArgumentError> {
    node.text().ok_or(ArgumentError::Mistyped {
        name,
        wanted: "text without elements in it",
    })
}

fn exact(parent: Node<'_>, name: &'static str, limit: usize) -> Result<String, ArgumentError> {
    within(name, plain_text(required(parent, name)?, name)?, limit)
}

fn trimmed(parent: Node<'_>, name: &'static str, limit: usize) -> Result<String, ArgumentError> {
    let text = plain_text(required(parent, name)?, name)?;
    within(name, text.trim_ascii(), limit)
}

fn boolean(parent: Node<'_>, name: &'static str) -> Result<bool, ArgumentError> {
    flag(required(parent, name)?).ok_or(ArgumentError::Mistyped {
        name,
        wanted: "0, 1, false or true",
    })
}

fn number<N: std::str::FromStr>(
    parent: Node<'_>,
    name: &'static str,
    wanted: &'static str,
) -> Result<N, ArgumentError> {
    let text = plain_text(required(parent, name)?, name)?;
    let number = text.trim_ascii().parse();
    number.map_err(|_| ArgumentError::Mistyped { name, wanted })
}

fn within(name: &'static str, text: &str, limit: usize) -> Result<String, ArgumentError> {
    check_length(name, text, limit)?;
    Ok(text.to_owned())
}

fn check_length(name: &'static str, text: &str, limit: usize) -> Result<(), ArgumentError> {
    let length = text.chars().count();
    if length > limit {
        return Err(ArgumentError::TooLong {
            name,
            length,
            limit,
        });
    }
    Ok(())
}
