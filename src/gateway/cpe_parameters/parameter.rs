//! What a parameter of the virtual CPE is.

use std::str::FromStr;

use jiff::Timestamp;

use crate::cwmp::DeviceId;
use crate::datamodel::{UNKNOWN_TIME, ValueType};
use crate::device::{CpeState, DeviceRecord};
use crate::gateway::waking::Reachability;
use crate::native::Mac;

/// What a parameter's value is computed from.
pub(in crate::gateway) struct Reading<'a> {
    pub(in crate::gateway) mac: Mac,
    pub(in crate::gateway) record: &'a DeviceRecord,
    pub(in crate::gateway) identity: &'a DeviceId,
    pub(in crate::gateway) acs_url: &'a str,
    pub(in crate::gateway) acs_username: &'a str,
    pub(in crate::gateway) periodic_inform_interval: u32,
    pub(in crate::gateway) reachability: &'a Reachability,
    pub(in crate::gateway) gateway_serial: &'a str,
    /// Most bytes of the phone's log as a file.
    pub(in crate::gateway) log_bytes: usize,
    pub(in crate::gateway) now: Timestamp,
}

/// How the ACS changes a parameter: the text is canonical, within the model's limits, and has
/// passed the parameter's own check.
type Write = fn(&mut CpeState, &str);

/// What the schema can't say about the values of a parameter. The error says what is wanted.
type Check = fn(&str) -> Result<(), String>;

/// A parameter of the virtual CPE, shown where the data model of the device has it, and everywhere
/// if it is ours. Type, range and access of a standard one are the schema's; one without `write` is
/// read-only here.
#[derive(Debug)]
pub(in crate::gateway) struct CpeParameter {
    pub(in crate::gateway) path: &'static str,
    /// Type where the schema has none, because the parameter is ours.
    pub(in crate::gateway) own_type: Option<ValueType>,
    read: fn(&Reading<'_>) -> String,
    write: Option<Write>,
    check: Option<Check>,
}

/// A table of the virtual CPE, shown where the data model of the device has it.
#[derive(Debug)]
pub(in crate::gateway) struct CpeTable {
    /// Ends in a dot.
    pub(in crate::gateway) path: &'static str,
    /// Instance numbers of the rows that a device has, rising.
    pub(in crate::gateway) instances: fn(&DeviceRecord) -> Vec<u32>,
    pub(in crate::gateway) columns: &'static [CpeColumn],
}

/// A parameter that each row of a [`CpeTable`] has.
#[derive(Debug)]
pub(in crate::gateway) struct CpeColumn {
    pub(in crate::gateway) name: &'static str,
    /// Of the row with this instance number, which is there.
    pub(super) read: fn(&Reading<'_>, u32) -> String,
    pub(super) write: Option<fn(&mut CpeState, u32, &str)>,
    pub(super) check: Option<Check>,
}

/// A parameter of the virtual CPE as a device has it.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) enum OwnParameter {
    /// One that is there once.
    Single(&'static CpeParameter),
    /// One of the row with this instance number.
    InRow(&'static CpeColumn, u32),
}

impl OwnParameter {
    /// Type where the schema has none, because the parameter is ours.
    pub(in crate::gateway) fn own_type(self) -> Option<ValueType> {
        match self {
            Self::Single(parameter) => parameter.own_type,
            Self::InRow(..) => None,
        }
    }

    /// Its value, secrets included.
    pub(in crate::gateway) fn read(self, reading: &Reading<'_>) -> String {
        match self {
            Self::Single(parameter) => (parameter.read)(reading),
            Self::InRow(column, instance) => (column.read)(reading, instance),
        }
    }

    /// Whether an ACS can change it, where the data model lets it.
    pub(in crate::gateway) fn is_settable(self) -> bool {
        match self {
            Self::Single(parameter) => parameter.write.is_some(),
            Self::InRow(column, _) => column.write.is_some(),
        }
    }

    /// Checks what the schema can't. The error says what is wanted.
    pub(in crate::gateway) fn check(self, value: &str) -> Result<(), String> {
        let check = match self {
            Self::Single(parameter) => parameter.check,
            Self::InRow(column, _) => column.check,
        };
        check.map_or(Ok(()), |check| check(value))
    }

    /// Writes a value that has been checked; nothing happens to one that is read-only.
    pub(in crate::gateway) fn write(self, cpe: &mut CpeState, value: &str) {
        match self {
            Self::Single(parameter) => {
                if let Some(write) = parameter.write {
                    write(cpe, value);
                }
            }
            Self::InRow(column, instance) => {
                if let Some(write) = column.write {
                    write(cpe, instance, value);
                }
            }
        }
    }
}

impl CpeParameter {
    /// The same with a check of its own.
    pub(super) const fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
}

/// One that an ACS only reads.
pub(super) const fn shown(path: &'static str, read: fn(&Reading<'_>) -> String) -> CpeParameter {
    CpeParameter {
        path,
        own_type: None,
        read,
        write: None,
        check: None,
    }
}

/// One that an ACS reads and writes.
pub(super) const fn settable(
    path: &'static str,
    read: fn(&Reading<'_>) -> String,
    write: Write,
) -> CpeParameter {
    CpeParameter {
        write: Some(write),
        ..shown(path, read)
    }
}

/// One that no standard has, and that an ACS only reads.
pub(super) const fn own(
    path: &'static str,
    own_type: ValueType,
    read: fn(&Reading<'_>) -> String,
) -> CpeParameter {
    CpeParameter {
        own_type: Some(own_type),
        ..shown(path, read)
    }
}

/// A boolean as the model writes it.
pub(super) fn boolean(value: bool) -> String {
    u8::from(value).to_string()
}

/// Writes a number; what is no number of its range, which the data model lets nobody set, changes
/// nothing.
pub(super) fn write_number<N: FromStr>(place: &mut N, value: &str) {
    if let Ok(number) = value.parse() {
        *place = number;
    }
}

/// A moment as a data model writes it (cwmp.md I4).
pub(in crate::gateway) fn moment(moment: Option<Timestamp>) -> String {
    moment.map_or_else(
        || UNKNOWN_TIME.to_owned(),
        |moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// The moment that an ACS has set; `None` for the Unknown Time (cwmp.md P2).
pub(super) fn known_moment(value: &str) -> Option<Timestamp> {
    value.parse().ok().filter(|_| value != UNKNOWN_TIME)
}
