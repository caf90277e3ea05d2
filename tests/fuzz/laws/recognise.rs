//! Whatever a phone says it is and whatever name it asks for, what is read of it stands in the text:
//! nobody is taken for a phone whose MAC he has not named. A MAC may be written in either case, and
//! with colons, hyphens or dots.

use super::mapping::Packs;

pub(crate) fn holds(packs: &Packs, text: &str) {
    let digits: String = text
        .chars()
        .filter(|character| !matches!(character, ':' | '-' | '.'))
        .collect();
    let digits = digits.to_ascii_lowercase();
    if let Some(said) = packs.recognise(text) {
        assert!(packs.by_vendor(&said.vendor).is_some());
        assert!(said.version.is_none_or(|version| text.contains(&version)));
        assert!(said.mac.is_none_or(|mac| digits.contains(&mac.to_string())));
    }
    if let Some((_, identity)) = packs.identify_by_name(text) {
        let mac = identity.mac;
        assert!(mac.is_none_or(|mac| digits.contains(&mac.to_string())));
    }
}
