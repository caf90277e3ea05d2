//! What becomes of a transfer that has ended, and how it is told (cwmp.md M92, M98, M99, T1–T5).

use bytes::Bytes;
use jiff::Timestamp;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::super::draft::Draft;
use super::super::retry::ERROR_WAIT;
use super::super::schedule::after;
use super::handout::handout_kind;
use super::windows;
use crate::cwmp::{FaultCode, TransferComplete, TransferFault};
use crate::device::{Transfer, TransferKind, TransferOrder, TransferState};
use crate::mapping::HandoutKind;
use crate::native::Mac;
use crate::wire::ContentHash;

/// Longest FaultString (cwmp.md T1).
const MAX_FAULT_TEXT: usize = 256;

impl Gateway {
    /// Takes the result of a transfer: the downloaded bytes, `None` for an upload, or the fault.
    /// A configuration takes effect in the same commit that queues its report; another file waits
    /// for its phone from then on.
    pub async fn finish_transfer(
        &self,
        mac: Mac,
        id: u64,
        result: Result<Option<Bytes>, TransferFault>,
    ) {
        let now = self.inner.clock.now();
        let kept = match &result {
            Ok(Some(content)) => self.keep_content(mac, id, content).await,
            Ok(None) | Err(_) => Ok(None),
        };
        let outcome = self
            .change(mac, |draft, live| {
                live.running_transfers.remove(&id);
                // Without it the device has another ACS since: the old one's are forgotten.
                let Some(transfer) = draft.transfer_mut(id).cloned() else {
                    return Ok(());
                };
                let TransferState::Waiting { due } = transfer.state else {
                    return Ok(());
                };
                let started = due.min(now);
                let fault = match (transfer.kind, result, kept?) {
                    (_, Err(fault), _) => Some(fault),
                    (TransferKind::UploadConfiguration | TransferKind::UploadLog, Ok(_), _) => None,
                    (_, Ok(_), _) if has_missed_window(&transfer, now) => {
                        let text = "the file came after the window's end";
                        Some(transfer_fault(FaultCode::OutsideTimeWindows, text))
                    }
                    (TransferKind::DownloadConfiguration, Ok(content), _) => {
                        let content = content.unwrap_or_default();
                        draft.install(self, content, transfer.file_size)?.err()
                    }
                    (TransferKind::DownloadFirmware | TransferKind::DownloadFile, Ok(_), None) => {
                        let text = "the file is empty, or a web page";
                        Some(transfer_fault(FaultCode::FileCorrupted, text))
                    }
                    (
                        TransferKind::DownloadFirmware | TransferKind::DownloadFile,
                        Ok(_),
                        Some(content),
                    ) => match draft.hand_out(self, &transfer, content, started, now)? {
                        Ok(()) => return Ok(()),
                        Err(fault) => Some(fault),
                    },
                };
                draft.end_attempt(self, id, fault, Some(started), now);
                Ok::<(), GatewayError>(())
            })
            .await;
        if let Err(error) = outcome {
            tracing::error!(%mac, %error, "the end of a transfer could not be noted; it will be repeated");
            self.hold(mac).await.running_transfers.remove(&id);
            self.inner.transfers.arm((mac, id), after(now, ERROR_WAIT));
        }
    }

    /// Puts a file for a phone to take into the content-addressed folder; `None` for what is no
    /// such file, or is none at first sight.
    async fn keep_content(
        &self,
        mac: Mac,
        id: u64,
        content: &Bytes,
    ) -> Result<Option<Content>, GatewayError> {
        let Some((record, _)) = self.load(mac)? else {
            return Ok(None);
        };
        let transfer = record.cpe.transfer(id);
        let is_handout = transfer.is_some_and(|transfer| {
            matches!(
                transfer.kind,
                TransferKind::DownloadFirmware | TransferKind::DownloadFile
            )
        });
        let kind = transfer.and_then(|transfer| handout_kind(&transfer.file_type));
        let is_web_content = kind == Some(HandoutKind::Web);
        if !is_handout || content.is_empty() || is_web_page(content) && !is_web_content {
            return Ok(None);
        }
        let (gateway, bytes) = (self.clone(), content.clone());
        let kept = tokio::task::spawn_blocking(move || gateway.inner.assets.put(&bytes)).await;
        let hash = match kept {
            Ok(kept) => kept?,
            Err(error) => {
                return Err(GatewayError::Stopped {
                    reason: error.to_string(),
                });
            }
        };
        Ok(Some(Content {
            hash,
            length: content.len() as u64,
        }))
    }
}

/// A file in the content-addressed folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    pub(super) hash: ContentHash,
    pub(super) length: u64,
}

impl Draft {
    pub(super) fn transfer_mut(&mut self, id: u64) -> Option<&mut Transfer> {
        let mut transfers = self.record.cpe.transfers.iter_mut();
        transfers.find(|transfer| transfer.id == id)
    }

    /// An attempt has ended. A failed one is repeated where the ACS gave windows for that;
    /// otherwise the transfer is to be reported.
    pub(super) fn end_attempt(
        &mut self,
        gateway: &Gateway,
        id: u64,
        fault: Option<TransferFault>,
        started: Option<Timestamp>,
        now: Timestamp,
    ) {
        let transfers = &mut self.record.cpe.transfers;
        let Some(place) = transfers.iter().position(|transfer| transfer.id == id) else {
            return;
        };
        let mut transfer = transfers.remove(place);
        let mut fault = fault;
        if let (TransferOrder::Within(windows), Some(failure)) = (&mut transfer.order, &fault) {
            if let Some(due) = windows::next_try(windows, now) {
                gateway.log(
                    self.mac,
                    format_args!(
                        "transfer of {} failed and is tried again: {}",
                        transfer.file_type, failure.text
                    ),
                );
                transfer.state = TransferState::Waiting { due };
                transfers.insert(place, transfer);
                return;
            }
            if failure.code != FaultCode::OutsideTimeWindows {
                let text = format!(
                    "not done within the time windows; at last: {}",
                    failure.text
                );
                fault = Some(transfer_fault(FaultCode::OutsideTimeWindows, text));
            }
        }
        match &fault {
            None => gateway.log(self.mac, format_args!("{} done", transfer.file_type)),
            Some(fault) => gateway.log(
                self.mac,
                format_args!(
                    "{} failed with {}: {}",
                    transfer.file_type,
                    fault.code.number(),
                    fault.text
                ),
            ),
        }
        transfer.state = TransferState::Finished(TransferComplete {
            command_key: transfer.command_key.clone(),
            start_time: started.filter(|_| fault.is_none()),
            complete_time: Some(now).filter(|_| fault.is_none()),
            fault,
        });
        // Reports go out in the order in which transfers ended.
        transfers.push(transfer);
        self.news = true;
    }
}

fn has_missed_window(transfer: &Transfer, now: Timestamp) -> bool {
    match &transfer.order {
        TransferOrder::Once => false,
        TransferOrder::Within(windows) => !windows::is_open(windows, now),
    }
}

/// What a server says that has no such file, and says with status 200.
fn is_web_page(content: &[u8]) -> bool {
    let start = content.get(..64).unwrap_or(content).to_ascii_lowercase();
    let start = start.trim_ascii_start();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

pub(super) fn transfer_fault(code: FaultCode, text: impl Into<String>) -> TransferFault {
    TransferFault {
        code,
        text: text.into().chars().take(MAX_FAULT_TEXT).collect(),
    }
}
