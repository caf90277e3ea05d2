//! Encodings of native files.
//!
//! Bytes are kept, so an encoding matters only for the text of single keys and values. Text is
//! UTF-8 where its bytes are valid UTF-8 and Latin-1 otherwise, each value for itself: an edit of
//! one value then can't change how another one reads. New text is written as the file as a whole
//! demands.

use std::borrow::Cow;

use super::edit::EditError;

/// How new text is written into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    Latin1,
    /// Only ASCII is safe: the file declares that, or an encoding that is not known here.
    Ascii,
    /// Nothing can be written.
    Utf16,
}

/// What a declared encoding means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Utf8,
    Latin1,
    Ascii,
    Unknown,
}

impl Declared {
    pub(super) fn by_name(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"utf-8" | b"utf8" => Declared::Utf8,
            b"iso-8859-1" | b"iso8859-1" | b"latin1" | b"latin-1" => Declared::Latin1,
            b"us-ascii" | b"ascii" => Declared::Ascii,
            _ => Declared::Unknown,
        }
    }
}

impl Charset {
    /// The encoding of a file. Bytes that are no UTF-8 weigh more than a declaration, and UTF-8
    /// beyond ASCII more than a declared Latin-1.
    fn of(bytes: &[u8], declared: Option<Declared>) -> Self {
        if is_utf16(bytes) {
            return Charset::Utf16;
        }
        match (std::str::from_utf8(bytes), declared) {
            (_, Some(Declared::Unknown)) => Charset::Ascii,
            (Ok(text), Some(Declared::Latin1)) if text.is_ascii() => Charset::Latin1,
            (Ok(text), Some(Declared::Ascii)) if text.is_ascii() => Charset::Ascii,
            (Ok(_), _) => Charset::Utf8,
            (Err(_), _) => Charset::Latin1,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "UTF-8",
            Charset::Latin1 => "ISO-8859-1",
            Charset::Ascii => "US-ASCII",
            Charset::Utf16 => "UTF-16",
        }
    }

    /// The bytes of a text.
    fn encode(self, text: &str) -> Result<Vec<u8>, EditError> {
        match self {
            Charset::Utf8 => Ok(text.as_bytes().to_vec()),
            Charset::Latin1 => text
                .chars()
                .map(|character| {
                    u8::try_from(character).map_err(|_| EditError::encoding(character, self))
                })
                .collect(),
            Charset::Ascii | Charset::Utf16 => {
                let strange = |character: &char| self == Charset::Utf16 || !character.is_ascii();
                match text.chars().find(strange) {
                    Some(character) => Err(EditError::encoding(character, self)),
                    None => Ok(text.as_bytes().to_vec()),
                }
            }
        }
    }
}

/// Whether a file begins with a UTF-16 byte order mark.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// The bytes of a text that is to stand in a file. ASCII is written alike in all encodings, so the
/// file is looked at for other text only.
pub(super) fn encode(
    text: &str,
    file: &[u8],
    declared: Option<Declared>,
) -> Result<Vec<u8>, EditError> {
    if text.is_ascii() && !is_utf16(file) {
        return Ok(text.as_bytes().to_vec());
    }
    Charset::of(file, declared).encode(text)
}

/// The text of a key or value.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_utf8_is_latin1() {
        assert_eq!(Charset::of(b"name: J\xf6rg", None), Charset::Latin1);
        assert_eq!(Charset::of("name: Jörg".as_bytes(), None), Charset::Utf8);
        assert_eq!(Charset::of(b"\xff\xfea\0", None), Charset::Utf16);
        assert_eq!(decode(b"J\xf6rg"), "Jörg");
    }

    #[test]
    fn a_declaration_counts_for_files_of_ascii() {
        let latin1 = Some(Declared::by_name(b"ISO-8859-1"));
        assert_eq!(Charset::of(b"a", latin1), Charset::Latin1);
        assert_eq!(Charset::of("ä".as_bytes(), latin1), Charset::Utf8);
        let other = Some(Declared::by_name(b"windows-1251"));
        assert_eq!(Charset::of(b"\xc0", other), Charset::Ascii);
    }

    #[test]
    fn a_character_that_does_not_fit_is_named() {
        assert_eq!(Charset::Latin1.encode("Zoë"), Ok(b"Zo\xeb".to_vec()));
        assert_eq!(
            Charset::Latin1.encode("Łódź"),
            Err(EditError::Encoding {
                character: 'Ł',
                charset: "ISO-8859-1"
            })
        );
    }
}
