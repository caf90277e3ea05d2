//! Which shared files a phone reads beside its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::core::{Gateway, PARTS};
use super::door::GatewayError;
use super::file_passwords::Whose;
use crate::device::{DeviceRecord, FileContent, FileRecord, FileRole, TreePath};
use crate::mapping::Pack;
use crate::native::{Dialect, Document, Layer, LayerKind, Layers, Seal};
use crate::store::{StoreError, Table, decode};

/// Shared files by folder: phones read those of their vendor that lie beside their own file.
#[derive(Debug, Default)]
pub(super) struct FileIndex {
    shared: BTreeMap<String, BTreeMap<TreePath, SharedFile>>,
}

/// One shared file.
#[derive(Debug, Clone)]
pub(super) struct SharedFile {
    /// Name of the mapping pack.
    pub(super) vendor: String,
    pub(super) dialect: Dialect,
    /// Of whose phones it is; `None`: of all.
    pub(super) model: Option<String>,
}

impl FileIndex {
    /// Notes what a file is; forgets what it was.
    pub(super) fn note(&mut self, path: &TreePath, role: &FileRole) {
        let FileRole::Shared {
            vendor,
            dialect,
            model,
        } = role
        else {
            if let Some(files) = self.shared.get_mut(path.folder()) {
                files.remove(path);
            }
            return;
        };
        let folder = self.shared.entry(path.folder().to_owned()).or_default();
        folder.insert(
            path.clone(),
            SharedFile {
                vendor: vendor.clone(),
                dialect: *dialect,
                model: model.clone(),
            },
        );
    }

    /// The shared files of a folder, each with the name of its mapping pack.
    pub(super) fn shared_in(&self, folder: &str) -> Vec<(TreePath, String)> {
        let files = self.shared.get(folder).into_iter().flatten();
        files
            .map(|(path, file)| (path.clone(), file.vendor.clone()))
            .collect()
    }

    fn read_by(&self, record: &DeviceRecord, pack: &Pack) -> Vec<(TreePath, SharedFile)> {
        let Some(files) = self.shared.get(record.own_file.folder()) else {
            return Vec::new();
        };
        let of_model: Vec<(&TreePath, &SharedFile)> = files
            .iter()
            .filter(|(_, file)| file.vendor == record.vendor)
            .filter(|(_, file)| match (&file.model, &record.model) {
                (None, _) => true,
                (Some(of), Some(model)) => of.eq_ignore_ascii_case(model),
                (Some(_), None) => false,
            })
            .collect();
        let names: Vec<&str> = of_model.iter().map(|(path, _)| path.file_name()).collect();
        let reads = pack.reads(&names, record.software_version.as_deref());
        of_model
            .into_iter()
            .zip(reads)
            .filter(|(_, is_read)| *is_read)
            .map(|((path, file), _)| (path.clone(), file.clone()))
            .collect()
    }
}

impl Gateway {
    /// Reads which shared files there are.
    pub(super) fn index_files(&self) -> Result<(), GatewayError> {
        let index = Mutex::new(FileIndex::default());
        let parts = self.inner.store.scan_apart(Table::File, PARTS);
        parts.into_par_iter().flatten_iter().for_each(|entry| {
            let key = key_of(&entry);
            match read_entry(entry) {
                Ok((path, record)) => {
                    self.inner.known.note_file(&path, &record.role);
                    if matches!(record.role, FileRole::Shared { .. }) {
                        let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
                        index.note(&path, &record.role);
                    }
                }
                Err(error) => self.inner.damages.note(&key, &error),
            }
        });
        let index = index.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self
            .inner
            .files
            .write()
            .unwrap_or_else(PoisonError::into_inner) = index;
        Ok(())
    }

    /// The documents that a phone reads, in its order, as far as its model and software version
    /// are known.
    pub(super) fn layers(
        &self,
        record: &DeviceRecord,
        own: impl Into<Arc<Document>>,
        pack: &Pack,
    ) -> Result<Layers, GatewayError> {
        let shared = self
            .inner
            .files
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .read_by(record, pack);
        let mut layers = Vec::with_capacity(shared.len() + 1);
        for (path, file) in shared {
            let Some(document) = self.shared_document(&path, &file)? else {
                continue;
            };
            layers.push(Layer {
                path: path.to_string(),
                kind: if file.model.is_some() {
                    LayerKind::Model
                } else {
                    LayerKind::Shared
                },
                document,
            });
        }
        layers.push(Layer {
            path: record.own_file.to_string(),
            kind: LayerKind::Phone,
            document: own.into(),
        });
        Ok(pack.layers(layers))
    }

    /// Reads a file as a document; of an encrypted one the plain text, with the seal for it.
    pub(super) fn open_document(
        &self,
        path: &TreePath,
        dialect: Dialect,
        whose: Whose<'_>,
        bytes: Vec<u8>,
    ) -> Result<(Document, Option<Seal>), GatewayError> {
        let passwords = &self.inner.settings.file_passwords;
        let (plain, seal) =
            passwords
                .unseal(dialect, whose, bytes)
                .map_err(|source| GatewayError::Sealed {
                    path: path.clone(),
                    source,
                })?;
        Ok((Document::parse(dialect, plain), seal))
    }

    /// The bytes of a file of the tree; `None` when there is no such file.
    pub(super) fn file_bytes(&self, path: &TreePath) -> Result<Option<Vec<u8>>, GatewayError> {
        let Some(record) = self.load_file(path)? else {
            return Ok(None);
        };
        self.content_bytes(path, &record).map(Some)
    }

    pub(super) fn content_bytes(
        &self,
        path: &TreePath,
        record: &FileRecord,
    ) -> Result<Vec<u8>, GatewayError> {
        match record.content {
            FileContent::Document => {
                let key = path.as_str().as_bytes();
                self.inner
                    .store
                    .get(Table::Document, key)?
                    .ok_or_else(|| GatewayError::MissingContent { path: path.clone() })
            }
            FileContent::Asset => Ok(self.inner.assets.read(&record.content_hash)?),
        }
    }

    /// Every file of the tree with its record, in order of the paths.
    pub(super) fn files(
        &self,
    ) -> impl Iterator<Item = Result<(TreePath, FileRecord), GatewayError>> + '_ {
        let files = self.inner.store.scan(Table::File, b"").map(read_entry);
        files.filter(|file| {
            let is_handout = |record: &FileRecord| matches!(record.role, FileRole::Handout { .. });
            !file.as_ref().is_ok_and(|(_, record)| is_handout(record))
        })
    }
}

fn read_entry(
    entry: Result<(Vec<u8>, Vec<u8>), StoreError>,
) -> Result<(TreePath, FileRecord), GatewayError> {
    let (key, bytes) = entry?;
    Ok((tree_path_of_key(&key)?, decode(&bytes)?))
}

/// The path in a listing's entry, also of one that can't be read.
fn key_of(entry: &Result<(Vec<u8>, Vec<u8>), StoreError>) -> String {
    match entry {
        Ok((key, _)) | Err(StoreError::DamagedValue { raw_key: key, .. }) => {
            String::from_utf8_lossy(key).escape_debug().to_string()
        }
        Err(_) => "a file of the tree".to_owned(),
    }
}

pub(super) fn tree_path_of_key(key: &[u8]) -> Result<TreePath, GatewayError> {
    std::str::from_utf8(key)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| GatewayError::OddKey {
            key: key.escape_ascii().to_string(),
        })
}
