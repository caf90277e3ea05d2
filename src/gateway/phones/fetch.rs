//! What phones ask for, and what their asking tells.

use std::net::IpAddr;

use bytes::Bytes;
use jiff::Timestamp;

use super::super::access::{Wanted, hide_token, split_token};
use super::super::core::Gateway;
use super::super::door::{FetchAnswer, FetchReceipt, FetchRequest, GatewayError, Transport};
use super::super::transfers::Take;
use super::lookup::named_mac;
use crate::device::{Contact, FileContent, FileRecord, FileRole, TransferState, TreePath};
use crate::mapping::Recognised;
use crate::native::Mac;
use crate::wire::ContentHash;

/// A request for a file that is there, and what is known of who asks.
pub(super) struct Asked<'r> {
    request: &'r FetchRequest,
    /// The file, under its own name.
    path: TreePath,
    file: FileRecord,
    /// What stands before its name in the request and looks like a token.
    token: Option<&'r str>,
    /// The phone that speaks like the one whose file it is, or that names itself.
    phone: Option<(Mac, Recognised)>,
    address: IpAddr,
    at: Timestamp,
}

impl Asked<'_> {
    /// The same for the question whether it is given.
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            request: self.request,
            path: &self.path,
            file: &self.file,
            token: self.token,
            speaker: self.mac(),
            address: self.address,
            at: self.at,
        }
    }

    /// The phone that seems to ask.
    fn mac(&self) -> Option<Mac> {
        self.phone.as_ref().map(|(mac, _)| *mac)
    }

    /// The phone whose own file it is, or whose MAC stands in the name of a file that no mapping
    /// pack knows.
    fn owner(&self) -> Option<Mac> {
        match self.file.role {
            FileRole::Phone { mac, .. } => Some(mac),
            FileRole::Orphan { .. } | FileRole::Other => named_mac(self.path.as_str()),
            // Nobody guesses the folder of a handout.
            FileRole::Handout { .. } | FileRole::Shared { .. } => None,
        }
    }
}

impl Gateway {
    /// A phone asks for a file.
    pub async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
        match self.answer(&request).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(path = %hide_token(&request.path), source = %request.source, %error, "a file can't be served");
                FetchAnswer::NotFound
            }
        }
    }

    async fn answer(&self, request: &FetchRequest) -> Result<FetchAnswer, GatewayError> {
        // Known and unknown phones alike, and before any look at the store.
        let shows_nothing = self.shows_nothing(request);
        if shows_nothing && self.is_held_back(request) {
            return Ok(self.refusal(request, false));
        }
        let Some(asked) = self.asked(request)? else {
            self.note_miss(request);
            return self.no_such_file(request);
        };
        if let Some(refusal) = self.admission(asked.wanted()).await? {
            return Ok(refusal);
        }
        // Of a phone's own file, admission has seen to what is shown.
        let owner = asked.owner();
        let is_settled = !shows_nothing && matches!(asked.file.role, FileRole::Phone { .. });
        if let Some(owner) = owner.filter(|_| !is_settled)
            && self.holds_back(owner, request)
        {
            return Ok(self.refusal(request, false));
        }
        self.note_asking(&asked).await?;
        let (mac, transfer) = match asked.file.role {
            FileRole::Handout { mac: owner } => self.taker_of_handout(owner, &asked)?,
            _ => (asked.mac(), None),
        };
        if let Some(mac) = mac {
            self.log_asking(mac, &asked).await?;
        }
        // Read after that: the file may have changed in the meantime.
        let Some(file) = self.load_file(&asked.path)? else {
            return Ok(FetchAnswer::NotFound);
        };
        let (body, hash) = if file.content == FileContent::Asset {
            (self.shared_asset(file.content_hash)?, file.content_hash)
        } else {
            let bytes = self.content_bytes(&asked.path, &file)?;
            let hash = ContentHash::of(&bytes);
            (Bytes::from(bytes), hash)
        };
        if let Some(owner) = owner {
            self.note_served(owner, request);
        }
        let revision = matches!(file.role, FileRole::Phone { .. }).then_some(file.revision);
        Ok(FetchAnswer::File {
            body,
            etag: format!("\"{hash}\""),
            receipt: FetchReceipt {
                mac,
                revision,
                transfer,
                at: asked.at,
                source: asked.address,
                transport: request.transport,
            },
        })
    }

    /// The file that is asked for, and the phone that seems to ask. `None` when there is no such
    /// file.
    fn asked<'r>(&self, request: &'r FetchRequest) -> Result<Option<Asked<'r>>, GatewayError> {
        let found = match self.find_file(&request.path)? {
            Some(found) => Some((found, None)),
            None => match split_token(&request.path) {
                Some((token, path)) if request.transport != Transport::Tftp => {
                    self.find_file(path)?.map(|found| (found, Some(token)))
                }
                _ => None,
            },
        };
        let Some(((path, file), token)) = found else {
            return Ok(None);
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
        // A phone on IPv4 is one, whatever the listener's socket is.
        let address = request.source.ip().to_canonical();
        // Whoever knows the name is served; but only who speaks like that phone is taken for it, so
        // that a browser or a monitor does not move it or confirm its file.
        let phone = match (mac, recognised) {
            _ if request.transport == Transport::Tftp => {
                self.phone_of_file_name(&file.role, address)?
            }
            (Some(mac), Some(recognised)) if recognised.mac.is_none_or(|named| named == mac) => {
                let vendor = self.load(mac)?.map(|(record, _)| record.vendor);
                (vendor.as_ref() == Some(&recognised.vendor)).then_some((mac, recognised))
            }
            _ => None,
        };
        Ok(Some(Asked {
            request,
            path,
            file,
            token,
            phone,
            address,
            at: self.inner.clock.now(),
        }))
    }

    async fn note_asking(&self, asked: &Asked<'_>) -> Result<(), GatewayError> {
        let Some((mac, recognised)) = &asked.phone else {
            return Ok(());
        };
        if asked.request.transport == Transport::Tftp {
            // Anybody can send a packet in the phone's name: it is noted when the file was taken.
            return Ok(());
        }
        self.note_sign_of_life(*mac);
        let is_own = matches!(asked.file.role, FileRole::Phone { .. });
        let reached_by = asked.request.reached_by.clone().filter(|_| is_own);
        let contact = Contact {
            address: asked.address,
            at: asked.at,
        };
        self.observe(*mac, recognised.clone(), contact, reached_by)
            .await
    }

    async fn log_asking(&self, mac: Mac, asked: &Asked<'_>) -> Result<(), GatewayError> {
        // The folder of a file that is only for this phone is nobody else's business.
        let name = match asked.file.role {
            FileRole::Handout { .. } => asked.path.file_name(),
            _ => asked.path.as_str(),
        };
        let address = asked.address;
        if asked.request.transport == Transport::Tftp {
            self.log(
                mac,
                format_args!("asks for {name} from {address} over TFTP"),
            );
        } else {
            let user_agent = asked.request.user_agent.as_deref().unwrap_or_default();
            self.log(
                mac,
                format_args!("asks for {name} from {address} as {user_agent:?}"),
            );
        }
        self.write_long_log(mac).await
    }

    /// Whose fetch a fetch of a handout is, and of which transfer. A phone fetches firmware with
    /// a User-Agent of its loader at times; then its address tells.
    fn taker_of_handout(
        &self,
        owner: Mac,
        asked: &Asked<'_>,
    ) -> Result<(Option<Mac>, Option<u64>), GatewayError> {
        let Some((record, _)) = self.load(owner)? else {
            return Ok((None, None));
        };
        let is_there = |contact: &Contact| contact.address == asked.address;
        if asked.mac() != Some(owner) && !record.contact.as_ref().is_some_and(is_there) {
            return Ok((None, None));
        }
        let transfer = record.cpe.transfers.iter().find(|transfer| {
            matches!(&transfer.state, TransferState::Installing(installing) if installing.served_path == asked.path)
        });
        Ok((Some(owner), transfer.map(|transfer| transfer.id)))
    }

    /// The body of an answer has left.
    pub async fn fetched(&self, receipt: FetchReceipt) {
        let Some(mac) = receipt.mac else {
            return;
        };
        if receipt.transport == Transport::Tftp {
            self.note_sign_of_life(mac);
        }
        let now = self.inner.clock.now();
        let outcome = self
            .change(mac, |draft, live| {
                if let Some(revision) = receipt.revision {
                    draft.note_place(&receipt);
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
