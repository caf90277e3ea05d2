//! The files of one phone, opened for a change.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::tree::sealed;
use crate::device::{FileContent, FileRecord, FileRole, TreePath};
use crate::mapping::Pack;
use crate::native::{Document, Layers, Seal};
use crate::wire::ContentHash;

/// Keys that are named; more of them are counted only.
const MAX_NAMED_KEYS: usize = 4;
/// Characters of a key that are shown.
const MAX_KEY_LENGTH: usize = 60;

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
    /// Another file that the phone reads has changed: what the phone has is not what it should have,
    /// although its own file is the same.
    pub(super) a_layer_has_changed: bool,
    /// The own document before its first change.
    before: Option<Document>,
    /// The bytes that the own file is based on, when the change brings others than it had.
    pub(super) imported: Option<Vec<u8>>,
}

impl Documents {
    pub(super) fn new(layers: Layers, own_file: FileRecord, seal: Option<Seal>) -> Self {
        Self {
            layers,
            own_file,
            seal,
            is_changed: false,
            moved_from: None,
            a_layer_has_changed: false,
            before: None,
            imported: None,
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
        self.keep_before();
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
        self.keep_before();
        self.seal = seal;
        if let Some(own) = self.layers.own_mut() {
            *own = document;
        }
        pack.put_in_order(&mut self.layers);
    }

    /// Says that the own file's present bytes hold all that these of the imported tree have.
    pub(super) fn own_file_is_based_on(&mut self, imported: &[u8]) {
        self.own_file.imported_hash = ContentHash::of(imported);
        self.imported = Some(imported.to_vec());
        self.is_changed = true;
    }

    /// Another file that the phone reads has changed.
    pub(super) fn layer_has_changed(&mut self) {
        self.a_layer_has_changed = true;
        self.is_changed = true;
    }

    /// What is other in the phone's own file than it was, in one line, without values.
    pub(super) fn what_has_changed(&self) -> String {
        let Some(own) = self.layers.own() else {
            return String::new();
        };
        match &self.before {
            Some(before) => changed_keys(before, &own.document),
            None if self.a_layer_has_changed => "a file that it shares with others".to_owned(),
            None => count_of_settings(own.document.setting_count()),
        }
    }

    fn keep_before(&mut self) {
        if self.before.is_none() {
            self.before = self.layers.own().map(|own| own.document.clone());
        }
    }

    /// The own file stands elsewhere in the tree now.
    pub(super) fn move_own(&mut self, from: TreePath, role: FileRole) {
        self.own_file.role = role;
        self.moved_from = Some(from);
        self.is_changed = true;
    }
}

/// The keys whose last value is another one: a phone takes the last.
fn changed_keys(before: &Document, after: &Document) -> String {
    fn values(document: &Document) -> HashMap<&str, Cow<'_, str>> {
        let settings = document.settings();
        settings.map(|one| (one.key.as_str(), one.value)).collect()
    }
    let (before, after) = (values(before), values(after));
    let changed: BTreeSet<&str> = before
        .iter()
        .filter(|(key, value)| after.get(*key) != Some(value))
        .chain(after.iter().filter(|(key, _)| !before.contains_key(*key)))
        .map(|(key, _)| *key)
        .collect();
    if changed.is_empty() {
        return "nothing that is a setting".to_owned();
    }
    let named: Vec<String> = changed
        .iter()
        .take(MAX_NAMED_KEYS)
        .map(|key| key.escape_debug().take(MAX_KEY_LENGTH).collect())
        .collect();
    let named = named.join(", ");
    if changed.len() > MAX_NAMED_KEYS {
        let count = count_of_settings(changed.len());
        return format!("{count}: {named} and others");
    }
    named
}

fn count_of_settings(count: usize) -> String {
    match count {
        1 => "1 setting".to_owned(),
        count => format!("{count} settings"),
    }
}
