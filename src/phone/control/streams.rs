//! NOTIFYs by TCP: a connection for each.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{timeout, timeout_at};

use super::notify::{Order, meaning, now};
use crate::gateway::ControlOutcome;
use crate::wire::sip::{Action, MessageStream, NotifyTransaction, SipTransport};

/// Connecting, and writing a request.
const STEP_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes that are read at once.
const READ_BYTES: usize = 4096;

/// Sends one NOTIFY and waits for its answer.
pub(super) async fn send(
    target: SocketAddr,
    from: Option<IpAddr>,
    order: &Order<'_>,
) -> ControlOutcome {
    let not_sent = |reason| ControlOutcome::NotSent { reason };
    let mut line = match Line::open(target, from).await {
        Ok(line) => line,
        // One that is off does not refuse.
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return ControlOutcome::NoAnswer,
        Err(error) => return not_sent(format!("connecting to {target}: {error}")),
    };
    let transaction = order.transaction(target, line.local, SipTransport::Tcp);
    let mut transaction = match transaction {
        Ok(transaction) => transaction,
        Err(reason) => return not_sent(reason),
    };
    let mut request = Vec::new();
    loop {
        let waited = match transaction.poll(now()) {
            Action::Send(bytes) => {
                request = bytes;
                line.write(&request).await
            }
            Action::Wait(until) => line.wait(&mut transaction, until.into()).await,
            Action::Done(outcome) => return meaning(outcome),
        };
        match waited {
            Waited::GoOn => {}
            // Who closes after a challenge gets the answer to it by another connection.
            Waited::Closed if line.requests > 1 => {
                line = match Line::open(target, from).await {
                    Ok(line) => line,
                    Err(_) => return ControlOutcome::NoAnswer,
                };
                if !matches!(line.write(&request).await, Waited::GoOn) {
                    return ControlOutcome::NoAnswer;
                }
            }
            Waited::Closed => return ControlOutcome::NoAnswer,
            Waited::NotSip(reason) => return ControlOutcome::Unexpected { reason },
        }
    }
}

/// What came out of writing, or of waiting for bytes.
enum Waited {
    /// Time to ask the transaction again.
    GoOn,
    /// The connection is closed.
    Closed,
    /// The phone has sent something that is no SIP.
    NotSip(String),
}

/// One connection.
struct Line {
    stream: TcpStream,
    local: SocketAddr,
    messages: MessageStream,
    /// How many were sent by it.
    requests: usize,
}

impl Line {
    async fn open(target: SocketAddr, from: Option<IpAddr>) -> io::Result<Self> {
        let (stream, local) = connect(target, from).await?;
        Ok(Self {
            stream,
            local,
            messages: MessageStream::default(),
            requests: 0,
        })
    }

    async fn write(&mut self, request: &[u8]) -> Waited {
        self.requests += 1;
        let written = timeout(STEP_DEADLINE, self.stream.write_all(request)).await;
        match written {
            Ok(Ok(())) => Waited::GoOn,
            Ok(Err(_)) | Err(_) => Waited::Closed,
        }
    }

    async fn wait(
        &mut self,
        transaction: &mut NotifyTransaction,
        until: tokio::time::Instant,
    ) -> Waited {
        let mut bytes = [0; READ_BYTES];
        let length = match timeout_at(until, self.stream.read(&mut bytes)).await {
            Err(_) => return Waited::GoOn,
            Ok(Ok(0) | Err(_)) => return Waited::Closed,
            Ok(Ok(length)) => length,
        };
        self.messages.push(bytes.get(..length).unwrap_or_default());
        loop {
            match self.messages.next_message() {
                Ok(Some(message)) => transaction.on_message(&message, now()),
                Ok(None) => return Waited::GoOn,
                Err(error) => {
                    return Waited::NotSip(format!("what it answers is no SIP: {error}"));
                }
            }
        }
    }
}

async fn connect(target: SocketAddr, from: Option<IpAddr>) -> io::Result<(TcpStream, SocketAddr)> {
    let connect = async {
        let socket = if target.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if let Some(from) = from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = socket.connect(target).await?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok((stream, local))
    };
    let connected = timeout(STEP_DEADLINE, connect).await;
    connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
