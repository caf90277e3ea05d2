//! The catalogue of firmware images.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::super::transfers::is_web_page;
use crate::device::{DeviceRecord, FirmwareRecord, FirmwareSource, TransferOrder, TransferState};
use crate::mapping::HandoutKind;
use crate::native::Mac;
use crate::store::{Batch, Table, decode, encode};
use crate::wire::ContentHash;

/// Digits of a hash that are enough to name an image.
const MIN_HASH_DIGITS: usize = 6;

/// Something can't be done with a firmware image.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareError {
    /// The store failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// There is no such image.
    #[error(
        "there is no firmware image `{0}`: name one by its file name or by the first \
         {MIN_HASH_DIGITS} or more digits of its hash, as `trestle firmware list` shows them"
    )]
    Unknown(String),
    /// Several images have this name.
    #[error("`{0}` names several firmware images; name one by the first digits of its hash")]
    Ambiguous(String),
    /// The file can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error(
        "{path} is larger than {limit} bytes, the largest that [transfers] max_file_mib allows"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is allowed.
        limit: u64,
    },
    /// The file is no firmware.
    #[error("{path} is {what}, and no firmware image")]
    NoImage {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// There is no such mapping pack.
    #[error("there is no mapping pack `{vendor}`; there are: {known}")]
    UnknownVendor {
        /// The name that was given.
        vendor: String,
        /// Those that are there.
        known: String,
    },
    /// Phones are to run the image.
    #[error(
        "`{image}` is in use (phones: {count}, the first is {first}): it can be dropped once it is \
         taken, or that has failed"
    )]
    InUse {
        /// The image.
        image: String,
        /// How many phones.
        count: usize,
        /// One of them.
        first: Mac,
    },
}

/// A file that is to be added to the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmwareAddition {
    /// The file, on the gateway's machine.
    pub path: PathBuf,
    /// Name of the mapping pack whose phones take it; `None`: as the file's name says.
    #[serde(default)]
    pub vendor: Option<String>,
    /// The version that phones will say they run.
    #[serde(default)]
    pub version: Option<String>,
}

/// An image as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareView {
    /// SHA-256 of its content.
    pub hash: ContentHash,
    /// What is known of it.
    #[serde(rename = "image")]
    pub record: FirmwareRecord,
    /// Models of phones that are here and ask for firmware by this name.
    pub models: Vec<String>,
    /// Phones that are to run it and do not yet.
    pub waiting: Vec<Mac>,
    /// Phones that say they run its version.
    pub running: u64,
}

impl Gateway {
    /// Every image, in order of its file name.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub fn firmware(&self) -> Result<Vec<FirmwareView>, GatewayError> {
        let mut views: Vec<FirmwareView> = self
            .firmware_records()?
            .into_iter()
            .map(|(hash, record)| FirmwareView {
                hash,
                record,
                models: Vec::new(),
                waiting: Vec::new(),
                running: 0,
            })
            .collect();
        let mut models = vec![BTreeSet::new(); views.len()];
        for (mac, device) in self.devices().filter_map(Result::ok) {
            for (view, models) in views.iter_mut().zip(&mut models) {
                if is_to_run(&device, view.hash) {
                    view.waiting.push(mac);
                }
                let image = &view.record;
                let is_its_vendor = image.vendor.as_ref() == Some(&device.vendor);
                if is_its_vendor
                    && image.version.is_some()
                    && image.version == device.software_version
                {
                    view.running += 1;
                }
                if let Some(model) = device.model.as_ref().filter(|_| is_its_vendor)
                    && !models.contains(model)
                    && self.asks_for(&device, model, &image.file_name)
                {
                    models.insert(model.clone());
                }
            }
        }
        for (view, models) in views.iter_mut().zip(models) {
            view.models = models.into_iter().collect();
        }
        views.sort_by(|one, other| {
            (&one.record.file_name, one.hash).cmp(&(&other.record.file_name, other.hash))
        });
        Ok(views)
    }

    /// Adds a file to the catalogue. One that is there already gets the vendor and the version that
    /// are given.
    ///
    /// # Errors
    /// [`FirmwareError`]; nothing is added then.
    pub async fn add_firmware(
        &self,
        addition: FirmwareAddition,
    ) -> Result<FirmwareView, FirmwareError> {
        let packs = &self.inner.packs;
        if let Some(vendor) = &addition.vendor
            && packs.by_vendor(vendor).is_none()
        {
            let known: Vec<&str> = packs.iter().map(|pack| pack.vendor()).collect();
            return Err(FirmwareError::UnknownVendor {
                vendor: vendor.clone(),
                known: known.join(", "),
            });
        }
        let limit = self.inner.settings.max_transfer_bytes;
        let content = read_image(&addition.path, limit)?;
        let length = content.len() as u64;
        let gateway = self.clone();
        let kept = tokio::task::spawn_blocking(move || gateway.inner.assets.put(&content)).await;
        let hash = match kept {
            Ok(kept) => kept.map_err(GatewayError::from)?,
            Err(error) => {
                let reason = error.to_string();
                return Err(GatewayError::Stopped { reason }.into());
            }
        };
        let file_name = addition.path.file_name().unwrap_or_default();
        let file_name = file_name.to_string_lossy().into_owned();
        let before = self.firmware_record(&hash)?;
        let vendor = addition.vendor.or_else(|| self.vendor_of_name(&file_name));
        let record = match before {
            Some(before) => FirmwareRecord {
                vendor: vendor.or(before.vendor.clone()),
                version: addition.version.or(before.version.clone()),
                ..before
            },
            None => FirmwareRecord {
                file_name,
                length,
                vendor,
                version: addition.version,
                source: FirmwareSource::Added,
                added_at: self.inner.clock.now(),
            },
        };
        self.put_firmware(&hash, &record).await?;
        let views = self.firmware()?.into_iter();
        let mut views = views.filter(|view| view.hash == hash);
        views
            .next()
            .ok_or_else(|| FirmwareError::Unknown(hash.to_string()))
    }

    /// Takes an image out of the catalogue. Its bytes go some time later.
    ///
    /// # Errors
    /// [`FirmwareError`]; the image stays then.
    pub async fn drop_firmware(&self, image: &str) -> Result<FirmwareRecord, FirmwareError> {
        let (hash, record) = self.find_firmware(image)?;
        let mut users = Vec::new();
        for device in self.devices() {
            // Who can't be read may be one of them.
            let (mac, device) = device?;
            if is_to_run(&device, hash) {
                users.push(mac);
            }
        }
        if let Some(first) = users.first() {
            return Err(FirmwareError::InUse {
                image: image.to_owned(),
                count: users.len(),
                first: *first,
            });
        }
        let mut batch = Batch::new();
        batch.delete(Table::Firmware, hash.bytes());
        let ticket = self.inner.store.commit(batch).map_err(GatewayError::from)?;
        ticket.durable().await.map_err(GatewayError::from)?;
        Ok(record)
    }

    /// The image that a person names.
    pub(super) fn find_firmware(
        &self,
        image: &str,
    ) -> Result<(ContentHash, FirmwareRecord), FirmwareError> {
        let digits = image.to_ascii_lowercase();
        let is_hash = digits.len() >= MIN_HASH_DIGITS
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let mut found = self
            .firmware_records()?
            .into_iter()
            .filter(|(hash, record)| {
                record.file_name == image || is_hash && hash.to_string().starts_with(&digits)
            });
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(FirmwareError::Ambiguous(image.to_owned())),
            (None, _) => Err(FirmwareError::Unknown(image.to_owned())),
        }
    }

    pub(in crate::gateway) fn firmware_record(
        &self,
        hash: &ContentHash,
    ) -> Result<Option<FirmwareRecord>, GatewayError> {
        match self.inner.store.get(Table::Firmware, hash.bytes())? {
            Some(bytes) => Ok(Some(decode(&bytes)?)),
            None => Ok(None),
        }
    }

    /// What was fetched from a URL before and is still here, if the file server can say whether it
    /// is the same there.
    pub(in crate::gateway) fn firmware_from(
        &self,
        url: &str,
    ) -> Result<Option<(ContentHash, FirmwareRecord, String)>, GatewayError> {
        let records = self.firmware_records()?.into_iter();
        let known = records.filter_map(|(hash, record)| match &record.source {
            FirmwareSource::Download {
                url: from,
                entity_tag: Some(tag),
            } if from == url && self.inner.assets.exists(&hash) => {
                let tag = tag.clone();
                Some((hash, record, tag))
            }
            _ => None,
        });
        Ok(known.max_by_key(|(_, record, _)| record.added_at))
    }

    /// Notes an image that a Download has brought.
    pub(in crate::gateway) async fn note_firmware(
        &self,
        hash: ContentHash,
        record: FirmwareRecord,
    ) -> Result<(), GatewayError> {
        let record = match self.firmware_record(&hash)? {
            // What a person has said of it counts.
            Some(before) => FirmwareRecord {
                vendor: before.vendor.or(record.vendor),
                version: before.version,
                source: record.source,
                ..before
            },
            None => record,
        };
        self.put_firmware(&hash, &record).await
    }

    async fn put_firmware(
        &self,
        hash: &ContentHash,
        record: &FirmwareRecord,
    ) -> Result<(), GatewayError> {
        let mut batch = Batch::new();
        batch.put(Table::Firmware, hash.bytes(), encode(record)?);
        self.inner.store.commit(batch)?.durable().await?;
        Ok(())
    }

    fn firmware_records(&self) -> Result<Vec<(ContentHash, FirmwareRecord)>, GatewayError> {
        let entries = self.inner.store.scan(Table::Firmware, b"");
        entries
            .map(|entry| {
                let (key, bytes) = entry?;
                let hash = <[u8; 32]>::try_from(key.as_slice());
                let hash = hash.map_err(|_| GatewayError::OddKey {
                    key: key.escape_ascii().to_string(),
                })?;
                Ok((ContentHash::from(hash), decode(&bytes)?))
            })
            .collect()
    }

    /// The one vendor whose phones ask for firmware by names like this.
    fn vendor_of_name(&self, file_name: &str) -> Option<String> {
        let packs = self.inner.packs.iter();
        let mut fitting = packs.filter(|pack| pack.names_firmware(file_name));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Some(one.vendor().to_owned()),
            _ => None,
        }
    }

    /// Whether a phone asks for its firmware by this name.
    fn asks_for(&self, device: &DeviceRecord, model: &str, file_name: &str) -> bool {
        let Ok(pack) = self.lenses(device) else {
            return false;
        };
        let rule = pack.handout(HandoutKind::Firmware, Some(model));
        let name = rule.and_then(|rule| rule.file_name(model, file_name).ok());
        name.is_some_and(|name| name.eq_ignore_ascii_case(file_name))
    }
}

/// Whether a phone is to run an image and does not yet.
fn is_to_run(device: &DeviceRecord, image: ContentHash) -> bool {
    let mut transfers = device.cpe.transfers.iter();
    transfers.any(|transfer| match (&transfer.state, &transfer.order) {
        (TransferState::Installing(installing), _) => installing.content == image,
        (TransferState::Waiting { .. }, TransferOrder::Assigned(assigned)) => *assigned == image,
        _ => false,
    })
}

fn read_image(path: &Path, limit: u64) -> Result<Vec<u8>, FirmwareError> {
    let unreadable = |source| FirmwareError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut content = Vec::new();
    let mut reader = file.take(limit.saturating_add(1));
    reader.read_to_end(&mut content).map_err(unreadable)?;
    let no_image = |what| FirmwareError::NoImage {
        path: path.to_owned(),
        what,
    };
    if content.len() as u64 > limit {
        return Err(FirmwareError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    if content.is_empty() {
        return Err(no_image("empty"));
    }
    if is_web_page(&content) {
        return Err(no_image("a web page"));
    }
    Ok(content)
}

/// The name of a file in a URL.
pub(in crate::gateway) fn downloaded(
    url: &str,
    file_name: &str,
    length: u64,
    vendor: String,
    entity_tag: Option<String>,
    now: Timestamp,
) -> FirmwareRecord {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    FirmwareRecord {
        file_name: file_name.to_owned(),
        length,
        vendor: Some(vendor),
        version: None,
        source: FirmwareSource::Download {
            url: plain.to_owned(),
            // Whoever has a query asks for something else each time.
            entity_tag: entity_tag.filter(|tag| plain == url && !tag.starts_with("W/")),
        },
        added_at: now,
    }
}
