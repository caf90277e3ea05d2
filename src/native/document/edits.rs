//! Edits of a document, each kept only if the file with it reads as asked.

use super::super::charset::{self, Declared};
use super::super::edit::{EditError, Splice};
use super::super::key::{KeyHash, NativeKey, WrittenKey};
use super::super::parsed::{Entry, Mark, Shape, Span};
use super::super::reread::Reread;
use super::{Document, value};

impl Document {
    /// Gives a setting a value: changes the bytes of the value in force, or adds a line or element
    /// where a person would put it. A setting that already reads so is left alone.
    ///
    /// # Errors
    /// If the dialect or the file's encoding can't carry key or value, if the file has no place
    /// for a new setting, or if it is too damaged to be edited there. The document is then
    /// unchanged.
    pub fn set(&mut self, key: &NativeKey, value: &str) -> Result<(), EditError> {
        self.set_spelt(key, key.as_str(), value)
    }

    /// Does what [`Document::set`] does; a key that the file does not have yet is written as it is
    /// spelt here (`Config.Account1.GENERAL.Enable`), P-codes always as `P271`.
    ///
    /// # Errors
    /// See [`Document::set`].
    pub fn set_as(&mut self, spelling: &str, value: &str) -> Result<(), EditError> {
        let key = NativeKey::new(spelling);
        if key.is_p_code() {
            return self.set(&key, value);
        }
        self.set_spelt(&key, spelling.trim(), value)
    }

    /// Removes every line or element with this key, each with its line end when it stands alone on
    /// its line. Says whether something was removed: not if there is no such key, and not if the
    /// file is so damaged that other settings would read otherwise.
    pub fn remove(&mut self, key: &NativeKey) -> bool {
        let Some(last) = self.find(key, KeyHash::of(key)) else {
            return false;
        };
        let places = self.index().all_until(last);
        match self.rereads_without(&places) {
            Some(rereads) => {
                if let Some(index) = self.derived.index.get_mut() {
                    index.remove(&self.bytes, &self.parsed.entries, &places);
                }
                if let Some(keys) = self.derived.keys.get_mut() {
                    keys.retain(|other| other != key);
                }
                for reread in rereads {
                    reread.make(&mut self.bytes, &mut self.parsed, &mut self.derived);
                }
                true
            }
            None => self.remove_and_read_all(&places),
        }
    }

    fn set_spelt(&mut self, key: &NativeKey, spelling: &str, text: &str) -> Result<(), EditError> {
        let current = self.find(key, KeyHash::of(key));
        let entry = current.and_then(|place| self.parsed.entries.get(place));
        let splice = match entry {
            Some(entry) if value(self.dialect, &self.bytes, entry) == text => return Ok(()),
            Some(entry) => self.dialect.replace(&self.bytes, entry, text)?,
            None => self
                .dialect
                .insert(&self.bytes, &self.parsed, spelling, text)?,
        };
        let written = self.encode(&splice)?;
        let reread = Reread::new(
            self.dialect,
            &self.bytes,
            &self.parsed,
            splice.span,
            written.clone(),
        );
        match reread {
            Some(reread) => self.make_if_as_asked(reread, key, current, text),
            None => self.set_and_read_all(splice.span, &written, key, current, text),
        }
    }

    /// Makes a change of some lines if they read as asked.
    fn make_if_as_asked(
        &mut self,
        reread: Reread,
        key: &NativeKey,
        current: Option<usize>,
        text: &str,
    ) -> Result<(), EditError> {
        let (bytes, entries) = (&reread.lines, &reread.read.entries);
        let is_it = |entry: &Entry| entry.key.of(bytes).is(key);
        let within = entries
            .iter()
            .rposition(is_it)
            .ok_or(EditError::Unreadable)?;
        let place = reread.entries.start + within;
        let reads_back = entries
            .get(within)
            .is_some_and(|entry| value(self.dialect, bytes, entry) == text);
        let others = self
            .parsed
            .entries
            .get(reread.entries.clone())
            .unwrap_or_default();
        let current_within = current.map(|current| current.wrapping_sub(reread.entries.start));
        let others = all_but(&self.bytes, others, current_within);
        let stays = current.is_none_or(|current| current == place);
        if !reads_back || !stays || !others.eq(all_but(bytes, entries, Some(within))) {
            return Err(EditError::Unreadable);
        }
        reread.make(&mut self.bytes, &mut self.parsed, &mut self.derived);
        if current.is_none() {
            if let Some(index) = self.derived.index.get_mut() {
                index.add(&self.bytes, &self.parsed.entries, place);
            }
            if let Some(keys) = self.derived.keys.get_mut() {
                keys.insert(place.min(keys.len()), key.clone());
            }
        }
        Ok(())
    }

    /// Makes a change if the whole file with it reads as asked.
    fn set_and_read_all(
        &mut self,
        span: Span,
        written: &[u8],
        key: &NativeKey,
        current: Option<usize>,
        text: &str,
    ) -> Result<(), EditError> {
        let range = span.range();
        let bytes = [
            self.bytes.get(..range.start).unwrap_or_default(),
            written,
            self.bytes.get(range.end..).unwrap_or_default(),
        ]
        .concat();
        let bytes = self.dialect.finish(&self.bytes, bytes)?;
        let edited = Document::parse(self.dialect, bytes);
        let place = edited
            .find(key, KeyHash::of(key))
            .ok_or(EditError::Unreadable)?;
        let reads_back = edited
            .parsed
            .entries
            .get(place)
            .is_some_and(|entry| value(edited.dialect, &edited.bytes, entry) == text);
        let others = all_but(&self.bytes, &self.parsed.entries, current);
        let after = all_but(&edited.bytes, &edited.parsed.entries, Some(place));
        if !reads_back || !others.eq(after) {
            return Err(EditError::Unreadable);
        }
        *self = edited;
        Ok(())
    }

    /// The changes, last first, that take some entries out; `None` if only reading the whole file
    /// can tell, or if there are so many that it is quicker.
    fn rereads_without(&self, places: &[usize]) -> Option<Vec<Reread>> {
        const MANY: usize = 8;
        let few = places.get(..places.len().min(MANY))?;
        if few.len() < places.len() {
            return None;
        }
        few.iter()
            .rev()
            .map(|&place| {
                let entry = self.parsed.entries.get(place)?;
                let span = self.dialect.extent(&self.bytes, entry);
                let reread =
                    Reread::new(self.dialect, &self.bytes, &self.parsed, span, Vec::new())?;
                let before = self.parsed.entries.get(reread.entries.clone())?;
                let within = place.checked_sub(reread.entries.start);
                let others = all_but(&self.bytes, before, within);
                let after = all_but(&reread.lines, &reread.read.entries, None);
                others.eq(after).then_some(reread)
            })
            .collect()
    }

    fn remove_and_read_all(&mut self, places: &[usize]) -> bool {
        let mut kept = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        for &place in places {
            let Some(entry) = self.parsed.entries.get(place) else {
                continue;
            };
            let extent = self.dialect.extent(&self.bytes, entry);
            let before = self.bytes.get(at..extent.start as usize);
            kept.extend_from_slice(before.unwrap_or_default());
            at = at.max(extent.end as usize);
        }
        kept.extend_from_slice(self.bytes.get(at..).unwrap_or_default());

        let Ok(kept) = self.dialect.finish(&self.bytes, kept) else {
            return false;
        };
        let edited = Document::parse(self.dialect, kept);
        let mut others = self.parsed.entries.clone();
        let mut place = 0_usize;
        others.retain(|_| {
            place += 1;
            places.binary_search(&(place - 1)).is_err()
        });
        let others = all_but(&self.bytes, &others, None);
        if !others.eq(all_but(&edited.bytes, &edited.parsed.entries, None)) {
            return false;
        }
        *self = edited;
        true
    }

    /// The bytes of a change, if the file with it is not too large.
    fn encode(&self, splice: &Splice) -> Result<Vec<u8>, EditError> {
        let declared = self
            .parsed
            .declared_encoding
            .map(|span| Declared::by_name(span.of(&self.bytes)));
        let text = charset::encode(&splice.text, &self.bytes, declared)?;
        let length = self.bytes.len() - splice.span.range().len() + text.len();
        if u32::try_from(length).is_err() {
            return Err(EditError::TooLarge);
        }
        Ok(text)
    }
}

/// What must not change of all entries but one.
fn all_but<'a>(
    bytes: &'a [u8],
    entries: &'a [Entry],
    left_out: Option<usize>,
) -> impl Iterator<Item = (WrittenKey<'a>, Mark, Shape, &'a [u8])> {
    entries
        .iter()
        .enumerate()
        .filter(move |(place, _)| Some(*place) != left_out)
        .map(|(_, entry)| entry.written(bytes))
}
