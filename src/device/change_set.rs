//! What became of each change of a phone's own file: from the moment at which it was wanted to the
//! one at which the phone was seen to live with it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::delivery::DeliveryState;

/// Change sets that are kept of one phone; the oldest go first.
const MAX_CHANGE_SETS: usize = 8;

/// Who has changed a phone's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAuthor {
    /// The ACS.
    Acs,
    /// A person, by a command.
    Operator,
    /// An import of the tree.
    Import,
    /// The gateway, so that the phone fetches firmware or another file, or no longer does.
    Firmware,
    /// The gateway, for reasons of its own.
    RollOut,
}

impl fmt::Display for ChangeAuthor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Acs => "ACS",
            Self::Operator => "operator",
            Self::Import => "import",
            Self::Firmware => "firmware",
            Self::RollOut => "roll-out",
        })
    }
}

/// One new revision of a phone's own file, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The revision.
    pub revision: u64,
    /// Who made it.
    pub author: ChangeAuthor,
    /// What it changed, in one line, without values.
    pub what: String,
    /// When it was on disk.
    pub queued: Timestamp,
    /// When the phone said yes to fetching it.
    pub told: Option<Timestamp>,
    /// When all of it had left for the phone.
    pub fetched: Option<Timestamp>,
    /// When the phone restarted with it.
    pub rebooted: Option<Timestamp>,
    /// When the phone came back with it.
    pub confirmed: Option<Timestamp>,
    /// When the phone was taken for late.
    pub overdue: Option<Timestamp>,
    /// When a newer one took its place before the phone had fetched it.
    pub superseded: Option<Timestamp>,
}

/// How long a phone may take to fetch a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryDeadline {
    /// As long as the settings say.
    #[default]
    Usual,
    /// As long as it likes.
    Never,
    /// So many seconds.
    Seconds(u32),
}

impl DeliveryDeadline {
    /// The time that the phone has; `None` for as long as it likes, in `usual` likewise.
    pub fn wait(self, usual: Option<Duration>) -> Option<Duration> {
        match self {
            Self::Usual => usual,
            Self::Never => None,
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds.into())),
        }
    }
}

/// The last change sets of a phone, and since when it owes a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChangeSets {
    /// The oldest first.
    pub list: Vec<ChangeSet>,
    /// Since when there is something that the phone has not fetched. A phone that has never fetched
    /// anything does not know of the gateway and owes nothing.
    pub waiting_since: Option<Timestamp>,
    /// Since when it is late; until it fetches.
    pub overdue_since: Option<Timestamp>,
    /// How long it may take.
    pub deadline: DeliveryDeadline,
}

impl ChangeSets {
    /// Takes note of what a change of the device has done to its delivery: `before` is `None` for a
    /// new device, `made` says who made a new revision and what it changed, `restarted` when the
    /// phone restarted, if it has done so now.
    pub fn follow(
        &mut self,
        before: Option<&DeliveryState>,
        after: &DeliveryState,
        made: impl FnOnce() -> (ChangeAuthor, String),
        restarted: Option<Timestamp>,
        now: Timestamp,
    ) {
        let none = DeliveryState::default();
        let before = before.unwrap_or(&none);
        if before.desired != after.desired {
            let (author, what) = made();
            self.queue(ChangeSet::new(after.desired, author, what, now));
        }
        if after.told_at.is_some() && before.told_at != after.told_at {
            self.note(after.desired, |set| &mut set.told, now);
        }
        let served = after.served.as_ref().map(|served| served.revision);
        if let Some(revision) = served
            && before.served != after.served
        {
            self.note(revision, |set| &mut set.fetched, now);
        }
        if let (Some(at), Some(revision)) = (restarted, served) {
            self.note(revision, |set| &mut set.rebooted, at);
        }
        if let Some(revision) = after.confirmed
            && before.confirmed != after.confirmed
        {
            self.note(revision, |set| &mut set.confirmed, now);
        }
        let owes = after.served.is_some() && after.is_outstanding();
        if !owes {
            self.waiting_since = None;
            self.overdue_since = None;
            return;
        }
        self.waiting_since.get_or_insert(now);
        if after.given_up == Some(after.desired) {
            self.note(after.desired, |set| &mut set.overdue, now);
        }
    }

    /// The phone is late with what it should have.
    pub fn be_overdue(&mut self, now: Timestamp) {
        self.overdue_since.get_or_insert(now);
        if let Some(last) = self.list.last_mut() {
            last.overdue.get_or_insert(now);
        }
    }

    /// The phone has more time than was thought.
    pub fn be_in_time(&mut self) {
        self.overdue_since = None;
        if let Some(last) = self.list.last_mut() {
            last.overdue = None;
        }
    }

    fn queue(&mut self, set: ChangeSet) {
        if let Some(last) = self.list.last_mut()
            && last.fetched.is_none()
        {
            last.superseded = Some(set.queued);
        }
        if self.list.len() >= MAX_CHANGE_SETS {
            self.list.remove(0);
        }
        self.list.push(set);
    }

    /// Sets a moment of a change set, once.
    fn note(
        &mut self,
        revision: u64,
        moment: impl FnOnce(&mut ChangeSet) -> &mut Option<Timestamp>,
        at: Timestamp,
    ) {
        let mut sets = self.list.iter_mut();
        if let Some(set) = sets.find(|set| set.revision == revision) {
            moment(set).get_or_insert(at);
        }
    }
}

impl ChangeSet {
    fn new(revision: u64, author: ChangeAuthor, what: String, queued: Timestamp) -> Self {
        Self {
            revision,
            author,
            what,
            queued,
            told: None,
            fetched: None,
            rebooted: None,
            confirmed: None,
            overdue: None,
            superseded: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Served;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn by_acs() -> (ChangeAuthor, String) {
        (ChangeAuthor::Acs, "P270".to_owned())
    }

    fn served(revision: u64, second: i64) -> Option<Served> {
        Some(Served {
            revision,
            at: at(second),
            address: [192, 0, 2, 7].into(),
        })
    }

    #[test]
    fn a_change_set_has_a_moment_for_each_step() {
        let mut sets = ChangeSets::default();
        let mut states = vec![DeliveryState {
            desired: 1,
            served: served(1, 1),
            ..DeliveryState::default()
        }];
        let mut step = |change: &dyn Fn(&mut DeliveryState), restarted, second| {
            let before = states.last().unwrap().clone();
            let mut after = before.clone();
            change(&mut after);
            sets.follow(Some(&before), &after, by_acs, restarted, at(second));
            states.push(after);
            sets.clone()
        };
        let queued = step(&|state| state.desired = 2, None, 10);
        assert_eq!(queued.waiting_since, Some(at(10)));
        step(&|state| state.told_at = Some(at(20)), None, 20);
        let fetched = step(&|state| state.served = served(2, 30), Some(at(25)), 30);
        assert_eq!(fetched.waiting_since, None);
        let last = step(&|state| state.confirmed = Some(2), None, 40);
        let set = last.list.last().unwrap();
        assert_eq!((set.revision, set.queued), (2, at(10)));
        let moments = [set.told, set.fetched, set.rebooted, set.confirmed];
        assert_eq!(moments, [20, 30, 25, 40].map(|second| Some(at(second))));
        assert_eq!((set.overdue, set.superseded), (None, None));
    }

    #[test]
    fn what_is_never_fetched_is_superseded_and_the_wait_goes_on() {
        let mut sets = ChangeSets::default();
        let mut before = DeliveryState {
            desired: 1,
            served: served(1, 1),
            ..DeliveryState::default()
        };
        for revision in 2..20_u32 {
            let mut after = before.clone();
            after.desired = revision.into();
            sets.follow(Some(&before), &after, by_acs, None, at(revision.into()));
            before = after;
        }
        assert_eq!(sets.list.len(), MAX_CHANGE_SETS);
        assert_eq!(sets.waiting_since, Some(at(2)), "not moved by later ones");
        assert_eq!(sets.list[6].superseded, Some(at(19)));
        assert_eq!(sets.list[7].superseded, None);
        sets.be_overdue(at(100));
        let mut after = before.clone();
        after.served = served(19, 200);
        sets.follow(Some(&before), &after, by_acs, None, at(200));
        assert_eq!((sets.waiting_since, sets.overdue_since), (None, None));
        assert_eq!(sets.list[7].overdue, Some(at(100)), "that it was, stays");
    }

    #[test]
    fn a_phone_that_has_never_fetched_owes_nothing() {
        let mut sets = ChangeSets::default();
        let after = DeliveryState {
            desired: 1,
            ..DeliveryState::default()
        };
        let import = || (ChangeAuthor::Import, "40 settings".to_owned());
        sets.follow(None, &after, import, None, at(5));
        assert_eq!(sets.waiting_since, None);
        assert_eq!(sets.list.len(), 1);
    }
}
