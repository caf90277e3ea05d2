//! What an ACS has set about Informs and notifications.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::datamodel::ParameterPath;

/// m and k of the retry policy (cwmp.md R1, R2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Seconds, 1 to 65535.
    pub minimum_wait: u32,
    /// Thousandths, 1000 to 65535.
    pub multiplier: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            minimum_wait: 5,
            multiplier: 2000,
        }
    }
}

/// HeartbeatPolicy (cwmp.md G7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Whether there are heartbeats.
    pub enable: bool,
    /// Seconds between them, 30 at least.
    pub interval: u32,
    /// Fixes the phase; `None` is the Unknown Time.
    pub initiation: Option<Timestamp>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            enable: false,
            interval: 86_400,
            initiation: None,
        }
    }
}

/// A row of the InformParameter table (cwmp.md I7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InformParameter {
    /// Instance number.
    pub instance: u32,
    /// Whether the row counts.
    pub enable: bool,
    /// Name of the row.
    pub alias: String,
    /// Path, with `*` in the place of instance numbers.
    pub parameter_name: String,
    /// Comma-separated list of event codes; empty for all.
    pub event_list: String,
}

/// Lightweight notifications over UDP (cwmp.md A10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lightweight {
    /// Whether LightweightNotificationProtocolsUsed lists UDP.
    pub over_udp: bool,
    /// UDPLightweightNotificationHost; empty for the ACS's host.
    pub host: String,
    /// UDPLightweightNotificationPort.
    pub port: u16,
    /// LightweightNotificationTriggerInterval in seconds; 0 is off.
    pub trigger_interval: u32,
    /// LightweightNotificationTriggerTime; `None` is the Unknown Time.
    pub trigger_time: Option<Timestamp>,
    /// Parameters that have changed and that no lightweight notification has told yet.
    pub changed: BTreeSet<ParameterPath>,
}

impl Default for Lightweight {
    fn default() -> Self {
        Self {
            over_udp: false,
            host: String::new(),
            port: 7547,
            trigger_interval: 0,
            trigger_time: None,
            changed: BTreeSet::new(),
        }
    }
}
