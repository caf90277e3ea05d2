//! Which syntaxes there are, and the one place that chooses between them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{autop, binary_header, key_value, p_code_binary, p_code_text, p_code_xml};
use crate::native::charset;
use crate::native::edit::{EditError, Splice};
use crate::native::lines::Line;
use crate::native::parsed::{Entry, Parsed, Span};
use crate::native::{Mac, MacError};

/// The syntax of a native file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Lines of `P271 = 1` (grandstream.md 1.1).
    PCodeText,
    /// XML with P-codes, items and parts, named elements (grandstream.md 1.2, 1.3; htek.md 1.1, 1.2).
    PCodeXml,
    /// Lines of `sip line1 auth name: 300` (aastra.md 1.1).
    KeyValue,
    /// The binary file `cfg<mac>` with `P271=1&…` (grandstream.md 1.4).
    PCodeBinary,
    /// Lines of `Config.Account1.GENERAL.Enable = 1` (akuvox.md 1.1).
    Autop,
}

/// The text names no dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no dialect: `p-code-text`, `p-code-xml`, `key-value`, `p-code-binary` or `autop` is \
     wanted"
)]
pub struct DialectError {
    /// The text that was given.
    pub text: String,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Dialect; 5] = [
        Dialect::PCodeText,
        Dialect::PCodeXml,
        Dialect::KeyValue,
        Dialect::PCodeBinary,
        Dialect::Autop,
    ];

    /// The name in mapping packs and reports: `p-code-text`, `p-code-xml`, `key-value`,
    /// `p-code-binary`, `autop`.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::PCodeText => "p-code-text",
            Dialect::PCodeXml => "p-code-xml",
            Dialect::KeyValue => "key-value",
            Dialect::PCodeBinary => "p-code-binary",
            Dialect::Autop => "autop",
        }
    }

    /// Finds the settings of a file.
    pub(in crate::native) fn read(self, bytes: &[u8]) -> Parsed {
        match self {
            Dialect::PCodeText => p_code_text::read(bytes),
            Dialect::PCodeXml => p_code_xml::read(bytes),
            Dialect::KeyValue => key_value::read(bytes),
            Dialect::PCodeBinary => p_code_binary::read(bytes),
            Dialect::Autop => autop::read(bytes),
        }
    }

    /// What reads one line, for a dialect in which each line stands for itself.
    pub(in crate::native) fn line_reader(self) -> Option<fn(&Line<'_>, &mut Parsed)> {
        match self {
            Dialect::PCodeText => Some(p_code_text::read_line),
            Dialect::KeyValue => Some(key_value::read_line),
            Dialect::Autop => Some(autop::read_line),
            Dialect::PCodeXml | Dialect::PCodeBinary => None,
        }
    }

    /// The value that its written form stands for.
    pub(in crate::native) fn value(self, written: Cow<'_, str>) -> Cow<'_, str> {
        match self {
            Dialect::PCodeText | Dialect::Autop => written,
            Dialect::PCodeXml => p_code_xml::value(written),
            Dialect::KeyValue => key_value::value(written),
            Dialect::PCodeBinary => p_code_binary::value(written),
        }
    }

    /// The change that gives a setting another value.
    pub(in crate::native) fn replace(
        self,
        bytes: &[u8],
        entry: &Entry,
        value: &str,
    ) -> Result<Splice, EditError> {
        match self {
            Dialect::PCodeText => p_code_text::replace(entry, value),
            Dialect::PCodeXml => p_code_xml::replace(bytes, entry, value),
            Dialect::KeyValue => key_value::replace(bytes, entry, value),
            Dialect::PCodeBinary => p_code_binary::replace(bytes, entry, value),
            Dialect::Autop => autop::replace(entry, value),
        }
    }

    /// The change that adds a setting, its key spelt so.
    pub(in crate::native) fn insert(
        self,
        bytes: &[u8],
        parsed: &Parsed,
        spelling: &str,
        value: &str,
    ) -> Result<Splice, EditError> {
        match self {
            Dialect::PCodeText => p_code_text::insert(bytes, parsed, spelling, value),
            Dialect::PCodeXml => p_code_xml::insert(bytes, parsed, spelling, value),
            Dialect::KeyValue => key_value::insert(bytes, parsed, spelling, value),
            Dialect::PCodeBinary => p_code_binary::insert(bytes, parsed, spelling, value),
            Dialect::Autop => autop::insert(bytes, parsed, spelling, value),
        }
    }

    /// What goes when a setting is removed: its line, or its element with its line if it stands
    /// alone there.
    pub(in crate::native) fn extent(self, bytes: &[u8], entry: &Entry) -> Span {
        match self {
            Dialect::PCodeText | Dialect::KeyValue | Dialect::Autop => entry.whole,
            Dialect::PCodeXml => p_code_xml::extent(bytes, entry),
            Dialect::PCodeBinary => p_code_binary::extent(bytes, entry),
        }
    }

    /// Whether a file could be of this dialect. XML is also told by its root element.
    pub fn fits(self, content: &[u8]) -> bool {
        match self {
            Dialect::PCodeText => p_code_text::fits(content),
            Dialect::PCodeXml => p_code_xml::root(content).is_some(),
            Dialect::KeyValue => key_value::fits(content),
            Dialect::Autop => autop::fits(content),
            Dialect::PCodeBinary => p_code_binary::fits(content),
        }
    }

    /// The phone that a file names, of the span where it stands; `None` if it names none.
    pub(in crate::native) fn mac(self, bytes: &[u8], span: Span) -> Option<Result<Mac, MacError>> {
        match self {
            Dialect::PCodeBinary => p_code_binary::mac(bytes).map(Ok),
            Dialect::PCodeText | Dialect::PCodeXml | Dialect::KeyValue | Dialect::Autop => {
                Some(charset::decode(span.of(bytes)).trim().parse())
            }
        }
    }

    /// Whether places in a file are told by line.
    pub(in crate::native) fn has_lines(self) -> bool {
        self != Dialect::PCodeBinary
    }

    /// What an edit changes besides the place that it is made at: length and checksum in a header.
    pub(in crate::native) fn finish(
        self,
        before: &[u8],
        edited: Vec<u8>,
    ) -> Result<Vec<u8>, EditError> {
        match self {
            Dialect::PCodeBinary => binary_header::finish(before, edited),
            Dialect::PCodeText | Dialect::PCodeXml | Dialect::KeyValue | Dialect::Autop => {
                Ok(edited)
            }
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = DialectError;

    fn from_str(text: &str) -> Result<Self, DialectError> {
        Dialect::ALL
            .into_iter()
            .find(|dialect| dialect.name() == text)
            .ok_or_else(|| DialectError {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_has_one_name_everywhere() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse(), Ok(dialect));
            assert_eq!(
                serde_json::to_string(&dialect).unwrap(),
                format!("\"{dialect}\"")
            );
        }
        assert!("xml".parse::<Dialect>().is_err());
    }
}
