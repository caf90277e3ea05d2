//! What is remembered of misses, and what follows from it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::bucket::{Buckets, Rate};
use super::listing::UsedUpBudget;
use super::quarantine::Quarantine;
use super::refusals::Refusals;
use super::settings::{MissBudgets, MissRules};
use super::source::{Network, Source};
use crate::native::Mac;

/// Misses of everybody, in bounded memory.
#[derive(Debug)]
pub(in crate::gateway) struct Misses {
    decoys: Vec<Mac>,
    state: Mutex<State>,
    /// Until when, in seconds, some budget may be used up: before a request looks closer.
    calm_from: AtomicI64,
}

/// What a look takes the lock for.
#[derive(Debug)]
pub(super) struct State {
    pub(super) budgets: Budgets,
    /// Phones that nobody knew and that became devices because another server had a file for them.
    /// It is counted apart: a site that moves in is held back by nothing.
    pub(super) newcomers: Budgets,
    pub(super) refusals: Refusals,
    pub(super) quarantine: Quarantine,
}

/// One budget of each kind for each key.
#[derive(Debug)]
pub(super) struct Budgets {
    sources: Buckets<Source>,
    networks: Buckets<Network>,
    ouis: Buckets<[u8; 3]>,
    all: Buckets<()>,
}

impl Misses {
    pub(in crate::gateway) fn new(rules: &MissRules) -> Self {
        let mut decoys = rules.decoys.clone();
        decoys.sort_unstable();
        Self {
            decoys,
            state: Mutex::new(State {
                budgets: Budgets::new(&rules.budgets),
                newcomers: Budgets::new(&rules.budgets.of_sources()),
                refusals: Refusals::default(),
                quarantine: Quarantine::default(),
            }),
            calm_from: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) fn decoys(&self) -> &[Mac] {
        &self.decoys
    }

    pub(super) fn is_decoy(&self, mac: Mac) -> bool {
        self.decoys.binary_search(&mac).is_ok()
    }

    /// Whether no budget of anybody is used up: most of the time that is all there is to know.
    pub(super) fn is_calm(&self, now: Timestamp) -> bool {
        now.as_second() >= self.calm_from.load(Ordering::Relaxed)
    }

    /// A budget is used up until then.
    pub(super) fn is_disturbed_until(&self, until: Timestamp) {
        self.calm_from
            .fetch_max(until.as_second(), Ordering::Relaxed);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budgets {
    fn new(settings: &MissBudgets) -> Self {
        let refill = settings.refill.get();
        let rate = |capacity| Rate { capacity, refill };
        Self {
            sources: Buckets::new(rate(settings.source)),
            networks: Buckets::new(rate(settings.network)),
            ouis: Buckets::new(rate(settings.oui)),
            all: Buckets::new(rate(settings.all)),
        }
    }

    /// When there is room again for a miss of this source for this MAC; `None`: there is room now.
    pub(super) fn used_up_until(
        &self,
        source: Source,
        mac: Mac,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let network = source.network();
        let of_source = self.sources.used_up_until(source, now);
        let of_network = self.networks.used_up_until(network, now);
        let of_oui = self.ouis.used_up_until(oui(mac), now);
        let of_all = self.all.used_up_until((), now);
        of_source.max(of_network).max(of_oui).max(of_all)
    }

    /// Takes a miss from all budgets, which have room for it. The first that is used up by that,
    /// if one is.
    pub(super) fn spend(
        &mut self,
        source: Source,
        mac: Mac,
        now: Timestamp,
    ) -> Option<UsedUpBudget> {
        let network = source.network();
        self.sources.spend(source, now);
        self.networks.spend(network, now);
        self.ouis.spend(oui(mac), now);
        self.all.spend((), now);
        let until = self.used_up_until(source, mac, now)?;
        let budget = if self.sources.used_up_until(source, now).is_some() {
            of_source(source, until)
        } else if self.networks.used_up_until(network, now).is_some() {
            of_network(network, until)
        } else if self.ouis.used_up_until(oui(mac), now).is_some() {
            of_oui(oui(mac), until)
        } else {
            of_all(until)
        };
        Some(budget)
    }

    /// Takes all that a source has left; until when.
    pub(super) fn use_up_source(&mut self, source: Source, now: Timestamp) -> Option<Timestamp> {
        self.sources.use_up(source, now);
        self.sources.used_up_until(source, now)
    }

    /// Gives a source and its network their budgets back; whether anything was spent.
    pub(super) fn give_back(&mut self, address: IpAddr) -> bool {
        let source = Source::of(address);
        let of_source = self.sources.give_back(source);
        let of_network = self.networks.give_back(source.network());
        of_source || of_network
    }

    /// Gives everybody all budgets back; how many were used up.
    pub(super) fn give_all_back(&mut self, now: Timestamp) -> usize {
        self.sources.give_all_back(now)
            + self.networks.give_all_back(now)
            + self.ouis.give_all_back(now)
            + self.all.give_all_back(now)
    }

    /// Every budget that is used up.
    pub(super) fn used_up(&self, now: Timestamp) -> Vec<UsedUpBudget> {
        let sources = self.sources.used_up(now);
        let networks = self.networks.used_up(now);
        let ouis = self.ouis.used_up(now);
        let all = self.all.used_up(now);
        let mut used_up: Vec<UsedUpBudget> = all
            .map(|((), until)| of_all(until))
            .chain(ouis.map(|(oui, until)| of_oui(oui, until)))
            .chain(networks.map(|(network, until)| of_network(network, until)))
            .chain(sources.map(|(source, until)| of_source(source, until)))
            .collect();
        used_up.sort_by(|one, other| one.of.cmp(&other.of));
        used_up
    }

    /// The capacity of a source's budget; 0 is no limit.
    pub(super) fn of_a_source(&self) -> u32 {
        self.sources.capacity()
    }
}

fn oui(mac: Mac) -> [u8; 3] {
    let [a, b, c, ..] = mac.bytes();
    [a, b, c]
}

fn of_source(source: Source, until: Timestamp) -> UsedUpBudget {
    UsedUpBudget {
        of: format!("source {source}"),
        until,
    }
}

fn of_network(network: Network, until: Timestamp) -> UsedUpBudget {
    UsedUpBudget {
        of: format!("network {network}"),
        until,
    }
}

fn of_oui([a, b, c]: [u8; 3], until: Timestamp) -> UsedUpBudget {
    UsedUpBudget {
        of: format!("OUI {a:02x}{b:02x}{c:02x}"),
        until,
    }
}

fn of_all(until: Timestamp) -> UsedUpBudget {
    UsedUpBudget {
        of: "all".to_owned(),
        until,
    }
}
