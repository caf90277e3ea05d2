//! Device.X_TRESTLE_Delivery.: which revision of its file the phone should have, was given, and
//! lives with.

use super::parameter::{CpeParameter, moment, own};
use crate::datamodel::ValueType;

pub(super) static PARAMETERS: &[CpeParameter] = &[
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
        "Device.X_TRESTLE_Delivery.LastContact",
        ValueType::DateTime,
        |reading| {
            let contact = reading.record.contact.as_ref();
            moment(contact.map(|contact| contact.at))
        },
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
        |reading| reading.record.delivery.status().to_string(),
    ),
];
