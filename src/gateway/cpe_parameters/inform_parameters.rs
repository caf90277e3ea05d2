//! Device.ManagementServer.InformParameter.: what an Inform carries besides (cwmp.md I7).

use super::parameter::{CpeColumn, CpeTable, Reading, boolean};
use crate::datamodel::{Entry, MAX_PATH_LENGTH, ParameterPath, Schema};
use crate::device::{CpeState, InformParameter};
use crate::gateway::inform_parameters::INFORM_PARAMETERS;

/// Event codes that a row may name (cwmp.md section 4.1): all but `4 VALUE CHANGE`, whose Inform
/// carries what has changed.
const EVENTS: &[&str] = &[
    "0 BOOTSTRAP",
    "1 BOOT",
    "2 PERIODIC",
    "3 SCHEDULED",
    "5 KICKED",
    "6 CONNECTION REQUEST",
    "7 TRANSFER COMPLETE",
    "8 DIAGNOSTICS COMPLETE",
    "9 REQUEST DOWNLOAD",
    "10 AUTONOMOUS TRANSFER COMPLETE",
    "11 DU STATE CHANGE COMPLETE",
    "12 AUTONOMOUS DU STATE CHANGE COMPLETE",
    "13 WAKEUP",
    "14 HEARTBEAT",
    "M Reboot",
    "M ScheduleInform",
    "M Download",
    "M ScheduleDownload",
    "M Upload",
    "M ChangeDUState",
];

pub(super) const TABLE: CpeTable = CpeTable {
    path: INFORM_PARAMETERS,
    instances: |record| {
        let rows = record.cpe.inform_parameters.iter();
        rows.map(|row| row.instance).collect()
    },
    columns: &[
        CpeColumn {
            name: "Alias",
            read: |reading, instance| of_row(reading, instance, |row| row.alias.clone()),
            write: Some(|cpe, instance, value| {
                change(cpe, instance, |row| value.clone_into(&mut row.alias));
            }),
            check: Some(check_alias),
        },
        CpeColumn {
            name: "Enable",
            read: |reading, instance| of_row(reading, instance, |row| boolean(row.enable)),
            write: Some(|cpe, instance, value| {
                change(cpe, instance, |row| row.enable = value == "1")
            }),
            check: None,
        },
        CpeColumn {
            name: "EventList",
            read: |reading, instance| of_row(reading, instance, |row| row.event_list.clone()),
            write: Some(|cpe, instance, value| {
                change(cpe, instance, |row| value.clone_into(&mut row.event_list));
            }),
            check: Some(check_events),
        },
        CpeColumn {
            name: "ParameterName",
            read: |reading, instance| of_row(reading, instance, |row| row.parameter_name.clone()),
            write: Some(|cpe, instance, value| {
                change(cpe, instance, |row| {
                    value.clone_into(&mut row.parameter_name)
                });
            }),
            check: Some(check_pattern),
        },
    ],
};

fn of_row(
    reading: &Reading<'_>,
    instance: u32,
    read: impl Fn(&InformParameter) -> String,
) -> String {
    let mut rows = reading.record.cpe.inform_parameters.iter();
    let row = rows.find(|row| row.instance == instance);
    row.map(read).unwrap_or_default()
}

fn change(cpe: &mut CpeState, instance: u32, change: impl FnOnce(&mut InformParameter)) {
    let mut rows = cpe.inform_parameters.iter_mut();
    if let Some(row) = rows.find(|row| row.instance == instance) {
        change(row);
    }
}

/// A letter, then letters, digits, `_` and `-` (cwmp.md M77); its length is the model's.
fn check_alias(alias: &str) -> Result<(), String> {
    let mut characters = alias.chars();
    let begins_well = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic());
    let goes_on_well = characters.all(|next| next.is_ascii_alphanumeric() || "_-".contains(next));
    if begins_well && goes_on_well {
        Ok(())
    } else {
        Err("an alias is a letter, then letters, digits, `_` and `-`".to_owned())
    }
}

fn check_events(list: &str) -> Result<(), String> {
    let mut codes = list.split(',').map(str::trim);
    let alien = codes.find(|code| !(EVENTS.contains(code) || list.is_empty()));
    match alien {
        None => Ok(()),
        Some(code) => Err(format!(
            "`{}` is no event code that a row can name: 4 VALUE CHANGE is none of them",
            code.escape_debug()
        )),
    }
}

/// The path of a parameter, with `*` in the place of instance numbers only.
fn check_pattern(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() {
        return Ok(());
    }
    let mut prefix = String::with_capacity(MAX_PATH_LENGTH);
    for segment in pattern.split('.') {
        if segment == "*" {
            // Only Device:2 has the table. A table's own path ends in its name, not in a number.
            let is_table = prefix.ends_with(|last: char| !last.is_ascii_digit())
                && Schema::device2()
                    .entry(&format!("{prefix}."))
                    .and_then(Entry::table)
                    .is_some();
            if !is_table {
                return Err("`*` may stand in the place of an instance number only".to_owned());
            }
        }
        if !prefix.is_empty() {
            prefix.push('.');
        }
        prefix.push_str(if segment == "*" { "1" } else { segment });
    }
    match prefix.parse::<ParameterPath>() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_in_the_place_of_an_instance_number_only() {
        for good in [
            "",
            "Device.DeviceInfo.UpTime",
            "Device.Services.VoiceService.1.VoiceProfile.*.Line.*.Status",
            "Device.X_TRESTLE_Delivery.LastContact",
            "Device.Services.VoiceService.*.NoSuchThing",
        ] {
            assert_eq!(check_pattern(good), Ok(()), "{good}");
        }
        for bad in [
            "*",
            "Device.*.UpTime",
            "Device.DeviceInfo.*",
            "Device.DeviceInfo.Up*",
            "Device.Services.VoiceService.1.*.Line.1.Status",
            "Device.Services.VoiceService.1.VoiceProfile.*.*.Status",
            "Device.Services.VoiceService.1.VoiceProfile.*.Line.1.",
        ] {
            assert!(check_pattern(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn events_are_named_by_their_codes_and_value_change_is_none_of_them() {
        assert_eq!(check_events(""), Ok(()));
        assert_eq!(check_events("2 PERIODIC, M Reboot"), Ok(()));
        assert!(check_events("4 VALUE CHANGE").is_err());
        assert!(check_events("2 PERIODIC,").is_err());
        assert!(check_events("periodic").is_err());
    }
}
