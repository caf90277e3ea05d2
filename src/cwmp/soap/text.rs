//! Characters of XML 1.0, and how a text is written.

use std::fmt;

/// What stands in for a character that XML 1.0 cannot carry (U+FFFD).
const REPLACEMENT: &str = "&#65533;";

/// Whether XML 1.0 can carry a character.
pub(super) fn is_xml_character(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Appends a text as element content: the five specials as entities, everything outside 9–10 and
/// 32–126 as a decimal reference (cwmp.md E19), so that a carriage return survives too.
///
/// A character that XML 1.0 cannot carry at all (most control characters) becomes U+FFFD: a value
/// with such a character comes from a phone's file, and refusing it would hide the whole device
/// from its ACS.
///
/// `out` must not fail: a failure would go unseen.
pub(super) fn push_escaped(out: &mut impl fmt::Write, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !stands_for_itself(byte)) {
        // All bytes before `at` are ASCII, so `at` is on a character boundary.
        let (plain, tail) = rest.split_at(at);
        let _ = out.write_str(plain);
        let mut characters = tail.chars();
        if let Some(character) = characters.next() {
            push_reference(out, character);
        }
        rest = characters.as_str();
    }
    let _ = out.write_str(rest);
}

fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b' '..=b'~')
        && !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
}

fn push_reference(out: &mut impl fmt::Write, character: char) {
    let _ = match character {
        '&' => out.write_str("&amp;"),
        '<' => out.write_str("&lt;"),
        '>' => out.write_str("&gt;"),
        '"' => out.write_str("&quot;"),
        '\'' => out.write_str("&apos;"),
        _ if is_xml_character(character) => write!(out, "&#{};", u32::from(character)),
        _ => out.write_str(REPLACEMENT),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        push_escaped(&mut out, text);
        out
    }

    #[test]
    fn specials_and_characters_outside_printable_ascii_become_references() {
        assert_eq!(escaped(" a\tb\n "), " a\tb\n ");
        assert_eq!(escaped("<&>\"'"), "&lt;&amp;&gt;&quot;&apos;");
        assert_eq!(escaped("é\r\u{7F}😀"), "&#233;&#13;&#127;&#128512;");
    }

    #[test]
    fn characters_that_xml_does_not_have_are_replaced() {
        assert_eq!(escaped("a\0b\u{B}\u{FFFF}"), "a&#65533;b&#65533;&#65533;");
    }
}
