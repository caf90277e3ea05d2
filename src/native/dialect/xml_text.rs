//! Text of XML elements: entities, and what a value may hold.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

use super::Dialect;
use super::xml_token::{CHARACTER_DATA_END, CHARACTER_DATA_START, Token, Tokens, is_blank};
use crate::native::edit::EditError;
use crate::native::problem::ProblemKind;

/// Longest name of an entity that is looked for.
const MAX_ENTITY_NAME: usize = 32;

/// What begins at an `&`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference<'a> {
    /// A character, and how many bytes stand for it.
    Character(char, usize),
    /// `&name;` with a name that XML does not define.
    Undefined(&'a str),
    /// `&#…;` that is no character.
    Invalid(&'a str),
    /// Nothing.
    Bare,
}

/// The text that written content stands for: entities resolved, character data unwrapped, comments
/// left out, line ends as LF (XML 1.0 §2.11); all else as it stands.
pub(in crate::native) fn resolve(written: Cow<'_, str>) -> Cow<'_, str> {
    if memchr3(b'&', b'<', b'\r', written.as_bytes()).is_none() {
        return written;
    }
    let mut text = String::with_capacity(written.len());
    for (range, token) in Tokens::from(written.as_bytes(), 0) {
        let part = written.get(range).unwrap_or_default();
        match token {
            Token::Comment(_) => {}
            Token::CharacterData => {
                let part = part.strip_prefix(CHARACTER_DATA_START).unwrap_or(part);
                let part = part.strip_suffix(CHARACTER_DATA_END).unwrap_or(part);
                text.push_str(&line_ends(part));
            }
            _ => resolve_references(&line_ends(part), &mut text),
        }
    }
    Cow::Owned(text)
}

/// The written form of a value, on one line. Line breaks become references, so that no reader of
/// lines finds a line that is part of a value; so do blanks at its ends, since readers may drop
/// them.
pub(super) fn escape(value: &str) -> Result<String, EditError> {
    let inner = value.trim_start_matches(|c| u8::try_from(c).is_ok_and(is_blank));
    let first_inner = value.len() - inner.len();
    let inner = inner.trim_end_matches(|c| u8::try_from(c).is_ok_and(is_blank));
    let behind_inner = first_inner + inner.len();

    let mut written = String::with_capacity(value.len());
    for (offset, character) in value.char_indices() {
        let outer = offset < first_inner || offset >= behind_inner;
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '\r' => written.push_str("&#13;"),
            '\n' => written.push_str("&#10;"),
            ' ' | '\t' if outer => {
                written.push_str(&format!("&#{};", u32::from(character)));
            }
            _ if is_xml_character(character) => written.push(character),
            _ => {
                return Err(EditError::Character {
                    character,
                    dialect: Dialect::PCodeXml,
                });
            }
        }
    }
    Ok(written)
}

/// The text in an attribute value in double quotes. Nothing if XML can't carry it there: line
/// breaks and tabs would be read as blanks (XML 1.0 §3.3.3).
pub(super) fn escape_attribute(text: &str) -> Option<String> {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            _ if character >= ' ' && is_xml_character(character) => written.push(character),
            _ => return None,
        }
    }
    Some(written)
}

/// Tells every `&` in a text that begins no known reference, with its offset.
pub(super) fn check_references(text: &[u8], mut report: impl FnMut(usize, ProblemKind)) {
    for found in memchr::memchr_iter(b'&', text) {
        let kind = match reference(text.get(found..).unwrap_or_default()) {
            Reference::Character(..) => continue,
            Reference::Bare => ProblemKind::BareAmpersand,
            Reference::Undefined(name) => ProblemKind::UndefinedEntity {
                name: name.to_owned(),
            },
            Reference::Invalid(reference) => ProblemKind::InvalidCharacterReference {
                reference: reference.to_owned(),
            },
        };
        report(found, kind);
    }
}

fn resolve_references(part: &str, text: &mut String) {
    let mut at = 0;
    while let Some(length) = part.get(at..).and_then(|rest| rest.find('&')) {
        let found = at + length;
        text.push_str(part.get(at..found).unwrap_or_default());
        at = match reference(part.as_bytes().get(found..).unwrap_or_default()) {
            Reference::Character(character, length) => {
                text.push(character);
                found + length
            }
            _ => {
                text.push('&');
                found + 1
            }
        };
    }
    text.push_str(part.get(at..).unwrap_or_default());
}

/// What a text that begins with `&` begins with.
fn reference(text: &[u8]) -> Reference<'_> {
    let name = text.get(1..).unwrap_or_default();
    let length = name
        .iter()
        .take(MAX_ENTITY_NAME + 1)
        .take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'#')
        .count();
    if length == 0 || name.get(length) != Some(&b';') {
        return Reference::Bare;
    }
    let Ok(name) = std::str::from_utf8(name.get(..length).unwrap_or_default()) else {
        return Reference::Bare;
    };
    let whole = length + 2;
    let character = |character| Reference::Character(character, whole);
    match name {
        "amp" => character('&'),
        "lt" => character('<'),
        "gt" => character('>'),
        "quot" => character('"'),
        "apos" => character('\''),
        _ => match name.strip_prefix('#') {
            Some(number) => numeric(number).map_or(Reference::Invalid(name), character),
            None if name.contains('#') => Reference::Bare,
            None => Reference::Undefined(name),
        },
    }
}

fn numeric(number: &str) -> Option<char> {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|&character| is_xml_character(character))
}

/// XML 1.0 §2.2, Char.
fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r')
        || (character >= ' ' && !matches!(character, '\u{fffe}' | '\u{ffff}'))
}

fn line_ends(part: &str) -> Cow<'_, str> {
    if memchr(b'\r', part.as_bytes()).is_none() {
        return Cow::Borrowed(part);
    }
    Cow::Owned(part.replace("\r\n", "\n").replace('\r', "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_stand_for_characters() {
        for (written, text) in [
            ("a &amp; b", "a & b"),
            ("&lt;&gt;&quot;&apos;", "<>\"'"),
            ("&#65;&#x42;&#X1f600;", "AB\u{1f600}"),
            ("&copy; & &#0; &#xd800; &amp", "&copy; & &#0; &#xd800; &amp"),
            ("a<!-- c -->b<![CDATA[<&amp;>]]>", "ab<&amp;>"),
            ("one\r\ntwo\rthree&#13;", "one\ntwo\nthree\r"),
            ("p&w<1>%41", "p&w<1>%41"),
            ("&&amp;;", "&&;"),
        ] {
            assert_eq!(resolve(Cow::Borrowed(written)), text);
        }
    }

    #[test]
    fn only_what_needs_it_is_escaped() {
        assert_eq!(
            escape("\"a\" & 'b' <c>").unwrap(),
            "\"a\" &amp; 'b' &lt;c&gt;"
        );
        assert_eq!(escape(" a b\t").unwrap(), "&#32;a b&#9;");
        assert_eq!(escape("a\nb\r\n").unwrap(), "a&#10;b&#13;&#10;");
        assert_eq!(escape(" ").unwrap(), "&#32;");
        assert!(escape("a\u{1}").is_err());
    }

    #[test]
    fn an_attribute_carries_everything_but_control_characters() {
        let written = escape_attribute("a'\"&<>\u{fc}").unwrap();
        assert_eq!(written, "a'&quot;&amp;&lt;&gt;\u{fc}");
        for refused in ["a\nb", "a\tb", "\0", "\u{ffff}"] {
            assert_eq!(escape_attribute(refused), None);
        }
    }
}
