//! A STUN server of RFC 3489 that says what it is told to, and keeps what it was asked. Its reading
//! of messages is its own.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub struct StunServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<StunRequest>,
    mapped: Option<SocketAddr>,
    required: Option<(String, String)>,
    is_silent: bool,
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StunRequest {
    /// When.
    pub at: Instant,
    /// From where.
    pub source: SocketAddr,
    /// Its type; 1 is a Binding Request.
    pub message_type: u16,
    /// Its transaction id.
    pub id: [u8; 16],
    /// Type and value of each attribute, in their order.
    pub attributes: Vec<(u16, Vec<u8>)>,
    bytes: Vec<u8>,
}

impl StunServer {
    /// Starts one. It tells every client where its packet came from.
    ///
    /// # Errors
    /// The address can't be had.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        let address = socket.local_addr()?;
        let state = Arc::<Mutex<State>>::default();
        let task = tokio::spawn(serve(socket, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it tells as the mapped address from now on; `None` for the truth.
    pub fn map_to(&self, mapped: Option<SocketAddr>) {
        lock(&self.state).mapped = mapped;
    }

    /// Answers 401 to requests that are not signed with these credentials.
    pub fn require(&self, username: &str, password: &str) {
        lock(&self.state).required = Some((username.to_owned(), password.to_owned()));
    }

    /// Whether it answers nothing.
    pub fn keep_silent(&self, is_silent: bool) {
        lock(&self.state).is_silent = is_silent;
    }

    /// Everything that it was asked so far, retransmissions left out.
    pub fn requests(&self) -> Vec<StunRequest> {
        let mut seen = Vec::<StunRequest>::new();
        for request in &lock(&self.state).requests {
            if seen.iter().all(|earlier| earlier.id != request.id) {
                seen.push(request.clone());
            }
        }
        seen
    }

    /// How many packets came in, retransmissions included.
    pub fn packets(&self) -> usize {
        lock(&self.state).requests.len()
    }

    /// Waits until it has been asked so often; what it was asked by then.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] after `patience`.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> io::Result<Vec<StunRequest>> {
        let waited = async {
            loop {
                let requests = self.requests();
                if requests.len() >= count {
                    return requests;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(patience, waited)
            .await
            .map_err(|_| io::ErrorKind::TimedOut.into())
    }
}

impl Drop for StunServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StunRequest {
    /// The value of an attribute.
    pub fn attribute(&self, kind: u16) -> Option<&[u8]> {
        let found = self.attributes.iter().find(|(found, _)| *found == kind);
        found.map(|(_, value)| value.as_slice())
    }

    /// Whether its last attribute is a right MESSAGE-INTEGRITY by this password.
    pub fn is_signed_with(&self, password: &str) -> bool {
        let Some((0x0008, signature)) = self.attributes.last() else {
            return false;
        };
        let before = self.bytes.len().saturating_sub(24);
        let mut text = self.bytes.get(..before).unwrap_or_default().to_vec();
        while !text.len().is_multiple_of(64) {
            text.push(0);
        }
        Hmac::<Sha1>::new_from_slice(password.as_bytes())
            .is_ok_and(|mac| mac.chain_update(&text).verify_slice(signature).is_ok())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(socket: UdpSocket, state: Arc<Mutex<State>>) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, source)) = socket.recv_from(&mut buffer).await {
        let bytes = buffer.get(..length).unwrap_or_default();
        let Some(request) = read(bytes, source) else {
            continue;
        };
        let answer = lock(&state).answer(&request);
        lock(&state).requests.push(request);
        if let Some(answer) = answer {
            let _ = socket.send_to(&answer, source).await;
        }
    }
}

impl State {
    fn answer(&self, request: &StunRequest) -> Option<Vec<u8>> {
        if self.is_silent || request.message_type != 1 {
            return None;
        }
        let is_welcome = self.required.as_ref().is_none_or(|(username, password)| {
            let shown = request.attribute(0x0006).unwrap_or_default();
            String::from_utf8_lossy(shown).trim_end_matches('\0') == username
                && request.is_signed_with(password)
        });
        if !is_welcome {
            return Some(message(0x0111, &request.id, 0x0009, b"\0\0\x04\x01"));
        }
        let mapped = self.mapped.unwrap_or(request.source);
        let SocketAddr::V4(mapped) = mapped else {
            return None;
        };
        let mut value = vec![0, 1];
        value.extend_from_slice(&mapped.port().to_be_bytes());
        value.extend_from_slice(&mapped.ip().octets());
        Some(message(0x0101, &request.id, 0x0001, &value))
    }
}

fn message(kind: u16, id: &[u8; 16], attribute: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or_default();
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend_from_slice(&(length + 4).to_be_bytes());
    bytes.extend_from_slice(id);
    bytes.extend_from_slice(&attribute.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// A message of RFC 3489: lengths of attributes are multiples of four.
fn read(bytes: &[u8], source: SocketAddr) -> Option<StunRequest> {
    let number = |bytes: &[u8], at: usize| {
        let pair = bytes.get(at..at + 2)?;
        Some(u16::from_be_bytes(pair.try_into().ok()?))
    };
    let message_type = number(bytes, 0)?;
    let length = usize::from(number(bytes, 2)?);
    let id = bytes.get(4..20)?.try_into().ok()?;
    let mut rest = bytes.get(20..).filter(|rest| rest.len() == length)?;
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let kind = number(rest, 0)?;
        let length = usize::from(number(rest, 2)?);
        let value = rest
            .get(4..4 + length)
            .filter(|_| length.is_multiple_of(4))?;
        attributes.push((kind, value.to_vec()));
        rest = rest.get(4 + length..)?;
    }
    Some(StunRequest {
        at: Instant::now(),
        source,
        message_type,
        id,
        attributes,
        bytes: bytes.to_vec(),
    })
}
