//! How much room the store has, and when that is a reason to speak up.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::damage::DamagedRecord;
use crate::gateway::core::Gateway;
use crate::gateway::door::GatewayError;

/// A database below this size is small, whatever it holds: sled takes space in large pieces.
const SMALL_DATABASE: u64 = 256 << 20;
const MIB: u64 = 1 << 20;

/// When space is a reason for an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceRules {
    /// Free space of the disk below so many MiB.
    pub free_mib: u32,
    /// Free space of the disk below so many percent of it.
    pub free_percent: u32,
    /// Size of the database more than so many times that of its records.
    pub ratio: u32,
}

impl Default for SpaceRules {
    fn default() -> Self {
        Self {
            free_mib: 1024,
            free_percent: 5,
            ratio: 5,
        }
    }
}

/// How the store does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Size of the database's files, in bytes.
    pub size: u64,
    /// Size of the records in it, in bytes, when it was measured last; `None`: not yet.
    pub live: Option<u64>,
    /// Free space of the disk, in bytes.
    pub free: u64,
    /// Size of the disk, in bytes.
    pub disk: u64,
    /// What to do something about.
    pub alarms: Vec<String>,
    /// Records that were found damaged since the gateway was opened.
    pub damaged: Vec<DamagedRecord>,
}

/// The size of the records as it was measured last.
#[derive(Debug)]
pub(in crate::gateway) struct MeasuredSize(AtomicU64);

impl Default for MeasuredSize {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl MeasuredSize {
    fn known(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|live| *live != u64::MAX)
    }
}

impl Gateway {
    /// How the store does. Cheap: nothing is gone through.
    ///
    /// # Errors
    /// [`GatewayError`] when the folder can't be read.
    pub fn store_status(&self) -> Result<StoreStatus, GatewayError> {
        let size = self.inner.store.size_on_disk()?;
        let live = self.inner.live_size.known();
        let (free, disk) = self.inner.assets.disk_space()?;
        Ok(StoreStatus {
            size,
            live,
            free,
            disk,
            alarms: self.inner.settings.space.alarms(size, live, free, disk),
            damaged: self.inner.damages.list(),
        })
    }

    /// Measures the size of the records: goes through all of them.
    ///
    /// # Errors
    /// [`GatewayError`] when the store can't be read.
    pub fn measure_live_size(&self) -> Result<(), GatewayError> {
        let live = self.inner.store.live_size()?;
        self.inner.live_size.0.store(live.bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl SpaceRules {
    fn alarms(&self, size: u64, live: Option<u64>, free: u64, disk: u64) -> Vec<String> {
        let mut alarms = Vec::new();
        let percent = u128::from(free) * 100;
        if free < u64::from(self.free_mib) * MIB
            || percent < u128::from(disk) * u128::from(self.free_percent)
        {
            alarms.push(format!(
                "{} MiB of {} MiB are free on the store's disk; when it is full, changes are \
                 refused: make room, or move the store to a larger disk",
                free / MIB,
                disk / MIB
            ));
        }
        if let Some(live) = live
            && size > SMALL_DATABASE
            && size / u64::from(self.ratio.max(1)) > live
        {
            alarms.push(format!(
                "the database takes {} MiB for {} MiB of records; `trestle store compact` gives \
                 the rest back (stop the gateway for it)",
                size / MIB,
                live / MIB
            ));
        }
        alarms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn an_alarm_says_what_to_do_and_only_when_there_is_a_reason() {
        let rules = SpaceRules::default();
        assert_eq!(
            rules.alarms(GIB, Some(GIB / 2), 50 * GIB, 100 * GIB),
            [""; 0]
        );
        assert_eq!(rules.alarms(GIB, None, 50 * GIB, 100 * GIB), [""; 0]);
        // Less than 5 % of a large disk; less than 1 GiB of a small one.
        for (free, disk) in [(4 * GIB, 100 * GIB), (GIB / 2, 2 * GIB)] {
            let alarms = rules.alarms(GIB, None, free, disk);
            assert!(
                alarms.iter().any(|alarm| alarm.contains("make room")),
                "{alarms:?}"
            );
        }
        let alarms = rules.alarms(6 * GIB, Some(GIB), 50 * GIB, 100 * GIB);
        assert!(
            alarms.iter().any(|alarm| alarm.contains("store compact")),
            "{alarms:?}"
        );
        assert_eq!(
            rules.alarms(100 * MIB, Some(MIB), 50 * GIB, 100 * GIB),
            [""; 0]
        );
    }
}
