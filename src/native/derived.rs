//! What is worked out of a file that was read, when it is first asked for.

use std::sync::OnceLock;

use memchr::{memchr_iter, memrchr};

use super::index::KeyIndex;
use super::key::NativeKey;
use super::lines::text_start;
use super::parsed::{Entry, Parsed, Span};
use super::problem::{Problem, ProblemKind};

/// Line and column, both from 1; a byte order mark does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Tables over the entries of a file, each made when it is first needed. Most readers of a file
/// need no line, and many look up a few keys only.
#[derive(Clone, Default)]
pub(super) struct Derived {
    pub(super) index: OnceLock<KeyIndex>,
    /// Of each entry its key.
    pub(super) keys: OnceLock<Vec<NativeKey>>,
    /// Of each entry its place.
    pub(super) places: OnceLock<Vec<Place>>,
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

    pub(super) fn places(&self, bytes: &[u8], parsed: &Parsed) -> &[Place] {
        self.places.get_or_init(|| {
            let mut cursor = Cursor::new(bytes);
            let starts = parsed.entries.iter().map(|entry| entry.start);
            starts.map(|start| cursor.place(start)).collect()
        })
    }

    pub(super) fn problems(&self, bytes: &[u8], parsed: &Parsed) -> &[Problem] {
        self.problems.get_or_init(|| {
            let mut cursor = Cursor::new(bytes);
            let mut problems: Vec<Problem> = parsed
                .problems
                .iter()
                .map(|(offset, kind)| {
                    let Place { line, column } = cursor.place(*offset);
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

/// Counts lines; goes forward only.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: u32,
    line: u32,
    line_start: u32,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let start = Span::empty(text_start(bytes)).start;
        Self {
            bytes,
            at: start,
            line: 1,
            line_start: start,
        }
    }

    fn place(&mut self, offset: u32) -> Place {
        let passed = Span {
            start: self.at,
            end: offset,
        };
        let passed = passed.of(self.bytes);
        if let Some(newline) = memrchr(b'\n', passed) {
            let lines = memchr_iter(b'\n', passed).count();
            self.line += Span::empty(lines).start;
            self.line_start = Span::empty(self.at as usize + newline + 1).start;
        }
        self.at = self.at.max(offset);
        Place {
            line: self.line,
            column: offset.saturating_sub(self.line_start) + 1,
        }
    }
}
