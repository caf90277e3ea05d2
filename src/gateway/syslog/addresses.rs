//! From the address that a line comes from to the phone that was last seen there.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use crate::device::DeviceRecord;
use crate::native::Mac;

/// Where each phone was last seen.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Addresses(RwLock<HashMap<IpAddr, Phones>>);

/// Who was last seen at an address: mostly one phone, behind a router a whole site.
#[derive(Debug)]
enum Phones {
    One(Mac),
    Several(BTreeSet<Mac>),
}

impl Addresses {
    /// A phone's record has changed; `before` is `None` for one that is not noted yet.
    pub(in crate::gateway) fn phone_changed(
        &self,
        mac: Mac,
        before: Option<&DeviceRecord>,
        after: &DeviceRecord,
    ) {
        let (old, new) = (before.and_then(address_of), address_of(after));
        if old == new {
            return;
        }
        // No code that can panic runs under this lock.
        let mut phones = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = old {
            let is_left = match phones.get_mut(&old) {
                Some(Phones::One(there)) => *there == mac,
                Some(Phones::Several(there)) => {
                    there.remove(&mac);
                    there.is_empty()
                }
                None => false,
            };
            if is_left {
                phones.remove(&old);
            }
        }
        if let Some(new) = new {
            let there = phones.entry(new).or_insert(Phones::One(mac));
            match there {
                Phones::One(one) if *one == mac => {}
                Phones::One(one) => *there = Phones::Several(BTreeSet::from([*one, mac])),
                Phones::Several(several) => {
                    several.insert(mac);
                }
            }
        }
    }

    /// The phone that is alone at an address.
    pub(super) fn only_phone_at(&self, address: IpAddr) -> Option<Mac> {
        let phones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match phones.get(&address)? {
            Phones::One(mac) => Some(*mac),
            Phones::Several(several) if several.len() == 1 => several.first().copied(),
            Phones::Several(_) => None,
        }
    }
}

fn address_of(record: &DeviceRecord) -> Option<IpAddr> {
    record.contact.as_ref().map(|contact| contact.address)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::device::{Contact, CpeState};
    use crate::wire::Secret;

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
        let addresses = Addresses::default();
        let [one, other] = [1, 2].map(|last| Mac::new([0, 11, 130, 0, 0, last]));
        let here = "192.0.2.1".parse().unwrap();
        let at = |address| seen_at(Some(address));
        assert_eq!(addresses.only_phone_at(here), None);
        addresses.phone_changed(one, None, &at("192.0.2.1"));
        addresses.phone_changed(one, None, &at("192.0.2.1"));
        assert_eq!(addresses.only_phone_at(here), Some(one));
        addresses.phone_changed(other, None, &at("192.0.2.1"));
        assert_eq!(addresses.only_phone_at(here), None);
        addresses.phone_changed(one, Some(&at("192.0.2.1")), &at("192.0.2.9"));
        assert_eq!(addresses.only_phone_at(here), Some(other));
        addresses.phone_changed(other, Some(&at("192.0.2.1")), &seen_at(None));
        assert_eq!(addresses.only_phone_at(here), None);
    }
}
