//! `verify` and `export`: the store beside a tree, and the tree back out.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::check::Progress;
use super::core::Gateway;
use super::door::GatewayError;
use super::file_passwords::Whose;
use super::import::ImportError;
use super::report::{ExportReport, Finding, FindingKind, VerifyReport};
use super::tree::{TreeError, sealed, walk};
use crate::device::{FileRecord, FileRole, TreePath};

impl Gateway {
    /// Renders every file and compares its bytes with the tree's.
    ///
    /// # Errors
    /// [`ImportError`] when the tree or the store can't be read.
    pub fn verify(&self, root: &Path, progress: Progress<'_>) -> Result<VerifyReport, ImportError> {
        let (files, findings) = walk(root)?;
        let mut report = VerifyReport {
            findings,
            ..VerifyReport::default()
        };
        let total = files.len() as u64;
        let mut in_tree = BTreeSet::new();
        for (done, file) in (1_u64..).zip(files) {
            report.summary.files += 1;
            progress(done, total);
            let path = file.path.to_string();
            in_tree.insert(file.path.clone());
            let Some(record) = self.load_file(&file.path)? else {
                report.summary.missing += 1;
                let why = "in the tree, not in the store";
                report
                    .findings
                    .push(Finding::of_file(FindingKind::Missing, path, why));
                continue;
            };
            let wanted = match fs::read(&file.on_disk) {
                Ok(content) => content,
                Err(source) => {
                    report
                        .findings
                        .push(Finding::of_file(FindingKind::Unreadable, path, source));
                    continue;
                }
            };
            let rendered = self.render(&file.path, &record)?;
            if rendered == wanted {
                report.summary.identical += 1;
                continue;
            }
            report.summary.different += 1;
            let why = if record.is_edited() {
                report.summary.edited += 1;
                "edited here since it was imported"
            } else {
                "other bytes than in the tree; import again if the tree has changed"
            };
            report
                .findings
                .push(Finding::of_file(FindingKind::Different, path, why));
        }
        for file in self.files() {
            let (path, _) = file?;
            if !in_tree.contains(&path) {
                report.summary.missing += 1;
                let why = "in the store, not in the tree";
                let finding = Finding::of_file(FindingKind::Missing, path.to_string(), why);
                report.findings.push(finding);
            }
        }
        Ok(report)
    }

    /// Writes the tree out. A file that is there with the same bytes is not touched.
    ///
    /// # Errors
    /// [`ImportError`] when a file can't be written or the store can't be read.
    pub fn export(&self, root: &Path, progress: Progress<'_>) -> Result<ExportReport, ImportError> {
        let mut report = ExportReport::default();
        let total = self.files().count() as u64;
        for (done, file) in (1_u64..).zip(self.files()) {
            let (path, record) = file?;
            let bytes = self.render(&path, &record)?;
            let mut target = PathBuf::from(root);
            // A TreePath has no segment that leads out of the folder.
            target.extend(path.as_str().split('/'));
            write(&target, &bytes, record.role.dialect().is_some()).map_err(|source| {
                TreeError::Write {
                    path: target.clone(),
                    source,
                }
            })?;
            report.files += 1;
            report.bytes += bytes.len() as u64;
            progress(done, total);
        }
        Ok(report)
    }

    /// The bytes of a file, through its parsed form where it has one: what a phone is given.
    fn render(&self, path: &TreePath, record: &FileRecord) -> Result<Vec<u8>, ImportError> {
        let bytes = self.content_bytes(path, record)?;
        let Some(dialect) = record.role.dialect() else {
            return Ok(bytes);
        };
        match self.open_document(path, dialect, whose(&record.role), bytes.clone()) {
            Ok((document, seal)) => Ok(sealed(&document, seal.as_ref()).into_owned()),
            // Nobody here can read it; a phone may.
            Err(GatewayError::Sealed { .. }) => Ok(bytes),
            Err(error) => Err(error.into()),
        }
    }
}

fn whose(role: &FileRole) -> Whose<'_> {
    match role {
        FileRole::Phone { mac, vendor, .. } => Whose {
            vendor: Some(vendor),
            model: None,
            mac: Some(*mac),
        },
        FileRole::Shared { vendor, model, .. } => Whose {
            vendor: Some(vendor),
            model: model.as_deref(),
            mac: None,
        },
        FileRole::Orphan { .. } | FileRole::Other | FileRole::Handout { .. } => Whose::default(),
    }
}

/// Puts a file in place whole: no reader ever sees half of it. Settings hold passwords, so only
/// their owner may read them.
fn write(target: &Path, bytes: &[u8], are_settings: bool) -> std::io::Result<()> {
    if fs::read(target).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = target.as_os_str().to_owned();
    temporary.push(".trestle-new");
    let temporary = PathBuf::from(temporary);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(if are_settings { 0o600 } else { 0o644 })
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, target)
}
