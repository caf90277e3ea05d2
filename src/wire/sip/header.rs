//! Header fields of a SIP message, and the few whose values have to be understood.

use std::fmt::Write as _;

/// Every header that has a compact form (RFC 3261 20, RFC 6665 8.4, RFC 3515, 3892, 4028), and
/// those that we ourselves ask for.
const NAMES: &[(&str, &str)] = &[
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("e", "Content-Encoding"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
    ("f", "From"),
    ("s", "Subject"),
    ("k", "Supported"),
    ("t", "To"),
    ("v", "Via"),
    ("o", "Event"),
    ("u", "Allow-Events"),
    ("r", "Refer-To"),
    ("b", "Referred-By"),
    ("x", "Session-Expires"),
    ("", "CSeq"),
    ("", "WWW-Authenticate"),
    ("", "Proxy-Authenticate"),
    ("", "Authorization"),
    ("", "Proxy-Authorization"),
];

/// One header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderField {
    /// Its long name. Well-known names are spelled as in their standard, others as they came.
    pub name: String,
    /// Its value on one line, without blanks around it.
    pub value: String,
}

/// The header fields of a message, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<HeaderField>);

impl Headers {
    /// Adds a field at the end. Control characters in the value, line ends among them, become
    /// blanks: whatever the value is, it stays one value of one field.
    pub fn push(&mut self, name: &str, value: &str) {
        let line: String = value
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .collect();
        self.0.push(HeaderField {
            name: long_name(name.trim()),
            value: line.trim().to_owned(),
        });
    }

    /// The value of the first field with this long name, compared without regard to case.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value.as_str())
    }

    /// The values of all fields with this long name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value.as_str())
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderField> {
        self.0.iter()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The topmost element of a Via field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// What stands before the first parameter: `SIP/2.0/UDP 192.0.2.1:5060`.
    pub sent_by: String,
    /// Name and, where it has one, value of each parameter, in order.
    pub parameters: Vec<(String, Option<String>)>,
}

impl Via {
    /// Reads the first element of a Via value, and gives the rest of the value, without the
    /// comma, back.
    pub fn parse_first(value: &str) -> (Self, &str) {
        let (element, rest) = split_unquoted(value, ',');
        let (sent_by, mut parameters_text) = split_unquoted(element, ';');
        let mut parameters = Vec::new();
        while !parameters_text.is_empty() {
            let (parameter, following) = split_unquoted(parameters_text, ';');
            parameters_text = following;
            let (name, value) = match parameter.split_once('=') {
                Some((name, value)) => (name, Some(value.trim().to_owned())),
                None => (parameter, None),
            };
            if !name.trim().is_empty() {
                parameters.push((name.trim().to_owned(), value));
            }
        }
        let via = Self {
            sent_by: sent_by.trim().to_owned(),
            parameters,
        };
        (via, rest.trim())
    }

    /// The value of the branch parameter: the name of the transaction.
    pub fn branch(&self) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("branch"))
            .and_then(|(_, value)| value.as_deref())
    }

    /// The element as it is written.
    pub fn to_text(&self) -> String {
        let mut text = self.sent_by.clone();
        for (name, value) in &self.parameters {
            text.push(';');
            text.push_str(name);
            if let Some(value) = value {
                // Writing to a String can't fail.
                let _ = write!(text, "={value}");
            }
        }
        text
    }
}

/// The parts before and after the first `separator` that stands in no quoted string; the second
/// is empty when there is none.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted && character == '\\' {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        } else if character == separator && !quoted {
            let (before, after) = text.split_at(at);
            return (before, after.strip_prefix(separator).unwrap_or(after));
        }
    }
    (text, "")
}

fn long_name(name: &str) -> String {
    NAMES
        .iter()
        .find(|(compact, long)| {
            name.eq_ignore_ascii_case(long)
                || (!compact.is_empty() && name.eq_ignore_ascii_case(compact))
        })
        .map_or(name, |(_, long)| long)
        .to_owned()
}

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/via.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_is_a_list_of_vias() {
        let pieces = [
            "SIP/2.0/UDP a",
            ";",
            ",",
            "\"",
            "\\",
            "=",
            " ",
            "branch=b",
            "\u{fc}",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    for fourth in pieces {
                        law::holds(&[first, second, third, fourth, "branch=z"].concat());
                    }
                }
            }
        }
    }

    #[test]
    fn names_are_found_in_compact_form_and_any_case() {
        let mut headers = Headers::default();
        headers.push("I", "one");
        headers.push("call-id", "two");
        headers.push("X-Own", "three");
        assert_eq!(headers.first("Call-ID"), Some("one"));
        assert_eq!(
            headers.all("CALL-ID").collect::<Vec<_>>(),
            ["one", "two"],
            "both spellings are one name"
        );
        assert_eq!(headers.first("x-own"), Some("three"));
        assert_eq!(headers.first("Via"), None);
    }

    #[test]
    fn a_value_cannot_start_a_field_of_its_own() {
        let mut headers = Headers::default();
        headers.push("Event", "resync\r\nContact: <sip:evil@192.0.2.9>");
        assert_eq!(
            headers.first("Event"),
            Some("resync  Contact: <sip:evil@192.0.2.9>")
        );
    }

    #[test]
    fn the_first_via_of_several_is_read() {
        let (via, rest) = Via::parse_first(
            "SIP / 2.0 / UDP 192.0.2.1:5060 ;Branch=z9hG4bKa;rport; received=192.0.2.7 ,\
             SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb",
        );
        assert_eq!(via.branch(), Some("z9hG4bKa"));
        assert_eq!(via.sent_by, "SIP / 2.0 / UDP 192.0.2.1:5060");
        assert_eq!(
            via.to_text(),
            "SIP / 2.0 / UDP 192.0.2.1:5060;Branch=z9hG4bKa;rport;received=192.0.2.7"
        );
        assert_eq!(rest, "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb");
    }

    #[test]
    fn separators_in_quotes_do_not_separate() {
        let (via, rest) = Via::parse_first(r#"SIP/2.0/UDP a;note="x,\";y";branch=z, second"#);
        assert_eq!(via.branch(), Some("z"));
        assert_eq!(rest, "second");
    }
}
