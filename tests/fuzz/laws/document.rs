//! The laws of documents under a few edits that the file itself chooses, so that many files can be
//! tried. The file that takes this module in has `native` in scope.

use super::native::law::{check_edit, check_reading, check_removal};
use super::native::{Dialect, Document, NativeKey, sniff};

/// Keys of every kind, in spellings that files use.
const KEYS: [&str; 10] = [
    "P99999",
    "P1",
    "sip line9 password",
    "tone set",
    "Config.Account9.SIP.Port",
    "config.a.b",
    "account.2.sip.userid",
    "a.b",
    "Account9_Name",
    "X",
];

/// Values of which each is special to some dialect.
const VALUES: [&str; 20] = [
    "",
    "plain",
    "0",
    " ",
    "Ω é",
    "\u{fc}",
    "a#b",
    " \"",
    "\"a\"",
    "<&>",
    "]]>",
    "&#10;",
    "a\nP1=2",
    "a\r",
    "\t",
    "\0",
    "100%",
    "%41+&P1=2",
    "; a",
    "$$MAC$$",
];

/// A file of the dialect renders as it was read, and keeps the laws under edits made one after the
/// other. So does a binary file also behind a header that is made for it, whose length is said by
/// its first byte.
pub(crate) fn holds(dialect: Dialect, file: &[u8]) {
    holds_for_file(dialect, file);
    if dialect == Dialect::PCodeBinary {
        let words = file.first().copied().unwrap_or_default();
        let header = b"\0\0\0\x0b\x82\xa1\xb2\xc3\r\n\r\n";
        holds_for_file(dialect, &[&[0, 0, 0, words], &header[..], file].concat());
    }
}

fn holds_for_file(dialect: Dialect, file: &[u8]) {
    let mut document = Document::parse(dialect, file);
    check_reading(&document, file);
    let _ = (dialect.fits(file), sniff(file));
    let mut choice = Choice::of(file);
    for _ in 0..3 {
        let key = choice.key(&document);
        if choice.below(4) == 0 {
            check_removal(&document, &key);
            document.remove(&key);
        } else {
            let value = choice.text(file, &VALUES);
            check_edit(&document, &key, &value);
            let _ = document.set(&key, &value);
        }
    }
}

/// Numbers that depend on every byte of a file.
struct Choice(u64);

impl Choice {
    fn of(file: &[u8]) -> Self {
        let hash = file.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self(hash)
    }

    /// The next number; 0 if there is none below the limit.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let number = usize::try_from(self.0 >> 33).unwrap_or_default();
        number % limit.max(1)
    }

    /// A key of the document, one of its own making, or one of those above.
    fn key(&mut self, document: &Document) -> NativeKey {
        if self.below(2) == 0 {
            let place = self.below(document.setting_count());
            if let Some(setting) = document.settings().nth(place) {
                return setting.key.clone();
            }
        }
        NativeKey::new(&self.text(document.bytes(), &KEYS))
    }

    /// One of the texts, or a few characters of the file.
    fn text(&mut self, file: &[u8], texts: &[&str]) -> String {
        match texts.get(self.below(texts.len() * 2)) {
            Some(text) => (*text).to_owned(),
            None => {
                let start = self.below(file.len());
                let end = start + self.below(12.min(file.len() - start + 1));
                String::from_utf8_lossy(&file[start..end]).into_owned()
            }
        }
    }
}
