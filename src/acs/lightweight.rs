//! Sends lightweight notifications, each a datagram that nobody answers (cwmp.md A10).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::settings::AcsSettings;
use super::work::run_jobs;
use crate::gateway::{Gateway, LightweightJob};

/// Notifications under way at once.
const AT_ONCE: u16 = 16;
/// How long the name of a host may take to be found.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(5);

/// Sends what devices have to tell without a session.
pub struct LightweightNotifier {
    gateway: Gateway,
    /// By the ACS's number.
    bind: Vec<Option<IpAddr>>,
}

impl LightweightNotifier {
    /// A notifier for this gateway.
    pub fn new(gateway: Gateway, settings: &[AcsSettings]) -> Self {
        Self {
            gateway,
            bind: settings.iter().map(|settings| settings.bind).collect(),
        }
    }

    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let next = || self.gateway.next_lightweight();
        let run = |job: LightweightJob| {
            let bind = self.bind.get(job.acs.0).copied().flatten();
            let gateway = self.gateway.clone();
            async move {
                let sent = send(&job, bind).await;
                match &sent {
                    Ok(()) => tracing::info!(
                        device = %job.mac,
                        parameters = job.told.len(),
                        "lightweight notification sent"
                    ),
                    Err(error) => tracing::warn!(
                        device = %job.mac,
                        host = job.host,
                        %error,
                        "lightweight notification not sent"
                    ),
                }
                gateway.finish_lightweight(job, sent.is_ok()).await;
            }
        };
        run_jobs(AT_ONCE, shutdown, next, run).await;
    }
}

async fn send(job: &LightweightJob, bind: Option<IpAddr>) -> io::Result<()> {
    let is_usable =
        |address: &SocketAddr| bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4());
    let found = timeout(LOOKUP_DEADLINE, lookup_host((job.host.as_str(), job.port))).await??;
    let target = found
        .into_iter()
        .find(is_usable)
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    let any: IpAddr = if target.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((bind.unwrap_or(any), 0)).await?;
    socket.send_to(&job.document, target).await?;
    Ok(())
}
