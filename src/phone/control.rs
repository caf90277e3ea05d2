//! Telling phones to fetch their files or to restart, by SIP NOTIFY.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdpSocket};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::gateway::{ControlJob, ControlOutcome, Gateway};
use crate::native::Mac;
use crate::wire::sip::{
    Action, MAXIMUM_MESSAGE, Message, MessageError, Notify, NotifyTransaction, Outcome,
    TransactionTokens,
};

/// Phones that are told something at once. The others wait in the gateway.
const MAXIMUM_RUNNING: usize = 32;

/// How long the loop sleeps at most when nothing runs.
const IDLE: Duration = Duration::from_secs(3600);

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

/// Sends what the gateway wants phones to be told.
pub struct ControlSender {
    gateway: Gateway,
}

impl ControlSender {
    /// A sender for this gateway.
    pub fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    /// Runs until the shutdown. All requests leave from one UDP socket; jobs that are under way at
    /// the shutdown are given back as not sent.
    ///
    /// # Errors
    /// No UDP socket can be had.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        drive(&self.gateway, &socket, &shutdown).await
    }
}

/// A job under way.
struct Running {
    job: ControlJob,
    target: SocketAddr,
    transaction: NotifyTransaction,
    /// When the transaction wants to be polled.
    wake_at: Instant,
}

async fn drive<J: ControlJobs>(
    jobs: &J,
    socket: &UdpSocket,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let port = socket.local_addr()?.port();
    let mut running: HashMap<String, Running> = HashMap::new();
    let mut datagram = vec![0; MAXIMUM_MESSAGE];
    // The future lives on from turn to turn, so no job is lost when another branch is first.
    let mut next = Box::pin(jobs.next());
    let mut finishing = JoinSet::new();
    loop {
        while finishing.try_join_next().is_some() {}
        let wake_at = running
            .values()
            .map(|one| one.wake_at)
            .min()
            .unwrap_or_else(|| now() + IDLE);
        tokio::select! {
            () = shutdown.cancelled() => break,
            job = &mut next, if running.len() < MAXIMUM_RUNNING => {
                next = Box::pin(jobs.next());
                match begin(&job, port) {
                    Ok((target, transaction)) => {
                        let wake_at = now();
                        let one = Running { job, target, transaction, wake_at };
                        running.insert(one.transaction.call_id().to_owned(), one);
                    }
                    Err(reason) => finish(&mut finishing, jobs, &job, ControlOutcome::NotSent { reason }),
                }
            }
            received = socket.recv_from(&mut datagram) => match received {
                Ok((length, source)) => {
                    let message = Message::parse(datagram.get(..length).unwrap_or_default());
                    on_datagram(&mut running, message, source);
                }
                Err(error) => tracing::warn!(%error, "control receive failed"),
            },
            () = tokio::time::sleep_until(wake_at.into()) => {}
        }

        for call_id in due(&running, now()) {
            let Some(one) = running.get_mut(&call_id) else {
                continue;
            };
            let Some(outcome) = one.advance(socket).await else {
                continue;
            };
            if let Some(one) = running.remove(&call_id) {
                finish(&mut finishing, jobs, &one.job, outcome);
            }
        }
    }
    for one in running.into_values() {
        let reason = "trestle stops".to_owned();
        finish(
            &mut finishing,
            jobs,
            &one.job,
            ControlOutcome::NotSent { reason },
        );
    }
    drop(next);
    while finishing.join_next().await.is_some() {}
    Ok(())
}

fn on_datagram(
    running: &mut HashMap<String, Running>,
    message: Result<Message, MessageError>,
    source: SocketAddr,
) {
    let message = match message {
        Ok(message) => message,
        Err(error) => {
            tracing::debug!(%source, %error, "control datagram ignored");
            return;
        }
    };
    let Some(one) = message
        .call_id()
        .and_then(|call_id| running.get_mut(call_id))
    else {
        tracing::debug!(%source, "control response to nothing");
        return;
    };
    let now = now();
    one.transaction.on_message(&message, now);
    one.wake_at = now;
}

/// The Call-IDs of all transactions that want to be polled.
fn due(running: &HashMap<String, Running>, now: Instant) -> Vec<String> {
    running
        .iter()
        .filter(|(_, one)| one.wake_at <= now)
        .map(|(call_id, _)| call_id.clone())
        .collect()
}

/// Gives a result back. In a task of its own: it may have to wait until a job is handed out, and
/// only the loop lets that come about.
fn finish<J: ControlJobs>(
    finishing: &mut JoinSet<()>,
    jobs: &J,
    job: &ControlJob,
    outcome: ControlOutcome,
) {
    tracing::info!(
        device = %job.mac,
        job = job.id,
        action = ?job.action,
        event = job.event,
        address = %job.address,
        port = job.port,
        outcome = ?outcome,
        "control finished"
    );
    let (jobs, mac, id) = (jobs.clone(), job.mac, job.id);
    finishing.spawn(async move { jobs.finish(mac, id, outcome).await });
}

/// The transaction of a job and where it goes, or why there can't be one.
fn begin(job: &ControlJob, port: u16) -> Result<(SocketAddr, NotifyTransaction), String> {
    let target = SocketAddr::new(job.address, job.port);
    let local = local_address(target).map_err(|error| format!("no way to {target}: {error}"))?;
    let tokens = tokens().map_err(|error| format!("no random numbers: {error}"))?;
    let notify = Notify {
        target,
        user: job.user.clone(),
        event: job.event.clone(),
        local: SocketAddr::new(local, port),
    };
    let credentials = (!job.credentials.username.is_empty()).then(|| job.credentials.clone());
    let transaction = NotifyTransaction::new(notify, tokens, credentials, now());
    Ok((target, transaction))
}

impl Running {
    /// Does what the transaction wants until it waits; the outcome when it is over.
    async fn advance(&mut self, socket: &UdpSocket) -> Option<ControlOutcome> {
        loop {
            match self.transaction.poll(now()) {
                Action::Send(datagram) => {
                    if let Err(error) = socket.send_to(&datagram, self.target).await {
                        return Some(ControlOutcome::NotSent {
                            reason: format!("sending to {}: {error}", self.target),
                        });
                    }
                }
                Action::Wait(until) => {
                    self.wake_at = until;
                    return None;
                }
                Action::Done(Outcome::Accepted { .. }) => return Some(ControlOutcome::Accepted),
                Action::Done(Outcome::Refused { status }) => {
                    return Some(ControlOutcome::Refused { status });
                }
                Action::Done(Outcome::NoAnswer) => return Some(ControlOutcome::NoAnswer),
            }
        }
    }
}

/// The time by tokio's clock, as the sleeping goes by it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The address from which the system would send to the target: what a phone sees of us. Connecting
/// a UDP socket sends nothing.
fn local_address(target: SocketAddr) -> io::Result<std::net::IpAddr> {
    let socket = StdUdpSocket::bind("0.0.0.0:0")?;
    socket.connect(target)?;
    Ok(socket.local_addr()?.ip())
}

fn tokens() -> Result<TransactionTokens, getrandom::Error> {
    let token = || getrandom::u64().map(|number| format!("{number:016x}"));
    Ok(TransactionTokens {
        branch: token()?,
        second_branch: token()?,
        tag: token()?,
        call_id: token()? + &token()?,
        cnonce: token()?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex as StdMutex};

    use jiff::Timestamp;
    use tokio::sync::{Mutex, mpsc};

    use super::*;
    use crate::gateway::ControlAction;
    use crate::wire::sip::{NotifyServer, Received};
    use crate::wire::{Credentials, Secret};

    /// Hands out the jobs it is given, and shows the results.
    struct Jobs {
        queue: Mutex<mpsc::UnboundedReceiver<ControlJob>>,
        results: mpsc::UnboundedSender<(u64, ControlOutcome)>,
        /// Jobs that were handed out.
        taken: Arc<StdMutex<Vec<u64>>>,
        /// One job is handed out or one result taken at a time, in the order of asking.
        turn: Arc<Mutex<()>>,
    }

    impl ControlJobs for Arc<Jobs> {
        async fn next(&self) -> ControlJob {
            match self.queue.lock().await.recv().await {
                Some(job) => {
                    self.taken.lock().unwrap().push(job.id);
                    let _turn = self.turn.lock().await;
                    job
                }
                None => std::future::pending().await,
            }
        }

        async fn finish(&self, _: Mac, id: u64, outcome: ControlOutcome) {
            let _turn = self.turn.lock().await;
            self.results.send((id, outcome)).unwrap();
        }
    }

    /// A sender at work.
    struct Bench {
        jobs: mpsc::UnboundedSender<ControlJob>,
        results: mpsc::UnboundedReceiver<(u64, ControlOutcome)>,
        taken: Arc<StdMutex<Vec<u64>>>,
        turn: Arc<Mutex<()>>,
        shutdown: CancellationToken,
        sender: tokio::task::JoinHandle<Vec<u64>>,
    }

    async fn bench() -> Bench {
        let (job_sender, queue) = mpsc::unbounded_channel();
        let (result_sender, results) = mpsc::unbounded_channel();
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let (taken, turn) = (Arc::default(), Arc::default());
        let jobs = Arc::new(Jobs {
            queue: Mutex::new(queue),
            results: result_sender,
            taken: Arc::clone(&taken),
            turn: Arc::clone(&turn),
        });
        let sender = tokio::spawn(async move {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            drive(&jobs, &socket, &token).await.unwrap();
            jobs.taken.lock().unwrap().clone()
        });
        Bench {
            jobs: job_sender,
            results,
            taken,
            turn,
            shutdown,
            sender,
        }
    }

    fn job(id: u64, target: SocketAddr, username: &str) -> ControlJob {
        ControlJob {
            mac: Mac::new([0, 0x0b, 0x82, 0, 0, 1]),
            id,
            action: ControlAction::Resync,
            event: "check-sync".into(),
            address: target.ip(),
            port: target.port(),
            user: "200".into(),
            credentials: Credentials {
                username: username.into(),
                password: Secret::new("verbena"),
            },
        }
    }

    /// A phone that answers every NOTIFY; with a challenge when it has a user.
    async fn phone(user: Option<&str>) -> SocketAddr {
        let mut server = NotifyServer::new(|event| event == "check-sync");
        if let Some(user) = user {
            let credentials = Credentials {
                username: user.into(),
                password: Secret::new("verbena"),
            };
            server = server.with_challenge(credentials, [7; 64]);
        }
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut datagram = vec![0; MAXIMUM_MESSAGE];
            loop {
                let (length, source) = socket.recv_from(&mut datagram).await.unwrap();
                let now = Timestamp::UNIX_EPOCH;
                if let Received::Request { response, .. } =
                    server.on_datagram(&datagram[..length], source, "t", now)
                {
                    socket.send_to(b"\r\n\r\n", source).await.unwrap();
                    socket.send_to(&response, source).await.unwrap();
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn phones_accept_and_refuse_over_one_socket() {
        let mut bench = bench().await;
        let (open, guarded) = (phone(None).await, phone(Some("200")).await);
        bench.jobs.send(job(1, open, "")).unwrap();
        bench.jobs.send(job(2, guarded, "200")).unwrap();
        bench.jobs.send(job(3, guarded, "201")).unwrap();
        bench.jobs.send(job(4, guarded, "")).unwrap();
        let mut unknown_event = job(5, open, "");
        unknown_event.event = "brew".into();
        bench.jobs.send(unknown_event).unwrap();
        let mut results = Vec::new();
        for _ in 0..5 {
            results.push(bench.results.recv().await.unwrap());
        }
        results.sort_by_key(|(id, _)| *id);
        assert_eq!(
            results,
            [
                (1, ControlOutcome::Accepted),
                (2, ControlOutcome::Accepted),
                (3, ControlOutcome::Refused { status: 401 }),
                (4, ControlOutcome::Refused { status: 401 }),
                (5, ControlOutcome::Refused { status: 489 }),
            ]
        );
    }

    #[tokio::test]
    async fn a_result_that_waits_behind_a_job_stops_neither() {
        let mut bench = bench().await;
        let slow = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = slow.local_addr().unwrap();
        bench.jobs.send(job(1, address, "")).unwrap();
        let mut datagram = vec![0; MAXIMUM_MESSAGE];
        let (length, source) = slow.recv_from(&mut datagram).await.unwrap();
        let turn = Arc::clone(&bench.turn).lock_owned().await;
        bench.jobs.send(job(2, phone(None).await, "")).unwrap();
        while bench.taken.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        let mut server = NotifyServer::new(|event| event == "check-sync");
        let request = &datagram[..length];
        let received = server.on_datagram(request, source, "t", Timestamp::UNIX_EPOCH);
        let Received::Request { response, .. } = received else {
            panic!("no request");
        };
        slow.send_to(&response, source).await.unwrap();
        // Time for the answer to arrive, and for its result to stand behind the second job.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        drop(turn);
        for _ in 0..2 {
            let result = tokio::time::timeout(Duration::from_secs(10), bench.results.recv()).await;
            let (_, outcome) = result.expect("the sender stands still").unwrap();
            assert_eq!(outcome, ControlOutcome::Accepted);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_said_so() {
        let mut bench = bench().await;
        let address = "[2001:db8::1]:5060".parse().unwrap();
        bench.jobs.send(job(1, address, "")).unwrap();
        let (_, outcome) = bench.results.recv().await.unwrap();
        let ControlOutcome::NotSent { reason } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(
            reason.starts_with("no way to [2001:db8::1]:5060: "),
            "{reason}"
        );
    }

    #[tokio::test]
    async fn a_shutdown_gives_back_the_jobs_that_run_and_takes_no_others() {
        let mut bench = bench().await;
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        for id in 0..40 {
            bench.jobs.send(job(id, address, "")).unwrap();
        }
        let mut datagram = vec![0; MAXIMUM_MESSAGE];
        for _ in 0..MAXIMUM_RUNNING {
            silent.recv_from(&mut datagram).await.unwrap();
        }
        bench.shutdown.cancel();
        let taken = bench.sender.await.unwrap();
        assert_eq!(taken, (0..32).collect::<Vec<_>>());
        let mut back = Vec::new();
        while let Some((id, outcome)) = bench.results.recv().await {
            assert!(matches!(outcome, ControlOutcome::NotSent { .. }));
            back.push(id);
        }
        back.sort_unstable();
        assert_eq!(back, taken);
    }
}
