//! The old config server, while it still runs: what it gave becomes part of the store, or is noted
//! beside what is here; and what the store would answer, asked without any effect.

mod learn;
mod record;
mod report;
mod would_answer;

#[cfg(test)]
mod tests;

pub use learn::{FilePlace, Lesson, UpstreamFile};
pub use record::UpstreamNote;
pub(super) use record::UpstreamRecord;
pub use report::{NeverSeen, UpstreamLine, UpstreamReport, UpstreamSummary};
pub use would_answer::{FoundFile, WouldAnswer, WouldAsk};
