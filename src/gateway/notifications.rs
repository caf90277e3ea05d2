//! Which changes an ACS wants to hear of, and how (cwmp.md section 5.4).

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use super::view::{Shown, lan_address};
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

impl Gateway {
    /// What lightweight notifications of a device have to tell, with the present values; `None`
    /// when there is nothing (cwmp.md A10). It is owed until [`Gateway::lightweight_told`].
    pub(super) async fn lightweight_changes(
        &self,
        mac: Mac,
    ) -> Result<Option<Vec<ParameterValue>>, GatewayError> {
        let view = self.view(mac, &mut *self.hold(mac).await)?;
        let (schema, cpe) = (view.pack.schema(), &view.record.cpe);
        let now = self.inner.clock.now();
        // A parameter that is gone has no value to tell.
        let changes: Vec<ParameterValue> = cpe
            .lightweight
            .changed
            .iter()
            .filter(|path| in_force(schema, cpe, path).is_lightweight())
            .filter_map(|path| view.parameter(path.as_str(), now))
            .map(Shown::into_wire)
            .collect();
        Ok((!changes.is_empty()).then_some(changes))
    }

    /// Notes that a lightweight notification has told these parameters. One that has another value
    /// by now goes on being owed.
    pub(super) async fn lightweight_told(
        &self,
        mac: Mac,
        told: &[ParameterValue],
    ) -> Result<(), GatewayError> {
        self.change(mac, |draft, live| {
            let view = self.view(mac, live)?;
            live.lightweight_is_running = false;
            let now = self.inner.clock.now();
            let changed = &mut draft.record.cpe.lightweight.changed;
            changed.retain(|path| match view.parameter(path.as_str(), now) {
                Some(shown) => !told.contains(&shown.into_wire()),
                None => false,
            });
            Ok(())
        })
        .await
    }
}

/// Whether a lightweight notification goes out at once.
pub(super) fn is_active_lightweight(notification: Notification) -> bool {
    matches!(
        notification,
        Notification::ActiveLightweight | Notification::ActiveBoth
    )
}

impl Draft {
    /// The parameters whose change, if this draft makes one, an ACS is to hear of: not of what it
    /// sets itself (cwmp.md A3). What an ACS hears of unasked begins with the first Inform that
    /// it has taken.
    pub(super) fn watched(&self) -> impl Iterator<Item = &ParameterPath> {
        let unasked = self.pack.schema().active_unasked();
        let attributes = &self.record.cpe.attributes;
        let has_informed = self.record.cpe.informed_acs.is_some();
        let asked = attributes.iter().filter(move |(path, attribute)| {
            // What the model forces stands among what is told unasked, and those are few.
            attribute.notification != Notification::Off
                || unasked.contains(path)
                    && in_force(self.pack.schema(), &self.record.cpe, path) != Notification::Off
        });
        let unasked = unasked
            .iter()
            .filter(move |path| has_informed && !attributes.contains_key(*path));
        asked
            .map(|(path, _)| path)
            .chain(unasked)
            .filter(|path| !self.set_by_acs.contains(*path))
    }

    /// Notes changes of derived parameters.
    pub(super) fn note_changes(&mut self, before: &StoredParameters, after: &StoredParameters) {
        let address = lan_address(self.pack.schema()).map(|(address, _)| address);
        let changed = self
            .watched()
            .filter(|path| Some(path.as_str()) != address)
            .filter(|path| before.value(path) != after.value(path))
            .cloned()
            .collect();
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
