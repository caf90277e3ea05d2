//! Changes of the CPE's own parameters that an ACS is to hear of.

use std::sync::Arc;

use jiff::Timestamp;

use super::core::Gateway;
use super::cpe_parameters::{Reading, own_parameter};
use super::door::GatewayError;
use super::draft::Draft;
use super::view::{self, View, lan_address, provisional_identity};
use super::waking::Reachability;
use crate::cwmp::DeviceId;
use crate::datamodel::{Entry, ParameterPath};
use crate::device::{DeviceRecord, StoredParameters};
use crate::mapping::Pack;
use crate::native::Mac;

/// Derived parameters as they were stored and as they are now.
pub(super) struct Derived {
    pub(super) before: StoredParameters,
    pub(super) after: StoredParameters,
}

/// What the CPE's own parameters are computed from, for one state of the record.
pub(super) struct Own<'a> {
    mac: Mac,
    record: &'a DeviceRecord,
    identity: DeviceId,
    acs_url: String,
    acs_username: String,
    periodic_inform_interval: u32,
    reachability: Reachability,
    gateway_serial: String,
    log_bytes: usize,
}

impl Own<'_> {
    pub(super) fn reading(&self, now: Timestamp) -> Reading<'_> {
        Reading {
            mac: self.mac,
            record: self.record,
            identity: &self.identity,
            acs_url: &self.acs_url,
            acs_username: &self.acs_username,
            periodic_inform_interval: self.periodic_inform_interval,
            reachability: &self.reachability,
            gateway_serial: &self.gateway_serial,
            log_bytes: self.log_bytes,
            now,
        }
    }
}

impl Gateway {
    /// Queues `4 VALUE CHANGE` for the CPE's own parameters, of which an ACS wants to hear.
    pub(super) fn note_own_changes(
        &self,
        draft: &mut Draft,
        derived: Option<&Derived>,
    ) -> Result<(), GatewayError> {
        let Some(before) = draft.before() else {
            return Ok(());
        };
        let after = &draft.record;
        let now = self.inner.clock.now();
        let (old, new) = (
            self.own(draft.mac, before, &draft.pack),
            self.own(draft.mac, after, &draft.pack),
        );
        let (old, new) = (old.reading(now), new.reading(now));
        let address = lan_address(draft.pack.schema());
        let mut changed = Vec::new();
        let mut counters = Vec::new();
        for path in draft.watched() {
            if address.is_some_and(|(address, _)| address == path.as_str()) {
                if self.address_has_changed(draft, derived, path)? {
                    changed.push(path.clone());
                }
            } else if let Some(parameter) = own_parameter(path.as_str()) {
                if parameter.read(&old) != parameter.read(&new) {
                    changed.push(path.clone());
                }
            } else if path.name().contains("NumberOf") {
                counters.push(path.clone());
            }
        }
        // Rows come and go so seldom that all of both trees may be made for it.
        if !counters.is_empty() && has_other_rows(before, after) {
            let (old, new) = (
                self.view_without_files(draft, before),
                self.view_without_files(draft, after),
            );
            let value = |view: &View, path: &ParameterPath| {
                let shown = view.parameter(path.as_str(), now);
                shown.map(|shown| shown.value)
            };
            counters.retain(|path| value(&old, path) != value(&new, path));
            changed.extend(counters);
        }
        draft.queue_changes(changed);
        Ok(())
    }

    pub(super) fn own<'a>(&self, mac: Mac, record: &'a DeviceRecord, pack: &Pack) -> Own<'a> {
        let settings = &self.inner.settings;
        let identity = record
            .identity
            .clone()
            .unwrap_or_else(|| provisional_identity(mac, record, pack, settings));
        Own {
            mac,
            record,
            acs_url: view::acs_url(mac, record, settings),
            acs_username: view::acs_username(mac, record, &identity, settings),
            periodic_inform_interval: view::periodic_inform_interval(mac, record, settings),
            identity,
            reachability: self.reachability(mac, record),
            gateway_serial: view::gateway_serial(self.inner.phase_key),
            log_bytes: settings.log_bytes(),
        }
    }

    fn view_without_files(&self, draft: &Draft, record: &DeviceRecord) -> View {
        let reachability = self.reachability(draft.mac, record);
        let pack = Arc::clone(&draft.pack);
        let settings = &self.inner.settings;
        let key = self.inner.phase_key;
        View::new(
            draft.mac,
            record.clone(),
            pack,
            Vec::new(),
            settings,
            reachability,
            key,
        )
    }

    /// Whether the phone's address in its network, as the ACS sees it, is another one.
    fn address_has_changed(
        &self,
        draft: &Draft,
        derived: Option<&Derived>,
        path: &ParameterPath,
    ) -> Result<bool, GatewayError> {
        let Some(before) = draft.before() else {
            return Ok(false);
        };
        let address = |record: &DeviceRecord| record.contact.as_ref().map(|seen| seen.address);
        if derived.is_none() && address(before) == address(&draft.record) {
            return Ok(false);
        }
        let stored;
        let (old, new) = match derived {
            Some(Derived { before, after }) => (before, after),
            None => {
                stored = self.load_parameters(draft.mac)?;
                (&stored, &stored)
            }
        };
        Ok(shown_address(before, old, &draft.pack, path)
            != shown_address(&draft.record, new, &draft.pack, path))
    }
}

/// The address that is shown: where the phone was seen, or the one that its file sets.
fn shown_address(
    record: &DeviceRecord,
    stored: &StoredParameters,
    pack: &Pack,
    path: &ParameterPath,
) -> Option<String> {
    let schema = pack.schema();
    let addressing_type = lan_address(schema)
        .and_then(|(_, addressing_type)| addressing_type.parse::<ParameterPath>().ok());
    let is_dynamic = addressing_type
        .and_then(|path| stored.value(&path))
        .is_none_or(|value| value == view::DYNAMIC);
    let facts = schema.entry(path.as_str()).and_then(Entry::parameter);
    record
        .contact
        .as_ref()
        .filter(|_| is_dynamic)
        .map(|seen| seen.address.to_string())
        .filter(|address| facts.is_some_and(|facts| facts.rule.admits(address).is_ok()))
        .or_else(|| stored.value(path).map(str::to_owned))
}

fn has_other_rows(before: &DeviceRecord, after: &DeviceRecord) -> bool {
    before.rows != after.rows
        || before.cpe.inform_parameters.len() != after.cpe.inform_parameters.len()
}
