//! `import`: the tree of a config server into the store; again, only what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::check::Progress;
use super::closed::if_open;
use super::core::Gateway;
use super::documents::Documents;
use super::door::GatewayError;
use super::draft::{Draft, Unreadable};
use super::file_passwords::is_sealed;
use super::random;
use super::report::{Finding, FindingKind, ImportReport};
use super::shared_affixes::SharedAffixes;
use super::tree::{
    Candidate, Classified, Reader, TreeError, TreeFile, choose, classify, sealed, walk,
};
use super::tree_merge::{TreeMerge, collision_findings, merged_finding};
use crate::device::{
    ChangeAuthor, CpeState, DeviceRecord, FileContent, FileRecord, FileRole, TreePath,
};
use crate::native::{Document, Mac, Seal, Side};
use crate::store::{Batch, StoreError, Table, encode};
use crate::wire::{ContentHash, Secret};

/// Phones whose changes wait for the disk at the same time: they share its flushes.
const AT_ONCE: usize = 256;

/// How an import goes about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions {
    /// Write nothing, only say what would happen.
    pub dry_run: bool,
    /// Where a file has changed in the tree and here, take the tree's, and all of it.
    pub replace: bool,
    /// Whose value is taken where a setting has changed in the tree and here; `None`: nobody's,
    /// and the file here stays as it is.
    pub prefer: Option<Side>,
}

/// An import could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The tree can't be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Added,
    Updated,
    Unchanged,
    /// Not taken over; a finding says why.
    Failed,
}

impl Gateway {
    /// Takes a tree over. A file that was imported before and is the same in the tree is left
    /// alone, and with it everything that was changed here since.
    ///
    /// # Errors
    /// [`ImportError`] when the root can't be read or the store can't write; anything smaller is a
    /// finding and stops nothing.
    pub async fn import(
        &self,
        root: &Path,
        options: ImportOptions,
        progress: Progress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let (files, findings) = walk(root)?;
        let mut report = ImportReport {
            findings,
            ..ImportReport::default()
        };
        report.summary.dry_run = options.dry_run;
        report.summary.failed = report.findings.len() as u64;
        let total = files.len() as u64;
        let passwords = &self.inner.settings.file_passwords;
        let affixes = SharedAffixes::read(&self.inner.packs, passwords, &files);
        let affixes = Arc::new(affixes);
        let mut done = 0;
        let mut own_files: BTreeMap<Mac, Vec<Candidate>> = BTreeMap::new();
        let mut stale: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // Shared files first: phones are derived from them.
        for file in files {
            // A running gateway has other things to do as well.
            tokio::task::yield_now().await;
            let Some(content) = read(&file, &mut report) else {
                continue;
            };
            report.summary.files += 1;
            let mut classified = self.classify(&affixes, &file.path, &content);
            report.findings.append(&mut classified.findings);
            if let FileRole::Phone { mac, vendor, .. } = classified.role {
                let candidate = Candidate { file, vendor };
                own_files.entry(mac).or_default().push(candidate);
                continue;
            }
            done += 1;
            progress(done, total);
            let is_shared = |role: &FileRole| matches!(role, FileRole::Shared { .. });
            let old = self.load_file(&file.path).ok().flatten();
            let concerns_phones =
                is_shared(&classified.role) || old.is_some_and(|old| is_shared(&old.role));
            let imported = self
                .import_other(&file.path, classified.role, &content, options)
                .await;
            let outcome = report.note(&file.path, None, imported)?;
            if concerns_phones && matches!(outcome, Outcome::Added | Outcome::Updated) {
                let changed = stale.entry(file.path.folder().to_owned()).or_default();
                changed.insert(file.path.to_string());
            }
        }
        report.summary.phones = own_files.len() as u64;
        let mut fresh = BTreeSet::new();
        let mut running = JoinSet::new();
        for (mac, candidates) in own_files {
            let known = self
                .load(mac)
                .ok()
                .flatten()
                .map(|(record, _)| record.own_file);
            let chosen = choose(&self.inner.packs, mac, candidates, known.as_ref());
            let Some((Candidate { file, .. }, others)) = chosen else {
                continue;
            };
            for other in others {
                done += 1;
                self.import_second_file(&other.file, &file.path, mac, options, &mut report)
                    .await?;
            }
            while running.len() >= AT_ONCE {
                collect(&mut running, &mut report, &mut fresh).await?;
            }
            let gateway = self.clone();
            let root = root.to_owned();
            let affixes = Arc::clone(&affixes);
            running.spawn(async move {
                let imported = gateway
                    .import_own(&root, &affixes, &file, mac, options)
                    .await;
                let imported = match imported {
                    Err(error) if is_too_large(&error) => {
                        gateway.import_too_large(&file, options).await
                    }
                    imported => imported,
                };
                (file.path, mac, imported)
            });
            done += 1;
            progress(done, total);
        }
        while !running.is_empty() {
            collect(&mut running, &mut report, &mut fresh).await?;
        }
        if !options.dry_run && !stale.is_empty() {
            self.derive_all(&stale, &fresh, &mut report).await?;
        }
        report
            .findings
            .sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        Ok(report)
    }

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

    /// Takes over a file that is no phone's own.
    pub(super) async fn import_other(
        &self,
        path: &TreePath,
        role: FileRole,
        content: &[u8],
        options: ImportOptions,
    ) -> Result<Imported, GatewayError> {
        let content_hash = ContentHash::of(content);
        let old = match self.load_file(path) {
            Err(GatewayError::Record(_) | GatewayError::Store(StoreError::DamagedValue { .. })) => {
                None
            }
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
        self.inner.store.commit(batch)?.durable().await?;
        self.note_role(path, &role);
        Ok(outcome.into())
    }

    /// A phone's second file: phones have one file of their own, so it is served as it is.
    async fn import_second_file(
        &self,
        file: &TreeFile,
        own_file: &TreePath,
        mac: Mac,
        options: ImportOptions,
        report: &mut ImportReport,
    ) -> Result<(), GatewayError> {
        let why = format!("phone {mac} has {own_file} for its own; this one is served as it is");
        let finding = Finding::of_file(FindingKind::SeveralFiles, file.path.to_string(), why);
        report.findings.push(finding.about(mac));
        let Some(content) = read(file, report) else {
            return Ok(());
        };
        let imported = self
            .import_other(&file.path, FileRole::Other, &content, options)
            .await;
        report.note(&file.path, Some(mac), imported)?;
        Ok(())
    }

    /// Takes over a phone's own file.
    async fn import_own(
        &self,
        root: &Path,
        affixes: &SharedAffixes,
        file: &TreeFile,
        mac: Mac,
        options: ImportOptions,
    ) -> Result<Imported, GatewayError> {
        let content = match read_again(file) {
            Ok(content) => content,
            Err(failed) => return Ok(failed),
        };
        let classified = self.classify(affixes, &file.path, &content);
        let is_there = |path: &TreePath| root.join(path.as_str()).exists();
        self.take_own(&file.path, &content, classified, mac, options, &is_there)
            .await
    }

    /// Takes over a phone's own file whose content has been read. `is_there` says whether the tree
    /// that it comes from has a file.
    pub(super) async fn take_own(
        &self,
        path: &TreePath,
        content: &[u8],
        classified: Classified,
        mac: Mac,
        options: ImportOptions,
        is_there: &(dyn Fn(&TreePath) -> bool + Sync),
    ) -> Result<Imported, GatewayError> {
        let seal = classified.seal;
        let (FileRole::Phone { .. }, Some(document)) = (&classified.role, classified.document)
        else {
            let why = "changed while it was imported; import again";
            return Ok(Imported::failed(FindingKind::Unreadable, path, why));
        };
        let mut live = self.hold(mac).await;
        let known = match self.load(mac) {
            Ok(Some((record, _))) => Some(record),
            Ok(None) => None,
            // What can't be read is written anew.
            Err(GatewayError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        let Some(known) = known else {
            if !options.dry_run {
                let record = self.first_record(&classified.role, path)?;
                let draft = self.draft_of_tree(mac, record, classified.role, document, seal)?;
                self.commit(draft, &mut live).await?;
            }
            return Ok(Outcome::Added.into());
        };
        let has_moved = known.own_file != *path;
        if has_moved && is_there(&known.own_file) {
            let why = format!(
                "phone {mac} was imported with {}; this file is left out",
                known.own_file
            );
            return Ok(Imported::failed(FindingKind::SeveralFiles, path, why));
        }
        let mut draft = self.draft(mac)?;
        draft.author = ChangeAuthor::Import;
        let pack = Arc::clone(&draft.pack);
        let documents = match draft.documents(self) {
            Ok(documents) => documents,
            // What can't be read is written anew here, too.
            Err(
                GatewayError::MissingContent { .. }
                | GatewayError::Record(_)
                | GatewayError::Store(StoreError::DamagedValue { .. }),
            ) => {
                if !options.dry_run {
                    let mut record = known;
                    record.own_file = path.clone();
                    let draft = self.draft_of_tree(mac, record, classified.role, document, seal)?;
                    self.commit(draft, &mut live).await?;
                }
                return Ok(Outcome::Updated.into());
            }
            // The password of the one here is gone, the tree's can be read.
            Err(GatewayError::Sealed { path, .. }) if path == known.own_file => {
                draft.open_as(self, document.clone(), seal.clone())?
            }
            Err(error) => return Err(error),
        };
        let content_hash = ContentHash::of(content);
        let own_file = &documents.own_file;
        if own_file.imported_hash == content_hash && !has_moved {
            return Ok(Outcome::Unchanged.into());
        }
        let has_conflict = own_file.imported_hash != content_hash
            && own_file.is_edited()
            && own_file.content_hash != content_hash;
        let (document, note) = if has_conflict && !options.replace {
            let own_file = own_file.clone();
            let merge = self.merge_with_tree(&mut draft, &own_file, &document, options.prefer)?;
            match merge {
                TreeMerge::Merged(merged) => {
                    let note = merged_finding(path, merged.carried);
                    (merged.document, Some(note))
                }
                TreeMerge::Collisions(collisions) => {
                    return Ok(Imported {
                        outcome: Outcome::Failed,
                        findings: collision_findings(path, &collisions),
                    });
                }
                TreeMerge::Unknown => {
                    let why = "the file has changed in the tree and here, and what was imported \
                               is not at hand to tell the changes; the one here was kept \
                               (--replace takes the tree's)";
                    return Ok(Imported::failed(FindingKind::Conflict, path, why));
                }
            }
        } else {
            (document, None)
        };
        if !options.dry_run {
            let documents = draft.documents(self)?;
            if documents.own_file.imported_hash != content_hash {
                documents.replace_own(&pack, document, seal);
                documents.own_file_is_based_on(content_hash);
                if ContentHash::of(&documents.own_bytes()) != content_hash {
                    // The next merge needs it.
                    self.inner.assets.put(content)?;
                }
            }
            if has_moved {
                documents.move_own(known.own_file, classified.role);
                draft.record.own_file = path.clone();
                draft.derive_anew = true;
            }
            self.commit(draft, &mut live).await?;
        }
        Ok(Imported {
            outcome: Outcome::Updated,
            findings: note.into_iter().collect(),
        })
    }

    /// A phone's own file that is too large to be kept as settings: it is served as it is.
    async fn import_too_large(
        &self,
        file: &TreeFile,
        options: ImportOptions,
    ) -> Result<Imported, GatewayError> {
        let content = match read_again(file) {
            Ok(content) => content,
            Err(failed) => return Ok(failed),
        };
        let imported = self
            .import_other(&file.path, FileRole::Other, &content, options)
            .await?;
        let why = "too large to be read as settings; it is served as it is";
        let finding = Finding::of_file(FindingKind::LeftOut, file.path.to_string(), why);
        Ok(Imported {
            findings: vec![finding],
            ..imported
        })
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

    /// Derives the parameters of all phones anew that may read a shared file in one of these folders.
    /// A phone that reads one of the changed files has to fetch its files again: for it this is a
    /// new revision.
    pub(super) async fn derive_all(
        &self,
        stale: &BTreeMap<String, BTreeSet<String>>,
        fresh: &BTreeSet<Mac>,
        report: &mut ImportReport,
    ) -> Result<(), GatewayError> {
        let concerned: Vec<(Mac, TreePath)> = self
            .devices()
            .filter_map(Result::ok)
            .filter(|(mac, record)| {
                !fresh.contains(mac) && stale.contains_key(record.own_file.folder())
            })
            .map(|(mac, record)| (mac, record.own_file))
            .collect();
        for (mac, path) in concerned {
            let Some(changed) = stale.get(path.folder()) else {
                continue;
            };
            let derived = self
                .change(mac, |draft, _| {
                    draft.derive_anew = true;
                    draft.author = ChangeAuthor::Import;
                    if let Some(documents) = if_open(draft.documents(self))? {
                        let mut read = documents.layers.counting().iter();
                        if read.any(|layer| changed.contains(&layer.path)) {
                            documents.layer_has_changed();
                        }
                    }
                    Ok::<(), GatewayError>(())
                })
                .await;
            if let Err(error) = derived {
                let failed = Err(error);
                report.note(&path, Some(mac), failed)?;
            }
        }
        Ok(())
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
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .note(path, role);
    }
}

pub(super) fn is_too_large(error: &GatewayError) -> bool {
    matches!(
        error,
        GatewayError::Store(StoreError::TooLarge { .. } | StoreError::BatchTooLarge { .. })
    )
}

/// What became of a file, and why.
pub(super) struct Imported {
    pub(super) outcome: Outcome,
    pub(super) findings: Vec<Finding>,
}

impl Imported {
    fn failed(kind: FindingKind, path: &TreePath, why: impl std::fmt::Display) -> Self {
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

impl ImportReport {
    /// Counts a file. One that failed is a finding; only a store that can't write any more ends
    /// the import.
    fn note(
        &mut self,
        path: &TreePath,
        mac: Option<Mac>,
        imported: Result<Imported, GatewayError>,
    ) -> Result<Outcome, GatewayError> {
        let imported = match imported {
            Ok(imported) => imported,
            Err(
                error @ GatewayError::Store(StoreError::Poisoned { .. } | StoreError::Io { .. }),
            ) => {
                return Err(error);
            }
            Err(error) => Imported::failed(FindingKind::Unreadable, path, error),
        };
        self.findings
            .extend(imported.findings.into_iter().map(|finding| Finding {
                mac: mac.or(finding.mac),
                ..finding
            }));
        let summary = &mut self.summary;
        *match imported.outcome {
            Outcome::Added => &mut summary.added,
            Outcome::Updated => &mut summary.updated,
            Outcome::Unchanged => &mut summary.unchanged,
            Outcome::Failed => &mut summary.failed,
        } += 1;
        Ok(imported.outcome)
    }
}

type Running = JoinSet<(TreePath, Mac, Result<Imported, GatewayError>)>;

async fn collect(
    running: &mut Running,
    report: &mut ImportReport,
    fresh: &mut BTreeSet<Mac>,
) -> Result<(), GatewayError> {
    let Some(joined) = running.join_next().await else {
        return Ok(());
    };
    match joined {
        Ok((path, mac, imported)) => {
            let outcome = report.note(&path, Some(mac), imported)?;
            if matches!(outcome, Outcome::Added | Outcome::Updated) {
                fresh.insert(mac);
            }
        }
        // A bug in one phone's import: the others go on.
        Err(error) => {
            tracing::error!(%error, "the import of a phone broke off");
            report.summary.failed += 1;
        }
    }
    Ok(())
}

/// Reads a file that could be read before.
fn read_again(file: &TreeFile) -> Result<Vec<u8>, Imported> {
    fs::read(&file.on_disk)
        .map_err(|source| Imported::failed(FindingKind::Unreadable, &file.path, source))
}

fn read(file: &TreeFile, report: &mut ImportReport) -> Option<Vec<u8>> {
    match fs::read(&file.on_disk) {
        Ok(content) => Some(content),
        Err(source) => {
            let path = file.path.to_string();
            let finding = Finding::of_file(FindingKind::Unreadable, path, source);
            report.findings.push(finding);
            report.summary.failed += 1;
            None
        }
    }
}
