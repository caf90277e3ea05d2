//! Download, Upload and ScheduleDownload: what is taken into the queue (cwmp.md M90–M101,
//! M110–M112, M140–M143).

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::super::core::Gateway;
use super::super::draft::Draft;
use super::super::rpc::printable;
use super::super::schedule::after;
use super::windows;
use crate::cwmp::{Download, Fault, FaultCode, ScheduleDownload, TransferStatus, Upload};
use crate::device::{Transfer, TransferKind, TransferOrder, TransferState};
use crate::mapping::HandoutKind;
use crate::native::Mac;

/// Transfers that one device may have waiting (cwmp.md M94 wants at least 3).
const MAX_WAITING: usize = 8;
/// Transfers that one device may have in all, with those whose report the ACS has not taken: as
/// many as GetQueuedTransfers lists (cwmp.md M130).
pub(super) const MAX_TRANSFERS: usize = 16;

/// FileType of the vendor configuration file for Download.
const DOWNLOAD_CONFIGURATION: &str = "3 Vendor Configuration File";

impl Gateway {
    /// Takes a Download into the queue.
    pub(in crate::gateway) async fn queue_download(
        &self,
        mac: Mac,
        download: Download,
    ) -> Result<TransferStatus, Fault> {
        let wait = Duration::from_secs(u64::from(download.delay_seconds));
        let due = after(self.inner.clock.now(), wait);
        self.queue_any_download(mac, download, TransferOrder::Once, due)
            .await?;
        Ok(TransferStatus::Later)
    }

    /// Takes a Download within time windows into the queue.
    pub(in crate::gateway) async fn schedule_download(
        &self,
        mac: Mac,
        order: ScheduleDownload,
    ) -> Result<(), Fault> {
        let now = self.inner.clock.now();
        let mut windows = windows::scheduled(&order.windows, now)?;
        let due = windows::next_window(&mut windows, now).unwrap_or(now);
        let within = TransferOrder::Within(windows);
        self.queue_any_download(mac, order.download, within, due)
            .await
    }

    async fn queue_any_download(
        &self,
        mac: Mac,
        download: Download,
        order: TransferOrder,
        due: Timestamp,
    ) -> Result<(), Fault> {
        check_url(&download.url)?;
        let limit = self.inner.settings.max_transfer_bytes;
        if u64::from(download.file_size) > limit {
            return Err(Fault::new(
                FaultCode::ResourcesExceeded,
                format!(
                    "{} bytes are announced; at most {limit} are taken",
                    download.file_size
                ),
            ));
        }
        self.change(mac, |draft, _| {
            let transfer = Transfer {
                id: 0,
                command_key: download.command_key,
                kind: TransferKind::DownloadConfiguration,
                url: download.url,
                username: download.username,
                password: download.password,
                state: TransferState::Waiting { due },
                order,
                file_type: download.file_type,
                file_size: download.file_size,
                target_file_name: download.target_file_name,
            };
            let kind = self.download_kind(draft, &transfer)?;
            draft.queue_transfer(self, Transfer { kind, ..transfer })
        })
        .await
    }

    /// Takes an Upload into the queue.
    pub(in crate::gateway) async fn queue_upload(
        &self,
        mac: Mac,
        upload: Upload,
    ) -> Result<TransferStatus, Fault> {
        let kind = upload_kind(&upload.file_type)?;
        check_url(&upload.url)?;
        let wait = Duration::from_secs(u64::from(upload.delay_seconds));
        let due = after(self.inner.clock.now(), wait);
        self.change(mac, |draft, _| {
            let transfer = Transfer {
                id: 0,
                command_key: upload.command_key,
                kind,
                url: upload.url,
                username: upload.username,
                password: upload.password,
                state: TransferState::Waiting { due },
                order: TransferOrder::Once,
                file_type: upload.file_type,
                file_size: 0,
                target_file_name: String::new(),
            };
            draft.queue_transfer(self, transfer)
        })
        .await?;
        Ok(TransferStatus::Later)
    }

    /// What a Download is, if the phone takes such a file.
    fn download_kind(&self, draft: &Draft, transfer: &Transfer) -> Result<TransferKind, Fault> {
        if transfer.file_type == DOWNLOAD_CONFIGURATION {
            return Ok(TransferKind::DownloadConfiguration);
        }
        let plan = self.plan_handout(&draft.pack, &draft.record, transfer)?;
        Ok(match plan.kind {
            HandoutKind::Firmware => TransferKind::DownloadFirmware,
            HandoutKind::Web | HandoutKind::Tone | HandoutKind::Ringer => {
                TransferKind::DownloadFile
            }
        })
    }
}

impl Draft {
    pub(in crate::gateway) fn queue_transfer(
        &mut self,
        gateway: &Gateway,
        transfer: Transfer,
    ) -> Result<(), Fault> {
        let cpe = &mut self.record.cpe;
        let is_waiting =
            |transfer: &&Transfer| matches!(transfer.state, TransferState::Waiting { .. });
        let waiting = cpe.transfers.iter().filter(is_waiting).count();
        if waiting >= MAX_WAITING || cpe.transfers.len() >= MAX_TRANSFERS {
            return Err(Fault::new(
                FaultCode::ResourcesExceeded,
                "too many transfers are in the queue already",
            ));
        }
        let id = cpe.new_transfer_id();
        let what = &transfer.file_type;
        let direction = if transfer.kind.is_download() {
            "download"
        } else {
            "upload"
        };
        gateway.log(self.mac, format_args!("{direction} of {what} ordered"));
        cpe.transfers.push(Transfer { id, ..transfer });
        Ok(())
    }
}

/// What an Upload is (cwmp.md M111). A phone has one file of its own and one log: row 1 of either
/// table.
fn upload_kind(file_type: &str) -> Result<TransferKind, Fault> {
    match file_type {
        "1 Vendor Configuration File" | "3 Vendor Configuration File 1" => {
            Ok(TransferKind::UploadConfiguration)
        }
        "2 Vendor Log File" | "4 Vendor Log File 1" => Ok(TransferKind::UploadLog),
        _ => Err(unknown_file_type(file_type)),
    }
}

pub(super) fn unknown_file_type(file_type: &str) -> Fault {
    Fault::new(
        FaultCode::InvalidArguments,
        format!("file type {} is not offered", printable(file_type)),
    )
}

/// cwmp.md M95: http and https, and no credentials in the URL.
fn check_url(text: &str) -> Result<(), Fault> {
    let bad = |text: &str| Err(Fault::new(FaultCode::InvalidArguments, text));
    if text.is_empty() {
        return bad("the URL is empty");
    }
    let Ok(url) = Url::parse(text) else {
        return bad("the URL can't be read");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Fault::new(
            FaultCode::TransferProtocol,
            format!(
                "scheme {} is not offered; http and https are",
                printable(url.scheme())
            ),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return bad("the URL holds user information; use Username and Password");
    }
    if !url.has_host() {
        return bad("the URL names no host");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_before_a_transfer_is_accepted() {
        let code = |text| check_url(text).err().map(|fault| fault.code);
        assert_eq!(code("http://files.example.net/a"), None);
        assert_eq!(code("ftp9://h/f"), Some(FaultCode::TransferProtocol));
        assert_eq!(code("http://u:p@h/f"), Some(FaultCode::InvalidArguments));
        assert_eq!(code(""), Some(FaultCode::InvalidArguments));
        assert_eq!(code("not a url"), Some(FaultCode::InvalidArguments));
    }

    #[test]
    fn an_upload_names_a_row_that_is_there() {
        let kind = |text| upload_kind(text).ok();
        assert_eq!(
            kind("3 Vendor Configuration File 1"),
            Some(TransferKind::UploadConfiguration)
        );
        assert_eq!(kind("4 Vendor Log File 1"), Some(TransferKind::UploadLog));
        for bad in [
            "3 Vendor Configuration File 99",
            "4 Vendor Log File 0",
            "4 Vendor Log File",
            "99 Foo",
        ] {
            assert_eq!(kind(bad), None, "{bad}");
        }
    }
}
