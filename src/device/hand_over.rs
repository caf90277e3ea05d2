//! A phone that is handed over to its own TR-069 client.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::datamodel::ParameterPath;
use crate::wire::Secret;

/// How far a hand-over has come. The virtual CPE speaks until the phone has fetched the file that
/// tells it its ACS; then it is silent, as two CPEs of one identity would confuse the ACS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// The revision of the phone's own file that tells it.
    pub revision: u64,
    /// Where the phone's own client is sent.
    pub acs_url: String,
    /// When it is taken back, unless the operator confirms it before.
    pub deadline: Timestamp,
    /// When the phone has fetched that revision or a later one.
    pub fetched_at: Option<Timestamp>,
    /// When the operator confirmed that the phone speaks to its ACS.
    pub confirmed_at: Option<Timestamp>,
    /// What the phone's own file said before of each parameter that was set for it; `None` where
    /// it said nothing.
    pub before: Vec<(ParameterPath, Option<Secret>)>,
}

impl HandOver {
    /// Whether the virtual CPE is silent.
    pub fn is_silent(&self) -> bool {
        self.fetched_at.is_some()
    }

    /// When it has to be taken back; `None` once it is confirmed.
    pub fn due(&self) -> Option<Timestamp> {
        self.confirmed_at.is_none().then_some(self.deadline)
    }
}
