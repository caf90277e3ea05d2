//! Reading what the ACS says.

use super::arguments::{ArgumentError, flag, read_request, strings};
use super::error::SoapError;
use super::limits::{MAX_FAULT_TEXT, MAX_SHORT_NAME};
use super::tree::{Node, Tree};
use crate::cwmp::CwmpVersion;
use crate::cwmp::fault::{Fault, FaultCode};
use crate::cwmp::message::{AcsRequest, AcsResponse};

/// One envelope of the ACS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcsMessage {
    /// The header ID, unescaped and otherwise as it came; `None` when there is none.
    pub id: Option<String>,
    /// The header HoldRequests: the CPE must keep its own requests back (cwmp.md E9). False when
    /// there is none.
    pub hold_requests: bool,
    /// Local name of the first header that has to be understood and is not known (cwmp.md E15).
    pub must_understand_unknown: Option<String>,
    /// What the namespace of the message stands for at most; `None` without a namespace of CWMP
    /// (cwmp.md E13).
    pub version: Option<CwmpVersion>,
    /// The header UseCWMPVersion, trimmed and shortened; it belongs into an InformResponse
    /// (cwmp.md E12).
    pub use_version: Option<String>,
    /// What the body holds.
    pub body: AcsBody,
}

/// What an envelope of the ACS holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcsBody {
    /// A request that can be executed, or whose method is not known.
    Request(AcsRequest),
    /// A request of a known method with an argument missing, over-long or of another type
    /// (cwmp.md M1).
    BadRequest {
        /// Its method.
        method: String,
        /// The answer that it gets.
        fault: Fault,
    },
    /// The answer to a request of the CPE.
    Response(AcsResponse),
    /// A fault in answer to a request of the CPE.
    Fault(AcsFault),
}

/// A fault of the ACS (cwmp.md section 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcsFault {
    /// 8000 to 8899; `None` for a SOAP fault without CWMP's detail.
    pub code: Option<u16>,
    /// What the ACS says about it, shortened to 256 characters.
    pub text: String,
}

impl AcsFault {
    /// Whether the very same request has to be sent again (8005, cwmp.md N9).
    pub fn asks_for_retry(&self) -> bool {
        self.code == Some(8005)
    }
}

/// Reads an envelope.
///
/// Any CWMP namespace, any prefix and any layout is understood, and what is not known is passed
/// over (cwmp.md E15, E20). White space around names, paths, URLs, file types, numbers and
/// booleans is taken off; values, keys, user names, passwords and the ID stay as they are.
///
/// # Errors
/// [`SoapError`] when the body is no SOAP message, or breaks one of the limits.
pub fn decode(body: &[u8]) -> Result<AcsMessage, SoapError> {
    let tree = Tree::parse(body)?;
    let envelope = tree.root().ok_or(SoapError::NoMessage)?;
    if envelope.name() != "Envelope" {
        return Err(SoapError::NoEnvelope {
            root: shortened(envelope.name(), MAX_SHORT_NAME),
        });
    }
    let mut message = AcsMessage {
        id: None,
        hold_requests: false,
        must_understand_unknown: None,
        version: tree.version(),
        use_version: None,
        body: read_body(envelope)?,
    };
    for header in envelope
        .child("Header")
        .into_iter()
        .flat_map(Node::children)
    {
        match header.name() {
            "ID" => message.id = Some(header.text().unwrap_or_default().to_owned()),
            "HoldRequests" => message.hold_requests = flag(header).unwrap_or(false),
            "UseCWMPVersion" => {
                let text = header.text().unwrap_or_default().trim_ascii();
                message.use_version = Some(shortened(text, MAX_SHORT_NAME));
            }
            // Of older drafts; has no meaning (cwmp.md E10).
            "NoMoreRequests" => {}
            name if header.must_understand() && message.must_understand_unknown.is_none() => {
                message.must_understand_unknown = Some(shortened(name, MAX_SHORT_NAME));
            }
            _ => {}
        }
    }
    Ok(message)
}

fn read_body(envelope: Node<'_>) -> Result<AcsBody, SoapError> {
    let content = match envelope.child("Body") {
        Some(body) => body.children().next(),
        // GenieACS's `soap-env:Body:Fault` where a body should be (cwmp.md E18).
        None => envelope.child("Fault"),
    };
    let content = content.ok_or(SoapError::NoMessage)?;
    let method = content.name();
    if method == "Fault" {
        return Ok(AcsBody::Fault(read_fault(content)));
    }
    if let Some(answered) = method.strip_suffix("Response") {
        return Ok(AcsBody::Response(read_response(answered, content)));
    }
    Ok(match read_request(content) {
        Ok(Some(request)) => AcsBody::Request(request),
        Ok(None) => AcsBody::Request(AcsRequest::Unsupported(shortened(method, MAX_SHORT_NAME))),
        Err(error) => bad_request(method, &error),
    })
}

fn bad_request(method: &str, error: &ArgumentError) -> AcsBody {
    AcsBody::BadRequest {
        method: method.to_owned(),
        fault: Fault::new(FaultCode::InvalidArguments, error.to_string()),
    }
}

fn read_response(answered: &str, content: Node<'_>) -> AcsResponse {
    match answered {
        "Inform" => AcsResponse::Inform,
        "TransferComplete" => AcsResponse::TransferComplete,
        "AutonomousTransferComplete" => AcsResponse::AutonomousTransferComplete,
        "RequestDownload" => AcsResponse::RequestDownload,
        "GetRPCMethods" => {
            let methods = content.child("MethodList").map(strings);
            AcsResponse::GetRpcMethods(methods.unwrap_or_default())
        }
        _ => AcsResponse::Other(shortened(content.name(), MAX_SHORT_NAME)),
    }
}

fn read_fault(fault: Node<'_>) -> AcsFault {
    let detail = fault
        .child("detail")
        .and_then(|detail| detail.child("Fault"));
    let code = detail
        .and_then(|detail| detail.child("FaultCode"))
        .and_then(Node::text)
        .and_then(|text| text.trim_ascii().parse().ok());
    let text = detail
        .and_then(|detail| detail.child("FaultString"))
        .or_else(|| fault.child("faultstring"))
        .and_then(Node::text)
        .unwrap_or_default();
    AcsFault {
        code,
        text: shortened(text.trim_ascii(), MAX_FAULT_TEXT),
    }
}

fn shortened(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}
