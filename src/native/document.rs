//! A native file that can be read and edited without losing a byte.

mod edits;

use std::borrow::Cow;
use std::fmt;

use super::charset::{self, Declared};
use super::derived::Derived;
use super::dialect::Dialect;
use super::index::KeyIndex;
use super::key::{KeyHash, NativeKey};
use super::mac::{Mac, MacError};
use super::parsed::{Entry, Mark, Parsed, Shape};
use super::place::{Place, PlaceCursor};
use super::problem::{Problem, ProblemKind};

/// One parsed native file: its bytes, and where its settings stand in them.
///
/// Reading never fails and rendering gives the same bytes. An edit changes the bytes of one value,
/// or adds or removes one line or element; it is kept only if the new bytes read as asked and
/// every other setting reads as before.
#[derive(Clone)]
pub struct Document {
    dialect: Dialect,
    bytes: Vec<u8>,
    parsed: Parsed,
    derived: Derived,
}

/// A setting as it stands in a document.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting<'a> {
    /// Normal form of the key.
    pub key: &'a NativeKey,
    /// What the written value stands for: no blanks around it, no quotes, entities resolved.
    pub value: Cow<'a, str>,
    /// Of the key or tag, from 1.
    pub line: u32,
    /// Of the key or tag, from 1, in bytes; a byte order mark does not count.
    pub column: u32,
    /// The mark before the key.
    pub mark: Mark,
}

impl Document {
    /// Reads a file. What is not understood is kept as it stands and is told by [`problems`].
    ///
    /// [`problems`]: Document::problems
    pub fn parse(dialect: Dialect, bytes: impl Into<Vec<u8>>) -> Document {
        let bytes = bytes.into();
        let mut parsed = match u32::try_from(bytes.len()) {
            Err(_) => unread(ProblemKind::TooLarge {
                bytes: bytes.len() as u64,
            }),
            Ok(_) if charset::is_utf16(&bytes) => unread(ProblemKind::Utf16),
            Ok(_) => dialect.read(&bytes),
        };
        if let Some(span) = parsed.declared_encoding
            && Declared::by_name(span.of(&bytes)) == Declared::Unknown
        {
            let name = charset::decode(span.of(&bytes)).chars().take(40).collect();
            parsed.report(span.start as usize, ProblemKind::Encoding { name });
        }
        parsed.problems.sort_by_key(|(offset, _)| *offset);
        Document {
            dialect,
            bytes,
            parsed,
            derived: Derived::default(),
        }
    }

    /// Its syntax.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The file as it is to be served: for an unedited document exactly what was read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file as it is to be served.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many settings there are, duplicates included.
    pub fn setting_count(&self) -> usize {
        self.parsed.entries.len()
    }

    /// Every setting in file order, duplicates included.
    pub fn settings(&self) -> impl Iterator<Item = Setting<'_>> {
        let keys = self.derived.keys(&self.bytes, &self.parsed);
        let mut cursor = PlaceCursor::new(self.lines());
        let entries = self.parsed.entries.iter().zip(keys);
        entries.map(move |(entry, key)| {
            let place = cursor.place(self.lines(), entry.start);
            self.show(entry, key, place)
        })
    }

    /// The setting in force for a key: the last one, as phones take it.
    pub fn setting(&self, key: &NativeKey) -> Option<Setting<'_>> {
        let found = self.find(key, KeyHash::of(key))?;
        let entry = self.parsed.entries.get(found)?;
        let place = self.derived.place(self.lines(), entry.start);
        Some(self.show(entry, self.key_at(found)?, place))
    }

    /// What was not understood, in file order.
    pub fn problems(&self) -> &[Problem] {
        self.derived.problems(self.lines(), &self.parsed)
    }

    /// The phone for which a file says that it is: the `mac` element of XML, the header of a binary
    /// file. A phone refuses a file with the `mac` of another (grandstream.md 1.2).
    pub fn declared_mac(&self) -> Option<Result<Mac, MacError>> {
        self.dialect.mac(&self.bytes, self.parsed.mac?)
    }

    /// Name of the root element of an XML file.
    pub fn root(&self) -> Option<&str> {
        std::str::from_utf8(self.parsed.root?.of(&self.bytes)).ok()
    }

    /// Whether more of a text file is settings with sensible keys than is not.
    pub(super) fn is_mostly_settings(&self) -> bool {
        let sensible =
            |character: char| character.is_alphanumeric() || " -_.[]|/".contains(character);
        let entries = &self.parsed.entries;
        let settings = entries
            .iter()
            .filter(|entry| {
                let key = entry.key.of(&self.bytes).text();
                key.trim().chars().all(sensible)
            })
            .count();
        let others = (entries.len() - settings) + self.parsed.problems.len();
        settings as u64 > others as u64 + self.parsed.unlisted_problems
    }

    /// Whether there are settings, or an element that could hold some.
    pub(super) fn holds_settings(&self) -> bool {
        !self.parsed.entries.is_empty() || self.parsed.container.is_some()
    }

    /// The line or element of the setting in force.
    #[cfg(any(test, fuzzing))]
    pub(super) fn extent(&self, key: &NativeKey) -> Option<std::ops::Range<usize>> {
        let place = self.find(key, KeyHash::of(key))?;
        Some(self.parsed.entries.get(place)?.whole.range())
    }

    /// Makes every table, so that an edit after it has to keep them.
    #[cfg(any(test, fuzzing))]
    pub(super) fn make_tables(&self) {
        let _ = (self.index(), self.problems(), self.settings().next());
        let _ = self.derived.place(self.lines(), 0);
    }

    /// Whether everything that is known of the file is what reading it anew gives.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_as_read_anew(&self) -> bool {
        let anew = Document::parse(self.dialect, self.bytes.as_slice());
        let index = |document: &Document| {
            let entries = document.parsed.entries.len();
            document
                .index()
                .firsts_and_lasts(entries)
                .collect::<Vec<_>>()
        };
        let (bytes, parsed) = (&self.bytes, &self.parsed);
        *parsed == anew.parsed
            && self.problems() == anew.problems()
            && index(self) == index(&anew)
            && self.derived.keys(bytes, parsed) == anew.derived.keys(bytes, parsed)
            && parsed
                .entries
                .iter()
                .step_by(1 + parsed.entries.len() / 64)
                .all(|entry| {
                    let place =
                        |document: &Document| document.derived.place(document.lines(), entry.start);
                    place(self) == place(&anew)
                })
            && self
                .derived
                .keys(bytes, parsed)
                .iter()
                .step_by(1 + parsed.entries.len() / 64)
                .all(|key| {
                    let hash = KeyHash::of(key);
                    self.find(key, hash) == anew.find(key, hash)
                })
    }

    /// Which entry is in force for a key.
    pub(super) fn find(&self, key: &NativeKey, hash: KeyHash) -> Option<usize> {
        self.index()
            .find(&self.bytes, &self.parsed.entries, key, hash)
    }

    /// Of each key the first entry and the one in force, by the first.
    pub(super) fn firsts_and_lasts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.index().firsts_and_lasts(self.parsed.entries.len())
    }

    /// The key of an entry.
    pub(super) fn key_at(&self, place: usize) -> Option<&NativeKey> {
        self.derived.keys(&self.bytes, &self.parsed).get(place)
    }

    /// The key of an entry as it is written.
    pub(super) fn spelling_at(&self, place: usize) -> Option<Cow<'_, str>> {
        let entry = self.parsed.entries.get(place)?;
        Some(entry.key.of(&self.bytes).text())
    }

    /// Value and line of an entry.
    pub(super) fn value_at(&self, place: usize) -> Option<(Cow<'_, str>, u32)> {
        let entry = self.parsed.entries.get(place)?;
        let stands = self.derived.place(self.lines(), entry.start);
        Some((value(self.dialect, &self.bytes, entry), stands.line))
    }

    /// The bytes by whose line ends places are told.
    fn lines(&self) -> &[u8] {
        if self.dialect.has_lines() {
            &self.bytes
        } else {
            &[]
        }
    }

    fn index(&self) -> &KeyIndex {
        self.derived.index(&self.bytes, &self.parsed)
    }

    fn show<'a>(&'a self, entry: &Entry, key: &'a NativeKey, place: Place) -> Setting<'a> {
        Setting {
            key,
            value: value(self.dialect, &self.bytes, entry),
            line: place.line,
            column: place.column,
            mark: entry.mark,
        }
    }
}

fn value<'a>(dialect: Dialect, bytes: &'a [u8], entry: &Entry) -> Cow<'a, str> {
    match entry.shape {
        Shape::Written => dialect.value(charset::decode(entry.value.of(bytes))),
        Shape::EmptyElement => Cow::Borrowed(""),
    }
}

impl fmt::Debug for Document {
    /// Without values: they may be secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Document")
            .field("dialect", &self.dialect)
            .field("bytes", &self.bytes.len())
            .field("settings", &self.parsed.entries.len())
            .field("problems", &self.parsed.problems.len())
            .finish()
    }
}

impl fmt::Debug for Setting<'_> {
    /// Without the value: it may be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Setting")
            .field("key", self.key)
            .field("line", &self.line)
            .field("column", &self.column)
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}

fn unread(problem: ProblemKind) -> Parsed {
    let mut parsed = Parsed::default();
    parsed.report(0, problem);
    parsed
}

#[cfg(test)]
mod tests {
    use super::super::EditError;
    use super::*;

    fn key(name: &str) -> NativeKey {
        NativeKey::new(name)
    }

    #[test]
    fn the_last_of_several_is_in_force_and_is_the_one_edited() {
        let mut document = Document::parse(Dialect::KeyValue, "tone set: DE\nTone Set: FR\n");
        assert_eq!(document.settings().count(), 2);
        let setting = document.setting(&key("tone set")).unwrap();
        assert_eq!((&*setting.value, setting.line), ("FR", 2));
        document.set(&key("TONE SET"), "UK").unwrap();
        assert_eq!(document.bytes(), b"tone set: DE\nTone Set: UK\n");
    }

    #[test]
    fn a_new_key_is_written_as_it_is_spelt() {
        let mut document = Document::parse(Dialect::KeyValue, "dhcp: 1\n");
        document.set_as(" QoS eth Port ", "2").unwrap();
        document.set_as("qos ETH port", "3").unwrap();
        assert_eq!(document.bytes(), b"dhcp: 1\nQoS eth Port: 3\n");
        let mut document = Document::parse(Dialect::PCodeText, "");
        document.set_as("p271", "1").unwrap();
        assert_eq!(document.bytes(), b"P271 = 1\n");
    }

    #[test]
    fn edits_one_after_another_read_like_the_file_read_anew() {
        let text = "\u{feff}a: 1\r\nb: \"2\nc: x#y\n a: 3\n\nwords\nd:4";
        let mut document = Document::parse(Dialect::KeyValue, text);
        assert!(document.is_as_read_anew());
        for (name, value) in [("b", "5"), ("e", "6"), ("a", "7#"), ("d", ""), ("A 1", "8")] {
            document.set(&key(name), value).unwrap();
            assert!(document.is_as_read_anew(), "{name}");
        }
        for name in ["a", "d", "b", "a 1"] {
            assert!(document.remove(&key(name)), "{name}");
            assert!(document.is_as_read_anew(), "{name}");
        }
        assert_eq!(
            String::from_utf8_lossy(document.bytes()),
            "\u{feff}c: x#y\n\nwords\ne:6\r\n"
        );
    }

    #[test]
    fn a_latin1_file_stays_latin1() {
        let mut document = Document::parse(Dialect::PCodeText, &b"P3=J\xf6rg\nP4=x\n"[..]);
        assert_eq!(document.setting(&key("P3")).unwrap().value, "Jörg");
        document.set(&key("P4"), "Zoë").unwrap();
        assert_eq!(document.bytes(), b"P3=J\xf6rg\nP4=Zo\xeb\n");
        let refused = document.set(&key("P4"), "Łódź");
        let (character, charset) = ('Ł', "ISO-8859-1");
        assert_eq!(refused, Err(EditError::Encoding { character, charset }));
    }

    #[test]
    fn a_utf16_file_is_kept_and_not_edited() {
        let bytes = b"\xff\xfeP\x001\x00=\x00\n\x00";
        for dialect in Dialect::ALL {
            let mut document = Document::parse(dialect, &bytes[..]);
            assert_eq!(document.problems()[0].kind, ProblemKind::Utf16);
            assert!(document.set(&key("P1"), "a").is_err());
            assert!(document.set(&key("key"), "a").is_err());
            assert_eq!(document.bytes(), bytes);
        }
    }

    #[test]
    fn no_value_is_shown_by_debug() {
        let document = Document::parse(Dialect::KeyValue, "sip password: hunter2\n");
        let setting = document.setting(&key("sip password")).unwrap();
        assert!(!format!("{document:?} {setting:?}").contains("hunter2"));
    }

    #[test]
    fn the_list_of_problems_is_bounded() {
        let document = Document::parse(Dialect::KeyValue, "prose\n".repeat(5000));
        let problems = document.problems();
        assert_eq!(problems.len(), 1001);
        assert_eq!(
            problems[1000].to_string(),
            "4000 more problems are not listed"
        );
    }
}
