//! What the operator decides about misses.

use std::num::NonZeroU32;

use serde::Deserialize;

use crate::native::Mac;

/// How many misses are borne before hits are limited too. A miss is a request for the own file of a
/// phone that nobody knows (each MAC once for a source that asks again and again), or a proof that
/// is refused. 0: no such budget.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissBudgets {
    /// Of one source: an IPv4 address, the /64 of an IPv6 address.
    pub source: u32,
    /// Of a network: the /24 of an IPv4 address, the /48 of an IPv6 address.
    pub network: u32,
    /// For the MACs of one OUI.
    pub oui: u32,
    /// In all.
    pub all: u32,
    /// Seconds in which a budget that is used up becomes whole again, evenly.
    pub refill: NonZeroU32,
}

impl MissBudgets {
    /// Those of sources and networks alone.
    pub(super) fn of_sources(&self) -> Self {
        Self {
            oui: 0,
            all: 0,
            ..self.clone()
        }
    }
}

impl Default for MissBudgets {
    fn default() -> Self {
        Self {
            source: 500,
            network: 2_000,
            oui: 5_000,
            all: 10_000,
            refill: NonZeroU32::MIN.saturating_add(86_399),
        }
    }
}

/// Everything about misses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MissRules {
    /// How many are borne.
    pub budgets: MissBudgets,
    /// MACs that no phone has: whoever asks for one guesses.
    pub decoys: Vec<Mac>,
}
