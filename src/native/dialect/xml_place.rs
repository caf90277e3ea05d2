//! Where elements of settings go in an XML file, and what goes with them.

use super::xml_element::{Spelling, outer};
use super::xml_token::{Token, Tokens, trimmed};
use crate::native::NativeKey;
use crate::native::edit::{EditError, Splice};
use crate::native::key::{WrittenKey, is_p_code};
use crate::native::lines::{Line, line_at, line_end_like, usual_line_end};
use crate::native::parsed::{Container, Entry, Parsed, Span};

/// Where a new setting goes, and as what.
pub(super) struct Place {
    pub(super) spelling: Spelling,
    /// How many bytes of the name the item says that a part is put into, dot included.
    pub(super) named_by_item: usize,
    spot: Spot,
}

enum Spot {
    /// After this element, on a line of its own where that has its own.
    After(Span),
    /// In the container, which holds no settings yet.
    First(Container),
}

impl Place {
    /// The change that puts an element there.
    pub(super) fn take(&self, bytes: &[u8], element: &str) -> Splice {
        match self.spot {
            Spot::After(neighbour) => after(bytes, neighbour, element),
            Spot::First(Container::Before(offset)) => before(bytes, offset as usize, element),
            Spot::First(Container::EmptyElement(span)) => Splice {
                span,
                text: format!(">{element}</config>"),
            },
        }
    }
}

/// The place of a setting of this name: after those of its kind, a dotted name among those that
/// it shares most segments with.
pub(super) fn find(bytes: &[u8], parsed: &Parsed, name: &str) -> Result<Place, EditError> {
    if parsed.root.is_none() {
        return Err(EditError::MissingRoot);
    }
    let last_of = |wanted: &[Spelling]| {
        let mut entries = parsed.entries.iter().rev();
        entries.find(|entry| wanted.contains(&Spelling::of(bytes, entry)))
    };
    let at = |index: Option<u32>| parsed.entries.get(index? as usize);
    let (spelling, neighbour) = if is_p_code(name.as_bytes()) {
        (Spelling::PCode, at(parsed.last_contained_p_code))
    } else if !name.contains('.') {
        (Spelling::Named, last_of(&[Spelling::Named]))
    } else if last_of(&[Spelling::Item, Spelling::Part]).is_some() {
        return Ok(among_items(bytes, parsed, name));
    } else if let Some(named) = last_of(&[Spelling::Named]) {
        (Spelling::Named, Some(named))
    } else {
        (Spelling::Item, None)
    };
    let neighbour = neighbour.or(at(parsed.last_contained));
    let spot = match (neighbour, parsed.container, parsed.entries.last()) {
        (Some(neighbour), ..) => Spot::After(outer(bytes, neighbour)),
        (None, Some(container), _) => Spot::First(container),
        (None, None, Some(last)) => Spot::After(last.whole),
        (None, None, None) => return Err(EditError::MissingConfig),
    };
    Ok(Place {
        spelling,
        named_by_item: 0,
        spot,
    })
}

/// The place of a dotted name among items: as a part of the item whose name says most of it, if
/// no other item is nearer; else as an item after the nearest setting.
fn among_items(bytes: &[u8], parsed: &Parsed, name: &str) -> Place {
    let dotted = parsed
        .entries
        .iter()
        .filter(|entry| matches!(Spelling::of(bytes, entry), Spelling::Item | Spelling::Part));
    let wanted = NativeKey::new(name);
    // Of what is equally near, the last one in the file.
    let mut nearest: Option<(usize, &Entry)> = None;
    let mut nearest_item = 0;
    let mut group: Option<(usize, &Entry)> = None;
    for entry in dotted {
        let near = common_segments(&wanted, &entry.key.of(bytes).normal());
        if nearest.is_none_or(|(nearest, _)| near >= nearest) {
            nearest = Some((near, entry));
        }
        match Spelling::of(bytes, entry) {
            Spelling::Part => {
                let said = said_by(entry.key.of(bytes), name);
                let length = group.map_or(1, |(length, _)| length);
                group = said
                    .filter(|said| *said >= length)
                    .map(|said| (said, entry))
                    .or(group);
            }
            _ => nearest_item = nearest_item.max(near),
        }
    }
    if let Some((said, entry)) = group
        && name.get(..said).unwrap_or_default().matches('.').count() >= nearest_item
    {
        return Place {
            spelling: Spelling::Part,
            named_by_item: said,
            spot: Spot::After(entry.whole),
        };
    }
    Place {
        spelling: Spelling::Item,
        named_by_item: 0,
        spot: Spot::After(
            nearest.map_or(Span::empty(bytes.len()), |(_, entry)| outer(bytes, entry)),
        ),
    }
}

fn common_segments(one: &NativeKey, other: &NativeKey) -> usize {
    let segments = one.as_str().split('.').zip(other.as_str().split('.'));
    segments.take_while(|(one, other)| one == other).count()
}

/// How many bytes of a name are said by the item of a part, the dot behind it included.
fn said_by(part: WrittenKey<'_>, name: &str) -> Option<usize> {
    let item = part.piece(part.prefix);
    let start = name.get(..item.len())?;
    let dot = name.as_bytes().get(item.len()) == Some(&b'.');
    (dot && start.eq_ignore_ascii_case(&item)).then_some(item.len() + 1)
}

/// An element, with its line if it stands alone there.
pub(super) fn extent(bytes: &[u8], element: Span) -> Span {
    let (first, last) = lines_of(bytes, element);
    let before = Span::new(first.start, element.start as usize).of(bytes);
    let behind = Span::new(element.end as usize, last.next()).of(bytes);
    if before.trim_ascii().is_empty() && behind.trim_ascii().is_empty() {
        Span::new(first.start, last.next())
    } else {
        element
    }
}

fn after(bytes: &[u8], neighbour: Span, element: &str) -> Splice {
    let (first, last) = lines_of(bytes, neighbour);
    let end = neighbour.end as usize;
    let before = Span::new(first.start, neighbour.start as usize).of(bytes);
    if !before.trim_ascii().is_empty() {
        return Splice {
            span: Span::empty(end),
            text: element.to_owned(),
        };
    }
    let indentation = first.indentation();
    let line_end = line_end_like(bytes, &last);
    let line_is_done = !last.end.is_empty() && only_comments(&last, end);
    Splice {
        span: Span::empty(if line_is_done { last.next() } else { end }),
        text: if line_is_done {
            format!("{indentation}{element}{line_end}")
        } else {
            format!("{line_end}{indentation}{element}")
        },
    }
}

/// Before the end tag of the parent, indented by one step more.
fn before(bytes: &[u8], end_tag: usize, element: &str) -> Splice {
    let line = line_at(bytes, end_tag);
    let blanks = Span::new(line.start, end_tag).of(bytes);
    if !blanks.trim_ascii().is_empty() {
        return Splice {
            span: Span::empty(end_tag),
            text: element.to_owned(),
        };
    }
    let indentation = line.indentation();
    let step = if indentation.contains('\t') {
        "\t"
    } else {
        "  "
    };
    let line_end = usual_line_end(bytes);
    Splice {
        span: Span::empty(line.start),
        text: format!("{indentation}{step}{element}{line_end}"),
    }
}

/// Whether nothing but blanks and whole comments follows on the line.
fn only_comments(line: &Line<'_>, from: usize) -> bool {
    let from = from.saturating_sub(line.start);
    Tokens::from(line.text, from).all(|(range, token)| match token {
        Token::Comment(_) => true,
        Token::Text => trimmed(line.text, range).is_empty(),
        _ => false,
    })
}

/// The lines on which a span begins and ends.
fn lines_of(bytes: &[u8], span: Span) -> (Line<'_>, Line<'_>) {
    let last_byte = span.end.saturating_sub(1).max(span.start) as usize;
    (
        line_at(bytes, span.start as usize),
        line_at(bytes, last_byte),
    )
}

#[cfg(test)]
mod tests {
    use crate::native::{Dialect, Document, EditError, NativeKey};

    #[track_caller]
    fn set(text: &str, key: &str, value: &str, expected: &str) {
        let mut document = Document::parse(Dialect::PCodeXml, text);
        document.set(&NativeKey::new(key), value).unwrap();
        assert_eq!(String::from_utf8_lossy(document.bytes()), expected);
    }

    #[track_caller]
    fn remove(text: &str, key: &str, expected: &str) {
        let mut document = Document::parse(Dialect::PCodeXml, text);
        assert!(document.remove(&NativeKey::new(key)));
        assert_eq!(String::from_utf8_lossy(document.bytes()), expected);
    }

    #[test]
    fn a_new_element_follows_the_last_of_its_kind() {
        set(
            "<r><config>\r\n\t<P1 para=\"x\">a</P1> <!-- one -->\r\n\t<item/>\r\n</config></r>",
            "P2",
            "b",
            "<r><config>\r\n\t<P1 para=\"x\">a</P1> <!-- one -->\r\n\t<P2>b</P2>\r\n\t<item/>\r\n</config></r>",
        );
        set(
            "<r>\n<config>\n<P1>a</P1></config>\n</r>",
            "P2",
            "b",
            "<r>\n<config>\n<P1>a</P1>\n<P2>b</P2></config>\n</r>",
        );
        set(
            "<r><config><P1>a</P1></config></r>",
            "P2",
            "b",
            "<r><config><P1>a</P1><P2>b</P2></config></r>",
        );
        set(
            "<r>\n<config>\n<P1>a</P1> <!-- one\n two -->\n</config>\n</r>",
            "P2",
            "b",
            "<r>\n<config>\n<P1>a</P1>\n<P2>b</P2> <!-- one\n two -->\n</config>\n</r>",
        );
    }

    #[test]
    fn a_dotted_name_becomes_a_part_where_its_neighbours_are_parts() {
        let file = "<r><config>\r\n\t<item name=\"Codec.Choice\">\r\n\t\t<part name=\"1\">PCMU</part>\r\n\
                    \t\t<part name=\"2\">PCMA</part> <!-- two -->\r\n\t</item>\r\n\
                    \t<item name=\"codec\"><part name=\"a\">1</part></item>\r\n\
                    \t<item name=\"sip.port\">5060</item>\r\n</config></r>";
        let line = "\t\t<part name=\"3\">G.722</part>\r\n";
        set(
            file,
            "codec.choice.3",
            "G.722",
            &file.replace("\t</item>\r\n", &format!("{line}\t</item>\r\n")),
        );
        set(
            file,
            "codec.rate",
            "2",
            &file.replace(
                "<part name=\"a\">1</part>",
                "<part name=\"a\">1</part><part name=\"rate\">2</part>",
            ),
        );
        set(
            file,
            "sip.port.local",
            "1",
            &file.replace(
                "5060</item>\r\n",
                "5060</item>\r\n\t<item name=\"sip.port.local\">1</item>\r\n",
            ),
        );
        set(
            file,
            "codec.choiceless",
            "1",
            &file.replace(
                "<part name=\"a\">1</part>",
                "<part name=\"a\">1</part><part name=\"choiceless\">1</part>",
            ),
        );
    }

    #[test]
    fn a_dotted_name_follows_the_item_most_like_it() {
        let file = "<r><config>\n <item name=\"account.1.enable\">Yes</item>\n \
                    <item name=\"account.1.sip.port\">1</item>\n <item name=\"account.2.sip.port\">1</item>\n \
                    <item name=\"account.1\"><part name=\"name\">A</part></item>\n <P1>a</P1>\n</config></r>";
        set(
            file,
            "account.1.sip.userid",
            "5",
            &file.replace(
                "\n <item name=\"account.2",
                "\n <item name=\"account.1.sip.userid\">5</item>\n <item name=\"account.2",
            ),
        );
        set(
            file,
            "tr069.acs",
            "u",
            &file.replace("\n <P1>", "\n <item name=\"tr069.acs\">u</item>\n <P1>"),
        );
        set(
            file,
            "P2",
            "b",
            &file.replace("</P1>\n", "</P1>\n <P2>b</P2>\n"),
        );
        set(
            "<r><config>\n\t<P1>a</P1>\n</config></r>",
            "a.b&c",
            "1",
            "<r><config>\n\t<P1>a</P1>\n\t<item name=\"a.b&amp;c\">1</item>\n</config></r>",
        );
        set(
            "<r><config/></r>",
            "a.b",
            "1",
            "<r><config><item name=\"a.b\">1</item></config></r>",
        );
    }

    #[test]
    fn a_new_setting_stands_by_those_of_its_kind() {
        let file = "<r>\n<P9>outside</P9>\n<config>\n<P1>a</P1>\n<Led.On>1</Led.On>\n<item name=\"a\">\n\
                    <part name=\"b\">1</part>\n</item>\n</config>\n</r>";
        set(
            file,
            "P2",
            "b",
            &file.replace("</P1>\n", "</P1>\n<P2>b</P2>\n"),
        );
        set(
            file,
            "LedOff",
            "0",
            &file.replace("</Led.On>\n", "</Led.On>\n<ledoff>0</ledoff>\n"),
        );
        set(
            "<r><config>\n  <item name=\"a\">\n    <part name=\"b\">1</part>\n  </item>\n</config></r>",
            "P2",
            "b",
            "<r><config>\n  <item name=\"a\">\n    <part name=\"b\">1</part>\n  </item>\n  <P2>b</P2>\n</config></r>",
        );
        // Where names stand as elements and there are no items, a dot makes none.
        set(
            "<r><config>\n<Led.On>1</Led.On>\n<P1>a</P1>\n</config></r>",
            "led.off",
            "0",
            "<r><config>\n<Led.On>1</Led.On>\n<led.off>0</led.off>\n<P1>a</P1>\n</config></r>",
        );
    }

    #[test]
    fn a_new_setting_is_spelled_as_asked() {
        let mut document = Document::parse(Dialect::PCodeXml, "<r><config></config></r>");
        document.set_as("Account1_SipUserId", "5").unwrap();
        document.set_as("p2", "b").unwrap();
        document.set_as("ACCOUNT1_sipUserId", "6").unwrap();
        let mut other = document.clone();
        document.set_as("account.1.sip.userId", "7").unwrap();
        let expected = "<r><config><Account1_SipUserId>6</Account1_SipUserId>\
                        <account.1.sip.userId>7</account.1.sip.userId><P2>b</P2></config></r>";
        assert_eq!(String::from_utf8_lossy(document.bytes()), expected);
        assert!(other.remove(&NativeKey::new("account1_sipuserid")));
        other.set_as("account.1.sip.userId", "7").unwrap();
        let expected =
            "<r><config><P2>b</P2><item name=\"account.1.sip.userId\">7</item></config></r>";
        assert_eq!(String::from_utf8_lossy(other.bytes()), expected);
    }

    #[test]
    fn an_item_goes_with_its_last_part() {
        let file = "<r><config>\n<item name=\"a\">\n <!-- <part name=\"x\"> -->\n <part name=\"b\">1</part>\n \
                    <part name=\"c\">2</part>\n</item>\n<P1>a</P1>\n</config></r>";
        let one = file.replace(" <part name=\"b\">1</part>\n", "");
        remove(file, "a.b", &one);
        remove(&one, "a.c", "<r><config>\n<P1>a</P1>\n</config></r>");
        let twice = file.replace("\"c\"", "\"B\"");
        remove(&twice, "a.b", "<r><config>\n<P1>a</P1>\n</config></r>");
        remove(
            "<r><config><item name=\"a\">1</item><Name>x</Name></config></r>",
            "a",
            "<r><config><Name>x</Name></config></r>",
        );
    }

    #[test]
    fn the_first_element_goes_to_the_end_of_config() {
        set(
            "<r>\n  <config>\n    <item/>\n  </config>\n</r>\n",
            "P2",
            "b",
            "<r>\n  <config>\n    <item/>\n    <P2>b</P2>\n  </config>\n</r>\n",
        );
        set(
            "<r><config></config></r>",
            "P2",
            "b",
            "<r><config><P2>b</P2></config></r>",
        );
        set(
            "<r><config a=\"1\" /></r>",
            "P2",
            "b",
            "<r><config a=\"1\"><P2>b</P2></config></r>",
        );
    }

    #[test]
    fn without_root_or_config_there_is_no_place() {
        for (text, error) in [
            ("", EditError::MissingRoot),
            ("<P1>a</P1>\n", EditError::MissingRoot),
            ("<r>\n</r>\n", EditError::MissingConfig),
        ] {
            let mut document = Document::parse(Dialect::PCodeXml, text);
            assert_eq!(document.set(&NativeKey::new("P2"), "b"), Err(error));
            assert_eq!(document.bytes(), text.as_bytes());
        }
    }

    #[test]
    fn a_removed_element_takes_its_line_along_if_it_is_alone() {
        remove(
            "<r><config>\r\n  <P1>a</P1>\r\n  <P2>b</P2>\r\n  <P1>c\nd</P1>\r\n</config></r>",
            "P1",
            "<r><config>\r\n  <P2>b</P2>\r\n</config></r>",
        );
        remove(
            "<r><config><P1>a</P1><P2>b</P2></config></r>",
            "P2",
            "<r><config><P1>a</P1></config></r>",
        );
        remove(
            "<r><config>\n<P1>a</P1> <!-- one -->\n</config></r>",
            "P1",
            "<r><config>\n <!-- one -->\n</config></r>",
        );
    }
}
