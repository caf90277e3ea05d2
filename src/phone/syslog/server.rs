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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::super::connections::MAX_PER_SOURCE;
    use super::*;
    use crate::gateway::GatewayError;

    /// Keeps what it is given.
    #[derive(Clone, Default)]
    struct Kept {
        lines: Arc<Mutex<Vec<String>>>,
        drops: Arc<Mutex<SyslogDrops>>,
        written: Arc<Mutex<usize>>,
        changed: Arc<Notify>,
    }

    impl LineSink for Kept {
        fn take(&self, _: IpAddr, line: &[u8]) {
            let line = String::from_utf8_lossy(line).into_owned();
            self.lines.lock().unwrap().push(line);
            self.changed.notify_one();
        }

        fn count_drops(&self, drops: SyslogDrops) {
            let mut sum = self.drops.lock().unwrap();
            sum.too_fast += drops.too_fast;
            sum.too_many += drops.too_many;
        }

        async fn write(&self) -> Result<(), GatewayError> {
            *self.written.lock().unwrap() = self.lines.lock().unwrap().len();
            Ok(())
        }
    }

    impl Kept {
        async fn once(&self, lines: usize) -> Vec<String> {
            loop {
                let changed = self.changed.notified();
                let seen = self.lines.lock().unwrap().clone();
                if seen.len() >= lines {
                    return seen;
                }
                changed.await;
            }
        }
    }

    struct Running {
        sink: Kept,
        udp: SocketAddr,
        tcp: SocketAddr,
        shutdown: CancellationToken,
        server: tokio::task::JoinHandle<()>,
    }

    impl Running {
        fn start(lines_per_second: u32) -> Self {
            let any = Some(SocketAddr::from(([127, 57, 0, 1], 0)));
            let settings = SyslogSettings {
                udp: any,
                tcp: any,
                lines_per_second: NonZeroU32::new(lines_per_second).unwrap(),
            };
            let sink = Kept::default();
            let server = bind(&settings, sink.clone()).unwrap();
            let (udp, tcp) = (server.udp_address(), server.tcp_address());
            let shutdown = CancellationToken::new();
            Self {
                sink,
                udp: udp.unwrap(),
                tcp: tcp.unwrap(),
                server: tokio::spawn(server.run(shutdown.clone())),
                shutdown,
            }
        }

        async fn stop(self) -> Kept {
            self.shutdown.cancel();
            self.server.await.unwrap();
            self.sink
        }
    }

    #[tokio::test]
    async fn lines_come_by_both_ways_and_are_written_at_the_end() {
        let running = Running::start(1000);
        let socket = UdpSocket::bind("127.57.0.2:0").await.unwrap();
        socket
            .send_to(b"<14>datagram\n", running.udp)
            .await
            .unwrap();
        running.sink.once(1).await;
        let mut stream = TcpStream::connect(running.tcp).await.unwrap();
        stream
            .write_all(b"11 <14>counted<14>with a newline\n<14>last")
            .await
            .unwrap();
        drop(stream);
        let lines = running.sink.once(4).await;
        assert_eq!(
            lines,
            [
                "<14>datagram\n",
                "<14>counted",
                "<14>with a newline",
                "<14>last"
            ]
        );
        let sink = running.stop().await;
        assert_eq!(*sink.written.lock().unwrap(), 4);
    }

    #[tokio::test]
    async fn a_connection_that_sends_no_syslog_is_closed_and_too_many_are_not_taken() {
        let running = Running::start(1000);
        let mut stream = TcpStream::connect(running.tcp).await.unwrap();
        stream.write_all(b"9999999 <14>x").await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0);

        let mut open = Vec::new();
        for number in 0..MAX_PER_SOURCE {
            let mut stream = TcpStream::connect(running.tcp).await.unwrap();
            stream.write_all(b"<14>here\n").await.unwrap();
            running.sink.once(number + 1).await;
            open.push(stream);
        }
        let mut refused = TcpStream::connect(running.tcp).await.unwrap();
        assert_eq!(refused.read(&mut [0; 8]).await.unwrap_or(0), 0);
        drop(open.pop());
        // One place is free, once the server has seen that.
        let before = MAX_PER_SOURCE;
        loop {
            let mut stream = TcpStream::connect(running.tcp).await.unwrap();
            let _ = stream.write_all(b"<14>again\n").await;
            let _ = stream.shutdown().await;
            let _ = stream.read(&mut [0; 8]).await;
            if running.sink.lines.lock().unwrap().len() > before {
                break;
            }
        }
        running.stop().await;
    }

    #[tokio::test]
    async fn what_is_too_much_is_counted_and_what_comes_later_is_taken() {
        let running = Running::start(1);
        let mut stream = TcpStream::connect(running.tcp).await.unwrap();
        let flood = b"<14>flood\n".repeat(5000);
        stream.write_all(&flood).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0);
        let sink = running.stop().await;
        let taken = sink.lines.lock().unwrap().len() as u64;
        let drops = *sink.drops.lock().unwrap();
        assert!(taken >= 10, "{taken}");
        assert_eq!(taken + drops.too_fast + drops.too_many, 5000);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let taken = std::net::TcpListener::bind("127.57.0.1:0").unwrap();
        let settings = SyslogSettings {
            udp: None,
            tcp: Some(taken.local_addr().unwrap()),
            lines_per_second: NonZeroU32::MIN,
        };
        let Err(error) = bind(&settings, Kept::default()) else {
            panic!("bound");
        };
        assert!(
            error.to_string().starts_with("syslog.tcp = \"127.57.0.1:"),
            "{error}"
        );
    }
}
