//! `key: value` lines (aastra.md 1.1 to 1.5).
//!
//! A line is split at its first `:`. `#` begins a comment at the start of a line and after a
//! value; a value that holds it stands in double quotes, inside of which there is no escape. `!`
//! and `^` before a key are marks. Keys are compared without case and stay as they are written.

use std::borrow::Cow;

use memchr::memchr;

use super::Dialect;
use crate::native::charset;
use crate::native::edit::{EditError, Splice, check_line_value};
use crate::native::key::WrittenKey;
use crate::native::lines::{Line, is_blank, is_text, line_at, lines, trimmed};
use crate::native::parsed::{Entry, KeySpans, Mark, Parsed, Shape, Span};
use crate::native::problem::ProblemKind;

pub(super) fn read(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::for_lines(bytes);
    for line in lines(bytes) {
        read_line(&line, &mut parsed);
    }
    parsed
}

/// The value without its quotes.
pub(super) fn value(written: Cow<'_, str>) -> Cow<'_, str> {
    let Some(length) = Written::of(written.as_bytes()).quoted() else {
        return written;
    };
    match written {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(1..=length).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(1..=length).unwrap_or_default().to_owned()),
    }
}

pub(super) fn replace(bytes: &[u8], entry: &Entry, value: &str) -> Result<Splice, EditError> {
    let before = entry.value.of(bytes);
    let mut text = quote(value, Written::of(before).quoted().is_some())?;
    let comment_follows = bytes.get(entry.value.end as usize) == Some(&b'#');
    if comment_follows && before.is_empty() && !text.is_empty() {
        text.push(' ');
    }
    Ok(Splice {
        span: entry.value,
        text,
    })
}

/// A new setting follows the last one whose key begins most alike, in its manner; without one it
/// goes to the end of the file.
pub(super) fn insert(
    bytes: &[u8],
    parsed: &Parsed,
    key: &str,
    value: &str,
) -> Result<Splice, EditError> {
    check_key(key)?;
    let text = quote(value, false)?;
    let neighbour = parsed
        .entries
        .iter()
        .map(|entry| (likeness(entry.key.name.of(bytes), key.as_bytes()), entry))
        .filter(|(likeness, _)| *likeness > 0)
        .max_by_key(|(likeness, entry)| (*likeness, entry.start));
    let Some((_, neighbour)) = neighbour else {
        let separator = parsed
            .entries
            .last()
            .map_or(Cow::Borrowed(": "), |last| separator(bytes, last));
        return Ok(Splice::last_line(bytes, &format!("{key}{separator}{text}")));
    };
    let line = line_at(bytes, neighbour.start as usize);
    let text = format!(
        "{}{key}{}{text}",
        line.indentation(),
        separator(bytes, neighbour)
    );
    Ok(Splice::line_after(bytes, &line, &text))
}

/// Text with settings, or nothing but comments. What begins like XML, or has P-codes or
/// `key = value` before every `:`, is of another syntax.
pub(super) fn fits(content: &[u8]) -> bool {
    if !is_text(content) {
        return false;
    }
    // Some lines of another form may hold a colon, so one line that fits does not decide.
    let (mut fitting, mut other) = (0_usize, 0_usize);
    for line in lines(content) {
        let text = line.text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        if fitting == 0 && other == 0 && text.starts_with(b"<") {
            return false;
        }
        match memchr(b':', text).and_then(|separator| text.get(..separator)) {
            Some(key) if !key.is_empty() && !key.iter().any(|byte| b"=<>".contains(byte)) => {
                fitting += 1;
            }
            _ => other += 1,
        }
    }
    fitting > 0 && fitting >= other || other == 0
}

pub(super) fn read_line(line: &Line<'_>, parsed: &mut Parsed) {
    let (blanks, end) = trimmed(line.text);
    let text = line.text.get(blanks..).unwrap_or_default();
    if blanks == end || text.starts_with(b"#") {
        return;
    }
    let start = line.start + blanks;
    let Some(separator) = memchr(b':', text) else {
        return parsed.report(start, ProblemKind::NoSeparator { separator: ':' });
    };
    let (before, rest) = text.split_at(separator);
    let rest = rest.get(1..).unwrap_or_default();
    let mark = match before.first() {
        Some(b'!') => Mark::Locked,
        Some(b'^') => Mark::Overwriting,
        _ => Mark::None,
    };
    let name = match mark {
        Mark::None => before,
        Mark::Locked | Mark::Overwriting => before.get(1..).unwrap_or_default(),
    };
    let (key_from, key_to) = trimmed(name);
    let key_start = start + (before.len() - name.len()) + key_from;
    let key = KeySpans::plain(Span::new(key_start, key_start + (key_to - key_from)));
    if is_empty_key(name.get(key_from..key_to).unwrap_or_default()) {
        return parsed.report(start, ProblemKind::NoKey { separator: ':' });
    }
    let rest_start = start + separator + 1;
    let (from, to) = value_extent(rest, rest_start, parsed);
    parsed.entries.push(Entry {
        key,
        mark,
        shape: Shape::Written,
        start: key.name.start,
        value: Span::new(rest_start + from, rest_start + to),
        whole: Span::new(line.start, line.next()),
    });
}

fn is_empty_key(name: &[u8]) -> bool {
    let prefix = b"";
    let graphic = name.first().is_some_and(u8::is_ascii_graphic);
    !graphic
        && WrittenKey {
            prefix,
            name,
            escaped: false,
        }
        .is_empty()
}

/// Where the written value stands in what follows the separator, quotes included.
fn value_extent(rest: &[u8], rest_start: usize, parsed: &mut Parsed) -> (usize, usize) {
    let (start, _) = trimmed(rest);
    let value = rest.get(start..).unwrap_or_default();
    let closing_quote = value
        .strip_prefix(b"\"")
        .and_then(|inside| memchr(b'"', inside))
        .map(|length| length + 2);
    let comment_from = closing_quote.unwrap_or(0);
    let comment = value
        .get(comment_from..)
        .and_then(|tail| memchr(b'#', tail))
        .map(|hash| hash + comment_from);
    let before_comment = rest
        .get(..comment.map_or(rest.len(), |comment| start + comment))
        .unwrap_or_default();
    let (from, to) = trimmed(before_comment);
    match closing_quote {
        Some(closed) if start + closed < to => {
            parsed.report(rest_start + start + closed, ProblemKind::OddQuotes);
        }
        Some(_) => {}
        None => {
            if value.starts_with(b"\"") {
                parsed.report(rest_start + start, ProblemKind::UnclosedQuote);
            }
            if comment.is_some() && from < to && to == before_comment.len() {
                parsed.report(rest_start + to, ProblemKind::HashInValue);
            }
        }
    }
    (from, to)
}

/// A written value: what stands between the first quote and the second, if it has both.
struct Written<'a>(&'a [u8]);

impl<'a> Written<'a> {
    fn of(written: &'a [u8]) -> Self {
        Self(written)
    }

    /// How many bytes stand between the quotes.
    fn quoted(&self) -> Option<usize> {
        memchr(b'"', self.0.strip_prefix(b"\"")?)
    }
}

/// The written form of a value: in quotes if it stood in quotes or needs them.
fn quote(value: &str, was_quoted: bool) -> Result<String, EditError> {
    check_line_value(Dialect::KeyValue, value)?;
    let outer = [value.bytes().next(), value.bytes().next_back()];
    let needs_quotes = value.contains('#') || outer.into_iter().flatten().any(is_blank);
    let holds_quote = value.contains('"');
    if value.starts_with('"') || (needs_quotes && holds_quote) {
        return Err(EditError::Quote);
    }
    if needs_quotes || (was_quoted && !holds_quote) {
        Ok(format!("\"{value}\""))
    } else {
        Ok(value.to_owned())
    }
}

fn check_key(name: &str) -> Result<(), EditError> {
    let strange = |character: char| character == ':' || character.is_control();
    if name.is_empty() || name.starts_with(['#', '!', '^']) || name.contains(strange) {
        return Err(EditError::key(name, Dialect::KeyValue));
    }
    Ok(())
}

/// What stands between key and value: blanks and the colon, as that line has them.
fn separator<'a>(bytes: &'a [u8], entry: &Entry) -> Cow<'a, str> {
    let before_value = Span::new(entry.start as usize, entry.value.start as usize).of(bytes);
    let colon = memchr(b':', before_value).unwrap_or_default();
    let key = before_value.get(..colon).unwrap_or_default();
    let blanks = key.len() - key.trim_ascii_end().len();
    let separator = before_value.get(colon - blanks..).unwrap_or_default();
    let empty = entry.value.range().is_empty();
    if empty && separator == b":" {
        return Cow::Borrowed(": ");
    }
    charset::decode(separator)
}

/// How many parts two keys have in common from their beginning. A part is a run of digits or a
/// run of other characters of a word, so that `softkey2 type` stands nearest to `softkey2 label`,
/// then to `softkey1 type`.
fn likeness(one: &[u8], other: &[u8]) -> usize {
    parts(one)
        .zip(parts(other))
        .take_while(|(one, other)| one.eq_ignore_ascii_case(other))
        .count()
}

fn parts(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(u8::is_ascii_whitespace)
        .flat_map(|word| word.chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{Document, NativeKey};

    fn given(text: &str) -> Document {
        Document::parse(Dialect::KeyValue, text)
    }

    #[track_caller]
    fn reads(line: &str, key: &str, value: &str) {
        let document = given(line);
        let setting = document.settings().next().unwrap();
        assert_eq!((setting.key.as_str(), &*setting.value), (key, value));
    }

    #[track_caller]
    fn set(text: &str, key: &str, value: &str, expected: &str) {
        let mut document = given(text);
        document.set(&NativeKey::new(key), value).unwrap();
        assert_eq!(String::from_utf8_lossy(document.bytes()), expected);
    }

    #[test]
    fn lines_as_they_are_found() {
        reads("prgkey1 type:services", "prgkey1 type", "services");
        reads(
            "action uri: http://h:80/x?a=$$SIPUSERNAME$$\r\n",
            "action uri",
            "http://h:80/x?a=$$SIPUSERNAME$$",
        );
        reads(
            "  QoS eth port 1 priority :\t 3\t\t# high",
            "qos eth port 1 priority",
            "3",
        );
        reads("sip proxy port: # text", "sip proxy port", "");
        reads(
            "dst [start|end] relative date: 1",
            "dst [start|end] relative date",
            "1",
        );
        reads(
            "sip dial plan: \"x+#|xx+*\" #MUST",
            "sip dial plan",
            "x+#|xx+*",
        );
        reads("dial plan: x+^|xx+*", "dial plan", "x+^|xx+*");
        reads("label: \"  a \"", "label", "  a ");
        reads("label: \\\"Voice Mail\\\"", "label", "\\\"Voice Mail\\\"");
        reads("sip line2 password: x\"y", "sip line2 password", "x\"y");
        reads("softkey1 value:", "softkey1 value", "");
    }

    #[test]
    fn marks_stand_before_the_key_only() {
        let document = given("!sip pai:1\n ^ tone set: DE\npassword: !^x\n");
        let marks: Vec<_> = document.settings().map(|setting| setting.mark).collect();
        assert_eq!(marks, [Mark::Locked, Mark::Overwriting, Mark::None]);
        let setting = document.setting(&NativeKey::new("Tone Set")).unwrap();
        assert_eq!((setting.line, setting.column), (2, 4));
    }

    #[test]
    fn odd_quotes_never_fail() {
        reads("sip dial plan: \"x+#\"\"", "sip dial plan", "x+#");
        reads("label: \"abc # d", "label", "\"abc");
        let document = given("a: \"x+#\"\"\nb: \"y\nc: s3cr#t\njust words\n");
        let told: Vec<_> = document
            .problems()
            .iter()
            .map(|problem| format!("{}:{}: {problem}", problem.line, problem.column))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        1:9: quotes are odd: the value is read up to the second one
        2:4: quote is not closed: it is read as part of the value
        3:8: `#` ends the value here: a value that holds it needs quotes
        4:1: line has no `:` between key and value
        ");
    }

    #[test]
    fn only_the_value_changes() {
        set("!Key  :  a  # c\r\n", "key", "b", "!Key  :  b  # c\r\n");
        set("k: \"a\"#c\n", "k", "b", "k: \"b\"#c\n");
        set("k: a#c\n", "k", "x#y", "k: \"x#y\"#c\n");
        set("k: a\n", "k", " a", "k: \" a\"\n");
        set("k: \"a\"\n", "k", "say \"b\" now", "k: say \"b\" now\n");
        set("k: \"x+#\"\" # odd\n", "k", "y", "k: \"y\" # odd\n");
        set("port:  # text\n", "port", "5060", "port: 5060 # text\n");
        set("port:# text\n", "port", "5060", "port:5060 # text\n");
        set("k: a\nK: b\n", "k", "c", "k: a\nK: c\n");
    }

    #[test]
    fn setting_what_already_reads_so_changes_nothing() {
        set("k:   \"a\"  \n", "k", "a", "k:   \"a\"  \n");
        set("k: \"x+#\"\"\n", "k", "x+#", "k: \"x+#\"\"\n");
    }

    #[test]
    fn a_new_line_stands_by_the_lines_most_like_it() {
        set(
            "sip line1 user name:100\r\nsip line1 mode:0\r\nsip proxy ip: h\r\n",
            "sip line1 password",
            "a#b",
            "sip line1 user name:100\r\nsip line1 mode:0\r\nsip line1 password:\"a#b\"\r\nsip proxy ip: h\r\n",
        );
        set(
            "softkey1 type: xml\n  softkey2 type : xml # c\ndhcp: 1\n",
            "softkey3 type",
            "blf",
            "softkey1 type: xml\n  softkey2 type : xml # c\n  softkey3 type : blf\ndhcp: 1\n",
        );
        set("dhcp:1", "lldp", "0", "dhcp:1\nlldp:0\n");
        set("# nothing\r\n", "lldp", "0", "# nothing\r\nlldp: 0\r\n");
        set("line1 a:\n", "line1 b", "0", "line1 a:\nline1 b: 0\n");
    }

    #[test]
    fn a_value_that_quotes_cannot_carry_is_refused() {
        let mut document = given("k: a\n");
        let key = NativeKey::new("k");
        for value in ["\"a", "a\"#", " a\""] {
            assert_eq!(document.set(&key, value), Err(EditError::Quote), "{value}");
        }
        for name in ["", "#a", "!a", "^a", "a:b", "a\nb"] {
            assert!(
                document.set(&NativeKey::new(name), "v").is_err(),
                "{name:?}"
            );
        }
        assert_eq!(document.bytes(), b"k: a\n");
    }

    #[test]
    fn a_removed_setting_takes_its_line_along() {
        let mut document = given("a: 1\r\nK: 2 # c\r\nk: 3\r\nb: 4");
        assert!(document.remove(&NativeKey::new("k")));
        assert_eq!(document.bytes(), b"a: 1\r\nb: 4");
        assert!(document.remove(&NativeKey::new("b")));
        assert_eq!(document.bytes(), b"a: 1\r\n");
        assert!(!document.remove(&NativeKey::new("b")));
    }
}
