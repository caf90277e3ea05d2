//! All packs of a process.

use std::sync::Arc;

use super::embedded::EMBEDDED;
use super::error::{PackError, PackProblem};
use super::identity::Recognised;
use super::lens_set::LensSet;
use super::pack::Pack;
use super::pack_file::PackFile;
use super::template_view::Template;
use super::vendor::Vendor;
use super::view::View;
use crate::native::FileIdentity;

/// The mapping packs, each compiled once.
#[derive(Debug, Clone)]
pub struct Packs {
    /// The base packs, for any model.
    packs: Vec<Arc<Pack>>,
    /// The further lens sets, for any model; of one vendor those of an operator go first.
    sets: Vec<Arc<Pack>>,
    /// How lenses for Device:1 show other data models, one each.
    views: Vec<Arc<View>>,
    template: Template,
}

/// Files that are read before they are put together.
#[derive(Default)]
struct Collected {
    bases: Vec<(Arc<Vendor>, Arc<LensSet>)>,
    /// With the name of the vendor.
    sets: Vec<(String, Arc<LensSet>)>,
    views: Vec<Arc<View>>,
}

impl Packs {
    /// The packs that the program carries.
    ///
    /// # Errors
    /// The first problem in a pack.
    pub fn embedded() -> Result<Self, PackError> {
        Self::with_overrides([])
    }

    /// The packs that the program carries, and an operator's own (file name, text): a base pack
    /// replaces the carried one of the same vendor, or comes after it; a lens set replaces the
    /// carried one of the same file name, or goes before it; a view replaces the carried one of the
    /// same data model.
    ///
    /// # Errors
    /// The first problem in a pack.
    pub fn with_overrides(
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, PackError> {
        let mut collected = Collected::default();
        for (file, text) in EMBEDDED {
            collected.add(PackFile::parse(file, text)?, false);
        }
        for (file, text) in files {
            collected.add(PackFile::parse(&file, &text)?, true);
        }
        collected.put_together()
    }

    /// The same packs for another data model.
    #[must_use]
    pub fn with_template(mut self, template: Template) -> Self {
        self.template = template;
        self
    }

    /// The data model that they are for.
    pub fn template(&self) -> Template {
        self.template
    }

    /// The base packs, one a vendor.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.packs.iter()
    }

    /// All that has lenses: the base packs, then the further sets; each for any model.
    pub fn lens_sets(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.packs.iter().chain(&self.sets)
    }

    /// The base pack of a vendor, by its short name: who its phones are and which files they have.
    /// What the settings of a phone mean is [`Self::for_phone`].
    pub fn by_vendor(&self, vendor: &str) -> Option<&Arc<Pack>> {
        self.packs.iter().find(|pack| pack.vendor() == vendor)
    }

    /// The lenses for a phone: of the vendor's sets for the data model the first that names its
    /// model, then one for all models. If there is none, the lenses for Device:1 are taken: through
    /// the view of the data model where there is one. So a vendor without a tree of its own is
    /// shown as Device:1.
    pub fn for_phone(&self, vendor: &str, model: Option<&str>) -> Option<Arc<Pack>> {
        let of_template = self.choose(vendor, model, self.template);
        let (chosen, view) = match of_template {
            Some(chosen) => (chosen, None),
            None => {
                let mut views = self.views.iter();
                let view = views.find(|view| view.template == self.template);
                (self.choose(vendor, model, Template::Device1)?, view)
            }
        };
        let for_any_model = chosen.holds.is_empty() || model.is_none();
        if for_any_model && view.is_none() {
            return Some(Arc::clone(chosen));
        }
        let (vendor, set) = (Arc::clone(&chosen.vendor), Arc::clone(&chosen.set));
        let mut pack = Pack::new(vendor, set, model);
        pack.view = view.map(Arc::clone);
        Some(Arc::new(pack))
    }

    /// The lenses by which a phone's accounts are known whatever data model is shown: those for
    /// Device:1.
    pub fn for_accounts(&self, vendor: &str, model: Option<&str>) -> Option<Arc<Pack>> {
        let chosen = self.choose(vendor, model, Template::Device1)?;
        let (vendor, set) = (Arc::clone(&chosen.vendor), Arc::clone(&chosen.set));
        Some(Arc::new(Pack::new(vendor, set, model)))
    }

    fn choose(&self, vendor: &str, model: Option<&str>, template: Template) -> Option<&Arc<Pack>> {
        let of_template = || {
            let sets = self.sets.iter().chain(&self.packs);
            sets.filter(|pack| pack.vendor() == vendor && pack.template() == template)
        };
        let for_model =
            model.and_then(|model| of_template().find(|pack| pack.set.models.matches(model)));
        for_model.or_else(|| of_template().find(|pack| pack.set.models.is_empty()))
    }

    /// What a file is, by name (without folders) and content. If the rules of several packs fit,
    /// the one that knows the OUI of the MAC address in the name goes first.
    pub fn identify(&self, file_name: &str, content: &[u8]) -> Option<(&Arc<Pack>, FileIdentity)> {
        self.first_that_fits(|pack| pack.vendor.identity.identify(file_name, content))
    }

    /// What a file should be by its name (without folders), whatever it holds; chosen in the same
    /// way.
    pub fn identify_by_name(&self, file_name: &str) -> Option<(&Arc<Pack>, FileIdentity)> {
        self.first_that_fits(|pack| pack.vendor.identity.identify_by_name(file_name))
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
            .find_map(|pack| pack.vendor.identity.recognise(pack.vendor(), user_agent))
    }
}

impl Collected {
    fn add(&mut self, file: PackFile, is_operators: bool) {
        match file {
            PackFile::Base(vendor, set) => {
                let base = (vendor, set);
                let mut known = self.bases.iter_mut();
                match known.find(|(known, _)| known.name == base.0.name) {
                    Some(known) => *known = base,
                    None => self.bases.push(base),
                }
            }
            PackFile::View(view) => {
                let mut known = self.views.iter_mut();
                match known.find(|known| known.template == view.template) {
                    Some(known) => *known = view,
                    None => self.views.push(view),
                }
            }
            PackFile::Further(vendor, set) => {
                let mut known = self.sets.iter_mut();
                match known.find(|(_, known)| known.name == set.name) {
                    Some(known) => *known = (vendor, set),
                    None if is_operators => self.sets.insert(0, (vendor, set)),
                    None => self.sets.push((vendor, set)),
                }
            }
        }
    }

    fn put_together(self) -> Result<Packs, PackError> {
        let mut sets = Vec::new();
        for (name, set) in self.sets {
            let base = self.bases.iter().find(|(vendor, _)| vendor.name == name);
            let Some((vendor, _)) = base else {
                return Err(PackError {
                    file: set.file.clone(),
                    line: 1,
                    column: 1,
                    problem: Box::new(PackProblem::MissingBase { vendor: name }),
                });
            };
            sets.push(Arc::new(Pack::new(Arc::clone(vendor), set, None)));
        }
        let bases = self.bases.into_iter();
        Ok(Packs {
            packs: bases
                .map(|(vendor, set)| Arc::new(Pack::new(vendor, set, None)))
                .collect(),
            sets,
            views: self.views,
            template: Template::default(),
        })
    }
}

#[cfg(test)]
use crate::mapping;

#[cfg(test)]
#[path = "../../tests/fuzz/laws/recognise.rs"]
mod law;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mapping::example::p_code_text;

    #[test]
    fn what_a_phone_is_taken_for_stands_in_what_it_says() {
        let packs = Packs::embedded().unwrap();
        let said = "(Grandstream Model HW GXP2170 SW |Aastra6731i MAC:|Akuvox R50P |Htek UC926 |\
                    Sangoma S500 V|cfg)?[0-9]{0,2}[0-9.]{0,8}( DevId | V:|-SIP| |)\
                    ([0-9a-fA-F]{2}[:.-]?){0,7}(\\.xml|\\.cfg|)\\PC{0,4}";
        proptest!(|(text in said)| law::holds(&packs, &text));
    }

    fn with_example() -> Packs {
        Packs::with_overrides([("example.toml".to_owned(), p_code_text())]).unwrap()
    }

    #[test]
    fn the_seeds_of_the_fuzzer_are_packs() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/seeds/pack");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        });
        let packs = Packs::with_overrides(files).unwrap();
        assert!(packs.by_vendor("seed").is_some() && packs.by_vendor("rows").is_some());
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

    const FAMILY: &str = r#"
[lenses]
of = "example"
models = ['^HT', '^GXW']
version = 7
[[lens]]
path = "Device.X_EX_Hook"
key = "P271"
"#;

    fn with_family() -> Packs {
        Packs::with_overrides([
            ("family.toml".to_owned(), FAMILY.to_owned()),
            ("folder/example.toml".to_owned(), p_code_text()),
        ])
        .unwrap()
    }

    #[test]
    fn a_family_of_models_has_lenses_of_its_own() {
        let packs = with_family();
        let set = |model| packs.for_phone("example", model).unwrap();
        assert_eq!(set(None).id().to_string(), "example/3/device1");
        assert_eq!(set(Some("X1")).id().to_string(), "example/3/device1");
        let family = set(Some("ht801"));
        assert_eq!(family.id().to_string(), "family/7/device1");
        assert_eq!(family.manufacturer(), "Example");
        assert!(family.covers_model("HT801"));
        let key = crate::native::NativeKey::new("P271");
        let rows = crate::mapping::Rows::default();
        let paths = family.parameters_of(&key, &rows);
        assert_eq!(paths.len(), 1);
        assert_eq!(paths[0].as_str(), "Device.X_EX_Hook");
        assert!(packs.for_phone("nobody", None).is_none());
    }

    #[test]
    fn a_vendor_without_a_tree_of_its_own_is_shown_as_device_1() {
        let packs = with_family().with_template(Template::Vendor);
        let set = packs.for_phone("example", Some("HT801")).unwrap();
        assert_eq!(set.id().to_string(), "family/7/device1");
    }

    #[test]
    fn a_set_needs_its_base_pack() {
        let alone = FAMILY.replace("\"example\"", "\"nobody\"");
        let error = Packs::with_overrides([("family.toml".to_owned(), alone)]).unwrap_err();
        let wanted = "family.toml:1:1: there is no base pack of `nobody`";
        assert_eq!(error.to_string(), wanted);
        let without_tree = FAMILY.replace("version", "template = \"vendor\"\nversion");
        let error = Packs::with_overrides([("family.toml".to_owned(), without_tree)]).unwrap_err();
        assert!(error.to_string().contains("example.tsv"), "{error}");
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
