//! All parameters of the virtual CPE.

use super::parameter::{CpeParameter, CpeTable};
use super::{connection_requests, delivery, device, device_info, management_server, proxier};

/// Parameters that are there once, object by object, each in order of its paths.
static PARAMETERS: &[&[CpeParameter]] = &[
    connection_requests::PARAMETERS,
    delivery::PARAMETERS,
    device::PARAMETERS,
    device_info::PARAMETERS,
    management_server::PARAMETERS,
    proxier::PARAMETERS,
];

/// Tables, in order of their paths.
static TABLES: &[CpeTable] = &[];

/// Every parameter of the virtual CPE, whatever the data model of a device.
pub(in crate::gateway) fn cpe_parameters() -> impl Iterator<Item = &'static CpeParameter> {
    PARAMETERS.iter().copied().flatten()
}

/// Every table of the virtual CPE, whatever the data model of a device.
pub(in crate::gateway) fn cpe_tables() -> impl Iterator<Item = &'static CpeTable> {
    TABLES.iter()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::parameter::OwnParameter;
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
