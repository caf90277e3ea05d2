//! Which phone a token is of, and how many phones have shown nothing of their own yet.

use std::collections::HashMap;

use crate::device::{DeviceRecord, TokenHash};
use crate::gateway::core::Gateway;
use crate::native::Mac;

/// See the module. Only phones of which there is something to say are in it.
#[derive(Debug, Default)]
pub(super) struct AccessIndex {
    tokens: HashMap<TokenHash, Mac>,
    phones: HashMap<Mac, Noted>,
    /// Phones that have used no proof of their own, by the number of their policy.
    waiting: HashMap<usize, u64>,
}

/// What is noted of a phone.
#[derive(Debug)]
struct Noted {
    tokens: Vec<TokenHash>,
    /// The number of its policy, as long as it has used no proof of its own.
    waits_in: Option<usize>,
}

impl AccessIndex {
    /// The phone that a token was made for, if it is good.
    pub(super) fn phone_of(&self, token: &TokenHash) -> Option<Mac> {
        self.tokens.get(token).copied()
    }

    /// How many phones of a policy have used no proof of their own.
    pub(super) fn waiting(&self, policy: usize) -> u64 {
        self.waiting.get(&policy).copied().unwrap_or_default()
    }

    fn note(&mut self, mac: Mac, record: &DeviceRecord, waits_in: Option<usize>) {
        if let Some(before) = self.phones.remove(&mac) {
            for token in &before.tokens {
                self.tokens.remove(token);
            }
            if let Some(count) = before.waits_in.and_then(|in_| self.waiting.get_mut(&in_)) {
                *count = count.saturating_sub(1);
            }
        }
        let tokens = record.access.tokens.valid.clone();
        if tokens.is_empty() && waits_in.is_none() {
            return;
        }
        for token in &tokens {
            self.tokens.insert(*token, mac);
        }
        if let Some(policy) = waits_in {
            *self.waiting.entry(policy).or_default() += 1;
        }
        self.phones.insert(mac, Noted { tokens, waits_in });
    }
}

impl Gateway {
    /// A phone's record is another one.
    pub(in crate::gateway) fn index_access(&self, mac: Mac, record: &DeviceRecord) {
        let (number, policy) = self.inner.settings.access.of_phone(mac, record);
        let waits =
            policy.wants_proof_of_one_phone() && !policy.is_open() && !record.access.is_in_use();
        let mut index = self.inner.access.index();
        index.note(mac, record, waits.then_some(number));
    }
}
