//! All packs of a process.

use std::sync::Arc;

use super::embedded::EMBEDDED;
use super::error::PackError;
use super::identity::Recognised;
use super::pack::Pack;
use crate::native::FileIdentity;

/// The mapping packs, each compiled once.
#[derive(Debug, Clone)]
pub struct Packs {
    packs: Vec<Arc<Pack>>,
}

impl Packs {
    /// The packs that the program carries.
    ///
    /// # Errors
    /// The first problem in a pack.
    pub fn embedded() -> Result<Self, PackError> {
        Self::with_overrides([])
    }

    /// The packs that the program carries, and an operator's own (file name, text): one replaces
    /// the carried pack of the same vendor, or comes after it.
    ///
    /// # Errors
    /// The first problem in a pack.
    pub fn with_overrides(
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, PackError> {
        let mut packs = Self { packs: Vec::new() };
        for (file, text) in EMBEDDED {
            packs.add(Pack::parse(file, text)?);
        }
        for (file, text) in files {
            packs.add(Pack::parse(&file, &text)?);
        }
        Ok(packs)
    }

    /// All packs.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.packs.iter()
    }

    /// The pack of a vendor, by its short name.
    pub fn by_vendor(&self, vendor: &str) -> Option<&Arc<Pack>> {
        self.packs.iter().find(|pack| pack.vendor() == vendor)
    }

    /// What a file is, by name (without folders) and content. If the rules of several packs fit,
    /// the one that knows the OUI of the MAC address in the name goes first.
    pub fn identify(&self, file_name: &str, content: &[u8]) -> Option<(&Arc<Pack>, FileIdentity)> {
        self.first_that_fits(|pack| pack.identity.identify(file_name, content))
    }

    /// What a file should be by its name (without folders), whatever it holds; chosen in the same
    /// way.
    pub fn identify_by_name(&self, file_name: &str) -> Option<(&Arc<Pack>, FileIdentity)> {
        self.first_that_fits(|pack| pack.identity.identify_by_name(file_name))
    }

    fn first_that_fits(
        &self,
        identify: impl Fn(&Pack) -> Option<FileIdentity>,
    ) -> Option<(&Arc<Pack>, FileIdentity)> {
        let mut first = None;
        for pack in &self.packs {
            let Some(identity) = identify(pack) else {
                continue;
            };
            if identity.mac.is_some_and(|mac| pack.knows_oui(&mac.oui())) {
                return Some((pack, identity));
            }
            first = first.or(Some((pack, identity)));
        }
        first
    }

    /// Whose phone sends a User-Agent, by the first pattern that fits.
    pub fn recognise(&self, user_agent: &str) -> Option<Recognised> {
        self.packs
            .iter()
            .find_map(|pack| pack.identity.recognise(pack.vendor(), user_agent))
    }

    fn add(&mut self, pack: Pack) {
        let same = self
            .packs
            .iter_mut()
            .find(|known| known.vendor == pack.vendor);
        match same {
            Some(known) => *known = Arc::new(pack),
            None => self.packs.push(Arc::new(pack)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::p_code_text;

    fn with_example() -> Packs {
        Packs::with_overrides([("example.toml".to_owned(), p_code_text())]).unwrap()
    }

    #[test]
    fn every_pack_in_the_folder_is_carried() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml"))
            .collect();
        let mut carried: Vec<&str> = EMBEDDED.iter().map(|(file, _)| *file).collect();
        files.sort();
        carried.sort_unstable();
        assert_eq!(carried, files);
    }

    #[test]
    fn the_carried_packs_are_whole() {
        let packs = Packs::embedded().unwrap_or_else(|error| panic!("{error}"));
        for pack in packs.iter() {
            assert!(pack.lens_count() > 50, "{}", pack.vendor());
        }
    }

    #[test]
    fn an_operators_pack_replaces_the_one_of_its_vendor() {
        let carried = Packs::embedded().unwrap().iter().count();
        let packs = with_example();
        assert_eq!(packs.iter().count(), carried + 1);
        let other = p_code_text().replace("version = 3", "version = 4");
        let both = [
            ("example.toml".to_owned(), p_code_text()),
            ("mine.toml".to_owned(), other),
        ];
        let packs = Packs::with_overrides(both).unwrap();
        assert_eq!(packs.iter().count(), carried + 1);
        assert_eq!(packs.by_vendor("example").unwrap().version(), 4);
    }

    #[test]
    fn phones_and_files_are_recognised() {
        let packs = with_example();
        let found = packs
            .recognise("Example X1 1.2.3 02:aa:bb:00:00:01")
            .unwrap();
        assert_eq!(found.vendor, "example");
        assert_eq!(found.model.as_deref(), Some("Example-1"));
        assert_eq!(found.version.as_deref(), Some("1.2.3"));
        let mac = found.mac.unwrap();
        assert_eq!(mac.to_string(), "02aabb000001");
        assert_eq!(packs.recognise("curl/8"), None);
        let (pack, identity) = packs.identify("cfg02aabb000001.txt", b"P1 = 2\n").unwrap();
        assert_eq!((pack.vendor(), identity.mac), ("example", Some(mac)));
        let names: Vec<String> = pack.served_names(mac).collect();
        assert_eq!(names, ["cfg02aabb000001.txt"]);
    }
}
