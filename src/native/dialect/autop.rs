//! `Config.File.Section.Key = value` lines (akuvox.md 1.1).
//!
//! A line is a setting only if `Config.` begins it: files that devices export wrap long comments
//! without a comment mark, and such a line may hold `Config.` and `=` in its middle. It is split at
//! its first `=`. Nothing is quoted and nothing behind a value is a comment; `#` and `;` mark one
//! at the start of a line only. Keys are compared without case and stay as they are written.

use std::borrow::Cow;

use memchr::memchr;

use super::Dialect;
use crate::native::charset;
use crate::native::edit::{EditError, Splice, check_bare_value};
use crate::native::lines::{Line, is_blank, is_text, line_at, lines, trimmed};
use crate::native::parsed::{Entry, KeySpans, Mark, Parsed, Shape, Span};
use crate::native::problem::ProblemKind;

/// What every key begins with.
const PREFIX: &[u8] = b"Config.";

pub(super) fn read(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::for_lines(bytes);
    for line in lines(bytes) {
        read_line(&line, &mut parsed);
    }
    parsed
}

pub(super) fn read_line(line: &Line<'_>, parsed: &mut Parsed) {
    match Content::of(line.text) {
        Content::Nothing => {}
        Content::Setting { key, value } => {
            let key = key.shifted(line.start);
            parsed.entries.push(Entry {
                key: KeySpans::plain(key),
                mark: Mark::None,
                shape: Shape::Written,
                start: key.start,
                value: value.shifted(line.start),
                whole: Span::new(line.start, line.next()),
            });
        }
        Content::Problem { at, kind } => parsed.report(line.start + at, kind),
    }
}

pub(super) fn replace(entry: &Entry, value: &str) -> Result<Splice, EditError> {
    check_bare_value(Dialect::Autop, value)?;
    Ok(Splice {
        span: entry.value,
        text: value.to_owned(),
    })
}

/// A new setting follows the last one of its section, else of its file (the word after `Config.`),
/// in its manner; without one it goes to the end of the file.
pub(super) fn insert(
    bytes: &[u8],
    parsed: &Parsed,
    key: &str,
    value: &str,
) -> Result<Splice, EditError> {
    check_bare_value(Dialect::Autop, value)?;
    if !is_key(key.as_bytes()) {
        return Err(EditError::key(key, Dialect::Autop));
    }
    // The word that never differs is written as everywhere, also by who has the normal form only.
    let name = key.get(PREFIX.len()..).unwrap_or_default();
    let key = format!("Config.{name}");
    let neighbour = neighbour(bytes, parsed, key.as_bytes());
    let manner = neighbour.or(parsed.entries.last());
    let separator = manner.map_or(Cow::Borrowed(" = "), |entry| separator(bytes, entry));
    let Some(neighbour) = neighbour else {
        let text = format!("{key}{separator}{value}");
        return Ok(Splice::last_line(bytes, &text));
    };
    let line = line_at(bytes, neighbour.start as usize);
    let text = format!("{}{key}{separator}{value}", line.indentation());
    Ok(Splice::line_after(bytes, &line, &text))
}

/// The first line with a name before `=` is a setting, or there is nothing but comments.
pub(super) fn fits(content: &[u8]) -> bool {
    if !is_text(content) {
        return false;
    }
    let mut other = false;
    for line in lines(content) {
        match Content::of(line.text) {
            Content::Setting { .. } => return true,
            Content::Nothing => {}
            Content::Problem { at, .. } => {
                let text = line.text.get(at..).unwrap_or_default();
                let before = memchr(b'=', text).and_then(|separator| text.get(..separator));
                if text.starts_with(b"<") || before.is_some_and(is_name) {
                    return false;
                }
                other = true;
            }
        }
    }
    !other
}

enum Content {
    Nothing,
    /// Offsets within the line.
    Setting {
        key: Span,
        value: Span,
    },
    Problem {
        at: usize,
        kind: ProblemKind,
    },
}

impl Content {
    fn of(line: &[u8]) -> Self {
        let (start, end) = trimmed(line);
        let text = line.get(start..end).unwrap_or_default();
        if text.is_empty() || text.starts_with(b"#") || text.starts_with(b";") {
            return Content::Nothing;
        }
        let Some(length) = key_length(text) else {
            return Content::problem(start, text);
        };
        let behind = text.get(length..).unwrap_or_default();
        let blanks = behind.iter().take_while(|&&byte| is_blank(byte)).count();
        if behind.get(blanks) != Some(&b'=') {
            return Content::problem(start, text);
        }
        // Blanks behind an empty value stay behind it, the one before it too.
        let value_start = start + length + blanks + 1;
        let (from, to) = trimmed(line.get(value_start..).unwrap_or_default());
        Content::Setting {
            key: Span::new(start, start + length),
            value: Span::new(value_start + from, value_start + to),
        }
    }

    fn problem(at: usize, text: &[u8]) -> Self {
        let separator = '=';
        let kind = if begins_as_key(text) && !text.contains(&b'=') {
            ProblemKind::NoSeparator { separator }
        } else {
            ProblemKind::NotASetting
        };
        Content::Problem { at, kind }
    }
}

/// Length of the key at the start of a text: `Config.` and two or three words, or more.
fn key_length(text: &[u8]) -> Option<usize> {
    if !begins_as_key(text) {
        return None;
    }
    let words = text.get(PREFIX.len()..)?;
    let mut dots = 0_usize;
    let mut before = b'.';
    let mut length = 0;
    for &byte in words {
        if byte == b'.' {
            if before == b'.' {
                return None;
            }
            dots += 1;
        } else if !is_name_byte(byte) {
            break;
        }
        before = byte;
        length += 1;
    }
    (dots > 0 && before != b'.').then_some(PREFIX.len() + length)
}

fn begins_as_key(text: &[u8]) -> bool {
    text.starts_with(PREFIX)
        || text
            .get(..PREFIX.len())
            .is_some_and(|begins| begins.eq_ignore_ascii_case(PREFIX))
}

fn is_key(text: &[u8]) -> bool {
    key_length(text) == Some(text.len())
}

/// Whether a text is one word, as keys of other syntaxes are.
fn is_name(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    !text.is_empty() && text.iter().all(|&byte| is_name_byte(byte) || byte == b'.')
}

fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES.get(usize::from(byte)) == Some(&true)
}

/// Of which bytes words are made.
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        byte += 1;
    }
    table
};

/// The last setting of the same section, else of the same file.
fn neighbour<'a>(bytes: &[u8], parsed: &'a Parsed, key: &[u8]) -> Option<&'a Entry> {
    let words = words_in_common_wanted(key);
    let last_with = |wanted: usize| {
        let alike = |entry: &&Entry| words_in_common(entry.key.name.of(bytes), key) >= wanted;
        parsed.entries.iter().rev().find(alike)
    };
    (2..=words).rev().find_map(last_with)
}

/// How many words of a key name its section.
fn words_in_common_wanted(key: &[u8]) -> usize {
    key.split(|&byte| byte == b'.').count().saturating_sub(1)
}

/// With how many words two keys begin alike.
fn words_in_common(one: &[u8], other: &[u8]) -> usize {
    let words = |key| <[u8]>::split(key, |&byte: &u8| byte == b'.');
    words(one)
        .zip(words(other))
        .take_while(|(one, other)| one.eq_ignore_ascii_case(other))
        .count()
}

/// What stands between key and value: blanks and `=`, as that line has them.
fn separator<'a>(bytes: &'a [u8], entry: &Entry) -> Cow<'a, str> {
    let separator = Span {
        start: entry.key.name.end,
        end: entry.value.start,
    };
    match separator.of(bytes) {
        // An empty value may have lost its blank to an editor.
        b" =" => Cow::Borrowed(" = "),
        written => charset::decode(written),
    }
}

#[cfg(test)]
mod tests {
    use crate::native::{Dialect, Document, EditError, NativeKey};

    fn given(text: &str) -> Document {
        Document::parse(Dialect::Autop, text)
    }

    /// Settings as `key=value`, then problems.
    fn read(text: &str) -> String {
        let document = given(text);
        let settings = document
            .settings()
            .map(|setting| format!("{}={}", setting.key, setting.value));
        let problems = document
            .problems()
            .iter()
            .map(|problem| format!("{}:{}: {problem}", problem.line, problem.column));
        settings.chain(problems).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    fn set(text: &str, key: &str, value: &str, expected: &str) {
        let mut document = given(text);
        document.set_as(key, value).unwrap();
        assert_eq!(String::from_utf8_lossy(document.bytes()), expected);
    }

    #[test]
    fn lines_as_they_are_found() {
        insta::assert_snapshot!(
            read(
                "\u{feff}#!version:1.0.0.1\r\n; text\n  # Config.A.B.C = 0\n\n\
                 Config.Account1.GENERAL.Label = a \"b\" # c ; d=e \r\n\
                 \tConfig.Firmware.Url=http://h/x?a=b\n\
                 Config.Tone.GENERAL.0 =\nConfig.8021X.Mode.NeedPop-up =  \n\
                 config.account1.general.label = later"
            ),
            @r#"
        config.account1.general.label=a "b" # c ; d=e
        config.firmware.url=http://h/x?a=b
        config.tone.general.0=
        config.8021x.mode.needpop-up=
        config.account1.general.label=later
        "#
        );
        let document = given("Config.A.B.C = 1\nCONFIG.a.b.c = 2\n");
        let setting = document.setting(&NativeKey::new("Config.A.B.C")).unwrap();
        assert_eq!((&*setting.value, setting.line, setting.column), ("2", 2, 1));
    }

    #[test]
    fn what_is_no_setting_is_kept_and_told() {
        insta::assert_snapshot!(
            read(
                "dial Config.M.G1.IP when Config.M.S.Group = 1\n 0-Off, 1-On\nConfig.A = 1\n\
                 Config.A.B.C\nConfig.A..C = 1\nConfig.A.B C = 1\nConfig. A.B = 1\nConfigX.A.B = 1\n\
                 P1 = 2"
            ),
            @r"
        1:1: line is neither comment nor setting
        2:2: line is neither comment nor setting
        3:1: line is neither comment nor setting
        4:1: line has no `=` between key and value
        5:1: line is neither comment nor setting
        6:1: line is neither comment nor setting
        7:1: line is neither comment nor setting
        8:1: line is neither comment nor setting
        9:1: line is neither comment nor setting
        "
        );
    }

    #[test]
    fn only_the_value_changes() {
        set(
            "Config.A.B.C  =\t1 \r\n",
            "config.a.b.c",
            "# 2",
            "Config.A.B.C  =\t# 2 \r\n",
        );
        set(
            "Config.A.B.Pwd = \nConfig.A.B.C=\n",
            "Config.A.B.Pwd",
            "x",
            "Config.A.B.Pwd = x\nConfig.A.B.C=\n",
        );
        set(
            "Config.A.B.Pwd = x\r\n",
            "Config.A.B.Pwd",
            "",
            "Config.A.B.Pwd = \r\n",
        );
    }

    #[test]
    fn a_new_line_follows_the_last_of_its_section() {
        let text = "Config.A.B.C = 1\r\nConfig.A.D.E=2\r\nConfig.A.B.F = \r\nConfig.G.Url = 3\r\n";
        set(
            text,
            "Config.A.b.NeedPop-up",
            "",
            "Config.A.B.C = 1\r\nConfig.A.D.E=2\r\nConfig.A.B.F = \r\nConfig.A.b.NeedPop-up = \r\nConfig.G.Url = 3\r\n",
        );
        set(
            text,
            "Config.A.D.H",
            "4",
            "Config.A.B.C = 1\r\nConfig.A.D.E=2\r\nConfig.A.D.H=4\r\nConfig.A.B.F = \r\nConfig.G.Url = 3\r\n",
        );
        set(
            "Config.A.D.E=2\r\nConfig.G.Url = 3",
            "config.A.X.Y",
            "4",
            "Config.A.D.E=2\r\nConfig.A.X.Y=4\r\nConfig.G.Url = 3",
        );
        set(
            "Config.G.Url =\n# end",
            "Config.X.Y.Z",
            "4",
            "Config.G.Url =\n# end\nConfig.X.Y.Z = 4\n",
        );
        set("", "Config.X.Y", "4", "Config.X.Y = 4\n");
    }

    #[test]
    fn what_a_line_cannot_carry_is_refused() {
        let mut document = given("Config.A.B.C = 1\n");
        let key = NativeKey::new("Config.A.B.C");
        let dialect = Dialect::Autop;
        for value in ["1\nConfig.A.B.D = 2", "1\r"] {
            let refused = document.set(&key, value);
            assert_eq!(refused, Err(EditError::LineBreak { dialect }));
        }
        for value in [" 1", "1\t"] {
            let refused = document.set(&key, value);
            assert_eq!(refused, Err(EditError::OuterBlank { dialect }));
        }
        assert!(document.set(&key, "1\u{7f}").is_err());
        for key in ["A.B.C", "Config.A", "Config.A.B=C", "Config.A.B\nC.D", ""] {
            assert!(document.set_as(key, "1").is_err(), "{key:?}");
        }
        assert_eq!(document.bytes(), b"Config.A.B.C = 1\n");
    }

    #[test]
    fn a_file_is_told_by_its_first_setting() {
        let fits = |text: &str| Dialect::Autop.fits(text.as_bytes());
        for text in [
            "",
            "# only\n; comments",
            "wrapped text, a = b\nConfig.A.B=1",
            "config.a.b = 1\nP1=2",
        ] {
            assert!(fits(text), "{text:?}");
        }
        for text in [
            "P1 = 1\nConfig.A.B = 1",
            "<Config.A.B=1>",
            "prose only",
            "sip line1 mode: 0",
            "Config.A.B = 1\0",
        ] {
            assert!(!fits(text), "{text:?}");
        }
    }
}
