//! P-codes as plain text (grandstream.md 1.1).
//!
//! A line is `P<digits> = value`, split at the first `=`, blanks around both sides dropped; no
//! quotes, no escapes. `#` begins a comment only as the first character of a line, since passwords
//! and dial plans hold it.

use memchr::memchr;

use super::Dialect;
use crate::native::charset;
use crate::native::edit::{EditError, Splice, check_bare_value};
use crate::native::key::is_p_code;
use crate::native::lines::{Line, is_text, line_at, lines, trimmed};
use crate::native::parsed::{Entry, KeySpans, Mark, Parsed, Shape, Span};
use crate::native::problem::ProblemKind;

pub(super) fn read(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::for_lines(bytes);
    for line in lines(bytes) {
        read_line(&line, &mut parsed);
    }
    parsed
}

pub(super) fn read_line(line: &Line<'_>, parsed: &mut Parsed) {
    match Content::of(line) {
        Content::Nothing => {}
        Content::Setting(entry) => parsed.entries.push(entry),
        Content::Problem(offset, kind) => parsed.report(offset, kind),
    }
}

pub(super) fn replace(entry: &Entry, value: &str) -> Result<Splice, EditError> {
    check_bare_value(Dialect::PCodeText, value)?;
    Ok(Splice {
        span: entry.value,
        text: value.to_owned(),
    })
}

/// A new setting follows the last one, in its manner.
pub(super) fn insert(
    bytes: &[u8],
    parsed: &Parsed,
    key: &str,
    value: &str,
) -> Result<Splice, EditError> {
    check_bare_value(Dialect::PCodeText, value)?;
    if !is_p_code(key.as_bytes()) {
        return Err(EditError::key(key, Dialect::PCodeText));
    }
    let Some(last) = parsed.entries.last() else {
        return Ok(Splice::last_line(bytes, &format!("{key} = {value}")));
    };
    let line = line_at(bytes, last.start as usize);
    let separator = Span {
        start: last.key.name.end,
        end: last.value.start,
    };
    let text = format!(
        "{}{key}{}{value}",
        line.indentation(),
        charset::decode(separator.of(bytes))
    );
    Ok(Splice::line_after(bytes, &line, &text))
}

/// At least one setting, or nothing but comments.
pub(super) fn fits(content: &[u8]) -> bool {
    if !is_text(content) {
        return false;
    }
    let mut other = false;
    for line in lines(content) {
        match Content::of(&line) {
            Content::Setting(_) => return true,
            Content::Problem(..) => other = true,
            Content::Nothing => {}
        }
    }
    !other
}

enum Content {
    Nothing,
    Setting(Entry),
    Problem(usize, ProblemKind),
}

impl Content {
    fn of(line: &Line<'_>) -> Self {
        let (start, end) = trimmed(line.text);
        if start == end || line.text.get(start) == Some(&b'#') {
            return Content::Nothing;
        }
        let text = line.text.get(start..end).unwrap_or_default();
        let Some((length, separator)) = p_code_before_separator(text) else {
            return Content::problem(line.start + start, text);
        };
        let key_start = line.start + start;
        let value = text.get(separator + 1..).unwrap_or_default();
        let value_start = key_start + separator + 1;
        // An empty value stands where a person would write it, among the blanks that were cut off.
        let (from, to) = trimmed(if value.is_empty() {
            line.text.get(start + separator + 1..).unwrap_or_default()
        } else {
            value
        });
        Content::Setting(Entry {
            key: KeySpans::plain(Span::new(key_start, key_start + length)),
            mark: Mark::None,
            shape: Shape::Written,
            start: Span::empty(key_start).start,
            value: Span::new(value_start + from, value_start + to),
            whole: Span::new(line.start, line.next()),
        })
    }

    fn problem(at: usize, text: &[u8]) -> Self {
        let separator = '=';
        let key = memchr(b'=', text).and_then(|separator| text.get(..separator));
        let kind = match key.map(<[u8]>::trim_ascii) {
            None => ProblemKind::NoSeparator { separator },
            Some([]) => ProblemKind::NoKey { separator },
            Some(key) => ProblemKind::NotAPCode {
                key: charset::decode(key).chars().take(40).collect(),
            },
        };
        Content::Problem(at, kind)
    }
}

/// How long the P-code at the start of a line is, and where the `=` behind it stands.
fn p_code_before_separator(text: &[u8]) -> Option<(usize, usize)> {
    let number = text.strip_prefix(b"P")?;
    let digits = number
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let behind = number.get(digits..)?;
    let blanks = behind
        .iter()
        .take_while(|byte| is_key_blank(**byte))
        .count();
    let found = digits > 0 && behind.get(blanks) == Some(&b'=');
    found.then_some((1 + digits, 1 + digits + blanks))
}

/// What may stand between a key and its separator.
fn is_key_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use crate::native::{Dialect, Document, EditError, NativeKey};

    fn given(text: &str) -> Document {
        Document::parse(Dialect::PCodeText, text)
    }

    fn value(document: &Document, key: &str) -> Option<String> {
        let setting = document.setting(&NativeKey::new(key))?;
        Some(setting.value.into_owned())
    }

    #[track_caller]
    fn set(text: &str, key: &str, value: &str, expected: &str) {
        let mut document = given(text);
        document.set(&NativeKey::new(key), value).unwrap();
        assert_eq!(String::from_utf8_lossy(document.bytes()), expected);
    }

    #[test]
    fn a_line_is_split_at_its_first_equals_sign() {
        let document = given("  P35 =\t a=b # c \r\nP36=\n");
        assert_eq!(value(&document, "P35").as_deref(), Some("a=b # c"));
        assert_eq!(value(&document, "P36").as_deref(), Some(""));
        let setting = document.setting(&NativeKey::new("P35")).unwrap();
        assert_eq!((setting.line, setting.column), (1, 3));
    }

    #[test]
    fn comments_and_disabled_settings_are_no_settings() {
        let document = given("# P8387 = 0\n  #P1=1\n\n");
        assert_eq!(document.settings().count(), 0);
        assert!(document.problems().is_empty());
    }

    #[test]
    fn what_is_no_p_code_is_kept_and_told() {
        let document = given("\u{feff}P1=1\n2=admin\nUser settings follow\n=3\n<P323>1</P323>\n");
        let told: Vec<_> = document
            .problems()
            .iter()
            .map(|problem| format!("{}:{}: {problem}", problem.line, problem.column))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        2:1: `2` is no P-code: `P` and digits are wanted
        3:1: line has no `=` between key and value
        4:1: line has no key before `=`
        5:1: line has no `=` between key and value
        ");
        assert_eq!(document.settings().count(), 1);
    }

    #[test]
    fn only_the_value_changes() {
        set("P1 =  a \r\nP2=b", "P1", "c", "P1 =  c \r\nP2=b");
        set("P1 =  a \r\nP2=b", "P2", "", "P1 =  a \r\nP2=");
        set("P1 = \nP2=\n", "P1", "x", "P1 = x\nP2=\n");
        set("P1=a\nP1=b\n", "P1", "c", "P1=a\nP1=c\n");
    }

    #[test]
    fn a_new_line_follows_the_last_setting_in_its_manner() {
        set(
            "  P1 = a\r\n# end\r\n",
            "P2",
            "b",
            "  P1 = a\r\n  P2 = b\r\n# end\r\n",
        );
        set("P1=a", "P2", "b", "P1=a\nP2=b\n");
        set("# none yet\r\n", "P2", "b", "# none yet\r\nP2 = b\r\n");
        set("", "P2", "b", "P2 = b\n");
    }

    #[test]
    fn a_value_that_a_line_cannot_carry_is_refused() {
        let mut document = given("P1=a\n");
        let key = NativeKey::new("P1");
        let dialect = Dialect::PCodeText;
        for (value, error) in [
            ("a\nb", EditError::LineBreak { dialect }),
            (" a", EditError::OuterBlank { dialect }),
            (
                "a\u{7}",
                EditError::Character {
                    character: '\u{7}',
                    dialect,
                },
            ),
        ] {
            assert_eq!(document.set(&key, value), Err(error));
        }
        assert!(document.set(&NativeKey::new("dns1"), "a").is_err());
        assert_eq!(document.bytes(), b"P1=a\n");
    }
}
