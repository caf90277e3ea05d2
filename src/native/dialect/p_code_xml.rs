//! P-codes as XML elements (grandstream.md 1.2, htek.md 1.1 and 1.2).
//!
//! Every element `<P271 …>1</P271>` is a setting, whatever its attributes and the `version` of its
//! parents. Files in the field are not well-formed, and phones take them: raw `&` and `<` in
//! values, end tags of another name, comments inside comments. So the file is read token by token,
//! and what does not fit is told and kept. Elements of other names are kept and are no settings.

use std::borrow::Cow;
use std::ops::Range;

use super::xml_place;
use super::xml_text::{check_references, escape, resolve};
use super::xml_token::{Token, Tokens, opens_comment, trimmed};
use crate::native::charset;
use crate::native::edit::{EditError, Splice};
use crate::native::key::is_p_code;
use crate::native::lines::{text_start, usual_line_end};
use crate::native::parsed::{Container, Entry, KeySpans, Mark, Parsed, Shape, Span};
use crate::native::problem::ProblemKind;

/// The element that holds the settings.
const CONTAINER: &[u8] = b"config";

/// How deep elements are followed.
const MAX_DEPTH: usize = 32;

pub(super) fn read(bytes: &[u8]) -> Parsed {
    let mut reader = Reader {
        bytes,
        open: Vec::new(),
        skipped: 0,
        rooted: false,
        parsed: Parsed::default(),
    };
    let mut tokens = Tokens::from(bytes, text_start(bytes));
    while let Some((range, token)) = tokens.next() {
        if let Some(next) = reader.take(range, token) {
            tokens = Tokens::from(bytes, next);
        }
    }
    reader.finish()
}

/// The value that element content stands for.
pub(super) fn value(written: Cow<'_, str>) -> Cow<'_, str> {
    resolve(written)
}

pub(super) fn replace(bytes: &[u8], entry: &Entry, value: &str) -> Result<Splice, EditError> {
    let written = escape(value, usual_line_end(bytes))?;
    let text = match entry.shape {
        Shape::Written => written,
        Shape::EmptyElement => format!(">{written}</{}>", entry.key.of(bytes).text()),
    };
    Ok(Splice {
        span: entry.value,
        text,
    })
}

pub(super) fn insert(
    bytes: &[u8],
    parsed: &Parsed,
    key: &str,
    value: &str,
) -> Result<Splice, EditError> {
    if !is_p_code(key.as_bytes()) {
        return Err(EditError::key(key, super::Dialect::PCodeXml));
    }
    let written = escape(value, usual_line_end(bytes))?;
    xml_place::insert(bytes, parsed, &format!("<{key}>{written}</{key}>"))
}

pub(super) fn extent(bytes: &[u8], entry: &Entry) -> Span {
    xml_place::extent(bytes, entry.whole)
}

/// The root element of a file: its first tag, before which there are only comments and
/// declarations. A P-code is no root.
pub(in crate::native) fn root(content: &[u8]) -> Option<&str> {
    for (range, token) in Tokens::from(content, text_start(content)) {
        match token {
            Token::Start { name, .. } if !is_p_code(name) => return std::str::from_utf8(name).ok(),
            Token::Comment(_) | Token::Instruction(_) | Token::Declaration => {}
            Token::Text if trimmed(content, range.clone()).is_empty() => {}
            _ => return None,
        }
    }
    None
}

/// Whether the settings of a file can be read as P-codes: it has some, or no settings at all. A
/// file whose settings are all written in another way (elements with names, `item` and `part`) is
/// none of this dialect: a P-code added to it would stand beside what the phone reads.
pub(in crate::native) fn is_written_in_p_codes(content: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut has_other_settings = false;
    for (_, token) in Tokens::from(content, text_start(content)) {
        match token {
            Token::Start { name, .. } if is_p_code(name) => return true,
            Token::Start { name, empty } => {
                // The root, `config`, and the phone's own address are no settings.
                has_other_settings |= depth > 0 && !matches!(name, b"config" | b"mac");
                depth += usize::from(!empty);
            }
            Token::End { .. } => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    !has_other_settings
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// Names of the elements that are open, without settings.
    open: Vec<&'a [u8]>,
    /// How many elements are open beyond the deepest one that is followed.
    skipped: usize,
    /// Whether any element was seen.
    rooted: bool,
    parsed: Parsed,
}

impl<'a> Reader<'a> {
    /// Takes a token; says where to go on if that is not after it.
    fn take(&mut self, range: Range<usize>, token: Token<'a>) -> Option<usize> {
        match token {
            Token::Text => self.text(range),
            Token::Comment(text) => {
                if opens_comment(text) {
                    self.parsed
                        .report(range.start, ProblemKind::CommentInComment);
                }
            }
            Token::Unclosed => self
                .parsed
                .report(range.start, ProblemKind::UnclosedComment),
            Token::Instruction(text) => self.instruction(range.start + 2, text),
            Token::CharacterData | Token::Declaration => {}
            Token::Start { name, empty } if is_p_code(name) => {
                self.rooted = true;
                return Some(self.setting(range, name, empty));
            }
            Token::Start { name, empty } => self.start(range, name, empty),
            Token::End { name } => self.end(range, name),
        }
        None
    }

    fn text(&mut self, range: Range<usize>) {
        let outside = match self.open.as_slice() {
            [] | [_] => true,
            [.., parent] => *parent == CONTAINER && self.skipped == 0,
        };
        let text = trimmed(self.bytes, range.clone());
        if text.is_empty() {
            return;
        }
        if outside {
            self.parsed
                .report(text.start, ProblemKind::TextOutsideElements);
        } else {
            self.check_text(range);
        }
    }

    /// Tells what is wrong inside a text.
    fn check_text(&mut self, range: Range<usize>) {
        let text = self.bytes.get(range.clone()).unwrap_or_default();
        if text.starts_with(b"<") {
            self.parsed.report(range.start, ProblemKind::BareLessThan);
        }
        // A reference is ASCII, and only ASCII stands at the offset of one in either encoding.
        let Ok(text) = std::str::from_utf8(text) else {
            let ascii: String = text
                .iter()
                .map(|&byte| {
                    if byte.is_ascii() {
                        char::from(byte)
                    } else {
                        '?'
                    }
                })
                .collect();
            return check_references(&ascii, |at, kind| {
                self.parsed.report(range.start + at, kind)
            });
        };
        check_references(text, |at, kind| self.parsed.report(range.start + at, kind));
    }

    fn instruction(&mut self, start: usize, text: &[u8]) {
        if self.parsed.declared_encoding.is_none()
            && text.starts_with(b"xml")
            && let Some(encoding) = declared_encoding(text)
        {
            let span = Span::new(start + encoding.start, start + encoding.end);
            self.parsed.declared_encoding = Some(span);
        }
    }

    fn start(&mut self, range: Range<usize>, name: &'a [u8], empty: bool) {
        let name_span = Span::new(range.start + 1, range.start + 1 + name.len());
        if !self.rooted {
            self.rooted = true;
            self.parsed.root = Some(name_span);
        } else if name == b"mac" && !empty && self.parsed.mac.is_none() {
            let rest = self.bytes.get(range.end..).unwrap_or_default();
            let length = memchr::memchr(b'<', rest).unwrap_or(rest.len());
            self.parsed.mac = Some(Span::new(range.end, range.end + length));
        }
        if empty {
            if name == CONTAINER && self.parsed.container.is_none() {
                let span = tag_end(self.bytes, &range);
                self.parsed.container = Some(Container::EmptyElement(span));
            }
        } else if self.open.len() < MAX_DEPTH {
            self.open.push(name);
        } else {
            if self.skipped == 0 {
                let limit = MAX_DEPTH;
                self.parsed
                    .report(range.start, ProblemKind::TooDeep { limit });
            }
            self.skipped += 1;
        }
    }

    fn end(&mut self, range: Range<usize>, name: &'a [u8]) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let Some(depth) = self.open.iter().rposition(|open| *open == name) else {
            let name = shown(name);
            return self
                .parsed
                .report(range.start, ProblemKind::StrayEndTag { name });
        };
        for unclosed in self.open.drain(depth..).skip(1) {
            let name = shown(unclosed);
            self.parsed
                .report(range.start, ProblemKind::UnclosedElement { name });
        }
        if name == CONTAINER {
            self.parsed.container = Some(Container::Before(Span::empty(range.start).start));
        }
    }

    /// Takes an element that is a setting; returns the offset behind it.
    fn setting(&mut self, tag: Range<usize>, name: &[u8], empty: bool) -> usize {
        let (shape, value, end) = if empty {
            (Shape::EmptyElement, tag_end(self.bytes, &tag), tag.end)
        } else {
            let content = self.content(tag.end, name);
            for (range, token) in Tokens::from(self.bytes, content.value.start) {
                if range.start >= content.value.end {
                    break;
                }
                match token {
                    Token::Text => self.check_text(range.start..range.end.min(content.value.end)),
                    Token::Start { .. } | Token::End { .. } => {
                        self.parsed.report(range.start, ProblemKind::TagInValue);
                    }
                    _ => {}
                }
            }
            let value = Span::new(content.value.start, content.value.end);
            (Shape::Written, value, self.close(&tag, name, &content))
        };
        if self.open.last() == Some(&CONTAINER) {
            let next = u32::try_from(self.parsed.entries.len()).unwrap_or(u32::MAX);
            self.parsed.last_contained = Some(next);
        }
        self.parsed.entries.push(Entry {
            key: KeySpans::plain(Span::new(tag.start + 1, tag.start + 1 + name.len())),
            mark: Mark::None,
            shape,
            start: Span::empty(tag.start).start,
            value,
            whole: Span::new(tag.start, end),
        });
        end
    }

    /// Says how a setting's element ends, and where.
    fn close(&mut self, tag: &Range<usize>, name: &[u8], content: &Content<'_>) -> usize {
        match content.end {
            ContentEnd::Own(end) => end,
            ContentEnd::Other { found, end } if !self.open.contains(&found) => {
                let name = shown(name);
                let found = shown(found);
                self.parsed
                    .report(tag.start, ProblemKind::MismatchedEndTag { name, found });
                end
            }
            ContentEnd::Other { .. } | ContentEnd::Missing => {
                let name = shown(name);
                self.parsed
                    .report(tag.start, ProblemKind::UnclosedElement { name });
                content.value.end
            }
        }
    }

    /// The content of a setting's element. It reaches to the end tag of that name if that comes
    /// before the next setting and before any end tag that fits nothing inside; else to the next
    /// markup.
    fn content(&self, start: usize, name: &[u8]) -> Content<'a> {
        let mut depth = 0_usize;
        let mut markup: Option<usize> = None;
        // From the first to the last token that is neither blank nor a comment.
        let mut body: Option<Range<usize>> = None;
        for (range, token) in Tokens::from(self.bytes, start) {
            let part = match token {
                Token::Text => trimmed(self.bytes, range.clone()),
                Token::End { name: found } if found == name => {
                    return Content {
                        value: body.unwrap_or(start..start),
                        end: ContentEnd::Own(range.end),
                    };
                }
                Token::End { name: found } if depth == 0 => {
                    let only_text = markup.is_none();
                    let value = trimmed(self.bytes, start..markup.unwrap_or(range.start));
                    let end = range.end;
                    return Content {
                        value,
                        end: if only_text {
                            ContentEnd::Other { found, end }
                        } else {
                            ContentEnd::Missing
                        },
                    };
                }
                Token::Unclosed => {
                    markup.get_or_insert(range.start);
                    break;
                }
                Token::Start { name, .. } if is_p_code(name) => {
                    markup.get_or_insert(range.start);
                    break;
                }
                Token::Comment(_) => {
                    markup.get_or_insert(range.start);
                    continue;
                }
                Token::Start { empty, .. } => {
                    depth += usize::from(!empty);
                    range.clone()
                }
                Token::End { .. } => {
                    depth -= 1;
                    range.clone()
                }
                Token::CharacterData | Token::Instruction(_) | Token::Declaration => range.clone(),
            };
            if token != Token::Text {
                markup.get_or_insert(range.start);
            }
            if !part.is_empty() {
                let from = body.as_ref().map_or(part.start, |body| body.start);
                body = Some(from..part.end);
            }
        }
        Content {
            value: trimmed(self.bytes, start..markup.unwrap_or(self.bytes.len())),
            end: ContentEnd::Missing,
        }
    }

    fn finish(mut self) -> Parsed {
        for unclosed in self.open {
            let name = shown(unclosed);
            self.parsed
                .report(self.bytes.len(), ProblemKind::UnclosedElement { name });
        }
        if self.parsed.root.is_none() {
            self.parsed
                .report(text_start(self.bytes), ProblemKind::MissingRoot);
        }
        self.parsed
    }
}

struct Content<'a> {
    value: Range<usize>,
    end: ContentEnd<'a>,
}

enum ContentEnd<'a> {
    /// The element's own end tag, which ends here.
    Own(usize),
    /// Right after the text comes an end tag of another name.
    Other { found: &'a [u8], end: usize },
    /// There is none.
    Missing,
}

/// The end of an empty element's tag, `/>` and blanks before it.
fn tag_end(bytes: &[u8], tag: &Range<usize>) -> Span {
    let inside = tag.start..tag.end.saturating_sub(2);
    Span::new(trimmed(bytes, inside).end, tag.end)
}

/// Where the name of the encoding stands in an XML declaration.
fn declared_encoding(declaration: &[u8]) -> Option<Range<usize>> {
    let attribute = memchr::memmem::find(declaration, b"encoding")?;
    let quote = memchr::memchr2(b'"', b'\'', declaration.get(attribute..)?)? + attribute;
    let name = declaration.get(quote + 1..)?;
    let length = memchr::memchr(*declaration.get(quote)?, name)?;
    Some(quote + 1..quote + 1 + length)
}

/// A name for a report, cut if it is long.
fn shown(name: &[u8]) -> String {
    charset::decode(name).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{Dialect, Document, NativeKey};

    fn given(text: &str) -> Document {
        Document::parse(Dialect::PCodeXml, text)
    }

    fn config(inside: &str) -> String {
        format!("<gs_provision><config>{inside}</config></gs_provision>")
    }

    /// Settings as `key=value`, then problems.
    fn read(text: &str) -> String {
        let document = given(text);
        let settings = document
            .settings()
            .map(|setting| format!("{}={}", setting.key, setting.value));
        let problems = document.problems().iter().map(ToString::to_string);
        settings.chain(problems).collect::<Vec<_>>().join("; ")
    }

    #[track_caller]
    fn set(inside: &str, key: &str, value: &str, expected: &str) {
        let mut document = given(&config(inside));
        document.set(&NativeKey::new(key), value).unwrap();
        let after = String::from_utf8_lossy(document.bytes()).into_owned();
        assert_eq!(after, config(expected));
    }

    #[test]
    fn a_sound_file_reads_without_problems() {
        let document = given(
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<!-- vendor -->\r\n\
             <hl_provision version=\"1\">\r\n<mac para=\"Mac\">00:1F:C1:00:00:01</mac>\r\n\
             <config version=\"2\">\r\n\t<P35 para=\"a > b\"> 201 </P35>\r\n\t<P36/>\r\n\
             \t<item name=\"x\"><part name=\"y\">z</part></item>\r\n\
             <Account1_SipUserId>5</Account1_SipUserId></config>\r\n</hl_provision>\r\n",
        );
        assert_eq!(document.problems(), []);
        assert_eq!(document.root(), Some("hl_provision"));
        let mac = document.declared_mac().unwrap().unwrap();
        assert_eq!(mac.to_string(), "001fc1000001");
        let found: Vec<_> = document
            .settings()
            .map(|s| (s.key.to_string(), s.value.into_owned(), s.line, s.column))
            .collect();
        let expected = [
            ("P35".to_owned(), "201".to_owned(), 6, 2),
            ("P36".to_owned(), String::new(), 7, 2),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_well_formed_is_read_all_the_same() {
        insta::assert_snapshot!(
            [
                "<P2383>0</2383><P1>a</P1>",
                "<P1>p&w<1>%41</P1><P2>R &copy; S</P2>",
                "<P1>Bob <bob@host></P1><P2>x <b>y</b></P2><P3>a</P3></P3>",
                "<P1>a<P2>b",
                "<!-- a <!-- b --> c --><P1>a</P1><P2>&#0;</P2>",
                "<!-- <P1>a</P1> --><P2>b<!-- c --></P2> loose",
            ]
            .map(|inside| read(&config(inside)))
            .join("\n"),
            @r"
        P2383=0; P1=a; element `P2383` ends with `</2383>`
        P1=p&w<1>%41; P2=R &copy; S; bare `&`: `&amp;` is wanted; bare `<`: `&lt;` is wanted; entity `&copy;` is not defined: it is read as text
        P1=Bob <bob@host>; P2=x <b>y</b>; P3=a; bare `<`: `&lt;` is wanted; tag inside a value: it is read as text; tag inside a value: it is read as text; `</P3>` ends no element
        P1=a; P2=b; element `P1` has no end tag; element `P2` has no end tag
        P1=a; P2=&#0;; comment begins inside a comment: both end at the first `-->`; text outside of elements; `&#0;` is no character: it is read as text
        P2=b; text outside of elements
        "
        );
        assert_eq!(read("<P1>a</P1>"), "P1=a; the file has no root element");
        assert_eq!(
            read("<r><!-- open <P1>a</P1>"),
            "comment or character data is not closed: the rest of the file is not read; \
             element `r` has no end tag"
        );
    }

    #[test]
    fn an_unknown_encoding_is_told() {
        assert_eq!(
            read("<?xml encoding='windows-1251'?><r/>"),
            "encoding `windows-1251` is not decoded: text beyond ASCII may be shown wrongly"
        );
        assert_eq!(
            read("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r/>"),
            ""
        );
    }

    #[test]
    fn only_the_value_changes() {
        set(
            "<P1 para=\"x\"> a </P1>",
            "P1",
            "b & c",
            "<P1 para=\"x\"> b &amp; c </P1>",
        );
        set(
            "<P967 para=\"x\" />",
            "P967",
            "v",
            "<P967 para=\"x\">v</P967>",
        );
        set("<P967></P967>", "P967", "v", "<P967>v</P967>");
        set("<P2383>0</2383>", "P2383", "1", "<P2383>1</2383>");
        set("<P1>a<!-- c --></P1>", "P1", "b", "<P1>b<!-- c --></P1>");
        set("<P1>p&w<1></P1>", "P1", "\"q\"", "<P1>\"q\"</P1>");
        set("<P1>a</P1>", "P1", "b\nc", "<P1>b\nc</P1>");
        set(
            "\r\n<P1>a</P1>\r\n",
            "P1",
            "b\nc",
            "\r\n<P1>b\r\nc</P1>\r\n",
        );
        set("<P1>a</P1>", "P1", "", "<P1></P1>");
        set("<P1>&copy;</P1>", "P1", "&copy;", "<P1>&copy;</P1>");
    }

    #[test]
    fn a_root_is_found_behind_comments_only() {
        assert_eq!(
            root(b"\xef\xbb\xbf \n<!-- a --><?xml?><!DOCTYPE r><r x='1'>"),
            Some("r")
        );
        for other in ["", "text<r>", "<P1>a</P1>", "<!-- <r>"] {
            assert_eq!(root(other.as_bytes()), None, "{other}");
        }
    }
}
