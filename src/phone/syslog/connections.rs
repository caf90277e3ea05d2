//! Syslog over TCP: many connections, each with few claims.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::inlet::Inlet;
use crate::wire::syslog::Framing;

/// Connections at once.
const MAX_CONNECTIONS: usize = 1024;
/// Connections at once from one address: a site behind a router has one.
pub(super) const MAX_PER_SOURCE: usize = 64;
/// A connection on which nothing comes for so long is closed. Phones open another one when they
/// have something to say.
const IDLE: Duration = Duration::from_secs(600);
/// After the system refused a connection, for want of files mostly.
const PAUSE: Duration = Duration::from_millis(200);
const READ_BYTES: usize = 4096;

/// Takes connections until the shutdown.
pub(super) async fn accept(listener: TcpListener, inlet: Inlet, shutdown: CancellationToken) {
    let mut connections: JoinSet<IpAddr> = JoinSet::new();
    let mut per_source: HashMap<IpAddr, usize> = HashMap::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Ok(source) = ended
                    && let Some(count) = per_source.get_mut(&source)
                {
                    *count -= 1;
                    if *count == 0 {
                        per_source.remove(&source);
                    }
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let source = address.ip().to_canonical();
                    let open = per_source.get(&source).copied().unwrap_or_default();
                    if connections.len() >= MAX_CONNECTIONS || open >= MAX_PER_SOURCE {
                        tracing::debug!(%source, "a syslog connection too many is closed");
                        continue;
                    }
                    per_source.insert(source, open + 1);
                    let inlet = inlet.clone();
                    connections.spawn(async move {
                        read(stream, source, &inlet).await;
                        source
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a syslog connection can't be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
    connections.shutdown().await;
}

/// Reads a connection to its end.
async fn read(mut stream: TcpStream, source: IpAddr, inlet: &Inlet) {
    let mut framing = Framing::default();
    let mut bytes = vec![0; READ_BYTES];
    let mut offer = |line: &[u8]| inlet.offer(source, line);
    // A connection that is reset or idle ends like one that is closed.
    while let Ok(Ok(length @ 1..)) = tokio::time::timeout(IDLE, stream.read(&mut bytes)).await {
        let read = bytes.get(..length).unwrap_or_default();
        if let Err(error) = framing.take(read, &mut offer) {
            tracing::debug!(%source, %error, "a syslog connection is closed");
            return;
        }
    }
    framing.finish(&mut offer);
}
