//! Rows of the InformParameter table: made, removed, and what they add to an Inform (cwmp.md I7).

use std::collections::HashMap;

use crate::cwmp::{Event, EventCode};
use crate::device::{CpeState, InformParameter};

/// The table.
pub(super) const INFORM_PARAMETERS: &str = "Device.ManagementServer.InformParameter.";
/// Rows that a device can have at most.
pub(super) const MAX_ROWS: usize = 64;

/// Adds a row, with the defaults of the model. An instance number is never given twice
/// (cwmp.md M72). Whoever calls has checked that there is room ([`MAX_ROWS`]).
pub(super) fn add(cpe: &mut CpeState) -> u32 {
    cpe.last_inform_parameter = cpe.last_inform_parameter.saturating_add(1);
    let instance = cpe.last_inform_parameter;
    cpe.inform_parameters.push(InformParameter {
        instance,
        enable: false,
        alias: format!("cpe-{instance}"),
        parameter_name: String::new(),
        event_list: String::new(),
    });
    instance
}

/// Removes a row; false when there is none of this number.
pub(super) fn remove(cpe: &mut CpeState, instance: u32) -> bool {
    let before = cpe.inform_parameters.len();
    cpe.inform_parameters.retain(|row| row.instance != instance);
    cpe.inform_parameters.len() < before
}

/// The patterns of the rows that count for an Inform with these events.
pub(super) fn patterns<'a>(
    cpe: &'a CpeState,
    events: &[Event],
) -> impl Iterator<Item = &'a str> + use<'a> {
    let codes: Vec<&str> = events
        .iter()
        .filter(|event| event.code != EventCode::ValueChange)
        .map(|event| event.code.wire_name())
        .collect();
    let counts = move |row: &&InformParameter| {
        let mut wanted = row.event_list.split(',').map(str::trim);
        let is_for_these = if row.event_list.is_empty() {
            !codes.is_empty()
        } else {
            wanted.any(|code| codes.contains(&code))
        };
        row.enable && !row.parameter_name.is_empty() && is_for_these
    };
    let rows = cpe.inform_parameters.iter().filter(counts);
    rows.map(|row| row.parameter_name.as_str())
}

/// Rows that may not stand beside each other: each with the row before it that has the same, and
/// the parameter that is the same. Aliases differ always, names of parameters among enabled rows
/// (cwmp.md M30).
pub(super) fn conflicts(cpe: &CpeState) -> Vec<(u32, u32, &'static str)> {
    let mut aliases = HashMap::new();
    let mut names = HashMap::new();
    let mut conflicts = Vec::new();
    for row in &cpe.inform_parameters {
        if let Some(first) = aliases.insert(row.alias.as_str(), row.instance) {
            conflicts.push((first, row.instance, "Alias"));
        }
        if row.enable
            && !row.parameter_name.is_empty()
            && let Some(first) = names.insert(row.parameter_name.as_str(), row.instance)
        {
            conflicts.push((first, row.instance, "ParameterName"));
        }
    }
    conflicts
}
