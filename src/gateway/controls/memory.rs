//! What was seen to make phones of a model and firmware fetch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::device::DeviceRecord;
use crate::gateway::core::Gateway;
use crate::gateway::door::GatewayError;
use crate::mapping::{ControlAction, Means};
use crate::native::Mac;
use crate::store::{Batch, Record, Store, Table, decode, encode};

/// Models and firmwares that are remembered; phones name both themselves.
const MAX_KINDS: usize = 512;
/// Phones of which it is not known yet whether they fetch.
const MAX_TRIALS: usize = 16_384;
/// Longest part of a key, in bytes.
const MAX_NAME: usize = 64;
/// From here on both counts are halved, so that what is new counts.
const MAX_COUNT: u32 = 1_000;
/// Tries after which a means that has never led to a fetch goes last.
const HOPELESS: u32 = 5;
/// How soon a phone that does as it is told fetches; one that restarts needs the longer part of it.
const FETCHES_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Phones that are alike: vendor, model and firmware.
type Kind = (String, String, String);

/// How often a means was tried on phones of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeansTried {
    /// What it is to do.
    pub action: ControlAction,
    /// Its name in the pack.
    pub means: String,
    /// How often phones were told by it that answered, or fetched.
    pub tried: u32,
    /// How often they fetched then.
    pub fetched: u32,
}

/// What is kept of a kind of phones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::gateway) struct Remembered {
    pub(in crate::gateway) means: Vec<MeansTried>,
    /// Of those that are too many, the one that was not used for longest goes.
    pub(in crate::gateway) used_at: Timestamp,
}

impl Record for Remembered {
    const VERSION: u8 = 1;
    const KIND: &'static str = "means";
}

/// The memory of all kinds.
#[derive(Debug)]
pub(in crate::gateway) struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kinds: HashMap<Kind, Remembered>,
    trials: HashMap<Mac, Trial>,
}

/// What a phone was told last.
#[derive(Debug)]
struct Trial {
    kind: Kind,
    means: Arc<Means>,
    at: Timestamp,
    state: TrialState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TrialState {
    /// It is being told.
    Telling,
    /// It has fetched, and what it says to the telling is still to come.
    HasFetched,
    /// It was told and has not answered: only a fetch will show that the means was tried.
    Silent,
    /// It has answered, and the means counts as tried.
    Answered,
}

impl Memory {
    /// Reads what is stored. What can't be read is forgotten: it is learned again.
    pub(in crate::gateway) fn open(store: &Arc<dyn Store>) -> Self {
        let mut state = State::default();
        for entry in store.scan(Table::Control, b"") {
            let Ok((key, bytes)) = entry else {
                continue;
            };
            if let (Some(kind), Ok(remembered)) = (kind_of_key(&key), decode(&bytes)) {
                state.kinds.insert(kind, remembered);
            } else {
                tracing::warn!(key = %key.escape_ascii(), "what made phones fetch can't be read and is forgotten");
            }
        }
        Self {
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts means into the order in which they are tried: what has worked best first. What restarts
    /// phones that have only to fetch comes after what does not, and what was tried in vain again
    /// and again comes last.
    pub(super) fn sort(
        &self,
        record: &DeviceRecord,
        action: ControlAction,
        means: &mut [Arc<Means>],
    ) {
        let state = self.lock();
        let remembered = state.kinds.get(&kind_of(record));
        means.sort_by_key(|means| {
            let tried = remembered.and_then(|remembered| remembered.find(means));
            let (tried, fetched) = tried.map_or((0, 0), |tried| (tried.tried, tried.fetched));
            let is_hopeless = tried >= HOPELESS && fetched == 0;
            // The rate as it is best guessed from few tries: unknown is one half (Laplace).
            let rate = u64::from(fetched + 1) * 1_000_000 / u64::from(tried + 2);
            (is_hopeless, means.action != action, std::cmp::Reverse(rate))
        });
    }

    /// A phone is about to be told by a means.
    pub(super) fn tells(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        means: &Arc<Means>,
        now: Timestamp,
    ) {
        let state = &mut *self.lock();
        if state.trials.len() >= MAX_TRIALS {
            state.trials.retain(|_, trial| trial.is_open(now));
        }
        if state.trials.len() < MAX_TRIALS {
            let trial = Trial {
                kind: kind_of(record),
                means: Arc::clone(means),
                at: now,
                state: TrialState::Telling,
            };
            state.trials.insert(mac, trial);
        }
    }

    /// A phone was told. Whether it answered says only whether the means was tried: a phone that is
    /// off tells nothing about it.
    pub(super) fn told(
        &self,
        mac: Mac,
        has_answered: bool,
        is_refusal: bool,
        now: Timestamp,
    ) -> Option<Change> {
        let state = &mut *self.lock();
        let mut trial = state.trials.remove(&mac)?;
        let has_fetched = trial.state == TrialState::HasFetched && !is_refusal;
        if has_fetched {
            return Some(state.count(trial.kind, &trial.means, 1, 1, now));
        }
        let counted =
            has_answered.then(|| state.count(trial.kind.clone(), &trial.means, 1, 0, now));
        // After a refusal, a fetch that comes comes for another reason.
        if !is_refusal {
            trial.state = match has_answered {
                true => TrialState::Answered,
                false => TrialState::Silent,
            };
            state.trials.insert(mac, trial);
        }
        counted
    }

    /// Whether it is still to be seen if a phone does what it was told.
    pub(in crate::gateway) fn awaits(&self, mac: Mac, now: Timestamp) -> bool {
        let state = self.lock();
        let trial = state.trials.get(&mac);
        trial.is_some_and(|trial| trial.is_open(now))
    }

    /// A phone has fetched its file, which may be before its answer is known.
    pub(super) fn fetched(&self, mac: Mac, now: Timestamp) -> Option<Change> {
        let state = &mut *self.lock();
        let trial = state.trials.get_mut(&mac)?;
        let tried = match trial.state {
            TrialState::Telling => {
                trial.state = TrialState::HasFetched;
                return None;
            }
            TrialState::HasFetched => return None,
            TrialState::Silent => 1,
            TrialState::Answered => 0,
        };
        let trial = state.trials.remove(&mac)?;
        if !trial.is_open(now) {
            return None;
        }
        Some(state.count(trial.kind, &trial.means, tried, 1, now))
    }

    /// What is remembered of a means for phones like this one.
    pub(super) fn tried(&self, record: &DeviceRecord, means: &Means) -> MeansTried {
        let state = self.lock();
        let remembered = state.kinds.get(&kind_of(record));
        let tried = remembered.and_then(|remembered| remembered.find(means));
        tried.cloned().unwrap_or_else(|| MeansTried::none(means))
    }
}

/// What has to be written.
pub(super) struct Change {
    kind: Kind,
    remembered: Remembered,
    forgotten: Option<Kind>,
}

impl Gateway {
    /// A phone has fetched its file: what it was told last, it has done.
    pub(in crate::gateway) fn note_means_worked(&self, mac: Mac, now: Timestamp) {
        if let Some(change) = self.inner.memory.fetched(mac, now) {
            self.remember(change);
        }
    }

    /// Writes a change of the memory. Nobody waits until it is on disk: it is worth less than the
    /// time.
    pub(super) fn remember(&self, change: Change) {
        let write = || -> Result<(), GatewayError> {
            let mut batch = Batch::new();
            batch.put(
                Table::Control,
                &key_of(&change.kind),
                encode(&change.remembered)?,
            );
            if let Some(forgotten) = &change.forgotten {
                batch.delete(Table::Control, &key_of(forgotten));
            }
            // Its ticket would say when it is on disk.
            let _ = self.inner.store.commit(batch)?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::warn!(%error, "what made a phone fetch is not remembered");
        }
    }
}

impl State {
    fn count(
        &mut self,
        kind: Kind,
        means: &Means,
        tried: u32,
        fetched: u32,
        now: Timestamp,
    ) -> Change {
        let mut forgotten = None;
        if !self.kinds.contains_key(&kind) && self.kinds.len() >= MAX_KINDS {
            let oldest = self
                .kinds
                .iter()
                .min_by_key(|(_, remembered)| remembered.used_at);
            forgotten = oldest.map(|(kind, _)| kind.clone());
            if let Some(oldest) = &forgotten {
                self.kinds.remove(oldest);
            }
        }
        let remembered = self.kinds.entry(kind.clone()).or_default();
        remembered.used_at = now;
        remembered.count(means, tried, fetched);
        Change {
            kind,
            remembered: remembered.clone(),
            forgotten,
        }
    }
}

impl Trial {
    fn is_open(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) <= FETCHES_WITHIN
    }
}

impl MeansTried {
    fn none(means: &Means) -> Self {
        Self {
            action: means.action,
            means: means.name.clone(),
            tried: 0,
            fetched: 0,
        }
    }

    fn is_of(&self, means: &Means) -> bool {
        self.action == means.action && self.means == means.name
    }
}

impl Remembered {
    fn find(&self, means: &Means) -> Option<&MeansTried> {
        self.means.iter().find(|tried| tried.is_of(means))
    }

    fn count(&mut self, means: &Means, tried: u32, fetched: u32) {
        let place = self.means.iter().position(|known| known.is_of(means));
        let place = place.unwrap_or_else(|| {
            self.means.push(MeansTried::none(means));
            self.means.len() - 1
        });
        let Some(known) = self.means.get_mut(place) else {
            return;
        };
        known.tried += tried;
        known.fetched = (known.fetched + fetched).min(known.tried);
        if known.tried >= MAX_COUNT {
            known.tried /= 2;
            known.fetched /= 2;
        }
    }
}

fn kind_of(record: &DeviceRecord) -> Kind {
    let name = |text: &str| -> String {
        let mut end = text.len().min(MAX_NAME);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.get(..end).unwrap_or_default().replace('\0', " ")
    };
    (
        name(&record.vendor),
        name(record.model.as_deref().unwrap_or_default()),
        name(record.software_version.as_deref().unwrap_or_default()),
    )
}

fn key_of((vendor, model, version): &Kind) -> Vec<u8> {
    format!("{vendor}\0{model}\0{version}").into_bytes()
}

fn kind_of_key(key: &[u8]) -> Option<Kind> {
    let text = std::str::from_utf8(key).ok()?;
    let mut parts = text.split('\0').map(str::to_owned);
    Some((parts.next()?, parts.next()?, parts.next()?))
}
