//! Tokens of XML that need not be well-formed.
//!
//! Every input is a sequence of tokens: what is no markup is text. Apart from comments, character
//! data and document types no token reaches over a `<`, so a broken tag costs no more than itself,
//! and reading takes time in proportion to the input whatever stands in it.

use std::ops::Range;

use memchr::{memchr, memchr2};

/// A token; its bytes are found by its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text; it begins with `<` where that begins no markup.
    Text,
    /// `<!--…-->`, with what stands between.
    Comment(&'a [u8]),
    /// `<![CDATA[…]]>`.
    CharacterData,
    /// A comment, character data or document type without its end: the rest of the input.
    Unclosed,
    /// `<?…>`, with what stands between.
    Instruction(&'a [u8]),
    /// `<!DOCTYPE …>`, with the declarations inside.
    DocumentType,
    /// `<!…>` of another kind.
    Declaration,
    /// `<name …>` or `<name …/>`.
    Start { name: &'a [u8], empty: bool },
    /// `</name>`.
    End { name: &'a [u8] },
}

/// The tokens of an input from an offset on, with the range of each.
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn from(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Goes on at another offset.
    pub(super) fn seek(&mut self, at: usize) {
        self.at = at;
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Range<usize>, Token<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        let markup = match rest {
            [] => return None,
            [b'<', b'/', ..] => end_tag(rest),
            [b'<', b'!', ..] => declaration(rest),
            [b'<', b'?', ..] => instruction(rest),
            [b'<', ..] => start_tag(rest),
            _ => None,
        };
        let (length, token) = markup.unwrap_or_else(|| (text_length(rest), Token::Text));
        let start = self.at;
        self.at += length;
        Some((start..self.at, token))
    }
}

/// Opens character data.
pub(super) const CHARACTER_DATA_START: &str = "<![CDATA[";
/// Closes character data.
pub(super) const CHARACTER_DATA_END: &str = "]]>";

const COMMENT_START: &[u8] = b"<!--";
const DOCUMENT_TYPE_START: &[u8] = b"<!DOCTYPE";

/// Whether the text of a comment begins another one.
pub(super) fn opens_comment(text: &[u8]) -> bool {
    memchr::memchr_iter(b'<', text).any(|at| {
        text.get(at..)
            .unwrap_or_default()
            .starts_with(COMMENT_START)
    })
}

/// Blanks of XML.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a name is one that a tag can have.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name_length(name) == name.len()
}

/// Of the bytes in a range, where those begin and end that are left without blanks around them.
pub(super) fn trimmed(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let text = bytes.get(range.clone()).unwrap_or_default();
    match text.iter().position(|&byte| !is_blank(byte)) {
        Some(first) => {
            let behind = text.iter().rev().take_while(|&&byte| is_blank(byte));
            range.start + first..range.end - behind.count()
        }
        None => range.start..range.start,
    }
}

/// Where the value of an attribute stands in a start tag, blanks around it not counted: of the
/// first one of that name, in quotes or without.
pub(super) fn attribute(bytes: &[u8], tag: Range<usize>, wanted: &[u8]) -> Option<Range<usize>> {
    let text = bytes.get(..tag.end.checked_sub(1)?)?;
    let mut at = tag.start + 1;
    at += name_length(text.get(at..)?);
    loop {
        at += blanks(text.get(at..)?);
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let ends = |byte: &u8| is_blank(*byte) || matches!(byte, b'=' | b'/' | b'"' | b'\'');
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let name = rest.get(..length)?;
        let equals = at + length + blanks(rest.get(length..)?);
        if text.get(equals) != Some(&b'=') {
            at = equals.max(at + 1);
            continue;
        }
        let from = equals + 1;
        let from = from + blanks(text.get(from..)?);
        let (value, next) = match text.get(from) {
            Some(quote @ (b'"' | b'\'')) => {
                let length = memchr(*quote, text.get(from + 1..)?)?;
                (from + 1..from + 1 + length, from + length + 2)
            }
            _ => {
                let rest = text.get(from..)?;
                let ends = |byte: &u8| is_blank(*byte) || *byte == b'/';
                let end = from + rest.iter().position(ends).unwrap_or(rest.len());
                (from..end, end)
            }
        };
        if name == wanted {
            return Some(trimmed(bytes, value));
        }
        at = next;
    }
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| is_blank(byte)).count()
}

fn text_length(rest: &[u8]) -> usize {
    let behind_first = rest.get(1..).unwrap_or_default();
    memchr(b'<', behind_first).map_or(rest.len(), |at| at + 1)
}

#[inline]
fn start_tag(rest: &[u8]) -> Option<(usize, Token<'_>)> {
    let inside = rest.get(1..)?;
    let length = name_length(inside);
    let name = inside.get(..length).filter(|name| !name.is_empty())?;
    let tail = inside.get(length..)?;
    match tail.first()? {
        b'>' => Some((length + 2, Token::Start { name, empty: false })),
        b' ' | b'\t' | b'\r' | b'\n' | b'/' => {
            let attributes = attributes_length(tail)?;
            let empty = tail.get(..attributes)?.ends_with(b"/");
            Some((length + attributes + 2, Token::Start { name, empty }))
        }
        _ => None,
    }
}

#[inline]
fn end_tag(rest: &[u8]) -> Option<(usize, Token<'_>)> {
    let inside = rest.get(2..)?;
    let name = inside.get(..within_tag(inside)?)?;
    let length = name.len() + 3;
    let name = name.trim_ascii();
    Some((length, Token::End { name }))
}

fn instruction(rest: &[u8]) -> Option<(usize, Token<'_>)> {
    let inside = rest.get(2..)?;
    let text = inside.get(..within_tag(inside)?)?;
    Some((text.len() + 3, Token::Instruction(text)))
}

fn declaration(rest: &[u8]) -> Option<(usize, Token<'_>)> {
    let unclosed = (rest.len(), Token::Unclosed);
    if let Some(inside) = rest.strip_prefix(COMMENT_START) {
        return Some(closed_by(inside, b"--").map_or(unclosed, |length| {
            let text = inside.get(..length).unwrap_or_default();
            (COMMENT_START.len() + length + 3, Token::Comment(text))
        }));
    }
    if let Some(inside) = rest.strip_prefix(CHARACTER_DATA_START.as_bytes()) {
        return Some(closed_by(inside, b"]]").map_or(unclosed, |length| {
            let whole = CHARACTER_DATA_START.len() + length + CHARACTER_DATA_END.len();
            (whole, Token::CharacterData)
        }));
    }
    let inside = rest.get(2..)?;
    if rest.starts_with(DOCUMENT_TYPE_START) {
        let opens = |byte: &u8| matches!(byte, b'[' | b'<' | b'>');
        let first = inside.iter().position(opens);
        if let Some(bracket) = first.filter(|&at| inside.get(at) == Some(&b'[')) {
            let subset = inside.get(bracket..).unwrap_or_default();
            return Some(subset_length(subset).map_or(unclosed, |length| {
                (2 + bracket + length, Token::DocumentType)
            }));
        }
        return Some((within_tag(inside)? + 3, Token::DocumentType));
    }
    Some((within_tag(inside)? + 3, Token::Declaration))
}

/// How many bytes stand before the first end that is `mark` and `>`.
fn closed_by(inside: &[u8], mark: &[u8; 2]) -> Option<usize> {
    memchr::memchr_iter(b'>', inside).find_map(|at| {
        let before = inside.get(..at)?;
        before.ends_with(mark).then(|| at - mark.len())
    })
}

/// How many bytes the declarations inside a document type take, from `[` to the `>` behind `]`.
fn subset_length(subset: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'>', subset).find_map(|at| {
        let before = subset.get(..at)?;
        before.trim_ascii_end().ends_with(b"]").then_some(at + 1)
    })
}

/// How many bytes of attributes stand before the end of the tag. A quoted value may hold `>`;
/// where quotes are odd, the tag ends at the first `>`.
fn attributes_length(tail: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(rest) = tail.get(at..) {
        let special = |byte: &u8| matches!(byte, b'"' | b'\'' | b'<' | b'>');
        let Some(found) = rest.iter().position(special) else {
            break;
        };
        at += found;
        let quote = match tail.get(at) {
            Some(b'>') => return Some(at),
            Some(quote @ (b'"' | b'\'')) => *quote,
            _ => break,
        };
        let quoted = tail.get(at + 1..).unwrap_or_default();
        match memchr2(quote, b'<', quoted) {
            Some(length) if quoted.get(length) == Some(&quote) => at += length + 2,
            _ => break,
        }
    }
    within_tag(tail)
}

/// How many bytes stand before the first `>`, if that comes before any `<`.
fn within_tag(inside: &[u8]) -> Option<usize> {
    let end = memchr2(b'<', b'>', inside)?;
    (inside.get(end) == Some(&b'>')).then_some(end)
}

/// How many bytes of a text are a name.
#[inline]
fn name_length(text: &[u8]) -> usize {
    match text.first() {
        // The table has an entry for every byte.
        Some(&first) if begins_name(first) => text
            .iter()
            .position(|&byte| !GOES_ON[usize::from(byte)])
            .unwrap_or(text.len()),
        _ => 0,
    }
}

const fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// Of each byte whether it can stand in a name.
const GOES_ON: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] =
            begins_name(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b':');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn tokens(input: &str) -> Vec<(&str, Token<'_>)> {
        Tokens::from(input.as_bytes(), 0)
            .map(|(range, token)| (&input[range], token))
            .collect()
    }

    fn start(name: &str, empty: bool) -> Token<'_> {
        Token::Start {
            name: name.as_bytes(),
            empty,
        }
    }

    #[test]
    fn tags_with_attributes_of_any_kind() {
        for (tag, empty) in [
            ("<P1>", false),
            ("<P1 para=\"a > b\">", false),
            ("<P1 para='x' />", true),
            ("<P1/>", true),
            ("<P1 para=\"odd>", false),
            ("<P1 para=it's>", false),
        ] {
            assert_eq!(tokens(tag), [(tag, start("P1", empty))]);
        }
    }

    #[test]
    fn what_is_no_markup_is_text() {
        for text in [
            "a<",
            "</a",
            "<1>",
            "< b>",
            "<bob@host>",
            "<P1",
            "<!x",
            "<?x",
        ] {
            assert!(
                tokens(text).iter().all(|(_, token)| *token == Token::Text),
                "{text}"
            );
        }
        assert_eq!(tokens("<<P1>").last(), Some(&("<P1>", start("P1", false))));
    }

    #[test]
    fn a_comment_ends_at_its_first_end() {
        let found = tokens("<!-- a <!-- b --> c -->");
        assert_eq!(found[0].0, "<!-- a <!-- b -->");
        assert_eq!(found[1], (" c -->", Token::Text));
        assert_eq!(tokens("<!-- a <P1>"), [("<!-- a <P1>", Token::Unclosed)]);
    }

    #[test]
    fn a_document_type_is_one_token() {
        for whole in [
            "<!DOCTYPE r>",
            "<!DOCTYPE r SYSTEM \"r.dtd\">",
            "<!DOCTYPE r [\n<!ENTITY a \"<b>\">\n<!-- c -->\n] >",
        ] {
            assert_eq!(tokens(whole), [(whole, Token::DocumentType)]);
        }
        let open = "<!DOCTYPE r [ <!ENTITY a \"b\">";
        assert_eq!(tokens(open), [(open, Token::Unclosed)]);
        assert_eq!(tokens("<!ELEMENT r>")[0].1, Token::Declaration);
    }

    #[test]
    fn an_attribute_is_found_in_any_writing() {
        for (tag, expected) in [
            ("<item name=\"a.b\">", Some("a.b")),
            ("<item name='a.b'/>", Some("a.b")),
            ("<item\r\n\tx=\"name='no'\" name = \" a.b \" >", Some("a.b")),
            ("<item name=a.b/>", Some("a.b")),
            ("<item y names='c' name='a > b' name='z'>", Some("a > b")),
            ("<item x=\"1\"name=\"a\">", Some("a")),
            ("<item name=\"\">", Some("")),
            ("<item name=>", Some("")),
            ("<item name>", None),
            ("<item name=\"a>", None),
            ("<item Name='a'>", None),
            ("<item>", None),
        ] {
            let found = attribute(tag.as_bytes(), 0..tag.len(), b"name");
            assert_eq!(found.map(|range| &tag[range]), expected, "{tag}");
        }
    }
}
