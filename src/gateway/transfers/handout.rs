//! Files that a phone takes by itself once its own file points there: firmware, ring tones. From
//! the order to the moment at which the phone has the file, or has failed to (cwmp.md M98, V5).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::super::closed::if_open;
use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::super::draft::Draft;
use super::super::live::Live;
use super::super::random;
use super::super::schedule::after;
use super::orders::unknown_file_type;
use super::outcome::{Content, transfer_fault};
use crate::cwmp::{Fault, FaultCode, TransferFault};
use crate::device::{
    ChangeAuthor, DeviceRecord, FileContent, FileRecord, FileRole, Installing, Transfer,
    TransferKind, TransferOrder, TransferState, TreePath,
};
use crate::mapping::{HandoutKind, HandoutPlace, HandoutRule, Pack};
use crate::native::Mac;

/// After a phone has its own file and does not fetch the other one, it is told to restart.
const RESTART_WAIT: Duration = Duration::from_secs(60);
/// Longer than any phone writes firmware: who comes back after that with the old version, has not
/// taken the new one.
const WRITING_TIME: Duration = Duration::from_secs(600);

/// FileType of firmware.
pub(in crate::gateway) const FIRMWARE: &str = "1 Firmware Upgrade Image";

/// How a phone was seen to take a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Take {
    /// Its own file, whether or not it had been told to restart before.
    OwnFile {
        /// When it was told to restart, if it has done so now.
        restart_told_at: Option<Timestamp>,
    },
    /// The file of the transfer with this id, all of it.
    Handout(u64),
}

/// What a FileType of Download is, besides the configuration (cwmp.md M91).
pub(super) fn handout_kind(file_type: &str) -> Option<HandoutKind> {
    match file_type {
        FIRMWARE => Some(HandoutKind::Firmware),
        "2 Web Content" => Some(HandoutKind::Web),
        "4 Tone File" => Some(HandoutKind::Tone),
        "5 Ringer File" => Some(HandoutKind::Ringer),
        _ => None,
    }
}

/// Where a phone reaches the gateway.
struct Base {
    protocol: String,
    host: String,
    /// In front of every path; no slashes at its ends.
    path: String,
}

/// How a file will be handed out.
pub(in crate::gateway) struct HandoutPlan<'p> {
    pub(super) kind: HandoutKind,
    rule: &'p HandoutRule,
    base: Base,
    file: String,
}

impl Gateway {
    /// Whether and how a phone can be given a file. Nothing is changed.
    pub(in crate::gateway) fn plan_handout<'p>(
        &self,
        pack: &'p Pack,
        record: &DeviceRecord,
        transfer: &Transfer,
    ) -> Result<HandoutPlan<'p>, Fault> {
        let refuse = |text: String| Fault::new(FaultCode::InvalidArguments, text);
        let kind = handout_kind(&transfer.file_type)
            .ok_or_else(|| unknown_file_type(&transfer.file_type))?;
        let Some(model) = record.model.as_deref() else {
            let text = "the phone's model is not known yet: it has not fetched its file";
            return Err(Fault::new(FaultCode::RequestDenied, text));
        };
        let Some(rule) = pack.handout(kind, Some(model)) else {
            return Err(refuse(format!(
                "it is not known for sure how a {model} takes a {}",
                transfer.file_type
            )));
        };
        let file = rule
            .file_name(model, given_name(transfer))
            .map_err(|error| refuse(error.to_string()))?;
        rule.check_size(transfer.file_size.into())
            .map_err(|error| refuse(error.to_string()))?;
        let Some(base) = self.base_for(record) else {
            let text = "it is not known how the phone reaches the gateway: it has not fetched its \
                        file, and phones.url is not set";
            return Err(Fault::new(FaultCode::RequestDenied, text));
        };
        Ok(HandoutPlan {
            kind,
            rule,
            base,
            file,
        })
    }

    /// How a phone reaches the gateway: the operator's word, or the address at which the phone came
    /// for its own file. The Host of its request is not asked: anybody could send one that names a
    /// server of his own.
    pub(in crate::gateway) fn reached_by(&self, record: &DeviceRecord) -> Option<Url> {
        match (&self.inner.settings.phones_url, &record.reached_by) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(text)) => Url::parse(text).ok(),
            (None, None) => None,
        }
    }

    fn base_for(&self, record: &DeviceRecord) -> Option<Base> {
        let url = self.reached_by(record)?;
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        Some(Base {
            protocol: url.scheme().to_owned(),
            host,
            path: url.path().trim_matches('/').to_owned(),
        })
    }

    /// A phone that has to take a file has not done so up to a moment that was set.
    pub(super) async fn press_on(
        &self,
        mac: Mac,
        id: u64,
        live: &mut Live,
    ) -> Result<(), GatewayError> {
        let now = self.inner.clock.now();
        let mut draft = self.draft(mac)?;
        let Some(transfer) = draft.transfer_mut(id) else {
            return Ok(());
        };
        let TransferState::Installing(installing) = &mut transfer.state else {
            return Ok(());
        };
        if now >= installing.deadline {
            let text = match installing.fetched_at {
                None => "the phone has not fetched the file in time",
                Some(_) => "the phone has fetched the file, and has not come back with it in time",
            };
            let fault = transfer_fault(FaultCode::TransferFailure, text);
            draft.end_handout(self, id, Some(fault), now)?;
        } else if installing.restart_at.take().is_some_and(|at| at <= now)
            && installing.fetched_at.is_none()
        {
            draft.order_restart();
            live.control.tries = 0;
        }
        self.commit(draft, live).await
    }

    /// Takes back what was laid out for transfers that a change has dropped, whatever dropped them.
    pub(in crate::gateway) fn take_back_dropped(
        &self,
        draft: &mut Draft,
        before: &DeviceRecord,
    ) -> Result<(), GatewayError> {
        for transfer in &before.cpe.transfers {
            if let TransferState::Installing(installing) = &transfer.state
                && draft.transfer_mut(transfer.id).is_none()
            {
                draft.clear_away(self, installing)?;
            }
        }
        Ok(())
    }
}

impl Draft {
    /// Lays a file out for the phone, and points it there.
    pub(in crate::gateway) fn hand_out(
        &mut self,
        gateway: &Gateway,
        transfer: &Transfer,
        content: Content,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Result<Result<(), TransferFault>, GatewayError> {
        let failed = |text: String| Ok(Err(transfer_fault(FaultCode::TransferFailure, text)));
        let pack = Arc::clone(&self.pack);
        let plan = match gateway.plan_handout(&pack, &self.record, transfer) {
            Ok(plan) => plan,
            Err(fault) => return failed(fault.text),
        };
        if let Err(error) = plan.rule.check_size(content.length) {
            return failed(error.to_string());
        }
        let folder = match plan.kind {
            HandoutKind::Firmware => "firmware",
            HandoutKind::Web | HandoutKind::Tone | HandoutKind::Ringer => "files",
        };
        // Whoever knows the way gets the file, and only this phone is told it.
        let folder = format!("{folder}/{}", random::text()?);
        let Ok(path) = format!("{folder}/{}", plan.file).parse::<TreePath>() else {
            return failed(format!(
                "{} is no name for a file",
                plan.file.escape_debug()
            ));
        };
        let folder = format!("{}/{folder}", plan.base.path);
        let place = HandoutPlace {
            protocol: &plan.base.protocol,
            host: &plan.base.host,
            folder: folder.trim_start_matches('/'),
            file: &plan.file,
        };
        let documents = match self.documents(gateway) {
            Err(error @ GatewayError::Sealed { .. }) => return failed(Fault::from(error).text),
            documents => documents?,
        };
        let revision = documents.own_file.revision + 1;
        let pointers = match documents.edit(|layers| pack.point(layers, plan.rule, &place)) {
            Ok(pointers) => pointers,
            Err(error) => return failed(error.to_string()),
        };
        self.author = ChangeAuthor::Firmware;
        let file = FileRecord {
            role: FileRole::Handout { mac: self.mac },
            content: FileContent::Asset,
            length: content.length,
            content_hash: content.hash,
            imported_hash: content.hash,
            revision: 1,
        };
        self.other_files.push((path.clone(), Some(file)));
        let deadline = after(now, gateway.inner.settings.firmware_deadline);
        let deadline = match &transfer.order {
            TransferOrder::Once | TransferOrder::Assigned(_) => deadline,
            TransferOrder::Within(windows) => windows
                .first()
                .map_or(deadline, |window| window.end.min(deadline)),
        };
        let installing = Installing {
            started_at,
            deadline,
            content: content.hash,
            served_path: path,
            version_before: self.record.software_version.clone(),
            fetched_at: None,
            pointers,
            revision,
            restart_at: None,
            restart_is_ordered: false,
        };
        if let Some(transfer) = self.transfer_mut(transfer.id) {
            transfer.state = TransferState::Installing(installing);
        }
        gateway.log(
            self.mac,
            format_args!(
                "{} laid out for the phone as {}",
                transfer.file_type, plan.file
            ),
        );
        Ok(Ok(()))
    }

    /// A person's order stands for it: it gives no M Reboot event.
    fn order_restart(&mut self) {
        let orders = &mut self.record.delivery.reboot;
        if orders.keys.contains(&None) {
            orders.closed = false;
        } else {
            orders.add(None);
        }
    }

    /// The phone was seen to take a file: what that means for those that it has to take.
    pub(in crate::gateway) fn note_take(
        &mut self,
        gateway: &Gateway,
        take: Take,
        now: Timestamp,
    ) -> Result<(), GatewayError> {
        match take {
            Take::Handout(id) => {
                let Some(transfer) = self.transfer_mut(id) else {
                    return Ok(());
                };
                let is_firmware = transfer.kind == TransferKind::DownloadFirmware;
                let TransferState::Installing(installing) = &mut transfer.state else {
                    return Ok(());
                };
                installing.fetched_at.get_or_insert(now);
                installing.restart_at = None;
                let what = transfer.file_type.clone();
                gateway.log(self.mac, format_args!("{what}: the phone has all of it"));
                if is_firmware {
                    Ok(())
                } else {
                    self.end_handout(gateway, id, None, now)
                }
            }
            Take::OwnFile { restart_told_at } => self.note_own_file(gateway, restart_told_at, now),
        }
    }

    fn note_own_file(
        &mut self,
        gateway: &Gateway,
        restart_told_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), GatewayError> {
        let served = self.record.delivery.served.as_ref();
        let served = served.map_or(0, |served| served.revision);
        let version = self.record.software_version.clone();
        let mut failed = Vec::new();
        for transfer in &mut self.record.cpe.transfers {
            let TransferState::Installing(installing) = &mut transfer.state else {
                continue;
            };
            match installing.fetched_at {
                None if served >= installing.revision && !installing.restart_is_ordered => {
                    installing.restart_is_ordered = true;
                    installing.restart_at = Some(after(now, RESTART_WAIT));
                }
                Some(fetched_at)
                    if transfer.kind == TransferKind::DownloadFirmware
                        && installing.version_before == version
                        && (restart_told_at.is_some_and(|told_at| told_at > fetched_at)
                            || now >= after(fetched_at, WRITING_TIME)) =>
                {
                    failed.push(transfer.id);
                }
                _ => {}
            }
        }
        for id in failed {
            let version = version.as_deref().unwrap_or("the old version");
            let text =
                format!("the phone took all of the image and came back with {version} again");
            let fault = transfer_fault(FaultCode::FileCorrupted, text);
            self.end_handout(gateway, id, Some(fault), now)?;
        }
        Ok(())
    }

    /// The phone runs another firmware than before: it has restarted, and what it was to take is in
    /// force. It is here and is about to be given its own file.
    pub(in crate::gateway) fn note_new_firmware(
        &mut self,
        gateway: &Gateway,
        now: Timestamp,
    ) -> Result<(), GatewayError> {
        self.note_restart(gateway, now);
        let version = self.record.software_version.clone().unwrap_or_default();
        gateway.log(self.mac, format_args!("the phone runs firmware {version}"));
        let transfers = self.record.cpe.transfers.iter();
        let installed: Vec<u64> = transfers
            .filter(|transfer| {
                transfer.kind == TransferKind::DownloadFirmware
                    && matches!(transfer.state, TransferState::Installing(_))
            })
            .map(|transfer| transfer.id)
            .collect();
        for transfer in &self.record.cpe.transfers {
            if let TransferState::Installing(installing) = &transfer.state
                && installed.contains(&transfer.id)
                && installing.fetched_at.is_some()
            {
                self.proven_firmware = Some((installing.content, version.clone()));
            }
        }
        if installed.is_empty() {
            self.report_own_upgrade(now);
        }
        for id in installed {
            // The restart that it was to be told, it has had.
            let orders = &mut self.record.delivery.reboot;
            orders.keys.retain(Option::is_some);
            self.end_handout(gateway, id, None, now)?;
        }
        self.phone_is_here = true;
        Ok(())
    }

    /// The phone has taken a file, or has failed to.
    fn end_handout(
        &mut self,
        gateway: &Gateway,
        id: u64,
        fault: Option<TransferFault>,
        now: Timestamp,
    ) -> Result<(), GatewayError> {
        let Some(transfer) = self.transfer_mut(id) else {
            return Ok(());
        };
        let TransferState::Installing(installing) = transfer.state.clone() else {
            return Ok(());
        };
        let started = installing.started_at;
        // A ring tone is fetched again whenever the phone restarts.
        if transfer.kind == TransferKind::DownloadFirmware || fault.is_some() {
            self.clear_away(gateway, &installing)?;
        }
        self.end_attempt(gateway, id, fault, Some(started), now);
        Ok(())
    }

    /// Takes the pointer and the file back.
    fn clear_away(
        &mut self,
        gateway: &Gateway,
        installing: &Installing,
    ) -> Result<(), GatewayError> {
        self.author = ChangeAuthor::Firmware;
        let pack = Arc::clone(&self.pack);
        match if_open(self.documents(gateway))? {
            Some(documents) => {
                documents.edit(|layers| pack.point_back(layers, &installing.pointers));
            }
            None => tracing::warn!(
                mac = %self.mac,
                "the phone's file can't be opened; what points at a file for it stays in it"
            ),
        }
        self.other_files
            .push((installing.served_path.clone(), None));
        Ok(())
    }
}

/// The name of a file, as the ACS gave it or as it stands in the URL.
pub(super) fn given_name(transfer: &Transfer) -> &str {
    if !transfer.target_file_name.is_empty() {
        return &transfer.target_file_name;
    }
    let path = transfer.url.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}
