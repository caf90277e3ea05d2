//! All parameters of the virtual CPE.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::parameter::{CpeParameter, CpeTable, OwnParameter};
use super::{
    connection_requests, delivery, device, device_info, inform_parameters, inform_policy,
    lightweight, management_server, proxier, transfers,
};

/// Parameters that are there once, object by object, each in order of its paths.
static PARAMETERS: &[&[CpeParameter]] = &[
    connection_requests::PARAMETERS,
    delivery::PARAMETERS,
    device::PARAMETERS,
    device_info::PARAMETERS,
    inform_policy::PARAMETERS,
    lightweight::PARAMETERS,
    management_server::PARAMETERS,
    proxier::PARAMETERS,
    transfers::PARAMETERS,
];

/// Tables, in order of their paths.
static TABLES: &[CpeTable] = &[
    transfers::CONFIGURATION_FILES,
    transfers::LOG_FILES,
    inform_parameters::TABLE,
];

/// Every parameter of the virtual CPE, whatever the data model of a device.
pub(in crate::gateway) fn cpe_parameters() -> impl Iterator<Item = &'static CpeParameter> {
    PARAMETERS.iter().copied().flatten()
}

/// The parameter of the virtual CPE that has this path in some data model; a row may be gone.
pub(in crate::gateway) fn own_parameter(path: &str) -> Option<OwnParameter> {
    static BY_PATH: LazyLock<HashMap<&str, &CpeParameter>> = LazyLock::new(|| {
        let parameters = cpe_parameters();
        parameters.map(|own| (own.path, own)).collect()
    });
    if let Some(single) = BY_PATH.get(path) {
        return Some(OwnParameter::Single(single));
    }
    TABLES.iter().find_map(|table| {
        let (instance, name) = path.strip_prefix(table.path)?.split_once('.')?;
        let column = table.columns.iter().find(|column| column.name == name)?;
        Some(OwnParameter::InRow(column, instance.parse().ok()?))
    })
}

/// Every table of the virtual CPE, whatever the data model of a device.
pub(in crate::gateway) fn cpe_tables() -> impl Iterator<Item = &'static CpeTable> {
    TABLES.iter()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::datamodel::Schema;

    #[test]
    fn they_stand_once_in_order_and_agree_with_the_schema() {
        let mut paths = HashSet::new();
        for table in PARAMETERS {
            assert!(table.is_sorted_by_key(|parameter| parameter.path));
        }
        for parameter in cpe_parameters() {
            let path = parameter.path;
            assert!(paths.insert(path), "{path}");
            let models = [Schema::device1(), Schema::device2()];
            let entries: Vec<_> = models
                .iter()
                .filter_map(|model| model.entry(path))
                .collect();
            assert_eq!(entries.is_empty(), parameter.own_type.is_some(), "{path}");
            if OwnParameter::Single(parameter).is_settable() {
                assert!(entries.iter().all(|entry| entry.writable()), "{path}");
            }
        }
    }

    #[test]
    fn tables_stand_in_order_and_agree_with_the_schema() {
        assert!(TABLES.is_sorted_by_key(|table| table.path));
        for table in TABLES {
            let models = [Schema::device1(), Schema::device2()];
            let models = models
                .into_iter()
                .filter(|model| model.entry(table.path).is_some());
            for model in models {
                for column in table.columns {
                    let path = format!("{}1.{}", table.path, column.name);
                    let entry = model.entry(&path).unwrap_or_else(|| panic!("{path}"));
                    assert!(
                        entry.writable() || !OwnParameter::InRow(column, 1).is_settable(),
                        "{path}"
                    );
                }
            }
        }
    }
}
