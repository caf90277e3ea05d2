//! What the gateway has promised, and what it may have done beyond that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trestle::sim::acs::{Exchange, cpe::TransferComplete};

/// What a device is, as far as the ACS changes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    /// The numbers in display name, ProvisioningCode and outbound proxy. One call sets them all.
    pub(crate) values: [u64; 3],
    pub(crate) parameter_key: String,
    /// The profiles that were added, and the number in the outbound proxy of each; 0: none yet.
    pub(crate) rows: BTreeMap<u32, u64>,
    /// The notification of two parameters that are always set by one call.
    pub(crate) notification: u64,
}

/// A change whose answer is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Values(u64),
    AddRow(u64),
    NameRow(u32, u64),
    DeleteRow(u32, u64),
    Notification(u64),
}

impl Change {
    /// The state after it. A row gets the number that it has in `seen`, or `fresh` of its answer.
    fn apply(&self, state: &State, seen: &State) -> State {
        let mut after = state.clone();
        match *self {
            Self::Values(number) => {
                after.values = [number; 3];
                after.parameter_key = key(number);
            }
            Self::AddRow(number) => {
                let mut added = seen.rows.keys().filter(|row| !state.rows.contains_key(row));
                if let Some(&row) = added.next() {
                    after.rows.insert(row, 0);
                }
                after.parameter_key = key(number);
            }
            Self::NameRow(row, number) => {
                after.rows.insert(row, number);
                after.parameter_key = key(number);
            }
            Self::DeleteRow(row, number) => {
                after.rows.remove(&row);
                after.parameter_key = key(number);
            }
            Self::Notification(value) => after.notification = value,
        }
        after
    }
}

/// The ParameterKey of a change.
pub(crate) fn key(number: u64) -> String {
    format!("key-{number}")
}

/// A Download or an Upload.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The number in the file of a Download; `None` for an Upload.
    pub(crate) file: Option<u64>,
    /// Whether its response has come.
    pub(crate) is_acknowledged: bool,
    /// Whether its TransferComplete has come.
    pub(crate) is_reported: bool,
    /// Whether the gateway knows that it has.
    pub(crate) is_closed: bool,
}

/// What is known of one device.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Path of its ConnectionRequestURL, once it has told it.
    pub(crate) wake_path: Option<String>,
    pub(crate) state: State,
    pub(crate) pending: Option<Change>,
    /// Every number that a profile has had.
    pub(crate) used_rows: BTreeSet<u32>,
    pub(crate) orders: BTreeMap<String, Order>,
    /// Names of files that the phone has sent.
    pub(crate) uploads: BTreeSet<String>,
    /// The highest import that was seen in its file.
    pub(crate) import: u64,
}

impl Account {
    /// Begins a change: from now on it may be there.
    pub(crate) fn begin(&mut self, change: Change) {
        assert_eq!(self.pending, None);
        self.pending = Some(change);
    }

    /// The change has been answered: from now on it has to be there. `added` is the row that an
    /// AddObject was answered with.
    pub(crate) fn acknowledge(&mut self, added: Option<u32>) {
        let change = self.pending.take().expect("a change was begun");
        let mut seen = self.state.clone();
        if let Some(row) = added {
            assert!(self.used_rows.insert(row), "profile {row} is given again");
            seen.rows.insert(row, 0);
        }
        self.state = change.apply(&self.state, &seen);
    }

    /// Compares with what is there after a restart, and takes what is open from that.
    pub(crate) fn meet(&mut self, seen: &State) -> Result<(), String> {
        if *seen == self.state {
            self.pending = None;
            return Ok(());
        }
        let after = self
            .pending
            .as_ref()
            .map(|change| change.apply(&self.state, seen));
        if after.as_ref() != Some(seen) {
            return Err(format!(
                "there is\n  {seen:?}\nwhere there should be\n  {:?}\nand may be {:?}:\n  {after:?}",
                self.state, self.pending
            ));
        }
        for row in seen.rows.keys() {
            if !self.state.rows.contains_key(row) && !self.used_rows.insert(*row) {
                return Err(format!("profile {row} is given again"));
            }
        }
        self.pending = None;
        self.state = seen.clone();
        Ok(())
    }

    /// What numbers the display name in the phone's file may have.
    pub(crate) fn names(&self) -> Vec<u64> {
        let mut names = vec![self.state.values[0]];
        if let Some(Change::Values(number)) = self.pending {
            names.push(number);
        }
        let open = self.orders.values().filter(|order| !order.is_reported);
        names.extend(open.filter_map(|order| order.file));
        names
    }

    /// A TransferComplete has come.
    pub(crate) fn report(&mut self, report: &TransferComplete) -> Result<(), String> {
        let Some(order) = self.orders.get_mut(&report.command_key) else {
            return Err(format!("nobody has ordered {report:?}"));
        };
        if order.is_closed {
            return Err(format!("{report:?} comes again"));
        }
        if report.fault_code != 0 {
            return Err(format!("{report:?}"));
        }
        order.is_acknowledged = true;
        if !order.is_reported
            && let Some(file) = order.file
        {
            self.state.values[0] = file;
        }
        order.is_reported = true;
        Ok(())
    }

    /// Whether a Download or Upload of this kind is on its way.
    pub(crate) fn has_open_order(&self) -> bool {
        self.orders.values().any(|order| !order.is_closed)
    }
}

/// What all devices have said by themselves; sees every request that an ACS gets.
#[derive(Debug, Default)]
pub(crate) struct Witness(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Sessions that began with `0 BOOTSTRAP`.
    beginnings: BTreeMap<String, u64>,
    bootstrapped: BTreeSet<String>,
    violations: Vec<String>,
}

impl Witness {
    pub(crate) fn observer(self: &Arc<Self>) -> Arc<dyn Fn(&Exchange) + Send + Sync> {
        let witness = Arc::clone(self);
        Arc::new(move |exchange| witness.see(exchange))
    }

    /// `0 BOOTSTRAP` is at its end when the gateway goes on after the InformResponse: it has
    /// written down then that it was taken. Killed before that, it has to send it again, because
    /// the response may never have reached it (TR-069 3.7.1.5: an event is kept until it is
    /// acknowledged).
    fn see(&self, exchange: &Exchange) {
        let Some(serial) = &exchange.serial else {
            return;
        };
        let mut seen = self.lock();
        for finding in &exchange.findings {
            seen.violations.push(format!("{serial}: {finding:?}"));
        }
        let inform = exchange
            .message
            .as_ref()
            .and_then(|message| message.inform());
        match inform {
            Some(inform) if inform.has_event("0 BOOTSTRAP") => {
                if seen.bootstrapped.contains(serial) {
                    seen.violations
                        .push(format!("{serial}: a second 0 BOOTSTRAP"));
                }
                seen.beginnings.insert(serial.clone(), exchange.session);
            }
            Some(_) => {}
            None => {
                if seen.beginnings.get(serial) == Some(&exchange.session) {
                    seen.bootstrapped.insert(serial.clone());
                }
            }
        }
    }

    /// Whether an Inform with `0 BOOTSTRAP` has come, whatever became of its session.
    pub(crate) fn has_begun(&self, serial: &str) -> bool {
        self.lock().beginnings.contains_key(serial)
    }

    pub(crate) fn has_bootstrapped(&self, serial: &str) -> bool {
        self.lock().bootstrapped.contains(serial)
    }

    /// What was seen that must not be.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often which kind of thing was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    pub(crate) fn count(&self, kind: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(kind).or_default() += 1;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let texts: Vec<_> = counts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        formatter.write_str(&texts.join(", "))
    }
}
