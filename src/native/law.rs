//! The laws of documents, for tests and fuzzing: they hold for every input.

use std::collections::HashMap;

use super::{Dialect, Document, NativeKey, Seal};

/// Checks all laws on a file, with edits that are made from its own bytes.
///
/// # Panics
/// If a law is broken.
pub fn check_file(bytes: &[u8]) {
    let made = String::from_utf8_lossy(bytes.get(bytes.len() / 2..).unwrap_or_default());
    let made: String = made.chars().take(12).collect();
    for dialect in Dialect::ALL {
        let document = Document::parse(dialect, bytes);
        check_reading(&document, bytes);
        let keys: Vec<NativeKey> = document.settings().map(|s| s.key.clone()).collect();
        let chosen = keys.get(bytes.len() % keys.len().max(1));
        let new = [
            "P99999",
            "sip line9 password",
            "Config.Account9.SIP.Port",
            "a.b.c",
            "Account9_Name",
        ]
        .map(NativeKey::new);
        for key in keys.first().into_iter().chain(chosen).chain(&new) {
            for value in [made.as_str(), "", "plain", "Ω é", "a#b", " \"", "<&>"] {
                check_edit(&document, key, value);
            }
            check_removal(&document, key);
        }
    }
    let _ = super::sniff(bytes);
}

/// Checks the laws on a binary file with these bytes behind its header, and on the bytes as such
/// a file. The first byte says what length the header announces.
///
/// # Panics
/// If a law is broken.
pub fn check_binary_file(bytes: &[u8]) {
    let words = bytes.first().copied().unwrap_or_default();
    let header = b"\0\0\0\x0b\x82\xa1\xb2\xc3\r\n\r\n";
    let file = [&[0, 0, 0, words], &header[..], bytes].concat();
    for bytes in [bytes, &file] {
        let document = Document::parse(Dialect::PCodeBinary, bytes);
        check_reading(&document, bytes);
        let last = document
            .settings()
            .last()
            .map(|setting| setting.key.clone());
        let new = NativeKey::new("P99999");
        for key in last.iter().chain([&new]) {
            for value in ["", "plain", "Ω é + %41 &P1=2"] {
                check_edit(&document, key, value);
            }
            check_removal(&document, key);
        }
    }
}

/// A file opens under a password or does not; one that opens closes to the very same bytes, and
/// another text under its seal opens again.
///
/// # Panics
/// If a law is broken.
pub fn check_seal(bytes: &[u8]) {
    let passwords = ["", "secret"].map(crate::wire::Secret::new);
    let salted = [b"Salted__", bytes].concat();
    for file in [bytes, &salted] {
        if let Ok((plain, seal)) = Seal::open(file, &passwords) {
            assert!(seal.close(&plain) == file, "closing changes bytes");
        }
    }
    // `P1 = 2` and a line end, under `secret`.
    let seed: [u8; 16] = 0x6bb9_7aec_8350_439a_5e61_f5b2_27c1_59f9_u128.to_be_bytes();
    let seed = [&b"Salted__\x01\x02\x03\x04\x05\x06\x07\x08"[..], &seed].concat();
    let seed = Seal::open(&seed, &passwords);
    assert!(seed.is_ok(), "the seed does not open");
    let Ok((_, seal)) = seed else { return };
    let closed = seal.close(bytes);
    let is_plain = !bytes.is_empty() && super::lines::is_text(bytes) && bytes.is_ascii();
    if let Ok((plain, again)) = Seal::open(&closed, &passwords) {
        // A few blocks can hold text under another password too, by chance.
        let is_telling = is_plain && bytes.len() >= 64;
        assert!(
            plain == bytes || !is_telling,
            "a closed file opens as another"
        );
        assert!(again.close(&plain) == closed, "closing changes bytes");
    } else {
        assert!(!is_plain, "a closed text does not open");
    }
}

/// Rendering gives the bytes that were read, and each setting in force is found.
///
/// # Panics
/// If a law is broken.
pub fn check_reading(document: &Document, bytes: &[u8]) {
    assert!(document.bytes() == bytes, "rendering changes bytes");
    let in_force: HashMap<_, _> = settings(document).into_iter().collect();
    for (key, value) in in_force {
        let found = document.setting(&key).map(|s| s.value.into_owned());
        assert_eq!(found, Some(value), "{key} is not the last one");
    }
    let _ = (document.declared_mac(), document.root());
    for problem in document.problems() {
        assert!(problem.line > 0 && problem.column > 0);
    }
}

/// An edit either is refused and changes no byte, or reads back, leaves all other settings as they
/// were, and touches no byte outside the setting.
///
/// # Panics
/// If the law is broken.
pub fn check_edit(before: &Document, key: &NativeKey, value: &str) {
    let mut after = before.clone();
    after.make_tables();
    let outcome = after.set(key, value);
    if outcome.is_err() {
        assert!(
            before.bytes() == after.bytes(),
            "a refused edit changes bytes"
        );
        return;
    }
    let read = after.setting(key).map(|s| s.value.into_owned());
    assert_eq!(read.as_deref(), Some(value), "{key} does not read back");
    if before.setting(key).is_some_and(|s| s.value == value) {
        assert!(
            before.bytes() == after.bytes(),
            "an idle edit changes bytes"
        );
    }
    assert_eq!(without_last(before, key), without_last(&after, key));
    assert!(after.is_as_read_anew(), "an edit leaves a stale table");

    if before.bytes() != after.bytes() {
        let mut problems = after.problems().iter();
        let damage = problems.find(|problem| problem.kind.is_damage());
        assert_eq!(damage, None, "an edit leaves a header that is wrong");
    }

    let (start, old) = part_that_edits_splice(before);
    let (_, new) = part_that_edits_splice(&after);
    match before.extent(key) {
        Some(extent) => {
            let extent = extent.start - start..extent.end - start;
            assert!(old[..extent.start] == new[..extent.start]);
            assert!(new.ends_with(&old[extent.end..]));
        }
        None => {
            let same = |(one, other): &(&u8, &u8)| one == other;
            let head = old.iter().zip(new).take_while(same).count();
            let tail = old
                .iter()
                .rev()
                .zip(new.iter().rev())
                .take_while(same)
                .count();
            let opened = before.dialect() == Dialect::PCodeXml;
            let lost = old.len().saturating_sub(head + tail);
            // `<config/>` loses its end when it takes its first element.
            assert!(lost == 0 || (opened && old[head..].trim_ascii_start().starts_with(b"/>")));
        }
    }
}

/// An edit of a binary file also changes its header and the NULs at its end.
fn part_that_edits_splice(document: &Document) -> (usize, &[u8]) {
    let bytes = document.bytes();
    if document.dialect() != Dialect::PCodeBinary {
        return (0, bytes);
    }
    let start = bytes.len().min(16);
    let padding = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
    let end = (bytes.len() - padding).max(start);
    (start, &bytes[start..end])
}

/// After a removal the key is gone and all other settings are as they were; a removal that is not
/// made changes no byte.
///
/// # Panics
/// If the law is broken.
pub fn check_removal(before: &Document, key: &NativeKey) {
    let mut after = before.clone();
    after.make_tables();
    if !after.remove(key) {
        assert!(before.bytes() == after.bytes());
        return;
    }
    assert!(after.is_as_read_anew(), "a removal leaves a stale table");
    assert!(after.setting(key).is_none());
    let mut others = settings(before);
    others.retain(|(other, _)| other != key);
    assert_eq!(others, settings(&after));
}

fn settings(document: &Document) -> Vec<(NativeKey, String)> {
    document
        .settings()
        .map(|setting| (setting.key.clone(), setting.value.into_owned()))
        .collect()
}

fn without_last(document: &Document, key: &NativeKey) -> Vec<(NativeKey, String)> {
    let mut settings = settings(document);
    if let Some(last) = settings.iter().rposition(|(other, _)| other == key) {
        settings.remove(last);
    }
    settings
}
