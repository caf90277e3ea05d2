//! Every phone that is known, and where it is: one index in memory, in some 40 bytes for each phone
//! and as many for each address. A known and an unknown MAC cost the same look.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use hashbrown::HashTable;

use super::misses::Source;
use super::own_cpe::OWN_MAC;
use super::phones::named_mac;
use crate::device::{DeviceRecord, FileRole, TreePath};
use crate::native::Mac;

/// The number of no address.
const NOWHERE: u32 = u32::MAX;

/// The MACs that a device or a file of the tree has; where their phones were last seen; the last
/// segments of their ConnectionRequestURLs.
#[derive(Debug, Default)]
pub(super) struct KnownPhones(RwLock<Index>);

/// Phones and addresses have numbers. All columns of phones have the same length, and numbers in
/// the tables are below it.
#[derive(Debug, Default)]
struct Index {
    macs: Vec<Mac>,
    /// Where a phone was last seen, as its record has it.
    contacts: Vec<u32>,
    /// Who was given its file last. Whoever has it learns nothing from getting it again.
    served: Vec<u32>,
    /// Hashes of segments. Whoever looks for a phone by one compares the segment itself.
    segments: Vec<u64>,
    by_mac: HashTable<u32>,
    by_segment: HashTable<u32>,
    places: Vec<Place>,
    by_address: HashTable<u32>,
    /// Numbers of places that nothing refers to.
    free: Vec<u32>,
    /// Their key is secret: nobody can make texts or addresses that are alike.
    hashes: RandomState,
}

/// An address, and who was last seen there: mostly one phone, behind a router a whole site.
#[derive(Debug, Clone, Copy)]
struct Place {
    address: IpAddr,
    /// How many phones were last seen here.
    phones: u32,
    /// The sum of their numbers: that of the one, when it is one.
    sum: u32,
    /// How many phones' files were last given to somebody here.
    served: u32,
}

/// What is noted of a phone.
#[derive(Debug, Clone, Copy)]
enum Note {
    /// That it is known.
    Known,
    Contact(Option<IpAddr>),
    Served(IpAddr),
    Segment(u64),
}

impl KnownPhones {
    /// A device is known, and where it was last seen.
    pub(super) fn note_device(&self, mac: Mac, record: &DeviceRecord) {
        let contact = record.contact.as_ref().map(|contact| contact.address);
        self.note(mac, Note::Contact(contact));
    }

    /// The last segment of a device's ConnectionRequestURL.
    pub(super) fn note_segment(&self, mac: Mac, segment: &str) {
        let hash = self.read().hashes.hash_one(segment);
        self.note(mac, Note::Segment(hash));
    }

    /// A file of the tree is known, and with it the phone that its name names: also one whose files
    /// no mapping pack knows.
    pub(super) fn note_file(&self, path: &TreePath, role: &FileRole) {
        let mac = match role {
            FileRole::Phone { mac, .. } => Some(*mac),
            FileRole::Orphan { .. } | FileRole::Other => named_mac(path.as_str()),
            FileRole::Shared { .. } | FileRole::Handout { .. } => None,
        };
        if let Some(mac) = mac {
            self.note(mac, Note::Known);
        }
    }

    /// A phone's file is given to somebody.
    pub(super) fn note_served(&self, mac: Mac, address: IpAddr) {
        self.note(mac, Note::Served(address));
    }

    /// Whether the MAC is that of a device, or stands in the name of a file.
    pub(super) fn knows(&self, mac: Mac) -> bool {
        self.read().number(mac).is_some() && mac != OWN_MAC
    }

    /// Whether this is where the phone was last seen, or who has its file already.
    pub(super) fn is_at_home(&self, mac: Mac, source: Source) -> bool {
        let index = self.read();
        let Some(phone) = index.number(mac) else {
            return false;
        };
        [index.contact(phone), index.served(phone)]
            .into_iter()
            .flatten()
            .any(|address| Source::of(address) == source)
    }

    /// The phone that is alone at an address.
    pub(super) fn only_phone_at(&self, address: IpAddr) -> Option<Mac> {
        let index = self.read();
        let place = index.place(index.find_place(address)?)?;
        let phone = (place.phones == 1).then_some(place.sum)?;
        index.macs.get(phone as usize).copied()
    }

    /// The devices whose segment this may be: one, or none, or hardly ever more. Their records tell
    /// whose it is.
    pub(super) fn with_segment(&self, segment: &str) -> Vec<Mac> {
        let index = self.read();
        let hash = index.hashes.hash_one(segment);
        let phones = index.by_segment.iter_hash(hash);
        phones
            .filter(|phone| index.segments.get(**phone as usize) == Some(&hash))
            .filter_map(|phone| index.macs.get(*phone as usize).copied())
            .collect()
    }

    /// Most requests change nothing: they don't wait for one another.
    fn note(&self, mac: Mac, note: Note) {
        if !self.read().has(mac, note) {
            let mut index = self.0.write().unwrap_or_else(PoisonError::into_inner);
            index.take(mac, note);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        // No code that can panic runs under this lock.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn number(&self, mac: Mac) -> Option<u32> {
        let same = |phone: &u32| self.macs.get(*phone as usize) == Some(&mac);
        self.by_mac.find(self.hashes.hash_one(mac), same).copied()
    }

    fn contact(&self, phone: u32) -> Option<IpAddr> {
        self.address_in(&self.contacts, phone)
    }

    fn served(&self, phone: u32) -> Option<IpAddr> {
        self.address_in(&self.served, phone)
    }

    fn address_in(&self, column: &[u32], phone: u32) -> Option<IpAddr> {
        let place = *column.get(phone as usize)?;
        self.place(place).map(|place| place.address)
    }

    fn place(&self, number: u32) -> Option<&Place> {
        self.places.get(number as usize)
    }

    fn find_place(&self, address: IpAddr) -> Option<u32> {
        let same = |place: &u32| self.place(*place).is_some_and(|at| at.address == address);
        let hash = self.hashes.hash_one(address);
        self.by_address.find(hash, same).copied()
    }

    fn has(&self, mac: Mac, note: Note) -> bool {
        let Some(phone) = self.number(mac) else {
            return false;
        };
        match note {
            Note::Known => true,
            Note::Contact(address) => self.contact(phone) == address,
            Note::Served(address) => self.served(phone) == Some(address),
            Note::Segment(hash) => self.segments.get(phone as usize) == Some(&hash),
        }
    }

    fn take(&mut self, mac: Mac, note: Note) {
        if self.has(mac, note) {
            return;
        }
        // Numbers of 32 bits are enough for every fleet; a phone more would be unknown.
        let Some(phone) = self.number(mac).or_else(|| self.add(mac)) else {
            return;
        };
        match note {
            Note::Known => {}
            Note::Contact(address) => {
                let new = address.and_then(|address| self.enter(address));
                if let Some(place) = new.and_then(|new| self.places.get_mut(new as usize)) {
                    place.phones += 1;
                    place.sum = place.sum.wrapping_add(phone);
                }
                let old = replace(&mut self.contacts, phone, new);
                if let Some(place) = old.and_then(|old| self.places.get_mut(old as usize)) {
                    place.phones = place.phones.saturating_sub(1);
                    place.sum = place.sum.wrapping_sub(phone);
                }
                self.leave(old);
            }
            Note::Served(address) => {
                let new = self.enter(address);
                if let Some(place) = new.and_then(|new| self.places.get_mut(new as usize)) {
                    place.served += 1;
                }
                let old = replace(&mut self.served, phone, new);
                if let Some(place) = old.and_then(|old| self.places.get_mut(old as usize)) {
                    place.served = place.served.saturating_sub(1);
                }
                self.leave(old);
            }
            Note::Segment(hash) => self.set_segment(phone, hash),
        }
    }

    fn add(&mut self, mac: Mac) -> Option<u32> {
        let phone = u32::try_from(self.macs.len()).ok()?;
        self.macs.push(mac);
        self.contacts.push(NOWHERE);
        self.served.push(NOWHERE);
        self.segments.push(0);
        let (macs, hashes) = (&self.macs, &self.hashes);
        self.by_mac
            .insert_unique(hashes.hash_one(mac), phone, |phone| {
                hashes.hash_one(macs.get(*phone as usize).copied().unwrap_or(OWN_MAC))
            });
        Some(phone)
    }

    fn set_segment(&mut self, phone: u32, hash: u64) {
        let Some(segment) = self.segments.get_mut(phone as usize) else {
            return;
        };
        let before = std::mem::replace(segment, hash);
        if let Ok(entry) = self.by_segment.find_entry(before, |found| *found == phone) {
            entry.remove();
        }
        let segments = &self.segments;
        self.by_segment.insert_unique(hash, phone, |phone| {
            segments.get(*phone as usize).copied().unwrap_or_default()
        });
    }

    /// The number of the place at an address.
    fn enter(&mut self, address: IpAddr) -> Option<u32> {
        if let Some(known) = self.find_place(address) {
            return Some(known);
        }
        let place = Place {
            address,
            phones: 0,
            sum: 0,
            served: 0,
        };
        let number = match self.free.pop() {
            Some(number) => {
                *self.places.get_mut(number as usize)? = place;
                number
            }
            None => {
                let number = u32::try_from(self.places.len()).ok()?;
                (number != NOWHERE).then(|| self.places.push(place))?;
                number
            }
        };
        let (places, hashes) = (&self.places, &self.hashes);
        self.by_address
            .insert_unique(hashes.hash_one(address), number, |number| {
                let place = places.get(*number as usize);
                place.map_or(0, |place| hashes.hash_one(place.address))
            });
        Some(number)
    }

    /// Gives a place back to which nothing refers any more.
    fn leave(&mut self, number: Option<u32>) {
        let Some((number, place)) = number.and_then(|number| Some((number, self.place(number)?)))
        else {
            return;
        };
        if place.phones > 0 || place.served > 0 {
            return;
        }
        let hash = self.hashes.hash_one(place.address);
        if let Ok(entry) = self.by_address.find_entry(hash, |found| *found == number) {
            entry.remove();
        }
        self.free.push(number);
    }
}

/// Puts the number of a place into a column; what stood there.
fn replace(column: &mut [u32], phone: u32, place: Option<u32>) -> Option<u32> {
    let entry = column.get_mut(phone as usize)?;
    let before = std::mem::replace(entry, place.unwrap_or(NOWHERE));
    (before != NOWHERE).then_some(before)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::device::{Contact, CpeState};
    use crate::wire::Secret;

    fn phone(last: u8) -> Mac {
        Mac::new([0, 11, 130, 0, 0, last])
    }

    fn seen_at(address: Option<&str>) -> DeviceRecord {
        let cpe = CpeState::new("segment".to_owned(), Secret::default());
        let path = "a.cfg".parse().unwrap();
        let mut record = DeviceRecord::new("example".to_owned(), path, cpe);
        record.contact = address.map(|address| Contact {
            address: address.parse().unwrap(),
            at: Timestamp::UNIX_EPOCH,
        });
        record
    }

    #[test]
    fn an_address_stands_for_a_phone_as_long_as_it_is_alone_there() {
        let phones = KnownPhones::default();
        let (one, other) = (phone(1), phone(2));
        let here = "192.0.2.1".parse().unwrap();
        let at = |address| seen_at(Some(address));
        assert_eq!(phones.only_phone_at(here), None);
        phones.note_device(one, &at("192.0.2.1"));
        phones.note_device(one, &at("192.0.2.1"));
        assert_eq!(phones.only_phone_at(here), Some(one));
        phones.note_device(other, &at("192.0.2.1"));
        assert_eq!(phones.only_phone_at(here), None);
        phones.note_device(one, &at("192.0.2.9"));
        assert_eq!(phones.only_phone_at(here), Some(other));
        phones.note_device(other, &seen_at(None));
        assert_eq!(phones.only_phone_at(here), None);
        assert_eq!(
            phones.only_phone_at("192.0.2.9".parse().unwrap()),
            Some(one)
        );
    }

    #[test]
    fn whoever_has_a_phones_file_or_is_where_it_was_is_at_home() {
        let phones = KnownPhones::default();
        let source = |text: &str| Source::of(text.parse().unwrap());
        let is_at_home = |text| phones.is_at_home(phone(1), source(text));
        phones.note_device(phone(1), &seen_at(Some("2001:db8:1:2::7")));
        phones.note_served(phone(1), "::ffff:192.0.2.1".parse().unwrap());
        assert!(is_at_home("2001:db8:1:2::9") && is_at_home("192.0.2.1"));
        assert!(!is_at_home("192.0.2.2"));
        phones.note_served(phone(1), "192.0.2.2".parse().unwrap());
        assert!(is_at_home("192.0.2.2") && !is_at_home("192.0.2.1"));
        assert!(!phones.is_at_home(phone(2), source("192.0.2.2")));
    }

    #[test]
    fn addresses_that_nobody_is_at_any_more_take_no_memory() {
        let phones = KnownPhones::default();
        for number in 0..1_000_u16 {
            let [high, low] = number.to_be_bytes();
            let address = IpAddr::from([10, 0, high, low]);
            phones.note_device(phone(1), &seen_at(Some(&address.to_string())));
            phones.note_served(phone(1), address);
        }
        let index = phones.read();
        assert!(index.places.len() <= 3, "{}", index.places.len());
        assert_eq!(index.by_address.len(), 1);
    }

    #[test]
    fn segments_lead_to_their_devices_and_old_ones_nowhere() {
        let phones = KnownPhones::default();
        phones.note_segment(phone(1), "one");
        phones.note_segment(phone(2), "two");
        phones.note_segment(OWN_MAC, "own");
        phones.note_segment(phone(1), "another");
        assert_eq!(phones.with_segment("another"), [phone(1)]);
        assert_eq!(phones.with_segment("two"), [phone(2)]);
        assert_eq!(phones.with_segment("own"), [OWN_MAC]);
        assert!(phones.with_segment("one").is_empty());
        assert!(phones.knows(phone(1)) && !phones.knows(phone(3)));
        assert!(!phones.knows(OWN_MAC), "it is the address of no phone");
    }
}
