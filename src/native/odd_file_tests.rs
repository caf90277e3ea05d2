//! Files of lines as nobody would write them: huge lines, NULs, odd bytes, odd line ends.
//!
//! The large ones are large enough that a reader whose time grows with the square of their size
//! would not come to an end.

use super::law::{check_edit, check_reading, check_removal};
use super::{Dialect, Document, NativeKey};

const MEGABYTE: usize = 1 << 20;

/// A line of each dialect of lines: its key, what stands before the value, another key.
const LINES: [(Dialect, &str, &str, &str); 3] = [
    (Dialect::PCodeText, "P1", "P1 = ", "P2"),
    (
        Dialect::KeyValue,
        "tone set",
        "!tone set: ",
        "sip line1 mode",
    ),
    (
        Dialect::Autop,
        "Config.A.B.C",
        "Config.A.B.C = ",
        "Config.A.B.D",
    ),
];

fn set(document: &mut Document, key: &str, value: &str) {
    document.set_as(key, value).unwrap();
    assert!(document.is_as_read_anew());
}

#[test]
fn a_line_of_megabytes_is_a_line() {
    for (dialect, key, begin, other) in LINES {
        let long = "x".repeat(2 * MEGABYTE);
        let text = format!("{begin}{long}");
        let mut document = Document::parse(dialect, text.as_str());
        let native = NativeKey::new(key);
        assert_eq!(document.setting(&native).unwrap().value, long.as_str());
        set(&mut document, other, "1");
        set(&mut document, key, "short");
        let line = String::from_utf8_lossy(document.bytes()).into_owned();
        assert!(line.starts_with(&format!("{begin}short\n")), "{line}");
        set(&mut document, key, &long);
        assert!(document.bytes().starts_with(text.as_bytes()));
        assert!(document.remove(&native));
        assert_eq!(document.setting_count(), 1);
    }
}

#[test]
fn a_run_of_one_byte_is_read_and_kept() {
    for (dialect, key, begin, other) in LINES {
        for byte in b"\0\t\r\n !\"#:;=^P.\xff" {
            let filling = [*byte].repeat(MEGABYTE / 4);
            let file = [b"\n", filling.as_slice(), b"\n", begin.as_bytes(), &filling].concat();
            let mut document = Document::parse(dialect, file.as_slice());
            assert!(document.bytes() == file);
            assert!(document.setting(&NativeKey::new(key)).is_some(), "{byte}");
            let _ = document.problems();
            if document.set_as(other, "1").is_ok() {
                assert!(document.remove(&NativeKey::new(other)));
            }
        }
    }
}

#[test]
fn one_key_on_every_line_is_one_setting() {
    for (dialect, key, begin, other) in LINES {
        let mut text: String = (0..20_000).map(|line| format!("{begin}{line}\n")).collect();
        let mut document = Document::parse(dialect, text.as_str());
        let native = NativeKey::new(key);
        assert_eq!(document.setting(&native).unwrap().value, "19999");
        set(&mut document, key, "a");
        set(&mut document, other, "b");
        text.truncate(text.len() - "19999\n".len());
        assert!(
            document
                .bytes()
                .starts_with(format!("{text}a\n").as_bytes())
        );
        assert!(document.remove(&native));
        assert_eq!(document.setting_count(), 1);
        assert!(document.is_as_read_anew());
    }
}

#[test]
fn the_laws_hold_on_odd_bytes_and_line_ends() {
    for (dialect, key, begin, other) in LINES {
        let begin = begin.as_bytes();
        let files: [Vec<u8>; 10] = [
            Vec::new(),
            b"\xef\xbb\xbf".to_vec(),
            [b"\xef\xbb\xbf", begin, b"1"].concat(),
            [b"\n\xef\xbb\xbf", begin, b"1\n", begin, b"2"].concat(),
            [begin, b"a\0b\0\n\0\n", begin, b"\0"].concat(),
            [begin, b"1\r\n# c\n", begin, b"2\r\r\n", begin, b"\r"].concat(),
            [begin, b"J\xf6rg\r\n\r\n# \xc3\xbc\n"].concat(),
            [begin, b"\xc3\xbc\n", begin, b"\xff\xfe\n"].concat(),
            [b"x\n", begin, b"1\n\xff\xfe\n"].concat(),
            [begin, b" \t \n", begin].concat(),
        ];
        for file in files {
            let document = Document::parse(dialect, file.as_slice());
            check_reading(&document, &file);
            for name in [key, other] {
                let name = NativeKey::new(name);
                for value in [
                    "",
                    "7",
                    "caf\u{e9}",
                    "\u{ff}\u{fe}",
                    "a#b",
                    "\"",
                    "a\0",
                    "x y",
                ] {
                    check_edit(&document, &name, value);
                }
                check_removal(&document, &name);
            }
        }
    }
}

#[test]
fn a_byte_order_mark_stays_first() {
    for (dialect, _, begin, other) in LINES {
        let mut document = Document::parse(dialect, "\u{feff}");
        set(&mut document, other, "1");
        let text = String::from_utf8_lossy(document.bytes()).into_owned();
        assert!(text.starts_with(&format!("\u{feff}{other}")), "{text:?}");
        let mut document = Document::parse(dialect, format!("\u{feff}{begin}1\r\n"));
        set(&mut document, other, "caf\u{e9}");
        let text = String::from_utf8_lossy(document.bytes()).into_owned();
        assert!(text.starts_with(&format!("\u{feff}{begin}1\r\n")));
        assert!(text.ends_with("caf\u{e9}\r\n"));
    }
}

#[test]
fn a_file_of_5_mb_keeps_its_encoding() {
    for (dialect, key, begin, _) in LINES {
        for (name, written) in [
            ("caf\u{e9}", &b"caf\xe9"[..]),
            ("caf\u{e9}", b"caf\xc3\xa9"),
        ] {
            let line = [begin.as_bytes(), written, b"\r\n"].concat();
            let comments = b"# a comment with nothing to tell\r\n".repeat(5 * MEGABYTE / 34);
            let file = [comments.as_slice(), &line].concat();
            let mut document = Document::parse(dialect, file.as_slice());
            let native = NativeKey::new(key);
            assert_eq!(document.setting(&native).unwrap().value, name);
            document.set(&native, "\u{e9}t\u{e9}").unwrap();
            document.set(&native, name).unwrap();
            assert!(document.bytes() == file);
            let strange = document.set(&native, "\u{141}\u{f3}d\u{17a}");
            assert_eq!(strange.is_ok(), written.len() == 5, "{dialect}");
        }
    }
}

#[test]
fn no_value_and_no_key_brings_a_second_line() {
    for (dialect, key, begin, other) in LINES {
        let mut document = Document::parse(dialect, format!("{begin}1\n"));
        for end in ["\n", "\r\n", "\r", "\0", "\u{b}", "\u{c}", "\u{85}"] {
            let value = format!("x{end}{other}=1");
            assert!(document.set_as(key, &value).is_err(), "{end:?}");
            assert!(document.set_as(other, &value).is_err(), "{end:?}");
            assert!(document.set_as(&format!("{other}{end}{key}"), "1").is_err());
        }
        assert_eq!(document.bytes(), format!("{begin}1\n").as_bytes());
    }
}
