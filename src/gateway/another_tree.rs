//! Devices that were shown as one data model and are shown as another one now: for an ACS that is
//! another device, so it gets a `0 BOOTSTRAP` (data-model.md section 1). Each device is brought
//! over when it is next worked on, not all of them at the start.

use std::sync::Arc;

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use super::view::View;
use crate::cwmp::{Event, EventCode};
use crate::datamodel::ParameterPath;
use crate::device::DeviceRecord;
use crate::mapping::Template;

/// The data model for which parameters were derived, by what is noted of their lenses. What was
/// derived before that was noted was derived for the first one.
pub(super) fn template_of(lenses: &str) -> Template {
    let name = lenses.split('/').nth(2).unwrap_or_default();
    name.parse().unwrap_or_default()
}

impl Gateway {
    /// Whether the device's ACS knows it as another data model than it is shown now.
    pub(super) fn has_another_tree(&self, record: &DeviceRecord) -> Result<bool, GatewayError> {
        Ok(template_of(&record.lenses) != self.lenses(record)?.template())
    }

    /// Brings what is kept for the ACS over to the tree that the device shows now, if that is not
    /// the one of `before`. Attributes of names that it does not have go.
    pub(super) fn meet_another_tree(
        &self,
        draft: &mut Draft,
        before: &DeviceRecord,
    ) -> Result<(), GatewayError> {
        let template = draft.pack.template();
        if template_of(&before.lenses) == template {
            return Ok(());
        }
        if template_of(&draft.record.lenses) != template {
            // Its files can't be read at present. They will be derived when they can; that the
            // tree is another one is noted now.
            draft.record.lenses = format!("//{}", template.name());
        }
        if before.identity.is_none() {
            return Ok(());
        }
        draft
            .record
            .cpe
            .events
            .add(Event::plain(EventCode::Bootstrap));
        let lenses = self.lens_parameters(draft)?;
        let view = View::new(
            draft.mac,
            draft.record.clone(),
            Arc::clone(&draft.pack),
            lenses,
            &self.inner.settings,
            self.reachability(draft.mac, &draft.record),
            self.inner.phase_key,
        );
        let now = self.inner.clock.now();
        let attributes = std::mem::take(&mut draft.record.cpe.attributes);
        for (path, attribute) in attributes {
            let is_there =
                view.parameter(path.as_str(), now).is_some() || self.can_be_set(draft, &path)?;
            if is_there {
                draft.record.cpe.attributes.insert(path, attribute);
            }
        }
        Ok(())
    }

    /// Whether a lens has a parameter that is shown only while a file sets it.
    fn can_be_set(&self, draft: &mut Draft, path: &ParameterPath) -> Result<bool, GatewayError> {
        let rows = draft.record.rows.clone();
        let pack = Arc::clone(&draft.pack);
        match draft.documents(self) {
            Ok(documents) => Ok(pack.parameter(&documents.layers, &rows, path).is_some()),
            Err(GatewayError::Sealed { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
