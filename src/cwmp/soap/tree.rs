//! An XML body as a bounded tree, without DTD, names by their local part.
//!
//! Names are not resolved: ACSs bind odd prefixes and declarations, and no local name means two
//! things in CWMP (cwmp.md E20, section 11). Only the version that the message's namespace stands
//! for is read (cwmp.md E13).

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::error::SoapError;
use super::limits::{
    MAX_ATTRIBUTES, MAX_BODY, MAX_DEPTH, MAX_ELEMENTS, MAX_PREFIXES, MAX_SHORT_NAME,
};
use super::text::is_xml_character;
use crate::cwmp::CwmpVersion;
use crate::datamodel::ValueType;

/// A parsed body. It has a root.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    elements: Vec<Element<'a>>,
    version: Option<CwmpVersion>,
}

#[derive(Debug)]
struct Element<'a> {
    name: &'a str,
    /// What the element's `type` attribute names, if it is a type of parameter values.
    value_type: Option<ValueType>,
    /// Whether the element has a `mustUnderstand` that is true.
    must_understand: bool,
    text: Cow<'a, str>,
    first_child: Option<usize>,
    next_sibling: Option<usize>,
}

/// One element of a [`Tree`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'t> {
    tree: &'t Tree<'t>,
    element: &'t Element<'t>,
}

impl<'t> Node<'t> {
    /// The part of the name after its last colon. The last, because GenieACS writes its faults as
    /// `soap-env:Body:Fault` (cwmp.md E18).
    pub(super) fn name(self) -> &'t str {
        self.element.name
    }

    /// The text, not trimmed; `None` for an element that has elements in it.
    pub(super) fn text(self) -> Option<&'t str> {
        self.element
            .first_child
            .is_none()
            .then_some(self.element.text.as_ref())
    }

    /// The type that the element says its text has.
    pub(super) fn value_type(self) -> Option<ValueType> {
        self.element.value_type
    }

    /// Whether SOAP's `mustUnderstand` is set.
    pub(super) fn must_understand(self) -> bool {
        self.element.must_understand
    }

    /// The elements directly below, in their order.
    pub(super) fn children(self) -> impl Iterator<Item = Node<'t>> {
        let node = move |index: usize| {
            let element = self.tree.elements.get(index)?;
            Some(Node {
                tree: self.tree,
                element,
            })
        };
        std::iter::successors(self.element.first_child.and_then(node), move |child| {
            child.element.next_sibling.and_then(node)
        })
    }

    /// The first element of this name directly below.
    pub(super) fn child(self, name: &str) -> Option<Node<'t>> {
        self.children().find(|child| child.name() == name)
    }
}

impl<'a> Tree<'a> {
    /// Reads a whole body.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, SoapError> {
        let text = checked_text(body)?;
        let mut builder = Builder::default();
        let mut reader = Reader::from_str(text);
        loop {
            let position = reader.buffer_position();
            let event = reader
                .read_event()
                .map_err(|error| SoapError::NotWellFormed {
                    position: reader.error_position(),
                    reason: reason(&error),
                })?;
            match event {
                Event::Start(tag) => builder.open(text, &tag, position)?,
                Event::Empty(tag) => {
                    builder.open(text, &tag, position)?;
                    builder.close();
                }
                // The reader has checked that the name is that of the element still open.
                Event::End(_) => builder.close(),
                Event::Text(piece) => builder.append(piece.xml10_content(), position)?,
                Event::CData(piece) => builder.append(piece.xml10_content(), position)?,
                Event::GeneralRef(reference) => {
                    let character = resolve(&reference, position)?;
                    builder.append(Cow::Owned(character.to_string()), position)?;
                }
                Event::Decl(declaration) => {
                    if let Some(Ok(declared)) = declaration.encoding() {
                        check_encoding(&declared, text)?;
                    }
                }
                Event::DocType(_) => return Err(SoapError::Dtd { position }),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return builder.finish(position),
            }
        }
    }

    /// What the namespace of the message stands for: that of the prefix of the element in the Body,
    /// else the first one of CWMP that is declared anywhere.
    pub(super) fn version(&self) -> Option<CwmpVersion> {
        self.version
    }

    /// The root element.
    pub(super) fn root(&self) -> Option<Node<'_>> {
        let element = self.elements.first()?;
        Some(Node {
            tree: self,
            element,
        })
    }
}

/// Checks what can be checked before parsing, and takes a byte order mark off.
fn checked_text(body: &[u8]) -> Result<&str, SoapError> {
    if body.len() > MAX_BODY {
        return Err(SoapError::TooLong { length: body.len() });
    }
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|error| SoapError::NotUtf8 {
        position: error.valid_up_to(),
    })?;
    let forbidden = text
        .char_indices()
        .find(|(_, character)| !is_xml_character(*character));
    match forbidden {
        Some((position, character)) => Err(SoapError::Character {
            character: character.into(),
            position: position as u64,
        }),
        None => Ok(text),
    }
}

fn check_encoding(declared: &str, text: &str) -> Result<(), SoapError> {
    // A text of ASCII alone reads the same in every encoding that an ACS would name.
    if text.is_ascii()
        || declared.eq_ignore_ascii_case("utf-8")
        || declared.eq_ignore_ascii_case("utf8")
    {
        return Ok(());
    }
    Err(SoapError::Encoding {
        declared: shortened(declared),
    })
}

pub(super) fn resolve(reference: &BytesRef<'_>, position: u64) -> Result<char, SoapError> {
    let character = match reference.as_ref() {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        name => match reference.resolve_char_ref() {
            Ok(Some(character)) => character,
            Ok(None) => {
                return Err(SoapError::Entity {
                    name: shortened(name),
                    position,
                });
            }
            Err(error) => {
                return Err(SoapError::NotWellFormed {
                    position,
                    reason: error.to_string(),
                });
            }
        },
    };
    if is_xml_character(character) {
        Ok(character)
    } else {
        Err(SoapError::Character {
            character: character.into(),
            position,
        })
    }
}

/// What is wrong, without the names that the reader's own message repeats: in a text that nobody has
/// escaped they are part of a value.
fn reason(error: &Error) -> String {
    match error {
        Error::IllFormed(
            IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_),
        ) => "an end tag that closes nothing".to_owned(),
        Error::IllFormed(IllFormedError::MissingEndTag(_)) => "a tag that stays open".to_owned(),
        other => other.to_string(),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_SHORT_NAME).collect()
}

#[derive(Default)]
struct Builder<'a> {
    elements: Vec<Element<'a>>,
    open: Vec<OpenElement>,
    /// Prefixes that are declared for namespaces of CWMP.
    prefixes: Vec<(String, CwmpVersion)>,
    /// Prefix of the first element in the Body.
    message_prefix: Option<String>,
}

struct OpenElement {
    index: usize,
    last_child: Option<usize>,
}

impl<'a> Builder<'a> {
    fn open(
        &mut self,
        text: &'a str,
        tag: &BytesStart<'_>,
        position: u64,
    ) -> Result<(), SoapError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(SoapError::TooDeep { position });
        }
        if self.elements.len() >= MAX_ELEMENTS {
            return Err(SoapError::TooManyElements);
        }
        if self.open.is_empty() && !self.elements.is_empty() {
            return Err(not_well_formed(position, "a second root element"));
        }
        let element = read_tag(text, tag, position, &mut self.prefixes)?;
        if self.message_prefix.is_none() && self.is_in_body() {
            let name = tag.name();
            let prefix = name.as_ref().split_once(':').map(|(prefix, _)| prefix);
            self.message_prefix = Some(prefix.unwrap_or_default().to_owned());
        }
        let index = self.elements.len();
        self.elements.push(element);
        if let Some(parent) = self.open.last_mut() {
            let link = match parent.last_child.replace(index) {
                Some(sibling) => self.elements.get_mut(sibling).map(|e| &mut e.next_sibling),
                None => self
                    .elements
                    .get_mut(parent.index)
                    .map(|e| &mut e.first_child),
            };
            if let Some(link) = link {
                *link = Some(index);
            }
        }
        self.open.push(OpenElement {
            index,
            last_child: None,
        });
        Ok(())
    }

    fn close(&mut self) {
        self.open.pop();
    }

    /// Whether the next element stands directly in the Body.
    fn is_in_body(&self) -> bool {
        self.open.len() == 2
            && self
                .open
                .last()
                .and_then(|open| self.elements.get(open.index))
                .is_some_and(|parent| parent.name == "Body")
    }

    fn append(&mut self, piece: Cow<'a, str>, position: u64) -> Result<(), SoapError> {
        let Some(open) = self.open.last() else {
            if piece.trim_ascii().is_empty() {
                return Ok(());
            }
            return Err(not_well_formed(position, "text outside the root element"));
        };
        // Text beside elements is layout; nobody reads it.
        if open.last_child.is_none()
            && let Some(element) = self.elements.get_mut(open.index)
        {
            if element.text.is_empty() {
                element.text = piece;
            } else {
                element.text.to_mut().push_str(&piece);
            }
        }
        Ok(())
    }

    fn finish(self, position: u64) -> Result<Tree<'a>, SoapError> {
        if let Some(open) = self.open.last() {
            let name = self.elements.get(open.index).map_or("", |e| e.name);
            let reason = format!("the end comes before `{}` is closed", shortened(name));
            return Err(SoapError::NotWellFormed { position, reason });
        }
        if self.elements.is_empty() {
            return Err(not_well_formed(position, "there is no element"));
        }
        let message = self.message_prefix.unwrap_or_default();
        let named = self.prefixes.iter().find(|(prefix, _)| *prefix == message);
        let version = named.or(self.prefixes.first()).map(|(_, version)| *version);
        Ok(Tree {
            elements: self.elements,
            version,
        })
    }
}

fn read_tag<'a>(
    text: &'a str,
    tag: &BytesStart<'_>,
    position: u64,
    prefixes: &mut Vec<(String, CwmpVersion)>,
) -> Result<Element<'a>, SoapError> {
    // The event's own name lives only as long as the event; the same characters stand in the text
    // right after the `<`.
    let name_length = tag.name().as_ref().len();
    let name = usize::try_from(position)
        .ok()
        .and_then(|start| text.get(start + 1..start + 1 + name_length))
        .and_then(|name| name.rsplit(':').next())
        .filter(|name| !name.is_empty())
        .ok_or_else(|| not_well_formed(position, "a tag without a name"))?;
    let mut element = Element {
        name,
        value_type: None,
        must_understand: false,
        text: Cow::Borrowed(""),
        first_child: None,
        next_sibling: None,
    };
    for (count, attribute) in tag.attributes().enumerate() {
        if count >= MAX_ATTRIBUTES {
            return Err(SoapError::TooManyAttributes { position });
        }
        let attribute = attribute.map_err(|error| SoapError::NotWellFormed {
            position,
            reason: error.to_string(),
        })?;
        let value = attribute.value.trim_ascii();
        match attribute.key.local_name().as_ref() {
            "type" => {
                let local = value.rsplit(':').next().unwrap_or(value);
                element.value_type = ValueType::from_xsd_local_name(local);
            }
            "mustUnderstand" => element.must_understand = matches!(value, "1" | "true"),
            _ => {}
        }
        let declared = match attribute.key.as_ref() {
            "xmlns" => Some(""),
            key => key.strip_prefix("xmlns:"),
        };
        if let Some(prefix) = declared
            && prefixes.len() < MAX_PREFIXES
            && let Some(version) = CwmpVersion::of_namespace(value)
        {
            prefixes.push((prefix.to_owned(), version));
        }
    }
    Ok(element)
}

fn not_well_formed(position: u64, reason: &str) -> SoapError {
    SoapError::NotWellFormed {
        position,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_text(body: &str) -> Result<String, SoapError> {
        let tree = Tree::parse(body.as_bytes())?;
        Ok(tree.root().and_then(Node::text).unwrap_or("-").to_owned())
    }

    fn refusal(body: &str) -> SoapError {
        root_text(body).expect_err(body)
    }

    #[test]
    fn text_is_put_together_from_all_of_its_pieces() {
        let body = "<a> x&amp;<!-- c -->&#x41;&#66;<![CDATA[<&>]]>\r\ny </a>";
        assert_eq!(root_text(body).as_deref(), Ok(" x&AB<&>\ny "));
        assert_eq!(root_text("<a>&#13;</a>").as_deref(), Ok("\r"));
    }

    #[test]
    fn an_element_with_elements_in_it_has_no_text() {
        assert_eq!(root_text("<a>text<b/>more</a>").as_deref(), Ok("-"));
    }

    #[test]
    fn names_lose_every_prefix_and_siblings_keep_their_order() {
        let tree = Tree::parse(b"<x:a><b:c:d/><e xsi:type='q:int'>1</e><d/></x:a>").unwrap();
        let root = tree.root().unwrap();
        assert_eq!(root.name(), "a");
        let names: Vec<_> = root.children().map(Node::name).collect();
        assert_eq!(names, ["d", "e", "d"]);
        assert_eq!(root.child("e").unwrap().value_type(), Some(ValueType::Int));
    }

    #[test]
    fn what_is_no_well_formed_document_is_refused() {
        for body in [
            "",
            "plain",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "<a",
            "<a b/>",
            "<a b='1' b='2'/>",
            "<a>&b</a>",
            "<></>",
            "<a>&#xD800;</a>",
            "<a>&#0;</a>",
            "<a/>&amp;",
            "<![CDATA[x]]><a/>",
        ] {
            let error = refusal(body);
            assert!(
                matches!(error, SoapError::NotWellFormed { .. }),
                "{body}: {error}"
            );
        }
    }

    #[test]
    fn dtd_and_entities_of_its_own_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>";
        assert_eq!(refusal(bomb), SoapError::Dtd { position: 0 });
        assert!(matches!(refusal("<a>&nbsp;</a>"), SoapError::Entity { .. }));
    }

    #[test]
    fn characters_that_xml_does_not_have_are_refused() {
        assert!(matches!(
            refusal("<a>\u{1}</a>"),
            SoapError::Character { .. }
        ));
        assert!(matches!(
            refusal("<a>&#1;</a>"),
            SoapError::Character { .. }
        ));
    }

    #[test]
    fn only_utf_8_is_read() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>";
        assert!(matches!(
            Tree::parse(latin),
            Err(SoapError::NotUtf8 { position: 46 })
        ));
        let claimed = "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>";
        assert!(matches!(refusal(claimed), SoapError::Encoding { .. }));
        let ascii = "<?xml version='1.0' encoding='ISO-8859-1'?><a>e</a>";
        assert_eq!(root_text(ascii).as_deref(), Ok("e"));
        assert_eq!(root_text("\u{FEFF}<a>é</a>").as_deref(), Ok("é"));
    }

    #[test]
    fn every_limit_holds() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(root_text(&nested(MAX_DEPTH)).is_ok());
        assert!(matches!(
            refusal(&nested(MAX_DEPTH + 1)),
            SoapError::TooDeep { .. }
        ));

        let attributes = |count: usize| {
            let list: String = (0..count).map(|n| format!(" b{n}=''")).collect();
            format!("<a{list}/>")
        };
        assert!(root_text(&attributes(MAX_ATTRIBUTES)).is_ok());
        let error = refusal(&attributes(MAX_ATTRIBUTES + 1));
        assert!(matches!(error, SoapError::TooManyAttributes { .. }));

        let many = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert_eq!(refusal(&many), SoapError::TooManyElements);

        let long = " ".repeat(MAX_BODY + 1);
        assert_eq!(
            refusal(&long),
            SoapError::TooLong {
                length: MAX_BODY + 1
            }
        );
    }
}
