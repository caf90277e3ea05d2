//! Carries out what the gateway wants phones to be told, many at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::notify::{SipSender, SipSettings};
use super::web;
use crate::gateway::{ControlJob, ControlOutcome, Gateway};
use crate::mapping::MeansWay;
use crate::native::Mac;

/// Phones that are told something at once. One that is off takes its place for half a minute and
/// costs little else; the others wait in the gateway.
pub(super) const MAXIMUM_RUNNING: usize = 1024;

/// Phones can't be told anything.
#[derive(Debug, thiserror::Error)]
pub enum ControlSenderError {
    /// An address of `[sip] bind` can't be had.
    #[error("can't send SIP from {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Where jobs come from and results go: the gateway, and in tests something smaller.
pub(super) trait ControlJobs: Clone + Send + Sync + 'static {
    /// Waits for the next job.
    fn next(&self) -> impl Future<Output = ControlJob> + Send;

    /// Takes a result.
    fn finish(&self, mac: Mac, id: u64, outcome: ControlOutcome)
    -> impl Future<Output = ()> + Send;
}

impl ControlJobs for Gateway {
    fn next(&self) -> impl Future<Output = ControlJob> + Send {
        self.next_control()
    }

    fn finish(
        &self,
        mac: Mac,
        id: u64,
        outcome: ControlOutcome,
    ) -> impl Future<Output = ()> + Send {
        self.finish_control(mac, id, outcome)
    }
}

/// Tells phones what the gateway wants them to be told.
pub struct ControlSender {
    gateway: Gateway,
    sip: Arc<SipSender>,
}

impl ControlSender {
    /// Opens the sockets that SIP leaves from.
    ///
    /// # Errors
    /// [`ControlSenderError`] when an address that the operator has named can't be had.
    pub fn bind(gateway: Gateway, settings: &SipSettings) -> Result<Self, ControlSenderError> {
        Ok(Self {
            gateway,
            sip: Arc::new(SipSender::bind(settings)?),
        })
    }

    /// Runs until the shutdown. Jobs that are under way then are given back without an answer.
    pub async fn run(self, shutdown: CancellationToken) {
        drive(&self.gateway, &self.sip, &shutdown).await;
    }
}

pub(super) async fn drive<J: ControlJobs>(
    jobs: &J,
    sip: &Arc<SipSender>,
    shutdown: &CancellationToken,
) {
    let mut running = JoinSet::new();
    // The future lives on from turn to turn, so no job is lost when another branch is first.
    let mut next = Box::pin(jobs.next());
    let listening = Arc::clone(sip).listen(shutdown.clone());
    let listening = tokio::spawn(listening);
    loop {
        while running.try_join_next().is_some() {}
        let is_full = running.len() >= MAXIMUM_RUNNING;
        tokio::select! {
            () = shutdown.cancelled() => break,
            job = &mut next, if !is_full => {
                next = Box::pin(jobs.next());
                let (jobs, sip, shutdown) = (jobs.clone(), Arc::clone(sip), shutdown.clone());
                running.spawn(Box::pin(async move {
                    let outcome = tokio::select! {
                        () = shutdown.cancelled() => ControlOutcome::NoAnswer,
                        outcome = tell(&sip, &job) => outcome,
                    };
                    report(&job, &outcome);
                    jobs.finish(job.mac, job.id, outcome).await;
                }));
            }
            _ = running.join_next(), if is_full => {}
        }
    }
    drop(next);
    while running.join_next().await.is_some() {}
    // It can only fail by a panic, which has been reported by then.
    let _ = listening.await;
}

async fn tell(sip: &SipSender, job: &ControlJob) -> ControlOutcome {
    match &job.means.way {
        MeansWay::Notify { event, body } => {
            Box::pin(sip.notify(job.address, &job.sip, event, body.as_ref())).await
        }
        MeansWay::Http(steps) => Box::pin(web::tell(job.address, &job.web, steps)).await,
    }
}

fn report(job: &ControlJob, outcome: &ControlOutcome) {
    tracing::info!(
        device = %job.mac,
        job = job.id,
        action = ?job.action,
        means = job.means.name,
        address = %job.address,
        via = job.sip.via.as_ref().map(|via| via.proxy.to_string()),
        outcome = ?outcome,
        "control finished"
    );
}
