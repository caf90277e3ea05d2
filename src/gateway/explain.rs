//! What a key, an alias or a path means on one phone, and what it has now.

use serde::{Deserialize, Serialize};

use super::closed::if_open;
use super::core::Gateway;
use super::overview::ParameterLine;
use super::values::ChangeError;
use crate::cwmp::FaultCode;
use crate::mapping::{CurrentValue, LensExplanation, nearest};
use crate::native::{Mac, NativeKey};

/// A word, explained for one phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneExplanation {
    /// The phone.
    pub mac: Mac,
    /// Its vendor.
    pub vendor: String,
    /// Its model, once it is known.
    pub model: Option<String>,
    /// The lenses of its model behind the word.
    pub lenses: Vec<LensExplanation>,
    /// Whether its files could be read: one may be encrypted and can't be opened.
    pub is_readable: bool,
    /// What the phone has for them, if its files could be read.
    pub values: Vec<CurrentValue>,
    /// Parameters behind the word that no lens ties to a file: the virtual CPE's own, and keys that
    /// are kept as they are.
    pub others: Vec<ParameterLine>,
    /// What the word may have been meant for, if it means nothing.
    pub nearest: Vec<String>,
}

impl Gateway {
    /// Explains a native key, an alias or a path for one phone, secrets masked.
    ///
    /// # Errors
    /// [`ChangeError::Gateway`]: an unknown phone, or one whose files can't be read.
    pub async fn explain(&self, mac: Mac, what: &str) -> Result<PhoneExplanation, ChangeError> {
        let mut live = self.hold(mac).await;
        let view = self.view(mac, &mut live)?;
        let mut draft = self.draft(mac)?;
        drop(live);
        let pack = std::sync::Arc::clone(&draft.pack);
        let rows = draft.record.rows.clone();
        let kept = draft.record.kept.clone();
        let documents = if_open(draft.documents(self))?;
        let is_readable = documents.is_some();
        let mut values = documents.map_or_else(Vec::new, |documents| {
            pack.current(what, &documents.layers, &rows, &kept)
        });
        for value in values.iter_mut().filter(|value| !value.secret) {
            // Where the CPE itself knows better than the file, that is what an ACS sees.
            if let Some(shown) = view.parameter(&value.path, self.inner.clock.now()) {
                value.value = shown.value;
            }
        }
        let lenses = pack.explain(&pack.plain_word(what, &rows));
        let mut others = Vec::new();
        if lenses.is_empty() {
            let of_key = pack.parameters_of(&NativeKey::new(what), &rows);
            let of_key = of_key.iter().map(|path| path.as_str());
            for path in std::iter::once(what.trim()).chain(of_key) {
                match self.parameters(mac, path).await {
                    Ok(found) => others.extend(found),
                    Err(ChangeError::Fault(fault))
                        if fault.code == FaultCode::InvalidParameterName => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let is_unknown = lenses.is_empty() && others.is_empty();
        Ok(PhoneExplanation {
            mac,
            vendor: pack.vendor().to_owned(),
            model: draft.record.model.clone(),
            lenses,
            is_readable,
            values,
            others,
            nearest: if is_unknown {
                nearest([pack.as_ref()], what)
            } else {
                Vec::new()
            },
        })
    }
}
