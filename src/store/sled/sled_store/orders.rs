//! Commits that wait for the writer, and how he makes many of them at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Look, SledStore};
use crate::store::batch::Write;
use crate::store::sled::stored_form::{self, Form};
use crate::store::{Batch, StoreError, Table, Ticket};

/// Of commits that wait, as many are made at once as begin within these bytes.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// A commit that waits for the writer, made ready as far as it can be without.
pub(super) struct Order {
    batch: Batch,
    /// The stored forms of what is put, in the order of the batch's writes; `None` for a deletion.
    forms: Vec<Option<Vec<u8>>>,
    /// What became of it.
    outcome: Mutex<Option<Result<Done, StoreError>>>,
}

/// A commit was made.
pub(super) struct Done {
    pub(super) ticket: Ticket,
    /// For each write whether it changed something.
    pub(super) changed: Vec<bool>,
}

/// A value that is to be stored.
#[derive(Clone, Copy)]
pub(super) struct Prepared<'order> {
    pub(super) value: &'order [u8],
    pub(super) form: &'order [u8],
}

/// What the database will hold under its keys; `None` where it will hold nothing.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl SledStore {
    pub(super) fn order(&self, batch: Batch) -> Order {
        let forms = batch.writes.iter().map(|((table, _), write)| match write {
            Write::Put { value, .. } => Some(self.compression.store(*table, value)),
            Write::Delete => None,
        });
        Order {
            forms: forms.collect(),
            batch,
            outcome: Mutex::default(),
        }
    }

    /// Makes waiting commits, as many as one sled batch takes. Only for the writer.
    pub(super) fn make_waiting(&self) {
        let mut pending = Changes::new();
        let mut bytes = 0;
        let mut made = Vec::new();
        while bytes < GROUP_BYTES
            && let Some(order) = self.queue().pop_front()
        {
            match self.plan_order(&order, &pending) {
                Ok((changes, changed)) => {
                    for (key, stored) in &changes {
                        bytes += key.len() + stored.as_ref().map_or(0, Vec::len);
                    }
                    pending.extend(changes);
                    made.push((order, changed));
                }
                Err(error) => order.ends(Err(error)),
            }
        }
        let ticket = if pending.is_empty() {
            Ok(self.group.latest())
        } else {
            let mut changes = ::sled::Batch::default();
            for (key, stored) in pending {
                match stored {
                    Some(stored) => changes.insert(key, stored),
                    None => changes.remove(key),
                }
            }
            match self.tree.apply_batch(changes) {
                Ok(()) => {
                    for (order, _) in &made {
                        self.watches.note(order.batch.writes.keys());
                    }
                    Ok(self.group.committed())
                }
                Err(error) => {
                    // A part of the batch may be visible now, though not on disk.
                    let cause = error.to_string();
                    self.group.poison(&cause);
                    Err(cause)
                }
            }
        };
        for (order, changed) in made {
            order.ends(match &ticket {
                Ok(ticket) => Ok(Done {
                    ticket: ticket.clone(),
                    changed,
                }),
                Err(cause) => Err(StoreError::Poisoned {
                    cause: cause.clone(),
                }),
            });
        }
    }

    /// What a commit changes, and for each of its writes whether it does.
    pub(super) fn plan_order(
        &self,
        order: &Order,
        pending: &Changes,
    ) -> Result<(Changes, Vec<bool>), StoreError> {
        self.group.healthy()?;
        for required in &order.batch.requirements {
            if self.get_alone(pending, required.table, &required.key)? != required.value {
                return Err(StoreError::conflict(required.table, &required.key));
            }
        }
        let mut changes = Changes::new();
        let mut changed = Vec::new();
        for ((table, key), write) in order.writes() {
            changed.push(self.plan(pending, table, key, write, &mut changes)?);
        }
        Ok((changes, changed))
    }

    /// Adds to `changes` what a write comes to, `None` being a deletion; false when it changes
    /// nothing.
    fn plan(
        &self,
        pending: &Changes,
        table: Table,
        key: &[u8],
        write: Option<Prepared<'_>>,
        changes: &mut Changes,
    ) -> Result<bool, StoreError> {
        let full = table.key(key);
        if let Some(old) = self.stored(pending, &full)? {
            if let Some(write) = write
                && self.holds(pending, table, key, &old, write)?
            {
                return Ok(false);
            }
            if let Some(Form::InPieces(head)) = stored_form::parse(&old) {
                for number in 0..head.pieces() {
                    changes.insert(stored_form::piece_key(table, key, number), None);
                }
            }
        } else if write.is_none() {
            return Ok(false);
        }
        let Some(Prepared { form, .. }) = write else {
            changes.insert(full, None);
            return Ok(true);
        };
        let Some((head, pieces)) = stored_form::cut(form) else {
            changes.insert(full, Some(form.to_vec()));
            return Ok(true);
        };
        for (number, piece) in (0..).zip(pieces) {
            // Takes the place of the removal of an old piece with this number.
            changes.insert(
                stored_form::piece_key(table, key, number),
                Some(piece.to_vec()),
            );
        }
        changes.insert(full, Some(head));
        Ok(true)
    }

    /// Whether what is stored is a value already, in whatever form. Damaged, it is not: it is
    /// written anew.
    fn holds(
        &self,
        pending: &Changes,
        table: Table,
        key: &[u8],
        old: &[u8],
        write: Prepared<'_>,
    ) -> Result<bool, StoreError> {
        let form = stored_form::parse(old);
        Ok(match form {
            _ if old == write.form && write.form.len() <= stored_form::MAX_FORM_BYTES => true,
            Some(Form::Plain(old)) => old == write.value,
            // Most values that are written differ, and their checks say so for nothing.
            Some(Form::Compressed(old)) => {
                old.check == stored_form::check(write.value)
                    && self.compression.decompress(old).as_deref() == Some(write.value)
            }
            Some(Form::InPieces(head)) => matches!(
                self.assemble(pending, table, key, &head)?,
                Look::Value(Some(old)) if old == write.value
            ),
            None => false,
        })
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, VecDeque<Arc<Order>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    pub(super) fn writes(&self) -> impl Iterator<Item = ((Table, &[u8]), Option<Prepared<'_>>)> {
        let written = self.batch.writes.iter().zip(&self.forms);
        written.map(|(((table, key), write), form)| {
            let write = match (write, form) {
                (Write::Put { value, .. }, Some(form)) => Some(Prepared { value, form }),
                _ => None,
            };
            ((*table, key.as_slice()), write)
        })
    }

    fn ends(&self, outcome: Result<Done, StoreError>) {
        *self.outcome() = Some(outcome);
    }

    pub(super) fn outcome(&self) -> MutexGuard<'_, Option<Result<Done, StoreError>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
