//! What phones ask for, and what their asking tells.

use std::net::IpAddr;

use bytes::Bytes;
use jiff::Timestamp;

use super::super::core::Gateway;
use super::super::door::{FetchAnswer, FetchReceipt, FetchRequest, GatewayError};
use super::super::transfers::Take;
use super::quiet_polls::Fingerprint;
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
    /// The phone that speaks like the one whose file it is, or that names itself.
    phone: Option<(Mac, Recognised)>,
    /// The phone's record as it is stored.
    record: Vec<u8>,
    address: IpAddr,
    at: Timestamp,
}

/// What became of looking for a file.
enum Found<'r> {
    /// It is there, and what is known of who asks has to be noted.
    Asked(Asked<'r>),
    /// It is there, and this phone has asked for it in the same way before.
    Again {
        mac: Mac,
        path: TreePath,
        file: FileRecord,
    },
    /// There is no such file.
    Nothing,
}

/// Steps of a fetch that are remembered.
#[derive(Hash)]
enum Step {
    Asking,
    Fetching,
}

impl Asked<'_> {
    /// The phone that seems to ask.
    fn mac(&self) -> Option<Mac> {
        self.phone.as_ref().map(|(mac, _)| *mac)
    }
}

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
        // A phone on IPv4 is one, whatever the listener's socket is.
        let source = request.source.ip().to_canonical();
        let at = self.inner.clock.now();
        let (path, file, mac, transfer) = match self.find(request, source, at)? {
            Found::Nothing => return Ok(FetchAnswer::NotFound),
            Found::Again { mac, path, file } => {
                self.note_sign_of_life(mac);
                (path, file, Some(mac), None)
            }
            Found::Asked(asked) => {
                self.note_asking(&asked).await?;
                let (mac, transfer) = match asked.file.role {
                    FileRole::Handout { mac: owner } => self.taker_of_handout(owner, &asked)?,
                    _ => (asked.mac(), None),
                };
                if let Some(mac) = mac {
                    self.log_asking(mac, &asked).await?;
                }
                self.note_if_asked_again(&asked);
                (asked.path, asked.file, mac, transfer)
            }
        };
        // Read after that: the file may have changed in the meantime.
        let Some((file, body, hash)) = self.present_content(&path, file)? else {
            return Ok(FetchAnswer::NotFound);
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
                source,
            },
        })
    }

    /// A file as it is now, its bytes, and their hash; `None` when it is there no more. `known` is
    /// its record from a moment ago.
    fn present_content(
        &self,
        path: &TreePath,
        known: FileRecord,
    ) -> Result<Option<(FileRecord, Bytes, ContentHash)>, GatewayError> {
        if known.content == FileContent::Document {
            let bytes = self.content_bytes(path, &known)?;
            // Its record is the same before and after, so the bytes are those that it tells of.
            if self.load_file(path)?.as_ref() == Some(&known) {
                let hash = known.content_hash;
                return Ok(Some((known, Bytes::from(bytes), hash)));
            }
        }
        let Some(file) = self.load_file(path)? else {
            return Ok(None);
        };
        let (body, hash) = if file.content == FileContent::Asset {
            (self.shared_asset(file.content_hash)?, file.content_hash)
        } else {
            let bytes = self.content_bytes(path, &file)?;
            let hash = ContentHash::of(&bytes);
            (Bytes::from(bytes), hash)
        };
        Ok(Some((file, body, hash)))
    }

    /// The file that is asked for, and the phone that seems to ask.
    fn find<'r>(
        &self,
        request: &'r FetchRequest,
        address: IpAddr,
        at: Timestamp,
    ) -> Result<Found<'r>, GatewayError> {
        let Some((path, file)) = self.find_file(&request.path)? else {
            return Ok(Found::Nothing);
        };
        let mut record = Vec::new();
        if let FileRole::Phone { mac, .. } = file.role {
            record = self.stored_record(mac)?.unwrap_or_default();
            let step = self.step_of_asking(mac, &record, request, address);
            if self.is_quiet(mac, step) {
                return Ok(Found::Again { mac, path, file });
            }
        }
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
        let phone = match (mac, recognised) {
            (Some(mac), Some(recognised)) if recognised.mac.is_none_or(|named| named == mac) => {
                let vendor = self.load(mac)?.map(|(record, _)| record.vendor);
                (vendor.as_ref() == Some(&recognised.vendor)).then_some((mac, recognised))
            }
            _ => None,
        };
        Ok(Found::Asked(Asked {
            request,
            path,
            file,
            phone,
            record,
            address,
            at,
        }))
    }

    /// What the noting of a request depends on, beside the time.
    fn step_of_asking(
        &self,
        mac: Mac,
        record: &[u8],
        request: &FetchRequest,
        address: IpAddr,
    ) -> Fingerprint {
        let request = (
            &request.path,
            &request.user_agent,
            address,
            &request.reached_by,
        );
        let polls = &self.inner.quiet_polls;
        polls.fingerprint(mac, record, (Step::Asking, request))
    }

    /// Remembers that noting a request for a phone's own file by this phone has changed nothing.
    fn note_if_asked_again(&self, asked: &Asked<'_>) {
        let (FileRole::Phone { .. }, Some(mac)) = (&asked.file.role, asked.mac()) else {
            return;
        };
        let step = self.step_of_asking(mac, &asked.record, asked.request, asked.address);
        self.note_if_quiet(mac, &asked.record, step);
    }

    async fn note_asking(&self, asked: &Asked<'_>) -> Result<(), GatewayError> {
        let Some((mac, recognised)) = &asked.phone else {
            return Ok(());
        };
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
        let user_agent = asked.request.user_agent.as_deref().unwrap_or_default();
        self.log(
            mac,
            format_args!("asks for {name} from {address} as {user_agent:?}"),
        );
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

    /// Whether it is no news that the body of an answer has left: the phone has lately fetched the
    /// same, and [`Gateway::fetched`] would change nothing.
    pub fn is_no_news(&self, receipt: &FetchReceipt) -> bool {
        let Some(mac) = receipt.mac else {
            return true;
        };
        let record = self.stored_record(mac).ok().flatten();
        record
            .is_some_and(|record| self.is_quiet(mac, self.step_of_fetching(mac, &record, receipt)))
    }

    /// What the noting of a fetch depends on, beside the time.
    fn step_of_fetching(&self, mac: Mac, record: &[u8], receipt: &FetchReceipt) -> Fingerprint {
        let request = (receipt.revision, receipt.transfer, receipt.source);
        let polls = &self.inner.quiet_polls;
        polls.fingerprint(mac, record, (Step::Fetching, request))
    }

    /// The body of an answer has left.
    pub async fn fetched(&self, receipt: FetchReceipt) {
        let Some(mac) = receipt.mac else {
            return;
        };
        let before = self.stored_record(mac).ok().flatten().unwrap_or_default();
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
                tracing::info!(%mac, revision = receipt.revision, source = %receipt.source, "phone has fetched a file");
                let step = self.step_of_fetching(mac, &before, &receipt);
                self.note_if_quiet(mac, &before, step);
            }
            Err(error) => tracing::error!(%mac, %error, "a fetch could not be noted"),
        }
    }
}
