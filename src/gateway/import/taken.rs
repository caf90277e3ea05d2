//! What becomes of one file of a tree, or of all files of one phone.

use std::fs;
use std::io;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::super::report::{Finding, FindingKind};
use super::super::take_over::{Imported, OwnFile, is_too_large};
use super::super::tree::{Candidate, Classified, TreeFile, choose};
use super::Tree;
use crate::device::{FileRole, TreePath};
use crate::native::Mac;

/// What has become of one file, or of all files of one phone.
#[derive(Default)]
pub(super) struct Taken {
    /// Files that could be read.
    pub(super) files: u64,
    pub(super) is_phone: bool,
    pub(super) outcomes: Vec<TakenFile>,
    pub(super) findings: Vec<Finding>,
    /// Files that turned out to be another phone's own.
    pub(super) own: Vec<(Mac, TreeFile)>,
    /// The phone's own file, if somebody else was changing the phone.
    pub(super) later: Option<(Mac, TreeFile)>,
    pub(super) has_new_row: bool,
}

/// What has become of one file.
pub(super) struct TakenFile {
    pub(super) path: TreePath,
    pub(super) mac: Option<Mac>,
    pub(super) imported: Result<Imported, GatewayError>,
    /// It is the phone's own.
    pub(super) is_own: bool,
    /// Phones may read it besides their own, or may have.
    pub(super) concerns_phones: bool,
}

impl TakenFile {
    pub(super) fn own(path: TreePath, mac: Mac, imported: Result<Imported, GatewayError>) -> Self {
        Self {
            path,
            mac: Some(mac),
            imported,
            is_own: true,
            concerns_phones: false,
        }
    }
}

impl Gateway {
    /// A file that by its name is no phone's own.
    pub(super) fn take_other(&self, tree: &Tree, file: TreeFile) -> Taken {
        let mut taken = Taken::default();
        let Some(content) = taken.read(&file) else {
            return taken;
        };
        let mut classified = self.classify(&tree.affixes, &file.path, &content);
        taken.findings.append(&mut classified.findings);
        match classified.role {
            FileRole::Phone { mac, .. } => {
                // It is read once more, with the phone's others.
                taken.files = 0;
                taken.findings.clear();
                taken.own.push((mac, file));
            }
            role => self.put(tree, file.path, role, &content, None, &mut taken),
        }
        taken
    }

    fn put(
        &self,
        tree: &Tree,
        path: TreePath,
        role: FileRole,
        content: &[u8],
        mac: Option<Mac>,
        taken: &mut Taken,
    ) {
        let is_shared = |role: &FileRole| matches!(role, FileRole::Shared { .. });
        let old = self.load_file(&path).ok().flatten();
        let concerns_phones = is_shared(&role) || old.is_some_and(|old| is_shared(&old.role));
        let imported = self.put_other(&path, role, content, tree.options);
        taken.outcomes.push(TakenFile {
            path,
            mac,
            imported,
            is_own: false,
            concerns_phones,
        });
    }

    /// All files that by their names are one phone's own.
    pub(super) fn take_phone(&self, tree: &Tree, mac: Mac, files: Vec<TreeFile>) -> Taken {
        let mut taken = Taken::default();
        let mut candidates = Vec::with_capacity(files.len());
        let mut read: Vec<(TreePath, Vec<u8>, Classified)> = Vec::with_capacity(files.len());
        for file in files {
            let Some(content) = taken.read(&file) else {
                continue;
            };
            let mut classified = self.classify(&tree.affixes, &file.path, &content);
            if let FileRole::Phone { mac: other, .. } = classified.role
                && other != mac
            {
                taken.files -= 1;
                taken.own.push((other, file));
                continue;
            }
            taken.findings.append(&mut classified.findings);
            match classified.role {
                FileRole::Phone { ref vendor, .. } => {
                    let vendor = vendor.clone();
                    let path = file.path.clone();
                    candidates.push(Candidate { file, vendor });
                    read.push((path, content, classified));
                }
                role => self.put(tree, file.path, role, &content, None, &mut taken),
            }
        }
        let known = match candidates.as_slice() {
            [] | [_] => None,
            _ => self.load(mac).ok().flatten(),
        };
        let known = known.map(|(record, _)| record.own_file);
        let chosen = choose(&self.inner.packs, mac, candidates, known.as_ref());
        let Some((Candidate { file, .. }, _)) = chosen else {
            return taken;
        };
        taken.is_phone = true;
        for (path, content, classified) in read {
            if path == file.path {
                let own = OwnFile {
                    path: &path,
                    content: &content,
                    classified,
                    mac,
                };
                self.take_chosen(tree, own, &file, &mut taken);
                continue;
            }
            // Phones have one file of their own, so it is served as it is.
            let own = &file.path;
            let why = format!("phone {mac} has {own} for its own; this one is served as it is");
            let finding = Finding::of_file(FindingKind::SeveralFiles, path.to_string(), why);
            taken.findings.push(finding.about(mac));
            self.put(tree, path, FileRole::Other, &content, Some(mac), &mut taken);
        }
        taken
    }

    /// The file that is the phone's own.
    fn take_chosen(&self, tree: &Tree, own: OwnFile<'_>, file: &TreeFile, taken: &mut Taken) {
        let OwnFile { content, mac, .. } = own;
        let Some(mut live) = self.try_hold(mac) else {
            taken.later = Some((mac, file.clone()));
            return;
        };
        let is_there = |path: &TreePath| tree.root.join(path.as_str()).exists();
        let outcome = self.take_held(own, tree.options, &is_there, &mut live);
        let imported = match outcome {
            Ok(own) => {
                taken.has_new_row |= own.written.is_some_and(|written| written.has_new_row);
                Ok(own.imported)
            }
            Err(error) => self.put_if_too_large(tree, &file.path, content, error),
        };
        let path = file.path.clone();
        taken.outcomes.push(TakenFile::own(path, mac, imported));
    }

    /// A phone's own file that is too large to be kept as settings is served as it is; any other
    /// error stays one.
    fn put_if_too_large(
        &self,
        tree: &Tree,
        path: &TreePath,
        content: &[u8],
        error: GatewayError,
    ) -> Result<Imported, GatewayError> {
        if !is_too_large(&error) {
            return Err(error);
        }
        let imported = self.put_other(path, FileRole::Other, content, tree.options)?;
        let why = "too large to be read as settings; it is served as it is";
        let finding = Finding::of_file(FindingKind::LeftOut, path.to_string(), why);
        Ok(Imported {
            findings: vec![finding],
            ..imported
        })
    }

    /// The own file of a phone that somebody else was changing.
    pub(super) async fn take_later(
        &self,
        tree: &Tree,
        mac: Mac,
        file: &TreeFile,
    ) -> Result<Imported, GatewayError> {
        let content = match fs::read(&file.on_disk) {
            Ok(content) => content,
            Err(source) => return Ok(unreadable(file, source)),
        };
        let classified = self.classify(&tree.affixes, &file.path, &content);
        let is_there = |path: &TreePath| tree.root.join(path.as_str()).exists();
        let own = OwnFile {
            path: &file.path,
            content: &content,
            classified,
            mac,
        };
        match self.take_own(own, tree.options, &is_there).await {
            Err(error) => self.put_if_too_large(tree, &file.path, &content, error),
            imported => imported,
        }
    }
}

impl Taken {
    /// The bytes of a file; a finding if there are none.
    fn read(&mut self, file: &TreeFile) -> Option<Vec<u8>> {
        match fs::read(&file.on_disk) {
            Ok(content) => {
                self.files += 1;
                Some(content)
            }
            Err(source) => {
                self.outcomes.push(TakenFile {
                    path: file.path.clone(),
                    mac: None,
                    imported: Ok(unreadable(file, source)),
                    is_own: false,
                    concerns_phones: false,
                });
                None
            }
        }
    }
}

fn unreadable(file: &TreeFile, source: io::Error) -> Imported {
    Imported::failed(FindingKind::Unreadable, &file.path, source)
}
