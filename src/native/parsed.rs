//! What a dialect finds in a file: spans of settings, and what it did not understand.

use std::ops::Range;

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::key::WrittenKey;
use super::problem::ProblemKind;

/// How many problems of a file are listed.
pub(super) const MAX_PROBLEMS: usize = 1000;

/// For how many settings there is room before they are found. A file may consist of line ends.
const MAX_ROOM: usize = 1 << 16;

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

    /// The span that stands this far behind.
    pub(super) fn shifted(self, by: usize) -> Self {
        self.moved(Shift::between(0, by))
    }

    fn moved(self, shift: Shift) -> Self {
        Self {
            start: shift.of(self.start),
            end: shift.of(self.end),
        }
    }
}

/// How far bytes move when others before them grow or shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift(u32);

impl Shift {
    /// The move of what follows a part of this length that gets another.
    pub(super) fn between(before: usize, after: usize) -> Self {
        let narrow = |length| Span::empty(length).start;
        // Modulo 2^32: a move back is a large move forward.
        Self(narrow(after).wrapping_sub(narrow(before)))
    }

    /// Where an offset moves to.
    pub(super) fn of(self, offset: u32) -> u32 {
        offset.wrapping_add(self.0)
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

/// Where a key stands. With a prefix the key is the prefix, a dot and the name: an `item` element
/// and its `part`, for instance. Without one the prefix is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct KeySpans {
    pub(super) prefix: Span,
    pub(super) name: Span,
    /// Whether there is `&` in it that may begin an entity.
    pub(super) escaped: bool,
}

impl KeySpans {
    /// A key that stands in one piece.
    pub(super) fn plain(name: Span) -> Self {
        Self {
            prefix: Span::default(),
            name,
            escaped: false,
        }
    }

    /// A key in the attributes of elements; an empty prefix is none.
    pub(super) fn of_attributes(bytes: &[u8], prefix: Span, name: Span) -> Self {
        let has_reference = |span: Span| memchr(b'&', span.of(bytes)).is_some();
        Self {
            prefix,
            name,
            escaped: has_reference(name) || has_reference(prefix),
        }
    }

    /// The key as it is written.
    pub(super) fn of(self, bytes: &[u8]) -> WrittenKey<'_> {
        WrittenKey {
            prefix: self.prefix.of(bytes),
            name: self.name.of(bytes),
            escaped: self.escaped,
        }
    }
}

/// One setting of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: KeySpans,
    pub(super) mark: Mark,
    pub(super) shape: Shape,
    /// Where the key begins, or the tag.
    pub(super) start: u32,
    /// The written value, quotes included, blanks around it not.
    pub(super) value: Span,
    /// The line with its end, or the element.
    pub(super) whole: Span,
}

impl Entry {
    /// What an edit of another setting must not change: key, mark and value as they are written.
    pub(super) fn written<'a>(&self, bytes: &'a [u8]) -> (WrittenKey<'a>, Mark, Shape, &'a [u8]) {
        let value = self.value.of(bytes);
        (self.key.of(bytes), self.mark, self.shape, value)
    }

    /// Moves the entry along with the bytes that it is made of.
    pub(super) fn shift(&mut self, shift: Shift) {
        for span in [&mut self.key.name, &mut self.value, &mut self.whole] {
            *span = span.moved(shift);
        }
        if self.key.prefix != Span::default() {
            self.key.prefix = self.key.prefix.moved(shift);
        }
        self.start = shift.of(self.start);
    }
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) entries: Vec<Entry>,
    /// With the offset of each, in file order; at most [`MAX_PROBLEMS`].
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
    /// To be filled with what lines hold; has room for as many settings as a phone's file can have.
    pub(super) fn for_lines(bytes: &[u8]) -> Self {
        let lines = memchr::memchr_iter(b'\n', bytes).count() + 1;
        Self {
            entries: Vec::with_capacity(lines.min(MAX_ROOM)),
            ..Self::default()
        }
    }

    pub(super) fn report(&mut self, offset: usize, kind: ProblemKind) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push((Span::empty(offset).start, kind));
        } else {
            self.unlisted_problems += 1;
        }
    }
}
