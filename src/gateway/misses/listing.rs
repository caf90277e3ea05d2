//! What the operator sees of phones that nobody knows, and of misses.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::guard::Budgets;
use super::refusals::{MissCount, MissedAttempts};
use crate::device::TreePath;
use crate::gateway::{Gateway, GatewayError};
use crate::native::Mac;

/// A phone that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedPhone {
    /// The MAC in the name that it asks for.
    pub mac: Mac,
    /// Name of the mapping pack of its maker, as far as its User-Agent, the name or the OUI tell.
    pub vendor: Option<String>,
    /// When it asked first.
    pub first: Timestamp,
    /// When it asked last.
    pub last: Timestamp,
    /// How often it has asked.
    pub count: u64,
    /// Where it asked from last.
    pub address: IpAddr,
    /// What it asked for, the last first; a few at most.
    pub paths: Vec<TreePath>,
    /// The User-Agent of its last request.
    pub user_agent: String,
    /// Its MAC is a decoy: this is no phone.
    pub is_decoy: bool,
}

/// A budget that is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedUpBudget {
    /// Whose: `source 192.0.2.1`, `network 192.0.2.0/24`, `OUI 000b82`, `all`.
    pub of: String,
    /// When there is room for a miss again, if none comes.
    pub until: Timestamp,
}

/// Everything about phones that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineList {
    /// The phones, the one that asked last first.
    pub phones: Vec<QuarantinedPhone>,
    /// How often something was refused since the gateway started, by reason.
    pub refused: Vec<MissCount>,
    /// The last refused attempts by reason and source, the newest first.
    pub attempts: Vec<MissedAttempts>,
    /// Budgets that are used up.
    pub used_up: Vec<UsedUpBudget>,
}

/// What giving budgets back has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopened {
    /// Whether anything had been spent.
    pub had_spent: bool,
}

impl Gateway {
    /// The phones that nobody knows, refused attempts, and budgets that are used up.
    pub fn quarantine(&self) -> QuarantineList {
        let now = self.inner.clock.now();
        let state = self.inner.misses.lock();
        let mut phones: Vec<QuarantinedPhone> = state
            .quarantine
            .phones()
            .filter(|(mac, _)| !self.inner.known.knows(*mac))
            .map(|(mac, phone)| QuarantinedPhone {
                mac,
                vendor: self.vendor_of_unknown(mac, phone),
                first: phone.first,
                last: phone.last,
                count: phone.count,
                address: phone.address,
                paths: phone.paths.clone(),
                user_agent: phone.user_agent.clone(),
                is_decoy: phone.is_decoy,
            })
            .collect();
        phones.sort_by_key(|phone| (std::cmp::Reverse(phone.last), phone.mac));
        QuarantineList {
            phones,
            refused: state.refusals.counts(),
            attempts: state.refusals.kept(),
            used_up: state.budgets.used_up(now),
        }
    }

    /// Forgets a phone that nobody knows.
    ///
    /// # Errors
    /// [`GatewayError::UnknownPhone`] when it has not asked for anything; or when the store fails.
    pub async fn drop_from_quarantine(&self, mac: Mac) -> Result<(), GatewayError> {
        if !self.inner.misses.lock().quarantine.remove(mac) {
            return Err(GatewayError::UnknownPhone(mac));
        }
        self.write_quarantine().await
    }

    /// Gives used-up budgets back: those of a source and of the network round it, or all of them.
    pub fn give_budgets_back(&self, address: Option<IpAddr>) -> Reopened {
        let now = self.inner.clock.now();
        let mut state = self.inner.misses.lock();
        let give_back = |budgets: &mut Budgets| match address {
            Some(address) => budgets.give_back(address),
            None => budgets.give_all_back(now) > 0,
        };
        let of_misses = give_back(&mut state.budgets);
        let of_newcomers = give_back(&mut state.newcomers);
        Reopened {
            had_spent: of_misses || of_newcomers,
        }
    }
}
