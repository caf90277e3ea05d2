//! A phone's own file that has changed in the tree and here: both sides' changes in one file.

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use super::report::{Finding, FindingKind};
use crate::device::{FileRecord, TreePath};
use crate::native::{Collision, Document, Merged, Side, merge};

/// What came of a merge.
pub(super) enum TreeMerge {
    /// The tree's file with what was changed here.
    Merged(Box<Merged>),
    /// Settings that both sides have changed, or that can't be written.
    Collisions(Vec<Collision>),
    /// What was imported is not at hand, so that nobody knows who has changed what.
    Unknown,
}

impl Gateway {
    /// Brings the changes of the phone's own file that were made here into the tree's. Nothing is
    /// changed by that yet.
    ///
    /// # Errors
    /// [`GatewayError`] when the files can't be read.
    pub(super) fn merge_with_tree(
        &self,
        draft: &mut Draft,
        own_file: &FileRecord,
        tree: &Document,
        prefer: Option<Side>,
    ) -> Result<TreeMerge, GatewayError> {
        let path = draft.record.own_file.clone();
        let imported = match self.imported_document(draft, &path, own_file) {
            Ok(Some((imported, _))) => imported,
            Ok(None) | Err(GatewayError::Sealed { .. }) => return Ok(TreeMerge::Unknown),
            Err(error) => return Err(error),
        };
        let documents = draft.documents(self)?;
        let Some(here) = documents.layers.own() else {
            return Ok(TreeMerge::Unknown);
        };
        let merged = merge(&imported, &here.document, tree, prefer);
        Ok(match merged {
            Ok(merged) => TreeMerge::Merged(Box::new(merged)),
            Err(collisions) => TreeMerge::Collisions(collisions),
        })
    }
}

/// What a person is told of settings that stopped a merge: one finding each, at its place in the
/// tree's file.
pub(super) fn collision_findings(path: &TreePath, collisions: &[Collision]) -> Vec<Finding> {
    let finding = |collision: &Collision| {
        let message = format!("{}: {}", collision.key.as_str(), collision.reason);
        let finding = Finding::of_file(FindingKind::Conflict, path.to_string(), message);
        match collision.tree_line {
            Some(line) => finding.on_line(line),
            None => finding,
        }
    };
    collisions.iter().map(finding).collect()
}

/// What a person is told of a file that holds the changes of both sides.
pub(super) fn merged_finding(path: &TreePath, carried: usize) -> Finding {
    let kept = match carried {
        0 => "nothing that was set here differs from it".to_owned(),
        1 => "one setting stays as set here".to_owned(),
        _ => format!("{carried} settings stay as set here"),
    };
    let why = format!("the tree's changes were taken over; {kept}");
    Finding::of_file(FindingKind::Merged, path.to_string(), why)
}
