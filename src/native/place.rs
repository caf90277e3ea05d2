//! Lines and columns of bytes.

use memchr::{memchr_iter, memrchr};

use super::lines::text_start;
use super::parsed::Span;

/// Line and column, both from 1; a byte order mark does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Finds places in file order; goes forward only.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaceCursor {
    at: u32,
    line: u32,
    line_start: u32,
}

impl PlaceCursor {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let start = Span::empty(text_start(bytes)).start;
        Self {
            at: start,
            line: 1,
            line_start: start,
        }
    }

    /// The place of a byte at or behind the last one.
    pub(super) fn place(&mut self, bytes: &[u8], offset: u32) -> Place {
        let passed = Span {
            start: self.at,
            end: offset,
        };
        let passed = passed.of(bytes);
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

/// Finds places in any order, by a cursor at the start of each block.
#[derive(Debug, Clone)]
pub(super) struct LineTable {
    blocks: Vec<PlaceCursor>,
}

impl LineTable {
    /// Long enough to be counted quickly, short enough to be counted often.
    const BLOCK: usize = 1024;

    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut cursor = PlaceCursor::new(bytes);
        let starts = (0..=bytes.len()).step_by(Self::BLOCK);
        let blocks = starts.map(|start| {
            cursor.place(bytes, Span::empty(start).start);
            cursor
        });
        Self {
            blocks: blocks.collect(),
        }
    }

    /// The place of a byte of the file that the table was made for.
    pub(super) fn place(&self, bytes: &[u8], offset: u32) -> Place {
        let block = self.blocks.get(offset as usize / Self::BLOCK);
        let mut cursor = block.copied().unwrap_or(PlaceCursor::new(bytes));
        cursor.place(bytes, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_in_any_order() {
        let text = format!(
            "\u{feff}a\r\n\n{}\n{}x",
            "b".repeat(3000),
            "c\n".repeat(1500)
        );
        let bytes = text.as_bytes();
        let table = LineTable::new(bytes);
        let mut cursor = PlaceCursor::new(bytes);
        let (mut line, mut column) = (1, 1);
        for offset in 3..=bytes.len() {
            let place = Place { line, column };
            let narrow = Span::empty(offset).start;
            assert_eq!(cursor.place(bytes, narrow), place);
            assert_eq!(table.place(bytes, narrow), place);
            match bytes.get(offset) {
                Some(b'\n') => (line, column) = (line + 1, 1),
                _ => column += 1,
            }
        }
    }
}
