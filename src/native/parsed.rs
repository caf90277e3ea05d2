//! What a dialect finds in a file: spans of settings, and what it did not understand.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::key::NativeKey;
use super::problem::ProblemKind;

/// How many problems of a file are listed.
const MAX_PROBLEMS: usize = 1000;

/// A mark before a key (aastra.md 1.3, 1.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// No mark.
    #[default]
    None,
    /// `!`: the phone's user can't change the setting.
    Locked,
    /// `^`: the value replaces one that the phone's user has set.
    Overwriting,
}

/// A range of bytes of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    /// The span of these offsets. A document holds no more bytes than a span can name.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    /// The span of no bytes before this offset.
    pub(super) fn empty(at: usize) -> Self {
        Self::new(at, at)
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The bytes of the file that it was made for.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }
}

/// How a value stands in its file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Shape {
    /// The value's span holds its written form.
    #[default]
    Written,
    /// `<P967 />`: there is no value; the span holds the end of the tag, blanks before it included.
    EmptyElement,
}

/// Where a key stands: `prefix.name`, or `name` where the prefix is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct KeySpans {
    pub(super) prefix: Span,
    pub(super) name: Span,
}

/// One setting of a file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: NativeKey,
    pub(super) spans: KeySpans,
    pub(super) mark: Mark,
    pub(super) shape: Shape,
    /// Where the key begins, or the tag.
    pub(super) start: u32,
    /// The written value, quotes included, blanks around it not.
    pub(super) value: Span,
    /// The line with its end, or the element.
    pub(super) whole: Span,
    /// From 1; set when the whole file is read.
    pub(super) line: u32,
    /// From 1, in bytes; set when the whole file is read.
    pub(super) column: u32,
}

/// Where an XML file without settings takes its first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// Before this offset, where the end tag begins.
    Before(u32),
    /// `<config />`: in place of this end of the tag.
    EmptyElement(Span),
}

/// A file that was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Parsed {
    pub(super) entries: Vec<Entry>,
    /// With the offset of each; at most [`MAX_PROBLEMS`].
    pub(super) problems: Vec<(u32, ProblemKind)>,
    /// How many more there are.
    pub(super) unlisted_problems: u64,
    /// Encoding that the file declares.
    pub(super) declared_encoding: Option<Span>,
    /// Name of the root element.
    pub(super) root: Option<Span>,
    /// Content of the `mac` element.
    pub(super) mac: Option<Span>,
    /// The element that holds settings.
    pub(super) container: Option<Container>,
    /// The last entry inside that element.
    pub(super) last_contained: Option<u32>,
    /// The last entry inside that element whose key is a P-code.
    pub(super) last_contained_p_code: Option<u32>,
}

impl Parsed {
    pub(super) fn report(&mut self, offset: usize, kind: ProblemKind) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push((Span::empty(offset).start, kind));
        } else {
            self.unlisted_problems += 1;
        }
    }
}
