//! NOTIFYs by UDP: all leave from one socket an address family, and each answer finds its way to
//! the one that waits for it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::{Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use super::notify::{Order, meaning, now};
use super::sender::ControlSenderError;
use crate::gateway::ControlOutcome;
use crate::wire::sip::{Action, MAXIMUM_MESSAGE, Message, SipTransport};

/// Answers to one NOTIFY that wait to be read; further ones are dropped, as UDP may do.
const WAITING_ANSWERS: usize = 8;

/// The UDP sockets, and who waits for an answer.
pub(super) struct DatagramSender {
    v4: UdpSocket,
    /// `None` on a machine without IPv6.
    v6: Option<UdpSocket>,
    /// By Call-ID.
    waiting: Mutex<HashMap<String, Waiter>>,
}

struct Waiter {
    /// Whom it asked: what another says is no answer.
    asked: IpAddr,
    answers: mpsc::Sender<Message>,
}

impl DatagramSender {
    pub(super) fn bind(addresses: &[SocketAddr]) -> Result<Self, ControlSenderError> {
        let given = |is_v4: bool| {
            let mut addresses = addresses.iter().copied();
            addresses.find(|address| address.is_ipv4() == is_v4)
        };
        let v4 = given(true).unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into());
        let socket =
            |address| open(address).map_err(|source| ControlSenderError::Bind { address, source });
        Ok(Self {
            v4: socket(v4)?,
            v6: match given(false) {
                Some(address) => Some(socket(address)?),
                None => open((Ipv6Addr::UNSPECIFIED, 0).into()).ok(),
            },
            waiting: Mutex::default(),
        })
    }

    /// Receives answers until the shutdown.
    pub(super) async fn listen(&self, shutdown: &CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.receive(&self.v4) => {}
            () = async {
                match &self.v6 {
                    Some(socket) => self.receive(socket).await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }

    async fn receive(&self, socket: &UdpSocket) {
        let mut datagram = vec![0; MAXIMUM_MESSAGE];
        loop {
            match socket.recv_from(&mut datagram).await {
                Ok((length, source)) => {
                    self.hand_on(datagram.get(..length).unwrap_or_default(), source);
                }
                // That somebody was not there comes back as an error of the socket.
                Err(error) => tracing::debug!(%error, "control receive failed"),
            }
        }
    }

    fn hand_on(&self, datagram: &[u8], source: SocketAddr) {
        let message = match Message::parse(datagram) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%source, %error, "control datagram ignored");
                return;
            }
        };
        let waiting = self.lock();
        let waiter = message
            .call_id()
            .and_then(|call_id| waiting.get(call_id))
            .filter(|waiter| waiter.asked == source.ip().to_canonical());
        match waiter {
            // When it is full, the same will come again.
            Some(waiter) => drop(waiter.answers.try_send(message)),
            None => tracing::debug!(%source, "control response to nothing"),
        }
    }

    /// Sends one NOTIFY, again and again, until there is an answer or no time left.
    pub(super) async fn send(&self, target: SocketAddr, order: &Order<'_>) -> ControlOutcome {
        let not_sent = |reason| ControlOutcome::NotSent { reason };
        let socket = match (&self.v6, target.is_ipv4()) {
            (_, true) => &self.v4,
            (Some(socket), false) => socket,
            (None, false) => return not_sent(format!("no way to {target}: there is no IPv6")),
        };
        let local = match local_address(socket, target) {
            Ok(local) => local,
            Err(error) => return not_sent(format!("no way to {target}: {error}")),
        };
        let transaction = order.transaction(target, local, SipTransport::Udp);
        let mut transaction = match transaction {
            Ok(transaction) => transaction,
            Err(reason) => return not_sent(reason),
        };
        let (answers, mut answered) = mpsc::channel(WAITING_ANSWERS);
        let call_id = transaction.call_id().to_owned();
        let asked = target.ip().to_canonical();
        let waiter = Waiter { asked, answers };
        self.lock().insert(call_id.clone(), waiter);
        let _entry = Entry {
            sender: self,
            call_id,
        };
        loop {
            match transaction.poll(now()) {
                Action::Send(datagram) => {
                    if let Err(error) = socket.send_to(&datagram, target).await {
                        return not_sent(format!("sending to {target}: {error}"));
                    }
                }
                Action::Wait(until) => {
                    if let Ok(Some(message)) = timeout_at(until.into(), answered.recv()).await {
                        transaction.on_message(&message, now());
                    }
                }
                Action::Done(outcome) => return meaning(outcome),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiter>> {
        // No code that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes who waits out again, however the waiting ends.
struct Entry<'a> {
    sender: &'a DatagramSender,
    call_id: String,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.sender.lock().remove(&self.call_id);
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = StdUdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// The address under which a receiver sees us: that of the socket, or the one from which the system
/// would send. Connecting a UDP socket sends nothing.
fn local_address(socket: &UdpSocket, target: SocketAddr) -> io::Result<SocketAddr> {
    let own = socket.local_addr()?;
    if !own.ip().is_unspecified() {
        return Ok(own);
    }
    let probe = StdUdpSocket::bind(SocketAddr::new(own.ip(), 0))?;
    probe.connect(target)?;
    Ok(SocketAddr::new(probe.local_addr()?.ip(), own.port()))
}
