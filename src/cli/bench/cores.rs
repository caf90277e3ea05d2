//! Which core a thread and the processes that it starts run on.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The cores of this process, shared out: one for what is measured, another for who measures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cores {
    all: CpuSet,
    apart: Option<[usize; 2]>,
}

/// Where a thread runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Core {
    /// On any that the command may use.
    Any,
    /// On that of the gateway.
    Gateway,
    /// On that of ACS and phones.
    Others,
}

impl Cores {
    /// As many as this thread may use now.
    pub(super) fn of_this_thread() -> Self {
        let all = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        let mut cores = (0..CpuSet::count()).filter(|core| all.is_set(*core).unwrap_or(false));
        let apart = cores.next().zip(cores.next());
        Self {
            all,
            apart: apart.map(|(first, second)| [first, second]),
        }
    }

    /// Whether gateway and others have a core each.
    pub(super) fn are_apart(&self) -> bool {
        self.apart.is_some()
    }

    /// Moves this thread; threads and processes that it starts later stay there too. Where there is
    /// one core only, nothing moves.
    pub(super) fn move_to(&self, core: Core) {
        let set = match (core, self.apart) {
            (Core::Any, _) | (_, None) => self.all,
            (Core::Gateway, Some([gateway, _])) => single(gateway),
            (Core::Others, Some([_, others])) => single(others),
        };
        if let Err(error) = sched_setaffinity(Pid::from_raw(0), &set) {
            tracing::warn!(%error, "a thread can't be kept on its core");
        }
    }
}

fn single(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    // It was found in a set of the same size.
    let _ = set.set(core);
    set
}
