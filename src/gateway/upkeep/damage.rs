//! Which records were found damaged. Each stops what it belongs to, and nothing else.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::device::DeviceRecord;
use crate::gateway::core::{Gateway, mac_of_key};
use crate::gateway::door::GatewayError;
use crate::store::{Record as _, RecordError, StoreError, Table};

/// As many are named; more are damage to the whole store, which `store check` lists.
const MAX_NAMED: usize = 1000;

/// A record that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedRecord {
    /// The phone or the file that it belongs to.
    pub subject: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// What was found damaged since the start and not mended.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Damages(Mutex<BTreeMap<String, String>>);

impl Damages {
    /// A record of this phone or file can't be read. Logged when it is new.
    pub(in crate::gateway) fn note(&self, subject: &str, error: &GatewayError) {
        let mut known = self.known();
        if known.len() >= MAX_NAMED && !known.contains_key(subject) {
            return;
        }
        let problem = problem(error);
        if known.get(subject) != Some(&problem) {
            tracing::error!(subject, %problem, "a damaged record is set aside; the rest is served");
            known.insert(subject.to_owned(), problem);
        }
    }

    /// The record was written anew.
    pub(in crate::gateway) fn mended(&self, subject: &str) {
        let mut known = self.known();
        if !known.is_empty() {
            known.remove(subject);
        }
    }

    /// How many are named.
    pub(in crate::gateway) fn count(&self) -> u64 {
        self.known().len() as u64
    }

    pub(super) fn list(&self) -> Vec<DamagedRecord> {
        let known = self.known();
        let named = known.iter().map(|(subject, problem)| DamagedRecord {
            subject: subject.clone(),
            problem: problem.clone(),
        });
        named.collect()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its cause.
fn problem(error: &GatewayError) -> String {
    match error {
        GatewayError::Damaged { source, .. } => format!("{error} ({source})"),
        error => error.to_string(),
    }
}

/// A value that the store itself finds damaged, told as the damaged record of its phone; other
/// errors as they are.
pub(in crate::gateway) fn as_damaged_device(error: StoreError) -> GatewayError {
    let StoreError::DamagedValue {
        table: Table::Device,
        raw_key,
        ..
    } = &error
    else {
        return error.into();
    };
    match mac_of_key(raw_key) {
        Ok(mac) => GatewayError::Damaged {
            mac,
            source: RecordError::Damaged {
                kind: DeviceRecord::KIND,
                detail: "it does not read back as it was written".to_owned(),
            },
        },
        Err(odd) => odd,
    }
}

impl Gateway {
    /// Notes the phone whose record can't be read.
    pub(in crate::gateway) fn note_damaged_device(&self, error: &GatewayError) {
        match error {
            GatewayError::Damaged { mac, .. } => self.inner.damages.note(&mac.to_string(), error),
            error => self.inner.damages.note("a key among the phones", error),
        }
    }

    /// Notes the file that can't be served, if that is for damage.
    pub(in crate::gateway) fn note_damaged_file(&self, path: &str, error: &GatewayError) {
        if is_damage(error) {
            self.inner.damages.note(path, error);
        }
    }
}

/// Whether an error means that something stored is not as it was written.
fn is_damage(error: &GatewayError) -> bool {
    matches!(
        error,
        GatewayError::Damaged { .. }
            | GatewayError::Record(_)
            | GatewayError::MissingContent { .. }
            | GatewayError::Asset(_)
            | GatewayError::Store(StoreError::DamagedValue { .. })
    )
}
