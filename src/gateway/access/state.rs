//! What is in memory of who asks; all of it may be lost with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::index::AccessIndex;
use super::refusals::Refusals;
use super::trials::Trials;
use crate::gateway::door::GatewayError;
use crate::gateway::random;
use crate::wire::ContentHash;
use crate::wire::digest::Verifier;

/// The realm of every challenge. It is part of the hashes of passwords that are kept: another one
/// would make them worthless.
pub(super) const REALM: &str = "trestle phones";

/// See the module.
#[derive(Debug)]
pub(in crate::gateway) struct AccessState {
    verifier: Mutex<Verifier>,
    index: Mutex<AccessIndex>,
    refusals: Mutex<Refusals>,
    trials: Mutex<Trials>,
    /// Whether files that several phones read hold secrets, by the hash of their bytes.
    secret_files: Mutex<HashMap<ContentHash, bool>>,
}

impl AccessState {
    pub(in crate::gateway) fn new() -> Result<Self, GatewayError> {
        Ok(Self {
            verifier: Mutex::new(Verifier::new(random::key()?, REALM)),
            index: Mutex::default(),
            refusals: Mutex::default(),
            trials: Mutex::default(),
            secret_files: Mutex::default(),
        })
    }

    pub(super) fn verifier(&self) -> MutexGuard<'_, Verifier> {
        lock(&self.verifier)
    }

    pub(super) fn index(&self) -> MutexGuard<'_, AccessIndex> {
        lock(&self.index)
    }

    pub(super) fn refusals(&self) -> MutexGuard<'_, Refusals> {
        lock(&self.refusals)
    }

    pub(super) fn trials(&self) -> MutexGuard<'_, Trials> {
        lock(&self.trials)
    }

    pub(super) fn secret_files(&self) -> MutexGuard<'_, HashMap<ContentHash, bool>> {
        lock(&self.secret_files)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
