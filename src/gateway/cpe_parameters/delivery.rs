//! Device.X_TRESTLE_Delivery.: which revision of its file the phone should have, was given, and
//! lives with.

use jiff::Timestamp;

use super::parameter::{CpeParameter, Reading, moment, own};
use crate::datamodel::ValueType;
use crate::device::ChangeSet;

pub(super) static PARAMETERS: &[CpeParameter] = &[
    // Who made the desired revision.
    own(
        "Device.X_TRESTLE_Delivery.ChangedBy",
        ValueType::String,
        |reading| {
            let last = reading.record.changes.list.last();
            last.map(|set| set.author.to_string()).unwrap_or_default()
        },
    ),
    own(
        "Device.X_TRESTLE_Delivery.ConfirmedRevision",
        ValueType::UnsignedInt,
        |reading| {
            let confirmed = reading.record.delivery.confirmed;
            confirmed.unwrap_or_default().to_string()
        },
    ),
    own(
        "Device.X_TRESTLE_Delivery.DesiredRevision",
        ValueType::UnsignedInt,
        |reading| reading.record.delivery.desired.to_string(),
    ),
    own(
        "Device.X_TRESTLE_Delivery.LastConfirmed",
        ValueType::DateTime,
        |reading| latest(reading, |set| set.confirmed),
    ),
    own(
        "Device.X_TRESTLE_Delivery.LastContact",
        ValueType::DateTime,
        |reading| {
            let contact = reading.record.contact.as_ref();
            moment(contact.map(|contact| contact.at))
        },
    ),
    // When the desired revision was made.
    own(
        "Device.X_TRESTLE_Delivery.LastQueued",
        ValueType::DateTime,
        |reading| latest(reading, |set| Some(set.queued)),
    ),
    own(
        "Device.X_TRESTLE_Delivery.LastRestart",
        ValueType::DateTime,
        |reading| moment(reading.record.booted_at),
    ),
    own(
        "Device.X_TRESTLE_Delivery.LastServed",
        ValueType::DateTime,
        |reading| {
            let served = reading.record.delivery.served.as_ref();
            moment(served.map(|served| served.at))
        },
    ),
    // When the phone said yes to fetching the desired revision: not known again as soon as another
    // one is desired.
    own(
        "Device.X_TRESTLE_Delivery.LastTold",
        ValueType::DateTime,
        |reading| moment(reading.record.delivery.told_at),
    ),
    own(
        "Device.X_TRESTLE_Delivery.OverdueSince",
        ValueType::DateTime,
        |reading| moment(reading.record.changes.overdue_since),
    ),
    own(
        "Device.X_TRESTLE_Delivery.ServedRevision",
        ValueType::UnsignedInt,
        |reading| {
            let served = reading.record.delivery.served.as_ref();
            served
                .map(|served| served.revision)
                .unwrap_or_default()
                .to_string()
        },
    ),
    own(
        "Device.X_TRESTLE_Delivery.Status",
        ValueType::String,
        |reading| reading.record.delivery_status().to_string(),
    ),
];

/// A moment of the last change set that has one.
fn latest(reading: &Reading<'_>, at: fn(&ChangeSet) -> Option<Timestamp>) -> String {
    let sets = reading.record.changes.list.iter().rev();
    moment(sets.filter_map(at).next())
}
