//! The part of a device's data model that one call names: a phone has thousands of parameters, and an
//! ACS sets a few of them.

use std::sync::Arc;

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::{Draft, uncovered_model};
use super::live::Live;
use super::own_cpe::OWN_MAC;
use super::unique_keys::is_in_a_key;
use super::view::{View, lan_address};
use crate::datamodel::ParameterPath;

impl Gateway {
    /// What a call is checked against that sets these parameters: of those that lenses give it
    /// shows the named ones only. `None` where a check needs more of the data model, or something
    /// named is not to be found so; the whole view says what is right then.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub(super) fn view_to_set(
        &self,
        draft: &mut Draft,
        live: &Live,
        names: &[&str],
    ) -> Result<Option<View>, GatewayError> {
        if live.view.is_some() || draft.mac == OWN_MAC || uncovered_model(draft).is_some() {
            return Ok(None);
        }
        let pack = Arc::clone(&draft.pack);
        let schema = pack.schema();
        let address = lan_address(schema).map(|(address, _)| address);
        let rows = draft.record.rows.clone();
        let Ok(documents) = draft.documents(self) else {
            return Ok(None);
        };
        let mut lenses = Vec::with_capacity(names.len());
        for name in names {
            let Ok(path) = name.parse::<ParameterPath>() else {
                return Ok(None);
            };
            let needs_more = Some(*name) == address
                || pack.kept_as(&path, &rows).is_some()
                || is_in_a_key(schema, &path);
            if needs_more {
                return Ok(None);
            }
            lenses.extend(pack.parameter(&documents.layers, &rows, &path));
        }
        let view = View::new(
            draft.mac,
            draft.record.clone(),
            pack,
            lenses,
            &self.inner.settings,
            self.reachability(draft.mac, &draft.record),
            self.inner.phase_key,
        );
        let now = self.inner.clock.now();
        let mut names = names.iter();
        let shows_all = names.all(|name| view.parameter(name, now).is_some());
        Ok(shows_all.then_some(view))
    }
}
