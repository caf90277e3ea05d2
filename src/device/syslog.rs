//! What is kept of a phone's syslog: its lines, and what was written into its file so that it sends
//! them.

use serde::{Deserialize, Serialize};

use crate::mapping::Pointer;
use crate::wire::syslog::Severity;

/// Whether the phone was told to send its log, and what it takes to tell it otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyslogSwitch {
    /// What was written into the phone's own file; empty while it was not.
    pub pointers: Vec<Pointer>,
}

/// A line that a phone has sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyslogEntry {
    /// When it came, in milliseconds of Unix time.
    pub at: i64,
    /// How bad it is, as the phone says.
    pub severity: Option<Severity>,
    /// What it says. A phone may write its passwords into it.
    pub text: String,
}

/// Where a phone's lines lie: pieces with these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyslogRing {
    /// The oldest piece.
    pub first: u64,
    /// The number that the next piece gets.
    pub next: u64,
}

/// One piece of a phone's lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyslogPiece {
    /// The lines, the newest last.
    pub entries: Vec<SyslogEntry>,
}

/// What a line takes beside its text, in bytes, at most: the moment, who says it and how bad it is,
/// as a person reads it.
const OVERHEAD: usize = 48;

impl SyslogEntry {
    /// What it takes, in bytes.
    pub fn size(&self) -> usize {
        self.text.len() + OVERHEAD
    }
}

impl SyslogPiece {
    /// Largest size of a piece in bytes; a single longer line is a piece of its own.
    pub const MAX_BYTES: usize = 4096;

    /// Whether a line still fits.
    pub fn has_room_for(&self, entry: &SyslogEntry) -> bool {
        let size: usize = self.entries.iter().map(SyslogEntry::size).sum();
        self.entries.is_empty() || size + entry.size() <= Self::MAX_BYTES
    }
}
