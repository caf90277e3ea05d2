//! What an ACS has set about connection requests over UDP.

use serde::{Deserialize, Serialize};

use crate::wire::Secret;

/// STUN and connection requests over UDP (cwmp.md section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpConnectionRequests {
    /// STUNEnable.
    pub stun_enable: bool,
    /// STUNServerAddress; empty for the ACS's host.
    pub server_address: String,
    /// STUNServerPort.
    pub server_port: u16,
    /// STUNUsername; empty: no message integrity.
    pub username: String,
    /// STUNPassword.
    pub password: Secret,
    /// STUNMaximumKeepAlivePeriod in seconds; -1 is none.
    pub maximum_keep_alive: i32,
    /// STUNMinimumKeepAlivePeriod in seconds.
    pub minimum_keep_alive: u32,
    /// UDPConnectionRequestAddressNotificationLimit in seconds: least time between two
    /// notifications of a changed address.
    pub notification_limit: u32,
    /// `ts` of the last request that was accepted and led to a session, by the ACS's clock; what is
    /// not newer is a replay.
    pub last_accepted: u64,
}

impl Default for UdpConnectionRequests {
    fn default() -> Self {
        Self {
            stun_enable: false,
            server_address: String::new(),
            server_port: 3478,
            username: String::new(),
            password: Secret::default(),
            maximum_keep_alive: -1,
            minimum_keep_alive: 50,
            notification_limit: 0,
            last_accepted: 0,
        }
    }
}
