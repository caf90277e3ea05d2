//! The bindings of STUN: devices whose ACS has set the same for it share one, because they share
//! the socket and so the way through the NAT (cwmp.md U1 to U7).

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::state::State;
use crate::device::DeviceRecord;
use crate::gateway::core::Gateway;
use crate::gateway::due_sessions::Urgency;
use crate::gateway::random;
use crate::gateway::schedule::after;
use crate::native::Mac;
use crate::wire::Credentials;

/// Seconds between two requests that keep the mapping of most NATs alive, where the ACS leaves the
/// choice.
const KEEP_ALIVE: u32 = 30;
/// Sessions per second that are planned when an address that many devices share has changed.
const TELL_RATE: u64 = 50;

/// What devices of one binding have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BindingKey {
    host: String,
    port: u16,
    credentials: Credentials,
    minimum: u32,
    maximum: i32,
}

impl Hash for BindingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // All but the password, which has no hash.
        let username = &self.credentials.username;
        (&self.host, self.port, username, self.minimum, self.maximum).hash(state);
    }
}

/// What is known of a binding.
#[derive(Debug)]
pub(super) struct Binding {
    key: BindingKey,
    members: BTreeSet<Mac>,
    /// The server has asked for the credentials.
    is_authenticated: bool,
    /// The mapped address is another one than before, and the server has not been told.
    is_changed: bool,
    /// What the server has seen last, and where the request left.
    pub(super) mapping: Option<Mapping>,
    sent_at: Option<Timestamp>,
}

/// The two ends of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) mapped: SocketAddr,
    pub(super) local: SocketAddr,
}

/// A Binding Request that is due now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingJob {
    /// Names the binding.
    pub id: u64,
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// For USERNAME and MESSAGE-INTEGRITY, once the server has asked for them.
    pub credentials: Option<Credentials>,
    /// Whether it carries BINDING-CHANGE.
    pub binding_changed: bool,
}

/// What came of a Binding Request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingResult {
    /// The server has seen it.
    Mapped {
        /// Where it saw it come from.
        mapped: SocketAddr,
        /// Where it left.
        local: SocketAddr,
    },
    /// The server wants credentials, or others.
    Unauthorized,
    /// Nothing of use.
    Failed,
}

impl BindingKey {
    /// Seconds between keep-alives: within the bounds that the ACS has set, and often enough for
    /// a NAT where they allow it. A maximum of -1 is none (cwmp.md U5).
    fn keep_alive(&self) -> u32 {
        let wanted = KEEP_ALIVE.max(self.minimum);
        let period = match u32::try_from(self.maximum) {
            // The middle leaves room on both sides for what the network adds.
            Ok(maximum) if self.minimum <= maximum => {
                wanted.min(self.minimum + (maximum - self.minimum) / 2)
            }
            Ok(maximum) => maximum,
            Err(_) => wanted,
        };
        period.max(1)
    }
}

impl Gateway {
    /// Waits until a Binding Request is due, and hands it out.
    pub async fn next_binding(&self) -> BindingJob {
        let waking = &self.inner.waking;
        loop {
            let id = waking.bindings.next(&*self.inner.clock).await;
            let now = self.inner.clock.now();
            let mut state = waking.state();
            // One that nobody needs any more is gone.
            let Some(binding) = state.bindings_by_id.get_mut(&id) else {
                continue;
            };
            binding.sent_at = Some(now);
            return BindingJob {
                id,
                host: binding.key.host.clone(),
                port: binding.key.port,
                credentials: binding
                    .is_authenticated
                    .then(|| binding.key.credentials.clone()),
                binding_changed: binding.is_changed,
            };
        }
    }

    /// Takes the result of a Binding Request and plans the next one. Devices whose address is
    /// another one now tell their ACS.
    pub async fn finish_binding(&self, id: u64, result: BindingResult) {
        let now = self.inner.clock.now();
        let members = {
            let mut state = self.inner.waking.state();
            let Some(binding) = state.bindings_by_id.get_mut(&id) else {
                return;
            };
            let before = binding.mapping;
            let again_at_once = binding.take_result(result);
            let due = if again_at_once {
                now
            } else {
                let period = Duration::from_secs(binding.key.keep_alive().into());
                after(binding.sent_at.unwrap_or(now), period).max(now)
            };
            self.inner.waking.bindings.arm(id, due);
            if binding.mapping == before {
                return;
            }
            binding.members.clone()
        };
        self.tell_addresses(members, now).await;
    }

    /// Plans the sessions in which devices tell that their address has changed: not all at once.
    async fn tell_addresses(&self, members: BTreeSet<Mac>, now: Timestamp) {
        let mut planned = 0_u64;
        for mac in members {
            let record = match self.load(mac) {
                Ok(Some((record, _))) => record,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(%mac, %error, "a changed UDP address can't be told");
                    continue;
                }
            };
            let Ok(pack) = self.lenses(&record) else {
                continue;
            };
            let schema = pack.schema();
            let Some(due) = self
                .udp_address_due(mac, &record, schema, now)
                .and_then(|_| self.due(mac, &record, schema, now))
            else {
                continue;
            };
            planned += 1;
            let spread = random::below(planned / TELL_RATE + 1).unwrap_or_default();
            let due = after(due, Duration::from_secs(spread));
            self.arm_session(mac, &record, due, Urgency::Routine);
            tokio::task::yield_now().await;
        }
    }

    /// The binding that a device needs; `None` when its ACS wants none.
    pub(super) fn binding_key(&self, mac: Mac, record: &DeviceRecord) -> Option<BindingKey> {
        let wanted = &record.cpe.udp_connection_requests;
        if !wanted.stun_enable || !record.cpe.enable_cwmp || record.identity.is_none() {
            return None;
        }
        let host = if wanted.server_address.is_empty() {
            let host = self.endpoint(mac, record)?.url.host_str()?.to_owned();
            host.trim_matches(['[', ']']).to_owned()
        } else {
            wanted.server_address.clone()
        };
        Some(BindingKey {
            host,
            port: wanted.server_port,
            credentials: Credentials {
                username: wanted.username.clone(),
                password: wanted.password.clone(),
            },
            minimum: wanted.minimum_keep_alive,
            maximum: wanted.maximum_keep_alive,
        })
    }
}

impl Binding {
    /// Whether the next request is due at once.
    fn take_result(&mut self, result: BindingResult) -> bool {
        match result {
            BindingResult::Mapped { mapped, local } => {
                let previous = self.mapping.replace(Mapping { mapped, local });
                let was_told = std::mem::replace(
                    &mut self.is_changed,
                    previous.is_some_and(|previous| previous.mapped != mapped),
                );
                // A NAT that maps each request otherwise must not make it one after the other.
                self.is_changed && !was_told
            }
            BindingResult::Unauthorized
                if !self.is_authenticated && !self.key.credentials.username.is_empty() =>
            {
                self.is_authenticated = true;
                true
            }
            BindingResult::Unauthorized => {
                tracing::warn!(
                    server = self.key.host,
                    "the STUN server refuses STUNUsername and STUNPassword"
                );
                false
            }
            BindingResult::Failed => false,
        }
    }
}

impl State {
    /// Adds a device to its binding. The id of the binding.
    pub(super) fn join_binding(&mut self, mac: Mac, key: BindingKey) -> Option<u64> {
        if let Some(id) = self.bindings.get(&key) {
            self.bindings_by_id.get_mut(id)?.members.insert(mac);
            // It is planned already.
            return None;
        }
        self.last_binding += 1;
        let id = self.last_binding;
        let binding = Binding {
            key: key.clone(),
            members: BTreeSet::from([mac]),
            is_authenticated: false,
            is_changed: false,
            mapping: None,
            sent_at: None,
        };
        self.bindings_by_id.insert(id, binding);
        self.bindings.insert(key, id);
        Some(id)
    }

    /// Takes a device out of a binding. The id of one that nobody needs any more.
    pub(super) fn leave_binding(&mut self, mac: Mac, key: &BindingKey) -> Option<u64> {
        let id = *self.bindings.get(key)?;
        let members = &mut self.bindings_by_id.get_mut(&id)?.members;
        members.remove(&mac);
        if !members.is_empty() {
            return None;
        }
        self.bindings.remove(key);
        self.bindings_by_id.remove(&id);
        Some(id)
    }

    /// What is known of a binding.
    pub(super) fn mapping(&self, key: &BindingKey) -> Option<Mapping> {
        self.bindings_by_id.get(self.bindings.get(key)?)?.mapping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(minimum: u32, maximum: i32) -> u32 {
        let key = BindingKey {
            host: "stun.example.net".to_owned(),
            port: 3478,
            credentials: Credentials::default(),
            minimum,
            maximum,
        };
        key.keep_alive()
    }

    #[test]
    fn keep_alives_stay_within_what_the_acs_has_set() {
        assert_eq!(period(10, 20), 15);
        assert_eq!(period(20, 20), 20);
        assert_eq!(period(50, -1), 50);
        assert_eq!(period(0, -1), 30);
        assert_eq!(period(0, 86_400), 30);
        assert_eq!(period(0, 0), 1);
        assert_eq!(period(60, 10), 10, "the maximum must be kept");
    }
}
