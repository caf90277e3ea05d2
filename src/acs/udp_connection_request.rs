//! The one UDP socket of the gateway: connection requests for all devices come in here, and STUN is
//! spoken from it (cwmp.md section 5.2). Nothing is ever answered.

use std::net::{SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::connection_request::ConnectionRequestError;
use super::settings::ConnectionRequestSettings;
use super::stun::StunClient;
use crate::gateway::{Admission, Gateway, WakingRules};
use crate::wire::stun::{self, BindingAnswer};
use crate::wire::udp_connection_request::{MAX_DATAGRAM_BYTES, UdpConnectionRequest};

/// Room for the largest datagram that is read, and one byte by which a longer one shows.
const BUFFER_BYTES: usize = MAX_DATAGRAM_BYTES + 1;
/// How long the socket rests after it could not be read.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// The listener for connection requests over UDP, bound and ready to run.
pub struct UdpConnectionRequestServer {
    gateway: Gateway,
    rules: WakingRules,
    socket: Arc<UdpSocket>,
    address: SocketAddr,
}

impl UdpConnectionRequestServer {
    /// Opens the socket, if the settings want one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ConnectionRequestError::Bind`] when the address can't be had.
    pub fn bind(
        gateway: Gateway,
        settings: &ConnectionRequestSettings,
    ) -> Result<Option<Self>, ConnectionRequestError> {
        let Some(address) = settings.udp else {
            return Ok(None);
        };
        let bind = || {
            let socket = StdUdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            let socket = UdpSocket::from_std(socket)?;
            let address = socket.local_addr()?;
            Ok((Arc::new(socket), address))
        };
        let (socket, address) =
            bind().map_err(|source| ConnectionRequestError::Bind { address, source })?;
        Ok(Some(Self {
            gateway,
            rules: settings.rules(),
            socket,
            address,
        }))
    }

    /// Where it listens, with the port that was chosen for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes datagrams and keeps bindings until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let client = Arc::new(StunClient::new(Arc::clone(&self.socket)));
        let bindings = Arc::clone(&client).run(self.gateway.clone(), shutdown.clone());
        tokio::join!(self.listen(&client, &shutdown), bindings);
    }

    async fn listen(&self, client: &StunClient, shutdown: &CancellationToken) {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let received = tokio::select! {
                () = shutdown.cancelled() => return,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            match received {
                Ok((length, source)) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    self.take(datagram, source, client);
                }
                Err(error) => {
                    tracing::warn!(%error, "the socket for connection requests can't be read");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }

    /// What is no good is dropped without a word: a flood must not fill the log either.
    fn take(&self, datagram: &[u8], source: SocketAddr, client: &StunClient) {
        if stun::is_stun(datagram) {
            if let Ok(answer) = BindingAnswer::parse(datagram) {
                client.take(&answer, source);
            }
            return;
        }
        let Ok(request) = UdpConnectionRequest::parse(datagram) else {
            return;
        };
        let Some(mac) = self.gateway.udp_connection_request_target(&request) else {
            return;
        };
        let admission = self.gateway.admit_connection_request(mac, self.rules);
        if admission != Admission::Admitted {
            tracing::info!(device = %mac, ?admission, "connection request refused");
            return;
        }
        tracing::info!(device = %mac, %source, "connection request accepted");
        let gateway = self.gateway.clone();
        tokio::spawn(async move { gateway.wake(mac).await });
    }
}
