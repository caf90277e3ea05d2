//! The phones of a fleet and their files, each by its number: nothing is kept, so a million cost no
//! memory.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::makers::{Form, Maker, SHARED, makers};
use super::template::Template;
use crate::native::Mac;

/// Of so many phones, one is odd in each of the ways of [`Oddity`].
const ODD_EVERY: u64 = 500;
/// Sites of the company; each has servers of its own.
const SITES: u64 = 24;
/// One phone in so many has the keys of a meeting room.
const MEETING_EVERY: u64 = 4;

/// A fleet of a number of phones. The same seed gives the same fleet.
pub struct Fleet {
    seed: u64,
    phones: u64,
    makers: [Maker; 4],
}

/// What is wrong with a phone or its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// A line of the file has no form.
    BrokenLine,
    /// A key stands in the file twice, with two values.
    DuplicateKey,
    /// The phone says a model that nobody knows.
    UnknownModel,
    /// Beside the file lies one that no phone asks for.
    Orphan,
}

/// A phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetPhone {
    /// Its address.
    pub mac: Mac,
    /// The name of its file in the tree, under which it also asks for it.
    pub file_name: String,
    /// How it names itself when it asks.
    pub user_agent: String,
    /// What is odd about it.
    pub oddity: Option<Oddity>,
}

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetFile {
    /// Its name; a fleet's tree is flat.
    pub name: String,
    /// Its bytes.
    pub content: String,
}

impl Fleet {
    /// A fleet of so many phones, at most 64 million.
    pub fn new(seed: u64, phones: u64) -> Self {
        Self {
            seed,
            phones,
            makers: makers(),
        }
    }

    /// How many phones it has.
    pub fn len(&self) -> u64 {
        self.phones
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.phones == 0
    }

    /// The phone of this number, from 0.
    pub fn phone(&self, number: u64) -> FleetPhone {
        let maker = self.maker(number);
        let mac = self.mac(number, maker);
        let mut random = Random::of(self.seed, number);
        let (model, _) = model(&mut random, maker);
        let oddity = oddity(number);
        let model = match oddity {
            Some(Oddity::UnknownModel) => "X9000",
            _ => model,
        };
        FleetPhone {
            mac,
            file_name: maker.file_name(mac),
            user_agent: maker.user_agent(model, mac),
            oddity,
        }
    }

    /// The file of this phone, and what lies beside it.
    pub fn files_of(&self, number: u64) -> Vec<FleetFile> {
        let maker = self.maker(number);
        let mac = self.mac(number, maker);
        let mut random = Random::of(self.seed, number);
        let (_, template) = model(&mut random, maker);
        let values = Values::of(&mut random, number);
        let mut content = template.fill(|name, text| values.write(name, mac, text));
        let oddity = oddity(number);
        match oddity {
            Some(Oddity::BrokenLine) => break_line(&mut content, maker.form),
            Some(Oddity::DuplicateKey) => duplicate_key(&mut content, maker.form),
            Some(Oddity::UnknownModel | Oddity::Orphan) | None => {}
        }
        let name = maker.file_name(mac);
        let mut files = Vec::with_capacity(2);
        if oddity == Some(Oddity::Orphan) {
            files.push(FleetFile {
                name: format!("{name}.bak"),
                content: content.clone(),
            });
        }
        files.push(FleetFile { name, content });
        files
    }

    /// Files that all phones read.
    pub fn shared_files(&self) -> impl Iterator<Item = FleetFile> + use<> {
        SHARED.iter().map(|(name, content)| FleetFile {
            name: (*name).to_owned(),
            content: (*content).to_owned(),
        })
    }

    /// Writes the tree into a folder that is there; `progress` hears how many phones are done. Says
    /// how many bytes all files have.
    ///
    /// # Errors
    /// What the system says about the first file that can't be written.
    pub fn write(&self, folder: &Path, progress: &dyn Fn(u64)) -> io::Result<u64> {
        let mut bytes = 0;
        let mut keep = |file: &FleetFile| {
            bytes += file.content.len() as u64;
            fs::write(folder.join(&file.name), &file.content)
        };
        for file in self.shared_files() {
            keep(&file)?;
        }
        for number in 0..self.phones {
            for file in self.files_of(number) {
                keep(&file)?;
            }
            progress(number + 1);
        }
        Ok(bytes)
    }

    fn maker(&self, number: u64) -> &Maker {
        let [first, second, third, fourth] = &self.makers;
        match number % 4 {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        }
    }

    /// Phones that were bought together do not lie side by side in the store: the address is spread
    /// over all that the maker has. An odd factor gives each of them another.
    fn mac(&self, number: u64, maker: &Maker) -> Mac {
        let own = (number / 4)
            .wrapping_mul(0x009E_3779)
            .wrapping_add(self.seed);
        let [.., d, e, f] = own.to_be_bytes();
        let [a, b, c] = maker.oui;
        Mac::new([a, b, c, d, e, f])
    }
}

/// The model of a phone, and the template of its file.
fn model<'a>(random: &mut Random, maker: &'a Maker) -> (&'static str, &'a Template) {
    let [desk, meeting] = &maker.models;
    let (model, template) = if random.below(MEETING_EVERY) == 0 {
        meeting
    } else {
        desk
    };
    (model, template)
}

fn oddity(number: u64) -> Option<Oddity> {
    // Not all odd phones are one maker's.
    match (number + number / ODD_EVERY) % ODD_EVERY {
        40 => Some(Oddity::BrokenLine),
        141 => Some(Oddity::DuplicateKey),
        242 => Some(Oddity::UnknownModel),
        343 => Some(Oddity::Orphan),
        _ => None,
    }
}

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn of(seed: u64, number: u64) -> Self {
        let mut random = Self(seed ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn of_words(&mut self, words: &[&'static str]) -> &'static str {
        let place = usize::try_from(self.below(words.len() as u64)).unwrap_or_default();
        words.get(place).copied().unwrap_or_default()
    }
}

const FIRST_NAMES: [&str; 16] = [
    "Ada", "Bela", "Chiara", "Doruk", "Elif", "Fenna", "Goran", "Hilde", "Ivo", "Jonna", "Kofi",
    "Lene", "Mira", "Nuno", "Oda", "Piet",
];
const LAST_NAMES: [&str; 16] = [
    "Abel", "Brandt", "Costa", "Dahl", "Eriksen", "Ferro", "Gruber", "Holm", "Ivanov", "Jansen",
    "Keller", "Lund", "Moser", "Nowak", "Olsen", "Petit",
];
const ROOMS: [&str; 8] = [
    "Reception",
    "Workshop",
    "Stores",
    "Accounts",
    "Sales",
    "Dispatch",
    "Canteen",
    "Gate",
];

/// What is one phone's own.
struct Values {
    name: String,
    label: &'static str,
    extension: u64,
    site: u64,
    secret: [u64; 4],
    admin: u64,
    peers: [u64; 4],
}

impl Values {
    fn of(random: &mut Random, number: u64) -> Self {
        let first = random.of_words(&FIRST_NAMES);
        let last = random.of_words(&LAST_NAMES);
        Self {
            name: format!("{first} {last}"),
            label: random.of_words(&ROOMS),
            extension: 10_000_000 + number * 4,
            site: random.below(SITES),
            secret: std::array::from_fn(|_| random.next()),
            admin: random.next(),
            peers: std::array::from_fn(|_| 10_000_000 + random.below(4_000_000)),
        }
    }

    /// Writes what a hole of the templates holds.
    fn write(&self, hole: &str, mac: Mac, text: &mut String) {
        let (what, which) = match hole.strip_suffix(['1', '2', '3', '4', '5', '6', '7', '8', '9']) {
            Some(what) => (what, hole.bytes().next_back().unwrap_or(b'1') - b'0'),
            None => (hole, 1),
        };
        let place = usize::from(which.saturating_sub(1) % 4);
        let extension = self.extension + place as u64;
        let secret = self.secret.get(place).copied().unwrap_or_default();
        // A String takes everything.
        let _ = match what {
            "mac" => write!(text, "{mac}"),
            "name" => write!(text, "{}", self.name),
            "label" if which == 1 => write!(text, "{}", self.name),
            "label" => write!(text, "{} {which}", self.label),
            "number" => write!(text, "{extension}"),
            "user" => write!(text, "u{extension}"),
            "password" => write!(text, "{secret:016x}"),
            "site" => write!(text, "{}", self.site),
            "vlan" => write!(text, "{}", 100 + self.site),
            "admin" => write!(text, "adm-{:08x}", self.admin & 0xffff_ffff),
            "pin" => write!(text, "{:06}", self.admin % 1_000_000),
            "peer" => write!(
                text,
                "{}",
                self.peers.get(place).copied().unwrap_or_default()
            ),
            _ => Ok(()),
        };
    }
}

/// Where the middle of a text has a line's begin.
fn a_line(content: &str) -> usize {
    let half = content.len() / 2;
    let before = content.get(..half).unwrap_or_default();
    before.rfind('\n').map_or(0, |end| end + 1)
}

fn break_line(content: &mut String, form: Form) {
    let line = match form {
        Form::Elements => "    <P99999>0</P88888>\n",
        Form::Lines => "written by hand, then forgotten\n",
    };
    content.insert_str(a_line(content), line);
}

fn duplicate_key(content: &mut String, form: Form) {
    let middle = a_line(content);
    let after = content.get(middle..).unwrap_or_default();
    let mut place = middle;
    for line in after.split_inclusive('\n') {
        place += line.len();
        let is_setting = match form {
            Form::Elements => line.contains("</P"),
            Form::Lines => line.contains(": ") || line.contains(" = "),
        };
        if !is_setting || line.starts_with('#') {
            continue;
        }
        let other = match form {
            Form::Elements => line.replacen("</", "7</", 1),
            Form::Lines => format!("{}7\n", line.trim_end()),
        };
        content.insert_str(place, &other);
        return;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_fleet_and_another_gives_another() {
        let (one, same, other) = (Fleet::new(1, 100), Fleet::new(1, 900), Fleet::new(2, 100));
        for number in 0..100 {
            assert_eq!(one.files_of(number), same.files_of(number));
            assert_eq!(one.phone(number), same.phone(number));
            assert_ne!(one.files_of(number), other.files_of(number));
        }
    }

    #[test]
    fn every_phone_has_an_address_and_a_file_of_its_own() {
        let fleet = Fleet::new(7, 100_000);
        let macs: BTreeSet<Mac> = (0..fleet.len()).map(|one| fleet.phone(one).mac).collect();
        assert_eq!(macs.len(), 100_000);
        for number in 0..2_000 {
            let phone = fleet.phone(number);
            let files = fleet.files_of(number);
            let own = files.iter().filter(|file| file.name == phone.file_name);
            assert_eq!(own.count(), 1);
            let is_orphaned = phone.oddity == Some(Oddity::Orphan);
            assert_eq!(files.len(), 1 + usize::from(is_orphaned));
        }
    }

    #[test]
    fn files_are_as_long_as_those_of_fleets_and_have_no_hole() {
        let fleet = Fleet::new(7, 200);
        for number in 0..200 {
            for file in fleet.files_of(number) {
                let lines = file.content.lines().count();
                assert!((250..=350).contains(&lines), "{}: {lines}", file.name);
                assert!(!file.content.contains("{{"), "{}", file.name);
            }
        }
    }

    #[test]
    fn each_oddity_is_there_and_rare() {
        let fleet = Fleet::new(7, 10_000);
        for oddity in [
            Oddity::BrokenLine,
            Oddity::DuplicateKey,
            Oddity::UnknownModel,
            Oddity::Orphan,
        ] {
            let odd = (0..fleet.len()).filter(|one| fleet.phone(*one).oddity == Some(oddity));
            assert_eq!(odd.count(), 20, "{oddity:?}");
        }
    }
}
