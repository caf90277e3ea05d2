//! A SOAP body as a person may see it: indented, and without anything that may be a secret.
//!
//! What is shown is chosen, not what is hidden: a text appears only where CWMP has an element of
//! that name that holds no secret, and the value of a parameter only if the caller says so. What an
//! ACS writes at an odd place is therefore masked. Comments and processing instructions are left
//! out.

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::error::SoapError;
use super::tree::{Tree, resolve};

/// What stands in place of a text that is not shown.
const MASK: &str = "***";
/// Elements of CWMP and SOAP whose text is no secret, in order. `Name` is one, `Value` is not: that
/// of a parameter is asked for.
const PLAIN: &[&str] = &[
    "AccessList",
    "AccessListChange",
    "Actor",
    "AnnounceURL",
    "CommandKey",
    "CompleteTime",
    "CurrentTime",
    "DelaySeconds",
    "EventCode",
    "FailureURL",
    "FaultCode",
    "FaultString",
    "FileSize",
    "FileType",
    "HoldRequests",
    "ID",
    "InstanceNumber",
    "IsDownload",
    "Manufacturer",
    "MaxEnvelopes",
    "MaxRetries",
    "Name",
    "NextLevel",
    "NoMoreRequests",
    "Notification",
    "NotificationChange",
    "OUI",
    "ObjectName",
    "ParameterKey",
    "ParameterName",
    "ParameterPath",
    "ProductClass",
    "RetryCount",
    "SerialNumber",
    "SessionTimeout",
    "StartTime",
    "State",
    "Status",
    "SuccessURL",
    "SupportedCWMPVersions",
    "TargetFileName",
    "TransferURL",
    "URL",
    "UseCWMPVersion",
    "UserMessage",
    "Username",
    "WindowEnd",
    "WindowMode",
    "WindowStart",
    "Writable",
    "faultcode",
    "faultstring",
    "string",
];
/// Attributes whose value is no secret, by their local name.
const PLAIN_ATTRIBUTES: &[&str] = &[
    "arrayType",
    "encodingStyle",
    "mustUnderstand",
    "schemaLocation",
    "type",
];
/// What the name of a query parameter holds whose value may be a secret.
const SECRET_WORDS: &[&str] = &[
    "auth", "cred", "key", "pass", "pwd", "secret", "sig", "token",
];

/// Writes a body out for a person. `may_show` says of the name of a parameter whether its value may
/// be shown.
///
/// # Errors
/// [`SoapError`] when the body can't be read whole; then nothing of it may be shown.
pub fn show(body: &[u8], may_show: &dyn Fn(&str) -> bool) -> Result<String, SoapError> {
    // All limits and all of well-formedness are checked here, once.
    Tree::parse(body)?;
    let text = std::str::from_utf8(body).map_err(|error| SoapError::NotUtf8 {
        position: error.valid_up_to(),
    })?;
    let mut out = String::with_capacity(text.len() * 2);
    if let Some(root) = read(text.trim_start_matches('\u{FEFF}'))? {
        let writer = Writer { may_show };
        writer.write(&mut out, &root, 0, hides(root.local()));
    }
    Ok(out)
}

/// A text without the credentials of URLs in it, and without characters that do something to a
/// terminal.
pub fn show_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_shown(&mut out, text);
    out
}

#[derive(Default)]
struct Element {
    /// With its prefix.
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn local(&self) -> &str {
        local(&self.name)
    }

    /// The element's text, if it holds nothing else.
    fn leaf_text(&self) -> Option<&str> {
        self.children.is_empty().then_some(self.text.as_str())
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The tree of a text that is known to be well-formed and within the limits.
fn read(text: &str) -> Result<Option<Element>, SoapError> {
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut reader = Reader::from_str(text);
    loop {
        let position = reader.buffer_position();
        let event = reader
            .read_event()
            .map_err(|error| SoapError::NotWellFormed {
                position,
                reason: error.to_string(),
            })?;
        let piece = match event {
            Event::Start(tag) => {
                open.push(element(&tag));
                continue;
            }
            Event::Empty(tag) => {
                close(element(&tag), &mut open, &mut root);
                continue;
            }
            Event::End(_) => {
                if let Some(closed) = open.pop() {
                    close(closed, &mut open, &mut root);
                }
                continue;
            }
            Event::Text(piece) => piece.xml10_content().into_owned(),
            Event::CData(piece) => piece.xml10_content().into_owned(),
            Event::GeneralRef(reference) => resolve(&reference, position)?.to_string(),
            Event::Eof => return Ok(root),
            Event::Decl(_) | Event::DocType(_) | Event::Comment(_) | Event::PI(_) => continue,
        };
        if let Some(element) = open.last_mut() {
            element.text.push_str(&piece);
        }
    }
}

fn close(closed: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(closed),
        None => *root = Some(closed),
    }
}

fn element(tag: &BytesStart<'_>) -> Element {
    let attributes = tag.attributes().filter_map(Result::ok);
    Element {
        name: tag.name().as_ref().to_owned(),
        attributes: attributes
            .map(|attribute| {
                let name = attribute.key.as_ref().to_owned();
                (name, attribute.value.into_owned())
            })
            .collect(),
        ..Element::default()
    }
}

struct Writer<'a> {
    may_show: &'a dyn Fn(&str) -> bool,
}

impl Writer<'_> {
    fn write(&self, out: &mut String, element: &Element, depth: usize, is_hidden: bool) {
        indent(out, depth);
        out.push('<');
        push_printable(out, &element.name);
        for (name, value) in &element.attributes {
            out.push(' ');
            push_printable(out, name);
            let is_namespace = name == "xmlns" || name.starts_with("xmlns:");
            let is_plain = is_namespace || PLAIN_ATTRIBUTES.contains(&local(name));
            out.push_str("=\"");
            if is_plain && !is_hidden {
                push_shown(out, value);
            } else {
                out.push_str(MASK);
            }
            out.push('"');
        }
        if element.children.is_empty() {
            if element.text.is_empty() {
                out.push_str("/>\n");
                return;
            }
            out.push('>');
            let is_layout = element.text.trim_ascii().is_empty();
            if is_layout || !is_hidden && is_plain(element.local()) {
                push_shown(out, &element.text);
            } else {
                out.push_str(MASK);
            }
        } else {
            out.push_str(">\n");
            if !element.text.trim_ascii().is_empty() {
                indent(out, depth + 1);
                out.push_str(MASK);
                out.push('\n');
            }
            let shows_values = self.shows_values(element);
            for child in &element.children {
                self.write_child(out, child, depth + 1, is_hidden, shows_values);
            }
            indent(out, depth);
        }
        out.push_str("</");
        push_printable(out, &element.name);
        out.push_str(">\n");
    }

    fn write_child(
        &self,
        out: &mut String,
        child: &Element,
        depth: usize,
        is_hidden: bool,
        shows_values: bool,
    ) {
        if child.local() == "Value" && shows_values && !is_hidden {
            self.write_value(out, child, depth);
        } else {
            self.write(out, child, depth, is_hidden || hides(child.local()));
        }
    }

    /// The value of a parameter that may be shown.
    fn write_value(&self, out: &mut String, value: &Element, depth: usize) {
        let Some(text) = value.leaf_text() else {
            return self.write(out, value, depth, true);
        };
        if text.is_empty() {
            return self.write(out, value, depth, false);
        }
        // The same as any leaf, with the text that any other `Value` keeps to itself.
        let mut frame = String::new();
        let empty = Element {
            name: value.name.clone(),
            attributes: value.attributes.clone(),
            ..Element::default()
        };
        self.write(&mut frame, &empty, depth, false);
        out.push_str(frame.strip_suffix("/>\n").unwrap_or(&frame));
        out.push('>');
        push_shown(out, text);
        out.push_str("</");
        push_printable(out, &value.name);
        out.push_str(">\n");
    }

    /// Whether the element names one parameter, and its value may be shown.
    fn shows_values(&self, element: &Element) -> bool {
        let mut names = element
            .children
            .iter()
            .filter(|child| child.local() == "Name");
        match (names.next().and_then(Element::leaf_text), names.next()) {
            (Some(name), None) => (self.may_show)(name),
            _ => false,
        }
    }
}

fn is_plain(local: &str) -> bool {
    PLAIN.binary_search(&local).is_ok()
}

/// Whether an element hides all that is in it.
fn hides(local: &str) -> bool {
    let local = local.to_ascii_lowercase();
    local == "value"
        || ["pass", "secret", "cred"]
            .iter()
            .any(|word| local.contains(word))
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Appends a text without the credentials of URLs in it.
fn push_shown(out: &mut String, text: &str) {
    // A password may hold anything, blanks and slashes too, and a URL that nobody can read may
    // begin in any way: so nothing between the first colon or `//` and the last `@` is shown.
    if let Some((before, after)) = text.rsplit_once('@')
        && let Some(start) = [before.find(':'), before.find("//")].iter().flatten().min()
    {
        let (head, rest) = before.split_at(*start);
        push_words(out, head);
        let marks = rest.len() - rest.trim_start_matches([':', '/', '\\']).len();
        push_printable(out, rest.get(..marks).unwrap_or_default());
        out.push_str(MASK);
        out.push('@');
        push_words(out, after);
    } else {
        push_words(out, text);
    }
}

fn push_words(out: &mut String, text: &str) {
    for word in text.split_inclusive(char::is_whitespace) {
        push_word(out, word);
    }
}

/// Appends a word without the secrets among the parameters of a URL, wherever it has them: in the
/// path, the query or the fragment.
fn push_word(out: &mut String, word: &str) {
    for part in word.split_inclusive(['?', '&', ';', '#']) {
        match part.split_once('=') {
            Some((name, value)) if sounds_secret(name) => {
                push_printable(out, name);
                out.push('=');
                out.push_str(MASK);
                let end = value
                    .trim_start_matches(|end: char| !"?&;#".contains(end) && !end.is_whitespace());
                push_printable(out, end);
            }
            _ => push_printable(out, part),
        }
    }
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Appends a text as XML, with everything as a reference that would move the cursor or turn the
/// direction of writing.
fn push_printable(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ if character.is_control() || turns_direction(character) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#{};", u32::from(character));
            }
            _ => out.push(character),
        }
    }
}

fn turns_direction(character: char) -> bool {
    matches!(character,
        '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "hushed-Cleat-5";

    fn shown(body: &str) -> String {
        show(body.as_bytes(), &|name| name == "Device.Shown").unwrap()
    }

    #[test]
    fn plain_elements_are_in_order() {
        assert!(PLAIN.is_sorted());
    }

    #[test]
    fn a_message_is_indented_and_keeps_its_prefixes() {
        let body = "<?xml version=\"1.0\"?><s:Envelope xmlns:s='urn:s'><!-- x --><s:Body>\
                    <cwmp:GetParameterNames><ParameterPath>Device.</ParameterPath>\
                    <NextLevel>1</NextLevel></cwmp:GetParameterNames><a/></s:Body></s:Envelope>";
        let wanted = "<s:Envelope xmlns:s=\"urn:s\">\n  <s:Body>\n    <cwmp:GetParameterNames>\n\
                      \x20     <ParameterPath>Device.</ParameterPath>\n\
                      \x20     <NextLevel>1</NextLevel>\n    </cwmp:GetParameterNames>\n    <a/>\n\
                      \x20 </s:Body>\n</s:Envelope>\n";
        assert_eq!(shown(body), wanted);
    }

    #[test]
    fn the_value_of_a_parameter_is_shown_only_if_it_may_be() {
        let entry = |name: &str| {
            format!(
                "<P><Name>{name}</Name><Value xsi:type=\"xsd:string\">hushed-Cleat-5</Value></P>"
            )
        };
        let text = shown(&entry("Device.Shown"));
        let value = "<Value xsi:type=\"xsd:string\">hushed-Cleat-5</Value>";
        assert!(text.contains(value), "{text}");
        for name in ["Device.Hidden", " Device.Shown", "", "<b>Device.Shown</b>"] {
            let text = shown(&entry(name));
            assert!(!text.contains(SECRET), "{text}");
            assert!(text.contains(MASK), "{text}");
        }
    }

    #[test]
    fn an_empty_value_does_not_look_like_a_hidden_one() {
        for written in [
            "<Value xsi:type=\"xsd:string\"/>",
            "<Value xsi:type=\"xsd:string\"></Value>",
        ] {
            let text = shown(&format!("<P><Name>Device.Shown</Name>{written}</P>"));
            assert!(text.contains("<Value xsi:type=\"xsd:string\"/>"), "{text}");
            assert!(!text.contains(MASK), "{text}");
        }
    }

    #[test]
    fn odd_places_hide_what_they_hold() {
        for body in [
            "<P><Value>hushed-Cleat-5</Value></P>",
            "<Value>hushed-Cleat-5</Value>",
            "<P><Value>hushed-Cleat-5</Value><Name>Device.Hidden</Name></P>",
            "<P><Name>Device.Shown</Name><Name>Device.Hidden</Name><Value>hushed-Cleat-5</Value></P>",
            "<P><Name>Device.Shown</Name><Value><URL>hushed-Cleat-5</URL></Value></P>",
            "<P><Name>Device.Shown</Name>hushed-Cleat-5<Value/></P>",
            "<P><Name>Device.Shown</Name><Q><Value>hushed-Cleat-5</Value></Q></P>",
            "<P><Name>Device.Shown</Name><value>hushed-Cleat-5</value></P>",
            "<D><Password>hushed-Cleat-5</Password></D>",
            "<D><a:Password><![CDATA[hushed-Cleat-5]]></a:Password></D>",
            "<D><Password>hushed<!-- -->-Cleat-5</Password></D>",
            "<D><URL>http://me:hushed-Cleat-5@files.example.net/f</URL></D>",
            "<D><URL>http://me:a/hushed-Cleat-5?b@files.example.net/f</URL></D>",
            "<D><URL>//me:hushed-Cleat-5@files.example.net</URL></D>",
            "<D><URL>http://me:hushed Cleat-5@files.example.net/f</URL></D>",
            "<D><URL>http:\\\\me:hushed-Cleat-5@files.example.net/f</URL></D>",
            "<D><URL>http:/me:hushed-Cleat-5@files.example.net/f</URL></D>",
            "<D><URL>http://a@b/ http://me:hushed-Cleat-5@h/</URL></D>",
            "<D><URL>http://h/f#token=hushed-Cleat-5</URL></D>",
            "<D><URL>http://h/f;token=hushed-Cleat-5</URL></D>",
            "<D><URL>http://h/f?x=1?token=hushed-Cleat-5</URL></D>",
            "<D><URL>http://h/f?token=hushed-Cleat-5 http://me@h/f</URL></D>",
            "<D><URL>http://h/f?x=1&amp;Token=hushed-Cleat-5&amp;y=2</URL></D>",
            "<D><FaultString>cannot get http://me:hushed-Cleat-5@h/ now</FaultString></D>",
            "<P><Name>Device.Hidden</Name><Value><URL>hushed-Cleat-5</URL></Value></P>",
            "<D><Password><string>hushed-Cleat-5</string></Password></D>",
            "<D Secret='hushed-Cleat-5'/>",
            "<D><!-- hushed-Cleat-5 --><?pi hushed-Cleat-5?></D>",
            "<X_Own><Pin>hushed-Cleat-5</Pin></X_Own>",
        ] {
            let text = shown(body);
            assert!(!text.contains(SECRET) && !text.contains("Cleat"), "{text}");
        }
        let url = "http://h/f?x=1&amp;Token=t&amp;y=2";
        let text = shown(&format!("<URL>{url}</URL>"));
        assert!(text.contains("?x=1&amp;Token=***&amp;y=2"), "{text}");
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        let text = shown("<URL>a&#x9b;31m&#x202e;&#10;&lt;b&gt;</URL>");
        assert_eq!(text, "<URL>a&#155;31m&#8238;&#10;&lt;b&gt;</URL>\n");
        assert_eq!(show_text("a\u{1b}[0m"), "a&#27;[0m");
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        for body in ["", "no XML", "<a>", "<!DOCTYPE a><a/>", "<a>&x;</a>"] {
            assert!(show(body.as_bytes(), &|_| true).is_err(), "{body}");
        }
    }

    proptest! {
        /// Pieces put together in any way show no secret that stands as a value or password.
        #[test]
        fn a_secret_is_never_shown(pieces in proptest::collection::vec(0_usize..12, 0..24)) {
            const PIECES: [&str; 12] = [
                "<P>", "</P>", "<Name>Device.Hidden</Name>", "<Name>", "</Name>", "<Value>",
                "</Value>", "<Value>hushed-Cleat-5</Value>", "<Password>hushed-Cleat-5</Password>",
                "<URL>ftp://u:hushed-Cleat-5@h/</URL>", "<!-- hushed-Cleat-5 -->",
                "<Value><![CDATA[hushed-Cleat-5]]></Value>",
            ];
            let inside: String = pieces.iter().filter_map(|piece| PIECES.get(*piece)).copied().collect();
            let body = format!("<E>{inside}</E>");
            if let Ok(text) = show(body.as_bytes(), &|name| name == "Device.Shown") {
                prop_assert!(!text.contains(SECRET), "{}", text);
            }
        }

        /// Any bytes are shown or refused.
        #[test]
        fn any_bytes_will_do(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = show(&body, &|_| true);
        }
    }
}
