//! What follows from a phone's files when they change: its parameters, and the revision of its own
//! file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::super::own_changes::Derived;
use super::Draft;
use crate::datamodel::ParameterPath;
use crate::device::StoredParameters;
use crate::mapping::{Pack, Parameter, Rows, ValueState};
use crate::native::Layers;
use crate::store::{Batch, StoreError, Table, decode, encode};
use crate::wire::ContentHash;

impl Gateway {
    /// Brings the derived parameters up to date and writes the own document if it changed.
    pub(super) fn derive(
        &self,
        draft: &mut Draft,
        batch: &mut Batch,
    ) -> Result<Option<Derived>, GatewayError> {
        let mac = draft.mac;
        let pack = Arc::clone(&draft.pack);
        let previous = draft.record.rows.clone();
        let kept = draft.record.kept.clone();
        let documents = draft.documents(self)?;
        let rows = pack.rows(&documents.layers, &previous);
        let stored = stored_parameters(&pack, &documents.layers, &rows, &kept);
        draft.record.rows = rows;
        draft.record.lenses.clone_from(&stored.lenses);
        let bytes = encode(&stored)?;
        let before = match draft.original {
            Some(_) => match self.inner.store.get(Table::Parameters, &mac.bytes()) {
                // What can't be read can be derived anew: it is no loss.
                Err(StoreError::DamagedValue { .. }) => None,
                before => before?,
            },
            None => None,
        };
        let mut derived = None;
        if before.as_ref() != Some(&bytes) {
            batch.put_long(Table::Parameters, &mac.bytes(), bytes);
            if draft.before.is_some() {
                let before = before.and_then(|bytes| decode::<StoredParameters>(&bytes).ok());
                let before = before.unwrap_or_default();
                if before.lenses == stored.lenses {
                    draft.note_changes(&before, &stored);
                    derived = Some(Derived {
                        before,
                        after: stored,
                    });
                }
            }
        }
        self.write_own_file(draft, batch)?;
        Ok(derived)
    }

    fn write_own_file(&self, draft: &mut Draft, batch: &mut Batch) -> Result<(), GatewayError> {
        let is_known = draft.before.is_some();
        let is_stored = draft.original.is_some() || draft.is_unreadable;
        let (mac, path) = (draft.mac, draft.record.own_file.clone());
        let documents = draft.documents(self)?;
        if !documents.is_changed {
            return Ok(());
        }
        let bytes = documents.own_bytes().into_owned();
        let content_hash = ContentHash::of(&bytes);
        if is_stored {
            self.keep_imported(mac, &path, documents, content_hash, batch)?;
        }
        let own_file = &mut documents.own_file;
        let is_new = content_hash != own_file.content_hash || documents.a_layer_has_changed;
        if is_known && is_new {
            own_file.revision += 1;
        }
        own_file.content_hash = content_hash;
        own_file.length = bytes.len() as u64;
        let key = path.as_str().as_bytes();
        batch.put(Table::File, key, encode(own_file)?);
        batch.put_long(Table::Document, key, bytes);
        if let Some(from) = documents.moved_from.take() {
            batch.delete(Table::File, from.as_str().as_bytes());
            batch.delete(Table::Document, from.as_str().as_bytes());
        }
        let revision = documents.own_file.revision;
        draft.what = documents.what_has_changed();
        let delivery = &mut draft.record.delivery;
        if delivery.desired != revision {
            delivery.desired = revision;
            delivery.told_at = None;
            delivery.given_up = None;
            if is_known {
                self.log(
                    draft.mac,
                    format_args!("the phone's file is now revision {revision}"),
                );
            }
        }
        Ok(())
    }
}

/// What the lenses give from files and kept values, as it is stored.
pub(in crate::gateway) fn stored_parameters(
    pack: &Pack,
    layers: &Layers,
    rows: &Rows,
    kept: &BTreeMap<ParameterPath, String>,
) -> StoredParameters {
    let parameters = pack.read_set(layers, rows, kept);
    StoredParameters {
        lenses: pack.id().to_string(),
        values: parameters.into_iter().filter_map(stored_value).collect(),
    }
}

/// A parameter as it is kept beside the files: a hidden value as the hash of it, and a default not
/// at all, since the pack of that version has it.
fn stored_value(parameter: Parameter) -> Option<(ParameterPath, String)> {
    if !matches!(parameter.state, ValueState::Set { .. } | ValueState::Kept) {
        return None;
    }
    let value = if parameter.hidden && !parameter.value.is_empty() {
        ContentHash::of(parameter.value.as_bytes()).to_string()
    } else {
        parameter.value
    };
    Some((parameter.path, value))
}
