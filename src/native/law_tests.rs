use std::collections::HashMap;
use std::path::Path;

use proptest::prelude::*;

use super::law::*;
use super::{Dialect, Document, NativeKey};

const SEEDS: [&[u8]; 31] = [
    b"",
    b"\xef\xbb\xbf",
    b"\xff\xfe<\0",
    b"P1 = a\r\n# P2 = b\nP3=",
    b"P1=J\xf6rg\nP1=\xc3\xbc\n",
    b"!a : \"b#\" # c\r\n^D:e\njust words\nf: \"x+#\"\"\nf:#",
    b"name: J\xf6rg\nother: \xc3\xbc",
    b"<gs_provision><config><P2383>0</2383>\n<P3>a&b<1></P3></config></gs_provision>",
    b"<r>\n <config>\n  <P1 para=\"x\" />\n  <!-- <!-- --> -->\n </config>\n</r>",
    b"<r><config/></r>",
    b"<r><config><P1>a<P2>b</config>",
    b"<r><config><P1>a <b>c</b> d</P1></config></r>",
    b"<r><config><P1><!-- a -->b<!-- c -->d<![CDATA[<]]></P1></config></r>",
    b"<r><config><P1>a<!--",
    b"<r><config><P1>a</P1><!-- \n --><P1/>",
    b"<<P1>x</P1>P2>y</P2>",
    b"<r><config><P1> &#32;a&copy;&#0; </P1></config></r>",
    b"<?xml version='1.0' encoding='ISO-8859-1'?><r><config><P1>a</P1></config></r>",
    b"<?xml encoding=\"windows-1251\"?><r><config>\r\n<P1>\xc0</P1>\r\n</config></r>",
    b"<r><config><P1>a\r\nb</P1></config></r>",
    b"<r><config>\n <item name=\"a.b\">1</item>\n <item name='A'>\n  <part name=\"c\"/>\n </item></config></r>",
    b"<r><config><item name=\"a\"><part name=\"b&amp;\">1</part><part name=\"B&#38;\">2</part></item></config></r>",
    b"<r><config><X para=\"y\">1</X><a.b>2</a.b><p1>3</p1><Z/><b><c>4</c></b></config></r>",
    b"<r><config><item name=\"a\">1<item name=\"b\"><part name=\"c\">2<X>3<P1>4</config></r>",
    b"<!DOCTYPE r [<!ENTITY a \"b\">]><r><config><item name=\"&a;\">&a;</item></config></r>",
    b"<r><config><item name=\"\xfc\xf6.b\">\xe4</item><\xfc>1</\xfc></config></r>",
    b"<P1>a</P1>\n",
    b"a:1\rb:2\r\r\nc:",
    b"; c\r\nConfig.A.B.C = 1\n on Config.A.B = 2\nCONFIG.A.b.c = \nConfig.D.Url=#x",
    b"\0\0\0\x10\xba\x48\0\x04\xf2\0\xe0\x6b\r\n\r\nP1=A&gnkey=0b82\0",
    b"\0\0\0\x10\0\0\0\0\0\0\0\0\r\n\r\nP1=a+%E9%&&P2&P1=\0\0x",
];

#[test]
fn laws_hold_on_seeds() {
    for seed in SEEDS {
        check_file(seed);
        check_binary_file(seed);
        check_seal(seed);
    }
    // Closed, this opens as another text: with another password or hash.
    check_seal(b"P>2e\x9e\x8c\x90\x8d\xe2d");
}

#[test]
fn laws_hold_on_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !corpus.is_dir() {
        println!("skipped: no corpus");
        return;
    }
    let mut files = 0;
    for vendor in ["grandstream", "htek", "aastra", "akuvox"] {
        for file in std::fs::read_dir(corpus.join(vendor)).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for dialect in Dialect::ALL {
                let document = Document::parse(dialect, bytes.as_slice());
                check_reading(&document, &bytes);
                let key = document.settings().last().map(|s| s.key.clone());
                let new: &[&str] = match dialect {
                    Dialect::PCodeXml => &["P99999", "account.1.sip.new"],
                    _ => &["P99999", "sip line9 mode", "Config.A.B.C"],
                };
                let new: Vec<_> = new.iter().map(|key| NativeKey::new(key)).collect();
                for key in key.iter().chain(&new) {
                    check_edit(&document, key, "new & <bold>");
                }
                check_removal(&document, new.first().or(key.as_ref()).unwrap());
            }
            files += 1;
        }
    }
    assert!(files > 100, "{files} files");
}

#[test]
fn every_setting_of_the_corpus_can_be_edited_and_removed() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !corpus.is_dir() {
        println!("skipped: no corpus");
        return;
    }
    let mut edits = 0;
    for vendor in ["grandstream", "htek", "aastra", "akuvox"] {
        for file in std::fs::read_dir(corpus.join(vendor)).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let Some(sniffed) = crate::native::sniff(&bytes) else {
                continue;
            };
            let document = Document::parse(sniffed.dialect, bytes);
            let keys: Vec<_> = document.settings().map(|s| s.key.clone()).collect();
            for key in keys.iter().step_by(1 + keys.len() / 3) {
                let mut edited = document.clone();
                for value in ["", "7"] {
                    edited
                        .set(key, value)
                        .unwrap_or_else(|error| panic!("{}: {key}: {error}", path.display()));
                }
                check_edit(&document, key, "new & <bold> #1");
                assert!(edited.remove(key), "{}: {key}", path.display());
                edits += 1;
            }
        }
    }
    assert!(edits > 200, "{edits} edits");
}

#[test]
fn in_every_xml_file_of_the_corpus_a_value_of_each_spelling_changes_alone() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !corpus.is_dir() {
        println!("skipped: no corpus");
        return;
    }
    let mut changed: HashMap<&str, usize> = HashMap::new();
    for vendor in ["grandstream", "htek"] {
        for file in std::fs::read_dir(corpus.join(vendor)).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let document = Document::parse(Dialect::PCodeXml, bytes.as_slice());
            if document.root().is_none() {
                continue;
            }
            assert!(document.bytes() == bytes, "{}", path.display());
            let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
            let mut done = Vec::new();
            for setting in document.settings() {
                let Ok(line) = std::str::from_utf8(lines[setting.line as usize - 1]) else {
                    continue;
                };
                let tag = line.trim_start().trim_start_matches('\u{feff}');
                let kind = ["<item", "<part"]
                    .into_iter()
                    .find(|kind| tag.starts_with(kind));
                let kind = kind.unwrap_or(match setting.key.is_p_code() {
                    true => "P-code",
                    false => "named",
                });
                let old = format!(">{}</", setting.value);
                let is_plain = line.matches(&old).count() == 1 && setting.value != "x<y";
                let last = document.setting(setting.key).unwrap();
                if !is_plain || last.line != setting.line || done.contains(&kind) {
                    continue;
                }
                done.push(kind);
                let new = line.replace(&old, ">x&lt;y</");
                let mut expected = lines.clone();
                expected[setting.line as usize - 1] = new.as_bytes();
                let mut edited = document.clone();
                edited.set(setting.key, "x<y").unwrap();
                let is_so = edited.bytes() == expected.join(&b'\n');
                assert!(is_so, "{}: {}", path.display(), setting.key);
                *changed.entry(kind).or_default() += 1;
            }
        }
    }
    for (kind, files) in [("P-code", 30), ("<item", 5), ("<part", 1), ("named", 1)] {
        assert!(changed.get(kind) >= Some(&files), "{changed:?}");
    }
}

/// Names of which generated files are made: of each kind two that are one key.
const NAMES: [(&str, &str); 5] = [
    ("<P1>", "</P1>"),
    ("<item name=\"a.b\">", "</item>"),
    ("<item name='A.C'>", "</item>"),
    ("<Name para=\"x\">", "</Name>"),
    ("<P2 a='1' >", "</P2>"),
];

/// A sound XML file, every kind of setting in it, in any order and indentation.
fn sound_file() -> impl Strategy<Value = String> {
    let value = || "[ -~é]{0,8}".prop_map(|text| text.replace(['&', '<', '>'], "&amp;"));
    let plain = (0..NAMES.len(), value()).prop_map(|(name, value)| {
        let (start, end) = NAMES[name];
        format!("{start}{value}{end}")
    });
    let parts = prop::collection::vec((0..4_u8, value()), 1..4);
    let group = ("[abA]", parts).prop_map(|(item, parts)| {
        let parts = parts.iter().map(|(name, value)| {
            let name = ["b", "C", "d.e", "f"][usize::from(*name)];
            format!("\n  <part name=\"{name}\">{value}</part>")
        });
        let parts = parts.collect::<String>();
        format!("<item name=\"{item}\">{parts}\n </item>")
    });
    let piece = prop_oneof![
        4 => plain,
        2 => group,
        1 => Just("<!-- <P1>0</P1> -->".to_owned()),
        1 => Just("<mac>00</mac>".to_owned()),
    ];
    let pieces = prop::collection::vec((piece, "[ \t]{0,2}|\n|\r\n"), 0..12);
    pieces.prop_map(|pieces| {
        let inside: String = pieces
            .iter()
            .flat_map(|(piece, blank)| [piece.as_str(), blank])
            .collect();
        format!("<?xml version=\"1.0\"?>\n<r><config>{inside}</config></r>\n")
    })
}

proptest! {
    #[test]
    fn a_sound_xml_file_takes_every_key(file in sound_file(), text in "[ -~é\n]{0,8}") {
        let document = Document::parse(Dialect::PCodeXml, file.as_str());
        prop_assert_eq!(document.problems(), []);
        check_reading(&document, file.as_bytes());
        let keys = ["P1", "P7", "a.b", "a.c", "a.d.e", "b.f", "b.x", "c.d", "Name", "Other"];
        for key in keys.map(NativeKey::new) {
            let mut edited = document.clone();
            prop_assert_eq!(edited.set(&key, &text), Ok(()));
            prop_assert_eq!(edited.problems(), []);
            check_edit(&document, &key, &text);
            let there = document.setting(&key).is_some();
            prop_assert_eq!(document.clone().remove(&key), there);
            check_removal(&document, &key);
            check_removal(&edited, &key);
            prop_assert!(edited.remove(&key));
        }
    }
}

/// Pieces of which files are made, so that more than noise is tried.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

const LINE_PIECES: &[&str] = &[
    "P1",
    "P2",
    "P30",
    "=",
    " = ",
    ": ",
    ":",
    "\n",
    "\r\n",
    "# ",
    "#",
    "\"",
    "!",
    "^",
    " ",
    "\t",
    "a",
    "b c",
    "ü",
    "sip line1 mode",
    "Sip Line2 Mode",
    "Config.",
    "Config.A.B",
    "config.a.c.D = ",
    ";",
    ".",
    "\u{feff}",
];
const PAIR_PIECES: &[&str] = &[
    "P1=",
    "P2=",
    "P30",
    "&",
    "&P4=",
    "=",
    "+",
    "%20",
    "%C3%BC",
    "%E9",
    "%",
    "%4",
    "%00",
    "a",
    "ü",
    " ",
    "gnkey=0b82",
    "\0",
    "\0\0",
    "\r\n",
];
const XML_PIECES: &[&str] = &[
    "<r>",
    "<config>",
    "</config>",
    "</r>",
    "<P1>",
    "</P1>",
    "<P2 a=\"b\">",
    "</P2>",
    "<P3/>",
    "<P4 />",
    "</4>",
    "<",
    ">",
    "&",
    "&amp;",
    "&x;",
    "&#32;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<b>",
    "</b>",
    "\n",
    "\r\n",
    " ",
    "a",
    "ü",
    "<mac>",
    "</mac>",
    "<config/>",
    "/>",
    "<item name=\"a\">",
    "<item name='b.c' >",
    "<item name=\"A&amp;\"/>",
    "<item>",
    "</item>",
    "<part name=\"b\">",
    "<part name=\"c\"/>",
    "<part>",
    "</part>",
    "<X>",
    "</X>",
    "<Y_1 a='b'>",
    "</Y_1>",
    "<X/>",
    "<!DOCTYPE a [",
    "]>",
    "<!",
    "<?",
    "?>",
    "\"",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,6}", "[ab \"#&<>;'\t\n\r]{0,6}", any::<String>()]
}

proptest! {
    #[test]
    fn laws_hold_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_file(&bytes);
        check_binary_file(&bytes);
        check_seal(&bytes);
    }

    #[test]
    fn laws_hold_on_lines(bytes in pieces(LINE_PIECES), value in value(), pick in 0_usize..8) {
        for dialect in [Dialect::PCodeText, Dialect::KeyValue, Dialect::Autop] {
            check_made(dialect, &bytes, &value, pick);
        }
    }

    #[test]
    fn laws_hold_on_pairs(bytes in pieces(PAIR_PIECES), words in 0_u8..40, value in value(), pick in 0_usize..8) {
        let header = b"\0\0\0\x0b\x82\xa1\xb2\xc3\r\n\r\n";
        let bytes = [&[0, 0, 0, words], &header[..], &bytes].concat();
        check_made(Dialect::PCodeBinary, &bytes, &value, pick);
    }

    #[test]
    fn laws_hold_on_elements(bytes in pieces(XML_PIECES), value in value(), pick in 0_usize..8) {
        check_made(Dialect::PCodeXml, &bytes, &value, pick);
        check_made(Dialect::PCodeXml, &[b"<r><config>", bytes.as_slice(), b"</config></r>"].concat(), &value, pick);
    }
}

proptest! {
    #[test]
    fn many_edits_leave_what_reading_anew_gives(
        bytes in pieces(LINE_PIECES),
        edits in prop::collection::vec((0_usize..8, any::<bool>(), value()), 1..8),
    ) {
        for dialect in [Dialect::PCodeText, Dialect::KeyValue, Dialect::Autop] {
            let mut document = Document::parse(dialect, bytes.as_slice());
            for (pick, removes, value) in &edits {
                document.make_tables();
                let key = picked(&document, *pick);
                if *removes {
                    document.remove(&key);
                } else {
                    let _ = document.set(&key, value);
                }
                prop_assert!(document.is_as_read_anew());
            }
        }
    }

    #[test]
    fn a_sound_file_takes_every_value_of_its_dialect(
        line in "[!-~]([ -~\u{a1}-\u{17f}]{0,8}[!-~])?",
        text in any::<String>(),
    ) {
        let files = [
            (Dialect::PCodeText, "P1 = a\nP2=b\n", "P1", "P3"),
            (Dialect::KeyValue, "a 1: \"x\" # c\nb:\n", "a 1", "a 2"),
            (Dialect::Autop, "Config.A.B = a\njunk = 1\n", "Config.A.B", "Config.A.C.D"),
            (Dialect::PCodeXml, "<r><config>\n<P1>a</P1>\n</config></r>", "P1", "P2"),
            (Dialect::PCodeXml, "<r><config>\n<item name='a.b'/>\n</config></r>", "a.b", "a.c"),
            (
                Dialect::PCodeXml,
                "<r><config>\n<item name='a'><part name='b'>1</part></item>\n</config></r>",
                "a.b",
                "a.c",
            ),
            (Dialect::PCodeXml, "<r><config>\n<X>a</X>\n</config></r>", "X", "Y"),
            (Dialect::PCodeBinary, "\0\0\0\x0e\0\0\0\x0b\0\0\0\x01\r\n\r\nP1=a&P2=%C3%BC", "P1", "P3"),
        ];
        for (dialect, file, old, new) in files {
            let value = match dialect {
                Dialect::PCodeText | Dialect::Autop | Dialect::PCodeBinary => line.clone(),
                Dialect::KeyValue => line.replace('"', "'"),
                Dialect::PCodeXml => text.replace(|c: char| {
                    c.is_ascii_control() || ('\u{fffe}'..='\u{ffff}').contains(&c)
                }, ""),
            };
            let mut document = Document::parse(dialect, file);
            for key in [old, new].map(NativeKey::new) {
                document.set(&key, &value).unwrap();
                check_edit(&Document::parse(dialect, file), &key, &value);
            }
        }
    }
}

fn check_made(dialect: Dialect, bytes: &[u8], value: &str, pick: usize) {
    let document = Document::parse(dialect, bytes);
    check_reading(&document, bytes);
    let key = picked(&document, pick);
    check_edit(&document, &key, value);
    check_removal(&document, &key);
}

/// A key of the document, or a new one.
fn picked(document: &Document, pick: usize) -> NativeKey {
    let picked = document.settings().nth(pick).map(|s| s.key.clone());
    let new = ["P7", "sip line1 port", "Config.A.B.New", "a.b.d", "X_2"];
    picked.unwrap_or_else(|| NativeKey::new(new[pick % new.len()]))
}
