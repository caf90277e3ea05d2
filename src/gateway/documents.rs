//! The files of one phone, opened for a change.

use std::borrow::Cow;

use super::tree::sealed;
use crate::device::{FileContent, FileRecord, FileRole, TreePath};
use crate::mapping::Pack;
use crate::native::{Document, Layers, Seal};
use crate::wire::ContentHash;

/// The files that a phone reads, opened for a change.
pub(super) struct Documents {
    pub(super) layers: Layers,
    pub(super) own_file: FileRecord,
    /// What the own document is encrypted with, when it is.
    seal: Option<Seal>,
    /// The own document, or what is noted about it, is not as stored.
    pub(super) is_changed: bool,
    /// Where the own document stood before, when it has moved.
    pub(super) moved_from: Option<TreePath>,
}

impl Documents {
    pub(super) fn new(layers: Layers, own_file: FileRecord, seal: Option<Seal>) -> Self {
        Self {
            layers,
            own_file,
            seal,
            is_changed: false,
            moved_from: None,
        }
    }

    /// Those of a device that no phone stands behind.
    pub(super) fn none(pack: &Pack) -> Self {
        let nothing = ContentHash::of(&[]);
        let own_file = FileRecord {
            role: FileRole::Other,
            content: FileContent::Document,
            length: 0,
            content_hash: nothing,
            imported_hash: nothing,
            revision: 0,
        };
        Self::new(pack.layers(Vec::new()), own_file, None)
    }

    /// The bytes of the phone's own file as the change has them so far; encrypted, if it is.
    pub(super) fn own_bytes(&self) -> Cow<'_, [u8]> {
        match self.layers.own() {
            Some(own) => sealed(&own.document, self.seal.as_ref()),
            None => Cow::Borrowed(&[]),
        }
    }

    /// The same before it is encrypted.
    fn own_text(&self) -> &[u8] {
        self.layers.own().map_or(&[], |own| own.document.bytes())
    }

    /// Lets `work` change what the phone's own file says.
    pub(super) fn edit<T>(&mut self, work: impl FnOnce(&mut Layers) -> T) -> T {
        let before = self.own_text().to_vec();
        let outcome = work(&mut self.layers);
        self.is_changed |= self.own_text() != before;
        outcome
    }

    /// What the phone's own file is encrypted with, when it is.
    pub(super) fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// Puts another document in the place of the phone's own file. Whether it is one for this
    /// phone has been checked.
    pub(super) fn replace_own(&mut self, pack: &Pack, document: Document, seal: Option<Seal>) {
        if self.own_bytes() != sealed(&document, seal.as_ref()) {
            self.is_changed = true;
        }
        self.seal = seal;
        if let Some(own) = self.layers.own_mut() {
            *own = document;
        }
        pack.put_in_order(&mut self.layers);
    }

    /// Says that the own file's present bytes hold all that the imported tree's, which have this
    /// hash, has.
    pub(super) fn own_file_is_based_on(&mut self, imported: ContentHash) {
        self.own_file.imported_hash = imported;
        self.is_changed = true;
    }

    /// The own file stands elsewhere in the tree now.
    pub(super) fn move_own(&mut self, from: TreePath, role: FileRole) {
        self.own_file.role = role;
        self.moved_from = Some(from);
        self.is_changed = true;
    }
}
