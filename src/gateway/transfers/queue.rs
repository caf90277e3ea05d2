//! The queue of transfers: what is due, what the ACS is told of it, what it may drop (cwmp.md M94,
//! M130, M144).

use bytes::Bytes;
use jiff::Timestamp;
use url::Url;

use super::super::core::Gateway;
use super::super::door::{GatewayError, TransferDirection, TransferJob};
use super::super::live::Live;
use super::super::retry::ERROR_WAIT;
use super::super::schedule::after;
use super::orders::MAX_TRANSFERS;
use super::outcome::transfer_fault;
use super::windows;
use crate::cwmp::{Fault, FaultCode, QueuedTransfer, QueuedTransferState};
use crate::device::{DeviceRecord, Transfer, TransferKind, TransferOrder, TransferState};
use crate::native::Mac;
use crate::wire::Credentials;

impl Gateway {
    /// Waits until a transfer is due, and hands it out. A transfer that was handed out and whose
    /// result never came, because the process ended, is handed out again after the next start.
    pub async fn next_transfer(&self) -> TransferJob {
        loop {
            let (mac, id) = self.inner.transfers.next(&*self.inner.clock).await;
            match self.transfer_job(mac, id).await {
                Ok(Some(job)) => return job,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%mac, %error, "a transfer can't be prepared");
                    let fault = transfer_fault(FaultCode::InternalError, "internal error");
                    Box::pin(self.finish_transfer(mac, id, Err(fault))).await;
                    // What still waits then must not be due again at once, and so on for ever.
                    let queue = &self.inner.transfers;
                    if let Some(due) = queue.due(&(mac, id)) {
                        let later = after(self.inner.clock.now(), ERROR_WAIT);
                        queue.arm((mac, id), due.max(later));
                    }
                }
            }
        }
    }

    async fn transfer_job(&self, mac: Mac, id: u64) -> Result<Option<TransferJob>, GatewayError> {
        let mut live = self.hold(mac).await;
        if live.session.is_some() || live.running_transfers.contains(&id) {
            // The end of the session plans it again (cwmp.md N11).
            return Ok(None);
        }
        let Some((record, _)) = self.load(mac)? else {
            return Ok(None);
        };
        let Some(transfer) = record.cpe.transfer(id) else {
            return Ok(None);
        };
        match &transfer.state {
            TransferState::Finished(_) => return Ok(None),
            TransferState::Installing(_) => {
                Box::pin(self.press_on(mac, id, &mut live)).await?;
                return Ok(None);
            }
            TransferState::Waiting { .. } => {}
        }
        let now = self.inner.clock.now();
        if let TransferOrder::Within(windows) = &transfer.order
            && !windows::is_open(windows, now)
        {
            Box::pin(self.await_window(mac, id, &mut live)).await?;
            return Ok(None);
        }
        let is_taken = |other: &Transfer| {
            matches!(other.state, TransferState::Installing(_))
                && other.file_type == transfer.file_type
        };
        if record.cpe.transfers.iter().any(is_taken) {
            // The phone has another such file to take; its end plans this one again.
            return Ok(None);
        }
        if let TransferOrder::Assigned(image) = transfer.order {
            Box::pin(self.lay_out_assigned(mac, id, image, &mut live)).await?;
            return Ok(None);
        }
        let Ok(url) = Url::parse(&transfer.url) else {
            return Ok(None);
        };
        let direction = match transfer.kind {
            TransferKind::DownloadConfiguration
            | TransferKind::DownloadFirmware
            | TransferKind::DownloadFile => TransferDirection::Download {
                file_size: transfer.file_size,
                known: self.known_state(transfer)?,
            },
            TransferKind::UploadConfiguration => TransferDirection::Upload {
                content: self.own_file_bytes(&record.own_file)?,
            },
            TransferKind::UploadLog => TransferDirection::Upload {
                content: self.log_file(mac)?.into(),
            },
        };
        live.running_transfers.insert(id);
        let may_be_shared = matches!(
            transfer.kind,
            TransferKind::DownloadFirmware | TransferKind::DownloadFile
        );
        let acs = self.acs_number(mac);
        if may_be_shared && !self.inner.shared_fetches.begin(mac, transfer, acs) {
            return Ok(None);
        }
        Ok(Some(TransferJob {
            mac,
            id,
            url,
            credentials: Credentials {
                username: transfer.username.clone(),
                password: transfer.password.clone(),
            },
            direction,
            // Where the ACS counts the tries, they are counted here.
            may_repeat: transfer.order == TransferOrder::Once,
        }))
    }

    /// What the file server called the file when it was fetched from there before, if it can be what
    /// is wanted.
    fn known_state(&self, transfer: &Transfer) -> Result<Option<String>, GatewayError> {
        if transfer.kind != TransferKind::DownloadFirmware {
            return Ok(None);
        }
        let known = self.firmware_from(&transfer.url)?;
        let size = u64::from(transfer.file_size);
        let known = known.filter(|(_, record, _)| size == 0 || size == record.length);
        Ok(known.map(|(_, _, tag)| tag))
    }

    fn own_file_bytes(&self, path: &crate::device::TreePath) -> Result<Bytes, GatewayError> {
        let bytes = self
            .file_bytes(path)?
            .ok_or_else(|| GatewayError::MissingContent { path: path.clone() })?;
        Ok(bytes.into())
    }

    /// A window is not open: the next one is waited for, or there is none any more.
    async fn await_window(&self, mac: Mac, id: u64, live: &mut Live) -> Result<(), GatewayError> {
        let now = self.inner.clock.now();
        let mut draft = self.draft(mac)?;
        let Some(transfer) = draft.transfer_mut(id) else {
            return Ok(());
        };
        let TransferOrder::Within(windows) = &mut transfer.order else {
            return Ok(());
        };
        match windows::next_window(windows, now) {
            Some(due) => transfer.state = TransferState::Waiting { due },
            None => {
                let fault = transfer_fault(FaultCode::OutsideTimeWindows, "no window was kept");
                draft.end_attempt(self, id, Some(fault), None, now);
            }
        }
        self.commit(draft, live).await
    }

    /// Plans the transfers of a device: what waits, and what the phone has to take by some moment.
    pub(in crate::gateway) fn plan_transfers(&self, mac: Mac, record: &DeviceRecord, live: &Live) {
        for transfer in &record.cpe.transfers {
            if live.running_transfers.contains(&transfer.id) {
                continue;
            }
            let due: Timestamp = match &transfer.state {
                TransferState::Waiting { due } => *due,
                TransferState::Installing(installing) => installing
                    .restart_at
                    .map_or(installing.deadline, |at| at.min(installing.deadline)),
                TransferState::Finished(_) => continue,
            };
            self.inner.transfers.arm((mac, transfer.id), due);
        }
    }

    /// What waits, runs or waits for its acknowledgement, at most 16. With `all`, also what the ACS
    /// did not order.
    pub(in crate::gateway) async fn queued_transfers(
        &self,
        mac: Mac,
        all: bool,
    ) -> Result<Vec<QueuedTransfer>, Fault> {
        let live = self.hold(mac).await;
        let (record, _) = self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        let of_acs = |transfer: &&Transfer| !matches!(transfer.order, TransferOrder::Assigned(_));
        let ordered = record.cpe.transfers.iter();
        let ordered = ordered.filter(|one| all || of_acs(one));
        let ordered = ordered.map(|transfer| QueuedTransfer {
            command_key: transfer.command_key.clone(),
            state: state_of(transfer, &live),
            is_download: transfer.kind.is_download(),
            file_type: transfer.file_type.clone(),
            file_size: transfer.file_size,
            target_file_name: transfer.target_file_name.clone(),
        });
        let reports = record.cpe.autonomous_reports.iter().filter(|_| all);
        let others = reports.map(|report| QueuedTransfer {
            command_key: String::new(),
            state: QueuedTransferState::Finished,
            is_download: report.report.is_download,
            file_type: report.report.file_type.clone(),
            file_size: report.report.file_size,
            target_file_name: report.report.target_file_name.clone(),
        });
        Ok(ordered.chain(others).take(MAX_TRANSFERS).collect())
    }

    /// Drops the transfers with a key, all or none: one that has begun can't be dropped.
    pub(in crate::gateway) async fn cancel_transfers(
        &self,
        mac: Mac,
        command_key: &str,
    ) -> Result<(), Fault> {
        self.change(mac, |draft, live| {
            let transfers = &mut draft.record.cpe.transfers;
            let meant = |transfer: &Transfer| {
                transfer.command_key == command_key
                    && !matches!(transfer.order, TransferOrder::Assigned(_))
            };
            let has_begun =
                |transfer: &Transfer| state_of(transfer, live) != QueuedTransferState::Waiting;
            if transfers.iter().any(|one| meant(one) && has_begun(one)) {
                return Err(Fault::new(
                    FaultCode::CancelNotPermitted,
                    "a transfer with this key has begun; it will be reported",
                ));
            }
            let before = transfers.len();
            transfers.retain(|transfer| !meant(transfer));
            let dropped = before - transfers.len();
            if dropped > 0 {
                self.log(
                    mac,
                    format_args!("{dropped} transfers cancelled by the ACS"),
                );
            }
            Ok(())
        })
        .await
    }
}

fn state_of(transfer: &Transfer, live: &Live) -> QueuedTransferState {
    match transfer.state {
        TransferState::Finished(_) => QueuedTransferState::Finished,
        TransferState::Installing(_) => QueuedTransferState::Running,
        TransferState::Waiting { .. } if live.running_transfers.contains(&transfer.id) => {
            QueuedTransferState::Running
        }
        TransferState::Waiting { .. } => QueuedTransferState::Waiting,
    }
}
