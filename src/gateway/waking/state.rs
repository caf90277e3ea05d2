//! What is in memory about waking devices.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::binding::{Binding, BindingKey};
use super::datagram::Freshness;
use crate::gateway::timed_queue::TimedQueue;
use crate::native::Mac;
use crate::wire::Secret;

/// What the gateway knows about waking devices, beyond their records. All of it may be lost with
/// the process.
#[derive(Debug)]
pub(in crate::gateway) struct Waking {
    state: Mutex<State>,
    /// Bindings whose next request is due.
    pub(super) bindings: TimedQueue<u64>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Phones that have not answered when they were told something last.
    pub(super) silent_phones: HashSet<Mac>,
    /// When the last requests of a device were admitted; only with a throttle.
    pub(super) admitted: HashMap<Mac, VecDeque<Timestamp>>,
    /// How many devices that had left when those that had become old were let go last.
    pub(super) admitted_lately: usize,
    /// Whether requests over UDP are heard at all. The rest stays empty while they are not.
    pub(super) udp_is_heard: bool,
    /// Where, as the network of the gateway has it, when that is known.
    pub(super) local: Option<SocketAddr>,
    /// Devices by ConnectionRequestUsername.
    pub(super) by_username: HashMap<String, BTreeSet<Mac>>,
    pub(super) devices: HashMap<Mac, UdpDevice>,
    /// When a change of its UDPConnectionRequestAddress was last told, by the segment of the
    /// ConnectionRequestURL; only for devices with a limit to that.
    pub(super) address_told_at: HashMap<String, Timestamp>,
    pub(super) bindings: HashMap<BindingKey, u64>,
    pub(super) bindings_by_id: HashMap<u64, Binding>,
    pub(super) last_binding: u64,
    /// When it was last said that a datagram can't be told apart.
    pub(super) warned_at: Option<Timestamp>,
}

/// A device that can be woken by UDP.
#[derive(Debug)]
pub(super) struct UdpDevice {
    pub(super) username: String,
    pub(super) password: Secret,
    pub(super) freshness: Freshness,
    /// The binding that it shares, while its ACS wants STUN.
    pub(super) binding: Option<BindingKey>,
}

impl Waking {
    pub(in crate::gateway) fn new() -> Self {
        Self {
            state: Mutex::default(),
            bindings: TimedQueue::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
