//! The listeners for syslog.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::connections::accept;
use super::inlet::{Drops, Inlet, LineSink, Received};
use crate::gateway::{Gateway, SyslogDrops};
use crate::wire::syslog::MAX_LINE;

/// Lines are written together so often. Those since then are lost with the process.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// Dropped lines are told so often, at most.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Where syslog is listened for, and how much of it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyslogSettings {
    /// Datagrams; `None`: not at all.
    pub udp: Option<SocketAddr>,
    /// Connections; `None`: not at all.
    pub tcp: Option<SocketAddr>,
    /// Lines of one address in a second, on average; ten seconds' worth may come at once.
    pub lines_per_second: NonZeroU32,
}

/// A listener for syslog can't be set up.
#[derive(Debug, thiserror::Error)]
#[error("syslog.{key} = \"{address}\" can't be listened on: {source}")]
pub struct SyslogServerError {
    /// Which of the settings it is.
    key: &'static str,
    /// Its value.
    address: SocketAddr,
    /// What the system says.
    source: io::Error,
}

/// The listeners, bound and not yet running.
pub struct SyslogServer<S = Gateway> {
    sink: S,
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
    lines_per_second: NonZeroU32,
}

impl SyslogServer {
    /// Binds the listeners; `None` when none is set. To be called within the runtime.
    ///
    /// # Errors
    /// [`SyslogServerError`].
    pub fn bind(
        settings: &SyslogSettings,
        gateway: Gateway,
    ) -> Result<Option<Self>, SyslogServerError> {
        if settings.udp.is_none() && settings.tcp.is_none() {
            return Ok(None);
        }
        let server = bind(settings, gateway)?;
        if let Some(address) = server.udp_address() {
            server.sink.listen_for_syslog(address.port());
        }
        Ok(Some(server))
    }
}

fn bind<S: LineSink>(
    settings: &SyslogSettings,
    sink: S,
) -> Result<SyslogServer<S>, SyslogServerError> {
    let udp = settings.udp.map(|address| {
        let bound = std::net::UdpSocket::bind(address).and_then(|socket| {
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        });
        bound.map_err(|source| SyslogServerError {
            key: "udp",
            address,
            source,
        })
    });
    let tcp = settings.tcp.map(|address| {
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        bound.map_err(|source| SyslogServerError {
            key: "tcp",
            address,
            source,
        })
    });
    Ok(SyslogServer {
        sink,
        udp: udp.transpose()?,
        tcp: tcp.transpose()?,
        lines_per_second: settings.lines_per_second,
    })
}

impl<S> SyslogServer<S> {
    /// Where datagrams are taken.
    pub fn udp_address(&self) -> Option<SocketAddr> {
        self.udp.as_ref()?.local_addr().ok()
    }

    /// Where connections are taken.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }
}

#[expect(
    private_bounds,
    reason = "the gateway is the one sink outside of tests"
)]
impl<S: LineSink> SyslogServer<S> {
    /// Takes lines until the shutdown; those that were let in by then are on disk when it returns.
    pub async fn run(self, shutdown: CancellationToken) {
        let (inlet, lines, drops) = Inlet::new(self.lines_per_second);
        let mut tasks = JoinSet::new();
        if let Some(socket) = self.udp {
            tasks.spawn(receive(socket, inlet.clone(), shutdown.clone()));
        }
        if let Some(listener) = self.tcp {
            tasks.spawn(accept(listener, inlet.clone(), shutdown.clone()));
        }
        tasks.spawn(write_regularly(self.sink.clone(), shutdown));
        // Once the sockets are closed, nothing keeps the lines' end open.
        drop(inlet);
        take(lines, &self.sink, &drops).await;
        while tasks.join_next().await.is_some() {}
        write(&self.sink).await;
    }
}

/// Takes datagrams, each a line, until the shutdown.
async fn receive(socket: UdpSocket, inlet: Inlet, shutdown: CancellationToken) {
    // What is longer, the system cuts.
    let mut datagram = vec![0; MAX_LINE];
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            received = socket.recv_from(&mut datagram) => match received {
                Ok((length, source)) => {
                    let line = datagram.get(..length).unwrap_or_default();
                    inlet.offer(source.ip().to_canonical(), line);
                }
                Err(error) => tracing::warn!(%error, "syslog receive failed"),
            }
        }
    }
}

/// Gives what was let in to the sink, until the sockets are closed.
async fn take<S: LineSink>(mut lines: mpsc::Receiver<Received>, sink: &S, drops: &Drops) {
    let mut telling = tokio::time::interval(TELL_EVERY);
    telling.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            received = lines.recv() => match received {
                Some(Received { source, line }) => sink.take(source, &line),
                None => break,
            },
            _ = telling.tick() => tell(sink, drops.take()),
        }
    }
    tell(sink, drops.take());
}

fn tell<S: LineSink>(sink: &S, drops: SyslogDrops) {
    if drops != SyslogDrops::default() {
        sink.count_drops(drops);
        tracing::warn!(
            too_fast = drops.too_fast,
            too_many = drops.too_many,
            "syslog lines were dropped"
        );
    }
}

async fn write_regularly<S: LineSink>(sink: S, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(WRITE_EVERY) => write(&sink).await,
        }
    }
}

async fn write<S: LineSink>(sink: &S) {
    if let Err(error) = sink.write().await {
        tracing::error!(%error, "syslog lines of phones could not be written");
    }
}
