//! Where elements of settings go in an XML file, and what goes with them.

use super::xml_token::{Token, Tokens, trimmed};
use crate::native::edit::{EditError, Splice};
use crate::native::lines::{Line, line_at, line_end_like, usual_line_end};
use crate::native::parsed::{Container, Entry, Parsed, Span};

/// The change that adds an element: after the last setting of the same parent, on a line of its
/// own where settings have their own lines.
pub(super) fn insert(bytes: &[u8], parsed: &Parsed, element: &str) -> Result<Splice, EditError> {
    if parsed.root.is_none() {
        return Err(EditError::MissingRoot);
    }
    let last = parsed.last_contained;
    if let Some(last) = last.and_then(|index| parsed.entries.get(index as usize)) {
        return Ok(after(bytes, last, element));
    }
    match (parsed.container, parsed.entries.last()) {
        (Some(Container::Before(offset)), _) => Ok(before(bytes, offset as usize, element)),
        (Some(Container::EmptyElement(span)), _) => Ok(Splice {
            span,
            text: format!(">{element}</config>"),
        }),
        (None, Some(last)) => Ok(after(bytes, last, element)),
        (None, None) => Err(EditError::MissingConfig),
    }
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

fn after(bytes: &[u8], neighbour: &Entry, element: &str) -> Splice {
    let (first, last) = lines_of(bytes, neighbour.whole);
    let end = neighbour.whole.end as usize;
    let before = Span::new(first.start, neighbour.whole.start as usize).of(bytes);
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
