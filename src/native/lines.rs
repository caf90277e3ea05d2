//! Lines of a file, each with its own line end.

use memchr::{memchr, memrchr};

/// UTF-8 byte order mark.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Its bytes without the line end.
    pub(super) text: &'a [u8],
    /// LF, CR LF, or nothing on the last line.
    pub(super) end: &'a [u8],
}

impl Line<'_> {
    /// Offset of the byte after the line end.
    pub(super) fn next(&self) -> usize {
        self.start + self.text.len() + self.end.len()
    }

    /// Blanks before the text.
    pub(super) fn indentation(&self) -> &str {
        let blanks = self.text.len() - self.text.trim_ascii_start().len();
        std::str::from_utf8(self.text.get(..blanks).unwrap_or_default()).unwrap_or_default()
    }
}

/// The lines of a file, without a byte order mark.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    lines_from(bytes, text_start(bytes))
}

/// The lines from an offset on at which one begins.
pub(super) fn lines_from(bytes: &[u8], start: usize) -> impl Iterator<Item = Line<'_>> {
    let mut at = start;
    std::iter::from_fn(move || {
        let line = line_from(bytes, at)?;
        at = line.next();
        Some(line)
    })
}

/// The line that holds the byte at an offset; at the end of the file the last line.
pub(super) fn line_at(bytes: &[u8], offset: usize) -> Line<'_> {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let start = memrchr(b'\n', before).map_or(text_start(bytes), |newline| newline + 1);
    line_from(bytes, start).unwrap_or(Line {
        start: bytes.len(),
        text: &[],
        end: &[],
    })
}

/// The line end that a file uses: that of its first line, LF if it has none.
pub(super) fn usual_line_end(bytes: &[u8]) -> &'static str {
    match lines(bytes).next() {
        Some(line) if line.end == b"\r\n" => "\r\n",
        _ => "\n",
    }
}

/// The line end of a line, or the file's usual one if the line has none.
pub(super) fn line_end_like(bytes: &[u8], line: &Line<'_>) -> &'static str {
    match line.end {
        b"\r\n" => "\r\n",
        b"\n" => "\n",
        _ => usual_line_end(bytes),
    }
}

/// Where the text begins: after a byte order mark.
pub(super) fn text_start(bytes: &[u8]) -> usize {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    }
}

/// Whether the bytes are text: no control character that no config file holds.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    !bytes
        .iter()
        .any(|&byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}

/// Blank, tab and carriage return: what readers drop around keys and values of a line.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Offsets within `text` of what is left without blanks around it; of text that is all blank, the
/// place where a person would begin to write: after the first blank.
pub(super) fn trimmed(text: &[u8]) -> (usize, usize) {
    match text.iter().position(|&byte| !is_blank(byte)) {
        Some(start) => {
            let end = text.iter().rposition(|&byte| !is_blank(byte));
            (start, end.map_or(start, |last| last + 1))
        }
        None => {
            let at = usize::from(matches!(text.first(), Some(b' ' | b'\t')));
            (at, at)
        }
    }
}

fn line_from(bytes: &[u8], start: usize) -> Option<Line<'_>> {
    let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
    let (text, end) = match memchr(b'\n', rest) {
        Some(newline) => {
            let text = rest.get(..newline)?;
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            (text, rest.get(text.len()..=newline)?)
        }
        None => (rest, &[][..]),
    };
    Some(Line { start, text, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_keeps_its_own_end() {
        let found: Vec<_> = lines(b"\xef\xbb\xbfa\r\nb\n\nc")
            .map(|line| (line.start, line.text, line.end))
            .collect();
        assert_eq!(
            found,
            [
                (3, &b"a"[..], &b"\r\n"[..]),
                (6, b"b", b"\n"),
                (8, b"", b"\n"),
                (9, b"c", b"")
            ]
        );
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn a_line_is_found_by_any_of_its_bytes() {
        for offset in 2..=5 {
            assert_eq!(line_at(b"a\nbcd\ne", offset).text, b"bcd");
        }
        assert_eq!(line_at(b"a\nb", 3).text, b"b");
        assert_eq!(line_at(b"a\n", 2).start, 2);
    }
}
