//! What a virtual CPE remembers on its own account: everything of Device.ManagementServer.,
//! attributes, undelivered events, transfers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::events::EventQueue;
use super::notification::{Heartbeat, InformParameter, Lightweight, RetryPolicy};
use super::transfer::{AutonomousPolicy, AutonomousReport, Transfer, Wish};
use super::waking::UdpConnectionRequests;
use crate::cwmp::{CwmpVersion, Notification};
use crate::datamodel::ParameterPath;
use crate::wire::Secret;

/// Where this device's ACS is, where the ACS has set it; what is `None` comes from the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AcsOverride {
    /// ManagementServer.URL.
    pub url: Option<String>,
    /// ManagementServer.Username.
    pub username: Option<String>,
    /// ManagementServer.Password.
    pub password: Option<Secret>,
}

/// The attributes of a parameter that differ from the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// How the ACS wants to hear of a change.
    pub notification: Notification,
    /// Entities that may write besides the ACS; `None` is the default list (cwmp.md M64).
    pub access_list: Option<Vec<String>>,
}

/// What the virtual CPE remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpeState {
    /// The last segment of the ConnectionRequestURL: random, one per device.
    pub connection_request_segment: String,
    /// ConnectionRequestUsername.
    pub connection_request_username: String,
    /// ConnectionRequestPassword.
    pub connection_request_password: Secret,
    /// Where the ACS is.
    pub acs: AcsOverride,
    /// The URL of the ACS that took the last Inform: another one gets a `0 BOOTSTRAP`.
    pub informed_acs: Option<String>,
    /// The ConnectionRequestURL in the last Inform that was taken: another one is a change that
    /// the ACS has to hear of (cwmp.md C13).
    pub told_connection_request_url: Option<String>,
    /// PeriodicInformEnable.
    pub periodic_inform_enable: bool,
    /// PeriodicInformInterval in seconds; `None` comes from the settings.
    pub periodic_inform_interval: Option<u32>,
    /// PeriodicInformTime; `None` is the Unknown Time.
    pub periodic_inform_time: Option<Timestamp>,
    /// ParameterKey.
    pub parameter_key: String,
    /// DeviceInfo.ProvisioningCode.
    pub provisioning_code: String,
    /// UpgradesManaged.
    pub upgrades_managed: bool,
    /// Attributes that are not the default.
    pub attributes: BTreeMap<ParameterPath, Attribute>,
    /// What is owed to the ACS and must outlive a restart of the gateway.
    pub events: EventQueue,
    /// Transfers that wait, run, or wait for their acknowledgement.
    pub transfers: Vec<Transfer>,
    /// The id that the next transfer, report or wish gets: [`CpeState::new_transfer_id`].
    pub next_transfer_id: u64,
    /// Inform.RetryCount: failed tries since the last good session (cwmp.md R4, R5).
    pub retry_count: u32,
    /// EnableCWMP: while it is false the device is silent, and answers no connection request
    /// (cwmp.md G3).
    pub enable_cwmp: bool,
    /// The version of CWMP that its ACS answers to; `None` while that is not known
    /// (cwmp.md E13, E14).
    pub acs_version: Option<CwmpVersion>,
    /// CWMPRetryMinimumWaitInterval and CWMPRetryIntervalMultiplier.
    pub retry_policy: RetryPolicy,
    /// DefaultActiveNotificationThrottle in seconds (cwmp.md A7).
    pub active_notification_throttle: u32,
    /// Informs that the ACS has asked for.
    pub scheduled_informs: Vec<ScheduledInform>,
    /// HeartbeatPolicy.
    pub heartbeat: Heartbeat,
    /// Rows of the InformParameter table.
    pub inform_parameters: Vec<InformParameter>,
    /// Rows of the InformParameter table that were ever added: the last instance number.
    pub last_inform_parameter: u32,
    /// Lightweight notifications (cwmp.md A10).
    pub lightweight: Lightweight,
    /// HTTPConnectionRequestEnable.
    pub http_connection_requests: bool,
    /// STUN and connection requests over UDP.
    pub udp_connection_requests: UdpConnectionRequests,
    /// The UDPConnectionRequestAddress in the last Inform that was taken.
    pub told_udp_connection_request_address: Option<String>,
    /// AutonomousTransferCompletePolicy.
    pub autonomous_policy: AutonomousPolicy,
    /// Transfers that no ACS ordered and whose report the ACS has not taken.
    pub autonomous_reports: Vec<AutonomousReport>,
    /// Files that the CPE asks for.
    pub wishes: Vec<Wish>,
    /// A factory reset is ordered for the end of the session (cwmp.md M82, N11).
    pub factory_reset_is_due: bool,
}

/// An Inform that the ACS has asked for (cwmp.md M120).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledInform {
    /// When.
    pub due: Timestamp,
    /// Key for the `M ScheduleInform` event.
    pub command_key: String,
}

impl CpeState {
    /// The state of a device that no ACS has seen.
    pub fn new(connection_request_segment: String, connection_request_password: Secret) -> Self {
        Self {
            connection_request_segment,
            connection_request_username: String::new(),
            connection_request_password,
            acs: AcsOverride::default(),
            informed_acs: None,
            told_connection_request_url: None,
            periodic_inform_enable: true,
            periodic_inform_interval: None,
            periodic_inform_time: None,
            parameter_key: String::new(),
            provisioning_code: String::new(),
            upgrades_managed: false,
            attributes: BTreeMap::new(),
            events: EventQueue::default(),
            transfers: Vec::new(),
            next_transfer_id: 1,
            retry_count: 0,
            enable_cwmp: true,
            acs_version: None,
            retry_policy: RetryPolicy::default(),
            active_notification_throttle: 0,
            scheduled_informs: Vec::new(),
            heartbeat: Heartbeat::default(),
            inform_parameters: Vec::new(),
            last_inform_parameter: 0,
            lightweight: Lightweight::default(),
            http_connection_requests: true,
            udp_connection_requests: UdpConnectionRequests::default(),
            told_udp_connection_request_address: None,
            autonomous_policy: AutonomousPolicy::default(),
            autonomous_reports: Vec::new(),
            wishes: Vec::new(),
            factory_reset_is_due: false,
        }
    }

    /// An id for a transfer, report or wish; none is given twice.
    pub fn new_transfer_id(&mut self) -> u64 {
        let id = self.next_transfer_id;
        self.next_transfer_id += 1;
        id
    }

    /// The transfer with an id; `None` once the ACS has acknowledged it, or has dropped it.
    pub fn transfer(&self, id: u64) -> Option<&Transfer> {
        self.transfers.iter().find(|transfer| transfer.id == id)
    }

    /// Forgets what the CPE had to say under this id: a transfer, a report or a wish.
    pub fn forget_call(&mut self, id: u64) {
        self.transfers.retain(|transfer| transfer.id != id);
        self.autonomous_reports.retain(|report| report.id != id);
        self.wishes.retain(|wish| wish.id != id);
    }
}
