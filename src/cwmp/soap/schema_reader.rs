//! A message that the CPE sends as a tree with its namespaces resolved, read without the reader of
//! the program.

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// What is wrong with an element.
pub(super) type Checked = Result<(), String>;

/// One element of a message.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Namespace, local name, value.
    pub(super) attributes: Vec<(String, String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    pub(super) fn attribute(&self, namespace: &str, name: &str) -> Option<&str> {
        let found = self
            .attributes
            .iter()
            .find(|attribute| attribute.0 == namespace && attribute.1 == name);
        found.map(|attribute| attribute.2.as_str())
    }

    pub(super) fn wrong(&self, what: &str) -> Checked {
        Err(format!("<{}>{}: {what}", self.name, self.text))
    }

    pub(super) fn require(&self, holds: bool, what: &str) -> Checked {
        if holds { Ok(()) } else { self.wrong(what) }
    }
}

fn namespace(resolved: &ResolveResult<'_>) -> String {
    match resolved {
        ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(prefix) => format!("undeclared prefix {prefix:?}"),
    }
}

fn read_tag(reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> Element {
    let resolver = reader.resolver();
    let (resolved, name) = resolver.resolve_element(tag.name());
    let attributes = tag.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        let (resolved, name) = resolver.resolve_attribute(attribute.key);
        let value = attribute.value.into_owned();
        (namespace(&resolved), name.as_ref().to_owned(), value)
    });
    Element {
        namespace: namespace(&resolved),
        name: name.as_ref().to_owned(),
        attributes: attributes.collect(),
        ..Element::default()
    }
}

pub(super) fn read(message: &str) -> Element {
    let mut reader = NsReader::from_str(message);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => open.push(read_tag(&reader, &tag)),
            Event::End(_) => {
                let closed = open.pop().unwrap();
                open.last_mut().unwrap().children.push(closed);
            }
            Event::Text(piece) => open.last_mut().unwrap().text.push_str(&piece),
            Event::GeneralRef(reference) => {
                let escaped = format!("&{};", reference.as_ref());
                let text = quick_xml::escape::unescape(&escaped).unwrap();
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("{other:?} has no place in a message"),
        }
    }
    assert_eq!(open.len(), 1, "an element is not closed");
    let mut document = open.remove(0);
    assert_eq!(document.children.len(), 1, "there is not one root");
    document.children.remove(0)
}
