//! The lines that an edit touches, read anew.
//!
//! Where each line of a file stands for itself, a change of some lines can change nothing else.
//! So those lines are read, compared and put in their place, and the rest is only moved. What
//! comes out is what reading the whole file would give; `law::check_edit` holds it to that.

use std::ops::Range;

use super::derived::Derived;
use super::dialect::Dialect;
use super::lines::{line_at, lines_from};
use super::parsed::{MAX_PROBLEMS, Parsed, Shift, Span};

/// A change of some lines, read but not yet made.
pub(super) struct Reread {
    span: Span,
    text: Vec<u8>,
    /// The whole lines that the change touches, as they will be.
    pub(super) lines: Vec<u8>,
    /// What is read in them; offsets are those within the lines.
    pub(super) read: Parsed,
    start: usize,
    end: usize,
    /// The entries that stand there now.
    pub(super) entries: Range<usize>,
    problems: Range<usize>,
}

impl Reread {
    /// Reads what some lines would be with a text in place of a span. `None` if only reading the
    /// whole file can tell.
    pub(super) fn new(
        dialect: Dialect,
        bytes: &[u8],
        parsed: &Parsed,
        span: Span,
        text: Vec<u8>,
    ) -> Option<Self> {
        let read_line = dialect.line_reader()?;
        // The first bytes may make a byte order mark.
        if span.start < 3 || parsed.unlisted_problems > 0 {
            return None;
        }
        let range = span.range();
        let start = line_at(bytes, range.start).start;
        let mut lines = [bytes.get(start..range.start)?, &text].concat();
        let ends_line = |bytes: &[u8]| bytes.is_empty() || bytes.ends_with(b"\n");
        let end = if ends_line(&lines) && ends_line(bytes.get(..range.end)?) {
            range.end
        } else {
            line_at(bytes, range.end).next()
        };
        lines.extend_from_slice(bytes.get(range.end..end)?);
        if !ends_line(&lines) && end < bytes.len() {
            return None;
        }
        let mut read = Parsed::default();
        for line in lines_from(&lines, 0) {
            read_line(&line, &mut read);
        }
        let entries = part(&parsed.entries, start, end, |entry| entry.start);
        let problems = part(&parsed.problems, start, end, |problem| problem.0);
        let more_problems = parsed.problems.len() + read.problems.len();
        if read.unlisted_problems > 0 || more_problems > MAX_PROBLEMS {
            return None;
        }
        Some(Self {
            span,
            text,
            lines,
            read,
            start,
            end,
            entries,
            problems,
        })
    }

    /// Makes the change. The index and the table of keys stay what they were, and have to be made
    /// to fit if entries were added or removed.
    pub(super) fn make(mut self, bytes: &mut Vec<u8>, parsed: &mut Parsed, derived: &mut Derived) {
        let into_place = Shift::between(0, self.start);
        let behind = Shift::between(self.end - self.start, self.lines.len());
        for entry in &mut self.read.entries {
            entry.shift(into_place);
        }
        for (offset, _) in &mut self.read.problems {
            *offset = into_place.of(*offset);
        }
        derived.lines.take();
        derived.problems.take();

        let rest = parsed.entries.get_mut(self.entries.end..);
        for entry in rest.unwrap_or_default() {
            entry.shift(behind);
        }
        let rest = parsed.problems.get_mut(self.problems.end..);
        for (offset, _) in rest.unwrap_or_default() {
            *offset = behind.of(*offset);
        }
        parsed.entries.splice(self.entries, self.read.entries);
        parsed.problems.splice(self.problems, self.read.problems);
        bytes.splice(self.span.range(), self.text);
    }
}

/// Which of some things, which are in file order, stand in a part of the file.
fn part<T>(things: &[T], start: usize, end: usize, offset: impl Fn(&T) -> u32) -> Range<usize> {
    let place = |end| things.partition_point(|thing| (offset(thing) as usize) < end);
    place(start)..place(end)
}
