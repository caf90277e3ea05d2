//! Download and Upload of the vendor configuration file (cwmp.md M90–M112, T1–T5).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::core::Gateway;
use super::door::{GatewayError, TransferDirection, TransferJob};
use super::draft::Draft;
use super::file_passwords::Whose;
use super::rpc::printable;
use super::schedule::after;
use crate::cwmp::{
    Download, Fault, FaultCode, TransferComplete, TransferFault, TransferStatus, Upload,
};
use crate::device::{Transfer, TransferKind, TransferOrder, TransferState};
use crate::native::{Document, LayerKind, Mac, Seal};
use crate::store::MAX_LONG_VALUE_BYTES;
use crate::wire::{Credentials, Secret};

/// Transfers that one device may have waiting (cwmp.md M94 wants at least 3).
const MAX_WAITING: usize = 8;
/// Transfers that one device may have in all: with those whose report the ACS has not taken.
const MAX_TRANSFERS: usize = 32;
/// Wait before a transfer whose end could not be noted is repeated.
const REPEAT_WAIT: Duration = Duration::from_secs(60);

/// FileType of the vendor configuration file for Download.
const DOWNLOAD_CONFIGURATION: &str = "3 Vendor Configuration File";
/// FileTypes of the vendor configuration file for Upload: the only one, by either name.
const UPLOAD_CONFIGURATION: [&str; 2] = [
    "1 Vendor Configuration File",
    "3 Vendor Configuration File 1",
];

/// Longest FaultString (cwmp.md T1).
const MAX_FAULT_TEXT: usize = 256;

impl Gateway {
    pub(super) async fn queue_download(
        &self,
        mac: Mac,
        download: Download,
    ) -> Result<TransferStatus, Fault> {
        if download.file_type != DOWNLOAD_CONFIGURATION {
            return Err(unknown_file_type(&download.file_type));
        }
        let kind = TransferKind::DownloadConfiguration {
            file_size: download.file_size,
        };
        self.queue_transfer(
            mac,
            kind,
            Order {
                command_key: download.command_key,
                url: download.url,
                username: download.username,
                password: download.password,
                delay_seconds: download.delay_seconds,
            },
        )
        .await
    }

    pub(super) async fn queue_upload(
        &self,
        mac: Mac,
        upload: Upload,
    ) -> Result<TransferStatus, Fault> {
        if !UPLOAD_CONFIGURATION.contains(&upload.file_type.as_str()) {
            return Err(unknown_file_type(&upload.file_type));
        }
        self.queue_transfer(
            mac,
            TransferKind::UploadConfiguration,
            Order {
                command_key: upload.command_key,
                url: upload.url,
                username: upload.username,
                password: upload.password,
                delay_seconds: upload.delay_seconds,
            },
        )
        .await
    }

    async fn queue_transfer(
        &self,
        mac: Mac,
        kind: TransferKind,
        order: Order,
    ) -> Result<TransferStatus, Fault> {
        check_url(&order.url)?;
        let wait = Duration::from_secs(u64::from(order.delay_seconds));
        let due = after(self.inner.clock.now(), wait);
        self.change(mac, |draft, _| {
            let cpe = &mut draft.record.cpe;
            let is_waiting =
                |transfer: &&Transfer| matches!(transfer.state, TransferState::Waiting { .. });
            let waiting = cpe.transfers.iter().filter(is_waiting).count();
            if waiting >= MAX_WAITING || cpe.transfers.len() >= MAX_TRANSFERS {
                return Err(Fault::new(
                    FaultCode::ResourcesExceeded,
                    "too many transfers are in the queue already",
                ));
            }
            let id = cpe.next_transfer_id;
            cpe.next_transfer_id += 1;
            cpe.transfers.push(Transfer {
                id,
                command_key: order.command_key,
                kind,
                url: order.url,
                username: order.username,
                password: order.password,
                state: TransferState::Waiting { due },
                order: TransferOrder::Once,
            });
            Ok(TransferStatus::Later)
        })
        .await
    }

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
                    self.finish_transfer(mac, id, Err(fault)).await;
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
        let Some(transfer) = record
            .cpe
            .transfers
            .iter()
            .find(|transfer| transfer.id == id)
        else {
            return Ok(None);
        };
        let TransferState::Waiting { .. } = transfer.state else {
            return Ok(None);
        };
        let Ok(url) = Url::parse(&transfer.url) else {
            return Ok(None);
        };
        let direction = match &transfer.kind {
            TransferKind::DownloadConfiguration { file_size }
            | TransferKind::DownloadFirmware { file_size, .. }
            | TransferKind::DownloadFile { file_size, .. } => TransferDirection::Download {
                file_size: *file_size,
            },
            TransferKind::UploadConfiguration | TransferKind::UploadLog => {
                TransferDirection::Upload {
                    content: self.own_file_bytes(&record.own_file)?,
                }
            }
        };
        live.running_transfers.insert(id);
        Ok(Some(TransferJob {
            mac,
            id,
            url,
            credentials: Credentials {
                username: transfer.username.clone(),
                password: transfer.password.clone(),
            },
            direction,
        }))
    }

    fn own_file_bytes(&self, path: &crate::device::TreePath) -> Result<Bytes, GatewayError> {
        let bytes = self
            .file_bytes(path)?
            .ok_or_else(|| GatewayError::MissingContent { path: path.clone() })?;
        Ok(bytes.into())
    }

    /// Takes the result of a transfer: the downloaded bytes, `None` for an upload, or the fault.
    /// A downloaded file takes effect in the same commit that queues its report.
    pub async fn finish_transfer(
        &self,
        mac: Mac,
        id: u64,
        result: Result<Option<Bytes>, TransferFault>,
    ) {
        let now = self.inner.clock.now();
        let outcome = self
            .change(mac, |draft, live| {
                live.running_transfers.remove(&id);
                let Some(place) = draft
                    .record
                    .cpe
                    .transfers
                    .iter()
                    .position(|transfer| transfer.id == id)
                else {
                    // The device has another ACS since: the old one's transfers are forgotten.
                    return Ok(());
                };
                let transfer = draft.record.cpe.transfers.get(place).cloned();
                let Some(mut transfer) = transfer else {
                    return Ok(());
                };
                let start_time = match &transfer.state {
                    TransferState::Waiting { due } => Some((*due).min(now)),
                    TransferState::Finished(_) | TransferState::Installing(_) => return Ok(()),
                };
                let fault = match (&transfer.kind, result) {
                    (_, Err(fault)) => Some(fault),
                    (TransferKind::UploadConfiguration | TransferKind::UploadLog, Ok(_)) => None,
                    (
                        TransferKind::DownloadFirmware { .. } | TransferKind::DownloadFile { .. },
                        Ok(_),
                    ) => Some(transfer_fault(FaultCode::InternalError, "not offered yet")),
                    (TransferKind::DownloadConfiguration { file_size }, Ok(content)) => {
                        let content = content.unwrap_or_default();
                        draft.install(self, content, *file_size)?.err()
                    }
                };
                transfer.state = TransferState::Finished(TransferComplete {
                    command_key: transfer.command_key.clone(),
                    start_time: start_time.filter(|_| fault.is_none()),
                    complete_time: Some(now).filter(|_| fault.is_none()),
                    fault,
                });
                // Reports go out in the order in which transfers ended.
                draft.record.cpe.transfers.remove(place);
                draft.record.cpe.transfers.push(transfer);
                draft.news = true;
                Ok::<(), GatewayError>(())
            })
            .await;
        if let Err(error) = outcome {
            tracing::error!(%mac, %error, "the end of a transfer could not be noted; it will be repeated");
            self.hold(mac).await.running_transfers.remove(&id);
            self.inner.transfers.arm((mac, id), after(now, REPEAT_WAIT));
        }
    }
}

/// What Download and Upload have in common.
struct Order {
    command_key: String,
    url: String,
    username: String,
    password: Secret,
    delay_seconds: u32,
}

impl Draft {
    /// Puts a downloaded file in the place of the phone's own, if it is a file for this phone.
    fn install(
        &mut self,
        gateway: &Gateway,
        content: Bytes,
        file_size: u32,
    ) -> Result<Result<(), TransferFault>, GatewayError> {
        let (mac, name) = (self.mac, self.record.own_file.file_name().to_owned());
        let pack = Arc::clone(&self.pack);
        let model = self.record.model.clone();
        let documents = match self.documents(gateway) {
            Err(error @ GatewayError::Sealed { .. }) => {
                let fault = Fault::from(error);
                return Ok(Err(transfer_fault(fault.code, fault.text)));
            }
            documents => documents?,
        };
        let own_dialect = documents.own_file.role.dialect();
        let corrupted = |text: String| Ok(Err(transfer_fault(FaultCode::FileCorrupted, text)));
        if file_size != 0 && content.len() as u64 != u64::from(file_size) {
            let length = content.len();
            return corrupted(format!(
                "the file has {length} bytes, {file_size} were announced"
            ));
        }
        if content.len() > MAX_LONG_VALUE_BYTES {
            let text = format!(
                "the file has {} bytes; at most {MAX_LONG_VALUE_BYTES} are taken",
                content.len()
            );
            return Ok(Err(transfer_fault(FaultCode::TransferFailure, text)));
        }
        let whose = Whose {
            vendor: Some(pack.vendor()),
            model: model.as_deref(),
            mac: Some(mac),
        };
        let passwords = &gateway.inner.settings.file_passwords;
        let is_plain = !Seal::may_be_on(&content) || pack.identify_own(&name, &content).is_some();
        let (plain, seal) = if is_plain && !Seal::is_on(&content) {
            // A file that was encrypted stays so: the phone's secrets are not to go out in clear.
            (content.to_vec(), documents.seal().cloned())
        } else {
            match passwords.open(whose, &content) {
                Ok((plain, seal)) => (plain, Some(seal)),
                Err(error) => return corrupted(format!("the file can't be read: {error}")),
            }
        };
        let identity = pack.identify_own(&name, &plain);
        let Some(identity) = identity.filter(|identity| identity.layer == LayerKind::Phone) else {
            return corrupted(format!("the file is none that this phone reads as {name}"));
        };
        if Some(identity.dialect) != own_dialect {
            return corrupted(format!(
                "the file is written as {}, the phone's own is not",
                identity.dialect.name()
            ));
        }
        let document = Document::parse(identity.dialect, plain);
        if let Some(problem) = document
            .problems()
            .iter()
            .find(|problem| problem.kind.is_damage())
        {
            return corrupted(problem.to_string());
        }
        match document.declared_mac() {
            Some(Ok(declared)) if declared != mac => {
                return corrupted(format!("the file is for phone {declared}"));
            }
            Some(Err(error)) => return corrupted(error.to_string()),
            Some(Ok(_)) | None => {}
        }
        documents.replace_own(&pack, document, seal);
        Ok(Ok(()))
    }
}

fn transfer_fault(code: FaultCode, text: impl Into<String>) -> TransferFault {
    TransferFault {
        code,
        text: text.into().chars().take(MAX_FAULT_TEXT).collect(),
    }
}

fn unknown_file_type(file_type: &str) -> Fault {
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
}
