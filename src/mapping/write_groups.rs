//! Which changes of one call are carried out together, and which come first.

use super::change::Change;
use super::convert::Convert;
use super::lens::slot_place;
use super::pack::{Pack, Target};

/// A change whose path and type are known to be right.
pub(super) struct Ask<'c> {
    pub(super) change: &'c Change,
    pub(super) target: Target,
    /// Canonical.
    pub(super) wanted: String,
}

/// Changes that are carried out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// All changes to the parts of one lens's codecs.
    Codecs { lens: usize, slot: u32 },
    /// One change, by its place in the call.
    Single(usize),
}

impl Pack {
    /// The groups of a call, in the order in which they are carried out.
    pub(super) fn groups(&self, asks: &[Ask<'_>]) -> Vec<Group> {
        let mut groups = Vec::new();
        for (place, ask) in asks.iter().enumerate() {
            let group = self.codecs_group(ask).unwrap_or(Group::Single(place));
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        // What says whose keys count comes before all that depends on it.
        // What of an address is the user depends on the host, which can be set in the same call.
        groups.sort_by_key(|group| {
            let is_address = self.is_address(asks, *group);
            (!self.is_redirecting(asks, *group), is_address)
        });
        groups
    }

    /// Whether the change at a place of the call is of a group.
    pub(super) fn belongs(&self, ask: &Ask<'_>, place: usize, group: Group) -> bool {
        group == Group::Single(place) || self.codecs_group(ask) == Some(group)
    }

    /// Whether a group changes a key that says whose keys count for a slot.
    fn is_redirecting(&self, asks: &[Ask<'_>], group: Group) -> bool {
        let Some(Target::Face { place, slot }) = single_target(asks, group) else {
            return false;
        };
        let lens = self.set.lenses.get(place.lens);
        let columns = lens.map_or(&[][..], |lens| lens.keys.as_slice());
        columns
            .iter()
            .filter_map(|column| column.own.get(slot_place(*slot))?.as_ref())
            .any(|key| self.set.redirects.iter().any(|known| known.is_said_by(key)))
    }

    /// Whether a group changes an address of SIP.
    fn is_address(&self, asks: &[Ask<'_>], group: Group) -> bool {
        let Some(Target::Face { place, .. }) = single_target(asks, group) else {
            return false;
        };
        let face = self.face(*place);
        face.is_some_and(|(lens, _)| matches!(lens.convert, Convert::Uri(_)))
    }

    fn codecs_group(&self, ask: &Ask<'_>) -> Option<Group> {
        let Target::Face { place, slot } = ask.target else {
            return None;
        };
        let (lens, _) = self.face(place)?;
        lens.convert.is_by_part().then_some(Group::Codecs {
            lens: place.lens,
            slot,
        })
    }
}

/// What a group of one change is about.
fn single_target<'a>(asks: &'a [Ask<'_>], group: Group) -> Option<&'a Target> {
    match group {
        Group::Single(place) => asks.get(place).map(|ask| &ask.target),
        Group::Codecs { .. } => None,
    }
}
