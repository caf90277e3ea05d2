//! What is worked out of a file that was read, when it is first asked for.

use std::sync::OnceLock;

use super::index::KeyIndex;
use super::key::NativeKey;
use super::parsed::{Entry, Parsed};
use super::place::{LineTable, Place, PlaceCursor};
use super::problem::{Problem, ProblemKind};

/// Tables over a file, each made when it is first needed. Most readers of a file need no line, and
/// many look up a few keys only.
#[derive(Clone, Default)]
pub(super) struct Derived {
    pub(super) index: OnceLock<KeyIndex>,
    /// Of each entry its key.
    pub(super) keys: OnceLock<Vec<NativeKey>>,
    pub(super) lines: OnceLock<LineTable>,
    pub(super) problems: OnceLock<Vec<Problem>>,
}

impl Derived {
    pub(super) fn index(&self, bytes: &[u8], parsed: &Parsed) -> &KeyIndex {
        self.index
            .get_or_init(|| KeyIndex::new(bytes, &parsed.entries))
    }

    pub(super) fn keys(&self, bytes: &[u8], parsed: &Parsed) -> &[NativeKey] {
        let normal = |entry: &Entry| entry.key.of(bytes).normal();
        self.keys
            .get_or_init(|| parsed.entries.iter().map(normal).collect())
    }

    /// The place of any byte.
    pub(super) fn place(&self, bytes: &[u8], offset: u32) -> Place {
        let lines = self.lines.get_or_init(|| LineTable::new(bytes));
        lines.place(bytes, offset)
    }

    pub(super) fn problems(&self, bytes: &[u8], parsed: &Parsed) -> &[Problem] {
        self.problems.get_or_init(|| {
            let mut cursor = PlaceCursor::new(bytes);
            let mut problems: Vec<Problem> = parsed
                .problems
                .iter()
                .map(|(offset, kind)| {
                    let Place { line, column } = cursor.place(bytes, *offset);
                    let kind = kind.clone();
                    Problem { line, column, kind }
                })
                .collect();
            if parsed.unlisted_problems > 0
                && let Some(&Problem { line, column, .. }) = problems.last()
            {
                let unlisted = parsed.unlisted_problems;
                let kind = ProblemKind::Unlisted { unlisted };
                problems.push(Problem { line, column, kind });
            }
            problems
        })
    }
}
