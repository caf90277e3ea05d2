//! Keeping the store whole: its backup, a look through all of it, deriving anew what can be derived,
//! what is damaged, and how much room it has.

mod backup;
mod check;
mod damage;
mod finding;
mod links;
mod reindex;
mod space;

#[cfg(test)]
mod tests;

pub use damage::DamagedRecord;
pub use finding::{StoreCheckReport, StoreCheckSummary, StoreFinding, StoreFindingKind};
pub use reindex::ReindexReport;
pub use space::{SpaceRules, StoreStatus};

pub(super) use damage::{Damages, as_damaged_device};
pub(super) use space::MeasuredSize;
