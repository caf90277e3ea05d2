//! Whether one record can be read and agrees with those that belong to it, by its table.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::check::{Check, subject};
use super::finding::{StoreFinding, StoreFindingKind};
use crate::device::{
    DeviceLog, DeviceRecord, FileContent, FileRecord, FileRole, FirmwareRecord, StoredParameters,
    SyslogPiece, SyslogRing, UnknownPhone, UploadRecord,
};
use crate::gateway::controls::Remembered;
use crate::gateway::core::{Installation, mac_of_key};
use crate::gateway::door::GatewayError;
use crate::gateway::file_index::tree_path_of_key;
use crate::gateway::own_cpe::{OWN_MAC, RowLink, row_link};
use crate::gateway::upstream::UpstreamRecord;
use crate::native::Mac;
use crate::store::{Record, RecordError, Table, decode};
use crate::wire::ContentHash;

type Findings = Vec<StoreFinding>;

/// One finding about a record.
fn one(
    kind: StoreFindingKind,
    table: Table,
    key: &[u8],
    detail: impl std::fmt::Display,
) -> Findings {
    vec![StoreFinding::new(kind, table, subject(table, key), detail)]
}

fn odd_key(table: Table, key: &[u8]) -> Findings {
    let kind = StoreFindingKind::Orphan;
    one(kind, table, key, "a key that trestle has not made")
}

/// The record, or the finding that it can't be read.
fn read<T: Record>(table: Table, key: &[u8], value: &[u8]) -> Result<T, Findings> {
    decode(value)
        .map_err(|error: RecordError| one(StoreFindingKind::DamagedRecord, table, key, error))
}

fn is_read<T: Record>(table: Table, key: &[u8], value: &[u8]) -> Findings {
    read::<T>(table, key, value).err().unwrap_or_default()
}

/// Looks that end with the first finding.
fn until_found(look: impl FnOnce() -> Result<(), Findings>) -> Findings {
    look().err().unwrap_or_default()
}

impl Check<'_> {
    pub(super) fn meta(&self, key: &[u8], value: &[u8]) -> Findings {
        match key {
            b"installation" => is_read::<Installation>(Table::Meta, key, value),
            b"own-cpe" => is_read::<DeviceRecord>(Table::Meta, key, value),
            // The store's own; it would not have opened.
            _ => Vec::new(),
        }
    }

    pub(super) fn device(&self, key: &[u8], value: &[u8]) -> Findings {
        until_found(|| {
            let table = Table::Device;
            let mac = mac_of_key(key).map_err(|_| odd_key(table, key))?;
            let record: DeviceRecord = read(table, key, value)?;
            let mut hasher = DefaultHasher::new();
            record.cpe.connection_request_segment.hash(&mut hasher);
            let named = {
                let segments = &self.segments;
                let mut segments = segments.lock().unwrap_or_else(PoisonError::into_inner);
                *segments.entry(hasher.finish()).or_insert(mac)
            };
            if named != mac {
                let detail = format!("its name in the ConnectionRequestURL is that of {named} too");
                return Err(one(StoreFindingKind::WrongIndex, table, key, detail));
            }
            let path = &record.own_file;
            match self.gateway.load_file(path) {
                Ok(Some(file)) => match file.role {
                    FileRole::Phone { mac: owner, .. } if owner == mac => {}
                    _ => {
                        let detail = format!("its file `{path}` is another phone's, or nobody's");
                        return Err(one(StoreFindingKind::WrongIndex, table, key, detail));
                    }
                },
                Ok(None) => {
                    let detail = format!("its file `{path}` is not there");
                    return Err(one(StoreFindingKind::Missing, table, key, detail));
                }
                // Told where the files are looked at.
                Err(_) => return Ok(()),
            }
            self.derived(mac, key, &record)
        })
    }

    /// Whether the parameters are what the lenses give.
    fn derived(&self, mac: Mac, key: &[u8], record: &DeviceRecord) -> Result<(), Findings> {
        let gateway = self.gateway;
        let table = Table::Parameters;
        let stored = gateway.inner.store.get(table, key);
        // Those that can't be read are told where the parameters are looked at.
        let stored = match stored {
            Ok(Some(bytes)) => match decode::<StoredParameters>(&bytes) {
                Ok(stored) => stored,
                Err(_) => return Ok(()),
            },
            Ok(None) => {
                let detail = "the phone has no derived parameters";
                return Err(one(StoreFindingKind::WrongParameters, table, key, detail));
            }
            Err(_) => return Ok(()),
        };
        let (rows, present) = match gateway.derived_parameters(record) {
            Ok(derived) => derived,
            Err(GatewayError::Sealed { .. }) => {
                self.closed.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            Err(error @ (GatewayError::MissingPack { .. } | GatewayError::Record(_))) => {
                return Err(one(StoreFindingKind::Missing, table, key, error));
            }
            // A document that can't be read is told where the files are looked at.
            Err(_) => return Ok(()),
        };
        if stored.lenses != present.lenses {
            let detail = format!(
                "derived by {}, now it would be {}",
                stored.lenses, present.lenses
            );
            return Err(one(StoreFindingKind::OldParameters, table, key, detail));
        }
        let wrong = stored
            .values
            .iter()
            .filter(|value| !present.values.contains(value));
        let lacking = present
            .values
            .iter()
            .filter(|value| !stored.values.contains(value));
        if let Some((path, _)) = wrong.chain(lacking).next() {
            let detail = format!("{path} and perhaps others are not what the files of {mac} give");
            return Err(one(StoreFindingKind::WrongParameters, table, key, detail));
        }
        if rows != record.rows {
            let detail = "its rows are not those that its files give";
            return Err(one(
                StoreFindingKind::WrongParameters,
                Table::Device,
                key,
                detail,
            ));
        }
        Ok(())
    }

    pub(super) fn file(&self, key: &[u8], value: &[u8]) -> Findings {
        until_found(|| {
            let table = Table::File;
            let path = tree_path_of_key(key).map_err(|_| odd_key(table, key))?;
            let file: FileRecord = read(table, key, value)?;
            match file.content {
                FileContent::Document => {
                    match self.gateway.content_bytes(&path, &file) {
                        Ok(bytes) if ContentHash::of(&bytes) != file.content_hash => {
                            let detail = "its bytes are not those that its record tells of";
                            return Err(one(StoreFindingKind::DamagedContent, table, key, detail));
                        }
                        Ok(bytes) if bytes.len() as u64 != file.length => {
                            let detail = "its length is not the one that its record tells of";
                            return Err(one(StoreFindingKind::DamagedContent, table, key, detail));
                        }
                        Err(error @ GatewayError::MissingContent { .. }) => {
                            return Err(one(StoreFindingKind::Missing, table, key, error));
                        }
                        // A document that can't be read is told where the documents are.
                        Ok(_) | Err(_) => {}
                    }
                }
                FileContent::Asset => {
                    let assets = &self.gateway.inner.assets;
                    if let Some((kind, detail)) = self.content(assets, &file.content_hash) {
                        return Err(one(kind, table, key, detail));
                    }
                }
            }
            match file.role {
                FileRole::Phone { mac, .. } | FileRole::Handout { mac } if !self.is_known(mac) => {
                    let detail = format!("there is no phone {mac}");
                    Err(one(StoreFindingKind::Orphan, table, key, detail))
                }
                _ => Ok(()),
            }
        })
    }

    pub(super) fn document(&self, key: &[u8]) -> Findings {
        let table = Table::Document;
        let Ok(path) = tree_path_of_key(key) else {
            return odd_key(table, key);
        };
        match self.gateway.load_file(&path) {
            Ok(Some(file)) if file.content == FileContent::Document => Vec::new(),
            Ok(_) => {
                let detail = "there is no file of this name that it could be the bytes of";
                one(StoreFindingKind::Orphan, table, key, detail)
            }
            // Told where the files are looked at.
            Err(_) => Vec::new(),
        }
    }

    pub(super) fn parameters(&self, key: &[u8], value: &[u8]) -> Findings {
        let table = Table::Parameters;
        if let Err(error) = decode::<StoredParameters>(value) {
            let mut finding = StoreFinding::new(
                StoreFindingKind::DamagedRecord,
                table,
                subject(table, key),
                error,
            );
            "run `trestle reindex`".clone_into(&mut finding.remedy);
            return vec![finding];
        }
        self.of_a_phone(table, key)
    }

    pub(super) fn log(&self, key: &[u8], value: &[u8]) -> Findings {
        let table = Table::Log;
        match read::<DeviceLog>(table, key, value) {
            Ok(_) => self.of_a_phone(table, key),
            Err(findings) => findings,
        }
    }

    pub(super) fn syslog(&self, key: &[u8], value: &[u8]) -> Findings {
        let table = Table::Syslog;
        let findings = if key.len() == 6 {
            is_read::<SyslogRing>(table, key, value)
        } else {
            is_read::<SyslogPiece>(table, key, value)
        };
        if findings.is_empty() {
            self.of_a_phone(table, key.get(..6).unwrap_or(key))
        } else {
            findings
        }
    }

    pub(super) fn virtual_device(&self, key: &[u8], value: &[u8]) -> Findings {
        let table = Table::VirtualDevice;
        let Some(RowLink { mac, back, .. }) = row_link(key, value) else {
            return odd_key(table, key);
        };
        let found = self.gateway.inner.store.get(table, &back.0);
        match found {
            Ok(found) if found.as_ref() == Some(&back.1) => Vec::new(),
            Ok(_) => {
                let detail = format!("the row of {mac} and its number do not lead to each other");
                one(StoreFindingKind::WrongIndex, table, key, detail)
            }
            // Told where that record is looked at.
            Err(_) => Vec::new(),
        }
    }

    pub(super) fn quarantine(&self, key: &[u8], value: &[u8]) -> Findings {
        is_read::<UnknownPhone>(Table::Quarantine, key, value)
    }

    pub(super) fn control(&self, key: &[u8], value: &[u8]) -> Findings {
        is_read::<Remembered>(Table::Control, key, value)
    }

    pub(super) fn upstream(&self, key: &[u8], value: &[u8]) -> Findings {
        is_read::<UpstreamRecord>(Table::Upstream, key, value)
    }

    pub(super) fn firmware(&self, key: &[u8], value: &[u8]) -> Findings {
        until_found(|| {
            let table = Table::Firmware;
            let hash = <[u8; 32]>::try_from(key).map_err(|_| odd_key(table, key))?;
            let hash = ContentHash::from(hash);
            let named = |detail: &dyn std::fmt::Display, kind| {
                vec![StoreFinding::new(kind, table, hash, detail)]
            };
            if let Err(error) = decode::<FirmwareRecord>(value) {
                return Err(named(&error, StoreFindingKind::DamagedRecord));
            }
            match self.content(&self.gateway.inner.assets, &hash) {
                Some((kind, detail)) => Err(named(&detail, kind)),
                None => Ok(()),
            }
        })
    }

    pub(super) fn upload(&self, key: &[u8], value: &[u8]) -> Findings {
        until_found(|| {
            let table = Table::Upload;
            let record: UploadRecord = read(table, key, value)?;
            match self.content(self.gateway.inner.uploads.contents(), &record.content_hash) {
                Some((kind, detail)) => Err(one(kind, table, key, detail)),
                None => Ok(()),
            }
        })
    }

    pub(super) fn imported(&self, key: &[u8], value: &[u8]) -> Findings {
        let table = Table::Imported;
        let findings = self.of_a_phone(table, key);
        if !findings.is_empty() {
            return findings;
        }
        let record = mac_of_key(key).map(|mac| self.gateway.load(mac));
        // Device and file are told where they are looked at.
        let Ok(Ok(Some((record, _)))) = record else {
            return Vec::new();
        };
        match self.gateway.load_file(&record.own_file) {
            Ok(Some(file)) if file.imported_hash != ContentHash::of(value) => {
                let detail = "its bytes are not those that the phone's file was imported with";
                one(StoreFindingKind::DamagedContent, table, key, detail)
            }
            _ => Vec::new(),
        }
    }

    fn of_a_phone(&self, table: Table, key: &[u8]) -> Findings {
        match mac_of_key(key) {
            Ok(mac) if self.is_known(mac) => Vec::new(),
            Ok(_) => {
                let detail = "there is no such phone";
                one(StoreFindingKind::Orphan, table, key, detail)
            }
            Err(_) => odd_key(table, key),
        }
    }

    /// Whether there is a record of a device, readable or not.
    fn is_known(&self, mac: Mac) -> bool {
        mac == OWN_MAC || !matches!(self.gateway.stored_record(mac), Ok(None))
    }
}
