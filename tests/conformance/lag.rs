//! Whether this machine keeps up: a check that measures times says nothing when it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::runner::skip;

/// How often it looks.
const TICK: Duration = Duration::from_millis(20);

/// Watches how late this process is woken, from its start on.
pub(crate) struct Lag {
    worst: Arc<AtomicU64>,
    watching: JoinHandle<()>,
}

impl Lag {
    /// Begins to watch.
    pub(crate) fn watch() -> Self {
        let worst = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&worst);
        let watching = tokio::spawn(async move {
            loop {
                let asleep = Instant::now();
                tokio::time::sleep(TICK).await;
                let late = asleep.elapsed().saturating_sub(TICK).as_millis();
                seen.fetch_max(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Self { worst, watching }
    }

    /// Demands what was measured. If it is wrong while the machine was ever later than `allowed`,
    /// or has more than twice the work that its processors can do, the check is skipped: it has
    /// neither passed nor failed.
    pub(crate) fn judge(&self, allowed: Duration, is_right: bool, measured: &str) {
        let worst = Duration::from_millis(self.worst.load(Ordering::Relaxed));
        let load = load();
        let busy = format!("the machine was {worst:?} late, with {load:.1} processes a processor");
        if !is_right && (worst > allowed || load > 2.0) {
            skip(&format!("too busy to measure times: {busy}"));
        }
        assert!(is_right, "{measured}; {busy}");
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// How many processes wanted each processor in the last minute, on average; 0 where the system does
/// not say.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text
        .split(' ')
        .next()
        .and_then(|minute| minute.parse().ok())
        .unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    load / f64::from(u32::try_from(processors).unwrap_or(1))
}
