//! `import`: the tree of a config server into the store; again, only what changed.
//!
//! Files are read and worked out on all cores, some at a time; each phone is a commit of its own,
//! and all of them share the flushes of the store. What is in memory of a tree are the names of its
//! files.

mod taken;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use rayon::prelude::*;

use super::check::Progress;
use super::closed::if_open;
use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Written;
use super::live::Live;
use super::report::{Finding, FindingKind, ImportReport};
use super::shared_affixes::SharedAffixes;
use super::take_over::{Imported, Outcome};
use super::tree::{TreeError, TreeFile, walk};
use crate::device::{ChangeAuthor, TreePath};
use crate::native::{LayerKind, Mac, Side};
use crate::store::{Batch, StoreError, Ticket};

use taken::{Taken, TakenFile};

/// Files, or phones, that are worked on before the next ones are taken up: enough for all cores,
/// and to share a flush.
const AT_ONCE: usize = 256;
/// The same for names alone.
const NAMES_AT_ONCE: usize = 16_384;

/// For each core so many threads work: while some wait for the database, and share what it writes,
/// the others go on. With more of them it is no quicker.
const THREADS_PER_CORE: usize = 4;

/// The threads that import; `None` when the system gave none, and those of the process are used.
static IMPORTERS: LazyLock<Option<rayon::ThreadPool>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS_PER_CORE * cores)
        .thread_name(|number| format!("import-{number}"))
        .build();
    pool.inspect_err(|error| tracing::warn!(%error, "an import has no threads of its own"))
        .ok()
});

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
        let mut import = Import {
            gateway: self.clone(),
            report,
            total: files.len() as u64,
            progress,
            done: 0,
            own: Vec::new(),
            later: Vec::new(),
            fresh: BTreeSet::new(),
            stale: BTreeMap::new(),
            unsettled: None,
        };
        let (own, others) = import.by_name(files).await;
        let passwords = &self.inner.settings.file_passwords;
        let tree = Tree {
            root: root.into(),
            affixes: SharedAffixes::read(&self.inner.packs, passwords, &others),
            options,
        };
        let tree = Arc::new(tree);
        // Shared files first: phones are derived from them.
        import.take_others(&tree, others).await?;
        import.own.extend(own);
        import.take_phones(&tree).await?;
        // Those whose content names another phone than their name.
        import.take_phones(&tree).await?;
        let Import {
            mut report,
            fresh,
            stale,
            unsettled,
            ..
        } = import;
        if let Some(ticket) = unsettled {
            ticket.durable().await.map_err(GatewayError::from)?;
        }
        if !options.dry_run && !stale.is_empty() {
            self.derive_all(&stale, &fresh, &mut report).await?;
        }
        report
            .findings
            .sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        Ok(report)
    }

    /// Derives the parameters of all phones anew that may read a shared file in one of these folders.
    /// A phone that reads one of the changed files has to fetch its files again: for it this is a
    /// new revision.
    pub(super) async fn derive_all(
        &self,
        stale: &Stale,
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
        let stale = Arc::new(stale.clone());
        let mut concerned = concerned.into_iter();
        loop {
            let some: Vec<(Mac, TreePath)> = concerned.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            let (gateway, changed) = (self.clone(), Arc::clone(&stale));
            let derived = on_all_cores(some, move |(mac, path)| {
                let held = gateway.try_hold(mac);
                let outcome =
                    held.map(|mut live| gateway.derive_anew(mac, &path, &changed, &mut live));
                (mac, path, outcome)
            });
            let mut has_new_row = false;
            for (mac, path, outcome) in derived.await.into_iter().flatten() {
                let outcome = match outcome {
                    Some(outcome) => outcome,
                    None => {
                        let mut live = self.hold(mac).await;
                        self.derive_anew(mac, &path, &stale, &mut live)
                    }
                };
                match outcome {
                    Ok(written) => has_new_row |= written.has_new_row,
                    Err(error) => {
                        report.note(&path, Some(mac), Err(error))?;
                    }
                }
            }
            self.inner.store.commit(Batch::new())?.durable().await?;
            if has_new_row {
                self.tell_new_row().await;
            }
        }
    }

    fn derive_anew(
        &self,
        mac: Mac,
        path: &TreePath,
        stale: &Stale,
        live: &mut Live,
    ) -> Result<Written, GatewayError> {
        let mut draft = self.draft(mac)?;
        draft.derive_anew = true;
        draft.author = ChangeAuthor::Import;
        if let Some(documents) = if_open(draft.documents(self))? {
            let changed = stale.get(path.folder());
            let mut read = documents.layers.counting().iter();
            if read.any(|layer| changed.is_some_and(|changed| changed.contains(&layer.path))) {
                documents.layer_has_changed();
            }
        }
        self.write(draft, live)
    }
}

/// Shared files that have come or changed, by folder.
pub(super) type Stale = BTreeMap<String, BTreeSet<String>>;

/// What all files of an import have in common.
struct Tree {
    root: Box<Path>,
    affixes: SharedAffixes,
    options: ImportOptions,
}

/// An import under way.
struct Import<'a> {
    gateway: Gateway,
    report: ImportReport,
    progress: Progress<'a>,
    done: u64,
    total: u64,
    /// Files that are a phone's own, by what is known of them so far.
    own: Vec<(Mac, TreeFile)>,
    /// Phones that somebody else was changing.
    later: Vec<(Mac, TreeFile)>,
    /// Phones that have been derived from the tree's files.
    fresh: BTreeSet<Mac>,
    stale: Stale,
    /// What was committed last: the next files are worked on while it goes to the disk.
    unsettled: Option<Ticket>,
}

impl Import<'_> {
    /// Files that by their names are a phone's own, and the others.
    async fn by_name(&self, files: Vec<TreeFile>) -> (Vec<(Mac, TreeFile)>, Vec<TreeFile>) {
        let (mut own, mut others) = (Vec::with_capacity(files.len()), Vec::new());
        let mut files = files.into_iter();
        loop {
            let some: Vec<TreeFile> = files.by_ref().take(NAMES_AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            let gateway = self.gateway.clone();
            let named = on_all_cores(some, move |file: TreeFile| {
                let identified = gateway.inner.packs.identify_by_name(file.path.file_name());
                let identity = identified.map(|(_, identity)| identity);
                let own = identity.filter(|identity| identity.layer == LayerKind::Phone);
                (own.and_then(|identity| identity.mac), file)
            });
            for (mac, file) in named.await.into_iter().flatten() {
                match mac {
                    Some(mac) => own.push((mac, file)),
                    None => others.push(file),
                }
            }
        }
        (own, others)
    }

    /// Takes over files that by their names are no phone's own.
    async fn take_others(
        &mut self,
        tree: &Arc<Tree>,
        others: Vec<TreeFile>,
    ) -> Result<(), GatewayError> {
        let mut others = others.into_iter();
        loop {
            let some: Vec<TreeFile> = others.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            let count = some.len();
            let (gateway, tree) = (self.gateway.clone(), Arc::clone(tree));
            let taken = on_all_cores(some, move |file| gateway.take_other(&tree, file));
            self.note_all(count, taken.await).await?;
        }
    }

    /// Takes over the files that are phones' own, in order of the phones.
    async fn take_phones(&mut self, tree: &Arc<Tree>) -> Result<(), GatewayError> {
        let mut own = std::mem::take(&mut self.own);
        own.sort_by(|(one, first), (other, second)| (one, &first.path).cmp(&(other, &second.path)));
        let mut own = own.into_iter().peekable();
        while own.peek().is_some() {
            let mut count = 0;
            let mut some: Vec<(Mac, Vec<TreeFile>)> = Vec::with_capacity(AT_ONCE);
            while some.len() < AT_ONCE
                && let Some((mac, file)) = own.next()
            {
                let mut files = vec![file];
                while let Some((_, file)) = own.next_if(|(next, _)| *next == mac) {
                    files.push(file);
                }
                count += files.len();
                some.push((mac, files));
            }
            let (gateway, with) = (self.gateway.clone(), Arc::clone(tree));
            let taken = on_all_cores(some, move |(mac, files)| {
                gateway.take_phone(&with, mac, files)
            });
            self.note_all(count, taken.await).await?;
            for (mac, file) in std::mem::take(&mut self.later) {
                let taken = self.gateway.take_later(tree, mac, &file).await;
                self.note(TakenFile::own(file.path, mac, taken))?;
            }
        }
        Ok(())
    }

    /// Takes note of what has become of so many files, and waits until those of the time before
    /// are on disk.
    async fn note_all(
        &mut self,
        count: usize,
        taken: Vec<Option<Taken>>,
    ) -> Result<(), GatewayError> {
        let mut has_new_row = false;
        for taken in taken {
            let Some(taken) = taken else {
                // A bug in one phone's import: the others go on.
                self.report.summary.failed += 1;
                continue;
            };
            self.report.summary.files += taken.files;
            self.report.summary.phones += u64::from(taken.is_phone);
            self.report.findings.extend(taken.findings);
            self.own.extend(taken.own);
            self.later.extend(taken.later);
            has_new_row |= taken.has_new_row;
            for outcome in taken.outcomes {
                self.note(outcome)?;
            }
        }
        if has_new_row {
            self.gateway.tell_new_row().await;
        }
        let ticket = self.gateway.inner.store.commit(Batch::new())?;
        if let Some(before) = self.unsettled.replace(ticket) {
            before.durable().await?;
        }
        self.done += count as u64;
        (self.progress)(self.done, self.total);
        Ok(())
    }

    fn note(&mut self, taken: TakenFile) -> Result<(), GatewayError> {
        let TakenFile {
            path,
            mac,
            imported,
            is_own,
            concerns_phones,
        } = taken;
        let outcome = self.report.note(&path, mac, imported)?;
        if !matches!(outcome, Outcome::Added | Outcome::Updated) {
            return Ok(());
        }
        if concerns_phones {
            let changed = self.stale.entry(path.folder().to_owned()).or_default();
            changed.insert(path.to_string());
            // They were derived without it.
            self.fresh.clear();
        } else if let Some(mac) = mac.filter(|_| is_own) {
            self.fresh.insert(mac);
        }
        Ok(())
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

/// Works on all cores, away from the tasks of a running gateway. What panics has `None` for an
/// outcome.
async fn on_all_cores<T, R>(
    items: Vec<T>,
    work: impl Fn(T) -> R + Send + Sync + 'static,
) -> Vec<Option<R>>
where
    T: Send + 'static,
    R: Send + 'static,
{
    let count = items.len();
    let one = move |item| match catch_unwind(AssertUnwindSafe(|| work(item))) {
        Ok(outcome) => Some(outcome),
        Err(_) => {
            tracing::error!("the import of a file broke off");
            None
        }
    };
    let work = move || items.into_par_iter().map(one).collect();
    let all = move || match &*IMPORTERS {
        Some(importers) => importers.install(work),
        None => work(),
    };
    match tokio::task::spawn_blocking(all).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tracing::error!(%error, "the import of {count} files broke off");
            std::iter::repeat_with(|| None).take(count).collect()
        }
    }
}
