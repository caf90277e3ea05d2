//! Which changes an ACS wants to hear of, and how (cwmp.md section 5.4).

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use super::view::lan_address;
use crate::cwmp::{Notification, ParameterValue};
use crate::datamodel::{ActiveNotification, Entry, ParameterPath, Schema};
use crate::device::{CpeState, StoredParameters};
use crate::native::Mac;

/// How the ACS hears of a change of a parameter (cwmp.md A6).
pub(super) fn in_force(schema: &Schema, cpe: &CpeState, path: &ParameterPath) -> Notification {
    let set = cpe.attributes.get(path);
    match active_notification(schema, path) {
        ActiveNotification::Forced => Notification::Active,
        _ => set.map_or(unasked(schema, path), |set| set.notification),
    }
}

/// How an ACS hears of a change of a parameter for which it has set nothing.
pub(super) fn unasked(schema: &Schema, path: &ParameterPath) -> Notification {
    match active_notification(schema, path) {
        ActiveNotification::Forced | ActiveNotification::Default => Notification::Active,
        ActiveNotification::OnDemand | ActiveNotification::Deniable => Notification::Off,
    }
}

fn active_notification(schema: &Schema, path: &ParameterPath) -> ActiveNotification {
    let facts = schema.entry(path.as_str()).and_then(Entry::parameter);
    facts.map_or(ActiveNotification::default(), |facts| {
        facts.active_notification
    })
}

/// Whether a changed parameter opens a session.
pub(super) fn owes_active_change(schema: &Schema, cpe: &CpeState) -> bool {
    cpe.events
        .changed()
        .any(|path| in_force(schema, cpe, path) == Notification::Active)
}

/// What a lightweight notification has to tell (cwmp.md A10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightweightChanges {
    /// Part of it is to be told at once. If not, all of it waits for the next trigger.
    pub active: bool,
    /// The parameters that have changed, with their present values.
    pub parameters: Vec<ParameterValue>,
}

impl Gateway {
    /// The changes that lightweight notifications of a device have to tell; `None` when there are
    /// none. They are owed until [`Gateway::lightweight_told`].
    ///
    /// # Errors
    /// [`GatewayError`] when the device's record or files can't be read.
    pub async fn lightweight_changes(
        &self,
        mac: Mac,
    ) -> Result<Option<LightweightChanges>, GatewayError> {
        let view = self.view(mac, &mut *self.hold(mac).await)?;
        let (schema, cpe) = (view.pack.schema(), &view.record.cpe);
        let now = self.inner.clock.now();
        let mut active = false;
        let mut parameters = Vec::new();
        for path in &cpe.lightweight.changed {
            let notification = in_force(schema, cpe, path);
            // A parameter that is gone has no value to tell.
            if let Some(shown) = view.parameter(path.as_str(), now)
                && notification.is_lightweight()
            {
                active |= is_active_lightweight(notification);
                parameters.push(shown.into_wire());
            }
        }
        Ok((!parameters.is_empty()).then_some(LightweightChanges { active, parameters }))
    }

    /// Notes that a lightweight notification has told these parameters.
    ///
    /// # Errors
    /// [`GatewayError`] when that can't be written.
    pub async fn lightweight_told(
        &self,
        mac: Mac,
        told: &[ParameterValue],
    ) -> Result<(), GatewayError> {
        self.change(mac, |draft, _| {
            let changed = &mut draft.record.cpe.lightweight.changed;
            changed.retain(|path| told.iter().all(|told| told.name != path.as_str()));
            Ok(())
        })
        .await
    }
}

/// Whether a lightweight notification goes out at once.
fn is_active_lightweight(notification: Notification) -> bool {
    matches!(
        notification,
        Notification::ActiveLightweight | Notification::ActiveBoth
    )
}

impl Draft {
    /// The parameters whose change, if this draft makes one, an ACS is to hear of: not of what it
    /// sets itself (cwmp.md A3). What an ACS hears of unasked begins with the first Inform that
    /// it has taken.
    pub(super) fn watched(&self) -> Vec<ParameterPath> {
        let schema = self.pack.schema();
        let cpe = &self.record.cpe;
        let unasked = schema
            .active_unasked()
            .iter()
            .filter(|path| cpe.informed_acs.is_some() && !cpe.attributes.contains_key(*path));
        cpe.attributes
            .keys()
            .chain(unasked)
            .filter(|path| in_force(schema, cpe, path) != Notification::Off)
            .filter(|path| !self.set_by_acs.contains(*path))
            .cloned()
            .collect()
    }

    /// Notes changes of derived parameters.
    pub(super) fn note_changes(&mut self, before: &StoredParameters, after: &StoredParameters) {
        let address = lan_address(self.pack.schema()).map(|(address, _)| address);
        let mut changed = self.watched();
        changed.retain(|path| {
            Some(path.as_str()) != address && before.value(path) != after.value(path)
        });
        self.queue_changes(changed);
    }

    /// Notes that parameters have changed, for each way in which the ACS hears of it.
    pub(super) fn queue_changes(&mut self, changed: Vec<ParameterPath>) {
        let schema = self.pack.schema();
        for path in changed {
            let cpe = &mut self.record.cpe;
            let notification = in_force(schema, cpe, &path);
            self.news |= notification == Notification::Active;
            if notification.is_lightweight() {
                cpe.lightweight.changed.insert(path.clone());
            }
            if notification.is_in_inform() {
                cpe.events.note_change(path);
            }
        }
    }
}
