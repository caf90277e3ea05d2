//! XML for the simulators: a small tree to read, and escaping to write.
//!
//! It shares nothing with the codecs of the gateway, so that an error there shows here.

use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute as RawAttribute;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{NamespaceResolver, ResolveResult};
use quick_xml::reader::NsReader;

/// Why a document can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// The bytes are not UTF-8.
    #[error("the document is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// Not well-formed.
    #[error("not well-formed at byte {at}: {reason}")]
    IllFormed {
        /// Where the reader stood.
        at: u64,
        /// What it says.
        reason: String,
    },
    /// A document type declaration; CWMP has none.
    #[error("a document type declaration, which no message may have")]
    DocumentType,
    /// A prefix without a declaration.
    #[error("the prefix {0} is not declared")]
    UnknownPrefix(String),
    /// An entity other than the five of XML.
    #[error("the entity {0} is not declared")]
    UnknownEntity(String),
    /// A character that XML 1.0 excludes.
    #[error("the character U+{0:04X}, which XML 1.0 excludes")]
    ForbiddenCharacter(u32),
    /// No element, more than one at the top, or text beside it.
    #[error("there must be one root element and no text beside it")]
    NotOneRoot,
}

/// One attribute; namespace declarations are not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Namespace of the name; `None` for a name without prefix.
    pub namespace: Option<String>,
    /// Local name.
    pub name: String,
    /// Value with entities resolved.
    pub value: String,
}

/// One element with everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Namespace of the name.
    pub namespace: Option<String>,
    /// Local name.
    pub name: String,
    /// Attributes in the order of the document.
    pub attributes: Vec<Attribute>,
    /// Child elements in the order of the document.
    pub children: Vec<Element>,
    /// All text directly inside, put together, entities resolved, nothing trimmed.
    pub text: String,
}

impl Element {
    /// The first child with this local name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child with this local name; empty when there is none.
    pub fn child_text(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    /// The value of an attribute, by namespace and local name.
    pub fn attribute(&self, namespace: Option<&str>, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.namespace.as_deref() == namespace && attribute.name == name)
            .map(|attribute| attribute.value.as_str())
    }

    /// Whether the name is this one in this namespace.
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace.as_deref() == Some(namespace) && self.name == name
    }
}

/// Reads a whole document; a byte order mark is allowed.
pub fn parse(document: &[u8]) -> Result<Element, XmlError> {
    let text = std::str::from_utf8(document)
        .map_err(|error| XmlError::NotUtf8(error.valid_up_to()))?
        .trim_start_matches('\u{feff}');
    require_allowed(text)?;
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| ill_formed(reader.error_position(), error))?;
        match event {
            Event::Start(start) => {
                let element = element(&start, reader.resolver())
                    .map_err(|problem| problem.at(reader.buffer_position()))?;
                open.push(element);
            }
            Event::Empty(start) => {
                let element = element(&start, reader.resolver())
                    .map_err(|problem| problem.at(reader.buffer_position()))?;
                close(element, &mut open, &mut root)?;
            }
            Event::End(_) => {
                let Some(element) = open.pop() else {
                    return Err(XmlError::NotOneRoot);
                };
                close(element, &mut open, &mut root)?;
            }
            Event::Text(text) => push_text(&text.xml10_content(), &mut open)?,
            Event::CData(text) => {
                if open.is_empty() {
                    return Err(XmlError::NotOneRoot);
                }
                push_text(&text.xml10_content(), &mut open)?;
            }
            Event::GeneralRef(reference) => {
                let character = reference
                    .resolve_char_ref()
                    .map_err(|error| ill_formed(reader.error_position(), error))?;
                let resolved = match character {
                    Some(character) => character.to_string(),
                    None => predefined(&reference)
                        .ok_or_else(|| XmlError::UnknownEntity(reference.to_string()))?
                        .to_owned(),
                };
                require_allowed(&resolved)?;
                push_text(&resolved, &mut open)?;
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(ill_formed(
            reader.buffer_position(),
            "the document ends inside an element",
        ));
    }
    root.ok_or(XmlError::NotOneRoot)
}

/// Writes a text so that it stands for itself between tags and in attribute values.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\r' => escaped.push_str("&#13;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A problem in a start tag, before its place is known.
enum TagProblem {
    Known(XmlError),
    IllFormed(String),
}

impl TagProblem {
    fn at(self, at: u64) -> XmlError {
        match self {
            Self::Known(error) => error,
            Self::IllFormed(reason) => XmlError::IllFormed { at, reason },
        }
    }
}

fn element(start: &BytesStart<'_>, resolver: &NamespaceResolver) -> Result<Element, TagProblem> {
    let (namespace, name) = resolver.resolve_element(start.name());
    let namespace = bound(namespace).map_err(TagProblem::Known)?;
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| TagProblem::IllFormed(error.to_string()))?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        attributes.push(self::attribute(&attribute, resolver)?);
    }
    Ok(Element {
        namespace,
        name: name.into_inner().to_owned(),
        attributes,
        children: Vec::new(),
        text: String::new(),
    })
}

fn attribute(
    raw: &RawAttribute<'_>,
    resolver: &NamespaceResolver,
) -> Result<Attribute, TagProblem> {
    let (namespace, name) = resolver.resolve_attribute(raw.key);
    Ok(Attribute {
        namespace: bound(namespace).map_err(TagProblem::Known)?,
        name: name.into_inner().to_owned(),
        value: raw
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| TagProblem::IllFormed(error.to_string()))?
            .into_owned(),
    })
}

fn bound(result: ResolveResult<'_>) -> Result<Option<String>, XmlError> {
    match result {
        ResolveResult::Bound(namespace) => Ok(Some(namespace.into_inner().to_owned())),
        ResolveResult::Unbound => Ok(None),
        ResolveResult::Unknown(prefix) => Err(XmlError::UnknownPrefix(prefix)),
    }
}

fn close(
    element: Element,
    open: &mut [Element],
    root: &mut Option<Element>,
) -> Result<(), XmlError> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_some() => return Err(XmlError::NotOneRoot),
        None => *root = Some(element),
    }
    Ok(())
}

fn push_text(text: &str, open: &mut [Element]) -> Result<(), XmlError> {
    match open.last_mut() {
        Some(parent) => parent.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(XmlError::NotOneRoot),
    }
    Ok(())
}

fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

fn require_allowed(text: &str) -> Result<(), XmlError> {
    let forbidden = |character: &char| !matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    match text.chars().find(forbidden) {
        Some(character) => Err(XmlError::ForbiddenCharacter(character.into())),
        None => Ok(()),
    }
}

fn ill_formed(at: u64, reason: impl ToString) -> XmlError {
    XmlError::IllFormed {
        at,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_with_its_namespaces_and_entities() {
        let root = parse(
            b"\xef\xbb\xbf<?xml version=\"1.0\"?><a:r xmlns:a=\"urn:a\" a:k=\"1&amp;2\"><v> x&lt;&#65;<![CDATA[<&>]]></v></a:r>",
        )
        .unwrap();
        assert!(root.is("urn:a", "r"));
        assert_eq!(root.attribute(Some("urn:a"), "k"), Some("1&2"));
        assert_eq!(root.child_text("v"), " x<A<&>");
        assert_eq!(root.child("v").unwrap().namespace, None);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for document in [
            "<a><b></a></b>",
            "<a>",
            "<a/><b/>",
            "<a/>text",
            "<p:a/>",
            "<a b='1' b='2'/>",
            "<a>&unknown;</a>",
            "<a>x & y</a>",
            "<!DOCTYPE a><a/>",
            "<a>\u{1}</a>",
            "<a>&#1;</a>",
            "",
        ] {
            assert!(parse(document.as_bytes()).is_err(), "{document:?}");
        }
        assert!(parse(b"<a>\xff</a>").is_err());
    }

    #[test]
    fn an_escaped_text_reads_back_as_it_was() {
        let text = " <&\"'>\r\n\té ";
        let root = parse(format!("<a>{}</a>", escape(text)).as_bytes()).unwrap();
        assert_eq!(root.text, text);
    }
}
