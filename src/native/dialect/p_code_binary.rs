//! P-codes in the binary file `cfg<mac>` (grandstream.md 1.4, htek.md 1.3).
//!
//! A header of 16 bytes (length of the file in words of 16 bits, checksum, MAC address, two line
//! ends), then `P1=v&P2=v&…&gnkey=0b82` with `+` and `%XX` in the values, then NULs. Integers are
//! big-endian.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::Dialect;
use super::binary_header::{HEADER_LENGTH, Header};
use crate::native::Mac;
use crate::native::charset;
use crate::native::edit::{EditError, Splice, check_line_value};
use crate::native::key::is_p_code;
use crate::native::parsed::{Entry, KeySpans, Mark, Parsed, Shape, Span};
use crate::native::problem::ProblemKind;

const MAC: Span = Span { start: 6, end: 12 };
/// MAC address of a file that is a template for any phone.
const TEMPLATE_MAC: Mac = Mac::new([0x00, 0x0b, 0x82, 0, 0, 0]);
/// Stands last by convention, so that no value touches the NULs. It is no setting.
const LAST_KEY: &[u8] = b"gnkey";
const LAST: &str = "gnkey=0b82";

/// What is written as `%XX`: everything that URLs reserve, since every writer's reader takes that.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

pub(super) fn read(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let Some(header) = Header::of(bytes) else {
        parsed.report(0, ProblemKind::NoBinaryHeader);
        return parsed;
    };
    parsed.mac = Some(MAC);
    header.check(bytes, &mut parsed);
    let body = body(bytes);
    if body.of(bytes).is_empty() {
        parsed.report(HEADER_LENGTH, ProblemKind::EmptyBody);
    }
    let padding = bytes.get(body.end as usize..).unwrap_or_default();
    if let Some(offset) = padding.iter().position(|&byte| byte != 0) {
        let offset = body.end as usize + offset;
        parsed.report(offset, ProblemKind::TextAfterNul);
    }
    for pair in pairs(bytes, body) {
        read_pair(bytes, &pair, &mut parsed);
    }
    parsed
}

pub(super) fn value(written: Cow<'_, str>) -> Cow<'_, str> {
    if !written.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return written;
    }
    let spaced = written.replace('+', " ");
    let decoded: Cow<'_, [u8]> = percent_decode(spaced.as_bytes()).into();
    Cow::Owned(charset::decode(&decoded).into_owned())
}

pub(super) fn replace(bytes: &[u8], entry: &Entry, value: &str) -> Result<Splice, EditError> {
    Ok(Splice {
        span: entry.value,
        text: encode(bytes, value)?,
    })
}

/// A new setting follows the last one; the key that stands last by convention stays there.
pub(super) fn insert(
    bytes: &[u8],
    parsed: &Parsed,
    key: &str,
    value: &str,
) -> Result<Splice, EditError> {
    if !is_p_code(key.as_bytes()) {
        return Err(EditError::key(key, Dialect::PCodeBinary));
    }
    let pair = format!("{key}={}", encode(bytes, value)?);
    let body = body(bytes);
    let (at, text) = match parsed.entries.last() {
        Some(last) => (last.value.end, format!("&{pair}")),
        None if body.of(bytes).is_empty() => (body.start, format!("{pair}&{LAST}")),
        None => (body.start, format!("{pair}&")),
    };
    Ok(Splice {
        span: Span::empty(at as usize),
        text,
    })
}

/// The pair and one of the `&` beside it.
pub(super) fn extent(bytes: &[u8], entry: &Entry) -> Span {
    let Span { start, end } = entry.whole;
    let range = start as usize..end as usize;
    let before = range.start.checked_sub(1).and_then(|at| bytes.get(at));
    if bytes.get(range.end) == Some(&b'&') {
        Span::new(range.start, range.end + 1)
    } else if before == Some(&b'&') {
        Span::new(range.start - 1, range.end)
    } else {
        entry.whole
    }
}

/// Whether a file has the header: its first byte too, which is zero in every file of less than
/// 32 MiB, so that no text that happens to have the line ends there fits.
pub(super) fn fits(content: &[u8]) -> bool {
    Header::of(content).is_some() && content.first() == Some(&0)
}

/// The phone that the header names; none in a template.
pub(super) fn mac(bytes: &[u8]) -> Option<Mac> {
    let mac = <[u8; 6]>::try_from(MAC.of(bytes)).ok().map(Mac::new)?;
    (mac != TEMPLATE_MAC).then_some(mac)
}

/// From the header to the first NUL, where a phone stops.
fn body(bytes: &[u8]) -> Span {
    let text = bytes.get(HEADER_LENGTH..).unwrap_or_default();
    let length = memchr(0, text).unwrap_or(text.len());
    Span::new(HEADER_LENGTH, HEADER_LENGTH + length)
}

/// A piece of the body between two `&`.
struct Pair {
    whole: Span,
}

fn pairs(bytes: &[u8], body: Span) -> impl Iterator<Item = Pair> {
    let mut start = body.start as usize;
    let ends = memchr_iter(b'&', body.of(bytes)).map(move |at| body.start as usize + at);
    ends.chain(std::iter::once(body.end as usize))
        .map(move |end| {
            let whole = Span::new(start, end);
            start = end + 1;
            Pair { whole }
        })
}

fn read_pair(bytes: &[u8], pair: &Pair, parsed: &mut Parsed) {
    let text = pair.whole.of(bytes);
    let start = pair.whole.start as usize;
    if text.is_empty() {
        return;
    }
    let Some(separator) = memchr(b'=', text) else {
        parsed.report(start, ProblemKind::NoSeparatorInPair);
        return;
    };
    let (key, written) = text.split_at(separator);
    if key == LAST_KEY {
        return;
    }
    if !is_p_code(key) {
        let key = charset::decode(key).chars().take(40).collect();
        parsed.report(start, ProblemKind::NotAPCode { key });
        return;
    }
    let value = Span::new(start + separator + 1, pair.whole.end as usize);
    for percent in memmem::find_iter(written, b"%") {
        let digits = written.get(percent + 1..percent + 3).unwrap_or_default();
        if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            parsed.report(start + separator + percent, ProblemKind::OddPercent);
        }
    }
    parsed.entries.push(Entry {
        key: KeySpans::plain(Span::new(start, start + separator)),
        mark: Mark::None,
        shape: Shape::Written,
        start: pair.whole.start,
        value,
        whole: pair.whole,
    });
}

/// The written form of a value, in the encoding of the file and with its way of writing a blank.
fn encode(bytes: &[u8], value: &str) -> Result<String, EditError> {
    check_line_value(Dialect::PCodeBinary, value)?;
    let body = body(bytes).of(bytes);
    let decoded: Cow<'_, [u8]> = percent_decode(body).into();
    let value = charset::encode(value, &decoded, None)?;
    let text = percent_encode(&value, ENCODED).to_string();
    let has = |blank: &[u8]| memmem::find(body, blank).is_some();
    Ok(if has(b"+") && !has(b"%20") {
        text.replace("%20", "+")
    } else {
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::binary_header::{SUM_OF_LINE_ENDS, finish, overwrite, sum};
    use super::*;
    use crate::native::{Document, NativeKey};

    /// The golden file of the vendor sheet.
    const GOLDEN: &[u8] = b"\0\0\0\x10\xba\x48\0\x04\xf2\0\xe0\x6b\r\n\r\nP1=A&gnkey=0b82\0";

    fn file(body: &str) -> Vec<u8> {
        let header = b"\0\0\0\0\0\0\0\x0b\x82\xa1\xb2\xc3\r\n\r\n";
        let bytes = [header, body.as_bytes()].concat();
        finish(&bytes, bytes.clone()).unwrap()
    }

    fn key(name: &str) -> NativeKey {
        NativeKey::new(name)
    }

    fn value(document: &Document, name: &str) -> Option<String> {
        let setting = document.setting(&key(name))?;
        Some(setting.value.into_owned())
    }

    fn told(document: &Document) -> Vec<String> {
        let problems = document.problems().iter();
        problems
            .map(|problem| format!("{}:{}: {problem}", problem.line, problem.column))
            .collect()
    }

    #[track_caller]
    fn set(body: &str, name: &str, value: &str, expected: &str) {
        let mut document = Document::parse(Dialect::PCodeBinary, file(body));
        document.set(&key(name), value).unwrap();
        assert_eq!(
            document.bytes().escape_ascii().to_string(),
            file(expected).escape_ascii().to_string()
        );
        assert!(document.problems().is_empty());
    }

    #[test]
    fn the_golden_file_is_read_and_written() {
        let mut document = Document::parse(Dialect::PCodeBinary, GOLDEN);
        assert_eq!(value(&document, "P1").as_deref(), Some("A"));
        assert_eq!(document.settings().count(), 1);
        assert!(document.problems().is_empty());
        assert_eq!(
            document.declared_mac().unwrap().unwrap().to_string(),
            "0004f200e06b"
        );
        let setting = document.setting(&key("P1")).unwrap();
        assert_eq!((setting.line, setting.column), (1, 17));

        document.set(&key("P1"), "BC").unwrap();
        assert_eq!(document.bytes().len(), 32);
        assert!(document.problems().is_empty());
        document.set(&key("P1"), "A").unwrap();
        assert_eq!(document.bytes(), GOLDEN);
    }

    #[test]
    fn values_are_decoded_and_only_the_edited_one_is_written_anew() {
        let body = "P1=a+b%2Fc&P2=x:/y z&P3=&P4=100%25&gnkey=0b82";
        let document = Document::parse(Dialect::PCodeBinary, file(body));
        for (name, expected) in [
            ("P1", "a b/c"),
            ("P2", "x:/y z"),
            ("P3", ""),
            ("P4", "100%"),
        ] {
            assert_eq!(value(&document, name).as_deref(), Some(expected));
        }
        set(
            body,
            "P3",
            "1 + 1 = 2&",
            "P1=a+b%2Fc&P2=x:/y z&P3=1+%2B+1+%3D+2%26&P4=100%25&gnkey=0b82",
        );
        set("P1=a&gnkey=0b82", "P1", "b c", "P1=b%20c&gnkey=0b82");
        set("P1=J%F6rg&P2=", "P2", "Zoë", "P1=J%F6rg&P2=Zo%EB");
        set("P1=J%C3%B6rg&P2=", "P2", "Zoë", "P1=J%C3%B6rg&P2=Zo%C3%AB");
    }

    #[test]
    fn a_new_setting_stands_before_the_last_key() {
        set("P1=a&gnkey=0b82", "P2", "b", "P1=a&P2=b&gnkey=0b82");
        set("P1=a", "P2", "b", "P1=a&P2=b");
        set("gnkey=0b82", "P2", "b", "P2=b&gnkey=0b82");
        let mut document = Document::parse(Dialect::PCodeBinary, file(""));
        assert_eq!(
            told(&document),
            ["1:17: the file has a header and no settings"]
        );
        document.set(&key("P2"), "b").unwrap();
        assert_eq!(document.bytes(), file("P2=b&gnkey=0b82"));
    }

    #[test]
    fn a_setting_is_removed_with_one_separator() {
        for (name, expected) in [
            ("P1", "P2=b&P3=c"),
            ("P2", "P1=a&P3=c"),
            ("P3", "P1=a&P2=b"),
        ] {
            let mut document = Document::parse(Dialect::PCodeBinary, file("P1=a&P2=b&P3=c"));
            assert!(document.remove(&key(name)));
            assert_eq!(document.bytes(), file(expected), "{name}");
        }
    }

    #[test]
    fn the_padding_stays_as_the_writer_makes_it() {
        let with_nuls = |body: &str, nuls: usize| {
            let mut bytes = file(body);
            bytes.truncate(HEADER_LENGTH + body.len());
            bytes.resize(HEADER_LENGTH + body.len() + nuls, 0);
            let words = u32::try_from(bytes.len() / 2).unwrap();
            overwrite(&mut bytes, 0, &words.to_be_bytes());
            overwrite(&mut bytes, 4, &[0, 0]);
            let checksum = 0_u16.wrapping_sub(sum(&bytes));
            overwrite(&mut bytes, 4, &checksum.to_be_bytes());
            bytes
        };
        for (before, after) in [
            (("P1=a", 0), ("P1=ab", 1)),
            (("P1=ab", 3), ("P1=abc", 2)),
            (("P1=ab", 3), ("P1=a", 0)),
            (("P1=a", 4), ("P1=ab", 5)),
        ] {
            let mut document = Document::parse(Dialect::PCodeBinary, with_nuls(before.0, before.1));
            assert!(document.problems().is_empty());
            let value = after.0.strip_prefix("P1=").unwrap();
            document.set(&key("P1"), value).unwrap();
            assert_eq!(document.bytes(), with_nuls(after.0, after.1), "{before:?}");
        }
    }

    #[test]
    fn the_other_checksum_is_told_and_kept() {
        let mut bytes = file("P1=a&gnkey=0b82");
        let right = u16::from_be_bytes([bytes[4], bytes[5]]);
        bytes[4..6].copy_from_slice(&right.wrapping_add(SUM_OF_LINE_ENDS).to_be_bytes());
        let mut document = Document::parse(Dialect::PCodeBinary, bytes);
        let problem = [
            "1:5: the checksum leaves out the line ends of the header: a phone may refuse the file",
        ];
        assert_eq!(told(&document), problem);
        document.set(&key("P1"), "other").unwrap();
        assert_eq!(told(&document), problem);
        assert_eq!(sum(document.bytes()), SUM_OF_LINE_ENDS);
    }

    #[test]
    fn a_wrong_checksum_is_told_and_an_edit_writes_a_right_one() {
        let mut bytes = GOLDEN.to_vec();
        bytes[5] = 0x49;
        let mut document = Document::parse(Dialect::PCodeBinary, bytes.as_slice());
        assert_eq!(
            told(&document),
            ["1:5: the checksum is ba49, over this file it is ba48"]
        );
        document.set(&key("P1"), "A").unwrap();
        assert_eq!(document.bytes(), bytes);
        document.set(&key("P1"), "B").unwrap();
        assert!(document.problems().is_empty());
    }

    #[test]
    fn a_truncated_file_is_read_as_far_as_it_goes_and_not_edited() {
        let whole = file("P1=a&P2=b&gnkey=0b82");
        let part = &whole[..HEADER_LENGTH + 8];
        let mut document = Document::parse(Dialect::PCodeBinary, part);
        assert_eq!(
            told(&document),
            ["1:25: the file ends here: its header announces 36 bytes, 24 are there"]
        );
        assert_eq!(value(&document, "P1").as_deref(), Some("a"));
        assert_eq!(document.set(&key("P1"), "c"), Err(EditError::Truncated));
        assert!(!document.remove(&key("P1")));
        assert_eq!(document.bytes(), part);
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let mut short = file("P1=a&gnkey=0b82");
        short.extend_from_slice(b"\0\0");
        let document = Document::parse(Dialect::PCodeBinary, short);
        assert_eq!(
            told(&document),
            ["1:1: the header announces a file of 32 bytes, it has 34"]
        );
        let document = Document::parse(
            Dialect::PCodeBinary,
            file("P1=5%&P2=%zz&words&dns=1&P3=a&P3=b%2"),
        );
        insta::assert_snapshot!(told(&document).join("\n"), @r"
        1:21: `%` without two hex digits: it is read as text
        1:26: `%` without two hex digits: it is read as text
        1:30: no `=` between key and value up to the next `&`
        1:36: `dns` is no P-code: `P` and digits are wanted
        1:51: `%` without two hex digits: it is read as text
        ");
        assert_eq!(value(&document, "P1").as_deref(), Some("5%"));

        let document = Document::parse(Dialect::PCodeBinary, file("P1=a\0P2=b"));
        assert_eq!(told(&document), ["1:22: text after a NUL is not read"]);
        for bytes in [
            &b""[..],
            b"\0\0\0\x08",
            b"\0\0\0\x08\0\0\0\0\0\0\0\0\r\n\n\r",
            &GOLDEN[..15],
        ] {
            let mut document = Document::parse(Dialect::PCodeBinary, bytes);
            assert_eq!(
                told(&document),
                ["1:1: the file has no header of a binary configuration"]
            );
            assert!(document.set(&key("P1"), "a").is_err());
            assert!(!fits(bytes));
        }
        assert!(fits(GOLDEN));
        assert!(!fits(b"HTTP/1.1 200\r\n\r\nP1=a"));
    }

    #[test]
    fn what_it_cannot_carry_is_refused() {
        let mut document = Document::parse(Dialect::PCodeBinary, GOLDEN);
        let dialect = Dialect::PCodeBinary;
        assert_eq!(
            document.set(&key("P1"), "a\nP2=b"),
            Err(EditError::LineBreak { dialect })
        );
        let alias = key("account.1.sip.server");
        let refused = EditError::Key {
            key: alias.clone(),
            dialect,
        };
        assert_eq!(document.set(&alias, "h"), Err(refused));
        assert!(document.set(&key("gnkey"), "h").is_err());
        assert_eq!(document.bytes(), GOLDEN);
    }

    #[test]
    fn a_template_is_for_no_phone() {
        let mut bytes = file("P1=a");
        bytes[9..12].fill(0);
        let document = Document::parse(Dialect::PCodeBinary, bytes);
        assert!(document.declared_mac().is_none());
    }

    #[test]
    fn files_of_the_corpus_are_read_and_written_in_their_own_manner() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
        if !corpus.is_dir() {
            println!("skipped: no corpus");
            return;
        }
        for (name, mac, has_other_checksum) in [
            ("grandstream/sipxecs-simple.cfg.bin", "0004f200e06b", false),
            (
                "grandstream/derived-cfg000b82123456.bin",
                "000b82123456",
                false,
            ),
            (
                "grandstream/derived-pad4-cfg000b82123457.bin",
                "000b82123457",
                false,
            ),
            (
                "grandstream/derived-issabel-badsum-cfg000b82123458.bin",
                "000b82123458",
                true,
            ),
            (
                "htek/derived-uc862-cfg001fc1862001.bin",
                "001fc1862001",
                false,
            ),
        ] {
            let bytes = std::fs::read(corpus.join(name)).unwrap();
            let mut document = Document::parse(Dialect::PCodeBinary, bytes.as_slice());
            assert_eq!(
                document.declared_mac().unwrap().unwrap().to_string(),
                mac,
                "{name}"
            );
            let kinds: Vec<_> = document
                .problems()
                .iter()
                .map(|problem| &problem.kind)
                .collect();
            let expected = has_other_checksum.then_some(&ProblemKind::ChecksumWithoutLineEnds);
            assert_eq!(kinds, Vec::from_iter(expected), "{name}");
            let first = document.settings().next().unwrap();
            let (first, old) = (first.key.clone(), first.value.into_owned());
            for value in ["x", "xy", "xyz", old.as_str()] {
                document.set(&first, value).unwrap();
                assert_eq!(document.problems().len(), usize::from(has_other_checksum));
            }
            let is_pad4 = name.contains("pad4");
            assert!(!is_pad4 || document.bytes().len().is_multiple_of(4));
            assert_eq!(
                document.bytes().len().div_ceil(4),
                bytes.len().div_ceil(4),
                "{name}"
            );
        }
    }
}
