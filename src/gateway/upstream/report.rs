//! What was learned from the old server, and what only it has.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::record::{UpstreamNote, UpstreamRecord};
use crate::device::{FileRecord, FileRole, TreePath};
use crate::native::Mac;
use crate::store::{Table, decode};
use crate::wire::ContentHash;

/// `upstream report`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamReport {
    /// How many of each.
    pub summary: UpstreamSummary,
    /// Files that were taken over from the old server.
    pub learned: Vec<UpstreamLine>,
    /// Files that have other bytes here than the old server gave last.
    pub different: Vec<UpstreamLine>,
    /// Files that only the old server has, each with the reason.
    pub only_there: Vec<UpstreamLine>,
    /// Phones that are known by their files and have never come.
    pub never_seen: Vec<NeverSeen>,
}

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamSummary {
    /// Paths that the old server was seen to serve.
    pub paths: u64,
    /// Of these, taken over.
    pub learned: u64,
    /// Of these, with the same bytes here.
    pub same: u64,
    /// Of these, with other bytes here.
    pub different: u64,
    /// Of these, not here.
    pub only_there: u64,
    /// Of these, given for credentials only.
    pub protected: u64,
    /// Phones that are known.
    pub phones: u64,
    /// Of these, never seen.
    pub never_seen: u64,
}

/// One path that the old server was seen to serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamLine {
    /// Below the root of the tree.
    pub path: String,
    /// The phone whose own file it is here.
    pub mac: Option<Mac>,
    /// When it came first.
    pub first: Timestamp,
    /// When it came last; to the hour, as long as nothing about it changes.
    pub last: Timestamp,
    /// Its length in bytes, as it came last.
    pub length: u64,
    /// Its hash.
    pub hash: ContentHash,
    /// What became of it.
    pub note: UpstreamNote,
    /// Whether it took credentials to get it: here it is served as `[phones] proof` says.
    pub protected: bool,
    /// Whether the file here was changed by the ACS or by hand.
    pub edited_here: bool,
    /// Who asked for it, the newest last.
    pub sources: Vec<IpAddr>,
    /// As what, the newest last.
    pub user_agents: Vec<String>,
}

/// A phone that has never come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeverSeen {
    /// The phone.
    pub mac: Mac,
    /// Its own file.
    pub file: String,
}

impl UpstreamReport {
    /// Whether there is something to look at before the old server is switched off.
    pub fn has_findings(&self) -> bool {
        !(self.different.is_empty() && self.only_there.is_empty() && self.never_seen.is_empty())
    }
}

impl Gateway {
    /// What the old server was seen to serve, beside what is here.
    ///
    /// # Errors
    /// [`GatewayError`] when a record can't be read.
    pub fn upstream_report(&self) -> Result<UpstreamReport, GatewayError> {
        let mut report = UpstreamReport::default();
        for entry in self.inner.store.scan(Table::Upstream, b"") {
            let (key, bytes) = entry?;
            let record: UpstreamRecord = decode(&bytes)?;
            let path = std::str::from_utf8(&key)
                .ok()
                .and_then(|text| text.parse::<TreePath>().ok())
                .ok_or_else(|| GatewayError::OddKey {
                    key: key.escape_ascii().to_string(),
                })?;
            let file = self.load_file(&path)?;
            report.add(&path, record, file.as_ref());
        }
        for device in self.devices() {
            let (mac, record) = match device {
                Ok(device) => device,
                Err(error) => {
                    tracing::error!(%error, "a phone is left out of the report");
                    continue;
                }
            };
            report.summary.phones += 1;
            if record.contact.is_none() {
                report.summary.never_seen += 1;
                report.never_seen.push(NeverSeen {
                    mac,
                    file: record.own_file.to_string(),
                });
            }
        }
        Ok(report)
    }
}

impl UpstreamReport {
    fn add(&mut self, path: &TreePath, record: UpstreamRecord, file: Option<&FileRecord>) {
        let mac = file.and_then(|file| match &file.role {
            FileRole::Phone { mac, .. } => Some(*mac),
            _ => None,
        });
        let line = UpstreamLine {
            path: path.to_string(),
            mac,
            first: record.first,
            last: record.last,
            length: record.length,
            hash: record.hash,
            note: record.note,
            protected: record.protected,
            edited_here: file.is_some_and(FileRecord::is_edited),
            sources: record.sources,
            user_agents: record.user_agents,
        };
        let summary = &mut self.summary;
        summary.paths += 1;
        summary.protected += u64::from(line.protected);
        match file {
            None => {
                summary.only_there += 1;
                self.only_there.push(line);
                return;
            }
            Some(file) if file.content_hash == line.hash => summary.same += 1,
            Some(_) => {
                summary.different += 1;
                self.different.push(line.clone());
            }
        }
        if line.note == UpstreamNote::Learned {
            summary.learned += 1;
            self.learned.push(line);
        }
    }
}
