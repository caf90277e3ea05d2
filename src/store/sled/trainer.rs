//! A thread of its own that makes dictionaries, so that nobody who writes waits for one.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use ::sled::Tree;

use super::compression::{Compression, Dictionary};
use super::dictionary;
use super::group_commit::GroupCommit;
use crate::store::{StoreError, Table};

/// Values of one table to make a dictionary of.
type Order = (Table, Vec<Vec<u8>>);

/// Makes dictionaries of the values that it is given. Dropping it waits for the one at hand.
pub(super) struct Trainer {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    school: Arc<School>,
}

/// What making a dictionary takes.
pub(super) struct School {
    pub(super) tree: Tree,
    pub(super) group: Arc<GroupCommit>,
    pub(super) compression: Arc<Compression>,
    /// The number of the next dictionary; none when there may be no more.
    pub(super) next: Mutex<Option<u16>>,
}

impl Trainer {
    /// Starts the thread.
    pub(super) fn start(school: School) -> io::Result<Self> {
        let school = Arc::new(school);
        let (orders, received) = sync_channel(Table::ALL.len());
        let thread = thread::Builder::new()
            .name("store-dictionary".to_owned())
            .spawn({
                let school = Arc::clone(&school);
                move || school.work_off(&received)
            })?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
            school,
        })
    }

    /// Has a dictionary made of these values, if they are worth one; not now when one for every
    /// table is waiting already.
    pub(super) fn order(&self, table: Table, samples: Vec<Vec<u8>>) {
        let Some(orders) = &self.orders else { return };
        match orders.try_send((table, samples)) {
            // Without a dictionary more the values are only larger.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Makes a dictionary of these values before it returns; false when they are not worth one.
    pub(super) fn train(&self, table: Table, samples: &[Vec<u8>]) -> Result<bool, StoreError> {
        self.school.train(table, samples)
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // A panic inside has cost a dictionary, and no value.
            drop(thread.join());
        }
    }
}

impl School {
    fn work_off(&self, orders: &Receiver<Order>) {
        for (table, samples) in orders {
            if self.train(table, &samples).is_err() {
                // The store is poisoned, and whoever commits hears of it.
                return;
            }
        }
    }

    /// A dictionary is on disk before the first value refers to it.
    fn train(&self, table: Table, samples: &[Vec<u8>]) -> Result<bool, StoreError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(number) = *next else {
            return Ok(false);
        };
        let Some(content) = dictionary::compose(&self.compression, table, samples) else {
            return Ok(false);
        };
        let Some(prepared) = Dictionary::new(number, table, &content) else {
            return Ok(false);
        };
        *next = dictionary::next(number);
        self.group.healthy()?;
        if let Err(error) = self
            .tree
            .apply_batch(dictionary::changes(number, table, &content))
        {
            self.group.poison(&error.to_string());
        }
        self.group.committed().wait()?;
        self.compression.add(prepared);
        Ok(true)
    }
}
