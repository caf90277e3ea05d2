//! Processor time of the process without the thread of the ACS.

use std::fs;
use std::time::Duration;

use trestle::sim::quick_acs::THREAD_NAME;

/// Processor time so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu(u64);

impl Cpu {
    /// What all threads but the ACS's have used; `None` where the system does not tell.
    pub(crate) fn of_client() -> Option<Self> {
        let mut nanoseconds = 0;
        for task in fs::read_dir("/proc/self/task").ok()? {
            let folder = task.ok()?.path();
            let name = fs::read_to_string(folder.join("comm")).ok()?;
            if name.trim() == THREAD_NAME {
                continue;
            }
            let used = fs::read_to_string(folder.join("schedstat")).ok()?;
            nanoseconds += used.split(' ').next()?.parse::<u64>().ok()?;
        }
        Some(Self(nanoseconds))
    }

    /// What was used since then. A thread that has ended takes its time with it.
    pub(crate) fn since(self, before: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(before.0))
    }
}
