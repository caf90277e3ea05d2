//! Fetches a file from another TFTP server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;

use crate::wire::tftp::{Action, MAX_BLOCK_BYTES, Receiving, ReceivingFailure};

pub use crate::wire::tftp::ReceivingLimits as TftpLimits;

/// Room for the largest packet that is asked for, and one byte by which a longer one shows.
const BUFFER_BYTES: usize = 4 + MAX_BLOCK_BYTES + 1;

/// A file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum TftpFetchError {
    /// The server does not give it.
    #[error(transparent)]
    Transfer(#[from] ReceivingFailure),
    /// The network does not carry it.
    #[error("TFTP packets to {server} can't be sent or received: {source}")]
    Network {
        /// The server.
        server: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl TftpFetchError {
    /// Whether the server has answered, and has no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Transfer(ReceivingFailure::NotFound { .. }))
    }
}

/// Fetches a file, named as the server knows it, within limits.
///
/// # Errors
/// [`TftpFetchError`]; nothing is left of a file that has not come whole.
pub async fn fetch(
    server: SocketAddr,
    path: &str,
    limits: TftpLimits,
) -> Result<Bytes, TftpFetchError> {
    let failed = |source| TftpFetchError::Network { server, source };
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    let mut receiving = Receiving::new(server, path, limits, Instant::now())?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match receiving.poll(Instant::now()) {
            Action::Send { to, datagram } => {
                socket.send_to(&datagram, to).await.map_err(failed)?;
            }
            Action::Wait(until) => {
                tokio::select! {
                    received = socket.recv_from(&mut buffer) => {
                        let (length, from) = received.map_err(failed)?;
                        let datagram = buffer.get(..length).unwrap_or_default();
                        receiving.on_datagram(from, datagram);
                    }
                    () = tokio::time::sleep_until(until.into()) => {}
                }
            }
            Action::Done(content) => return Ok(content?.into()),
        }
    }
}
