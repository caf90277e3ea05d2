//! Native keys: the names that phones' own files give to settings.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use super::{charset, dialect};

/// A native key in its normal form: `P271`, `sip line1 auth name`.
///
/// P-codes are written with an upper-case `P`; every other key is compared without regard to
/// case, so its normal form is lower case (vendor sheets, aastra.md 1.1). The spelling that stands
/// in a file stays there: a document keeps its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NativeKey(Box<str>);

impl NativeKey {
    /// The key with this name. Blanks around the name do not belong to it.
    pub fn new(name: &str) -> Self {
        let name = name.trim();
        if !name.is_ascii() {
            return Self(name.to_lowercase().into());
        }
        let mut normal: Box<str> = name.into();
        if is_p_code_of_any_case(name.as_bytes()) {
            normal.make_ascii_uppercase();
        } else {
            normal.make_ascii_lowercase();
        }
        Self(normal)
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a P-code.
    pub(super) fn is_p_code(&self) -> bool {
        is_p_code(self.0.as_bytes())
    }
}

/// A key as it stands in a file. It is hashed and compared as its normal form would be; that is
/// made only for keys that are rare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrittenKey<'a> {
    /// What stands before the dot; empty if the key stands in one piece.
    pub(super) prefix: &'a [u8],
    pub(super) name: &'a [u8],
    /// Whether entities in it stand for characters.
    pub(super) escaped: bool,
}

/// Hash of the normal form of a key, the same in every document of a run. It is seeded at random,
/// so that no file can be made of keys that collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyHash(pub(super) u64);

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl KeyHash {
    /// Of a key in its normal form.
    pub(super) fn of(key: &NativeKey) -> Self {
        Self::of_folding(key.as_str().as_bytes())
    }

    /// Takes the name in words of eight bytes. Nothing but upper and lower case falls together:
    /// the seed does not keep apart what is the same before it is hashed.
    fn of_folding(name: &[u8]) -> Self {
        let mut hasher = SEED.build_hasher();
        let (words, _) = name.as_chunks();
        for word in words {
            hasher.write_u64(lower_case(u64::from_ne_bytes(*word)));
        }
        hasher.write_u64(lower_case(last_word(name)));
        hasher.write_usize(name.len());
        Self(hasher.finish())
    }
}

fn lower_case(word: u64) -> u64 {
    u64::from_ne_bytes(word.to_ne_bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// The last eight bytes, or all of fewer, without a look at each: parts may overlap.
fn last_word(name: &[u8]) -> u64 {
    if let Some(last) = name.last_chunk() {
        return u64::from_ne_bytes(*last);
    }
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let [first, last] = [first, last].map(|half| u64::from(u32::from_ne_bytes(*half)));
        return first << 32 | last;
    }
    let byte = |at: usize| u64::from(name.get(at).copied().unwrap_or_default());
    byte(0) << 16 | byte(name.len() / 2) << 8 | byte(name.len().saturating_sub(1))
}

impl<'a> WrittenKey<'a> {
    /// The key's hash.
    pub(super) fn hash(self) -> KeyHash {
        match self.simple() {
            Some(name) => KeyHash::of_folding(name),
            None => KeyHash::of(&self.normal()),
        }
    }

    /// Whether it is this key.
    pub(super) fn is(self, key: &NativeKey) -> bool {
        match self.simple() {
            Some(name) => name.eq_ignore_ascii_case(key.as_str().as_bytes()),
            None => self.normal() == *key,
        }
    }

    /// Whether both are one key.
    pub(super) fn is_same(self, other: WrittenKey<'_>) -> bool {
        match (self.simple(), other.simple()) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => self.normal() == other.normal(),
        }
    }

    /// Whether nothing is left of it in its normal form.
    pub(super) fn is_empty(self) -> bool {
        self.simple().is_none() && self.normal().as_str().is_empty()
    }

    /// The normal form.
    pub(super) fn normal(self) -> NativeKey {
        NativeKey::new(&self.text())
    }

    /// The key as it is written, in one piece.
    pub(super) fn text(self) -> Cow<'a, str> {
        if self.prefix.is_empty() {
            return self.piece(self.name);
        }
        let (prefix, name) = (self.piece(self.prefix), self.piece(self.name));
        Cow::Owned(format!("{prefix}.{name}"))
    }

    /// What a piece of it stands for.
    pub(super) fn piece(self, written: &'a [u8]) -> Cow<'a, str> {
        let text = charset::decode(written);
        if self.escaped {
            return dialect::resolve_entities(text);
        }
        text
    }

    /// The name, if its normal form differs from it by the case of ASCII letters at most.
    fn simple(self) -> Option<&'a [u8]> {
        let (first, last) = (*self.name.first()?, *self.name.last()?);
        // What blanks are beyond ASCII matters to other names only.
        let simple = self.prefix.is_empty()
            && !self.escaped
            && first > b' '
            && last > b' '
            && self.name.is_ascii();
        simple.then_some(self.name)
    }
}

/// Whether a name is a P-code as files write it: `P` and digits.
pub(super) fn is_p_code(name: &[u8]) -> bool {
    name.first() == Some(&b'P') && is_p_code_of_any_case(name)
}

fn is_p_code_of_any_case(name: &[u8]) -> bool {
    let Some((b'P' | b'p', number)) = name.split_first() else {
        return false;
    };
    !number.is_empty() && number.iter().all(u8::is_ascii_digit)
}

impl fmt::Display for NativeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for NativeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        assert_eq!(NativeKey::new("p271").as_str(), "P271");
        assert_eq!(
            NativeKey::new(" QoS eth port 1 priority").as_str(),
            "qos eth port 1 priority"
        );
        assert_eq!(NativeKey::new("P2x").as_str(), "p2x");
    }

    #[test]
    fn keys_that_differ_by_more_than_case_do_not_collide() {
        let of = |name: &str| KeyHash::of_folding(name.as_bytes()).0;
        let two = |number: u32, zero: &str, one: &str| {
            let digits = format!("{number:018b}");
            of(&digits.replace('0', zero).replace('1', one))
        };
        // In each pair one bit differs: that which tells upper from lower case of letters.
        for (zero, one) in [("[", "{"), ("@", "`"), ("^", "~"), ("_", "\u{7f}")] {
            let hashes: std::collections::HashSet<u64> =
                (0..4096).map(|number| two(number, zero, one)).collect();
            assert_eq!(hashes.len(), 4096, "{zero} {one}");
        }
        for (one, other) in [("[", "{"), ("a[", "a{"), ("abcd[", "abcd{")] {
            assert_ne!(of(one), of(other));
        }
    }

    #[test]
    fn a_written_key_hashes_and_compares_as_its_normal_form() {
        let written = [
            "p271",
            "P271",
            "P2x",
            "p2X",
            "p",
            "\u{7f}a\u{1}b",
            "Config.Account1.GENERAL.Enable",
            "Config.Account1.GENERAL.Enabled",
            "Tone Set",
            "tone set",
            "\u{c}tone set",
            "tone[set",
            "TONE{SET",
            "\u{212a}ey",
            "Key",
            "KEY ",
            "\u{a0}",
            "",
            "ÄÖ",
            "äö",
            "a.b",
            "A.B",
            "\u{1b}",
            "; ",
            ";",
            "kk\u{301}",
        ];
        let long = "Long".repeat(40);
        let plain = written.into_iter().chain([long.as_str()]);
        let mut keys: Vec<WrittenKey<'_>> = plain
            .map(|name| WrittenKey {
                prefix: b"",
                name: name.as_bytes(),
                escaped: false,
            })
            .collect();
        keys.push(WrittenKey {
            prefix: b"A",
            name: b"b",
            escaped: false,
        });
        keys.push(WrittenKey {
            prefix: b"",
            name: b"\xc4\xf6",
            escaped: false,
        });
        for one in &keys {
            assert!(one.is(&one.normal()));
            assert_eq!(one.hash(), KeyHash::of(&one.normal()), "{one:?}");
            assert_eq!(one.is_empty(), one.normal().as_str().is_empty());
            for other in &keys {
                let same = one.normal() == other.normal();
                assert_eq!(one.is_same(*other), same, "{one:?} {other:?}");
                assert_eq!(one.is(&other.normal()), same, "{one:?} {other:?}");
                assert!(!same || one.hash() == other.hash());
            }
        }
    }
}
