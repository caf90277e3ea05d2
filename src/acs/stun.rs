//! Binding Requests to STUN servers, from the socket on which connection requests are heard
//! (cwmp.md U2 to U7). When one is due, and what its answer means, is the gateway's.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::work::run_jobs;
use crate::gateway::{BindingJob, BindingResult, Gateway};
use crate::wire::stun::{BindingAnswer, BindingOutcome, BindingRequest, TransactionId};

/// Requests under way at once.
const AT_ONCE: u16 = 16;
/// How long the name of a server may take to be found.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(5);
/// Milliseconds from each sending of a request to the next, or to giving up (RFC 3489 section
/// 9.3).
const WAITS: [u64; 9] = [100, 200, 400, 800, 1600, 1600, 1600, 1600, 1600];
/// The error by which a server asks for USERNAME and MESSAGE-INTEGRITY.
const UNAUTHORIZED: u16 = 401;

/// Sends Binding Requests, and takes the answers that the owner of the socket hands over.
pub(super) struct StunClient {
    socket: Arc<UdpSocket>,
    waiting: Mutex<HashMap<TransactionId, Waiting>>,
}

struct Waiting {
    server: SocketAddr,
    answer: oneshot::Sender<BindingOutcome>,
}

/// Why a Binding Request got nowhere.
#[derive(Debug, thiserror::Error)]
enum StunFailure {
    #[error("cannot find the address of {host}: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("{host} has no address that this socket reaches")]
    Family { host: String },
    #[error("cannot send to {server}: {source}")]
    Send {
        server: SocketAddr,
        source: io::Error,
    },
    #[error("cannot get random bytes: {0}")]
    Random(getrandom::Error),
    #[error("no answer from {server}")]
    Silence { server: SocketAddr },
    #[error("{server} answered with error {code}")]
    Refused { server: SocketAddr, code: u16 },
}

impl StunClient {
    pub(super) fn new(socket: Arc<UdpSocket>) -> Self {
        Self {
            socket,
            waiting: Mutex::default(),
        }
    }

    /// Keeps the bindings that devices need, until `shutdown`.
    pub(super) async fn run(self: Arc<Self>, gateway: Gateway, shutdown: CancellationToken) {
        let next = || gateway.next_binding();
        let run = |job: BindingJob| {
            let (client, gateway) = (Arc::clone(&self), gateway.clone());
            async move {
                let result = client.keep(&job).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "a STUN binding could not be kept");
                    BindingResult::Failed
                });
                gateway.finish_binding(job.id, result).await;
            }
        };
        run_jobs(AT_ONCE, shutdown, next, run).await;
    }

    /// Hands over an answer. One that nobody waits for, or from somewhere else, is dropped.
    pub(super) fn take(&self, answer: &BindingAnswer, source: SocketAddr) {
        let mut waiting = self.waiting();
        let is_awaited = waiting
            .get(&answer.id)
            .is_some_and(|one| one.server == source);
        if is_awaited && let Some(one) = waiting.remove(&answer.id) {
            // It may have given up in this very moment.
            let _ = one.answer.send(answer.outcome);
        }
    }

    async fn keep(&self, job: &BindingJob) -> Result<BindingResult, StunFailure> {
        let server = self.resolve(&job.host, job.port).await?;
        match self.ask(server, job).await? {
            BindingOutcome::Mapped(mapped) => {
                let local = self
                    .local_address(server)
                    .map_err(|source| StunFailure::Send { server, source })?;
                Ok(BindingResult::Mapped { mapped, local })
            }
            BindingOutcome::Refused(UNAUTHORIZED) => Ok(BindingResult::Unauthorized),
            BindingOutcome::Refused(code) => Err(StunFailure::Refused { server, code }),
        }
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, StunFailure> {
        let wants_ipv4 = self
            .socket
            .local_addr()
            .is_ok_and(|address| address.is_ipv4());
        let found = timeout(LOOKUP_DEADLINE, lookup_host((host, port))).await;
        let found = found
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| StunFailure::Resolve {
                host: host.to_owned(),
                source,
            })?;
        found
            .into_iter()
            .find(|address| address.is_ipv4() == wants_ipv4)
            .ok_or_else(|| StunFailure::Family {
                host: host.to_owned(),
            })
    }

    /// Sends a request, again and again as long as there is no answer.
    async fn ask(
        &self,
        server: SocketAddr,
        job: &BindingJob,
    ) -> Result<BindingOutcome, StunFailure> {
        let mut id = TransactionId::default();
        getrandom::fill(&mut id).map_err(StunFailure::Random)?;
        let request = BindingRequest {
            id,
            binding_changed: job.binding_changed,
            credentials: job.credentials.as_ref(),
        }
        .encode();
        let (sender, mut answer) = oneshot::channel();
        let waiting = Waiting {
            server,
            answer: sender,
        };
        self.waiting().insert(id, waiting);
        let _guard = Forget { client: self, id };
        for wait in WAITS {
            self.socket
                .send_to(&request, server)
                .await
                .map_err(|source| StunFailure::Send { server, source })?;
            if let Ok(Ok(outcome)) = timeout(Duration::from_millis(wait), &mut answer).await {
                return Ok(outcome);
            }
        }
        Err(StunFailure::Silence { server })
    }

    /// Where packets to a server leave: what it should see if nothing translates addresses.
    fn local_address(&self, server: SocketAddr) -> io::Result<SocketAddr> {
        let own = self.socket.local_addr()?;
        if !own.ip().is_unspecified() {
            return Ok(own);
        }
        let any: IpAddr = if server.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        // Nothing is sent by connecting.
        let probe = std::net::UdpSocket::bind((any, 0))?;
        probe.connect(server)?;
        Ok(SocketAddr::new(probe.local_addr()?.ip(), own.port()))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<TransactionId, Waiting>> {
        // No code that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a transaction, however it ends.
struct Forget<'a> {
    client: &'a StunClient,
    id: TransactionId,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.client.waiting().remove(&self.id);
    }
}
