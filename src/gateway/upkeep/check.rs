//! A look through all of the store: whether every record can be read and agrees with the others. It
//! goes table by table, some hundred records at a time, on all processors.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rayon::prelude::*;

use super::finding::{StoreCheckReport, StoreFinding, StoreFindingKind};
use crate::gateway::check::Progress;
use crate::gateway::core::Gateway;
use crate::gateway::door::GatewayError;
use crate::native::Mac;
use crate::store::{AssetError, AssetStore, Entry, StoreError, Table};
use crate::wire::ContentHash;

/// Records that are looked at together.
const CHUNK: usize = 512;
/// Wait before a second look, beside a gateway that serves.
const SECOND_LOOK: Duration = Duration::from_millis(20);
/// How often a record with a finding is looked at, beside a gateway that serves.
const LOOKS: u32 = 4;

/// What the parts of a check share.
pub(super) struct Check<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) closed: AtomicU64,
    /// Contents that were looked at and are whole.
    contents: Mutex<HashSet<ContentHash>>,
    /// By which name each device is woken, as a hash, to be small; no two have the same.
    pub(super) segments: Mutex<HashMap<u64, Mac>>,
}

impl Gateway {
    /// Looks through the whole store and changes nothing. Blocks for as long as it takes. Beside a
    /// gateway that serves, a finding counts only if it stays: a change may be under way.
    ///
    /// # Errors
    /// [`GatewayError`] when the store can't be read at all.
    pub fn check_store(
        &self,
        is_serving: bool,
        progress: Progress<'_>,
    ) -> Result<StoreCheckReport, GatewayError> {
        let check = Check {
            gateway: self,
            closed: AtomicU64::new(0),
            contents: Mutex::default(),
            segments: Mutex::default(),
        };
        let mut report = StoreCheckReport::default();
        let store = &self.inner.store;
        let total = store.live_size()?.records;
        let mut done = 0;
        for table in Table::ALL {
            let mut records = 0_u64;
            let mut entries = store.scan(table, b"");
            loop {
                let chunk: Vec<Result<Entry, StoreError>> = entries.by_ref().take(CHUNK).collect();
                if chunk.is_empty() {
                    break;
                }
                records += chunk.len() as u64;
                done += chunk.len() as u64;
                let findings: Vec<StoreFinding> = chunk
                    .into_par_iter()
                    .flat_map_iter(|entry| check.settled(table, entry, is_serving))
                    .collect();
                findings.into_iter().for_each(|finding| report.add(finding));
                progress(done.min(total), total);
            }
            if records > 0 {
                let name = table.to_string().replace(' ', "_");
                report.summary.records.insert(name, records);
            }
            if table == Table::SetAside {
                report.summary.set_aside = records;
            }
        }
        report.summary.closed = check.closed.load(Ordering::Relaxed);
        let contents = check.contents.into_inner();
        report.summary.contents = contents.unwrap_or_else(PoisonError::into_inner).len() as u64;
        Ok(report)
    }
}

impl Check<'_> {
    /// The findings of one record, once they stay the same.
    fn settled(
        &self,
        table: Table,
        entry: Result<Entry, StoreError>,
        is_serving: bool,
    ) -> Vec<StoreFinding> {
        let (key, value) = match entry {
            Ok(entry) => entry,
            Err(error) => return vec![damaged(table, &error)],
        };
        let mut findings = self.look(table, &key, &value);
        for _ in 1..LOOKS {
            if findings.is_empty() || !is_serving {
                break;
            }
            thread::sleep(SECOND_LOOK);
            findings = match self.gateway.inner.store.get(table, &key) {
                Ok(Some(value)) => self.look(table, &key, &value),
                Ok(None) => Vec::new(),
                Err(error) => vec![damaged(table, &error)],
            };
        }
        findings
    }

    fn look(&self, table: Table, key: &[u8], value: &[u8]) -> Vec<StoreFinding> {
        match table {
            Table::Meta => self.meta(key, value),
            Table::Device => self.device(key, value),
            Table::File => self.file(key, value),
            Table::Document => self.document(key),
            Table::Parameters => self.parameters(key, value),
            Table::Log => self.log(key, value),
            Table::VirtualDevice => self.virtual_device(key, value),
            Table::Quarantine => self.quarantine(key, value),
            Table::Syslog => self.syslog(key, value),
            Table::Firmware => self.firmware(key, value),
            Table::Control => self.control(key, value),
            Table::Upload => self.upload(key, value),
            Table::Upstream => self.upstream(key, value),
            // It is there because it could not be read.
            Table::SetAside => Vec::new(),
            Table::Imported => self.imported(key, value),
        }
    }

    /// What is wrong with a content that a record names; `None` when it is there and whole.
    pub(super) fn content(
        &self,
        contents: &AssetStore,
        hash: &ContentHash,
    ) -> Option<(StoreFindingKind, String)> {
        let whole = || self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        // A second record that names it does not make all of it be read again.
        if whole().contains(hash) && contents.exists(hash) {
            return None;
        }
        match contents.file(hash) {
            Ok(_) => {
                whole().insert(*hash);
                None
            }
            Err(error @ AssetError::Missing { .. }) => {
                Some((StoreFindingKind::Missing, error.to_string()))
            }
            Err(error) => Some((StoreFindingKind::DamagedContent, error.to_string())),
        }
    }
}

/// A record that the store itself can't give.
fn damaged(table: Table, error: &StoreError) -> StoreFinding {
    let subject = match error {
        StoreError::DamagedValue { raw_key, .. } => subject(table, raw_key),
        _ => String::new(),
    };
    StoreFinding::new(StoreFindingKind::DamagedRecord, table, subject, error)
}

/// A key as a person knows it: a phone's MAC, a file's path.
pub(super) fn subject(table: Table, key: &[u8]) -> String {
    let mac = match table {
        Table::Device
        | Table::Parameters
        | Table::Log
        | Table::Syslog
        | Table::Upload
        | Table::Imported
        | Table::Quarantine => key.first_chunk::<6>(),
        _ => None,
    };
    match (mac, std::str::from_utf8(key)) {
        (Some(mac), _) => Mac::new(*mac).to_string(),
        (None, Ok(text)) => text.escape_debug().to_string(),
        (None, Err(_)) => key.escape_ascii().to_string(),
    }
}
