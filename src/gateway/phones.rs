//! What phones ask for, and what their asking tells.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, Weak};

use bytes::Bytes;
use jiff::Timestamp;

use super::core::Gateway;
use super::door::{FetchAnswer, FetchReceipt, FetchRequest, GatewayError};
use super::draft::Draft;
use super::live::Live;
use super::transfers::Take;
use crate::cwmp::{Event, EventCode};
use crate::device::{
    Contact, FileContent, FileRecord, FileRole, RebootOrders, Served, TransferState, TreePath,
};
use crate::mapping::Recognised;
use crate::native::Mac;
use crate::wire::ContentHash;

impl Gateway {
    /// A phone asks for a file.
    pub async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
        match self.answer(&request).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(path = request.path, source = %request.source, %error, "a file can't be served");
                FetchAnswer::NotFound
            }
        }
    }

    async fn answer(&self, request: &FetchRequest) -> Result<FetchAnswer, GatewayError> {
        let at = self.inner.clock.now();
        // A phone on IPv4 is one, whatever the listener's socket is.
        let address = request.source.ip().to_canonical();
        let Some((path, file)) = self.find_file(&request.path)? else {
            return Ok(FetchAnswer::NotFound);
        };
        let recognised = request
            .user_agent
            .as_deref()
            .and_then(|user_agent| self.inner.packs.recognise(user_agent));
        let mac = match &file.role {
            FileRole::Phone { mac, .. } | FileRole::Handout { mac } => Some(*mac),
            FileRole::Shared { .. } | FileRole::Orphan { .. } | FileRole::Other => {
                recognised.as_ref().and_then(|recognised| recognised.mac)
            }
        };
        // Whoever knows the name is served; but only who speaks like that phone is taken for it, so
        // that a browser or a monitor does not move it or confirm its file.
        let known = match (mac, recognised) {
            (Some(mac), Some(recognised)) if recognised.mac.is_none_or(|named| named == mac) => {
                let vendor = self.load(mac)?.map(|(record, _)| record.vendor);
                (vendor.as_ref() == Some(&recognised.vendor)).then_some((mac, recognised))
            }
            _ => None,
        };
        let mut mac = known.as_ref().map(|(mac, _)| *mac);
        if let Some((mac, recognised)) = known {
            self.note_sign_of_life(mac);
            let is_own = matches!(file.role, FileRole::Phone { .. });
            let reached_by = request.reached_by.clone().filter(|_| is_own);
            self.observe(mac, recognised, Contact { address, at }, reached_by)
                .await?;
        }
        let mut transfer = None;
        if let FileRole::Handout { mac: owner } = file.role {
            (mac, transfer) = self.taker_of_handout(owner, mac, &path, address)?;
        }
        if let Some(mac) = mac {
            // The folder of a file that is only for this phone is nobody else's business.
            let name = match file.role {
                FileRole::Handout { .. } => path.file_name(),
                _ => path.as_str(),
            };
            let user_agent = request.user_agent.as_deref().unwrap_or_default();
            self.log(
                mac,
                format_args!("asks for {name} from {address} as {user_agent:?}"),
            );
            self.write_long_log(mac).await?;
        }
        // Read after that: the file may have changed in the meantime.
        let Some(file) = self.load_file(&path)? else {
            return Ok(FetchAnswer::NotFound);
        };
        let (body, hash) = if file.content == FileContent::Asset {
            (self.shared_asset(file.content_hash)?, file.content_hash)
        } else {
            let bytes = self.content_bytes(&path, &file)?;
            let hash = ContentHash::of(&bytes);
            (Bytes::from(bytes), hash)
        };
        let revision = matches!(file.role, FileRole::Phone { .. }).then_some(file.revision);
        Ok(FetchAnswer::File {
            body,
            etag: format!("\"{hash}\""),
            receipt: FetchReceipt {
                mac,
                revision,
                transfer,
                at,
                source: address,
            },
        })
    }

    /// An asset's bytes: in memory once, however many phones are fetching it.
    fn shared_asset(&self, hash: ContentHash) -> Result<Bytes, GatewayError> {
        let mut shared = self
            .inner
            .shared_assets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = shared.get(&hash).and_then(Weak::upgrade) {
            return Ok(Bytes::from_owner(SharedAsset(content)));
        }
        shared.retain(|_, content| content.strong_count() > 0);
        let content: Arc<[u8]> = self.inner.assets.read(&hash)?.into();
        shared.insert(hash, Arc::downgrade(&content));
        Ok(Bytes::from_owner(SharedAsset(content)))
    }

    /// The file that a request names: under its very name, or a phone's own file under a name
    /// that differs in the case of the MAC's digits only.
    fn find_file(&self, path: &str) -> Result<Option<(TreePath, FileRecord)>, GatewayError> {
        let Ok(path) = path.parse::<TreePath>() else {
            return Ok(None);
        };
        if let Some(file) = self.load_file(&path)? {
            return Ok(Some((path, file)));
        }
        for spelling in other_spellings(path.file_name()) {
            let Ok(path) = path.with_file_name(&spelling) else {
                continue;
            };
            if let Some(file) = self.load_file(&path)?
                && matches!(file.role, FileRole::Phone { .. })
            {
                return Ok(Some((path, file)));
            }
        }
        self.find_in_mixed_case(&path)
    }

    /// The own file of the phone that a name names, if its name is the same but for the case of
    /// the MAC.
    fn find_in_mixed_case(
        &self,
        path: &TreePath,
    ) -> Result<Option<(TreePath, FileRecord)>, GatewayError> {
        let name = path.file_name();
        let digits = mac_position(name).and_then(|start| name.get(start..start + 12));
        let Some(Ok(mac)) = digits.map(str::parse) else {
            return Ok(None);
        };
        let Some((record, _)) = self.load(mac)? else {
            return Ok(None);
        };
        let own = record.own_file;
        let is_it = own.folder() == path.folder()
            && without_mac(own.file_name()).is_some_and(|own| Some(own) == without_mac(name));
        let file = if is_it { self.load_file(&own)? } else { None };
        Ok(file.map(|file| (own, file)))
    }

    /// Whose fetch a fetch of a handout is, and of which transfer. A phone fetches firmware with
    /// a User-Agent of its loader at times; then its address tells.
    fn taker_of_handout(
        &self,
        owner: Mac,
        known: Option<Mac>,
        path: &TreePath,
        address: IpAddr,
    ) -> Result<(Option<Mac>, Option<u64>), GatewayError> {
        let Some((record, _)) = self.load(owner)? else {
            return Ok((None, None));
        };
        let is_there = |contact: &Contact| contact.address == address;
        if known != Some(owner) && !record.contact.as_ref().is_some_and(is_there) {
            return Ok((None, None));
        }
        let transfer = record.cpe.transfers.iter().find(|transfer| {
            matches!(&transfer.state, TransferState::Installing(installing) if installing.served_path == *path)
        });
        Ok((Some(owner), transfer.map(|transfer| transfer.id)))
    }

    /// Notes what a request tells about the phone.
    async fn observe(
        &self,
        mac: Mac,
        recognised: Recognised,
        contact: Contact,
        reached_by: Option<String>,
    ) -> Result<(), GatewayError> {
        self.change(mac, |draft, _| {
            draft.record.model = recognised.model.or(draft.record.model.take());
            draft.record.reached_by = reached_by.or(draft.record.reached_by.take());
            draft.note_version(self, recognised.version, contact.at)?;
            let moved = draft
                .record
                .contact
                .as_ref()
                .is_none_or(|known| known.address != contact.address);
            if moved {
                // When a phone was seen is written only with something that matters: a fleet that
                // polls must not keep the disk busy.
                draft.record.contact = Some(contact);
            }
            Ok(())
        })
        .await
    }

    /// The body of an answer has left.
    pub async fn fetched(&self, receipt: FetchReceipt) {
        let Some(mac) = receipt.mac else {
            return;
        };
        let now = self.inner.clock.now();
        let outcome = self
            .change(mac, |draft, live| {
                if let Some(revision) = receipt.revision {
                    let take = draft.note_fetch(self, revision, &receipt, now, live);
                    self.log(
                        mac,
                        format_args!("has fetched revision {revision} of its file"),
                    );
                    draft.note_take(self, take, now)?;
                }
                if let Some(id) = receipt.transfer {
                    draft.note_take(self, Take::Handout(id), now)?;
                }
                Ok::<(), GatewayError>(())
            })
            .await;
        match outcome {
            Ok(()) => {
                tracing::info!(%mac, revision = receipt.revision, source = %receipt.source, "phone has fetched a file")
            }
            Err(error) => tracing::error!(%mac, %error, "a fetch could not be noted"),
        }
    }
}

impl Draft {
    /// Notes the firmware that a phone says it runs.
    fn note_version(
        &mut self,
        gateway: &Gateway,
        version: Option<String>,
        at: Timestamp,
    ) -> Result<(), GatewayError> {
        let record = &mut self.record;
        let Some(version) = version else {
            return Ok(());
        };
        let before = record.software_version.replace(version);
        if before.is_some() && before != record.software_version {
            self.note_new_firmware(gateway, at)?;
        }
        Ok(())
    }

    fn note_fetch(
        &mut self,
        gateway: &Gateway,
        revision: u64,
        receipt: &FetchReceipt,
        now: Timestamp,
        live: &mut Live,
    ) -> Take {
        let delivery = &mut self.record.delivery;
        let had_it = delivery
            .served
            .as_ref()
            .is_some_and(|served| served.revision == revision);
        let before = delivery.clone();
        if had_it {
            // The phone has had this file before and has come back: it lives with it.
            delivery.confirmed = Some(revision);
        } else {
            delivery.served = Some(Served {
                revision,
                at: now,
                address: receipt.source,
            });
        }
        if *delivery != before {
            self.record.contact = Some(Contact {
                address: receipt.source,
                at: receipt.at,
            });
        }
        // A phone that was told to restart and fetches its file has restarted (cwmp.md M83),
        // whether or not its answer has come through.
        let told_at = delivery.reboot.told_at;
        let restart_told_at = told_at.filter(|told_at| *told_at <= receipt.at);
        if restart_told_at.is_some() {
            self.note_restart(gateway, receipt.at);
        } else if self.record.booted_at.is_none() {
            self.record.booted_at = Some(receipt.at);
        }
        if live.control.in_flight.is_none() && !self.record.delivery.is_outstanding() {
            live.control.tries = 0;
        }
        Take::OwnFile { restart_told_at }
    }

    /// The phone has restarted. What it was told before is carried out with that.
    pub(super) fn note_restart(&mut self, gateway: &Gateway, at: Timestamp) {
        gateway.log(self.mac, "has restarted");
        self.record.booted_at = Some(at);
        let orders = &mut self.record.delivery.reboot;
        let orders = match orders.told_at {
            Some(_) => std::mem::take(orders),
            None => RebootOrders::default(),
        };
        let events = &mut self.record.cpe.events;
        events.add(Event::plain(EventCode::Boot));
        for command_key in orders.keys.into_iter().flatten() {
            events.add(Event {
                code: EventCode::Reboot,
                command_key,
            });
        }
    }
}

/// An asset that several answers share.
struct SharedAsset(Arc<[u8]>);

impl AsRef<[u8]> for SharedAsset {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The same name with the digits of a MAC in the other case.
fn other_spellings(name: &str) -> Vec<String> {
    let Some(start) = mac_position(name) else {
        return Vec::new();
    };
    let (before, rest) = name.split_at(start);
    let (digits, after) = rest.split_at(12);
    [digits.to_ascii_lowercase(), digits.to_ascii_uppercase()]
        .into_iter()
        .filter(|spelling| spelling != digits)
        .map(|spelling| format!("{before}{spelling}{after}"))
        .collect()
}

/// What stands before and after the MAC in a name.
fn without_mac(name: &str) -> Option<(&str, &str)> {
    let start = mac_position(name)?;
    Some((name.get(..start)?, name.get(start + 12..)?))
}

/// Where twelve hex digits stand that no other one touches.
fn mac_position(name: &str) -> Option<usize> {
    let bytes = name.as_bytes();
    let is_hex = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_hexdigit);
    (0..bytes.len()).find(|&start| {
        (start..start + 12).all(is_hex)
            && !is_hex(start + 12)
            && (start == 0 || !is_hex(start - 1) || name.starts_with("cfg") && start == 3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_found_in_either_case() {
        assert_eq!(
            other_spellings("cfg000b82A1B2C3.xml"),
            ["cfg000b82a1b2c3.xml", "cfg000B82A1B2C3.xml"]
        );
        assert_eq!(other_spellings("00085D7890AB.cfg"), ["00085d7890ab.cfg"]);
        assert!(other_spellings("cfg.xml").is_empty());
        assert!(other_spellings("0123456789abcdef.bin").is_empty());
    }
}
