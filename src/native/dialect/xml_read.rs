//! Reads an XML file: which of its elements are settings, and what does not fit.
//!
//! One pass over the tokens with a short stack of open elements. A setting whose content is plain
//! text up to its own end tag is taken at one look; only content with markup in it is looked
//! through token by token, and then for a bounded number of tags, so that a file of elements
//! without ends takes no longer than a sound one.

use std::ops::Range;

use memchr::memchr;

use super::xml_content::{Content, ContentEnd, Holds, Tag, content, plain};
use super::xml_element::{CONTAINER, ITEM, MAC, PART, tag_end};
use super::xml_text::check_references;
use super::xml_token::{Token, Tokens, attribute, opens_comment, trimmed};
use crate::native::charset;
use crate::native::key::is_p_code;
use crate::native::lines::text_start;
use crate::native::parsed::{Container, Entry, KeySpans, Mark, Parsed, Shape, Span};
use crate::native::problem::ProblemKind;

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
            tokens.seek(next);
        }
    }
    reader.finish()
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// The elements that are open, without settings.
    open: Vec<Open<'a>>,
    /// How many elements are open beyond the deepest one that is followed.
    skipped: usize,
    /// Whether any element was seen.
    rooted: bool,
    parsed: Parsed,
}

/// An open element.
struct Open<'a> {
    name: &'a [u8],
    role: Role,
}

/// What an open element means for what stands in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It holds settings.
    Container,
    /// An `item` with parts; its name stands here, and is empty if there is none.
    Item(Span),
    /// Nothing.
    Other,
}

/// What a start tag begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    PCode,
    Named,
    Item,
    Part(Span),
    StrayPart,
    Other,
}

impl<'a> Reader<'a> {
    /// Takes a token; says where to go on if that is not after it.
    #[inline]
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
            Token::DocumentType => self.parsed.report(range.start, ProblemKind::DocumentType),
            Token::Instruction(text) => self.instruction(range.start + 2, text),
            Token::CharacterData | Token::Declaration => {}
            Token::Start { name, empty } => {
                let kind = self.kind(name);
                return self.element(&Tag { range, name, empty }, kind);
            }
            Token::End { name } => self.end(range, name),
        }
        None
    }

    fn parent(&self) -> Role {
        match self.open.last() {
            Some(open) if self.skipped == 0 => open.role,
            _ => Role::Other,
        }
    }

    fn is_open(&self, name: &[u8]) -> bool {
        self.open.iter().any(|open| open.name == name)
    }

    #[inline]
    fn kind(&self, name: &[u8]) -> Kind {
        if is_p_code(name) {
            return Kind::PCode;
        }
        match (name, self.parent()) {
            (ITEM, Role::Container | Role::Item(_)) => Kind::Item,
            (PART, Role::Item(item)) => Kind::Part(item),
            (PART, _) if self.is_open(CONTAINER) => Kind::StrayPart,
            (CONTAINER | MAC, _) => Kind::Other,
            (_, Role::Container) => Kind::Named,
            _ => Kind::Other,
        }
    }

    /// Takes a start tag; says where to go on if that is not after it.
    fn element(&mut self, tag: &Tag<'a>, kind: Kind) -> Option<usize> {
        let own_name = Span::new(tag.range.start + 1, tag.range.start + 1 + tag.name.len());
        match kind {
            Kind::PCode => {
                self.rooted = true;
                self.close_item(tag.range.start);
                let next = self.setting(tag, kind, Some(KeySpans::plain(own_name)));
                return Some(next.unwrap_or(tag.range.end));
            }
            Kind::Named => {
                let next = self.setting(tag, kind, Some(KeySpans::plain(own_name)));
                if next.is_some() {
                    return next;
                }
                self.start(tag, Role::Other);
            }
            Kind::Item => {
                self.close_item(tag.range.start);
                let name = self.name_attribute(tag, "item");
                let key =
                    name.map(|name| KeySpans::of_attributes(self.bytes, Span::default(), name));
                let next = self.setting(tag, kind, key);
                if next.is_some() {
                    return next;
                }
                self.start(tag, Role::Item(name.unwrap_or_default()));
            }
            Kind::Part(item) => {
                let name = self.name_attribute(tag, "part");
                let key = name
                    .filter(|_| item != Span::default())
                    .map(|name| KeySpans::of_attributes(self.bytes, item, name));
                return self.setting(tag, kind, key);
            }
            Kind::StrayPart => {
                self.parsed
                    .report(tag.range.start, ProblemKind::PartOutsideItem);
                self.start(tag, Role::Other);
            }
            Kind::Other if tag.name == CONTAINER => self.start(tag, Role::Container),
            Kind::Other => self.start(tag, Role::Other),
        }
        None
    }

    /// The name of an `item` or `part`; if it has none, that is told.
    fn name_attribute(&mut self, tag: &Tag<'_>, element: &'static str) -> Option<Span> {
        let name =
            attribute(self.bytes, tag.range.clone(), b"name").filter(|name| !name.is_empty());
        if name.is_none() {
            self.parsed
                .report(tag.range.start, ProblemKind::NoName { element });
        }
        name.map(|name| Span::new(name.start, name.end))
    }

    /// Ends an `item` with parts that has no end tag, where the next setting begins.
    fn close_item(&mut self, at: usize) {
        if let Role::Item(_) = self.parent() {
            self.open.pop();
            let name = "item".to_owned();
            self.parsed
                .report(at, ProblemKind::UnclosedElement { name });
        }
    }

    fn text(&mut self, range: Range<usize>) {
        let text = trimmed(self.bytes, range.clone());
        if text.is_empty() {
            return;
        }
        match (self.open.as_slice(), self.parent()) {
            ([] | [_], _) | (_, Role::Container) => self
                .parsed
                .report(text.start, ProblemKind::TextOutsideElements),
            (_, Role::Item(_)) => self.parsed.report(text.start, ProblemKind::TextBesideParts),
            (_, Role::Other) => self.check_text(range),
        }
    }

    /// Tells what is wrong inside a text.
    fn check_text(&mut self, range: Range<usize>) {
        let text = self.bytes.get(range.clone()).unwrap_or_default();
        if text.starts_with(b"<") {
            self.parsed.report(range.start, ProblemKind::BareLessThan);
        }
        if memchr(b'&', text).is_some() {
            check_references(text, |at, kind| self.parsed.report(range.start + at, kind));
        }
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

    /// Takes the start tag of an element that is no setting.
    fn start(&mut self, tag: &Tag<'a>, role: Role) {
        let Range { start, end } = tag.range;
        if !self.rooted {
            self.rooted = true;
            self.parsed.root = Some(Span::new(start + 1, start + 1 + tag.name.len()));
        } else if tag.name == MAC && !tag.empty && self.parsed.mac.is_none() {
            let rest = self.bytes.get(end..).unwrap_or_default();
            let length = memchr(b'<', rest).unwrap_or(rest.len());
            self.parsed.mac = Some(Span::new(end, end + length));
        }
        if tag.empty {
            if role == Role::Container && self.parsed.container.is_none() {
                let span = tag_end(self.bytes, &tag.range);
                self.parsed.container = Some(Container::EmptyElement(span));
            }
        } else if self.open.len() < MAX_DEPTH {
            let name = tag.name;
            self.open.push(Open { name, role });
        } else {
            if self.skipped == 0 {
                let limit = MAX_DEPTH;
                self.parsed.report(start, ProblemKind::TooDeep { limit });
            }
            self.skipped += 1;
        }
    }

    fn end(&mut self, range: Range<usize>, name: &'a [u8]) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let Some(depth) = self.open.iter().rposition(|open| open.name == name) else {
            let name = shown(name);
            return self
                .parsed
                .report(range.start, ProblemKind::StrayEndTag { name });
        };
        for unclosed in self.open.drain(depth..).skip(1) {
            let name = shown(unclosed.name);
            self.parsed
                .report(range.start, ProblemKind::UnclosedElement { name });
        }
        if name == CONTAINER {
            self.parsed.container = Some(Container::Before(Span::empty(range.start).start));
        }
    }

    /// Takes an element that is a setting, or would be one if it had a key; returns the offset
    /// behind it. Nothing is taken if it holds elements in place of a value.
    #[inline]
    fn setting(&mut self, tag: &Tag<'a>, kind: Kind, key: Option<KeySpans>) -> Option<usize> {
        let (shape, value, end) = if tag.empty {
            let span = tag_end(self.bytes, &tag.range);
            (Shape::EmptyElement, span, tag.range.end)
        } else if let Some((value, end)) = plain(self.bytes, tag) {
            if !value.is_empty() {
                self.check_text(value.clone());
            }
            (Shape::Written, Span::new(value.start, value.end), end)
        } else {
            let holds = match kind {
                Kind::Item => Holds::ValueOrParts,
                Kind::Named => Holds::ValueOrElements,
                _ => Holds::Value,
            };
            let content = content(self.bytes, tag, holds)?;
            self.check_content(&content.value);
            let value = Span::new(content.value.start, content.value.end);
            (Shape::Written, value, self.close(tag, &content))
        };
        if let Some(key) = key {
            self.push(
                kind,
                Entry {
                    key,
                    mark: Mark::None,
                    shape,
                    start: Span::empty(tag.range.start).start,
                    value,
                    whole: Span::new(tag.range.start, end),
                },
            );
        }
        Some(end)
    }

    fn push(&mut self, kind: Kind, entry: Entry) {
        if self.parent() != Role::Other {
            let next = u32::try_from(self.parsed.entries.len()).ok();
            self.parsed.last_contained = next;
            if kind == Kind::PCode {
                self.parsed.last_contained_p_code = next;
            }
        }
        self.parsed.entries.push(entry);
    }

    /// Tells what is wrong inside a value that has markup in it.
    fn check_content(&mut self, value: &Range<usize>) {
        for (range, token) in Tokens::from(self.bytes, value.start) {
            if range.start >= value.end {
                break;
            }
            match token {
                Token::Text => self.check_text(range.start..range.end.min(value.end)),
                Token::Start { .. } | Token::End { .. } => {
                    self.parsed.report(range.start, ProblemKind::TagInValue);
                }
                _ => {}
            }
        }
    }

    /// Says how a setting's element ends, and where.
    fn close(&mut self, tag: &Tag<'_>, content: &Content<'_>) -> usize {
        match content.end {
            ContentEnd::Own(end) => end,
            ContentEnd::Other { found, end } if !self.is_open(found) => {
                let name = shown(tag.name);
                let found = shown(found);
                let kind = ProblemKind::MismatchedEndTag { name, found };
                self.parsed.report(tag.range.start, kind);
                end
            }
            ContentEnd::Other { .. } | ContentEnd::Missing => {
                let name = shown(tag.name);
                self.parsed
                    .report(tag.range.start, ProblemKind::UnclosedElement { name });
                content.value.end
            }
        }
    }

    fn finish(mut self) -> Parsed {
        for unclosed in self.open {
            let name = shown(unclosed.name);
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

/// Where the name of the encoding stands in an XML declaration.
fn declared_encoding(declaration: &[u8]) -> Option<Range<usize>> {
    let attribute = memchr::memmem::find(declaration, b"encoding")?;
    let quote = memchr::memchr2(b'"', b'\'', declaration.get(attribute..)?)? + attribute;
    let name = declaration.get(quote + 1..)?;
    let length = memchr(*declaration.get(quote)?, name)?;
    Some(quote + 1..quote + 1 + length)
}

/// A name for a report, cut if it is long.
fn shown(name: &[u8]) -> String {
    charset::decode(name).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use crate::native::{Dialect, Document};

    fn given(text: &str) -> Document {
        Document::parse(Dialect::PCodeXml, text)
    }

    /// Settings as `key=value`, then problems.
    fn read(inside: &str) -> String {
        let document = given(&format!("<r><config>{inside}</config></r>"));
        let settings = document
            .settings()
            .map(|setting| format!("{}={}", setting.key, setting.value));
        let problems = document.problems().iter().map(ToString::to_string);
        settings.chain(problems).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn odd_nesting_is_told_and_costs_no_other_setting() {
        insta::assert_snapshot!(
            [
                "<item name=\"a\">1<item name=\"b\">2</item><P3>3</P3>",
                "<item name=\"a\"><part name=\"b\">1</part><item name=\"c\">2</item>",
                "<item name=\"a\"><part name=\"b\">1</part><P2>2</P2><P3>3</P3>",
                "<item name=\"a\"><part name=\"b\">1<part name=\"c\">2</item><X>3</X>",
                "<item name=\"a\"><part name=\"b\">1</part>",
                "<part name=\"b\">1</part><X>2</X>",
                "<item name=\"a\">text<part name=\"b\">1</part> more </item>",
                "<item>1</item><item name=\" \"><part name=\"b\">2</part></item><item name=\"a\"><part>3</part></item>",
                "<item name=\"a\">1</part><X>2</Y><Z>3</Z>",
                "<X>1<Y>2</Y><Z>3</Z>",
                "<X>\n<Y>2</Y></X><Z>3</Z>",
                "<X>1 <b>2</b> 3</X><item name=\"a\"><b>4</b></item><Z>5</Z>",
                "<X>1<X>2</X>",
                "<X><![CDATA[<1>]]></X><Y><?php 2 ?></Y><Z><!-- 3 -->3</Z>",
                "<!-- <item name=\"a\">1</item> <!-- --> <X>2</X> --><Z>3</Z>",
                "<item name=\"a>1</item><Z>3</Z>",
            ]
            .map(read)
            .join("\n"),
            @r"
        a=1; b=2; P3=3; element `item` has no end tag
        a.b=1; c=2; element `item` has no end tag
        a.b=1; P2=2; P3=3; element `item` has no end tag
        a.b=1; a.c=2; x=3; element `part` has no end tag; element `part` has no end tag
        a.b=1; element `item` has no end tag
        x=2; `part` outside of an `item`: it is no setting
        a.b=1; text beside the parts of an `item`: it is no setting; text beside the parts of an `item`: it is no setting
        element `item` has no name: it is no setting; element `item` has no name: it is no setting; element `part` has no name: it is no setting
        a=1; x=2; z=3; element `item` ends with `</part>`; element `X` ends with `</Y>`
        x=1; y=2; z=3; element `X` has no end tag
        z=3
        x=1 <b>2</b> 3; a=<b>4</b>; z=5; tag inside a value: it is read as text; tag inside a value: it is read as text; tag inside a value: it is read as text; tag inside a value: it is read as text
        x=1; x=2; element `X` has no end tag
        x=<1>; y=<?php 2 ?>; z=3
        x=2; z=3; comment begins inside a comment: both end at the first `-->`; text outside of elements
        z=3; element `item` has no name: it is no setting
        "
        );
    }

    #[test]
    fn a_dtd_is_told_and_never_expanded() {
        let document = given(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE r [\n<!ENTITY a \"aaaa\">\n\
             <!ENTITY b \"&a;&a;\">\n<!ENTITY c SYSTEM \"file:///etc/passwd\">\n]>\n\
             <r><config><P1>&b;</P1><item name=\"&c;\">&c;</item></config></r>",
        );
        assert_eq!(document.root(), Some("r"));
        let found: Vec<_> = document
            .settings()
            .map(|setting| (setting.key.as_str(), setting.value.into_owned()))
            .collect();
        assert_eq!(found, [("P1", "&b;".to_owned()), ("&c;", "&c;".to_owned())]);
        let problems: Vec<_> = document
            .problems()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            problems[0],
            "a DTD is not read, and entities that it defines are not expanded"
        );
        assert_eq!(problems[1], "entity is not defined: it is read as text");
        assert_eq!(problems.len(), 3);
    }

    #[test]
    fn deep_elements_are_told_once() {
        let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        let found = read(&format!("{deep}<X>1</X>"));
        assert_eq!(found, "x=1; elements are nested more than 32 deep");
        let open = given(&"<a>".repeat(10_000));
        assert!(open.problems().len() < 100);
    }

    #[test]
    fn a_file_cut_anywhere_is_kept() {
        let whole = "<?xml version='1.0'?><!DOCTYPE r [<!ENTITY a 'b'>]><r><mac>00</mac><config>\r\n\
                     <!-- c --><P1 para=\"x\">a&amp;</P1><item name='a'><part name=\"b\">1</part></item>\
                     <X><![CDATA[y]]></X><item name=\"\u{fc}.d\" />\0</config></r>";
        for end in 0..=whole.len() {
            let cut = &whole.as_bytes()[..end];
            crate::native::law::check_reading(&Document::parse(Dialect::PCodeXml, cut), cut);
        }
    }

    #[test]
    fn what_is_repeated_without_an_end_is_kept() {
        for piece in [
            "<P1 para=\"x\">value</P1>\n",
            "<item name=\"a.b\">value</item>\n",
            "<item name=\"a\"><part name=\"b\">value</part></item>\n",
            "<X>value</X>\n",
            "<item name=\"a\">",
            "<item name=\"a\">v",
            "<item name=\"a\"><part name=\"b\">",
            "<part name=\"b\">",
            "<X>",
            "<X>v",
            "<X>v<Y>w<Z>x",
            "<P1>v<b>w",
            "<b><P1>v",
            "<X></Y>",
            "</X>",
            "<X>v</item>",
            "<!DOCTYPE a [",
            "<!--",
            "<![CDATA[",
            "<?a",
            "<",
            "<a \"",
            "<a b='",
            "&",
            "&#",
            "<X>&copy;<",
            "\0",
        ] {
            let text = format!("<r><config>{}</config></r>", piece.repeat(500));
            crate::native::law::check_reading(&given(&text), text.as_bytes());
        }
    }

    #[test]
    fn one_long_line_is_read_and_edited() {
        let text = format!(
            "<r><config><P1>{}</P1><X>b</X></config></r>",
            "a".repeat(5_000_000)
        );
        let mut document = given(&text);
        assert_eq!(document.setting_count(), 2);
        document
            .set(&crate::native::NativeKey::new("x"), "c")
            .unwrap();
        assert_eq!(document.bytes().len(), text.len());
        assert!(document.bytes().ends_with(b"<X>c</X></config></r>"));
    }
}
