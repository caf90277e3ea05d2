//! What becomes of a transfer that has ended, and how it is told (cwmp.md M92, M98, M99, T1–T5).

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::super::core::Gateway;
use super::super::door::{Carried, GatewayError};
use super::super::draft::Draft;
use super::super::firmware::downloaded;
use super::super::retry::ERROR_WAIT;
use super::super::schedule::after;
use super::handout::{given_name, handout_kind};
use super::windows;
use crate::cwmp::{AutonomousTransferComplete, FaultCode, TransferComplete, TransferFault};
use crate::device::{Transfer, TransferKind, TransferOrder, TransferState};
use crate::mapping::HandoutKind;
use crate::native::Mac;
use crate::wire::ContentHash;

/// Longest FaultString (cwmp.md T1).
const MAX_FAULT_TEXT: usize = 256;

impl Gateway {
    /// Takes the result of a transfer. Whoever waits for the same file has it with that. A
    /// configuration takes effect in the same commit that queues its report; another file waits
    /// for its phone from then on.
    pub async fn finish_transfer(&self, mac: Mac, id: u64, result: Result<Carried, TransferFault>) {
        let others = self.inner.shared_fetches.end(mac, id);
        let landed = match result {
            Err(fault) => Ok(Landed::Failed(fault)),
            Ok(Carried::Sent) => Ok(Landed::Sent),
            Ok(Carried::File {
                content,
                entity_tag,
            }) => {
                let whose = std::iter::once((mac, id)).chain(others.iter().copied());
                self.keep_content(whose, content, entity_tag).await
            }
            Ok(Carried::Unchanged) => self.content_as_before(mac, id),
        };
        let landed = match landed {
            Ok(landed) => landed,
            Err(error) => {
                for (mac, id) in std::iter::once((mac, id)).chain(others) {
                    self.put_off(mac, id, &error).await;
                }
                return;
            }
        };
        let mut landing = JoinSet::new();
        for (mac, id) in others {
            let (gateway, landed) = (self.clone(), landed.clone());
            landing.spawn(async move { gateway.land(mac, id, landed).await });
        }
        self.land(mac, id, landed).await;
        while let Some(ended) = landing.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the end of a transfer broke off; it is repeated after a restart");
            }
        }
    }

    async fn land(&self, mac: Mac, id: u64, landed: Landed) {
        let now = self.inner.clock.now();
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
                let fault = match landed {
                    Landed::Failed(fault) => Some(fault),
                    Landed::Sent => None,
                    _ if has_missed_window(&transfer, now) => {
                        let text = "the file came after the window's end";
                        Some(transfer_fault(FaultCode::OutsideTimeWindows, text))
                    }
                    Landed::Configuration(content) => {
                        draft.install(self, content, transfer.file_size)?.err()
                    }
                    Landed::Kept(None) => {
                        let text = "the file is empty, or a web page";
                        Some(transfer_fault(FaultCode::FileCorrupted, text))
                    }
                    Landed::Kept(Some(content)) => {
                        match draft.hand_out(self, &transfer, content, started, now)? {
                            Ok(()) => return Ok(()),
                            Err(fault) => Some(fault),
                        }
                    }
                };
                draft.end_attempt(self, id, fault, Some(started), now);
                Ok::<(), GatewayError>(())
            })
            .await;
        if let Err(error) = outcome {
            self.put_off(mac, id, &error).await;
        }
    }

    /// The end of a transfer could not be noted: it is repeated.
    async fn put_off(&self, mac: Mac, id: u64, error: &GatewayError) {
        tracing::error!(%mac, %error, "the end of a transfer could not be noted; it will be repeated");
        self.hold(mac).await.running_transfers.remove(&id);
        let later = after(self.inner.clock.now(), ERROR_WAIT);
        self.inner.transfers.arm((mac, id), later);
    }

    /// Puts a file for phones to take into the content-addressed folder, firmware into the catalogue
    /// too. What is no such file, or is none at first sight, is not kept.
    async fn keep_content(
        &self,
        whose: impl Iterator<Item = (Mac, u64)>,
        content: Bytes,
        entity_tag: Option<String>,
    ) -> Result<Landed, GatewayError> {
        // One whose device has another ACS since is gone.
        let mut found = None;
        for (mac, id) in whose {
            let record = self.load(mac)?.map(|(record, _)| record);
            let transfer = record.as_ref().and_then(|record| record.cpe.transfer(id));
            if let Some(transfer) = transfer.cloned() {
                found = record.map(|record| (record.vendor, transfer));
                break;
            }
        }
        let Some((vendor, transfer)) = found else {
            return Ok(Landed::Kept(None));
        };
        if transfer.kind == TransferKind::DownloadConfiguration {
            return Ok(Landed::Configuration(content));
        }
        let is_web_content = handout_kind(&transfer.file_type) == Some(HandoutKind::Web);
        if content.is_empty() || is_web_page(&content) && !is_web_content {
            return Ok(Landed::Kept(None));
        }
        let length = content.len() as u64;
        let gateway = self.clone();
        let kept = tokio::task::spawn_blocking(move || gateway.inner.assets.put(&content)).await;
        let hash = match kept {
            Ok(kept) => kept?,
            Err(error) => {
                return Err(GatewayError::Stopped {
                    reason: error.to_string(),
                });
            }
        };
        if transfer.kind == TransferKind::DownloadFirmware {
            let now = self.inner.clock.now();
            let (url, name) = (&transfer.url, given_name(&transfer));
            let known = downloaded(url, name, length, vendor, entity_tag, now);
            self.note_firmware(hash, known).await?;
        }
        Ok(Landed::Kept(Some(Content { hash, length })))
    }

    /// The file server says that the file is the one that was fetched from there before.
    fn content_as_before(&self, mac: Mac, id: u64) -> Result<Landed, GatewayError> {
        let record = self.load(mac)?.map(|(record, _)| record);
        let transfer = record.as_ref().and_then(|record| record.cpe.transfer(id));
        let known = match transfer {
            Some(transfer) => self.firmware_from(&transfer.url)?,
            None => None,
        };
        Ok(match known {
            Some((hash, record, _)) => Landed::Kept(Some(Content {
                hash,
                length: record.length,
            })),
            None => Landed::Failed(transfer_fault(
                FaultCode::FileInaccessible,
                "the file server says that the file has not changed, and it is not here any more",
            )),
        })
    }
}

/// What a transfer has come to, for each device that waits for it.
#[derive(Debug, Clone)]
enum Landed {
    Failed(TransferFault),
    /// The upload is done.
    Sent,
    Configuration(Bytes),
    /// A file for the phone to take; `None`: it is none.
    Kept(Option<Content>),
}

/// A file in the content-addressed folder.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct Content {
    pub(in crate::gateway) hash: ContentHash,
    pub(in crate::gateway) length: u64,
}

impl Draft {
    pub(in crate::gateway) fn transfer_mut(&mut self, id: u64) -> Option<&mut Transfer> {
        let mut transfers = self.record.cpe.transfers.iter_mut();
        transfers.find(|transfer| transfer.id == id)
    }

    /// An attempt has ended. A failed one is repeated where the ACS gave windows for that;
    /// otherwise the transfer is to be reported.
    pub(in crate::gateway) fn end_attempt(
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
        if let TransferOrder::Assigned(_) = transfer.order {
            self.report_autonomous(AutonomousTransferComplete {
                announce_url: String::new(),
                transfer_url: String::new(),
                is_download: true,
                file_type: transfer.file_type,
                file_size: transfer.file_size,
                target_file_name: transfer.target_file_name,
                start_time: started.filter(|_| fault.is_none()),
                complete_time: Some(now).filter(|_| fault.is_none()),
                fault,
            });
            return;
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
        TransferOrder::Once | TransferOrder::Assigned(_) => false,
        TransferOrder::Within(windows) => !windows::is_open(windows, now),
    }
}

/// What a server says that has no such file, and says with status 200.
pub(in crate::gateway) fn is_web_page(content: &[u8]) -> bool {
    let start = content.get(..64).unwrap_or(content).to_ascii_lowercase();
    let start = start.trim_ascii_start();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

pub(in crate::gateway) fn transfer_fault(
    code: FaultCode,
    text: impl Into<String>,
) -> TransferFault {
    TransferFault {
        code,
        text: text.into().chars().take(MAX_FAULT_TEXT).collect(),
    }
}
