//! What phones have to show, by the operator's word.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::first_contact::FirstContact;
use super::network::Network;
use crate::device::DeviceRecord;
use crate::gateway::acs_choice::DeviceMatch;
use crate::native::Mac;

/// What a phone shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Nothing: whoever knows the name of the file gets it.
    Open,
    /// An address in one of the networks.
    Network,
    /// Its own user name and password, by HTTP Digest or, where that is allowed, Basic.
    Digest,
    /// A token in the path.
    Token,
    /// A certificate that names it.
    Certificate,
}

impl Proof {
    /// Those that say which phone it is.
    pub(super) const OF_ONE_PHONE: [Self; 3] = [Self::Digest, Self::Token, Self::Certificate];

    /// Whether it says which phone it is.
    pub fn is_of_one_phone(self) -> bool {
        Self::OF_ONE_PHONE.contains(&self)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Open => "open",
            Self::Network => "network",
            Self::Digest => "digest",
            Self::Token => "token",
            Self::Certificate => "certificate",
        })
    }
}

/// What admits a phone that has not yet shown what it will have to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UntilUsed {
    /// Everything, as from the old server.
    #[default]
    Open,
    /// An address in one of the networks.
    Network,
    /// Nothing.
    Refuse,
}

impl fmt::Display for UntilUsed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Open => "open",
            Self::Network => "network",
            Self::Refuse => "refuse",
        })
    }
}

/// What a group of phones has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPolicy {
    /// The group's name, for people and commands.
    pub name: String,
    /// Any one of them is enough; not empty.
    pub proofs: Vec<Proof>,
    /// For [`Proof::Network`] and [`UntilUsed::Network`].
    pub networks: Vec<Network>,
    /// What admits a phone of the group until it has used a proof that is its own.
    pub until_used: UntilUsed,
}

/// Some phones, and what they have to show.
#[derive(Debug, Clone)]
pub struct AccessGroup {
    /// Which phones.
    pub phones: DeviceMatch,
    /// What they have to show.
    pub policy: AccessPolicy,
}

/// What all phones have to show.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// The first group that fits a phone is its group.
    pub groups: Vec<AccessGroup>,
    /// What a phone of no group has to show.
    pub default: AccessPolicy,
    /// When a phone that has never had its file may come for it.
    pub first_contact: FirstContact,
    /// Whether Basic is taken without TLS too: the password is read by whoever listens.
    pub basic_over_http: bool,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            default: AccessPolicy {
                name: AccessPolicy::DEFAULT.to_owned(),
                proofs: vec![Proof::Open],
                networks: Vec::new(),
                until_used: UntilUsed::Open,
            },
            first_contact: FirstContact::Always,
            basic_over_http: false,
        }
    }
}

/// What is known of the phones that may ask for a file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Readers<'a> {
    /// Their vendor is one of these; any, if none is here.
    pub(super) vendors: &'a [&'a str],
    /// Where their own files are.
    pub(super) folder: &'a str,
    /// Their model, if it is one.
    pub(super) model: Option<&'a str>,
    /// The one phone, if it is one.
    pub(super) mac: Option<Mac>,
}

/// Which of some phones a group takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coverage {
    None,
    Some,
    All,
}

impl AccessPolicy {
    /// The name of the group of phones that are in no other.
    pub const DEFAULT: &'static str = "default";

    /// Whether one of the proofs is this.
    pub fn wants(&self, proof: Proof) -> bool {
        self.proofs.contains(&proof)
    }

    /// Whether whoever asks is admitted.
    pub fn is_open(&self) -> bool {
        self.wants(Proof::Open)
    }

    /// Whether a phone of the group can show something that is its own.
    pub fn wants_proof_of_one_phone(&self) -> bool {
        self.proofs.iter().any(|proof| proof.is_of_one_phone())
    }

    /// Whether an address is in one of the networks.
    pub(super) fn is_from_network(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.holds(address))
    }

    /// The proofs in words.
    pub(super) fn wanted(&self) -> String {
        let proofs: Vec<String> = self.proofs.iter().map(Proof::to_string).collect();
        proofs.join(" or ")
    }
}

impl AccessSettings {
    /// Whether nothing is ever asked of any phone.
    pub(super) fn asks_nothing(&self) -> bool {
        self.first_contact == FirstContact::Always && self.all().all(|(_, one)| one.is_open())
    }

    /// All policies with their numbers: that of phones of no group is 0.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &AccessPolicy)> {
        let groups = self.groups.iter().map(|group| &group.policy);
        std::iter::once(&self.default).chain(groups).enumerate()
    }

    /// The policy for a phone, with its number.
    pub(super) fn of_phone(&self, mac: Mac, record: &DeviceRecord) -> (usize, &AccessPolicy) {
        let mut groups = self.groups.iter().enumerate();
        match groups.find(|(_, group)| group.phones.fits(mac, record)) {
            Some((place, group)) => (place + 1, &group.policy),
            None => (0, &self.default),
        }
    }

    /// The policies for phones of which only so much is known: each could be that of one of them.
    pub(super) fn of_readers(&self, readers: Readers<'_>) -> Vec<(usize, &AccessPolicy)> {
        let mut found = Vec::new();
        for (place, group) in self.groups.iter().enumerate() {
            let coverage = readers.covered_by(&group.phones);
            if coverage != Coverage::None {
                found.push((place + 1, &group.policy));
            }
            if coverage == Coverage::All {
                return found;
            }
        }
        found.push((0, &self.default));
        found
    }
}

impl Readers<'_> {
    fn covered_by(&self, phones: &DeviceMatch) -> Coverage {
        let certain = |holds: bool| if holds { Coverage::All } else { Coverage::None };
        let vendor = phones.vendor.as_deref().map(|vendor| match self.vendors {
            [] => Coverage::Some,
            [only] => certain(*only == vendor),
            several if several.contains(&vendor) => Coverage::Some,
            _ => Coverage::None,
        });
        let model = phones.model.as_ref().map(|pattern| match self.model {
            None => Coverage::Some,
            Some(model) => certain(pattern.fits(model)),
        });
        let mac = phones.mac_prefix.as_ref().map(|prefix| match self.mac {
            None => Coverage::Some,
            Some(mac) => certain(prefix.begins(mac)),
        });
        let folder = phones
            .folder
            .is_some()
            .then(|| certain(phones.is_in(self.folder)));
        let all = [vendor, model, mac, folder];
        let mut given = all.into_iter().flatten();
        given
            .try_fold(Coverage::All, |so_far, next| match next {
                Coverage::None => Err(Coverage::None),
                Coverage::Some => Ok(Coverage::Some),
                Coverage::All => Ok(so_far),
            })
            .unwrap_or_else(|none| none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(groups: &[&str]) -> AccessSettings {
        let groups = groups.iter().map(|text| AccessGroup {
            phones: toml::from_str(text).unwrap(),
            policy: AccessPolicy {
                name: (*text).to_owned(),
                ..AccessSettings::default().default
            },
        });
        AccessSettings {
            groups: groups.collect(),
            ..AccessSettings::default()
        }
    }

    fn numbers(settings: &AccessSettings, readers: Readers<'_>) -> Vec<usize> {
        let found = settings.of_readers(readers);
        found.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_file_concerns_every_group_that_may_read_it_and_no_other() {
        let settings = settings(&[
            "vendor = \"htek\"\nmodel = \"UC9*\"",
            "folder = \"hall\"",
            "vendor = \"aastra\"",
        ]);
        let shared = |vendor, folder, model| {
            let vendors = [vendor];
            let readers = Readers {
                vendors: &vendors,
                folder,
                model,
                mac: None,
            };
            numbers(&settings, readers)
        };
        assert_eq!(shared("grandstream", "", None), [0]);
        assert_eq!(
            shared("htek", "", None),
            [1, 0],
            "one of them may be no UC9"
        );
        assert_eq!(shared("htek", "", Some("UC926")), [1]);
        assert_eq!(shared("htek", "hall/left", Some("UC842")), [2]);
        assert_eq!(shared("aastra", "", Some("6867i")), [3]);
        let unknown = Readers {
            vendors: &["htek", "aastra"],
            mac: Some(Mac::new([0, 1, 2, 3, 4, 5])),
            ..Readers::default()
        };
        assert_eq!(numbers(&settings, unknown), [1, 3, 0]);
    }

    #[test]
    fn a_mac_decides_where_a_group_goes_by_it() {
        let settings = settings(&["mac_prefix = \"000b82\""]);
        let of = |mac| {
            numbers(
                &settings,
                Readers {
                    mac,
                    ..Readers::default()
                },
            )
        };
        assert_eq!(of(None), [1, 0]);
        assert_eq!(of(Some(Mac::new([0, 0x0b, 0x82, 1, 2, 3]))), [1]);
        assert_eq!(of(Some(Mac::new([0, 0x0b, 0x83, 1, 2, 3]))), [0]);
    }
}
