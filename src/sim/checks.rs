//! Invariants that every message of a CPE must keep: checks C001 to C012 of the conformance list,
//! as far as one message or the cookies of one session show them.
//!
//! The rules are written down here a second time on purpose: nothing is shared with the codecs of
//! the gateway.

mod schema;
#[cfg(test)]
mod tests;
mod text;

use std::collections::HashSet;
use std::fmt;

use self::schema::{Content, Part, RPC_METHODS};
use super::acs::cpe::{ENVELOPE_NAMESPACE, INSTANCE_NAMESPACE};
use super::acs::http::{Header, find_header};
use super::acs::xml::{self, Element};

/// Namespace of SOAP arrays.
const ENCODING_NAMESPACE: &str = "http://schemas.xmlsoap.org/soap/encoding/";
/// The CWMP namespaces that exist and may be used (cwmp.md E2).
const CWMP_NAMESPACES: [&str; 3] = [
    "urn:dslforum-org:cwmp-1-0",
    "urn:dslforum-org:cwmp-1-1",
    "urn:dslforum-org:cwmp-1-2",
];
/// Longest parameter name (cwmp.md M1).
const LONGEST_NAME: usize = 256;

/// Something that a CPE must not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check that it breaks: `C001`.
    pub id: &'static str,
    /// What was seen.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.id, self.text)
    }
}

/// The `xsi:type` that belongs to a full path, `xsd:boolean`; `None` for a path not known.
pub type ExpectedType = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Looks at one POST of a CPE: header lines and body, with the types of known paths if given.
///
/// A body that is no XML, or no envelope, is reported as such and not looked at further.
pub fn check_message(
    headers: &[Header],
    body: &[u8],
    expected_type: Option<&ExpectedType>,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    check_http(headers, body, &mut findings);
    if body.is_empty() {
        return findings.0;
    }
    match xml::parse(body) {
        Ok(root) => check_envelope(&root, expected_type, &mut findings),
        Err(error) => findings.add("C001", error),
    }
    findings.0
}

/// A cookie that an ACS set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// Path it is for; `None` for every path.
    pub path: Option<String>,
}

impl SetCookie {
    /// Reads the value of a `Set-Cookie` header.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let path = parts.find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim()
                .eq_ignore_ascii_case("path")
                .then(|| value.trim().to_owned())
        });
        Some(Self {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            path,
        })
    }
}

/// Looks at the cookies of one request (C009): `set` are those that the ACS has set so far in this
/// session, the latest value of each name.
pub fn check_cookies(headers: &[Header], target: &str, set: &[SetCookie]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let mut sent = Vec::new();
    for (_, line) in headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"))
    {
        for part in line.split(';').map(str::trim) {
            match part.split_once('=') {
                Some((name, value)) => sent.push((name, value)),
                None => findings.add("C009", format!("Cookie part {part:?} is no name=value")),
            }
        }
    }
    for cookie in set {
        let due = cookie
            .path
            .as_deref()
            .is_none_or(|path| target.starts_with(path));
        match sent.iter().find(|(name, _)| *name == cookie.name) {
            None if due => findings.add("C009", format!("cookie {} is missing", cookie.name)),
            Some((_, value)) if *value != cookie.value => findings.add(
                "C009",
                format!(
                    "cookie {} is {value:?}, not {:?}",
                    cookie.name, cookie.value
                ),
            ),
            _ => {}
        }
    }
    for (name, _) in sent {
        if !set.iter().any(|cookie| cookie.name == name) {
            findings.add("C009", format!("cookie {name} was not set in this session"));
        }
    }
    findings.0
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, id: &'static str, text: impl ToString) {
        self.0.push(Finding {
            id,
            text: text.to_string(),
        });
    }
}

fn check_http(headers: &[Header], body: &[u8], findings: &mut Findings) {
    let action = find_header(headers, "soapaction");
    if body.is_empty() {
        if find_header(headers, "content-length") != Some("0") {
            findings.add("C008", "an empty POST without Content-Length: 0");
        }
        if action.is_some() {
            findings.add("C008", "an empty POST with a SOAPAction");
        }
        return;
    }
    let media_type = find_header(headers, "content-type").unwrap_or_default();
    if media_type.split(';').next().map(str::trim) != Some("text/xml") {
        findings.add("C008", format!("Content-Type {media_type:?}"));
    }
    if !matches!(action, Some("" | "\"\"")) {
        findings.add("C008", format!("SOAPAction {action:?} is not empty"));
    }
}

fn check_envelope(root: &Element, expected_type: Option<&ExpectedType>, findings: &mut Findings) {
    if !root.is(ENVELOPE_NAMESPACE, "Envelope") {
        findings.add(
            "C001",
            format!(
                "root {} in {:?} is no SOAP 1.1 envelope",
                root.name, root.namespace
            ),
        );
        return;
    }
    let parts: Vec<&str> = root
        .children
        .iter()
        .map(|child| child.name.as_str())
        .collect();
    let in_namespace = root
        .children
        .iter()
        .all(|child| child.namespace.as_deref() == Some(ENVELOPE_NAMESPACE));
    if !in_namespace || !matches!(parts.as_slice(), ["Header", "Body"] | ["Body"]) {
        findings.add("C001", format!("the envelope holds {parts:?}"));
    }
    let Some(body) = root.child("Body") else {
        return;
    };
    let [message] = body.children.as_slice() else {
        findings.add("C001", format!("{} elements in Body", body.children.len()));
        return;
    };
    if let Some(header) = root.child("Header") {
        check_header(header, message, findings);
    }
    if !root
        .child("Header")
        .is_some_and(|header| header.children.iter().any(|block| block.name == "ID"))
    {
        findings.add("C006", "no cwmp:ID in the header");
    }
    if message.is(ENVELOPE_NAMESPACE, "Fault") {
        check_fault(message, findings);
    } else {
        check_rpc(message, expected_type, findings);
    }
}

fn check_header(header: &Element, message: &Element, findings: &mut Findings) {
    for block in &header.children {
        let cwmp = block
            .namespace
            .as_deref()
            .is_some_and(|namespace| CWMP_NAMESPACES.contains(&namespace));
        match block.name.as_str() {
            "ID" if cwmp => {
                if block.attribute(Some(ENVELOPE_NAMESPACE), "mustUnderstand") != Some("1") {
                    findings.add("C006", "cwmp:ID without mustUnderstand=\"1\"");
                }
            }
            // Of 1.3 and 1.4, and only with an Inform.
            "SessionTimeout" | "SupportedCWMPVersions" if cwmp => {
                let may_be_ignored = matches!(
                    block.attribute(Some(ENVELOPE_NAMESPACE), "mustUnderstand"),
                    None | Some("0")
                );
                let is_newest = figure(block.namespace.as_deref()) == Some(2);
                if message.name != "Inform" || !may_be_ignored || !is_newest {
                    let text = format!(
                        "{} with {} in {:?}",
                        block.name, message.name, block.namespace
                    );
                    findings.add("C007", text);
                }
            }
            other => findings.add(
                "C007",
                format!("header block {other} in {:?}", block.namespace),
            ),
        }
    }
}

fn check_fault(fault: &Element, findings: &mut Findings) {
    let code = fault.child_text("faultcode");
    let code = code.rsplit(':').next().unwrap_or(code);
    if code == "MustUnderstand" {
        return;
    }
    if !matches!(code, "Client" | "Server") {
        findings.add("C010", format!("faultcode {code:?}"));
    }
    if fault.child_text("faultstring") != "CWMP fault" {
        findings.add(
            "C010",
            format!("faultstring {:?}", fault.child_text("faultstring")),
        );
    }
    if fault.children.iter().any(|child| child.namespace.is_some()) {
        findings.add("C010", "a part of the SOAP fault is in a namespace");
    }
    let Some(detail) = fault
        .child("detail")
        .and_then(|detail| detail.child("Fault"))
    else {
        findings.add("C010", "no Fault in the detail");
        return;
    };
    check_namespace(detail, findings);
    check_content(detail, &schema::FAULT, "Fault", findings);
    let number: u32 = detail.child_text("FaultCode").parse().unwrap_or_default();
    if figure(detail.namespace.as_deref()) < Some(schema::first_namespace_of_fault(number)) {
        findings.add("C002", format!("fault {number} in {:?}", detail.namespace));
    }
    if !matches!(number, 9000..=9032 | 9800..=9899) {
        findings.add("C010", format!("FaultCode {number}"));
    }
    let callers = matches!(number, 9003 | 9005..=9008);
    if number != 0 && (code == "Client") != callers {
        findings.add("C010", format!("faultcode {code} with FaultCode {number}"));
    }
}

fn check_rpc(message: &Element, expected_type: Option<&ExpectedType>, findings: &mut Findings) {
    check_namespace(message, findings);
    check_version(message, findings);
    let Some((_, content)) = RPC_METHODS.iter().find(|(name, _)| *name == message.name) else {
        findings.add("C002", format!("{} is no message of a CPE", message.name));
        return;
    };
    check_content(message, content, &message.name, findings);
    let mut seen = HashSet::new();
    let list = message
        .child("ParameterList")
        .into_iter()
        .flat_map(|list| &list.children);
    for item in list {
        let name = item.child_text("Name");
        if !seen.insert(name) {
            findings.add("C011", format!("{name} is there twice"));
        }
        if name.chars().count() > LONGEST_NAME {
            findings.add(
                "C011",
                format!("a name of {} characters", name.chars().count()),
            );
        }
        if message.name != "GetParameterNamesResponse" && name.ends_with('.') {
            findings.add("C011", format!("{name} is an object, not a parameter"));
        }
        if let Some(value) = item.child("Value") {
            check_value(name, value, expected_type, findings);
        }
    }
    if message.name == "Inform" && !text::has_explicit_offset(message.child_text("CurrentTime")) {
        findings.add(
            "C012",
            format!("CurrentTime {:?}", message.child_text("CurrentTime")),
        );
    }
}

fn check_namespace(element: &Element, findings: &mut Findings) {
    match element.namespace.as_deref() {
        Some(namespace) if CWMP_NAMESPACES.contains(&namespace) => {}
        other => findings.add(
            "C002",
            format!("{} is in namespace {other:?}", element.name),
        ),
    }
}

/// A message, its events and its fault code are of the version that its namespace says, or older.
fn check_version(message: &Element, findings: &mut Findings) {
    let Some(spoken) = figure(message.namespace.as_deref()) else {
        return;
    };
    let code = message
        .child("FaultStruct")
        .and_then(|fault| fault.child_text("FaultCode").parse().ok());
    let events = message.child("Event").into_iter().flat_map(|list| {
        let code =
            |event: &Element| schema::first_namespace_of_event(event.child_text("EventCode"));
        list.children.iter().map(code)
    });
    let first = events
        .chain(code.map(schema::first_namespace_of_fault))
        .chain([schema::first_namespace(&message.name)])
        .max();
    if first > Some(spoken) {
        let text = format!("{} holds what cwmp-1-{spoken} does not have", message.name);
        findings.add("C002", text);
    }
}

/// The last figure of a namespace of CWMP.
fn figure(namespace: Option<&str>) -> Option<u8> {
    let position = CWMP_NAMESPACES
        .iter()
        .position(|known| Some(*known) == namespace)?;
    u8::try_from(position).ok()
}

fn check_value(
    name: &str,
    value: &Element,
    expected_type: Option<&ExpectedType>,
    findings: &mut Findings,
) {
    let Some(kind) = value.attribute(Some(INSTANCE_NAMESPACE), "type") else {
        findings.add("C005", format!("{name} has no xsi:type"));
        return;
    };
    let Some(local) = kind.strip_prefix("xsd:") else {
        findings.add("C005", format!("{name} has xsi:type {kind:?}"));
        return;
    };
    if let Some(expected) = expected_type.and_then(|table| table(name))
        && expected != kind
    {
        findings.add("C005", format!("{name} is {kind}, not {expected}"));
    }
    match text::is_value(local, &value.text) {
        None => findings.add("C005", format!("{name} has xsi:type {kind:?}")),
        Some(false) => findings.add("C005", format!("{name}: {:?} is no {kind}", value.text)),
        Some(true) => {}
    }
    if local == "dateTime" && !text::is_utc_or_special(&value.text) {
        findings.add("C012", format!("{name} is {:?}", value.text));
    }
}

/// Compares an element with what the schema says of it; `place` is for the finding's text.
fn check_content(element: &Element, content: &Content, place: &str, findings: &mut Findings) {
    match content {
        Content::Any => {}
        Content::Text(rule) => {
            if !element.children.is_empty() {
                findings.add("C002", format!("{place} holds elements"));
            }
            if !rule.allows(&element.text) {
                findings.add(
                    "C002",
                    format!("{place}: {:?} is no {rule:?}", element.text),
                );
            }
            if matches!(rule, text::Rule::DateTime) && !text::is_utc_or_special(&element.text) {
                findings.add("C012", format!("{place} is {:?}", element.text));
            }
        }
        Content::Sequence(parts) => check_parts(element, parts, place, findings),
        Content::Array { kind, item } => {
            check_parts(element, std::slice::from_ref(*item), place, findings);
            check_array_type(element, kind, place, findings);
        }
    }
}

fn check_parts(element: &Element, parts: &[Part], place: &str, findings: &mut Findings) {
    let mut children = element.children.iter().peekable();
    for part in parts {
        let mut count = 0;
        while let Some(child) = children.next_if(|child| child.name == part.name) {
            if child.namespace.is_some() {
                findings.add("C003", format!("{place}.{} is in a namespace", part.name));
            }
            let place = format!("{place}.{}", part.name);
            check_content(child, &part.content, &place, findings);
            count += 1;
        }
        if !part.times.contains(&count) {
            findings.add("C002", format!("{place} has {} {count} times", part.name));
        }
    }
    if let Some(child) = children.next() {
        findings.add("C002", format!("{place} has {} out of place", child.name));
    }
    if !element.text.trim().is_empty() {
        findings.add("C002", format!("{place} has text between its elements"));
    }
}

fn check_array_type(element: &Element, kind: &str, place: &str, findings: &mut Findings) {
    let Some(written) = element.attribute(Some(ENCODING_NAMESPACE), "arrayType") else {
        findings.add("C004", format!("{place} has no arrayType"));
        return;
    };
    let local = written.rsplit(':').next().unwrap_or(written);
    let expected = format!("{kind}[{}]", element.children.len());
    if local != expected || !written.contains(':') {
        findings.add(
            "C004",
            format!("{place} has arrayType {written:?}, not …:{expected}"),
        );
    }
}
