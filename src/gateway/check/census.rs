//! What is counted over a tree.

use std::collections::BTreeMap;
use std::collections::hash_map::{DefaultHasher, Entry, HashMap};
use std::hash::{Hash as _, Hasher as _};

use crate::gateway::report::{Finding, FindingKind, UnknownKey, Weight};
use crate::native::{Mac, NativeKey};

/// Unknown keys that are named in the summary; all of them can be listed.
const NAMED_UNKNOWN_KEYS: usize = 20;
/// Different unknown keys that are told apart. A tree with more is no tree of settings.
const MAX_UNKNOWN_KEYS: usize = 200_000;

/// Findings: all are counted; problems are kept, and what is to be listed.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) counts: BTreeMap<FindingKind, u64>,
    pub(super) findings: Vec<Finding>,
}

impl Notes {
    /// Counts a finding, and keeps it if somebody will see it.
    pub(super) fn note(
        &mut self,
        listed: Option<FindingKind>,
        kind: FindingKind,
        finding: impl FnOnce() -> Finding,
    ) {
        *self.counts.entry(kind).or_default() += 1;
        if kind.weight() == Weight::Problem || listed == Some(kind) {
            self.findings.push(finding());
        }
    }

    pub(super) fn take(&mut self, other: Notes) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        self.findings.extend(other.findings);
    }
}

/// A secret as it is compared: never the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(secret: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        secret.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// A secret of a phone, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct SecretPlace {
    pub(super) mac: Mac,
    pub(super) fingerprint: Fingerprint,
    /// Boxed: there are as many of these as secrets in a fleet.
    pub(super) finding: Option<Box<Finding>>,
}

/// Which phones have the same secrets.
#[derive(Debug, Default)]
pub(super) struct Reuse {
    /// The first phone that has a secret, and how many others do.
    uses: HashMap<Fingerprint, (Mac, u64)>,
    places: Vec<SecretPlace>,
    in_several: HashMap<Fingerprint, u64>,
}

impl Reuse {
    /// Takes the secrets of one phone; a secret that it has at several places counts once for the
    /// comparison.
    pub(super) fn take(&mut self, places: Vec<SecretPlace>) {
        for place in places {
            let first = self.uses.entry(place.fingerprint);
            let (mac, count) = first.or_insert((place.mac, 0));
            *count += 1;
            if *mac != place.mac {
                self.in_several.insert(place.fingerprint, *count);
            } else if let Some(seen) = self.in_several.get_mut(&place.fingerprint) {
                *seen = *count;
            }
            if place.finding.is_some() {
                self.places.push(place);
            }
        }
    }

    /// The places whose secret stands in another phone's file too.
    pub(super) fn into_notes(self) -> Notes {
        let mut notes = Notes::default();
        let count: u64 = self.in_several.values().sum();
        if count > 0 {
            notes.counts.insert(FindingKind::ReusedPassword, count);
        }
        for place in self.places {
            if let (Some(uses), Some(mut finding)) =
                (self.in_several.get(&place.fingerprint), place.finding)
            {
                finding.message = format!("{}: it stands at {uses} places", finding.message);
                notes.findings.push(*finding);
            }
        }
        notes
    }
}

/// A key that no lens covers, and where a phone has it.
#[derive(Debug)]
pub(super) struct KeyPlace {
    pub(super) key: NativeKey,
    pub(super) file: String,
    pub(super) line: u32,
}

/// How many phones have a key that no lens covers.
#[derive(Debug, Default)]
pub(super) struct UnknownKeys {
    uses: HashMap<(String, NativeKey), KeyUse>,
    /// Uses of keys past [`MAX_UNKNOWN_KEYS`].
    untold: u64,
}

/// The phones that have a key, and the first place of it.
#[derive(Debug)]
struct KeyUse {
    phones: u64,
    file: String,
    line: u32,
}

impl UnknownKeys {
    pub(super) fn take(&mut self, vendor: &str, keys: Vec<KeyPlace>) {
        for KeyPlace { key, file, line } in keys {
            let known = self.uses.len();
            match self.uses.entry((vendor.to_owned(), key)) {
                Entry::Occupied(mut seen) => seen.get_mut().phones += 1,
                Entry::Vacant(_) if known >= MAX_UNKNOWN_KEYS => self.untold += 1,
                Entry::Vacant(free) => {
                    let phones = 1;
                    free.insert(KeyUse { phones, file, line });
                }
            }
        }
    }

    /// The most used first, and the first of them for the summary.
    pub(super) fn ranked(self, listed: Option<FindingKind>) -> (Vec<UnknownKey>, Notes) {
        let mut ranked: Vec<((String, NativeKey), KeyUse)> = self.uses.into_iter().collect();
        ranked.sort_by(|(one, one_use), (other, other_use)| {
            let by_use = other_use.phones.cmp(&one_use.phones);
            by_use.then_with(|| one.cmp(other))
        });
        let mut notes = Notes::default();
        for ((vendor, key), found) in &ranked {
            notes.note(listed, FindingKind::UnknownKey, || {
                let message = format!("`{key}` of {vendor}, phones with it: {}", found.phones);
                let finding = Finding::of_file(FindingKind::UnknownKey, &found.file, message);
                finding.on_line(found.line)
            });
        }
        if self.untold > 0 {
            notes.note(listed, FindingKind::UnknownKey, || {
                let message = format!(
                    "{} more uses, of keys past the first {MAX_UNKNOWN_KEYS}",
                    self.untold
                );
                Finding::of_file(FindingKind::UnknownKey, ".", message)
            });
        }
        let named = ranked.into_iter().take(NAMED_UNKNOWN_KEYS);
        let named = named.map(|((vendor, key), found)| UnknownKey {
            vendor,
            key: key.to_string(),
            phones: found.phones,
        });
        (named.collect(), notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(mac: &str, secret: &str) -> SecretPlace {
        SecretPlace {
            mac: mac.parse().unwrap(),
            fingerprint: Fingerprint::of(secret),
            finding: Some(Box::new(Finding::of_file(
                FindingKind::ReusedPassword,
                mac,
                "P34",
            ))),
        }
    }

    #[test]
    fn a_secret_is_reused_when_two_phones_have_it() {
        let mut reuse = Reuse::default();
        let (one, two) = ("000b82000001", "000b82000002");
        reuse.take(vec![place(one, "a"), place(one, "a"), place(one, "b")]);
        assert!(reuse.in_several.is_empty());
        reuse.take(vec![place(two, "a"), place(two, "c"), place(two, "a")]);
        let notes = reuse.into_notes();
        assert_eq!(notes.counts[&FindingKind::ReusedPassword], 4);
        assert_eq!(notes.findings.len(), 4);
        assert!(notes.findings[0].message.contains("4 places"));
    }

    #[test]
    fn what_is_used_most_stands_first() {
        let mut keys = UnknownKeys::default();
        let key = |name: &str| KeyPlace {
            key: NativeKey::new(name),
            file: "a.txt".to_owned(),
            line: 3,
        };
        keys.take("b", vec![key("P1"), key("P2")]);
        keys.take("a", vec![key("P2")]);
        keys.take("b", vec![key("P2")]);
        let (ranked, notes) = keys.ranked(None);
        let shown: Vec<String> = ranked
            .iter()
            .map(|key| format!("{} {} {}", key.vendor, key.key, key.phones))
            .collect();
        assert_eq!(shown, ["b P2 2", "a P2 1", "b P1 1"]);
        assert_eq!(notes.counts[&FindingKind::UnknownKey], 3);
        assert!(notes.findings.is_empty());
    }
}
