//! Which known words a word may have been meant for.

use std::collections::BTreeSet;

use super::explain::path_of;
use super::pack::Pack;

/// Longest word that is compared.
const MAX_LENGTH: usize = 256;
/// Most words that are named.
const MOST: usize = 6;

/// The words of some packs that are nearest to one that none knows: those that hold it first, then
/// those that differ in few letters.
pub fn nearest<'p>(packs: impl IntoIterator<Item = &'p Pack>, what: &str) -> Vec<String> {
    let what = what.trim().to_lowercase();
    if what.is_empty() || what.len() > MAX_LENGTH {
        return Vec::new();
    }
    let known: BTreeSet<String> = packs.into_iter().flat_map(Pack::words).collect();
    let mut found: Vec<(usize, String)> = known
        .into_iter()
        .filter_map(|word| Some((distance(&what, &word.to_lowercase())?, word)))
        .collect();
    found.sort();
    // Of words that differ in numbers only, the first says it all; codes are nothing but numbers.
    let mut forms = BTreeSet::new();
    found.retain(|(_, word)| {
        let is_code = !word.contains(['.', ' ', '_']);
        is_code || forms.insert(word.replace(|part: char| part.is_ascii_digit(), ""))
    });
    found.into_iter().take(MOST).map(|(_, word)| word).collect()
}

/// How far two words are from each other; `None`: too far to be meant.
fn distance(what: &str, word: &str) -> Option<usize> {
    let allowed = (what.chars().count() / 4).max(1);
    if what.len() > 3 && word.contains(what) {
        return Some(0);
    }
    if what.len().abs_diff(word.len()) > allowed * 4 {
        return None;
    }
    let distance = strsim::damerau_levenshtein(what, word);
    (distance <= allowed).then_some(distance)
}

impl Pack {
    /// Every key, alias and path that it knows.
    fn words(&self) -> impl Iterator<Item = String> {
        let keys = self.set.by_key.keys();
        let keys = keys.map(|key| self.spelling(key).to_owned());
        let aliases = self.set.aliases.texts().map(str::to_owned);
        let faces = self.set.lenses.iter().flat_map(|lens| &lens.faces);
        keys.chain(aliases).chain(faces.map(path_of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::key_value_text;
    use crate::mapping::example_patch::PATCH;

    #[test]
    fn a_slip_finds_the_word() {
        let pack = |text: &str| Pack::parse("example.toml", text).unwrap();
        let (keys, patch) = (pack(&key_value_text()), pack(PATCH));
        let first = |what: &str| nearest([&keys, &patch], what).into_iter().next();
        assert_eq!(
            first("sip line1 proxi ip").as_deref(),
            Some("sip line1 proxy ip")
        );
        assert_eq!(
            first("account.1.sip.usrid").as_deref(),
            Some("account.1.sip.userid")
        );
        assert_eq!(
            first("AuthUserName").as_deref(),
            Some("Device.Services.VoiceService.1.VoiceProfile.{i}.Line.1.SIP.AuthUserName")
        );
        assert_eq!(first("nothing like it"), None);
        assert_eq!(first(""), None);
        assert_eq!(first(&"x".repeat(100_000)), None);
    }
}
