//! Deriving anew all that can be derived.

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::finding::{StoreFinding, StoreFindingKind};
use crate::device::{ChangeAuthor, DeviceRecord, StoredParameters};
use crate::gateway::check::Progress;
use crate::gateway::core::{Gateway, mac_of_key};
use crate::gateway::door::GatewayError;
use crate::gateway::draft::stored_parameters;
use crate::gateway::own_cpe::{RowLink, row_link};
use crate::mapping::Rows;
use crate::native::Mac;
use crate::store::{Batch, Table};

/// Phones that are derived at once: they share a write to the disk.
const AT_ONCE: usize = 16;

/// What `reindex` did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReindexReport {
    /// Phones that were looked at.
    pub phones: u64,
    /// Those of them whose parameters were not what their files give, or were derived by lenses of
    /// another version, and are now.
    pub changed: u64,
    /// Parameters of no phone that were removed.
    pub removed: u64,
    /// Rows of the gateway's table of phones that were put right.
    pub rows: u64,
    /// Phones that could not be derived.
    pub findings: Vec<StoreFinding>,
}

impl ReindexReport {
    /// One phone is done; `derived` says whether its parameters were others.
    fn note(&mut self, mac: Mac, derived: Result<bool, GatewayError>) {
        match derived {
            Ok(true) => self.changed += 1,
            Ok(false) | Err(GatewayError::UnknownPhone(_)) => {}
            Err(error) => self.findings.push(StoreFinding::new(
                StoreFindingKind::WrongParameters,
                Table::Parameters,
                mac,
                error,
            )),
        }
    }
}

impl Gateway {
    /// Derives the parameters of every phone anew from its files, removes those of phones that are
    /// not there, and puts the gateway's table of phones right. Each phone is a commit of its own, so
    /// it may be interrupted at any moment, and run again. A phone whose parameters come out as they
    /// were is not written.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub async fn reindex(&self, progress: Progress<'_>) -> Result<ReindexReport, GatewayError> {
        let macs = self.keys_of_phones()?;
        let total = macs.len() as u64;
        let mut report = ReindexReport {
            phones: total,
            ..ReindexReport::default()
        };
        let mut running = JoinSet::new();
        let mut macs = macs.into_iter();
        for done in 1..=total {
            while running.len() < AT_ONCE
                && let Some(mac) = macs.next()
            {
                let gateway = self.clone();
                running.spawn(async move { (mac, gateway.derive_parameters(mac).await) });
            }
            if let Some(ended) = running.join_next().await {
                let (mac, derived) = ended.map_err(|error| GatewayError::Stopped {
                    reason: error.to_string(),
                })?;
                report.note(mac, derived);
            }
            progress(done, total);
        }
        report.removed = self.remove_orphans().await?;
        report.rows = self.mend_rows().await?;
        Ok(report)
    }

    /// Derives the parameters of one phone anew; whether they were others.
    pub(in crate::gateway) async fn derive_parameters(
        &self,
        mac: Mac,
    ) -> Result<bool, GatewayError> {
        let before = self.inner.store.get(Table::Parameters, &mac.bytes()).ok();
        self.change(mac, |draft, _| {
            draft.derive_anew = true;
            draft.author = ChangeAuthor::Import;
            // What can't be opened can't be derived from, and is told.
            draft.documents(self)?;
            Ok::<(), GatewayError>(())
        })
        .await?;
        let after = self.inner.store.get(Table::Parameters, &mac.bytes())?;
        self.inner.damages.mended(&parameters_of(mac));
        Ok(before != Some(after))
    }

    /// What the lenses give now for a phone: its rows, and its parameters as they are kept.
    pub(super) fn derived_parameters(
        &self,
        record: &DeviceRecord,
    ) -> Result<(Rows, StoredParameters), GatewayError> {
        let pack = self.lenses(record)?;
        let documents = self.open_documents(record, &pack)?;
        let rows = pack.rows(&documents.layers, &record.rows);
        let stored = stored_parameters(&pack, &documents.layers, &rows, &record.kept);
        Ok((rows, stored))
    }

    /// Derives a phone's parameters anew beside whatever else happens, because those that are kept
    /// can't be read.
    pub(in crate::gateway) fn mend_parameters(&self, mac: Mac, error: GatewayError) {
        self.inner.damages.note(&parameters_of(mac), &error);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let gateway = self.clone();
        runtime.spawn(async move {
            match gateway.derive_parameters(mac).await {
                Ok(_) => tracing::warn!(%mac, "damaged parameters are derived anew"),
                Err(error) => {
                    tracing::error!(%mac, %error, "damaged parameters can't be derived anew");
                }
            }
        });
    }

    /// The MACs of all devices that have a record, readable or not.
    fn keys_of_phones(&self) -> Result<Vec<Mac>, GatewayError> {
        let mut macs = Vec::new();
        for device in self.devices() {
            match device {
                Ok((mac, _)) | Err(GatewayError::Damaged { mac, .. }) => macs.push(mac),
                Err(GatewayError::OddKey { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(macs)
    }

    async fn remove_orphans(&self) -> Result<u64, GatewayError> {
        let store = &self.inner.store;
        let mut orphans = Vec::new();
        for entry in store.scan(Table::Parameters, b"") {
            // One that can't be read was derived anew, or could not be.
            let Ok((key, _)) = entry else { continue };
            let Ok(mac) = mac_of_key(&key) else { continue };
            if matches!(self.stored_record(mac), Ok(None)) {
                orphans.push(mac);
            }
        }
        for mac in &orphans {
            // Nobody makes the phone known in between.
            let _live = self.hold(*mac).await;
            let mut batch = Batch::new();
            batch.require(Table::Device, &mac.bytes(), None);
            batch.delete(Table::Parameters, &mac.bytes());
            store.commit(batch)?.durable().await?;
        }
        Ok(orphans.len() as u64)
    }

    /// Of two records that should lead to each other, writes the one that is missing. Two that
    /// contradict each other stay: instance numbers are never given again.
    async fn mend_rows(&self) -> Result<u64, GatewayError> {
        let store = &self.inner.store;
        let mut batch = Batch::new();
        let mut rows = 0;
        for entry in store.scan(Table::VirtualDevice, b"") {
            let Ok((key, value)) = entry else { continue };
            let Some(RowLink { back, .. }) = row_link(&key, &value) else {
                continue;
            };
            if store.get(Table::VirtualDevice, &back.0)?.is_none() {
                batch.require(Table::VirtualDevice, &back.0, None);
                batch.put(Table::VirtualDevice, &back.0, back.1);
                rows += 1;
            }
        }
        store.commit(batch)?.durable().await?;
        Ok(rows)
    }
}

fn parameters_of(mac: Mac) -> String {
    format!("{mac} (parameters)")
}
