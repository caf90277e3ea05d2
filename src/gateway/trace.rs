//! The last sessions of devices with their ACSs, kept in memory for a person who wants to look.
//!
//! Messages are kept as they went over the wire and masked when they are shown: keeping costs a
//! copy, showing happens rarely.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use url::Url;
use zeroize::Zeroizing;

use super::core::Gateway;
use super::door::SessionOutcome;
use crate::native::Mac;

/// Bytes of all sessions together; the oldest go first.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Longest message whose text is kept.
const MAX_MESSAGE: usize = 256 * 1024;
/// Sessions of one device.
const MAX_SESSIONS: usize = 8;
/// What a message or a session takes beside its texts.
const OVERHEAD: usize = 160;
/// Events that wait for whoever watches; when that one is slow, further ones are left out.
const WATCH_BUFFER: usize = 256;

/// Names a session whose messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(u64);

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the device to the ACS.
    Sent,
    /// From the ACS to the device.
    Received,
}

/// A message as it went over the wire.
#[derive(Debug, Clone)]
pub(super) struct KeptMessage {
    pub(super) at: Timestamp,
    pub(super) direction: Direction,
    /// HTTP status of a received one.
    pub(super) status: Option<u16>,
    pub(super) length: usize,
    /// `None`: too long to be kept.
    pub(super) body: Option<Zeroizing<Vec<u8>>>,
}

/// A session with its messages.
#[derive(Debug, Clone)]
pub(super) struct KeptSession {
    pub(super) mac: Mac,
    pub(super) url: String,
    pub(super) started: Timestamp,
    pub(super) end: Option<(Timestamp, SessionOutcome)>,
    pub(super) messages: Vec<KeptMessage>,
    bytes: usize,
}

/// Something that happens in a session, for whoever watches.
#[derive(Debug)]
pub(super) enum Happening {
    Begins { url: String },
    Message(KeptMessage),
    Ends(SessionOutcome),
}

/// What happens, with when and whose it is, and how much was left out before it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) mac: Mac,
    pub(super) what: Happening,
    pub(super) left_out: u64,
}

/// The sessions that are kept.
#[derive(Debug, Default)]
pub(super) struct Traces {
    memory: Mutex<Memory>,
    watcher: OnceLock<Watcher>,
}

#[derive(Debug, Default)]
struct Memory {
    last: u64,
    bytes: usize,
    /// By number: the oldest first.
    sessions: BTreeMap<u64, KeptSession>,
    of_device: HashMap<Mac, VecDeque<u64>>,
}

#[derive(Debug)]
struct Watcher {
    sender: mpsc::Sender<Seen>,
    left_out: Mutex<u64>,
}

impl Traces {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // No code that can panic runs under this lock.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions of a device, the newest last.
    pub(super) fn of(&self, mac: Mac) -> Vec<KeptSession> {
        let memory = self.memory();
        let numbers = memory.of_device.get(&mac).into_iter().flatten();
        numbers
            .filter_map(|number| memory.sessions.get(number).cloned())
            .collect()
    }

    /// Lets somebody watch what happens from now on; `None` when somebody does already.
    pub(super) fn watch(&self) -> Option<mpsc::Receiver<Seen>> {
        let (sender, receiver) = mpsc::channel(WATCH_BUFFER);
        let watcher = Watcher {
            sender,
            left_out: Mutex::new(0),
        };
        self.watcher.set(watcher).ok().map(|()| receiver)
    }

    fn begin(&self, mac: Mac, url: &Url, at: Timestamp) -> TraceId {
        let url = url.to_string();
        self.tell(at, mac, || Happening::Begins { url: url.clone() });
        let bytes = OVERHEAD + url.len();
        let mut memory = self.memory();
        memory.last += 1;
        let number = memory.last;
        let session = KeptSession {
            mac,
            url,
            started: at,
            end: None,
            messages: Vec::new(),
            bytes,
        };
        memory.sessions.insert(number, session);
        memory.bytes += bytes;
        let of_device = memory.of_device.entry(mac).or_default();
        of_device.push_back(number);
        let surplus = (of_device.len() > MAX_SESSIONS).then(|| of_device.front().copied());
        if let Some(oldest) = surplus.flatten() {
            memory.forget(oldest);
        }
        memory.shrink();
        TraceId(number)
    }

    fn note(&self, id: TraceId, message: KeptMessage) {
        let mut memory = self.memory();
        let Some(session) = memory.sessions.get_mut(&id.0) else {
            return;
        };
        let mac = session.mac;
        let bytes = OVERHEAD + message.body.as_ref().map_or(0, |body| body.len());
        if self.watcher.get().is_some() {
            self.tell(message.at, mac, || Happening::Message(message.clone()));
        }
        session.messages.push(message);
        session.bytes += bytes;
        memory.bytes += bytes;
        memory.shrink();
    }

    fn end(&self, id: TraceId, outcome: &SessionOutcome, at: Timestamp) {
        let mut memory = self.memory();
        if let Some(session) = memory.sessions.get_mut(&id.0) {
            session.end = Some((at, outcome.clone()));
            self.tell(at, session.mac, || Happening::Ends(outcome.clone()));
        }
    }

    fn tell(&self, at: Timestamp, mac: Mac, what: impl FnOnce() -> Happening) {
        let Some(watcher) = self.watcher.get() else {
            return;
        };
        let mut left_out = watcher
            .left_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let seen = Seen {
            at,
            mac,
            what: what(),
            left_out: *left_out,
        };
        // The printer must not hold up the sessions.
        *left_out = match watcher.sender.try_send(seen) {
            Ok(()) => 0,
            Err(_) => left_out.saturating_add(1),
        };
    }
}

impl Memory {
    /// Forgets the oldest sessions until the others fit. One that runs may be among them.
    fn shrink(&mut self) {
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.sessions.keys().next().copied() else {
                return;
            };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, number: u64) {
        let Some(session) = self.sessions.remove(&number) else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(session.bytes);
        if let Some(of_device) = self.of_device.get_mut(&session.mac) {
            of_device.retain(|one| *one != number);
            if of_device.is_empty() {
                self.of_device.remove(&session.mac);
            }
        }
    }
}

impl Gateway {
    /// A session begins whose messages are kept.
    pub fn begin_trace(&self, mac: Mac, url: &Url) -> TraceId {
        self.inner.traces.begin(mac, url, self.inner.clock.now())
    }

    /// Keeps a message of a session; an empty one too. `status` is that of a received one. The body
    /// of a long one is not asked for.
    pub fn trace(
        &self,
        id: TraceId,
        direction: Direction,
        status: Option<u16>,
        length: usize,
        body: impl FnOnce() -> Vec<u8>,
    ) {
        let kept = length <= MAX_MESSAGE;
        let message = KeptMessage {
            at: self.inner.clock.now(),
            direction,
            status,
            length,
            body: kept.then(|| Zeroizing::new(body())),
        };
        self.inner.traces.note(id, message);
    }

    /// The session has ended.
    pub fn end_trace(&self, id: TraceId, outcome: &SessionOutcome) {
        self.inner.traces.end(id, outcome, self.inner.clock.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(number: u8) -> Mac {
        Mac::new([0, 11, 130, 0, 0, number])
    }

    fn url() -> Url {
        "http://acs.example.net/".parse().unwrap()
    }

    fn message(length: usize) -> KeptMessage {
        KeptMessage {
            at: Timestamp::UNIX_EPOCH,
            direction: Direction::Sent,
            status: None,
            length,
            body: Some(Zeroizing::new(vec![b'x'; length])),
        }
    }

    #[test]
    fn a_device_keeps_its_last_sessions() {
        let traces = Traces::default();
        for second in 0..20 {
            let at = Timestamp::from_second(second).unwrap();
            let id = traces.begin(mac(1), &url(), at);
            traces.note(id, message(10));
            traces.end(id, &SessionOutcome::Ended, at);
        }
        let kept = traces.of(mac(1));
        let starts: Vec<i64> = kept.iter().map(|one| one.started.as_second()).collect();
        assert_eq!(starts, (12..20).collect::<Vec<_>>());
        assert!(
            kept.iter()
                .all(|one| one.messages.len() == 1 && one.end.is_some())
        );
        assert!(traces.of(mac(2)).is_empty());
    }

    #[test]
    fn the_oldest_sessions_of_all_devices_make_room() {
        let traces = Traces::default();
        let long = MAX_BYTES / 10;
        let ids: Vec<TraceId> = (0..30)
            .map(|number| {
                let id = traces.begin(mac(number), &url(), Timestamp::UNIX_EPOCH);
                traces.note(id, message(long));
                id
            })
            .collect();
        assert!(traces.memory().bytes <= MAX_BYTES);
        assert!(traces.of(mac(0)).is_empty());
        assert_eq!(traces.of(mac(29)).len(), 1);
        // A session that was forgotten while it ran goes on without a trace.
        traces.note(ids[0], message(1));
        traces.end(ids[0], &SessionOutcome::Ended, Timestamp::UNIX_EPOCH);
        for number in 0..30 {
            let mut memory = traces.memory();
            let numbers: Vec<u64> = memory.sessions.keys().copied().collect();
            if let Some(first) = numbers.get(number) {
                memory.forget(*first);
            }
        }
        let left: usize = {
            let memory = traces.memory();
            memory.sessions.values().map(|one| one.bytes).sum()
        };
        assert_eq!(traces.memory().bytes, left);
    }

    #[test]
    fn a_slow_watcher_holds_nothing_up_and_learns_what_it_missed() {
        let traces = Traces::default();
        let mut receiver = traces.watch().unwrap();
        assert!(traces.watch().is_none(), "one watches");
        for _ in 0..WATCH_BUFFER + 5 {
            traces.begin(mac(1), &url(), Timestamp::UNIX_EPOCH);
        }
        for _ in 0..WATCH_BUFFER {
            assert_eq!(receiver.try_recv().unwrap().left_out, 0);
        }
        traces.begin(mac(1), &url(), Timestamp::UNIX_EPOCH);
        assert_eq!(receiver.try_recv().unwrap().left_out, 5);
    }
}
