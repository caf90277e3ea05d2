//! Which MACs are known, and where their phones are: in memory, so that a known and an unknown MAC
//! cost the same look.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use super::source::Source;
use crate::device::{DeviceRecord, FileRole, TreePath};
use crate::gateway::phones::named_mac;
use crate::native::Mac;

/// Every MAC that a device or a file of the tree has.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Whereabouts(RwLock<HashMap<Mac, Places>>);

/// Where a phone is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Places {
    /// Where it was last seen, as its record has it.
    contact: Option<Source>,
    /// Who was given its file last. Whoever has it learns nothing from getting it again.
    served: Option<Source>,
}

impl Whereabouts {
    /// A device is known, and where it was last seen.
    pub(in crate::gateway) fn note_device(&self, mac: Mac, record: &DeviceRecord) {
        let contact = record.contact.as_ref();
        let contact = contact.map(|contact| Source::of(contact.address));
        self.change(mac, |places| places.contact = contact);
    }

    /// A file of the tree is known, and with it the phone that its name names: also one whose files
    /// no mapping pack knows.
    pub(in crate::gateway) fn note_file(&self, path: &TreePath, role: &FileRole) {
        let mac = match role {
            FileRole::Phone { mac, .. } => Some(*mac),
            FileRole::Orphan { .. } | FileRole::Other => named_mac(path.as_str()),
            FileRole::Shared { .. } | FileRole::Handout { .. } => None,
        };
        if let Some(mac) = mac {
            self.change(mac, |_| {});
        }
    }

    /// A phone's file is given to somebody.
    pub(in crate::gateway) fn note_served(&self, mac: Mac, address: IpAddr) {
        self.change(mac, |places| places.served = Some(Source::of(address)));
    }

    /// Whether the MAC is that of a device, or stands in the name of a file.
    pub(in crate::gateway) fn knows(&self, mac: Mac) -> bool {
        self.places(mac).is_some()
    }

    /// Whether this is where the phone was last seen, or who has its file already.
    pub(super) fn is_at_home(&self, mac: Mac, source: Source) -> bool {
        self.places(mac)
            .is_some_and(|places| places.contact == Some(source) || places.served == Some(source))
    }

    fn places(&self, mac: Mac) -> Option<Places> {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        places.get(&mac).copied()
    }

    /// Most requests change nothing: they don't wait for one another.
    fn change(&self, mac: Mac, change: impl Fn(&mut Places)) {
        let before = self.places(mac);
        let mut after = before.unwrap_or_default();
        change(&mut after);
        if before != Some(after) {
            let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
            change(places.entry(mac).or_default());
        }
    }
}
