//! Where a device says that it can be reached.

use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};

use crate::cwmp::Notification;
use crate::datamodel::Schema;
use crate::device::{CpeState, DeviceRecord};
use crate::gateway::core::Gateway;
use crate::gateway::notifications::in_force;
use crate::native::Mac;

/// The parameter that tells where connection requests over UDP go.
pub(in crate::gateway) const UDP_ADDRESS: &str =
    "Device.ManagementServer.UDPConnectionRequestAddress";

/// The port that is left out of an address (cwmp.md U7).
const HTTP_PORT: u16 = 80;

/// What the data model shows of the ways to wake a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::gateway) struct Reachability {
    /// ConnectionRequestURL; empty while there is none.
    pub(in crate::gateway) connection_request_url: String,
    /// UDPConnectionRequestAddress; empty while none is known.
    pub(in crate::gateway) udp_address: String,
    /// NATDetected.
    pub(in crate::gateway) nat_is_detected: bool,
    /// Whether requests over UDP are heard.
    pub(in crate::gateway) udp_is_heard: bool,
}

impl Gateway {
    /// Where a device can be reached, as of now.
    pub(in crate::gateway) fn reachability(&self, mac: Mac, record: &DeviceRecord) -> Reachability {
        let key = self.binding_key(mac, record);
        let state = self.inner.waking.state();
        let mapping = key.as_ref().and_then(|key| state.mapping(key));
        let told = &record.cpe.told_udp_connection_request_address;
        let udp_address = match (mapping, &key, state.local) {
            _ if !state.udp_is_heard => String::new(),
            (Some(mapping), _, _) => written(mapping.mapped),
            // Until the server has answered, what the ACS knows is the best guess: after a
            // restart of the gateway the mapping is mostly the same.
            (None, Some(_), local) => told.clone().or(local.map(written)).unwrap_or_default(),
            (None, None, Some(local)) => written(local),
            (None, None, None) => told.clone().unwrap_or_default(),
        };
        let udp_is_heard = state.udp_is_heard;
        drop(state);
        Reachability {
            connection_request_url: self.connection_request_url(record),
            udp_address,
            nat_is_detected: mapping.is_some_and(|mapping| mapping.mapped != mapping.local),
            udp_is_heard,
        }
    }

    /// How the ACS is to hear that the device has another UDPConnectionRequestAddress than it was
    /// told; off when it has not. A device that has told none yet owes none: the ACS asks for it.
    pub(in crate::gateway) fn udp_address_change(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        schema: &Schema,
    ) -> Notification {
        let told = record.cpe.told_udp_connection_request_address.as_ref();
        if told.is_none_or(|told| *told == self.reachability(mac, record).udp_address) {
            return Notification::Off;
        }
        match UDP_ADDRESS.parse() {
            Ok(path) => in_force(schema, &record.cpe, &path),
            Err(_) => Notification::Off,
        }
    }

    /// When a changed UDPConnectionRequestAddress opens a session of its own, if it does: not so
    /// soon after another one that the ACS would not have it (cwmp.md U7).
    pub(in crate::gateway) fn udp_address_due(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        schema: &Schema,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.udp_address_change(mac, record, schema) != Notification::Active {
            return None;
        }
        let limit = record.cpe.udp_connection_requests.notification_limit;
        let limit = SignedDuration::from_secs(limit.into());
        let state = self.inner.waking.state();
        let told_at = state
            .address_told_at
            .get(&record.cpe.connection_request_segment);
        let due = told_at.map(|told_at| told_at.saturating_add(limit).unwrap_or(Timestamp::MAX));
        Some(due.map_or(now, |due| due.max(now)))
    }

    /// Notes in the record what an Inform that was taken has told of the device's ways.
    pub(in crate::gateway) fn note_told_udp_address(&self, cpe: &mut CpeState, address: &str) {
        let told = &mut cpe.told_udp_connection_request_address;
        if told.as_deref().unwrap_or_default() == address {
            return;
        }
        if told.is_some() && cpe.udp_connection_requests.notification_limit > 0 {
            let now = self.inner.clock.now();
            let segment = cpe.connection_request_segment.clone();
            self.inner
                .waking
                .state()
                .address_told_at
                .insert(segment, now);
        }
        *told = Some(address.to_owned());
    }
}

/// An address as UDPConnectionRequestAddress writes it.
fn written(address: SocketAddr) -> String {
    match (address.port(), address) {
        (HTTP_PORT, SocketAddr::V4(address)) => address.ip().to_string(),
        (HTTP_PORT, SocketAddr::V6(address)) => format!("[{}]", address.ip()),
        _ => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_80_is_left_out() {
        let written = |text: &str| written(text.parse().unwrap());
        assert_eq!(written("192.0.2.1:80"), "192.0.2.1");
        assert_eq!(written("192.0.2.1:7547"), "192.0.2.1:7547");
        assert_eq!(written("[2001:db8::1]:80"), "[2001:db8::1]");
    }
}
