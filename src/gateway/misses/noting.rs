//! Misses are noted, and requests held back while a budget is used up.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::guard::State;
use super::refusals::MissReason;
use super::source::Source;
use crate::device::{TreePath, TreePathError, UnknownPhone};
use crate::gateway::access::shown_token;
use crate::gateway::door::FetchRequest;
use crate::gateway::schedule::after;
use crate::gateway::{Gateway, GatewayError};
use crate::native::Mac;
use crate::store::{Batch, Table, decode, encode};

/// Unknown phones that ask within this time are written to the store together.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// Of a User-Agent as many characters are kept.
const MAX_USER_AGENT: usize = 200;

impl Gateway {
    /// Whether a request gets the answer for an unknown phone without a look at the store: some
    /// budget is used up, and the name is that of a phone which is not where it was. What is nobody's
    /// own is never held back.
    pub(in crate::gateway) fn is_held_back(&self, request: &FetchRequest) -> bool {
        if self.inner.misses.is_calm(self.inner.clock.now()) {
            return false;
        }
        let Ok(path) = path_of(request) else {
            return false;
        };
        self.named_phone(&path)
            .is_some_and(|mac| self.holds_back(mac, request))
    }

    /// The same for the file of a phone, whatever its name is.
    pub(in crate::gateway) fn holds_back(&self, mac: Mac, request: &FetchRequest) -> bool {
        let misses = &self.inner.misses;
        let now = self.inner.clock.now();
        let address = request.source.ip().to_canonical();
        let source = Source::of(address);
        if misses.is_calm(now) || self.inner.known.is_at_home(mac, source) {
            return false;
        }
        let mut state = misses.lock();
        if state.budgets.used_up_until(source, mac, now).is_none() {
            return false;
        }
        if misses.is_decoy(mac) && !self.inner.known.knows(mac) {
            state.refusals.note(MissReason::Decoy, mac, address, now);
            self.alarm(&mut state, mac, address, now);
        } else {
            state
                .refusals
                .note(MissReason::BudgetUsedUp, mac, address, now);
        }
        // A phone that is in quarantine already asks again: that is worth knowing, and costs little.
        self.note_in_quarantine(&mut state, mac, request, now);
        true
    }

    /// Notes that what a request shows is none of the phone's: each try costs its source something.
    /// `mac` is the phone in whose name it came, as far as that is known.
    pub(in crate::gateway) fn note_refused_proof(&self, request: &FetchRequest, mac: Option<Mac>) {
        let address = request.source.ip().to_canonical();
        let now = self.inner.clock.now();
        let mac = mac.unwrap_or(Mac::new([0; 6]));
        let mut state = self.inner.misses.lock();
        state
            .refusals
            .note(MissReason::RefusedProof, mac, address, now);
        self.spend(&mut state, Source::of(address), mac, now);
    }

    /// Notes that there is no file for a request. It costs its source something if it looks like
    /// guessing: the own file of a phone that nobody knows, once for each MAC while it is in
    /// quarantine. Files that phones just ask for and old servers never had cost nothing.
    pub(in crate::gateway) fn note_miss(&self, request: &FetchRequest) {
        let Ok(path) = path_of(request) else {
            return;
        };
        let Some(mac) = self.named_phone(&path) else {
            return;
        };
        if self.inner.known.knows(mac) {
            return;
        }
        let misses = &self.inner.misses;
        let now = self.inner.clock.now();
        let address = request.source.ip().to_canonical();
        let source = Source::of(address);
        let is_decoy = misses.is_decoy(mac);
        let reason = if is_decoy {
            MissReason::Decoy
        } else {
            MissReason::UnknownPhone
        };
        let mut state = misses.lock();
        state.refusals.note(reason, mac, address, now);
        let before = state.quarantine.phone(mac).map(|phone| phone.address);
        let is_repeated = before.is_some_and(|before| Source::of(before) == source);
        if is_repeated || self.spend(&mut state, source, mac, now) {
            let is_there = self.note_in_quarantine(&mut state, mac, request, now);
            if !is_there {
                let phone = UnknownPhone::new(now, address, path, user_agent(request));
                state.quarantine.add(mac, phone);
                self.plan_quarantine(now);
            }
        }
        if is_decoy {
            self.alarm(&mut state, mac, address, now);
        }
    }

    /// Whether a phone that nobody knows may become a device, because another server has a file under
    /// its name. A server that makes a file for any MAC must not let one source make devices without
    /// end: it may bring as many new phones as it has misses.
    pub(in crate::gateway) fn admits_newcomer(&self, mac: Mac, request: &FetchRequest) -> bool {
        if self.inner.known.knows(mac) {
            return true;
        }
        let now = self.inner.clock.now();
        let source = Source::of(request.source.ip());
        let mut state = self.inner.misses.lock();
        if state.newcomers.used_up_until(source, mac, now).is_some() {
            return false;
        }
        state.newcomers.spend(source, mac, now);
        true
    }

    /// Takes a miss from the budgets of a source, if they have room for it; whether they had.
    fn spend(&self, state: &mut State, source: Source, mac: Mac, now: Timestamp) -> bool {
        if state.budgets.used_up_until(source, mac, now).is_some() {
            return false;
        }
        if let Some(used_up) = state.budgets.spend(source, mac, now) {
            self.inner.misses.is_disturbed_until(used_up.until);
            tracing::warn!(
                of = used_up.of, until = %used_up.until,
                "a budget of misses is used up: until there is room again only phones that are \
                 where they were seen last get their own files from there; `trestle quarantine \
                 reopen` gives it back"
            );
        }
        true
    }

    /// Somebody has asked for a decoy: he guesses.
    fn alarm(&self, state: &mut State, mac: Mac, address: IpAddr, now: Timestamp) {
        let source = Source::of(address);
        let was_open = state.budgets.used_up_until(source, mac, now).is_none();
        if let Some(until) = state.budgets.use_up_source(source, now) {
            self.inner.misses.is_disturbed_until(until);
        }
        if let Some(phone) = state.quarantine.phone_mut(mac) {
            phone.is_decoy = true;
        }
        if was_open || state.budgets.of_a_source() == 0 {
            tracing::warn!(%mac, source = %address, "a decoy was asked for: somebody guesses MACs");
        }
    }

    /// A phone's own file goes to somebody.
    pub(in crate::gateway) fn note_served(&self, mac: Mac, request: &FetchRequest) {
        self.inner.known.note_served(mac, request.source.ip());
    }

    /// A phone that is in quarantine asks again; whether it is there.
    fn note_in_quarantine(
        &self,
        state: &mut State,
        mac: Mac,
        request: &FetchRequest,
        now: Timestamp,
    ) -> bool {
        if let Some(phone) = state.quarantine.phone_mut(mac)
            && let Ok(path) = path_of(request)
        {
            let address = request.source.ip().to_canonical();
            phone.note(now, address, path, user_agent(request));
            self.plan_quarantine(now);
            return true;
        }
        false
    }

    fn plan_quarantine(&self, now: Timestamp) {
        let due = after(now, WRITE_WAIT);
        self.inner.quarantine_writes.arm_no_later((), due);
    }

    /// Reads the phones in quarantine from the store.
    pub(in crate::gateway) fn load_quarantine(&self) {
        let stored = self.inner.store.scan(Table::Quarantine, b"");
        let phones = stored.filter_map(|entry| {
            let (key, bytes) = entry.ok()?;
            let mac = crate::gateway::core::mac_of_key(&key).ok()?;
            // One that can't be read comes back when the phone asks again.
            let phone: UnknownPhone = decode(&bytes).ok()?;
            Some((mac, phone))
        });
        let phones: Vec<_> = phones.collect();
        self.inner.misses.lock().quarantine.load(phones);
        for mac in self.inner.misses.decoys() {
            if self.inner.known.knows(*mac) {
                tracing::warn!(%mac, "a decoy in the settings is a phone that is known: it is no decoy");
            }
        }
    }

    /// Writes what has changed in the quarantine.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub async fn write_quarantine(&self) -> Result<(), GatewayError> {
        let changed = {
            let mut state = self.inner.misses.lock();
            if state.quarantine.is_written() {
                return Ok(());
            }
            state.quarantine.take_unwritten()
        };
        let mut batch = Batch::new();
        for (mac, phone) in changed {
            match phone {
                Some(phone) => batch.put(Table::Quarantine, &mac.bytes(), encode(&phone)?),
                None => batch.delete(Table::Quarantine, &mac.bytes()),
            }
        }
        self.inner.store.commit(batch)?.durable().await?;
        Ok(())
    }
}

/// The path that is asked for; a token before it is nobody's business.
fn path_of(request: &FetchRequest) -> Result<TreePath, TreePathError> {
    let (_, path) = shown_token(request);
    path.parse()
}

fn user_agent(request: &FetchRequest) -> String {
    let text = request.user_agent.as_deref().unwrap_or_default();
    let clean = text.chars().map(|character| match character {
        character if character.is_control() => ' ',
        character => character,
    });
    clean.take(MAX_USER_AGENT).collect()
}
