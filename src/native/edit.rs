//! Changes of a file, and why one can't be made.

use super::charset::Charset;
use super::dialect::Dialect;
use super::key::NativeKey;
use super::lines::{Line, is_blank, line_end_like, lines, usual_line_end};
use super::parsed::Span;

/// A setting can't be written. The document is as it was. No value is in the error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The dialect has no such keys.
    #[error("`{key}` cannot be a key of a {dialect} file")]
    Key {
        /// The key.
        key: NativeKey,
        /// Of the file.
        dialect: Dialect,
    },
    /// The value has more than one line.
    #[error("the value holds a line break, which a {dialect} file cannot carry")]
    LineBreak {
        /// Of the file.
        dialect: Dialect,
    },
    /// The value has a character that the dialect can't write.
    #[error("the value holds {character:?}, which a {dialect} file cannot carry")]
    Character {
        /// The first such character.
        character: char,
        /// Of the file.
        dialect: Dialect,
    },
    /// The value has a character that the file's encoding does not know.
    #[error("the value holds {character:?}, which the file's encoding {charset} cannot carry")]
    Encoding {
        /// The first such character.
        character: char,
        /// The file's encoding: `UTF-8`, `ISO-8859-1`, `US-ASCII`, `UTF-16`.
        charset: &'static str,
    },
    /// The dialect drops blanks around a value.
    #[error("the value begins or ends with a blank, which a {dialect} file cannot carry")]
    OuterBlank {
        /// Of the file.
        dialect: Dialect,
    },
    /// The value holds a quote and something that needs quotes around it; there is no escape.
    #[error(
        "the value begins with `\"`, or holds it beside `#` or an outer blank: no way to quote it"
    )]
    Quote,
    /// There is nothing to add a setting to.
    #[error("the file has no root element to add a setting to")]
    MissingRoot,
    /// There is nothing to add a setting to.
    #[error("the file has no `config` element to add a setting to")]
    MissingConfig,
    /// The file would be larger than a document can be.
    #[error("the file would be larger than {} bytes", u32::MAX)]
    TooLarge,
    /// The end of a binary file is missing. With a right length in its header, a phone would take
    /// what is left for the whole.
    #[error("the end of the file is missing: nothing can be changed in the rest")]
    Truncated,
    /// The file is so damaged, or its encoding so ambiguous, that the change would not read as
    /// asked or would change other settings.
    #[error("the file is damaged or ambiguous: with this change it would not read as asked")]
    Unreadable,
}

impl EditError {
    pub(super) fn key(spelling: &str, dialect: Dialect) -> Self {
        EditError::Key {
            key: NativeKey::new(spelling),
            dialect,
        }
    }

    pub(super) fn encoding(character: char, charset: Charset) -> Self {
        EditError::Encoding {
            character,
            charset: charset.name(),
        }
    }
}

/// Text in place of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) span: Span,
    pub(super) text: String,
}

impl Splice {
    /// The change that adds a line after a line.
    pub(super) fn line_after(bytes: &[u8], line: &Line<'_>, text: &str) -> Self {
        let end = line_end_like(bytes, line);
        let first = if line.end.is_empty() { end } else { "" };
        Splice {
            span: Span::empty(line.next()),
            text: format!("{first}{text}{end}"),
        }
    }

    /// The change that adds a line at the end of the file.
    pub(super) fn last_line(bytes: &[u8], text: &str) -> Self {
        match lines(bytes).last() {
            Some(last) => Self::line_after(bytes, &last, text),
            None => Splice {
                span: Span::empty(bytes.len()),
                text: format!("{text}{}", usual_line_end(bytes)),
            },
        }
    }
}

/// Refuses what a value on one line can't hold: line breaks and control characters.
pub(super) fn check_line_value(dialect: Dialect, value: &str) -> Result<(), EditError> {
    match value
        .chars()
        .find(|&character| character.is_control() && character != '\t')
    {
        None => Ok(()),
        Some('\n' | '\r') => Err(EditError::LineBreak { dialect }),
        Some(character) => Err(EditError::Character { character, dialect }),
    }
}

/// Refuses what a value without quotes on one line can't hold: that, and blanks around it.
pub(super) fn check_bare_value(dialect: Dialect, value: &str) -> Result<(), EditError> {
    check_line_value(dialect, value)?;
    let outer = [value.bytes().next(), value.bytes().next_back()];
    if outer.into_iter().flatten().any(is_blank) {
        return Err(EditError::OuterBlank { dialect });
    }
    Ok(())
}
