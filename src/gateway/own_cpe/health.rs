//! How the gateway does: counted as things happen, so that nobody has to go through a fleet to
//! know.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::datamodel::ValueType;
use crate::device::{DeliveryStatus, DeviceRecord};
use crate::gateway::core::Gateway;
use crate::mapping::Parameter;

use super::view::parameter;

/// Counts of phones, by their present records, and of sessions, since the start of the process.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Health {
    known: AtomicU64,
    announced: AtomicU64,
    /// The desired revision is not fetched yet.
    pending: AtomicU64,
    /// Those of them that are late, or were told in vain.
    overdue: AtomicU64,
    sessions_running: AtomicU64,
    sessions_ended: AtomicU64,
    sessions_failed: AtomicU64,
}

impl Health {
    /// A phone's record has changed; `before` is `None` for a phone that has not been counted.
    pub(in crate::gateway) fn phone_changed(
        &self,
        before: Option<&DeviceRecord>,
        after: &DeviceRecord,
    ) {
        for (count, is_counted) in [
            (&self.known, (|_| true) as fn(&DeviceRecord) -> bool),
            (&self.announced, |record| record.identity.is_some()),
            (&self.pending, |record| record.delivery.is_outstanding()),
            (&self.overdue, |record| {
                record.delivery_status() == DeliveryStatus::Overdue
            }),
        ] {
            match (before.is_some_and(is_counted), is_counted(after)) {
                (false, true) => count.fetch_add(1, Ordering::Relaxed),
                (true, false) => count.fetch_sub(1, Ordering::Relaxed),
                _ => continue,
            };
        }
    }

    pub(in crate::gateway) fn session_began(&self) {
        self.sessions_running.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::gateway) fn session_ended(&self, is_good: bool) {
        self.sessions_running.fetch_sub(1, Ordering::Relaxed);
        let count = if is_good {
            &self.sessions_ended
        } else {
            &self.sessions_failed
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Gateway {
    /// Device.X_TRESTLE_Gateway., and what the standard has of a process and its host. What the
    /// system does not tell is left out.
    pub(super) fn health_parameters(&self) -> Vec<Parameter> {
        let health = &self.inner.own_cpe.health;
        let count = |count: &AtomicU64| Some(count.load(Ordering::Relaxed));
        let length = |length: usize| u64::try_from(length).ok();
        let memory = HostMemory::read();
        let own = "Device.X_TRESTLE_Gateway.";
        let status = "Device.DeviceInfo.MemoryStatus.";
        let store_size = self.inner.store.size_on_disk();
        let store_size = store_size
            .inspect_err(|error| tracing::warn!(%error, "the size of the store is not known"))
            .ok();
        let store_free = self.inner.assets.disk_space();
        let store_free = store_free.ok().map(|(free, _)| free);
        let counts = [
            (status, "Free", memory.available),
            (status, "Total", memory.total),
            // Phones and files whose records can't be read.
            (own, "DamagedRecords", Some(self.inner.damages.count())),
            // Memory that the process has in use, in kilobytes.
            (own, "MemoryUsed", memory.used_by_process),
            (
                own,
                "NotificationsQueued",
                length(self.inner.controls.len() + self.inner.pace.len()),
            ),
            (own, "PhonesAnnounced", count(&health.announced)),
            (own, "PhonesKnown", count(&health.known)),
            (own, "PhonesOverdue", count(&health.overdue)),
            (own, "PhonesPending", count(&health.pending)),
            (own, "SessionsEnded", count(&health.sessions_ended)),
            (own, "SessionsFailed", count(&health.sessions_failed)),
            (own, "SessionsQueued", length(self.inner.sessions.len())),
            (own, "SessionsRunning", count(&health.sessions_running)),
            (own, "TransfersQueued", length(self.inner.transfers.len())),
        ];
        // The standard's memory is an unsignedInt of kilobytes.
        let counts = counts.into_iter().filter_map(|(object, name, value)| {
            let value = value?.min(u64::from(u32::MAX)).to_string();
            parameter(&format!("{object}{name}"), ValueType::UnsignedInt, value)
        });
        let sizes = [
            // Bytes that are free on its disk.
            ("StoreFree", store_free),
            // Bytes of the database; large files of the tree lie beside it.
            ("StoreSize", store_size),
        ];
        let sizes = sizes.into_iter().filter_map(|(name, value)| {
            let value = value?.to_string();
            parameter(&format!("{own}{name}"), ValueType::UnsignedLong, value)
        });
        counts.chain(sizes).collect()
    }
}

/// Memory in kilobytes, as Linux tells it; nothing elsewhere.
#[derive(Debug, Default, PartialEq, Eq)]
struct HostMemory {
    total: Option<u64>,
    /// What a process could get without swapping: what is only a cache counts as free.
    available: Option<u64>,
    used_by_process: Option<u64>,
}

impl HostMemory {
    fn read() -> Self {
        let host = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let process = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            total: kilobytes(&host, "MemTotal"),
            available: kilobytes(&host, "MemAvailable"),
            used_by_process: kilobytes(&process, "VmRSS"),
        }
    }
}

/// A line `NAME:   123 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_lines_with_a_unit() {
        let text = "MemTotal:       16384 kB\nMemFree:  1 kB\nMemAvailable:    8192 kB\n";
        assert_eq!(kilobytes(text, "MemTotal"), Some(16_384));
        assert_eq!(kilobytes(text, "MemAvailable"), Some(8_192));
        assert_eq!(kilobytes(text, "Mem"), None);
        assert_eq!(kilobytes("MemTotal: 5 pages\n", "MemTotal"), None);
    }
}
