//! What a replay has found.

use std::fmt;

use serde::Serialize;

use crate::native::Mac;
use crate::wire::ContentHash;

/// A line of one of the logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LogPlace {
    /// The log.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
}

impl fmt::Display for LogPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// `verify --replay`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// How many of each.
    pub summary: ReplaySummary,
    /// Requests that would get another answer, in the order of the logs.
    pub findings: Vec<ReplayFinding>,
    /// The phones that made requests.
    pub phones: Vec<ReplayedPhone>,
    /// What phones asked for in vain, there and here: most firmware does.
    pub neither_had: Vec<NeitherHad>,
}

/// How many of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplaySummary {
    /// Lines of all logs.
    pub lines: u64,
    /// Of these, none of a log.
    pub malformed: u64,
    /// The first of them, and what is wrong with it.
    pub first_malformed: Option<(LogPlace, String)>,
    /// Of these, not looked at, because there were too many different ones before.
    pub left_out: u64,
    /// Different requests: method, path, status, bytes, User-Agent.
    pub distinct: u64,
    /// Of these, with the same answer here.
    pub same: u64,
    /// Of these, with another one: each is part of a finding.
    pub different: u64,
    /// Of these, answered otherwise by the old server itself later on.
    pub changed_there: u64,
    /// Of these, nothing that a server of files can be compared by: other methods, errors of the
    /// server, 401, paths that name no file.
    pub not_compared: u64,
    /// Paths whose bytes were compared as well.
    pub bytes_compared: u64,
    /// Phones that made requests.
    pub phones: u64,
    /// Of these, not known here.
    pub unknown_phones: u64,
}

/// Why an answer would be another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayFindingKind {
    /// A file there, none here.
    Missing,
    /// A redirect there, and here no file under the name.
    Redirected,
    /// Another length.
    Length,
    /// The same length, other bytes.
    Bytes,
    /// None there, a file here.
    Appeared,
}

impl fmt::Display for ReplayFindingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "missing here",
            Self::Redirected => "redirected there",
            Self::Length => "other length",
            Self::Bytes => "other bytes",
            Self::Appeared => "only here",
        })
    }
}

/// Requests for one path that would get another answer for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayFinding {
    /// The reason.
    pub kind: ReplayFindingKind,
    /// The log of the first of them.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
    /// How many lines they are.
    pub lines: u64,
    /// Method of the first.
    pub method: String,
    /// The path, decoded.
    pub path: String,
    /// Status there; `None` for TFTP.
    pub status: Option<u16>,
    /// Bytes there.
    pub bytes: Option<u64>,
    /// Bytes of the file here.
    pub length_here: Option<u64>,
    /// User-Agent of the first.
    pub user_agent: Option<String>,
    /// The phone that seems to ask.
    pub phone: Option<Mac>,
}

impl fmt::Display for ReplayFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {}: {} {}",
            self.file, self.line, self.kind, self.method, self.path
        )?;
        if let Some(status) = self.status {
            write!(formatter, ": there {status}")?;
        }
        match self.kind {
            ReplayFindingKind::Length => write!(
                formatter,
                " with {} bytes, here {}",
                self.bytes.unwrap_or_default(),
                self.length_here.unwrap_or_default()
            ),
            ReplayFindingKind::Bytes => formatter.write_str(", the same length here"),
            ReplayFindingKind::Appeared => formatter.write_str(", here a file"),
            ReplayFindingKind::Missing | ReplayFindingKind::Redirected => {
                formatter.write_str(", here 404")
            }
        }?;
        match self.lines {
            1 => Ok(()),
            lines => write!(formatter, " ({lines} lines)"),
        }
    }
}

/// A phone that made requests: by its User-Agent, else by the name of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedPhone {
    /// The phone.
    pub mac: Mac,
    /// Lines of it.
    pub requests: u64,
    /// Of these, with a file in the answer.
    pub served_there: u64,
    /// Whether it is known here.
    pub is_known: bool,
    /// The log of its first line.
    pub file: String,
    /// That line, from 1.
    pub line: u64,
}

/// A path that phones asked for in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeitherHad {
    /// The path, decoded.
    pub path: String,
    /// Lines that asked for it.
    pub requests: u64,
    /// The log of the first.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
}

/// What the old server, or its tree, has under a path now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BytesThere {
    /// A file with this hash.
    File(ContentHash),
    /// Nothing that can be compared.
    Unknown,
}
