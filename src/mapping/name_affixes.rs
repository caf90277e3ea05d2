//! What stands before and after the names of the files that a phone asks for, if its settings say
//! so (grandstream.md 2, P234 and P235).

use super::pack::Pack;
use super::packs::Packs;
use crate::native::{Document, FileIdentity, NativeKey, WrappedName};
use std::sync::Arc;

/// The settings that say it.
#[derive(Debug, Default)]
pub(super) struct NameKeys {
    pub(super) prefix: Option<NativeKey>,
    pub(super) postfix: Option<NativeKey>,
}

/// What a file sets of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameAffixes {
    /// What stands before the name.
    pub prefix: Option<String>,
    /// What stands after it.
    pub postfix: Option<String>,
}

impl NameAffixes {
    /// The same, and where nothing is set what another file sets.
    fn or(&self, other: &Self) -> Self {
        Self {
            prefix: self.prefix.clone().or_else(|| other.prefix.clone()),
            postfix: self.postfix.clone().or_else(|| other.postfix.clone()),
        }
    }

    fn are_round(&self, name: &WrappedName) -> bool {
        let is = |set: &Option<String>, seen: &str| set.as_deref().unwrap_or_default() == seen;
        is(&self.prefix, &name.prefix) && is(&self.postfix, &name.postfix)
    }
}

impl Pack {
    /// Whether a setting can put something before or after the names of the vendor's files.
    pub fn wraps_names(&self) -> bool {
        let keys = &self.vendor.name_keys;
        keys.prefix.is_some() || keys.postfix.is_some()
    }

    /// What a file says about the names of files.
    pub fn name_affixes(&self, document: &Document) -> NameAffixes {
        let value = |key: &Option<NativeKey>| {
            let value = self.value_in(document, key.as_ref()?)?;
            (!value.is_empty()).then(|| value.into_owned())
        };
        let keys = &self.vendor.name_keys;
        NameAffixes {
            prefix: value(&keys.prefix),
            postfix: value(&keys.postfix),
        }
    }

    /// What a file is that is known to be a phone's own: by the bare names, or by a name with
    /// something before and after it.
    pub fn identify_own(&self, file_name: &str, content: &[u8]) -> Option<FileIdentity> {
        let bare = self.identify(file_name, content);
        bare.or_else(|| {
            let mut wrapped = self.wrapped(file_name, content);
            wrapped.next().map(|wrapped| wrapped.identity)
        })
    }

    fn wrapped<'a>(
        &'a self,
        file_name: &'a str,
        content: &'a [u8],
    ) -> impl Iterator<Item = WrappedName> + 'a {
        let rules = self.wraps_names().then_some(&self.vendor.identity.files);
        let rules = rules.into_iter().flatten();
        rules.filter_map(|rule| rule.identify_wrapped(file_name, content))
    }
}

impl Packs {
    /// What a file is whose name has something before or after a phone's own file name, if the
    /// file itself or one that phones share beside it says that their files are named so. `shared`
    /// gives what the shared files say to phones of a vendor. Backup copies are named in the same
    /// way, and nothing says that phones ask for them.
    pub fn identify_wrapped<'s>(
        &self,
        file_name: &str,
        content: &[u8],
        shared: impl Fn(&str) -> &'s [NameAffixes],
    ) -> Option<(&Arc<Pack>, FileIdentity)> {
        self.iter().find_map(|pack| {
            let mut wrapped = pack.wrapped(file_name, content);
            let found = wrapped.find(|wrapped| {
                let document = Document::parse(wrapped.identity.dialect, content);
                let own = pack.name_affixes(&document);
                let shared = shared(pack.vendor());
                own.are_round(wrapped)
                    || shared.iter().any(|shared| {
                        shared.are_round(wrapped) || own.or(shared).are_round(wrapped)
                    })
            })?;
            Some((pack, found.identity))
        })
    }

    /// What such a file would be, whatever anything says: for whose password may open it.
    pub fn identify_wrapped_by_name(&self, file_name: &str) -> Option<(&Arc<Pack>, FileIdentity)> {
        let mut packs = self.iter().filter(|pack| pack.wraps_names());
        packs.find_map(|pack| {
            let mut rules = pack.vendor.identity.files.iter();
            let wrapped = rules.find_map(|rule| rule.identify_wrapped_by_name(file_name))?;
            Some((pack, wrapped.identity))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::p_code_text;

    fn identified(name: &str, content: &str, shared: &[NameAffixes]) -> Option<String> {
        let names = "[names]\nprefix_key = \"P81\"\npostfix_key = \"P82\"\n[[file]]";
        let pack = p_code_text().replacen("[[file]]", names, 1);
        let packs = Packs::with_overrides([("example.toml".to_owned(), pack)]).unwrap();
        let shared = |vendor: &str| if vendor == "example" { shared } else { &[] };
        let (_, found) = packs.identify_wrapped(name, content.as_bytes(), shared)?;
        Some(found.mac?.to_string())
    }

    #[test]
    fn a_name_with_more_round_it_needs_a_setting_that_says_so() {
        let mac = Some("02aabb000001".to_owned());
        let name = "site-cfg02aabb000001.txt.v2";
        let own = "P81 = site-\nP82 = .v2\n";
        assert_eq!(identified(name, own, &[]), mac);
        for other in ["P1 = 1\n", "P81 = site-\n", "P81 = site-\nP82 = .v3\n"] {
            assert_eq!(identified(name, other, &[]), None, "{other}");
        }
        let shared = |prefix: &str, postfix: &str| {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            [NameAffixes {
                prefix: text(prefix),
                postfix: text(postfix),
            }]
        };
        assert_eq!(identified(name, "P1 = 1\n", &shared("site-", ".v2")), mac);
        assert_eq!(identified(name, "P82 = .v2\n", &shared("site-", "")), mac);
        assert_eq!(identified(name, "P1 = 1\n", &shared("site-", "")), None);
    }

    #[test]
    fn backup_copies_are_nobodys() {
        for name in ["cfg02aabb000001.txt.bak", "old-cfg02aabb000001.txt"] {
            for content in ["P1 = 1\n", "P81 = \nP82 = \n", "P81 = site-\n"] {
                assert_eq!(identified(name, content, &[]), None, "{name} {content}");
            }
        }
    }
}
