//! The data-model templates that lenses can be compiled for.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which data model an ACS sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Device:1 with VoiceService:1, standard names wherever there is one.
    #[default]
    Device1,
    /// Device:2 with VoiceService:1: the lenses for Device:1, seen through `mappings/device2.toml`.
    Device2,
    /// The vendor's own tree, as its guide lists it; Device:1 for a vendor without one.
    Vendor,
}

/// The text names no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no template: `device1`, `device2` or `vendor` is wanted")]
pub struct TemplateError {
    /// The text that was given.
    pub text: String,
}

impl Template {
    /// Every template.
    pub const ALL: [Template; 3] = [Template::Device1, Template::Device2, Template::Vendor];

    /// The name in settings and packs: `device1`, `device2`, `vendor`.
    pub fn name(self) -> &'static str {
        match self {
            Template::Device1 => "device1",
            Template::Device2 => "device2",
            Template::Vendor => "vendor",
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Template::ALL
            .into_iter()
            .find(|template| template.name() == text)
            .ok_or_else(|| TemplateError {
                text: text.to_owned(),
            })
    }
}
