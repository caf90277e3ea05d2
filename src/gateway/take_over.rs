//! One file of a tree into the store: a phone's own, or one that is served as it is.

use std::sync::{Arc, PoisonError};

use super::core::Gateway;
use super::documents::Documents;
use super::door::GatewayError;
use super::draft::{Draft, Unreadable, Written};
use super::file_passwords::is_sealed;
use super::import::ImportOptions;
use super::live::Live;
use super::random;
use super::report::{Finding, FindingKind};
use super::shared_affixes::SharedAffixes;
use super::tree::{Classified, Reader, classify, sealed};
use super::tree_merge::{TreeMerge, collision_findings, merged_finding};
use crate::device::{
    ChangeAuthor, CpeState, DeviceRecord, FileContent, FileRecord, FileRole, TreePath,
};
use crate::native::{Document, Mac, Seal};
use crate::store::{Batch, StoreError, Table, encode};
use crate::wire::{ContentHash, Secret};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Added,
    Updated,
    Unchanged,
    /// Not taken over; a finding says why.
    Failed,
}

/// What became of a file, and why.
pub(super) struct Imported {
    pub(super) outcome: Outcome,
    pub(super) findings: Vec<Finding>,
}

impl Imported {
    pub(super) fn failed(kind: FindingKind, path: &TreePath, why: impl std::fmt::Display) -> Self {
        Self {
            outcome: Outcome::Failed,
            findings: vec![Finding::of_file(kind, path.to_string(), why)],
        }
    }
}

impl From<Outcome> for Imported {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            findings: Vec::new(),
        }
    }
}

/// A phone's own file as the tree has it.
pub(super) struct OwnFile<'a> {
    pub(super) path: &'a TreePath,
    pub(super) content: &'a [u8],
    /// What the content was found to be.
    pub(super) classified: Classified,
    pub(super) mac: Mac,
}

/// The same once it has been read as settings.
struct OwnSettings<'a> {
    path: &'a TreePath,
    content: &'a [u8],
    mac: Mac,
    role: FileRole,
    document: Document,
    seal: Option<Seal>,
}

impl<'a> OwnSettings<'a> {
    /// `None` for what is no phone's settings.
    fn of(file: OwnFile<'a>) -> Option<Self> {
        let Classified {
            role,
            document,
            seal,
            ..
        } = file.classified;
        if !matches!(role, FileRole::Phone { .. }) {
            return None;
        }
        Some(Self {
            path: file.path,
            content: file.content,
            mac: file.mac,
            role,
            document: document?,
            seal,
        })
    }
}

/// What became of a phone's own file.
pub(super) struct TakenOwn {
    pub(super) imported: Imported,
    /// What the commit leaves to do, if there was one.
    pub(super) written: Option<Written>,
}

impl From<Imported> for TakenOwn {
    fn from(imported: Imported) -> Self {
        Self {
            imported,
            written: None,
        }
    }
}

impl Gateway {
    pub(super) fn classify(
        &self,
        affixes: &SharedAffixes,
        path: &TreePath,
        content: &[u8],
    ) -> Classified {
        let reader = Reader {
            packs: &self.inner.packs,
            passwords: &self.inner.settings.file_passwords,
            affixes,
        };
        classify(reader, path, content)
    }

    /// Takes over a file that is no phone's own. It is on disk when this returns.
    pub(super) async fn import_other(
        &self,
        path: &TreePath,
        role: FileRole,
        content: &[u8],
        options: ImportOptions,
    ) -> Result<Imported, GatewayError> {
        let imported = self.put_other(path, role, content, options)?;
        if imported.outcome != Outcome::Unchanged && !options.dry_run {
            self.inner.store.commit(Batch::new())?.durable().await?;
        }
        Ok(imported)
    }

    /// The same without the wait for the disk.
    pub(super) fn put_other(
        &self,
        path: &TreePath,
        role: FileRole,
        content: &[u8],
        options: ImportOptions,
    ) -> Result<Imported, GatewayError> {
        let content_hash = ContentHash::of(content);
        let old = match self.load_file(path) {
            // What can't be read is written anew.
            Err(error) if is_unreadable(&error) => None,
            old => old?,
        };
        if let Some(old) = &old
            && let FileRole::Phone { mac, .. } = &old.role
            && let Some((record, _)) = self.load(*mac)?
            && record.own_file == *path
        {
            if old.imported_hash == content_hash {
                // Encrypted, and the password is gone.
                return Ok(Outcome::Unchanged.into());
            }
            let why = format!(
                "the file of phone {mac} can't be read as its settings any more; the one here \
                 was kept"
            );
            return Ok(Imported::failed(FindingKind::Conflict, path, why));
        }
        if let Some(old) = &old
            && let FileRole::Shared { dialect, .. } = &old.role
            && old.imported_hash == content_hash
            && role == FileRole::Other
            && is_sealed(*dialect, content)
        {
            // Here too the password is gone; phones go on reading the file.
            return Ok(Outcome::Unchanged.into());
        }
        if old.as_ref().is_some_and(|old| {
            old.imported_hash == content_hash && old.role == role && self.is_whole(path, old)
        }) {
            return Ok(Outcome::Unchanged.into());
        }
        let outcome = if old.is_some() {
            Outcome::Updated
        } else {
            Outcome::Added
        };
        if options.dry_run {
            return Ok(outcome.into());
        }
        let key = path.as_str().as_bytes();
        let mut batch = Batch::new();
        let place = if role.is_read_by_phones() {
            batch.put_long(Table::Document, key, content.to_vec());
            FileContent::Document
        } else {
            self.inner.assets.put(content)?;
            batch.delete(Table::Document, key);
            FileContent::Asset
        };
        let record = FileRecord {
            role: role.clone(),
            content: place,
            length: content.len() as u64,
            content_hash,
            imported_hash: content_hash,
            revision: 1,
        };
        batch.put(Table::File, key, encode(&record)?);
        // Who waits for the disk waits for all commits before.
        let _ = self.inner.store.commit(batch)?;
        self.note_role(path, &role);
        Ok(outcome.into())
    }

    /// Takes over a phone's own file whose content has been read. `is_there` says whether the tree
    /// that it comes from has a file. It is on disk when this returns.
    pub(super) async fn take_own(
        &self,
        file: OwnFile<'_>,
        options: ImportOptions,
        is_there: &(dyn Fn(&TreePath) -> bool + Sync),
    ) -> Result<Imported, GatewayError> {
        let mut live = self.hold(file.mac).await;
        let taken = self.take_held(file, options, is_there, &mut live)?;
        if let Some(written) = taken.written {
            self.finish(written).await?;
        }
        Ok(taken.imported)
    }

    /// The same for one who has the right to change the device, without the wait for the disk.
    pub(super) fn take_held(
        &self,
        file: OwnFile<'_>,
        options: ImportOptions,
        is_there: &(dyn Fn(&TreePath) -> bool + Sync),
        live: &mut Live,
    ) -> Result<TakenOwn, GatewayError> {
        let OwnFile { path, mac, .. } = file;
        let Some(settings) = OwnSettings::of(file) else {
            let why = "changed while it was imported; import again";
            return Ok(Imported::failed(FindingKind::Unreadable, path, why).into());
        };
        let known = match self.load(mac) {
            Ok(Some((record, _))) => Some(record),
            Ok(None) => None,
            // What can't be read is written anew.
            Err(GatewayError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        let Some(known) = known else {
            let record = self.first_record(&settings.role, path)?;
            return self.take_anew(settings, record, Outcome::Added, options, live);
        };
        let has_moved = known.own_file != *path;
        if has_moved && is_there(&known.own_file) {
            let why = format!(
                "phone {mac} was imported with {}; this file is left out",
                known.own_file
            );
            return Ok(Imported::failed(FindingKind::SeveralFiles, path, why).into());
        }
        let content_hash = ContentHash::of(settings.content);
        if !has_moved && self.is_as_imported(path, content_hash)? {
            return Ok(Imported::from(Outcome::Unchanged).into());
        }
        self.take_again(settings, content_hash, known, options, live)
    }

    /// The own file of a phone of which the store has nothing that can be read.
    fn take_anew(
        &self,
        settings: OwnSettings<'_>,
        record: DeviceRecord,
        outcome: Outcome,
        options: ImportOptions,
        live: &mut Live,
    ) -> Result<TakenOwn, GatewayError> {
        let mut written = None;
        if !options.dry_run {
            let OwnSettings {
                mac,
                role,
                document,
                seal,
                ..
            } = settings;
            let draft = self.draft_of_tree(mac, record, role, document, seal)?;
            written = Some(self.write(draft, live)?);
        }
        Ok(TakenOwn {
            imported: outcome.into(),
            written,
        })
    }

    /// The own file of a phone that is known: what was changed here since stays, if it can.
    fn take_again(
        &self,
        settings: OwnSettings<'_>,
        content_hash: ContentHash,
        known: DeviceRecord,
        options: ImportOptions,
        live: &mut Live,
    ) -> Result<TakenOwn, GatewayError> {
        let has_moved = known.own_file != *settings.path;
        let mut draft = self.draft(settings.mac)?;
        draft.author = ChangeAuthor::Import;
        let documents = match draft.documents(self) {
            Ok(documents) => documents,
            // What can't be read is written anew here, too.
            Err(error)
                if is_unreadable(&error)
                    || matches!(error, GatewayError::MissingContent { .. }) =>
            {
                let record = DeviceRecord {
                    own_file: settings.path.clone(),
                    ..known
                };
                return self.take_anew(settings, record, Outcome::Updated, options, live);
            }
            // The password of the one here is gone, the tree's can be read.
            Err(GatewayError::Sealed { path, .. }) if path == known.own_file => {
                draft.open_as(self, settings.document.clone(), settings.seal.clone())?
            }
            Err(error) => return Err(error),
        };
        let own_file = &documents.own_file;
        let is_another = own_file.imported_hash != content_hash;
        if !is_another && !has_moved {
            return Ok(Imported::from(Outcome::Unchanged).into());
        }
        let has_conflict =
            is_another && own_file.is_edited() && own_file.content_hash != content_hash;
        let mut findings = Vec::new();
        let document = if has_conflict && !options.replace {
            let own_file = own_file.clone();
            let merge =
                self.merge_with_tree(&mut draft, &own_file, &settings.document, options.prefer)?;
            match merged(merge, settings.path) {
                Ok((document, finding)) => {
                    findings.push(finding);
                    document
                }
                Err(failed) => return Ok(failed.into()),
            }
        } else {
            settings.document
        };
        let mut written = None;
        if !options.dry_run {
            let pack = Arc::clone(&draft.pack);
            let documents = draft.documents(self)?;
            if is_another {
                documents.replace_own(&pack, document, settings.seal);
                documents.own_file_is_based_on(settings.content);
            }
            if has_moved {
                documents.move_own(known.own_file, settings.role);
                draft.record.own_file = settings.path.clone();
                draft.derive_anew = true;
            }
            written = Some(self.write(draft, live)?);
        }
        let imported = Imported {
            outcome: Outcome::Updated,
            findings,
        };
        Ok(TakenOwn { imported, written })
    }

    /// Whether a phone's own file is at hand, and was imported with these bytes.
    fn is_as_imported(
        &self,
        path: &TreePath,
        content_hash: ContentHash,
    ) -> Result<bool, GatewayError> {
        let file = match self.load_file(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(false),
            Err(error) if is_unreadable(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(matches!(file.role, FileRole::Phone { .. })
            && file.imported_hash == content_hash
            && self.content_bytes(path, &file).is_ok())
    }

    /// The record of a phone that has not been known.
    pub(super) fn first_record(
        &self,
        role: &FileRole,
        path: &TreePath,
    ) -> Result<DeviceRecord, GatewayError> {
        let vendor = match role {
            FileRole::Phone { vendor, .. } => vendor.clone(),
            _ => String::new(),
        };
        let cpe = CpeState::new(random::text()?, Secret::new(random::text()?));
        Ok(DeviceRecord::new(vendor, path.clone(), cpe))
    }

    /// A device as the tree has it, over whatever the store has of it.
    pub(super) fn draft_of_tree(
        &self,
        mac: Mac,
        record: DeviceRecord,
        role: FileRole,
        document: Document,
        seal: Option<Seal>,
    ) -> Result<Draft, GatewayError> {
        let pack = self.lenses(&record)?;
        let bytes = sealed(&document, seal.as_ref());
        let content_hash = ContentHash::of(&bytes);
        let own_file = FileRecord {
            length: bytes.len() as u64,
            role,
            content: FileContent::Document,
            content_hash,
            imported_hash: content_hash,
            // Never a revision again that a phone may have fetched.
            revision: record.delivery.desired + 1,
        };
        let original = match self.inner.store.get(Table::Device, &mac.bytes()) {
            Ok(original) => Ok(original),
            Err(StoreError::DamagedValue { .. }) => Err(Unreadable),
            Err(error) => return Err(error.into()),
        };
        let layers = self.layers(&record, document, &pack)?;
        let documents = Documents::new(layers, own_file, seal);
        Ok(Draft::of_tree(mac, record, original, pack, documents))
    }

    /// Whether the bytes of a file are there as its record says.
    fn is_whole(&self, path: &TreePath, file: &FileRecord) -> bool {
        self.content_bytes(path, file)
            .is_ok_and(|bytes| ContentHash::of(&bytes) == file.content_hash)
    }

    fn note_role(&self, path: &TreePath, role: &FileRole) {
        self.inner.known.note_file(path, role);
        self.inner
            .files
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .note(path, role);
    }
}

/// The document that holds the changes of both sides, and the finding that says so; else why there is
/// none.
fn merged(merge: TreeMerge, path: &TreePath) -> Result<(Document, Finding), Imported> {
    match merge {
        TreeMerge::Merged(merged) => {
            let finding = merged_finding(path, merged.carried);
            Ok((merged.document, finding))
        }
        TreeMerge::Collisions(collisions) => Err(Imported {
            outcome: Outcome::Failed,
            findings: collision_findings(path, &collisions),
        }),
        TreeMerge::Unknown => {
            let why = "the file has changed in the tree and here, and what was imported is not at \
                       hand to tell the changes; the one here was kept (--replace takes the tree's)";
            Err(Imported::failed(FindingKind::Conflict, path, why))
        }
    }
}

pub(super) fn is_too_large(error: &GatewayError) -> bool {
    matches!(
        error,
        GatewayError::Store(StoreError::TooLarge { .. } | StoreError::BatchTooLarge { .. })
    )
}

/// Whether a record is there and does not read back as it was written.
fn is_unreadable(error: &GatewayError) -> bool {
    matches!(
        error,
        GatewayError::Record(_) | GatewayError::Store(StoreError::DamagedValue { .. })
    )
}
