//! What `store check` reports.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// As many findings of one kind are listed; all are counted.
const MAX_LISTED: u64 = 1000;

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreFindingKind {
    /// It can't be read.
    DamagedRecord,
    /// A file's bytes are not there, or not those that its record tells of.
    DamagedContent,
    /// It names something that is not there.
    Missing,
    /// Nothing belongs to it.
    Orphan,
    /// Two records that lead to each other do not agree.
    WrongIndex,
    /// A phone's derived parameters are not what its files give.
    WrongParameters,
    /// A phone's parameters were derived by lenses of another version; right when they were made.
    OldParameters,
}

impl StoreFindingKind {
    /// What mends it.
    fn remedy(self) -> &'static str {
        match self {
            Self::DamagedRecord | Self::DamagedContent | Self::Missing => {
                "import the tree again, or restore a backup"
            }
            Self::Orphan => "harmless; `trestle reindex` removes those that can be derived",
            Self::WrongIndex | Self::WrongParameters | Self::OldParameters => {
                "run `trestle reindex`"
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::DamagedRecord => "damaged record",
            Self::DamagedContent => "damaged content",
            Self::Missing => "missing",
            Self::Orphan => "orphan",
            Self::WrongIndex => "wrong index",
            Self::WrongParameters => "wrong parameters",
            Self::OldParameters => "old parameters",
        }
    }
}

impl fmt::Display for StoreFindingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFinding {
    /// What.
    pub kind: StoreFindingKind,
    /// Kind of the record: `device`, `file`, `document`.
    pub table: String,
    /// The phone, the file, or the key.
    pub subject: String,
    /// What exactly; holds no secret.
    pub detail: String,
    /// What mends it.
    pub remedy: String,
}

impl StoreFinding {
    pub(super) fn new(
        kind: StoreFindingKind,
        table: impl fmt::Display,
        subject: impl fmt::Display,
        detail: impl fmt::Display,
    ) -> Self {
        Self {
            kind,
            table: table.to_string(),
            subject: subject.to_string(),
            detail: detail.to_string(),
            remedy: kind.remedy().to_owned(),
        }
    }
}

impl fmt::Display for StoreFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} {}: {}; {}",
            self.kind, self.table, self.subject, self.detail, self.remedy
        )
    }
}

/// What a check has gone through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreCheckSummary {
    /// Records, by kind.
    pub records: BTreeMap<String, u64>,
    /// Contents that records name and that are whole, each once.
    pub contents: u64,
    /// Phones whose files are encrypted with a password that is not known here, so that nothing can
    /// be derived from them.
    pub closed: u64,
    /// Damaged records that were kept when new ones took their places.
    pub set_aside: u64,
    /// Findings of each kind.
    pub findings: BTreeMap<StoreFindingKind, u64>,
}

/// What `store check` found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreCheckReport {
    /// Counts.
    pub summary: StoreCheckSummary,
    /// The findings, at most 1000 of a kind.
    pub findings: Vec<StoreFinding>,
}

impl StoreCheckReport {
    pub(super) fn add(&mut self, finding: StoreFinding) {
        let count = self.summary.findings.entry(finding.kind).or_default();
        *count += 1;
        if *count <= MAX_LISTED {
            self.findings.push(finding);
        }
    }
}
