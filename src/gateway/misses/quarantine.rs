//! The quarantine: phones that nobody knows, as many as fit.

use std::collections::{HashMap, HashSet};

use super::source::Source;
use crate::device::UnknownPhone;
use crate::native::Mac;

/// Phones that are kept.
pub(super) const MAX_PHONES: usize = 4096;

/// Phones that nobody knows, and what of that is not in the store yet.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    phones: HashMap<Mac, UnknownPhone>,
    /// Added, changed or gone since it was last written.
    unwritten: HashSet<Mac>,
}

impl Quarantine {
    /// Takes over what was stored.
    pub(super) fn load(&mut self, phones: impl IntoIterator<Item = (Mac, UnknownPhone)>) {
        self.phones = phones.into_iter().take(MAX_PHONES).collect();
    }

    pub(super) fn phones(&self) -> impl Iterator<Item = (Mac, &UnknownPhone)> {
        self.phones.iter().map(|(mac, phone)| (*mac, phone))
    }

    pub(super) fn phone(&self, mac: Mac) -> Option<&UnknownPhone> {
        self.phones.get(&mac)
    }

    /// A phone that is here, to be changed.
    pub(super) fn phone_mut(&mut self, mac: Mac) -> Option<&mut UnknownPhone> {
        let phone = self.phones.get_mut(&mac)?;
        self.unwritten.insert(mac);
        Some(phone)
    }

    /// Adds a phone. If there is no room, one goes of the source that has most here, the one that
    /// was quiet longest: so whoever makes up many MACs drives out his own.
    pub(super) fn add(&mut self, mac: Mac, phone: UnknownPhone) {
        if self.phones.len() >= MAX_PHONES
            && let Some(gone) = self.least_wanted()
        {
            self.remove(gone);
        }
        self.phones.insert(mac, phone);
        self.unwritten.insert(mac);
    }

    fn least_wanted(&self) -> Option<Mac> {
        let mut sources: HashMap<Source, usize> = HashMap::new();
        for phone in self.phones.values() {
            *sources.entry(Source::of(phone.address)).or_default() += 1;
        }
        let share = |phone: &UnknownPhone| sources.get(&Source::of(phone.address)).copied();
        let of_most = self
            .phones
            .iter()
            .max_by_key(|(_, phone)| (share(phone), std::cmp::Reverse(phone.last)));
        of_most.map(|(mac, _)| *mac)
    }

    /// Takes a phone out; whether it was there.
    pub(super) fn remove(&mut self, mac: Mac) -> bool {
        let was_there = self.phones.remove(&mac).is_some();
        if was_there {
            self.unwritten.insert(mac);
        }
        was_there
    }

    pub(super) fn is_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// What has to be written: each phone as it is now, `None` for one that is gone. From now on it
    /// counts as written.
    pub(super) fn take_unwritten(&mut self) -> Vec<(Mac, Option<UnknownPhone>)> {
        let unwritten = std::mem::take(&mut self.unwritten);
        let phones = unwritten.into_iter();
        phones
            .map(|mac| (mac, self.phones.get(&mac).cloned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn mac(number: usize) -> Mac {
        let [.., a, b] = u32::try_from(number).unwrap().to_be_bytes();
        Mac::new([0, 11, 130, 0, a, b])
    }

    fn phone(last: i64, address: [u8; 4]) -> UnknownPhone {
        UnknownPhone::new(
            Timestamp::from_second(last).unwrap(),
            address.into(),
            "a.cfg".parse().unwrap(),
            String::new(),
        )
    }

    #[test]
    fn whoever_makes_up_macs_drives_out_his_own() {
        let mut quarantine = Quarantine::default();
        quarantine.add(mac(0), phone(0, [192, 0, 2, 1]));
        for number in 1..MAX_PHONES + 100 {
            let last = i64::try_from(number).unwrap();
            quarantine.add(mac(number), phone(last, [192, 0, 2, 2]));
        }
        assert_eq!(quarantine.phones().count(), MAX_PHONES);
        assert!(quarantine.phone(mac(0)).is_some());
        assert!(quarantine.phone(mac(1)).is_none());
        assert!(quarantine.phone(mac(MAX_PHONES + 99)).is_some());
    }

    #[test]
    fn only_what_has_changed_is_written() {
        let mut quarantine = Quarantine::default();
        quarantine.load([(mac(1), phone(1, [192, 0, 2, 1]))]);
        assert!(quarantine.is_written());
        quarantine.add(mac(2), phone(2, [192, 0, 2, 1]));
        assert!(quarantine.remove(mac(1)) && !quarantine.remove(mac(1)));
        let mut written = quarantine.take_unwritten();
        written.sort_by_key(|(mac, _)| *mac);
        assert_eq!(
            written,
            [(mac(1), None), (mac(2), Some(phone(2, [192, 0, 2, 1])))]
        );
        assert!(quarantine.is_written());
        quarantine.phone_mut(mac(2)).unwrap().count = 7;
        assert!(!quarantine.is_written());
    }
}
