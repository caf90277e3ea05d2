//! The log of the old server, played against what would be answered here.

mod access_log;
mod report;
mod tally;

pub use access_log::{LogLineError, LoggedRequest, MAX_LINE};
pub use report::{
    BytesThere, LogPlace, NeitherHad, ReplayFinding, ReplayFindingKind, ReplayReport,
    ReplaySummary, ReplayedPhone,
};
pub use tally::Replay;
