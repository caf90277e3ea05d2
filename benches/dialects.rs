//! Reading and editing phone files, each dialect beside plain scanners over the same bytes in the
//! same run: `cargo bench --bench dialects`. The ratios count; MB/s depend on the machine.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use memchr::{memchr, memchr_iter};
use quick_xml::events::Event;
use trestle::native::{Dialect, Document, Layer, LayerKind, Layers, NativeKey};

/// Long enough that starting up does not count, short enough that a turn is often left alone by
/// other work on the machine.
const FILE: usize = 1_000_000;
const EDITED_FILE: usize = 250_000;
const TURNS: usize = 60;
const EDITS: usize = 200;
const LOOKUPS: usize = 300;

/// Pieces that, repeated, keep a reader of XML guessing.
const ODD_XML: [&str; 27] = [
    "<P1 para=\"x\">value</P1>\n",
    "<item name=\"a.b\">value</item>\n",
    "<item name=\"a\"><part name=\"b\">value</part></item>\n",
    "<X>value</X>\n",
    "<item name=\"a\">",
    "<item name=\"a\">v",
    "<item name=\"a\"><part name=\"b\">",
    "<part name=\"b\">",
    "<X>",
    "<X>v",
    "<X>v<Y>w<Z>x",
    "<P1>v<b>w",
    "<b><P1>v",
    "<X></Y>",
    "</X>",
    "<X>v</item>",
    "<!DOCTYPE a [",
    "<!--",
    "<![CDATA[",
    "<?a",
    "<",
    "<a \"",
    "<a b='",
    "&",
    "&#",
    "<X>&copy;<",
    "\0",
];

fn main() {
    println!(
        "reading of {} MB, MB/s, best of {TURNS}; look up: {LOOKUPS} keys; list: all settings",
        FILE / 1_000_000
    );
    println!(
        "{:<14}{:>8}{:>12}{:>10}{:>10}{:>10}{:>10}{:>16}{:>16}",
        "dialect",
        "parse",
        "and look up",
        "and list",
        "newlines",
        "scanner",
        "quick-xml",
        "parse/scanner",
        "parse/quick-xml"
    );
    for dialect in Dialect::ALL {
        match sample(dialect, FILE) {
            Some(file) => reading(dialect, &file),
            None => println!("{:<14}no sample", dialect.name()),
        }
    }
    println!("\nodd XML, 40,000 pieces beside 2,000: 20 is as long a byte");
    for piece in ODD_XML {
        println!("{:<52}{:>6.1}", piece.escape_debug(), growth(piece));
    }
    println!("\nedit of one value in {} KB", EDITED_FILE / 1000);
    println!(
        "{:<14}{:>12}{:>12}{:>12}",
        "dialect", "edit", "copy", "edit/copy"
    );
    for dialect in Dialect::ALL {
        if let Some(file) = sample(dialect, EDITED_FILE) {
            editing(dialect, &file);
        }
    }
}

fn reading(dialect: Dialect, file: &[u8]) {
    let document = Document::parse(dialect, file);
    assert_eq!(document.problems(), [], "{dialect}: the sample is sound");
    let keys: Vec<NativeKey> = spread(&document, LOOKUPS);
    let copies = || file.to_vec();
    let parse = rate(file, copies, |bytes| Document::parse(dialect, bytes));
    let index = rate(file, copies, |bytes| {
        let layers = only(Document::parse(dialect, bytes));
        assert!(keys.iter().all(|key| layers.effective(key).is_some()));
        layers
    });
    let all = rate(file, copies, |bytes| {
        let document = Document::parse(dialect, bytes);
        let length: usize = document.settings().map(|found| found.value.len()).sum();
        (document, length)
    });
    let newlines = rate(file, || (), |()| memchr_iter(b'\n', file).count());
    let is_xml = file.starts_with(b"<");
    let scanner = match separator(dialect) {
        Some(separator) => rate(file, || (), |()| scan_lines(file, separator)),
        None => rate(file, || (), |()| scan_tags(file)),
    };
    let quick_xml = is_xml.then(|| rate(file, || (), |()| quick_xml_events(file)));
    let shown = |figure: Option<f64>, digits: usize| {
        figure.map_or("-".to_owned(), |figure| format!("{figure:.digits$}"))
    };
    println!(
        "{:<14}{parse:>8.0}{index:>12.0}{all:>10.0}{newlines:>10.0}{scanner:>10.0}{:>10}{:>16.2}{:>16}",
        dialect.name(),
        shown(quick_xml, 0),
        parse / scanner,
        shown(quick_xml.map(|quick_xml| parse / quick_xml), 2),
    );
}

/// How many times as long twenty times as much of a piece takes.
fn growth(piece: &str) -> f64 {
    let time = |count: usize| {
        let text = format!("<r><config>{}</config></r>", piece.repeat(count));
        let parse = |text| Document::parse(Dialect::PCodeXml, text);
        let shortest = (0..3).map(|_| {
            let (text, began) = (text.clone(), Instant::now());
            black_box(parse(text).problems());
            began.elapsed()
        });
        shortest.min().unwrap_or_default().as_secs_f64()
    };
    time(40_000) / time(2_000)
}

fn editing(dialect: Dialect, file: &[u8]) {
    let mut document = Document::parse(dialect, file);
    let keys = spread(&document, EDITS);
    let copy = best(|| (), |()| file.to_vec());
    let mut turn = 0_u32;
    let edits = best(
        || (),
        |()| {
            turn += 1;
            for (number, key) in keys.iter().enumerate() {
                let value = format!("new value {turn} of {number}");
                document.set(key, &value).expect("the file takes a value");
            }
        },
    );
    let edit = edits / u32::try_from(keys.len()).unwrap_or(u32::MAX);
    println!(
        "{:<14}{edit:>12.1?}{copy:>12.1?}{:>12.2}",
        dialect.name(),
        edit.as_secs_f64() / copy.as_secs_f64()
    );
}

/// So many keys from everywhere in a file.
fn spread(document: &Document, count: usize) -> Vec<NativeKey> {
    let step = (document.setting_count() / count).max(1);
    let keys = document.settings().map(|setting| setting.key.clone());
    keys.step_by(step).take(count).collect()
}

fn only(document: Document) -> Layers {
    let layer = Layer {
        path: "sample".to_owned(),
        kind: LayerKind::Phone,
        document: document.into(),
    };
    Layers::new(vec![layer], true)
}

/// What separates key and value in a dialect of lines.
fn separator(dialect: Dialect) -> Option<u8> {
    match dialect {
        Dialect::PCodeText | Dialect::Autop => Some(b'='),
        Dialect::KeyValue => Some(b':'),
        _ => None,
    }
}

/// A sound file of a dialect with invented settings, comments and empty lines; `None` for a
/// dialect that has no sample here.
fn sample(dialect: Dialect, length: usize) -> Option<Vec<u8>> {
    let mut file = String::new();
    if dialect == Dialect::PCodeXml {
        file.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        file.push_str("<gs_provision version=\"1\">\n<config version=\"1\">\n");
    }
    let mut number = 0_u64;
    while file.len() < length {
        number += 1;
        let section = number / 20;
        let value = value(number);
        let starts_section = number.is_multiple_of(20);
        let written = match dialect {
            Dialect::PCodeText if starts_section => {
                write!(file, "\n# Account {section}: registration and audio\n")
            }
            Dialect::PCodeText => writeln!(file, "P{number} = {value}"),
            Dialect::PCodeXml if starts_section => writeln!(file, "<!-- account {section} -->"),
            Dialect::PCodeXml => writeln!(file, "    <P{number}>{value}</P{number}>"),
            Dialect::KeyValue if starts_section => {
                write!(file, "\n# Line {section}: names and keys\n")
            }
            Dialect::KeyValue => writeln!(file, "sip line{section} key{number} name: {value}"),
            Dialect::Autop if starts_section => {
                write!(file, "\n# Account {section}: 0-Disabled, 1-Enabled\n")
            }
            Dialect::Autop => writeln!(file, "Config.Account{section}.SIP.Item{number} = {value}"),
            #[allow(unreachable_patterns, reason = "dialects to come")]
            _ => return None,
        };
        written.expect("a string takes it");
    }
    if dialect == Dialect::PCodeXml {
        file.push_str("</config>\n</gs_provision>\n");
    }
    Some(file.into_bytes())
}

/// Most values in phone files are a digit or empty, some are names and addresses.
fn value(number: u64) -> String {
    match number % 8 {
        0..=2 => (number % 2).to_string(),
        3 => String::new(),
        4 => (number % 65_536).to_string(),
        5 => format!("sip{}.example.net", number % 100),
        6 => format!("Reception {number}"),
        _ => format!("http://provisioning.example.net:8080/files/{number}.xml"),
    }
}

/// A line as the scanner by hand finds it: nothing of the file is left out.
#[allow(dead_code, reason = "it is made to be measured, not to be read")]
enum Scanned {
    Blank([u32; 2]),
    Comment([u32; 2]),
    Setting {
        key: [u32; 2],
        value: [u32; 2],
        whole: [u32; 2],
    },
    Opaque([u32; 2]),
}

/// Lines split at a separator, by hand on memchr.
fn scan_lines(bytes: &[u8], separator: u8) -> Vec<Scanned> {
    let narrow = |offset: usize| u32::try_from(offset).expect("a sample is small");
    let span = |start: usize, end: usize| [start, end].map(narrow);
    let blanks = |text: &[u8]| text.len() - text.trim_ascii_start().len();
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let start = blanks(line);
        let whole = span(at, at + length + 1);
        lines.push(match line.get(start) {
            None => Scanned::Blank(whole),
            Some(b'#') => Scanned::Comment(whole),
            Some(_) => match memchr(separator, line) {
                None => Scanned::Opaque(whole),
                Some(found) => {
                    let key = line.get(..found).unwrap_or_default().trim_ascii_end();
                    let value = line.get(found + 1..).unwrap_or_default();
                    let from = at + found + 1 + blanks(value);
                    Scanned::Setting {
                        key: span(at + start, at + key.len()),
                        value: span(from, from + value.trim_ascii().len()),
                        whole,
                    }
                }
            },
        });
        at += length + 1;
    }
    lines
}

/// Tags and what stands between them, by hand on memchr.
fn scan_tags(bytes: &[u8]) -> Vec<[u32; 4]> {
    let narrow = |offset: usize| u32::try_from(offset).expect("a sample is small");
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(open) = memchr(b'<', bytes.get(at..).unwrap_or_default()) {
        let open = at + open;
        let rest = bytes.get(open..).unwrap_or_default();
        let close = open + memchr(b'>', rest).map_or(rest.len(), |close| close + 1);
        spans.push([at, open, open, close].map(narrow));
        at = close;
    }
    spans
}

fn quick_xml_events(bytes: &[u8]) -> usize {
    let text = std::str::from_utf8(bytes).expect("a sample is UTF-8");
    let mut reader = quick_xml::Reader::from_str(text);
    let mut events = 0;
    while !matches!(reader.read_event().expect("a sample is sound"), Event::Eof) {
        events += 1;
    }
    events
}

/// MB/s at which a file is worked on, by the shortest of some turns.
fn rate<I, O>(file: &[u8], prepare: impl FnMut() -> I, work: impl FnMut(I) -> O) -> f64 {
    file.len() as f64 / 1e6 / best(prepare, work).as_secs_f64()
}

/// The shortest of some turns, without what prepares it and what frees its outcome.
fn best<I, O>(mut prepare: impl FnMut() -> I, mut work: impl FnMut(I) -> O) -> Duration {
    (0..TURNS)
        .map(|_| {
            let input = prepare();
            let start = Instant::now();
            let outcome = black_box(work(black_box(input)));
            let taken = start.elapsed();
            drop(outcome);
            taken
        })
        .min()
        .expect("there is a turn")
}
