//! The sessions that are due with one ACS: whose turn it is.

use std::collections::{HashMap, VecDeque};
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::pace::{Change, Pace, Verdict};
use crate::gateway::{Clock, DueSession, Urgency};
use crate::native::Mac;

/// Of the places for sessions, one in so many is never taken by a routine session: an ACS that is
/// slow with those still gets the sessions that it asks for.
const PLACES_PER_RESERVED: u16 = 8;
/// Whose turn it is first, in rounds of four: each kind gets a quarter of the pace, if it needs it.
const ROUND: [Urgency; 4] = [
    Urgency::News,
    Urgency::Retry,
    Urgency::News,
    Urgency::Routine,
];
/// In which order the others come when nothing waits of the one whose turn it is.
const ORDER: [Urgency; 3] = [Urgency::News, Urgency::Retry, Urgency::Routine];
/// Shortest pause between two looks at whose turn it is.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// Devices in the order in which their sessions fell due, each once at most, for one taker. Sessions
/// that the ACS has asked for go first and do not wait for the pace; of the others, each device has
/// its turn within its kind, however often others come.
#[derive(Debug)]
pub(super) struct Lane {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug)]
struct Waiting {
    pace: Pace,
    wakes: VecDeque<Mac>,
    news: VecDeque<Mac>,
    retries: VecDeque<Mac>,
    routine: VecDeque<Mac>,
    /// In which of them a device stands. One that became more urgent is in two: the other entry
    /// counts for nothing.
    urgencies: HashMap<Mac, Urgency>,
    /// How many turns there were, modulo the round.
    turns: usize,
    routine_places: u16,
    routine_running: u16,
}

/// A session that may begin. Its place is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    lane: Arc<Lane>,
    mac: Mac,
    urgency: Urgency,
}

/// What a look at the lane found.
enum Look {
    Turn(DueSession),
    Wait(Duration),
    Nobody,
}

impl Lane {
    pub(super) fn new(
        max_sessions: NonZeroU16,
        max_sessions_per_second: NonZeroU32,
        now: Timestamp,
    ) -> Self {
        let reserved = max_sessions.get() / PLACES_PER_RESERVED;
        Self {
            waiting: Mutex::new(Waiting {
                pace: Pace::new(max_sessions_per_second, now),
                wakes: VecDeque::new(),
                news: VecDeque::new(),
                retries: VecDeque::new(),
                routine: VecDeque::new(),
                urgencies: HashMap::new(),
                turns: 0,
                routine_places: max_sessions.get() - reserved,
                routine_running: 0,
            }),
            changed: Notify::new(),
        }
    }

    /// Adds a device, unless it waits already and is not more urgent now.
    pub(super) fn add(&self, due: DueSession) {
        {
            let mut waiting = self.lock();
            let known = waiting.urgencies.get(&due.mac);
            if known.is_some_and(|known| *known >= due.urgency) {
                return;
            }
            waiting.urgencies.insert(due.mac, due.urgency);
            waiting.queue(due.urgency).push_back(due.mac);
        }
        self.changed.notify_one();
    }

    /// Waits for the next one whose turn it is, and takes it.
    pub(super) async fn next(self: &Arc<Self>, clock: &dyn Clock) -> Turn {
        loop {
            let look = self.lock().look(clock.now());
            let pause = match look {
                Look::Turn(due) => {
                    return Turn {
                        lane: Arc::clone(self),
                        mac: due.mac,
                        urgency: due.urgency,
                    };
                }
                Look::Wait(wait) => Some(clock.sleep_for(wait).max(SHORTEST_PAUSE)),
                Look::Nobody => None,
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn queue(&mut self, urgency: Urgency) -> &mut VecDeque<Mac> {
        match urgency {
            Urgency::Wake => &mut self.wakes,
            Urgency::News => &mut self.news,
            Urgency::Retry => &mut self.retries,
            Urgency::Routine => &mut self.routine,
        }
    }

    fn look(&mut self, now: Timestamp) -> Look {
        if let Some(due) = self.take(Urgency::Wake, now).ok().flatten() {
            return Look::Turn(due);
        }
        let first = ROUND.get(self.turns % ROUND.len()).copied();
        let mut shortest: Option<Duration> = None;
        for urgency in first.into_iter().chain(ORDER) {
            match self.take(urgency, now) {
                Ok(Some(due)) => {
                    self.turns = (self.turns + 1) % ROUND.len();
                    return Look::Turn(due);
                }
                Ok(None) => {}
                Err(wait) => shortest = Some(shortest.map_or(wait, |known| known.min(wait))),
            }
        }
        shortest.map_or(Look::Nobody, Look::Wait)
    }

    /// Takes the first of a kind; `None` when there is none, or no place for it.
    fn take(&mut self, urgency: Urgency, now: Timestamp) -> Result<Option<DueSession>, Duration> {
        let is_routine = urgency == Urgency::Routine;
        if is_routine && self.routine_running >= self.routine_places {
            return Ok(None);
        }
        loop {
            let Some(mac) = self.queue(urgency).front().copied() else {
                return Ok(None);
            };
            if self.urgencies.get(&mac) == Some(&urgency) {
                self.pace.begin(urgency, now)?;
                self.queue(urgency).pop_front();
                self.urgencies.remove(&mac);
                self.routine_running += u16::from(is_routine);
                return Ok(Some(DueSession { mac, urgency }));
            }
            // It has become more urgent since, and stands elsewhere.
            self.queue(urgency).pop_front();
        }
    }
}

impl Turn {
    /// Whose session it is.
    pub(super) fn mac(&self) -> Mac {
        self.mac
    }

    /// The session has ended so.
    pub(super) fn ended(&self, verdict: Verdict, now: Timestamp) {
        let change = self.lane.lock().pace.ended(verdict, now);
        match change {
            Some(Change::Slower(per_second)) => {
                tracing::warn!(per_second, "most sessions with an ACS fail: it gets fewer")
            }
            Some(Change::Full) => tracing::info!("an ACS gets all its sessions again"),
            None => return,
        }
        self.lane.changed.notify_one();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.urgency == Urgency::Routine {
            let mut waiting = self.lane.lock();
            waiting.routine_running = waiting.routine_running.saturating_sub(1);
            drop(waiting);
            self.lane.changed.notify_one();
        }
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that is moved by hand.
    #[derive(Default)]
    struct ByHand(Mutex<i64>);

    impl ByHand {
        fn advance(&self, milliseconds: i64) {
            *self.0.lock().unwrap() += milliseconds;
        }
    }

    impl Clock for ByHand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(*self.0.lock().unwrap()).unwrap()
        }
    }

    fn mac(number: u16) -> Mac {
        let [high, low] = number.to_be_bytes();
        Mac::new([0, 11, 130, 0, high, low])
    }

    fn lane(max_sessions: u16, per_second: u32) -> Arc<Lane> {
        Arc::new(Lane::new(
            NonZeroU16::new(max_sessions).unwrap(),
            NonZeroU32::new(per_second).unwrap(),
            Timestamp::UNIX_EPOCH,
        ))
    }

    fn add(lane: &Lane, number: u16, urgency: Urgency) {
        let mac = mac(number);
        lane.add(DueSession { mac, urgency });
    }

    /// Whoever may begin now, in order.
    fn begin(lane: &Arc<Lane>, clock: &ByHand) -> Vec<Turn> {
        let mut begun = Vec::new();
        loop {
            let look = lane.lock().look(clock.now());
            let Look::Turn(due) = look else {
                return begun;
            };
            begun.push(Turn {
                lane: Arc::clone(lane),
                mac: due.mac,
                urgency: due.urgency,
            });
        }
    }

    fn macs(turns: &[Turn]) -> Vec<Mac> {
        turns.iter().map(Turn::mac).collect()
    }

    #[tokio::test]
    async fn what_waits_already_is_not_added_again() {
        let (lane, clock) = (lane(64, 100), ByHand::default());
        for number in [2, 1, 2] {
            add(&lane, number, Urgency::Routine);
        }
        assert_eq!(lane.next(&clock).await.mac(), mac(2));
        assert_eq!(lane.next(&clock).await.mac(), mac(1));
        add(&lane, 2, Urgency::Routine);
        assert_eq!(lane.next(&clock).await.mac(), mac(2));
    }

    #[tokio::test]
    async fn a_taker_that_waits_gets_what_is_added() {
        let lane = lane(64, 100);
        let taker = tokio::spawn({
            let lane = Arc::clone(&lane);
            async move { lane.next(&ByHand::default()).await.mac() }
        });
        tokio::task::yield_now().await;
        add(&lane, 7, Urgency::News);
        assert_eq!(taker.await.unwrap(), mac(7));
    }

    #[test]
    fn a_device_that_the_acs_asks_for_overtakes_a_fleet_and_has_one_session() {
        let (lane, clock) = (lane(64, 1), ByHand::default());
        for number in 0..1_000 {
            add(&lane, number, Urgency::Routine);
        }
        assert_eq!(macs(&begin(&lane, &clock)), [mac(0)]);
        add(&lane, 999, Urgency::Wake);
        add(&lane, 1, Urgency::Wake);
        assert_eq!(macs(&begin(&lane, &clock)), [mac(999), mac(1)]);
        let mut rest = Vec::new();
        for _ in 0..1_100 {
            clock.advance(1_000);
            rest.extend(macs(&begin(&lane, &clock)));
        }
        let expected: Vec<Mac> = (2..999).map(mac).collect();
        assert_eq!(rest, expected, "each device in its turn, none twice");
    }

    #[test]
    fn no_kind_starves_another() {
        let (lane, clock) = (lane(64, 4), ByHand::default());
        for number in 0..400 {
            add(&lane, number, Urgency::News);
            add(&lane, 1_000 + number, Urgency::Retry);
            add(&lane, 2_000 + number, Urgency::Routine);
        }
        let mut counts = [0; 3];
        for _ in 0..100 {
            for turn in begin(&lane, &clock) {
                match turn.urgency {
                    Urgency::News => counts[0] += 1,
                    Urgency::Retry => counts[1] += 1,
                    Urgency::Routine => counts[2] += 1,
                    Urgency::Wake => panic!("nobody was woken"),
                }
            }
            clock.advance(1_000);
        }
        assert_eq!(counts, [200, 100, 100]);
    }

    #[test]
    fn routine_sessions_that_hang_leave_places_for_others() {
        let (lane, clock) = (lane(16, 1_000), ByHand::default());
        for number in 0..100 {
            add(&lane, number, Urgency::Routine);
        }
        let mut hanging = begin(&lane, &clock);
        assert_eq!(hanging.len(), 14);
        add(&lane, 200, Urgency::News);
        assert_eq!(macs(&begin(&lane, &clock)), [mac(200)]);
        hanging.pop();
        assert_eq!(begin(&lane, &clock).len(), 1);
    }

    #[test]
    fn an_acs_that_refuses_everybody_is_asked_by_few_in_their_order() {
        let (lane, clock) = (lane(64, 80), ByHand::default());
        for number in 0..2_000 {
            add(&lane, number, Urgency::Routine);
        }
        let mut asked = Vec::new();
        let mut per_second = Vec::new();
        for _ in 0..30 {
            let turns = begin(&lane, &clock);
            for turn in &turns {
                turn.ended(Verdict::Failed, clock.now());
            }
            per_second.push(turns.len());
            asked.extend(macs(&turns));
            drop(turns);
            clock.advance(1_000);
        }
        assert!(per_second[0] > 50 && per_second[29] == 10, "{per_second:?}");
        let expected: Vec<Mac> = (0..).take(asked.len()).map(mac).collect();
        assert_eq!(asked, expected);
    }
}
