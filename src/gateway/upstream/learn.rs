//! A file that the old server has given, taken over as an import of it would have done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use bytes::Bytes;

use super::super::core::Gateway;
use super::super::door::{FetchReceipt, FetchRequest, GatewayError};
use super::super::file_passwords::Whose;
use super::super::import::ImportOptions;
use super::super::report::ImportReport;
use super::super::shared_affixes::SharedAffixes;
use super::super::take_over::{Imported, Outcome, OwnFile, is_too_large};
use super::record::{Answer, UpstreamNote, UpstreamRecord};
use crate::device::{FileRole, TreePath};
use crate::native::Mac;
use crate::store::{Batch, Table, decode, encode};
use crate::wire::ContentHash;

/// Paths of which answers are kept: a server that has a file under every name fills no disk.
const MAX_RECORDS: usize = 100_000;

/// Where the file of a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePlace {
    /// Not here.
    Nowhere,
    /// Part of the tree.
    Tree,
    /// The answer is the gateway's alone, and none of the old server's business: a file that was
    /// made for one phone.
    GatewayOnly,
}

/// A file that the old server has given.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamFile<'a> {
    /// The request that it was given for.
    pub request: &'a FetchRequest,
    /// All of it.
    pub body: &'a Bytes,
    /// Whether it took credentials to get it.
    pub protected: bool,
    /// Why it can't be what phones of this name read; `None` when it may be.
    pub doubt: Option<UpstreamNote>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// It is part of the store now, and is served from there.
    Learned,
    /// It is served as it came.
    Passed,
}

impl Gateway {
    /// Where the file is that a request is for: who of the two is to be asked.
    ///
    /// # Errors
    /// [`GatewayError`] when the store can't be read.
    pub fn place_of_file(&self, request: &FetchRequest) -> Result<FilePlace, GatewayError> {
        if self.shows_nothing(request) && self.is_held_back(request) {
            // Nor does the old server hear of it.
            return Ok(FilePlace::GatewayOnly);
        }
        Ok(match self.find_wanted(request)? {
            None => FilePlace::Nowhere,
            Some(found) if matches!(found.file.role, FileRole::Handout { .. }) => {
                FilePlace::GatewayOnly
            }
            Some(_) => FilePlace::Tree,
        })
    }

    /// Whether phones read settings under this name, by the rules of the mapping packs.
    pub fn is_name_of_settings(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.inner.packs.identify_by_name(name).is_some()
    }

    /// A receipt for a file that is not the gateway's: nobody's fetch follows from it.
    pub fn receipt_of_upstream(&self, request: &FetchRequest) -> FetchReceipt {
        FetchReceipt {
            mac: None,
            revision: None,
            transfer: None,
            at: self.inner.clock.now(),
            source: request.source.ip().to_canonical(),
            transport: request.transport,
        }
    }

    /// Takes over what the old server has given for a path that is not here: a phone's own file
    /// makes the phone a device, a shared one counts for the phones beside it, anything else is
    /// served as it is. What is in doubt is only noted.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub async fn learn(&self, file: UpstreamFile<'_>) -> Result<Lesson, GatewayError> {
        let path: TreePath = match file.request.path.parse() {
            Ok(path) => path,
            // The door's limits are wider than the tree's.
            Err(_) => return Ok(Lesson::Passed),
        };
        let has_query = file.request.shown.target.contains('?');
        let doubt = if file.body.is_empty() {
            Some(UpstreamNote::Empty)
        } else if has_query && !self.is_name_of_settings(path.as_str()) {
            Some(UpstreamNote::ByQuery)
        } else {
            file.doubt
        };
        if let Some(doubt) = doubt {
            self.note_upstream(&path, file, doubt).await?;
            return Ok(Lesson::Passed);
        }
        let Some(imported) = Box::pin(self.take_over(&path, file)).await? else {
            let note = UpstreamNote::TooManyNew;
            self.note_upstream(&path, file, note).await?;
            return Ok(Lesson::Passed);
        };
        for finding in &imported.findings {
            tracing::info!(%path, %finding, "a file of the old server is not read as settings");
        }
        if imported.outcome == Outcome::Failed {
            return Ok(Lesson::Passed);
        }
        self.note_upstream(&path, file, UpstreamNote::Learned)
            .await?;
        tracing::info!(%path, bytes = file.body.len(), "a file was learned from the old server");
        Ok(Lesson::Learned)
    }

    /// Notes what the old server has for a path whose file is here as well.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub async fn compare_with_upstream(&self, file: UpstreamFile<'_>) -> Result<(), GatewayError> {
        // Under the file's own name, however the request has written it.
        let Some((path, _)) = self.find_file(&file.request.path)? else {
            return Ok(());
        };
        self.note_upstream(&path, file, UpstreamNote::Compared)
            .await
    }

    /// `None` when it would make a device, and its source has brought too many of them.
    async fn take_over(
        &self,
        path: &TreePath,
        file: UpstreamFile<'_>,
    ) -> Result<Option<Imported>, GatewayError> {
        let content = file.body;
        let affixes = self.affixes_beside(path)?;
        let classified = self.classify(&affixes, path, content);
        let options = ImportOptions::default();
        let FileRole::Phone { mac, .. } = classified.role else {
            let role = classified.role;
            let is_shared = matches!(role, FileRole::Shared { .. });
            let mut imported = self.import_other(path, role, content, options).await?;
            imported.findings = classified.findings;
            if is_shared && matches!(imported.outcome, Outcome::Added | Outcome::Updated) {
                let changed = BTreeSet::from([path.as_str().to_owned()]);
                let folder = BTreeMap::from([(path.folder().to_owned(), changed)]);
                let mut report = ImportReport::default();
                Box::pin(self.derive_all(&folder, &BTreeSet::new(), &mut report)).await?;
            }
            return Ok(Some(imported));
        };
        if self.has_another_file(mac, path)? {
            // Phones have one file of their own here; this one is served as it is.
            let as_it_is = self.import_other(path, FileRole::Other, content, options);
            return as_it_is.await.map(Some);
        }
        if !self.admits_newcomer(mac, file.request) {
            return Ok(None);
        }
        let is_there = |_: &TreePath| false;
        let own = OwnFile {
            path,
            content,
            classified,
            mac,
        };
        let taken = self.take_own(own, options, &is_there);
        match Box::pin(taken).await {
            Err(error) if is_too_large(&error) => {
                let as_it_is = self.import_other(path, FileRole::Other, content, options);
                as_it_is.await.map(Some)
            }
            taken => taken.map(Some),
        }
    }

    fn has_another_file(&self, mac: Mac, path: &TreePath) -> Result<bool, GatewayError> {
        match self.load(mac) {
            Ok(known) => Ok(known.is_some_and(|(record, _)| record.own_file != *path)),
            // What can't be read is written anew.
            Err(GatewayError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What the shared files beside a path say about its name.
    fn affixes_beside(&self, path: &TreePath) -> Result<SharedAffixes, GatewayError> {
        let shared = self
            .inner
            .files
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .shared_in(path.folder());
        let mut affixes = SharedAffixes::default();
        for (shared, vendor) in shared {
            let Some(pack) = self.inner.packs.by_vendor(&vendor) else {
                continue;
            };
            if !pack.wraps_names() {
                continue;
            }
            let Some(record) = self.load_file(&shared)? else {
                continue;
            };
            let Some(dialect) = record.role.dialect() else {
                continue;
            };
            let whose = Whose {
                vendor: Some(&vendor),
                ..Whose::default()
            };
            let bytes = self.content_bytes(&shared, &record)?;
            // One that stays closed says nothing here.
            if let Ok((document, _)) = self.open_document(&shared, dialect, whose, bytes) {
                affixes.add(&vendor, path.folder(), pack.name_affixes(&document));
            }
        }
        Ok(affixes)
    }

    async fn note_upstream(
        &self,
        path: &TreePath,
        file: UpstreamFile<'_>,
        note: UpstreamNote,
    ) -> Result<(), GatewayError> {
        let key = path.as_str().as_bytes();
        let answer = Answer {
            at: self.inner.clock.now(),
            length: file.body.len() as u64,
            hash: ContentHash::of(file.body),
            note,
            protected: file.protected,
            source: file.request.source.ip().to_canonical(),
            user_agent: file.request.user_agent.as_deref(),
        };
        let record = match self.inner.store.get(Table::Upstream, key)? {
            Some(bytes) => {
                let mut record: UpstreamRecord = decode(&bytes)?;
                if !record.add(answer) {
                    return Ok(());
                }
                record
            }
            // What is learned is a file of the store; anything else is only a record.
            None if note != UpstreamNote::Learned
                && self.inner.store.scan(Table::Upstream, b"").count() >= MAX_RECORDS =>
            {
                tracing::warn!(%path, limit = MAX_RECORDS, "no more answers of the old server are noted");
                return Ok(());
            }
            None => UpstreamRecord::of(answer),
        };
        let mut batch = Batch::new();
        batch.put(Table::Upstream, key, encode(&record)?);
        self.inner.store.commit(batch)?.durable().await?;
        Ok(())
    }
}
