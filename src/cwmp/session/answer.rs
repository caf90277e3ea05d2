//! What the answer to a POST is worth.

use super::failure::SessionFailure;
use super::machine::Reply;
use crate::cwmp::message::{AcsResponse, CpeCall};
use crate::cwmp::soap::{AcsBody, AcsMessage, decode};
use crate::cwmp::{AcsProfile, CwmpVersion};

/// `None` is an empty answer: 204, or 200 without a body (cwmp.md H8). A 500 counts when it
/// carries a fault (cwmp.md H10).
pub(super) fn read_reply(reply: Reply<'_>) -> Result<Option<AcsMessage>, SessionFailure> {
    let failed = || SessionFailure::Status {
        status: reply.status,
        retry_after: reply.retry_after,
    };
    match reply.status {
        204 => Ok(None),
        200 if reply.body.trim_ascii().is_empty() => Ok(None),
        200 => Ok(Some(decode(reply.body)?)),
        500 => match decode(reply.body) {
            Ok(message) if matches!(message.body, AcsBody::Fault(_)) => Ok(Some(message)),
            _ => Err(failed()),
        },
        _ => Err(failed()),
    }
}

/// Whether a response acknowledges a call. Some ACSs name another method when they answer
/// TransferComplete (cwmp.md section 11).
pub(super) fn acknowledges(call: &CpeCall, response: &AcsResponse, profile: &AcsProfile) -> bool {
    match (call, response) {
        (CpeCall::TransferComplete(_), AcsResponse::TransferComplete)
        | (CpeCall::AutonomousTransferComplete(_), AcsResponse::AutonomousTransferComplete)
        | (CpeCall::RequestDownload(_), AcsResponse::RequestDownload) => true,
        (CpeCall::TransferComplete(_), response) => {
            let mut others = profile.transfer_complete_answers.iter();
            others.any(|other| other == response.element())
        }
        (CpeCall::AutonomousTransferComplete(_) | CpeCall::RequestDownload(_), _) => false,
    }
}

/// The version that is in force after an InformResponse (cwmp.md E13); never more than was spoken.
pub(super) fn settled(
    spoken: CwmpVersion,
    answer: &AcsMessage,
) -> Result<CwmpVersion, SessionFailure> {
    let Some(wanted) = &answer.use_version else {
        let namespace = answer.version.unwrap_or(CwmpVersion::V1_2);
        return Ok(namespace.min(spoken));
    };
    match wanted.parse::<CwmpVersion>() {
        Ok(version) if version <= spoken => Ok(version),
        _ => Err(SessionFailure::Version {
            wanted: wanted.clone(),
            spoken,
        }),
    }
}

/// Fails on a header that has to be understood and is not (cwmp.md E15).
pub(super) fn check_understood(message: &AcsMessage) -> Result<(), SessionFailure> {
    match &message.must_understand_unknown {
        Some(header) => Err(SessionFailure::NotUnderstood {
            header: header.clone(),
        }),
        None => Ok(()),
    }
}

pub(super) fn out_of_place(wanted: &'static str, body: &AcsBody) -> SessionFailure {
    let found = match body {
        AcsBody::Request(_) => "a request".to_owned(),
        AcsBody::BadRequest { method, .. } => format!("the request {method}"),
        AcsBody::Response(response) => format!("the response {}", response.element()),
        AcsBody::Fault(fault) => match fault.code {
            Some(code) => format!("fault {code}"),
            None => "a SOAP fault".to_owned(),
        },
    };
    SessionFailure::OutOfPlace { wanted, found }
}
