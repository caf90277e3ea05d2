//! What a person orders about a phone's syslog, and what comes of it.

use serde::{Deserialize, Serialize};

use super::super::door::GatewayError;
use crate::mapping::HandoutError;

/// Whether a phone is to send its log here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogOrder {
    /// To send it, or to do what it did before.
    pub on: bool,
    /// How much of it: a word of the vendor's mapping pack; `None`: what the pack says.
    #[serde(default)]
    pub level: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyslogSwitched {
    /// Whether the phone is to send its log here now.
    pub on: bool,
    /// Where to, `192.0.2.1:514`; `None` for off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<String>,
    /// How much of it; `None` for off, and where the phone's own setting is left alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<String>,
    /// Whether the phone's file was changed.
    pub changed: bool,
    /// Whether it takes effect only once the phone has fetched its file.
    pub applied_later: bool,
    /// Whether the phone has to restart after that.
    pub needs_reboot: bool,
}

/// A phone can't be made to send its log.
#[derive(Debug, thiserror::Error)]
pub enum SyslogSwitchError {
    /// The device is not known, or the store failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Nothing would take the lines.
    #[error("nothing listens for syslog by UDP: set syslog.udp, such as \"0.0.0.0:514\"")]
    NotListening,
    /// The phone's model is not known.
    #[error("the phone's model is not known yet: it has not fetched its file")]
    UnknownModel,
    /// Nobody knows how.
    #[error("it is not known for sure how a {model} is told to send its log")]
    UnknownWay {
        /// The model.
        model: String,
    },
    /// Where the phone reaches the gateway is not known.
    #[error(
        "it is not known how the phone reaches the gateway: it has not fetched its file, and \
         phones.url is not set"
    )]
    UnknownHost,
    /// The phone sends to one port only.
    #[error(
        "a {model} is only known to send its log to port 514, and syslog.udp listens on port {port}"
    )]
    OtherPort {
        /// The model.
        model: String,
        /// The port of the listener.
        port: u16,
    },
    /// The level is none of the phone's.
    #[error("`{level}` is no level of a {model}; there are: {known}")]
    UnknownLevel {
        /// The model.
        model: String,
        /// What was asked for.
        level: String,
        /// What there is.
        known: String,
    },
    /// The phone's own file can't say it.
    #[error(transparent)]
    File(#[from] HandoutError),
}
