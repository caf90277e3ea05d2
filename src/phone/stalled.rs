//! Ends connections on which nothing moves. The HTTP server knows a limit for the first request head
//! of a connection and one for connections at rest. It knows none for a phone that sends a later head
//! byte by byte, and none for one that does not read its answer.
//!
//! The thread that serves the connections also watches them. So a connection that is found here has
//! not been closed, its handle is no other's yet, and no second handle of its socket is needed.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use actix_web::rt;
use nix::sys::socket::{Shutdown, shutdown};

/// How often connections are looked at.
const TURN: Duration = Duration::from_secs(2);

/// All connections that are open. They are served by one thread.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    open: Arc<Mutex<Open>>,
    since: Instant,
    /// Longest time without anything moving.
    limit: Duration,
}

#[derive(Debug, Default)]
struct Open {
    connections: Vec<Weak<Connection>>,
    watched_by: Option<ThreadId>,
}

/// One connection: held by it, so that it ends with it.
#[derive(Debug)]
pub(super) struct Connection {
    /// The connection's own handle; only the thread that serves it may use it.
    socket: RawFd,
    peer: Option<SocketAddr>,
    since: Instant,
    /// When something moved last, in milliseconds.
    moved_at: AtomicU64,
    /// Requests that wait for us, not for the phone.
    waiting: AtomicUsize,
}

/// A request waits for us until this is dropped.
#[derive(Debug)]
pub(super) struct OurTurn(Arc<Connection>);

impl Connections {
    /// None yet; a connection may stand still for `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            open: Arc::default(),
            since: Instant::now(),
            limit,
        }
    }

    /// A connection is there, and is served by the thread that says so.
    pub(super) fn add(&self, stream: &rt::net::TcpStream) -> Arc<Connection> {
        let connection = Arc::new(Connection {
            socket: stream.as_raw_fd(),
            peer: stream.peer_addr().ok(),
            since: self.since,
            moved_at: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
        });
        connection.moved();
        self.lock().connections.push(Arc::downgrade(&connection));
        connection
    }

    /// From now on this thread, which serves the connections, ends those that stand still.
    pub(super) fn watch_here(&self) {
        let here = thread::current().id();
        if self.lock().watched_by.replace(here) == Some(here) {
            return;
        }
        let connections = self.clone();
        rt::spawn(async move {
            loop {
                tokio::time::sleep(TURN).await;
                connections.end_stalled(Instant::now());
            }
        });
    }

    fn end_stalled(&self, now: Instant) {
        let now = milliseconds(now.saturating_duration_since(self.since));
        let limit = milliseconds(self.limit);
        self.lock().connections.retain(|connection| {
            let Some(connection) = connection.upgrade() else {
                return false;
            };
            let is_ours = connection.waiting.load(Relaxed) > 0;
            let still_for = now.saturating_sub(connection.moved_at.load(Relaxed));
            if is_ours || still_for <= limit {
                return true;
            }
            tracing::info!(
                peer = connection.peer.map(tracing::field::display),
                "connection ended: nothing moves on it"
            );
            // One that is closed already is what is wanted.
            let _ = shutdown(connection.socket, Shutdown::Both);
            false
        });
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // No code that can panic runs under this lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Bytes have come or gone.
    pub(super) fn moved(&self) {
        self.moved_at
            .store(milliseconds(self.since.elapsed()), Relaxed);
    }

    /// The phone has asked, and waits.
    pub(super) fn our_turn(self: &Arc<Self>) -> OurTurn {
        self.waiting.fetch_add(1, Relaxed);
        OurTurn(Arc::clone(self))
    }
}

impl Drop for OurTurn {
    fn drop(&mut self) {
        self.0.moved();
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn only_a_connection_on_which_nothing_moves_is_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Connections::new(Duration::from_secs(10));
        let mut phone = TcpStream::connect(address).await.unwrap();
        let (held, _) = listener.accept().await.unwrap();
        let connection = connections.add(&held);
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);

        connections.end_stalled(after(9));
        let turn = connection.our_turn();
        connections.end_stalled(after(20));
        assert_eq!(connections.lock().connections.len(), 1, "it waits for us");
        drop(turn);
        connections.end_stalled(after(11));
        assert_eq!(connections.lock().connections.len(), 0);
        assert_eq!(phone.read(&mut [0; 1]).await.unwrap(), 0, "closed");

        let _phone = TcpStream::connect(address).await.unwrap();
        let (held, _) = listener.accept().await.unwrap();
        drop(connections.add(&held));
        connections.end_stalled(after(1));
        assert_eq!(
            connections.lock().connections.len(),
            0,
            "it has ended by itself"
        );
    }
}
