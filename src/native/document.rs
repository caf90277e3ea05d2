//! A native file that can be read and edited without losing a byte.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr_iter;

use super::charset::{self, Charset, Declared};
use super::dialect::Dialect;
use super::edit::{EditError, Splice};
use super::key::NativeKey;
use super::lines::text_start;
use super::mac::{Mac, MacError};
use super::parsed::{Entry, Mark, Parsed, Shape, Span};
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
    problems: Vec<Problem>,
    /// Of each key its last entry, in the order of keys.
    in_force: Vec<u32>,
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
        let lines = if dialect.has_lines() { &bytes[..] } else { &[] };
        let problems = locate(lines, &mut parsed);
        let in_force = in_force(&parsed.entries);
        Document {
            dialect,
            bytes,
            parsed,
            problems,
            in_force,
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

    /// Every setting in file order, duplicates included.
    pub fn settings(&self) -> impl Iterator<Item = Setting<'_>> {
        self.parsed.entries.iter().map(|entry| self.show(entry))
    }

    /// The setting in force for a key: the last one, as phones take it.
    pub fn setting(&self, key: &NativeKey) -> Option<Setting<'_>> {
        let index = self.find(key)?;
        Some(self.show(self.parsed.entries.get(index)?))
    }

    /// What was not understood, in file order.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
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

    /// Gives a setting a value: changes the bytes of the value in force, or adds a line or element
    /// where a person would put it. A setting that already reads so is left alone.
    ///
    /// # Errors
    /// If the dialect or the file's encoding can't carry key or value, if the file has no place
    /// for a new setting, or if it is too damaged to be edited there. The document is then
    /// unchanged.
    pub fn set(&mut self, key: &NativeKey, value: &str) -> Result<(), EditError> {
        let current = self.find(key);
        let entry = current.and_then(|index| self.parsed.entries.get(index));
        let splice = match entry {
            Some(entry) if self.value(entry) == value => return Ok(()),
            Some(entry) => self.dialect.replace(&self.bytes, entry, value)?,
            None => self.dialect.insert(&self.bytes, &self.parsed, key, value)?,
        };
        let edited = Document::parse(self.dialect, self.spliced(&splice)?);
        let place = edited.find(key).ok_or(EditError::Unreadable)?;
        let reads_back = edited
            .parsed
            .entries
            .get(place)
            .is_some_and(|entry| edited.value(entry) == value);
        let others = self.entries_without(|index, _| Some(index) == current);
        let others_after = edited.entries_without(|index, _| index == place);
        if !reads_back || !others.eq(others_after) {
            return Err(EditError::Unreadable);
        }
        *self = edited;
        Ok(())
    }

    /// Removes every line or element with this key, each with its line end when it stands alone on
    /// its line. Says whether something was removed: not if there is no such key, and not if the
    /// file is so damaged that other settings would read otherwise.
    pub fn remove(&mut self, key: &NativeKey) -> bool {
        if self.find(key).is_none() {
            return false;
        }
        let mut kept = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        for entry in self.parsed.entries.iter().filter(|entry| entry.key == *key) {
            let extent = self.dialect.extent(&self.bytes, entry);
            kept.extend_from_slice(
                self.bytes
                    .get(at..extent.start as usize)
                    .unwrap_or_default(),
            );
            at = at.max(extent.end as usize);
        }
        kept.extend_from_slice(self.bytes.get(at..).unwrap_or_default());

        let Ok(kept) = self.dialect.finish(&self.bytes, kept) else {
            return false;
        };
        let edited = Document::parse(self.dialect, kept);
        let others = self.entries_without(|_, entry| entry.key == *key);
        if !others.eq(edited.entries_without(|_, _| false)) {
            return false;
        }
        *self = edited;
        true
    }

    /// Whether more of a text file is settings with sensible keys than is not.
    pub(super) fn is_mostly_settings(&self) -> bool {
        let sensible =
            |character: char| character.is_alphanumeric() || " -_.[]|/".contains(character);
        let entries = &self.parsed.entries;
        let settings = entries
            .iter()
            .filter(|entry| entry.key.as_str().chars().all(sensible))
            .count();
        let others = (entries.len() - settings) + self.problems.len();
        settings as u64 > others as u64 + self.parsed.unlisted_problems
    }

    /// Whether there are settings, or an element that could hold some.
    pub(super) fn holds_settings(&self) -> bool {
        !self.parsed.entries.is_empty() || self.parsed.container.is_some()
    }

    /// The line or element of the setting in force.
    #[cfg(any(test, fuzzing))]
    pub(super) fn extent(&self, key: &NativeKey) -> Option<std::ops::Range<usize>> {
        Some(self.parsed.entries.get(self.find(key)?)?.whole.range())
    }

    fn find(&self, key: &NativeKey) -> Option<usize> {
        let entries = &self.parsed.entries;
        let found = self
            .in_force
            .binary_search_by(|&index| match entries.get(index as usize) {
                Some(entry) => entry.key.cmp(key),
                None => std::cmp::Ordering::Greater,
            })
            .ok()?;
        self.in_force.get(found).map(|&index| index as usize)
    }

    fn show<'a>(&'a self, entry: &'a Entry) -> Setting<'a> {
        Setting {
            key: &entry.key,
            value: self.value(entry),
            line: entry.line,
            column: entry.column,
            mark: entry.mark,
        }
    }

    fn value(&self, entry: &Entry) -> Cow<'_, str> {
        match entry.shape {
            Shape::Written => self
                .dialect
                .value(charset::decode(entry.value.of(&self.bytes))),
            Shape::EmptyElement => Cow::Borrowed(""),
        }
    }

    /// The bytes with a change.
    fn spliced(&self, splice: &Splice) -> Result<Vec<u8>, EditError> {
        let declared = self
            .parsed
            .declared_encoding
            .map(|span| Declared::by_name(span.of(&self.bytes)));
        let text = Charset::of(&self.bytes, declared).encode(&splice.text)?;
        let range = splice.span.range();
        let length = self.bytes.len() - range.len() + text.len();
        if u32::try_from(length).is_err() {
            return Err(EditError::TooLarge);
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(self.bytes.get(..range.start).unwrap_or_default());
        bytes.extend_from_slice(&text);
        bytes.extend_from_slice(self.bytes.get(range.end..).unwrap_or_default());
        self.dialect.finish(&self.bytes, bytes)
    }

    /// What must not change: key, mark and written value of all entries but some.
    fn entries_without(
        &self,
        left_out: impl Fn(usize, &Entry) -> bool,
    ) -> impl Iterator<Item = (&NativeKey, Mark, Shape, &[u8])> {
        self.parsed
            .entries
            .iter()
            .enumerate()
            .filter(move |(index, entry)| !left_out(*index, entry))
            .map(|(_, entry)| {
                let written = entry.value.of(&self.bytes);
                (&entry.key, entry.mark, entry.shape, written)
            })
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
            .field("problems", &self.problems.len())
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

/// Gives entries and problems their lines and columns.
fn locate(bytes: &[u8], parsed: &mut Parsed) -> Vec<Problem> {
    let mut cursor = Cursor::new(bytes);
    for entry in &mut parsed.entries {
        (entry.line, entry.column) = cursor.place(entry.start);
    }
    parsed.problems.sort_by_key(|(offset, _)| *offset);
    let mut cursor = Cursor::new(bytes);
    let mut problems = std::mem::take(&mut parsed.problems);
    if parsed.unlisted_problems > 0
        && let Some((offset, _)) = problems.last()
    {
        let unlisted = parsed.unlisted_problems;
        problems.push((*offset, ProblemKind::Unlisted { unlisted }));
    }
    problems
        .into_iter()
        .map(|(offset, kind)| {
            let (line, column) = cursor.place(offset);
            Problem { line, column, kind }
        })
        .collect()
}

/// Counts lines; goes forward only.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: u32,
    line: u32,
    line_start: u32,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let start = Span::empty(text_start(bytes)).start;
        Self {
            bytes,
            at: start,
            line: 1,
            line_start: start,
        }
    }

    fn place(&mut self, offset: u32) -> (u32, u32) {
        let passed = Span {
            start: self.at,
            end: offset,
        };
        for newline in memchr_iter(b'\n', passed.of(self.bytes)) {
            self.line += 1;
            self.line_start = Span::empty(self.at as usize + newline + 1).start;
        }
        self.at = self.at.max(offset);
        (self.line, offset.saturating_sub(self.line_start) + 1)
    }
}

fn in_force(entries: &[Entry]) -> Vec<u32> {
    let mut sorted: Vec<(&NativeKey, u32)> = (0_u32..)
        .zip(entries)
        .map(|(index, entry)| (&entry.key, index))
        .collect();
    sorted.sort_unstable();
    sorted
        .chunk_by(|(one, _), (other, _)| one == other)
        .filter_map(|same| same.last().map(|(_, index)| *index))
        .collect()
}

#[cfg(test)]
mod tests {
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
