//! Phones with a file that is encrypted and can't be opened any more: they are served, and what
//! their files set is shown as it was last derived. Only changing them has to wait for the
//! password.

use super::another_tree::template_of;
use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use crate::datamodel::ValueType;
use crate::mapping::{Pack, Parameter, ValueState};

impl Gateway {
    /// The parameters of a device that its lenses give.
    pub(super) fn lens_parameters(
        &self,
        draft: &mut Draft,
    ) -> Result<Vec<Parameter>, GatewayError> {
        let pack = std::sync::Arc::clone(&draft.pack);
        let rows = draft.record.rows.clone();
        let kept = draft.record.kept.clone();
        match draft.documents(self) {
            Ok(documents) => Ok(pack.read_with_kept(&documents.layers, &rows, &kept)),
            Err(error @ GatewayError::Sealed { .. }) => {
                tracing::warn!(mac = %draft.mac, %error, "shown as it was when it could be read");
                self.stored_parameters(draft, &pack)
            }
            Err(error) => Err(error),
        }
    }

    /// The parameters as they were derived last. Of hidden ones the hash stands in place of the
    /// value; nobody is shown either.
    fn stored_parameters(
        &self,
        draft: &Draft,
        pack: &Pack,
    ) -> Result<Vec<Parameter>, GatewayError> {
        let rows = &draft.record.rows;
        let nothing = pack.layers(Vec::new());
        let mut parameters = pack.read_with_kept(&nothing, rows, &draft.record.kept);
        let stored = self.load_parameters(draft.mac)?;
        let of_this_tree = template_of(&stored.lenses) == pack.template();
        for (path, value) in stored.values {
            match parameters.binary_search_by(|parameter| parameter.path.cmp(&path)) {
                Ok(place) => {
                    if let Some(parameter) = parameters.get_mut(place) {
                        parameter.value = value;
                    }
                }
                // A name of the tree that was shown before, or one that this tree has too.
                Err(_) if !of_this_tree => {}
                Err(place) => {
                    let hidden = pack
                        .native_keys(&path, rows)
                        .iter()
                        .any(|key| pack.is_secret_key(key));
                    let parameter = Parameter {
                        path,
                        value_type: ValueType::String,
                        writable: true,
                        hidden,
                        value,
                        state: ValueState::Default,
                    };
                    parameters.insert(place, parameter);
                }
            }
        }
        Ok(parameters)
    }
}

/// The outcome, or nothing if a file can't be opened: for work that can be done when it can.
pub(super) fn if_open<T>(outcome: Result<T, GatewayError>) -> Result<Option<T>, GatewayError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(GatewayError::Sealed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
