//! What phones ask for, and what their asking tells.

use std::net::IpAddr;

use bytes::Bytes;
use jiff::Timestamp;

use super::super::access::{Wanted, hide_token, split_token};
use super::super::core::Gateway;
use super::super::door::{FetchAnswer, FetchReceipt, FetchRequest, GatewayError, Transport};
use super::super::transfers::Take;
use super::lookup::named_mac;
use super::quiet_polls::Fingerprint;
use crate::device::{Contact, FileRecord, FileRole, TransferState, TreePath};
use crate::mapping::Recognised;
use crate::native::Mac;

/// The file that a request names.
pub(in crate::gateway) struct Found<'r> {
    /// Under its own name.
    path: TreePath,
    pub(in crate::gateway) file: FileRecord,
    /// What stands before its name in the request and looks like a token.
    token: Option<&'r str>,
}

/// A request for a file that is there, and what is known of who asks.
pub(super) struct Asked<'r> {
    request: &'r FetchRequest,
    /// The file, under its own name.
    path: TreePath,
    file: FileRecord,
    /// What stands before its name in the request and looks like a token.
    token: Option<&'r str>,
    /// The phone that speaks like the one whose file it is, or that names itself.
    phone: Option<Mac>,
    /// What it says of itself; `None` when it has lately asked for the same in the same way, and
    /// nothing followed from it.
    says: Option<Recognised>,
    /// The stored record of the phone whose own file it is.
    record: Vec<u8>,
    address: IpAddr,
    at: Timestamp,
}

/// Steps of a fetch that are remembered.
#[derive(Hash)]
enum Step {
    Asking,
    Fetching,
}

impl Asked<'_> {
    /// The same for the question whether it is given.
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            request: self.request,
            path: &self.path,
            file: &self.file,
            token: self.token,
            speaker: self.phone,
            address: self.address,
            at: self.at,
        }
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

    /// Whether a phone asks for what it has lately asked for.
    fn is_poll(&self) -> bool {
        self.phone.is_some() && self.says.is_none()
    }
}

impl Gateway {
    /// A phone asks for a file.
    pub async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
        match self.answer(&request).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(path = %hide_token(&request.path), source = %request.source, %error, "a file can't be served");
                self.note_damaged_file(&hide_token(&request.path), &error);
                FetchAnswer::Unavailable
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
            _ => (asked.phone, None),
        };
        if let Some(mac) = mac
            && !asked.is_poll()
        {
            self.log_asking(mac, &asked).await?;
            self.note_if_poll(&asked);
        }
        // What is noted of a phone may change its file.
        let known = if asked.is_poll() {
            Some(asked.file)
        } else {
            self.load_file(&asked.path)?
        };
        let Some((file, body)) = self.present_content(&asked.path, known)? else {
            return Ok(FetchAnswer::NotFound);
        };
        if let Some(owner) = owner {
            self.note_served(owner, request);
        }
        let revision = matches!(file.role, FileRole::Phone { .. }).then_some(file.revision);
        Ok(FetchAnswer::File {
            body,
            etag: format!("\"{}\"", file.content_hash),
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

    /// A file and its bytes; `None` when it is there no more. `known` is its record from a moment ago.
    fn present_content(
        &self,
        path: &TreePath,
        mut known: Option<FileRecord>,
    ) -> Result<Option<(FileRecord, Bytes)>, GatewayError> {
        while let Some(file) = known {
            if let Some(bytes) = self.present_bytes(path, &file)? {
                return Ok(Some((file, bytes)));
            }
            // Somebody has changed it in between.
            known = self.load_file(path)?;
        }
        Ok(None)
    }

    /// The file that is asked for, and the phone that seems to ask. `None` when there is no such
    /// file.
    fn asked<'r>(&self, request: &'r FetchRequest) -> Result<Option<Asked<'r>>, GatewayError> {
        let Some(Found { path, file, token }) = self.find_wanted(request)? else {
            return Ok(None);
        };
        let mut asked = Asked {
            request,
            path,
            file,
            token,
            phone: None,
            says: None,
            record: Vec::new(),
            // A phone on IPv4 is one, whatever the listener's socket is.
            address: request.source.ip().to_canonical(),
            at: self.inner.clock.now(),
        };
        if let FileRole::Phone { mac, .. } = asked.file.role {
            asked.record = self.stored_record(mac)?.unwrap_or_default();
            if self.is_quiet(mac, self.step_of_asking(mac, &asked)) {
                asked.phone = Some(mac);
                return Ok(Some(asked));
            }
        }
        if request.transport == Transport::Tftp {
            let named = self.phone_of_file_name(&asked.file.role, asked.address)?;
            (asked.phone, asked.says) = named.unzip();
            return Ok(Some(asked));
        }
        let recognised = request
            .user_agent
            .as_deref()
            .and_then(|user_agent| self.inner.packs.recognise(user_agent));
        let mac = match &asked.file.role {
            FileRole::Phone { mac, .. } | FileRole::Handout { mac } => Some(*mac),
            FileRole::Shared { .. } | FileRole::Orphan { .. } | FileRole::Other => {
                recognised.as_ref().and_then(|recognised| recognised.mac)
            }
        };
        // Whoever knows the name is served; but only who speaks like that phone is taken for it, so
        // that a browser or a monitor does not move it or confirm its file.
        if let (Some(mac), Some(recognised)) = (mac, recognised)
            && recognised.mac.is_none_or(|named| named == mac)
            && let Some((record, _)) = self.load(mac)?
            && record.vendor == recognised.vendor
        {
            asked.phone = Some(mac);
            asked.says = Some(recognised);
        }
        Ok(Some(asked))
    }

    /// The file that a request names, and the token before its name.
    pub(in crate::gateway) fn find_wanted<'r>(
        &self,
        request: &'r FetchRequest,
    ) -> Result<Option<Found<'r>>, GatewayError> {
        if let Some((path, file)) = self.find_file(&request.path)? {
            let token = None;
            return Ok(Some(Found { path, file, token }));
        }
        match split_token(&request.path) {
            Some((token, path)) if request.transport != Transport::Tftp => {
                let found = self.find_file(path)?;
                Ok(found.map(|(path, file)| Found {
                    path,
                    file,
                    token: Some(token),
                }))
            }
            _ => Ok(None),
        }
    }

    /// What the noting of a request depends on, beside the time.
    fn step_of_asking(&self, mac: Mac, asked: &Asked<'_>) -> Fingerprint {
        let request = (
            &asked.request.path,
            &asked.request.user_agent,
            asked.request.transport,
            asked.address,
            &asked.request.reached_by,
        );
        let polls = &self.inner.quiet_polls;
        polls.fingerprint(mac, &asked.record, (Step::Asking, request))
    }

    /// Remembers a request by a phone for its own file if nothing followed from it.
    fn note_if_poll(&self, asked: &Asked<'_>) {
        if let (FileRole::Phone { .. }, Some(mac)) = (&asked.file.role, asked.phone) {
            self.note_if_quiet(mac, &asked.record, self.step_of_asking(mac, asked));
        }
    }

    async fn note_asking(&self, asked: &Asked<'_>) -> Result<(), GatewayError> {
        let Some(mac) = asked.phone else {
            return Ok(());
        };
        if asked.request.transport == Transport::Tftp {
            // Anybody can send a packet in the phone's name: it is noted when the file was taken.
            return Ok(());
        }
        self.note_sign_of_life(mac);
        let Some(says) = asked.says.clone() else {
            return Ok(());
        };
        let is_own = matches!(asked.file.role, FileRole::Phone { .. });
        let reached_by = asked.request.reached_by.clone().filter(|_| is_own);
        let contact = Contact {
            address: asked.address,
            at: asked.at,
        };
        self.observe(mac, says, contact, reached_by).await
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
        if asked.phone != Some(owner) && !record.contact.as_ref().is_some_and(is_there) {
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
        let request = (
            receipt.revision,
            receipt.transfer,
            receipt.transport,
            receipt.source,
        );
        let polls = &self.inner.quiet_polls;
        polls.fingerprint(mac, record, (Step::Fetching, request))
    }

    /// The body of an answer has left.
    pub async fn fetched(&self, receipt: FetchReceipt) {
        let Some(mac) = receipt.mac else {
            return;
        };
        if receipt.transport == Transport::Tftp {
            self.note_sign_of_life(mac);
        }
        let before = self.stored_record(mac).ok().flatten().unwrap_or_default();
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
                tracing::info!(%mac, revision = receipt.revision, source = %receipt.source, "phone has fetched a file");
                let step = self.step_of_fetching(mac, &before, &receipt);
                self.note_if_quiet(mac, &before, step);
            }
            Err(error) => tracing::error!(%mac, %error, "a fetch could not be noted"),
        }
    }
}
