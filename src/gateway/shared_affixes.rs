//! What the shared files of a tree say about the names of the files beside them.

use std::collections::BTreeMap;
use std::fs;

use super::file_passwords::FilePasswords;
use super::tree::{Reader, TreeFile, classify};
use crate::mapping::{NameAffixes, Packs};
use crate::native::LayerKind;

/// Affixes by vendor and folder: phones that read a shared file ask for files of their own under
/// names that it may have changed (grandstream.md 2, P234 and P235).
#[derive(Debug, Default)]
pub(super) struct SharedAffixes(BTreeMap<String, BTreeMap<String, Vec<NameAffixes>>>);

impl SharedAffixes {
    /// Reads the shared files among these, of vendors whose names can change. One that can't be
    /// read says nothing here; it is told where all files are read.
    pub(super) fn read(packs: &Packs, passwords: &FilePasswords, files: &[TreeFile]) -> Self {
        let mut all = Self::default();
        let nothing = Self::default();
        let reader = Reader {
            packs,
            passwords,
            affixes: &nothing,
        };
        for file in files {
            let Some((pack, identity)) = packs.identify_by_name(file.path.file_name()) else {
                continue;
            };
            if identity.layer != LayerKind::Shared || !pack.wraps_names() {
                continue;
            }
            let Ok(content) = fs::read(&file.on_disk) else {
                continue;
            };
            let Some(document) = classify(reader, &file.path, &content).document else {
                continue;
            };
            all.add(
                pack.vendor(),
                file.path.folder(),
                pack.name_affixes(&document),
            );
        }
        all
    }

    /// Adds what one shared file of a folder says.
    pub(super) fn add(&mut self, vendor: &str, folder: &str, affixes: NameAffixes) {
        if affixes == NameAffixes::default() {
            return;
        }
        let folders = self.0.entry(vendor.to_owned()).or_default();
        folders.entry(folder.to_owned()).or_default().push(affixes);
    }

    /// What the shared files of a folder say to the phones of a vendor.
    pub(super) fn of(&self, vendor: &str, folder: &str) -> &[NameAffixes] {
        let folders = self.0.get(vendor);
        let affixes = folders.and_then(|folders| folders.get(folder));
        affixes.map_or(&[], Vec::as_slice)
    }
}
