//! Values that look like more than a value: each is read back as it was set, by the ACS and by a
//! reader of the file that shares nothing with the product, or it is refused and the file stays as
//! it is. No value brings another setting or line into a file.

use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::Event;
use trestle::sim::acs::ScriptError;

use crate::bench::Bench;
use crate::command::ERROR;
use crate::corpus_phone::text_of;
use crate::fetch;
use crate::gateway::Gateway;
use crate::managed::{DISPLAY_NAME, Managed};
use crate::phones::Phone;

/// Text that some reader of files or messages could take for an end, a start or a mark.
const VALUES: [&str; 58] = [
    "plain",
    "two\nadmin password: three",
    "two\nP2=three",
    "two\r\nP2 = three",
    "two\rP2 = three",
    "\nConfig.Account1.GENERAL.Pwd = three",
    "end\n",
    "tab\there",
    "\ttab",
    "next\u{85}line",
    "line\u{2028}separator",
    "no\u{a0}break",
    "\u{a0}",
    "delete\u{7f}",
    "mark\u{feff}",
    "#all",
    "some #more",
    "some#more",
    "\"all\"",
    "\"open",
    "inner \" mark",
    "close\"",
    "\"a\" #b",
    "a&b",
    "&#10;",
    "&#x0a;",
    "&amp;",
    "&amp;amp;",
    "&copy;",
    "a<b",
    "a>b",
    "</P3>",
    "</P3><P2>three</P2><P3>",
    "</config></gs_provision>",
    "]]>",
    "<![CDATA[x]]>",
    "<!-- x",
    "-->",
    "<?x?>",
    "%0a",
    "%0D%0AP2=three",
    "%",
    "%%34%31",
    "100%25",
    "a+b",
    " before",
    "after ",
    " ",
    "=",
    "a=b&P2=three",
    ": b",
    "!x",
    "^x",
    "back\\slash",
    "quote\\\"",
    "it's",
    "$$MACADDR$$",
    ";x",
];

/// A phone, its file before a value is set, and how somebody else reads the value in it.
struct Case {
    phone: Phone,
    file: &'static str,
    value: fn(&str) -> String,
}

const P_CODES: Case = Case {
    phone: Phone::new(
        "000b82200001",
        "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82200001",
        &["cfg000b82200001.xml"],
        0,
    ),
    file: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n  \
           <config version=\"1\">\n    <P271>1</P271>\n    <P3>Desk</P3>\n    <P2>old</P2>\n  \
           </config>\n</gs_provision>\n",
    value: |file| xml_value(file, "P3"),
};

const ITEMS: Case = Case {
    phone: Phone::new(
        "000b82200002",
        "Grandstream Model HW GXP2170 SW 1.0.11.64 DevId 000b82200002",
        &["cfg000b82200002.xml"],
        1,
    ),
    file: "<?xml version=\"1.0\"?>\r\n<gs_provision>\r\n<config version=\"2\">\r\n\
           <item name=\"account.1.sip.subscriber\">\r\n<part name=\"name\">Desk</part>\r\n\
           <part name=\"userid\">2260</part>\r\n</item>\r\n</config>\r\n</gs_provision>\r\n",
    value: |file| xml_value(file, "part"),
};

const TEXT: Case = Case {
    phone: Phone::new(
        "000b82200003",
        "Grandstream Model HW GXP2130 SW 1.0.8.50 DevId 000b82200003",
        &["000b82200003.txt"],
        2,
    ),
    file: "# account\r\nP271 = 1\r\nP3 = Desk\r\nP2 = old\r\n",
    value: |file| text_value(file, "P3", '='),
};

const HTEK: Case = Case {
    phone: Phone::new(
        "001fc1200004",
        "Htek UC926 2.0.4.2 00:1f:c1:20:00:04",
        &["cfg001fc1200004.xml"],
        3,
    ),
    file: "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<hl_provision version=\"1\">\n\
           <config version=\"1\">\n<P271 para=\"Account1.Active\">1</P271>\n\
           <P3 para=\"Account1.DisplayName\">Desk</P3>\n<P2>old</P2>\n</config>\n</hl_provision>\n",
    // The phone decodes what stands after `%`.
    value: |file| {
        let value = xml_value(file, "P3");
        percent_encoding::percent_decode_str(&value)
            .decode_utf8()
            .unwrap()
            .into_owned()
    },
};

const AASTRA: Case = Case {
    phone: Phone::new(
        "00085d200005",
        "Aastra6867i MAC:00-08-5D-20-00-05 V:4.2.0.181-SIP",
        &["00085D200005.cfg"],
        4,
    ),
    file: "# desk\nsip line1 user name: 2260\nsip line1 display name: Desk\nadmin password: old\n",
    value: |file| {
        let value = text_value(file, "sip line1 display name", ':');
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap().0.to_owned(),
            None => value.split('#').next().unwrap().trim_end().to_owned(),
        }
    },
};

const AKUVOX: Case = Case {
    phone: Phone::new(
        "0c1105200006",
        "Akuvox SP-R50P 50.0.5.6 0C:11:05:20:00:06",
        &["0c1105200006.cfg"],
        5,
    ),
    file: "#!version:1.0.0.1\nConfig.Account1.GENERAL.DisplayName = Desk\n\
           Config.Account1.GENERAL.Pwd = old\n",
    value: |file| text_value(file, "Config.Account1.GENERAL.DisplayName", '='),
};

const CASES: [Case; 6] = [P_CODES, ITEMS, TEXT, HTEK, AASTRA, AKUVOX];

/// The text of the first element of a name, as an XML reader has it.
fn xml_value(file: &str, name: &str) -> String {
    let mut reader = Reader::from_str(file);
    let mut value: Option<String> = None;
    loop {
        match (reader.read_event().unwrap(), &mut value) {
            (Event::Start(start), None) if start.name().as_ref() == name => {
                value = Some(String::new());
            }
            (Event::Text(text), Some(value)) => value.push_str(&text),
            (Event::CData(text), Some(value)) => value.push_str(&text),
            (Event::GeneralRef(entity), Some(value)) => match entity.resolve_char_ref().unwrap() {
                Some(character) => value.push(character),
                None => {
                    value.push_str(quick_xml::escape::resolve_predefined_entity(&entity).unwrap())
                }
            },
            (Event::End(_), Some(value)) => return std::mem::take(value),
            (Event::Eof, _) => panic!("no element {name}"),
            _ => {}
        }
    }
}

/// What stands after a key in a text file, without the blanks around it.
fn text_value(file: &str, key: &str, separator: char) -> String {
    let line = file
        .split(['\r', '\n'])
        .find(|line| line.starts_with(key))
        .unwrap();
    line.split_once(separator)
        .unwrap()
        .1
        .trim_matches([' ', '\t'])
        .to_owned()
}

/// The elements of a file with their attributes, or the keys of its lines, in order.
fn settings(file: &str) -> Vec<String> {
    if !file.starts_with('<') {
        let lines = file.split(['\r', '\n']);
        return lines
            .map(|line| line.split([':', '=']).next().unwrap().to_owned())
            .collect();
    }
    let mut reader = Reader::from_str(file);
    let mut names = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                names.push(tag.to_string());
            }
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) | Event::CData(_) => {
                panic!("more than elements: {file}");
            }
            Event::Eof => return names,
            _ => {}
        }
    }
}

#[track_caller]
fn assert_same_settings(before: &str, after: &str) {
    assert_eq!(settings(after), settings(before), "{after}");
    for end in ['\n', '\r'] {
        let count = |text: &str| text.matches(end).count();
        assert_eq!(count(after), count(before), "{after:?}");
    }
}

async fn bench_with(files: &[(&Case, Vec<u8>)]) -> Bench {
    let bench = Bench::set().await;
    let files = files
        .iter()
        .map(|(case, content)| (case.phone.own_file(), content.clone()));
    bench.replace_tree(&files.collect::<Vec<_>>());
    bench
}

/// Sets values one after the other; which were refused.
async fn set_each<'a>(
    bench: &Bench,
    gateway: &Gateway,
    case: &Case,
    values: &[&'a str],
) -> Vec<&'a str> {
    let server = gateway.phones_http();
    let file = async || text_of(&fetch::file(server, case.phone.own_file()).await);
    let mut managed = Managed::first_seen(bench, gateway, case.phone).await;
    let mut session = managed.turn(gateway).await;
    let first = file().await;
    let mut refused = Vec::new();
    for value in values {
        let before = file().await;
        let set = [(DISPLAY_NAME, *value, "xsd:string")];
        match session.set_values(&set, "").await {
            Ok(_) => {
                let read = session.get_value(DISPLAY_NAME).await.unwrap();
                assert_eq!(read, *value, "read back by the ACS");
                let after = file().await;
                assert_same_settings(&first, &after);
                assert_eq!((case.value)(&after), *value, "read in {after}");
            }
            Err(ScriptError::Fault(fault)) => {
                let [bad] = fault.parameters.as_slice() else {
                    panic!("{fault:?}");
                };
                assert_eq!((fault.code, bad.code), (9003, 9007), "{value:?}: {bad:?}");
                assert_eq!(bad.name, DISPLAY_NAME);
                assert_eq!(file().await, before, "{value:?}");
                refused.push(*value);
            }
            Err(other) => panic!("{value:?}: {other}"),
        }
    }
    session.end().unwrap();
    refused
}

async fn no_value_is_more_than_a_value(case: Case) {
    let bench = bench_with(&[(&case, case.file.into())]).await;
    let gateway = bench.serve();
    let refused = set_each(&bench, &gateway, &case, &VALUES).await;
    assert!(refused.len() < VALUES.len() / 4, "{refused:?}");
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_more_than_a_value_in_p_codes() {
    no_value_is_more_than_a_value(P_CODES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_more_than_a_value_in_items_and_parts() {
    no_value_is_more_than_a_value(ITEMS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_more_than_a_value_in_p_code_text() {
    no_value_is_more_than_a_value(TEXT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_more_than_a_value_in_htek_elements() {
    no_value_is_more_than_a_value(HTEK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_more_than_a_value_in_aastra_lines() {
    no_value_is_more_than_a_value(AASTRA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_more_than_a_value_in_akuvox_lines() {
    no_value_is_more_than_a_value(AKUVOX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_character_is_refused_or_kept_out_of_the_way() {
    let bench = bench_with(&CASES.each_ref().map(|case| (case, case.file.into()))).await;
    let gateway = bench.serve();
    for case in &CASES {
        let assignment = format!("{DISPLAY_NAME}=a\u{1}\u{1b}[2Jb");
        let set = ["device", "set", case.phone.mac, &assignment];
        let ended = bench.command(&set).with_code(ERROR);
        assert!(ended.stderr.contains(DISPLAY_NAME), "{ended:?}");
        let file = fetch::file(gateway.phones_http(), case.phone.own_file()).await;
        assert_eq!(text_of(&file), case.file);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_a_null_character_changes_nothing() {
    let cases = [P_CODES, AASTRA];
    let bench = bench_with(&cases.each_ref().map(|case| (case, case.file.into()))).await;
    let gateway = bench.serve();
    for case in &cases {
        let mut managed = Managed::first_seen(&bench, &gateway, case.phone).await;
        managed.device.set_patience(Duration::from_secs(20));
        let mut session = managed.turn(&gateway).await;
        let set = [(DISPLAY_NAME, "a\0b", "xsd:string")];
        let result = session.set_values(&set, "").await;
        assert!(result.is_err(), "{result:?}");
        let file = fetch::file(gateway.phones_http(), case.phone.own_file()).await;
        assert_eq!(text_of(&file), case.file);
    }
}

/// The file of a case with this letter, as Latin-1 has it, in place of a piece.
fn latin1(case: &Case, piece: &str, text: &str) -> Vec<u8> {
    let file = case.file.replacen(piece, text, 1);
    let file = file.replacen("UTF-8", "ISO-8859-1", 1);
    let file = match file.strip_prefix("<?xml version=\"1.0\"?>") {
        Some(rest) => format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{rest}"),
        None => file,
    };
    file.chars()
        .map(|character| u8::try_from(character).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_latin1_file_takes_the_characters_of_its_encoding() {
    // The letter stands elsewhere, or only in the value that is set.
    for piece in ["old", "Desk"] {
        let files = CASES.each_ref().map(|case| {
            let piece = if case.file.contains(piece) {
                piece
            } else {
                "2260"
            };
            (case, latin1(case, piece, "R\u{e9}ception"))
        });
        let bench = bench_with(&files).await;
        let gateway = bench.serve();
        for case in &CASES {
            // In Latin-1 the third looks like UTF-8; the fourth is in Windows's set only.
            let values = ["K\u{f6}ln", "\u{65e5}\u{672c}", "\u{c3}\u{bc}", "\u{20ac}"];
            let refused = set_each(&bench, &gateway, case, &values).await;
            assert!(!refused.contains(&"K\u{f6}ln"), "{refused:?}");
        }
    }
}
