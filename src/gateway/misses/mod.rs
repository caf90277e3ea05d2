//! Guessing MAC addresses doesn't pay: budgets on misses, never on hits; decoys; and the quarantine
//! of phones that nobody knows, from which the operator can claim them.

mod bucket;
mod claim;
mod guard;
mod listing;
mod noting;
mod quarantine;
mod refusals;
mod settings;
mod source;

#[cfg(test)]
mod claim_tests;
#[cfg(test)]
mod guessing_tests;

pub use claim::{ClaimError, ClaimFrom, Claimed};
pub(super) use guard::Misses;
pub use listing::{QuarantineList, QuarantinedPhone, Reopened, UsedUpBudget};
pub use refusals::{MissCount, MissReason, MissedAttempts};
pub use settings::{MissBudgets, MissRules};
pub(super) use source::Source;
