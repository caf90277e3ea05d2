//! From the sockets to the gateway: what is too much is dropped here, before it costs anything.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::limiter::Limiter;
use crate::gateway::{Gateway, GatewayError, SyslogDrops};

/// Lines that may wait for the gateway.
const MAX_WAITING: usize = 1024;

/// Where lines go: the gateway, and in tests something smaller.
pub(super) trait LineSink: Clone + Send + Sync + 'static {
    /// Takes a line.
    fn take(&self, source: IpAddr, line: &[u8]);

    /// Counts lines that were dropped.
    fn count_drops(&self, drops: SyslogDrops);

    /// Has what was taken on disk.
    fn write(&self) -> impl Future<Output = Result<(), GatewayError>> + Send;
}

impl LineSink for Gateway {
    fn take(&self, source: IpAddr, line: &[u8]) {
        self.take_syslog(source, line);
    }

    fn count_drops(&self, drops: SyslogDrops) {
        self.count_syslog_drops(drops);
    }

    fn write(&self) -> impl Future<Output = Result<(), GatewayError>> + Send {
        self.write_syslog()
    }
}

/// A line that was let in.
pub(super) struct Received {
    pub(super) source: IpAddr,
    pub(super) line: Box<[u8]>,
}

/// Where sockets put their lines.
#[derive(Clone)]
pub(super) struct Inlet {
    limiter: Arc<Mutex<Limiter>>,
    lines: mpsc::Sender<Received>,
    drops: Arc<Drops>,
}

#[derive(Default)]
pub(super) struct Drops {
    too_fast: AtomicU64,
    too_many: AtomicU64,
}

impl Drops {
    /// What was dropped since this was asked last.
    pub(super) fn take(&self) -> SyslogDrops {
        SyslogDrops {
            too_fast: self.too_fast.swap(0, Ordering::Relaxed),
            too_many: self.too_many.swap(0, Ordering::Relaxed),
        }
    }
}

impl Inlet {
    /// An inlet, what comes out of it, and the count of what does not.
    pub(super) fn new(per_second: NonZeroU32) -> (Self, mpsc::Receiver<Received>, Arc<Drops>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let drops = Arc::new(Drops::default());
        let inlet = Self {
            limiter: Arc::new(Mutex::new(Limiter::new(per_second, now()))),
            lines: sender,
            drops: Arc::clone(&drops),
        };
        (inlet, receiver, drops)
    }

    /// Lets a line in, or counts it. A line that is dropped is not copied.
    pub(super) fn offer(&self, source: IpAddr, line: &[u8]) {
        let admitted = {
            // No code that can panic runs under this lock.
            let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
            limiter.admits(source, now())
        };
        if !admitted {
            self.drops.too_fast.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match self.lines.try_reserve() {
            Ok(place) => place.send(Received {
                source,
                line: line.into(),
            }),
            Err(TrySendError::Full(())) => {
                self.drops.too_many.fetch_add(1, Ordering::Relaxed);
            }
            // The gateway is stopping.
            Err(TrySendError::Closed(())) => {}
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
