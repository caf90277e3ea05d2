//! What check, import, verify and export report: for a person and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::native::Mac;

/// What is wrong, or worth a look; what weighs most comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The file has changed in the tree and here; the one here was kept.
    Conflict,
    /// The file names another phone than its name does.
    WrongPhone,
    /// The file or folder can't be read.
    Unreadable,
    /// The file is not in the store, or not in the tree.
    Missing,
    /// The file has other bytes here than in the tree.
    Different,
    /// The file or folder is not taken over, or not as settings.
    LeftOut,
    /// The file is encrypted or binary in a way that can't be read here; it is served as it is.
    Encrypted,
    /// One phone has several files.
    SeveralFiles,
    /// Settings that are not read: the name or the form is none that is known.
    Orphan,
    /// A value that no lens understands; the ACS sees the default.
    OddValue,
    /// A line or element that the dialect does not know; kept as it is.
    Syntax,
}

impl fmt::Display for FindingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Syntax => "not understood",
            Self::Unreadable => "unreadable",
            Self::LeftOut => "left out",
            Self::Orphan => "orphan",
            Self::SeveralFiles => "several files",
            Self::Encrypted => "encrypted",
            Self::WrongPhone => "wrong phone",
            Self::OddValue => "odd value",
            Self::Conflict => "conflict",
            Self::Missing => "missing",
            Self::Different => "different",
        })
    }
}

/// One thing that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// Path below the root of the tree.
    pub file: String,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// Column in bytes, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u32>,
    /// The phone, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mac: Option<Mac>,
    /// What it is; no secret stands in it.
    pub message: String,
}

impl Finding {
    /// A finding about a whole file.
    pub fn of_file(kind: FindingKind, file: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            kind,
            file: file.into(),
            line: None,
            column: None,
            mac: None,
            message: message.to_string(),
        }
    }

    /// The same, about this phone.
    #[must_use]
    pub fn about(mut self, mac: Mac) -> Self {
        self.mac = Some(mac);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(formatter, ":{line}:{column}")?;
        }
        write!(formatter, ": {}: {}", self.kind, self.message)
    }
}

/// Counts over a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TreeSummary {
    /// Files of the tree.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Phones that have a file of their own.
    pub phones: u64,
    /// The same by vendor.
    pub phones_by_vendor: BTreeMap<String, u64>,
    /// Files that phones share.
    pub shared_files: u64,
    /// Files with settings that no phone asks for by their names.
    pub orphan_files: u64,
    /// Files without settings: firmware, phone books and the like.
    pub other_files: u64,
    /// Settings in all files.
    pub settings: u64,
    /// Parameters that the data models of all phones show.
    pub parameters: u64,
    /// Those of them that no lens covers, under `Device.X_TRESTLE_Native.`.
    pub native_parameters: u64,
    /// Files whose rendering has the same bytes.
    pub same_bytes: u64,
}

/// What `check` reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckReport {
    /// Counts.
    pub summary: TreeSummary,
    /// Things worth a look.
    pub findings: Vec<Finding>,
}

/// Counts over an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Files of the tree.
    pub files: u64,
    /// Files that were new.
    pub added: u64,
    /// Files that had changed in the tree.
    pub updated: u64,
    /// Files that were as before.
    pub unchanged: u64,
    /// Files that were not taken over.
    pub failed: u64,
    /// Phones among the files.
    pub phones: u64,
    /// Nothing was written: it was a rehearsal.
    pub dry_run: bool,
}

/// What `import` reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportReport {
    /// Counts.
    pub summary: ImportSummary,
    /// Things worth a look.
    pub findings: Vec<Finding>,
}

/// Counts over a verification.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerifySummary {
    /// Files of the tree.
    pub files: u64,
    /// Files that are served with the very bytes of the tree.
    pub identical: u64,
    /// Files with other bytes.
    pub different: u64,
    /// Of these, files that have been edited here since they were imported.
    pub edited: u64,
    /// Files that are on one side only.
    pub missing: u64,
}

/// What `verify` reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Counts.
    pub summary: VerifySummary,
    /// Each file that is not identical.
    pub findings: Vec<Finding>,
}

/// What `export` reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExportReport {
    /// Files that were written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}
