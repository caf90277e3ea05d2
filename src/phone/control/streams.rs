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

/// What came out of a wait for bytes.
enum Waited {
    /// Time to ask the transaction again.
    Poll,
    /// The phone has closed the connection.
    Closed,
    /// It has sent something that is no SIP.
    NotSip(String),
}

/// Sends one NOTIFY and waits for its answer.
pub(super) async fn send(
    target: SocketAddr,
    from: Option<IpAddr>,
    order: &Order<'_>,
) -> ControlOutcome {
    let not_sent = |reason| ControlOutcome::NotSent { reason };
    let connected = connect(target, from).await;
    let (mut stream, local) = match connected {
        Ok(connected) => connected,
        // One that is off does not refuse.
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return ControlOutcome::NoAnswer,
        Err(error) => return not_sent(format!("connecting to {target}: {error}")),
    };
    let transaction = order.transaction(target, local, SipTransport::Tcp);
    let mut transaction = match transaction {
        Ok(transaction) => transaction,
        Err(reason) => return not_sent(reason),
    };
    let mut messages = MessageStream::default();
    let mut is_closed = false;
    loop {
        match transaction.poll(now()) {
            Action::Send(request) => {
                // Who closes after a challenge gets the answer to it by another connection.
                if is_closed || write(&mut stream, &request).await.is_err() {
                    match connect(target, from).await {
                        Ok((again, _)) => stream = again,
                        Err(_) => return ControlOutcome::NoAnswer,
                    }
                    messages = MessageStream::default();
                    is_closed = false;
                    if write(&mut stream, &request).await.is_err() {
                        return ControlOutcome::NoAnswer;
                    }
                }
            }
            Action::Wait(until) => {
                if is_closed {
                    return ControlOutcome::NoAnswer;
                }
                let until = until.into();
                match wait(&mut stream, &mut messages, &mut transaction, until).await {
                    Waited::Poll => {}
                    Waited::Closed => is_closed = true,
                    Waited::NotSip(reason) => return ControlOutcome::Unexpected { reason },
                }
            }
            Action::Done(outcome) => return meaning(outcome),
        }
    }
}

async fn wait(
    stream: &mut TcpStream,
    messages: &mut MessageStream,
    transaction: &mut NotifyTransaction,
    until: tokio::time::Instant,
) -> Waited {
    let mut bytes = [0; READ_BYTES];
    let length = match timeout_at(until, stream.read(&mut bytes)).await {
        Err(_) => return Waited::Poll,
        Ok(Ok(0) | Err(_)) => return Waited::Closed,
        Ok(Ok(length)) => length,
    };
    messages.push(bytes.get(..length).unwrap_or_default());
    loop {
        match messages.next_message() {
            Ok(Some(message)) => transaction.on_message(&message, now()),
            Ok(None) => return Waited::Poll,
            Err(error) => return Waited::NotSip(format!("what it answers is no SIP: {error}")),
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

async fn write(stream: &mut TcpStream, request: &[u8]) -> io::Result<()> {
    let written = timeout(STEP_DEADLINE, stream.write_all(request)).await;
    written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
