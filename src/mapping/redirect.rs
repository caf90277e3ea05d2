//! Slots whose keys are those of another slot: an account that names a profile, which is one of
//! several accounts' (htek.md 4.1).

use std::sync::Arc;

use super::error::{PackError, PackProblem};
use super::in_force::Found;
use super::index::{Index, index_named};
use super::lens::slot_place;
use super::lens_file::read_key_texts;
use super::section::{Section, Text};
use crate::native::NativeKey;

/// Whose keys count for a slot.
#[derive(Debug)]
pub(super) struct Redirect {
    name: String,
    /// Place of its index in the set.
    index: usize,
    /// The key that says it, by slot; `None`: the slot has its own keys always.
    keys: Vec<Option<NativeKey>>,
    /// The value that means slot 1.
    first: i64,
}

impl Redirect {
    /// The slot whose keys count: the one that the slot's key names, or the slot itself while the
    /// key is absent or says no number. `None`: it names a slot that there is not.
    pub(super) fn slot<'a>(
        &self,
        slot: u32,
        look_up: impl Fn(&NativeKey) -> Option<Found<'a>>,
    ) -> Option<u32> {
        let key = self.keys.get(slot_place(slot)).and_then(Option::as_ref);
        let named = key
            .and_then(look_up)
            .and_then(|found| found.value.trim().parse::<i64>().ok());
        let Some(named) = named else {
            return Some(slot);
        };
        let slot = named.checked_sub(self.first)?.checked_add(1)?;
        let slot = u32::try_from(slot).ok()?;
        (1..=self.keys.len())
            .contains(&(slot as usize))
            .then_some(slot)
    }

    /// Whether a key says whose keys count.
    pub(super) fn is_said_by(&self, key: &NativeKey) -> bool {
        self.keys.iter().flatten().any(|known| known == key)
    }
}

/// Reads the `[[redirect]]` tables.
pub(super) fn read_redirects(
    top: &Section<'_>,
    indexes: &[Index],
) -> Result<Vec<Arc<Redirect>>, PackError> {
    let mut redirects = Vec::new();
    for section in top.sections("redirect", "a redirect")? {
        let name = section.required("name", section.text("name")?)?;
        let index = section.required("index", section.text("index")?)?;
        let index = index_named(&section, indexes, &index)?;
        let key = section.required("key", section.value("key"))?;
        let keys = read_key_texts(&section, key, indexes.get(index).map(Index::as_name))?;
        let keys = keys.texts.iter();
        let keys = keys.map(|text| (!text.is_empty()).then(|| NativeKey::new(text)));
        redirects.push(Arc::new(Redirect {
            name: name.value.into_owned(),
            index,
            keys: keys.collect(),
            first: section.number("first")?.unwrap_or(1),
        }));
        section.finish()?;
    }
    Ok(redirects)
}

/// The redirects of a lens's keys, in order: `redirect` for all of them, or `redirects` with one
/// for every key, "" for a key that has none.
pub(super) fn redirects_of(
    section: &Section<'_>,
    redirects: &[Arc<Redirect>],
    index: Option<usize>,
    keys: usize,
) -> Result<Vec<Option<Arc<Redirect>>>, PackError> {
    let named = |text: &Text<'_>| -> Result<Option<Arc<Redirect>>, PackError> {
        if text.value.is_empty() {
            return Ok(None);
        }
        let of_index = redirects
            .iter()
            .filter(|redirect| Some(redirect.index) == index);
        let found = of_index.clone().find(|known| known.name == text.value);
        found.cloned().map(Some).ok_or_else(|| {
            let problem = PackProblem::UnknownWord {
                what: "redirect of the lens's index",
                seen: text.value.clone().into_owned(),
                allowed: of_index.map(|known| known.name.clone()).collect(),
            };
            section.error(&text.span, problem)
        })
    };
    if let Some(text) = section.text("redirect")? {
        return Ok(vec![named(&text)?; keys]);
    }
    let Some(texts) = section.texts("redirects")? else {
        return Ok(vec![None; keys]);
    };
    if texts.len() != keys {
        let problem = PackProblem::UnequalLists {
            key: "redirects",
            seen: texts.len(),
            wanted: keys,
            beside: "keys",
        };
        return Err(section.error(&section.span, problem));
    }
    texts.iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use crate::mapping::Pack;
    use crate::mapping::example::{Phone, layer};
    use crate::mapping::example_patch::PATCH;
    use crate::native::{Dialect, LayerKind};

    /// The made-up pack, with a server that belongs to a profile and a URI that does in part.
    fn text() -> String {
        let lenses = r#"
[[redirect]]
name = "profile"
index = "account"
key = ["P70", "P71", ""]
first = 0
[[lens]]
path = "VP.X_EX_Profile"
key = ["P70", "P71", ""]
convert = "integer"
type = "unsignedInt"
[[lens]]
path = "VP.SIP.RegistrarServer"
key = ["P47", "P402", ""]
convert = "host"
redirect = "profile"
[[lens]]
path = "L.SIP.URI"
keys = [["P36", "P405", "P505"], ["P47", "P402", ""]]
convert = "uri"
redirects = ["", "profile"]
[[lens]]
path = "VP.X_EX_Timer"
key = ["P81", "P82", "P83"]
redirect = "profile"
only_if_set = true
"#;
        format!("{PATCH}{lenses}")
    }

    fn phone(own: &str) -> Phone {
        let own = layer("02AABB000001.cfg", LayerKind::Phone, Dialect::KeyValue, own);
        Phone::new(&text(), vec![own])
    }

    const SHARED: &str = "P404: 2002\nP405: u2\nP47: one.example.net\nP71: 0\nP81: 30\n";

    #[test]
    fn an_account_shows_the_server_of_the_profile_that_it_names() {
        let shared = phone(SHARED);
        assert_eq!(shared.value("VP2.SIP.RegistrarServer"), "one.example.net");
        assert_eq!(shared.value("L2.SIP.URI"), "sip:u2@one.example.net");
        assert_eq!(shared.value("VP2.X_EX_Timer"), "30");
        let own = phone("P402: two.example.net\nP404: 2\n");
        assert_eq!(own.value("VP2.SIP.RegistrarServer"), "two.example.net");
    }

    #[test]
    fn without_a_profile_there_is_no_server_to_show() {
        for named in ["P71: 2\n", "P71: 9\n", "P71: -1\n"] {
            let phone = phone(&format!("P402: two.example.net\n{named}"));
            assert!(phone.parameter("VP2.SIP.RegistrarServer").is_none());
        }
        let third = phone("P504: 3\nP505: u3\n");
        assert!(third.parameter("VP3.SIP.RegistrarServer").is_none());
    }

    #[test]
    fn a_server_is_written_where_it_is_read() {
        let mut phone = phone(SHARED);
        phone
            .set(&[("VP2.SIP.RegistrarServer", "new.example.net")])
            .unwrap();
        assert_eq!(phone.own(), SHARED.replace("one.example", "new.example"));
        assert_eq!(phone.value("VP1.SIP.RegistrarServer"), "new.example.net");
        let apart = [
            ("VP1.SIP.RegistrarServer", "a.example.net"),
            ("VP2.SIP.RegistrarServer", "b.example.net"),
        ];
        assert!(phone.set(&apart).is_err());
    }

    #[test]
    fn a_profile_of_its_own_and_its_server_can_be_set_at_once() {
        for turned in [false, true] {
            let mut phone = phone(SHARED);
            let mut changes = [
                ("VP2.SIP.RegistrarServer", "two.example.net"),
                ("VP2.X_EX_Profile", "1"),
            ];
            if turned {
                changes.reverse();
            }
            phone.set(&changes).unwrap();
            assert_eq!(phone.value("VP1.SIP.RegistrarServer"), "one.example.net");
            assert_eq!(phone.value("VP2.SIP.RegistrarServer"), "two.example.net");
        }
    }

    #[test]
    fn a_table_may_stop_where_only_few_slots_have_keys() {
        let short = text().replace("slots = 3\n", "slots = 5\nlisted = 3\n");
        let own = layer(
            "02AABB000001.cfg",
            LayerKind::Phone,
            Dialect::KeyValue,
            SHARED,
        );
        let phone = Phone::new(&short, vec![own]);
        assert_eq!(phone.value("VP2.SIP.RegistrarServer"), "one.example.net");
        let wrong = text().replace("slots = 3\n", "slots = 5\nlisted = 2\n");
        assert!(Pack::parse("example.toml", &wrong).is_err());
    }

    #[test]
    fn a_redirect_that_the_index_does_not_have_is_refused() {
        let wrong = text().replace("redirect = \"profile\"\nonly", "redirect = \"prof\"\nonly");
        let error = Pack::parse("example.toml", &wrong).unwrap_err();
        assert!(error.to_string().contains("redirect of the lens's index"));
        let short = text().replace("[\"\", \"profile\"]", "[\"profile\"]");
        assert!(Pack::parse("example.toml", &short).is_err());
    }
}
