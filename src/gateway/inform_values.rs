//! The parameters of an Inform. Most of them are the CPE's own, and the others stand beside the
//! record since the phone's files were last read: an Inform of a device that has not changed opens
//! none of its files.

use std::collections::HashSet;

use jiff::Timestamp;

use super::core::Gateway;
use super::cpe_parameters::{OwnParameter, own_parameter, stands_for};
use super::door::GatewayError;
use super::inform_parameters::patterns;
use super::live::Live;
use super::own_changes::Own;
use super::own_cpe::OWN_MAC;
use super::view::{DYNAMIC, Shown, lan_address};
use super::waking::UDP_ADDRESS;
use crate::cwmp::{Event, EventCode, ParameterValue};
use crate::datamodel::{Entry, ParameterPath};
use crate::device::{DeviceRecord, StoredParameters, StoredParametersText};
use crate::mapping::Pack;
use crate::native::Mac;
use crate::store::{StoreError, Table, decode_borrowed};

/// What an Inform names.
struct Wanted<'a> {
    /// Parameters, in the order of the Inform.
    paths: Vec<&'a str>,
    /// Rows of the InformParameter table, which may name many at once.
    patterns: Vec<&'a str>,
    /// Parameters whose change has to be told.
    changed: Vec<&'a str>,
}

impl Gateway {
    /// The forced parameters, those that the ACS wants with these events, and those whose change
    /// has to be told; each once (cwmp.md I5, I6, I7, I9).
    pub(super) fn inform_parameters(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        pack: &Pack,
        live: &mut Live,
        events: &[Event],
    ) -> Result<Vec<ParameterValue>, GatewayError> {
        let wanted = self.wanted(mac, record, pack, events);
        if let Some(values) = self.without_files(mac, record, pack, &wanted)? {
            return Ok(values);
        }
        let view = self.view(mac, live)?;
        let now = self.inner.clock.now();
        let paths = wanted.paths.into_iter();
        let mut shown: Vec<Shown> = paths.filter_map(|path| view.parameter(path, now)).collect();
        for pattern in wanted.patterns {
            shown.extend(view.matching(pattern, now));
        }
        // A parameter that is gone has no value to tell.
        let changed = wanted.changed.into_iter();
        shown.extend(changed.filter_map(|path| view.parameter(path, now)));
        let mut seen = HashSet::new();
        shown.retain(|parameter| seen.insert(parameter.path.clone()));
        Ok(shown.into_iter().map(Shown::into_wire).collect())
    }

    fn wanted<'a>(
        &self,
        mac: Mac,
        record: &'a DeviceRecord,
        pack: &'a Pack,
        events: &[Event],
    ) -> Wanted<'a> {
        let schema = pack.schema();
        let mut paths: Vec<&str> = schema.forced().collect();
        if self.udp_address_change(mac, record, schema).is_in_inform() {
            paths.push(UDP_ADDRESS);
        }
        let mut codes = events.iter().map(|event| event.code);
        let changed = if codes.any(|code| code == EventCode::ValueChange) {
            let changed = record.cpe.events.changed();
            changed.map(ParameterPath::as_str).collect()
        } else {
            Vec::new()
        };
        Wanted {
            paths,
            patterns: patterns(&record.cpe, events).collect(),
            changed,
        }
    }

    /// The values of what is wanted; `None` when the files have to be read for one of them.
    fn without_files(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        pack: &Pack,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Vec<ParameterValue>>, GatewayError> {
        let mut patterns = wanted.patterns.iter();
        if patterns.any(|pattern| pattern.contains('*')) {
            return Ok(None);
        }
        let stored = self.parameters_as_stored(mac)?;
        let Some(known) = self.known(mac, record, pack, &stored)? else {
            return Ok(None);
        };
        let mut seen = HashSet::new();
        let paths = wanted.paths.iter().chain(&wanted.patterns);
        let paths = paths.chain(&wanted.changed);
        let paths = paths.filter(|path| seen.insert(**path));
        Ok(paths.map(|path| known.value(path)).collect())
    }

    /// What is kept beside the record, as it lies in the store.
    fn parameters_as_stored(&self, mac: Mac) -> Result<Vec<u8>, GatewayError> {
        match self.inner.store.get(Table::Parameters, &mac.bytes()) {
            Ok(stored) => Ok(stored.unwrap_or_default()),
            Err(error @ StoreError::DamagedValue { .. }) => {
                self.mend_parameters(mac, error.into());
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// `None` when what is kept beside the record is not what its lenses show now.
    fn known<'a>(
        &self,
        mac: Mac,
        record: &'a DeviceRecord,
        pack: &'a Pack,
        stored: &'a [u8],
    ) -> Result<Option<Known<'a>>, GatewayError> {
        let model = record.model.as_deref();
        if mac == OWN_MAC || model.is_some_and(|model| !pack.covers_model(model)) {
            return Ok(None);
        }
        let stored = match decode_borrowed::<StoredParameters, StoredParametersText<'_>>(stored) {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(None),
            // The files are read instead.
            Err(error) => {
                self.mend_parameters(mac, error.into());
                return Ok(None);
            }
        };
        let lenses = pack.id().to_string();
        let is_present = record.lenses == lenses && stored.lenses == lenses;
        Ok(is_present.then(|| Known {
            record,
            pack,
            stored,
            own: self.own(mac, record, pack),
            now: self.inner.clock.now(),
        }))
    }
}

/// What is known of a device without its files.
struct Known<'a> {
    record: &'a DeviceRecord,
    pack: &'a Pack,
    /// As the present lenses have derived them.
    stored: StoredParametersText<'a>,
    own: Own<'a>,
    now: Timestamp,
}

impl Known<'_> {
    /// A parameter as the data model shows it; `None` when its file has to be read for it, also to
    /// see that it is not there.
    fn value(&self, path: &str) -> Option<ParameterValue> {
        let schema = self.pack.schema();
        let facts = schema.entry(path).and_then(Entry::parameter);
        if let Some(own) = own_parameter(path) {
            let OwnParameter::Single(single) = own else {
                return None;
            };
            let has_standard =
                stands_for(path).is_some_and(|standard| schema.entry(standard).is_some());
            let value_type = single.own_type.or(facts.map(|facts| facts.rule.value_type));
            let value_type = value_type.filter(|_| !has_standard)?;
            let is_hidden = facts.is_some_and(|facts| facts.hidden);
            return Some(ParameterValue {
                name: path.to_owned(),
                value: if is_hidden {
                    String::new()
                } else {
                    own.read(&self.own.reading(self.now))
                },
                value_type,
            });
        }
        let lan_address = lan_address(schema).filter(|(address, _)| *address == path);
        if let (Some((_, addressing_type)), Some(facts), Some(contact)) =
            (lan_address, facts, &self.record.contact)
            && self.lens_value(addressing_type)?.value == DYNAMIC
        {
            let address = contact.address.to_string();
            if facts.rule.admits(&address).is_ok() {
                return Some(ParameterValue {
                    name: path.to_owned(),
                    value: address,
                    value_type: facts.rule.value_type,
                });
            }
        }
        self.lens_value(path)
    }

    /// A parameter that a lens gives: what it was when the files were last read, or its default.
    fn lens_value(&self, path: &str) -> Option<ParameterValue> {
        let path: ParameterPath = path.parse().ok()?;
        // How many rows a table has is counted, whatever a lens says.
        if path.name().contains("NumberOf") {
            return None;
        }
        let default = self.pack.default_parameter(&self.record.rows, &path)?;
        let mut shown = Shown::from(default);
        if let Some(stored) = self.stored.value(&path) {
            // Of a hidden one it is a hash; it is told as empty anyway.
            stored.clone_into(&mut shown.value);
        }
        Some(shown.into_wire())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::template_tests::{Bench, DEVICES};
    use super::*;
    use crate::datamodel::PathQuery;
    use crate::mapping::Template;

    /// What is known of a device without its files, beside what they show. Says how much is known.
    async fn compare(bench: &Bench, mac: Mac) -> usize {
        let gateway = &bench.gateway;
        let view = gateway.view(mac, &mut *gateway.hold(mac).await).unwrap();
        let (record, pack) = (&view.record, &view.pack);
        let stored = gateway.parameters_as_stored(mac).unwrap();
        let known = gateway.known(mac, record, pack, &stored).unwrap().unwrap();
        let shown = view.select(&PathQuery::Everything).unwrap();
        let mut paths: BTreeSet<String> = shown.iter().map(|one| one.path.to_string()).collect();
        // Also what is not there.
        for number in ["1", "2", "7"] {
            let entries = pack.schema().entries();
            let parameters = entries.filter(|entry| entry.parameter().is_some());
            paths.extend(parameters.map(|entry| entry.path().replace("{i}", number)));
        }
        let mut count = 0;
        for path in &paths {
            if let Some(value) = known.value(path) {
                let shown = view.parameter(path, known.now).map(Shown::into_wire);
                assert_eq!(Some(value), shown, "{path}");
                count += 1;
            }
        }
        for path in pack.schema().forced() {
            let is_shown = view.parameter(path, known.now).is_some();
            assert_eq!(known.value(path).is_some(), is_shown, "{path}");
        }
        count
    }

    #[tokio::test]
    async fn what_is_told_without_the_files_is_what_they_show() {
        for template in [Template::Device1, Template::Device2, Template::Vendor] {
            let bench = Bench::new(template).await;
            for mac in DEVICES {
                assert!(compare(&bench, mac).await > 50);
            }
            // Its model and its address are known now.
            bench.fetch().await;
            for mac in DEVICES {
                assert!(compare(&bench, mac).await > 50);
            }
        }
    }
}
