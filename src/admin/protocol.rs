//! What goes over the API, both ways.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cwmp::Fault;
use crate::gateway::ControlOutcome;
use crate::native::Side;

/// `POST /v1/import`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// Folder on the gateway's machine.
    pub tree: PathBuf,
    /// Write nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Take the tree's file where both have changed.
    #[serde(default)]
    pub replace: bool,
    /// Whose value is taken where a setting has changed on both sides.
    #[serde(default)]
    pub prefer: Option<Side>,
}

/// `POST /v1/verify`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeRequest {
    /// Folder on the gateway's machine.
    pub tree: PathBuf,
}

/// `POST /v1/export`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Folder on the gateway's machine.
    pub directory: PathBuf,
}

/// `POST /v1/devices/{mac}/unset`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnsetRequest {
    /// Full paths of parameters.
    pub paths: Vec<String>,
}

/// `POST /v1/devices/{mac}/request-download`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WishRequest {
    /// `1 Firmware Upgrade Image` and the like.
    pub file_type: String,
    /// Name and value of each argument.
    #[serde(default)]
    pub arguments: Vec<(String, String)>,
}

/// The answer to `POST /v1/devices/{mac}/resync`, `.../reboot` and `.../factory-reset`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlReply {
    /// What the phone said; `None` when it was not told, because it has not been seen yet.
    pub outcome: Option<ControlOutcome>,
}

/// The body of every answer of class 4xx and 5xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// What is wrong, for a person.
    pub error: String,
    /// The CWMP fault code, where an ACS would get one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<u16>,
    /// Each bad parameter of a change.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parameters: Vec<WrongParameter>,
}

/// A bad parameter of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongParameter {
    /// Its path.
    pub path: String,
    /// The CWMP fault code.
    pub code: u16,
    /// What is wrong, for a person.
    pub error: String,
}

impl From<&Fault> for ErrorReply {
    fn from(fault: &Fault) -> Self {
        Self {
            error: fault.text.clone(),
            code: Some(fault.code.number()),
            parameters: fault
                .parameters
                .iter()
                .map(|parameter| WrongParameter {
                    path: parameter.name.clone(),
                    code: parameter.code.number(),
                    error: parameter.text.clone(),
                })
                .collect(),
        }
    }
}
