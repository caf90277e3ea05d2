//! How the data model of a device is put together: which parameters there are, where each comes
//! from, and in which objects and tables they stand.

use std::collections::{BTreeMap, BTreeSet};

use super::super::cpe_parameters::{OwnParameter, cpe_parameters, cpe_tables, stands_for};
use super::super::inform_parameters::INFORM_PARAMETERS;
use super::super::own_cpe;
use super::{Source, is_row, lan_address};
use crate::datamodel::{Entry, ObjectPath, ParameterPath, Schema};
use crate::device::DeviceRecord;
use crate::mapping::{Parameter, RowTable};

/// Tables of the model that are there without a row: a desk phone has no port for another.
const EMPTY_TABLES: &[&str] = &["Device.Services.VoiceService.1.PhyInterface."];

/// Where each parameter comes from, as it is put together.
pub(super) struct Sources(pub(super) BTreeMap<ParameterPath, Source>);

impl Sources {
    pub(super) fn of_lenses(lenses: &[Parameter]) -> Self {
        let lenses = lenses.iter().enumerate();
        let sources = lenses.map(|(place, lens)| (lens.path.clone(), Source::Lens(place)));
        Self(sources.collect())
    }

    /// Those of the CPE's own parameters that its data model has.
    pub(super) fn add_own_parameters(&mut self, schema: &Schema, is_gateway: bool) {
        let shows: fn(&str) -> bool = if is_gateway {
            own_cpe::shares
        } else {
            |_| true
        };
        for parameter in cpe_parameters() {
            if !shows(parameter.path) {
                continue;
            }
            let is_known = |path| schema.entry(path).is_some();
            let is_shown = parameter.own_type.is_some() || is_known(parameter.path);
            let has_standard = stands_for(parameter.path).is_some_and(is_known);
            if is_shown
                && !has_standard
                && let Ok(path) = parameter.path.parse()
            {
                let own = Source::Cpe(OwnParameter::Single(parameter));
                if is_gateway {
                    // What is said of the gateway in particular goes first.
                    self.0.entry(path).or_insert(own);
                } else {
                    self.0.insert(path, own);
                }
            }
        }
    }

    pub(super) fn add_lan_address(&mut self, schema: &Schema) {
        let Some((address, addressing_type)) = lan_address(schema) else {
            return;
        };
        let Ok(path) = address.parse::<ParameterPath>() else {
            return;
        };
        let lens = match self.0.get(&path) {
            Some(Source::Lens(place)) => Some(*place),
            _ => None,
        };
        let source = Source::LanAddress {
            lens,
            addressing_type,
        };
        self.0.insert(path, source);
    }

    /// What stands in the rows of the CPE's own tables. The tables.
    pub(super) fn add_own_rows(&mut self, record: &DeviceRecord, schema: &Schema) -> Vec<RowTable> {
        let known = cpe_tables().filter(|table| schema.entry(table.path).is_some());
        let mut tables = Vec::new();
        for table in known {
            let instances = (table.instances)(record);
            for instance in &instances {
                for column in table.columns {
                    let path = format!("{}{instance}.{}", table.path, column.name);
                    if schema.entry(&path).is_some()
                        && let Ok(path) = path.parse()
                    {
                        let parameter = OwnParameter::InRow(column, *instance);
                        self.0.insert(path, Source::Cpe(parameter));
                    }
                }
            }
            tables.push(RowTable {
                path: table.path.to_owned(),
                instances,
                is_changeable: table.path == INFORM_PARAMETERS,
            });
        }
        tables
    }

    pub(super) fn add_counters(
        &mut self,
        objects: &BTreeSet<ObjectPath>,
        schema: &Schema,
        is_gateway: bool,
    ) {
        for (path, count) in counters(objects, schema) {
            let is_counted = is_gateway && self.0.contains_key(&path)
                || matches!(self.0.get(&path), Some(Source::Cpe(_)));
            if !is_counted {
                self.0.insert(path, Source::Count(count));
            }
        }
    }
}

/// Objects, tables and rows, as they are put together.
pub(super) struct Objects {
    pub(super) all: BTreeSet<ObjectPath>,
    /// Tables to which the ACS may add rows, and rows that it may delete.
    pub(super) changeable: BTreeSet<ObjectPath>,
}

impl Objects {
    pub(super) fn of(
        tables: Vec<RowTable>,
        sources: &Sources,
        schema: &Schema,
        is_gateway: bool,
    ) -> Self {
        let mut all = BTreeSet::new();
        let mut changeable = BTreeSet::new();
        for RowTable {
            path,
            instances,
            is_changeable,
        } in tables
        {
            let rows = instances.iter().map(|row| format!("{path}{row}."));
            for object in rows.chain([path.clone()]) {
                let Ok(object) = object.parse::<ObjectPath>() else {
                    continue;
                };
                if is_changeable {
                    changeable.insert(object.clone());
                }
                insert_with_parents(&mut all, object);
            }
        }
        let empty_tables = if is_gateway {
            own_cpe::EMPTY_TABLES
        } else {
            EMPTY_TABLES
        };
        for table in empty_tables {
            if schema.entry(table).is_some()
                && let Ok(table) = table.parse()
            {
                insert_with_parents(&mut all, table);
            }
        }
        let parents = sources.0.keys().filter_map(ParameterPath::parent);
        parents.for_each(|parent| insert_with_parents(&mut all, parent));
        Self { all, changeable }
    }
}

/// For each table that is there, the parameter that counts its rows by the data model, such as
/// `…VoiceProfile.1.NumberOfLines`, and how many rows there are.
fn counters(objects: &BTreeSet<ObjectPath>, schema: &Schema) -> Vec<(ParameterPath, usize)> {
    let mut counts: BTreeMap<ParameterPath, usize> = BTreeMap::new();
    for object in objects {
        let parent = object.parent();
        let Some(table) = schema.entry(object.as_str()).and_then(Entry::table) else {
            continue;
        };
        let is_row = is_row(object);
        let holder = if is_row {
            parent.and_then(|table| table.parent())
        } else {
            parent
        };
        let (Some(name), Some(holder)) = (&table.count, holder) else {
            continue;
        };
        if let Ok(counter) = format!("{holder}{name}").parse::<ParameterPath>()
            && schema.entry(counter.as_str()).is_some()
        {
            *counts.entry(counter).or_default() += usize::from(is_row);
        }
    }
    counts.into_iter().collect()
}

fn insert_with_parents(objects: &mut BTreeSet<ObjectPath>, path: ObjectPath) {
    let mut next = Some(path);
    while let Some(path) = next {
        next = path.parent();
        if !objects.insert(path) {
            return;
        }
    }
}
