//! Files that phones send: logs, copies of their settings, backups. They are kept beside the tree,
//! never in it, for the operator to look at; no phone gets them back.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::split_token;
use super::core::Gateway;
use super::door::{FetchAnswer, FetchRequest, GatewayError};
use super::phones::named_mac;
use super::upload_store::{Kept, charge};
use crate::device::{TreePath, UploadRecord};
use crate::native::Mac;
use crate::wire::ContentHash;

/// `[phones.uploads]` of the settings file: what phones may send.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UploadSettings {
    /// Whether anything is taken.
    pub enabled: bool,
    /// Largest file, in MiB.
    pub max_file_mib: NonZeroU32,
    /// Most of one phone, in MiB. A file counts as 4 KiB at least.
    pub per_phone_mib: NonZeroU32,
    /// Most of all phones together, in MiB.
    pub total_mib: NonZeroU32,
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            max_file_mib: const { NonZeroU32::new(4).unwrap() },
            per_phone_mib: const { NonZeroU32::new(16).unwrap() },
            total_mib: const { NonZeroU32::new(1024).unwrap() },
        }
    }
}

fn bytes(mib: NonZeroU32) -> u64 {
    u64::from(mib.get()) << 20
}

/// What a phone sends is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadRefusal {
    /// The operator has not switched uploads on.
    #[error("uploads are off")]
    Off,
    /// The name is that of no phone that is known, or of a file of the tree.
    #[error("nothing is taken under this name")]
    NoPlace,
    /// The phone has to show who it is.
    #[error("the phone has not shown who it is")]
    Challenge {
        /// The values of the WWW-Authenticate headers, the strongest first.
        challenges: Vec<String>,
    },
    /// The file is too large.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// Largest file, in bytes.
        limit: u64,
    },
    /// The phone, or all phones together, have sent as much as is kept.
    #[error("{whose} uploads are full: {limit} bytes")]
    Full {
        /// Whose.
        whose: &'static str,
        /// The quota, in bytes.
        limit: u64,
    },
    /// It could not be kept.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

impl From<FetchAnswer> for UploadRefusal {
    /// A phone that may not have its file may send none, and hears the same.
    fn from(answer: FetchAnswer) -> Self {
        match answer {
            FetchAnswer::Challenge { challenges } => Self::Challenge { challenges },
            FetchAnswer::NotFound | FetchAnswer::Unavailable | FetchAnswer::File { .. } => {
                Self::NoPlace
            }
        }
    }
}

/// A file may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPermit {
    mac: Mac,
    path: TreePath,
    source: IpAddr,
    max_bytes: u64,
}

impl UploadPermit {
    /// Largest file, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }
}

/// A file that a phone has sent, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadSummary {
    /// The name under which it was sent.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub source: IpAddr,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub sha256: ContentHash,
}

impl From<UploadRecord> for UploadSummary {
    fn from(record: UploadRecord) -> Self {
        Self {
            name: record.path.as_str().to_owned(),
            at: record.at,
            source: record.source,
            length: record.length,
            sha256: record.content_hash,
        }
    }
}

impl Gateway {
    /// A phone wants to send a file of this length, as far as it says one. This is the one place
    /// that decides whether it may; the body is not read before.
    ///
    /// # Errors
    /// Why it may not.
    pub async fn admit_upload(
        &self,
        request: &FetchRequest,
        length: Option<u64>,
    ) -> Result<UploadPermit, UploadRefusal> {
        let settings = &self.inner.settings.uploads;
        if !settings.enabled {
            return Err(UploadRefusal::Off);
        }
        let name = split_token(&request.path).map_or(request.path.as_str(), |(_, name)| name);
        let path: TreePath = name.parse().map_err(|_| UploadRefusal::NoPlace)?;
        let mac = named_mac(path.file_name()).ok_or(UploadRefusal::NoPlace)?;
        let is_known = self.load(mac)?.is_some();
        if !is_known {
            self.note_miss(request);
            return Err(self.no_such_file(request)?.into());
        }
        if let Some(refusal) = self.admission_to_send(request, mac).await? {
            return Err(refusal.into());
        }
        if self.find_file(path.as_str())?.is_some() {
            return Err(UploadRefusal::NoPlace);
        }
        let permit = UploadPermit {
            mac,
            path,
            source: request.source.ip().to_canonical(),
            max_bytes: bytes(settings.max_file_mib),
        };
        let fits = self.check_quota(&permit, length.unwrap_or_default());
        self.note_refused_upload(&permit, fits)?;
        Ok(permit)
    }

    /// Keeps what has come. A file that the phone has sent before under the same name is replaced.
    /// It is on disk when this returns.
    ///
    /// # Errors
    /// Why it is not kept.
    pub async fn keep_upload(
        &self,
        permit: UploadPermit,
        content: Bytes,
    ) -> Result<(), UploadRefusal> {
        // One after the other: so a quota holds, and no content goes that another record names.
        let _turn = self.inner.uploads.turn().await;
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let fits = self.check_quota(&permit, length);
        self.note_refused_upload(&permit, fits)?;
        let uploads = Arc::clone(&self.inner.uploads);
        let put = tokio::task::spawn_blocking(move || uploads.put(&content)).await;
        let put = put.map_err(|error| GatewayError::Stopped {
            reason: error.to_string(),
        })?;
        let content_hash = put.map_err(GatewayError::from)?;
        let record = UploadRecord {
            path: permit.path,
            at: self.inner.clock.now(),
            source: permit.source,
            length,
            content_hash,
        };
        let name = record.path.as_str().to_owned();
        let store = &*self.inner.store;
        let kept = self.inner.uploads.keep(store, permit.mac, record)?;
        let Kept { ticket, orphan } = kept;
        ticket.durable().await.map_err(GatewayError::from)?;
        self.inner.uploads.drop_content(orphan);
        self.log(
            permit.mac,
            format_args!("has sent {name}, {length} bytes, from {}", permit.source),
        );
        tracing::info!(mac = %permit.mac, name, length, source = %permit.source, "phone has sent a file");
        Ok(())
    }

    /// What a phone has sent, in order of the names.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when the store fails.
    pub fn uploads(&self, mac: Mac) -> Result<Vec<UploadSummary>, GatewayError> {
        self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        let mut uploads: Vec<UploadSummary> = self
            .inner
            .uploads
            .of_phone(&*self.inner.store, mac)?
            .into_iter()
            .map(UploadSummary::from)
            .collect();
        uploads.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(uploads)
    }

    /// The bytes of a file that a phone has sent; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails or the bytes are damaged.
    pub fn upload_content(&self, mac: Mac, name: &str) -> Result<Option<Vec<u8>>, GatewayError> {
        let record = self.inner.uploads.find(&*self.inner.store, mac, name)?;
        match record {
            Some(record) => Ok(Some(self.inner.uploads.read(&record.content_hash)?)),
            None => Ok(None),
        }
    }

    /// Takes a file that a phone has sent away; whether there was one of that name.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub async fn remove_upload(&self, mac: Mac, name: &str) -> Result<bool, GatewayError> {
        let _turn = self.inner.uploads.turn().await;
        let store = &*self.inner.store;
        let Some(Kept { ticket, orphan }) = self.inner.uploads.remove(store, mac, name)? else {
            return Ok(false);
        };
        ticket.durable().await?;
        self.inner.uploads.drop_content(orphan);
        Ok(true)
    }

    /// Whether a file of this length has room beside what is kept.
    fn check_quota(&self, permit: &UploadPermit, length: u64) -> Result<(), UploadRefusal> {
        let settings = &self.inner.settings.uploads;
        if length > permit.max_bytes {
            return Err(UploadRefusal::TooLarge {
                limit: permit.max_bytes,
            });
        }
        let store = &*self.inner.store;
        let mut of_phone = charge(length);
        let mut replaced = 0;
        for record in self.inner.uploads.of_phone(store, permit.mac)? {
            if record.path == permit.path {
                replaced = charge(record.length);
            } else {
                of_phone = of_phone.saturating_add(charge(record.length));
            }
        }
        let of_all = self.inner.uploads.charged().saturating_sub(replaced);
        let of_all = of_all.saturating_add(charge(length));
        for (whose, used, limit) in [
            ("the phone's", of_phone, bytes(settings.per_phone_mib)),
            ("all phones'", of_all, bytes(settings.total_mib)),
        ] {
            if used > limit {
                return Err(UploadRefusal::Full { whose, limit });
            }
        }
        Ok(())
    }

    fn note_refused_upload(
        &self,
        permit: &UploadPermit,
        outcome: Result<(), UploadRefusal>,
    ) -> Result<(), UploadRefusal> {
        if let Err(refusal) = &outcome {
            let UploadPermit {
                mac, path, source, ..
            } = permit;
            let name = path.as_str();
            self.log(
                *mac,
                format_args!("has sent {name} from {source}, which is not kept: {refusal}"),
            );
            tracing::warn!(%mac, name, %source, %refusal, "what a phone has sent is not kept");
        }
        outcome
    }
}
