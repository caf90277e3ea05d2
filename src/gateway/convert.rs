//! `convert`: a file for another maker's phone, from what is known of this one.

use serde::{Deserialize, Serialize};

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::uncovered_model;
use crate::datamodel::ParameterPath;
use crate::mapping::{LeftBehind, Rows, Template};
use crate::native::{Document, Mac};

/// What a phone's settings are wanted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvertRequest {
    /// Name of the mapping pack of the new phone.
    pub vendor: String,
    /// Model of the new phone, if it is known.
    pub model: Option<String>,
    /// The new phone; of the old one's maker it has the old one's address if none is named.
    pub mac: Option<Mac>,
}

/// A file for another phone. It holds the passwords of the old one's file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvertedFile {
    /// The name under which the new phone asks for it.
    pub name: String,
    /// Its text.
    pub content: String,
    /// The parameters that were carried over.
    pub carried: Vec<ParameterPath>,
    /// Those that were not, with the reason.
    pub left: Vec<LeftBehind>,
}

/// No file could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The old phone can't be read.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Another maker's phone cannot have the old one's address.
    #[error("another maker's phone has another MAC address: name it with --new-mac")]
    NoAddress,
    /// There is no pack of this name.
    #[error("`{vendor}` is no maker that is known: one of {} is wanted", .known.join(", "))]
    UnknownVendor {
        /// What was asked for.
        vendor: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The maker has models with other files, of which this is one.
    #[error("the files of {vendor} {model} are not known")]
    UnknownModel {
        /// The maker.
        vendor: String,
        /// The model.
        model: String,
    },
}

impl Gateway {
    /// A file for a phone of another maker or model with what the files of this one set.
    ///
    /// # Errors
    /// [`ConvertError`].
    pub async fn convert(
        &self,
        mac: Mac,
        request: &ConvertRequest,
    ) -> Result<ConvertedFile, ConvertError> {
        // What an ACS is shown does not matter here: all makers have their settings in one tree.
        let packs = self.inner.packs.clone().with_template(Template::Device1);
        let model = request.model.as_deref();
        let Some(target) = packs.for_phone(&request.vendor, model) else {
            return Err(ConvertError::UnknownVendor {
                vendor: request.vendor.clone(),
                known: packs.iter().map(|pack| pack.vendor().to_owned()).collect(),
            });
        };
        let mut draft = self.draft(mac)?;
        if let Some(model) = uncovered_model(&draft) {
            let (vendor, model) = (draft.record.vendor.clone(), model.to_owned());
            return Err(GatewayError::UncoveredModel { vendor, model }.into());
        }
        let new_mac = match request.mac {
            Some(new_mac) => new_mac,
            None if draft.record.vendor == request.vendor => mac,
            None => return Err(ConvertError::NoAddress),
        };
        let covered = model.is_none_or(|model| target.covers_model(model));
        let empty = target.new_file(model, new_mac).filter(|_| covered);
        let Some(empty) = empty else {
            return Err(ConvertError::UnknownModel {
                vendor: request.vendor.clone(),
                model: request.model.clone().unwrap_or_default(),
            });
        };
        let (vendor, old_model) = (draft.record.vendor.clone(), draft.record.model.clone());
        let source = packs.for_phone(&vendor, old_model.as_deref());
        let source = source.unwrap_or_else(|| draft.pack.clone());
        let layers = &draft.documents(self)?.layers;
        let rows = source.rows(layers, &Rows::default());
        let parameters = source.read(layers, &rows);
        let document = Document::parse(empty.dialect, empty.text);
        let outcome = target.carry_over(&source, &parameters, &rows, document);
        Ok(ConvertedFile {
            name: empty.name,
            content: String::from_utf8_lossy(outcome.document.bytes()).into_owned(),
            carried: outcome.carried,
            left: outcome.left,
        })
    }
}

impl std::fmt::Debug for ConvertedFile {
    /// Without the content: it holds passwords.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ConvertedFile")
            .field("name", &self.name)
            .field("carried", &self.carried)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
