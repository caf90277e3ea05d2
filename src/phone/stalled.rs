//! Ends connections on which nothing moves. The HTTP server knows a limit for the first request head
//! of a connection and one for connections at rest. It knows none for a phone that sends a later head
//! byte by byte, and none for one that does not read its answer.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::rt;

/// How often connections are looked at.
const TURN: Duration = Duration::from_secs(2);

/// All connections that are open.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    open: Arc<Mutex<Vec<Weak<Connection>>>>,
    since: Instant,
    /// Longest time without anything moving.
    limit: Duration,
}

/// One connection: held by it, so that it ends with it.
#[derive(Debug)]
pub(super) struct Connection {
    /// Another handle of the socket, to close it from outside.
    socket: TcpStream,
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

    /// A connection is there. `None` when the system has no more handles: the HTTP server's own
    /// limits have to do then.
    pub(super) fn add(&self, stream: &rt::net::TcpStream) -> Option<Arc<Connection>> {
        let socket = stream.as_fd().try_clone_to_owned().ok()?;
        let connection = Arc::new(Connection {
            socket: TcpStream::from(socket),
            since: self.since,
            moved_at: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
        });
        connection.moved();
        self.lock().push(Arc::downgrade(&connection));
        Some(connection)
    }

    /// Ends what stands still, for ever.
    pub(super) async fn watch(self) {
        loop {
            tokio::time::sleep(TURN).await;
            self.end_stalled(Instant::now());
        }
    }

    fn end_stalled(&self, now: Instant) {
        let now = milliseconds(now.saturating_duration_since(self.since));
        let limit = milliseconds(self.limit);
        self.lock().retain(|connection| {
            let Some(connection) = connection.upgrade() else {
                return false;
            };
            let is_ours = connection.waiting.load(Relaxed) > 0;
            let still_for = now.saturating_sub(connection.moved_at.load(Relaxed));
            if is_ours || still_for <= limit {
                return true;
            }
            tracing::info!(
                peer = connection
                    .socket
                    .peer_addr()
                    .ok()
                    .map(tracing::field::display),
                "connection ended: nothing moves on it"
            );
            // One that is closed already is what is wanted.
            let _ = connection.socket.shutdown(Shutdown::Both);
            false
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Connection>>> {
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
        let connection = connections.add(&held).unwrap();
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);

        connections.end_stalled(after(9));
        let turn = connection.our_turn();
        connections.end_stalled(after(20));
        assert_eq!(connections.lock().len(), 1, "it waits for us");
        drop(turn);
        connections.end_stalled(after(11));
        assert_eq!(connections.lock().len(), 0);
        assert_eq!(phone.read(&mut [0; 1]).await.unwrap(), 0, "closed");

        let _phone = TcpStream::connect(address).await.unwrap();
        let (held, _) = listener.accept().await.unwrap();
        drop(connections.add(&held));
        connections.end_stalled(after(1));
        assert_eq!(connections.lock().len(), 0, "it has ended by itself");
    }
}
