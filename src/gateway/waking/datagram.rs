//! Whom a connection request over UDP means: one socket serves all devices, so the user name in the
//! datagram and its signature tell them apart (cwmp.md U8 to U12).

use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};

use super::binding::BindingKey;
use super::state::{State, UdpDevice};
use crate::device::DeviceRecord;
use crate::gateway::core::Gateway;
use crate::native::Mac;
use crate::wire::udp_connection_request::UdpConnectionRequest;

/// Devices of one user name whose passwords are tried: a flood must not keep the gateway busy.
const MAX_CANDIDATES: usize = 256;
/// Requests of one device that are told apart within a second of the ACS's clock.
const MAX_IDS: usize = 16;
/// Least time between two warnings that a datagram can't be told apart.
const WARN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Which requests a device has accepted. What is not newer is a copy or a replay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Freshness {
    /// `ts` of the last accepted one.
    timestamp: u64,
    /// `id` of each that was accepted with that `ts`; empty when that was before a restart.
    ids: Vec<u64>,
}

impl Freshness {
    /// As a record has it.
    fn since(timestamp: u64) -> Self {
        Self {
            timestamp,
            ids: Vec::new(),
        }
    }

    /// Whether a request is a new one (cwmp.md U10); it is remembered if it is.
    fn accept(&mut self, timestamp: u64, id: u64) -> bool {
        if timestamp > self.timestamp {
            *self = Self {
                timestamp,
                ids: vec![id],
            };
            return true;
        }
        let is_another = timestamp == self.timestamp
            && !self.ids.is_empty()
            && self.ids.len() < MAX_IDS
            && !self.ids.contains(&id);
        if is_another {
            self.ids.push(id);
        }
        is_another
    }
}

impl Gateway {
    /// Says that connection requests over UDP are heard from now on, and at which address of the
    /// gateway's own network, if that is known. To be called before [`Gateway::start`].
    pub fn listen_by_udp(&self, local: Option<SocketAddr>) {
        {
            let mut state = self.inner.waking.state();
            state.udp_is_heard = true;
            state.local = local;
        }
        for (mac, record) in self.devices().filter_map(Result::ok) {
            self.index_udp(mac, &record);
        }
    }

    /// The device that a connection request over UDP means; `None` for one that is to be dropped.
    pub fn udp_connection_request_target(&self, request: &UdpConnectionRequest) -> Option<Mac> {
        let now = self.inner.clock.now();
        let mut state = self.inner.waking.state();
        let mac = state.signer(request, now)?;
        let device = state.devices.get_mut(&mac)?;
        device
            .freshness
            .accept(request.timestamp(), request.id())
            .then_some(mac)
    }

    /// Keeps a device's place among those that UDP can wake, after a change of its record.
    pub(in crate::gateway) fn index_udp(&self, mac: Mac, record: &DeviceRecord) {
        let key = self.binding_key(mac, record);
        let now = self.inner.clock.now();
        let mut state = self.inner.waking.state();
        if !state.udp_is_heard {
            return;
        }
        let bindings = &self.inner.waking.bindings;
        let previous = state.devices.remove(&mac);
        if let Some(previous) = &previous {
            state.forget_username(mac, &previous.username);
            if let Some(old) = previous
                .binding
                .as_ref()
                .filter(|old| Some(*old) != key.as_ref())
                && let Some(deserted) = state.leave_binding(mac, old)
            {
                bindings.disarm(&deserted);
            }
        }
        // A device that is not announced, or that is to be silent, is not woken (cwmp.md G3). Its
        // binding was left: it wants none.
        if record.identity.is_none() || !record.cpe.enable_cwmp {
            return;
        }
        if let Some(key) = key.clone()
            && let Some(new) = state.join_binding(mac, key)
        {
            bindings.arm(new, now);
        }
        state.place(mac, record, previous, key);
    }

    /// The `ts` to keep with a device's record, so that a replay is none after a restart either.
    pub(in crate::gateway) fn last_udp_request(&self, mac: Mac) -> Option<u64> {
        let state = self.inner.waking.state();
        state
            .devices
            .get(&mac)
            .map(|device| device.freshness.timestamp)
    }
}

impl State {
    /// The one device of the request's user name with whose password it is signed.
    fn signer(&mut self, request: &UdpConnectionRequest, now: Timestamp) -> Option<Mac> {
        let candidates: Vec<Mac> = request
            .usernames()
            .filter_map(|username| self.by_username.get(username))
            .flatten()
            .copied()
            .take(MAX_CANDIDATES + 1)
            .collect();
        if candidates.len() > MAX_CANDIDATES {
            self.warn(now, "more devices have its user name than are looked at");
            return None;
        }
        let mut signers = candidates.into_iter().filter(|mac| {
            let device = self.devices.get(mac);
            device.is_some_and(|device| request.is_signed_with(&device.password))
        });
        match (signers.next(), signers.next()) {
            (Some(mac), None) => Some(mac),
            (Some(_), Some(_)) => {
                drop(signers);
                self.warn(now, "several devices have its user name and password");
                None
            }
            (None, _) => None,
        }
    }

    fn warn(&mut self, now: Timestamp, reason: &'static str) {
        let is_due = self
            .warned_at
            .is_none_or(|warned_at| now.duration_since(warned_at) >= WARN_EVERY);
        if is_due {
            self.warned_at = Some(now);
            tracing::warn!(
                reason,
                "a connection request over UDP is dropped: it can't be told whom it means"
            );
        }
    }

    fn forget_username(&mut self, mac: Mac, username: &str) {
        if let Some(devices) = self.by_username.get_mut(username) {
            devices.remove(&mac);
            if devices.is_empty() {
                self.by_username.remove(username);
            }
        }
    }

    fn place(
        &mut self,
        mac: Mac,
        record: &DeviceRecord,
        previous: Option<UdpDevice>,
        binding: Option<BindingKey>,
    ) {
        let cpe = &record.cpe;
        let username = cpe.connection_request_username.clone();
        let password = cpe.connection_request_password.clone();
        let freshness = match previous {
            // What was accepted with another password tells nothing about this one.
            Some(previous) if previous.password == password => previous.freshness,
            _ => Freshness::since(cpe.udp_connection_requests.last_accepted),
        };
        let devices = self.by_username.entry(username.clone()).or_default();
        devices.insert(mac);
        let device = UdpDevice {
            username,
            password,
            freshness,
            binding,
        };
        self.devices.insert(mac, device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_older_requests_are_not_accepted() {
        let mut fresh = Freshness::default();
        assert!(fresh.accept(100, 1));
        assert!(!fresh.accept(100, 1), "a copy");
        assert!(fresh.accept(100, 2), "another one of the same second");
        assert!(!fresh.accept(100, 1), "a replay after that");
        assert!(!fresh.accept(99, 3), "an older one");
        assert!(fresh.accept(101, 1));
        assert!(!fresh.accept(100, 4));
    }

    #[test]
    fn what_a_record_remembers_is_not_accepted_again() {
        let mut fresh = Freshness::since(100);
        assert!(!fresh.accept(100, 1));
        assert!(fresh.accept(101, 1));
    }

    #[test]
    fn a_second_has_room_for_some_requests_only() {
        let mut fresh = Freshness::default();
        let accepted = (0..100).filter(|id| fresh.accept(7, *id)).count();
        assert_eq!(accepted, MAX_IDS);
    }
}
