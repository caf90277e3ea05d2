//! What the operator decides about the virtual CPEs.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::access::AccessSettings;
use super::acs_choice::{Acs, AcsRule};
use super::controls::ControlSettings;
use super::file_passwords::FilePasswords;
use super::misses::MissRules;
use super::phone_uploads::UploadSettings;
use super::upkeep::SpaceRules;
use crate::device::DeviceLog;

/// Longest ProductClass (cwmp.md I1).
const MAX_PRODUCT_CLASS_LENGTH: usize = 64;

/// Settings of the gateway.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// The ACS of all devices that no rule takes.
    pub acs: Acs,
    /// Devices with another ACS: the first rule that fits a device takes it.
    pub acs_rules: Vec<AcsRule>,
    /// How the ProductClass is made.
    pub product_class: ProductClass,
    /// Whether the gateway itself is a CPE of the ACS (cwmp.md J3).
    pub announce_gateway: bool,
    /// What encrypted files of phones are opened with.
    pub file_passwords: FilePasswords,
    /// Where phones reach the gateway; `None`: where each of them came for its own file.
    pub phones_url: Option<Url>,
    /// How long a phone may take to run firmware, or to fetch another file, that it was given.
    pub firmware_deadline: Duration,
    /// How long a phone may take to fetch a change of its file before it is overdue; `None`: as long
    /// as it likes.
    pub delivery_deadline: Option<Duration>,
    /// Largest file of a Download, in bytes.
    pub max_transfer_bytes: u64,
    /// Lines of syslog that are kept of each phone, in bytes.
    pub syslog_keep_bytes: usize,
    /// Where phones are told to send syslog, before a listener says so; `None`: nowhere.
    pub syslog_port: Option<u16>,
    /// What phones have to show.
    pub access: AccessSettings,
    /// How many misses are borne, and which MACs are decoys.
    pub misses: MissRules,
    /// What phones may send.
    pub uploads: UploadSettings,
    /// How phones are made to act.
    pub control: ControlSettings,
    /// When the store's space is a reason for an alarm.
    pub space: SpaceRules,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            acs: Acs::default(),
            acs_rules: Vec::new(),
            product_class: ProductClass::default(),
            announce_gateway: false,
            file_passwords: FilePasswords::default(),
            phones_url: None,
            firmware_deadline: Duration::from_secs(1800),
            delivery_deadline: Some(Duration::from_secs(86_400)),
            max_transfer_bytes: 64 << 20,
            syslog_keep_bytes: 64 << 10,
            syslog_port: None,
            access: AccessSettings::default(),
            misses: MissRules::default(),
            uploads: UploadSettings::default(),
            control: ControlSettings::default(),
            space: SpaceRules::default(),
        }
    }
}

impl GatewaySettings {
    /// Most bytes of a phone's log as a file: what the gateway has seen, and what the phone has said.
    pub(super) fn log_bytes(&self) -> usize {
        DeviceLog::MAX_BYTES + self.syslog_keep_bytes
    }
}

/// How a device's ProductClass is made, and with it when a device is announced to the ACS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProductClass {
    /// `{model}`: the model; a device is announced once its model is known.
    #[default]
    Model,
    /// One text for all: every device is announced at once.
    Fixed(String),
}

/// The text is no ProductClass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "product_class `{text}`: write `{{model}}`, or a text of 1 to {MAX_PRODUCT_CLASS_LENGTH} characters without braces"
)]
pub struct ProductClassError {
    /// The text that was given.
    pub text: String,
}

impl FromStr for ProductClass {
    type Err = ProductClassError;

    fn from_str(text: &str) -> Result<Self, ProductClassError> {
        let length = text.chars().count();
        if text == "{model}" {
            Ok(Self::Model)
        } else if (1..=MAX_PRODUCT_CLASS_LENGTH).contains(&length) && !text.contains(['{', '}']) {
            Ok(Self::Fixed(text.to_owned()))
        } else {
            Err(ProductClassError {
                text: text.to_owned(),
            })
        }
    }
}

impl fmt::Display for ProductClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model => formatter.write_str("{model}"),
            Self::Fixed(text) => formatter.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_class_is_the_model_or_a_fixed_text() {
        assert_eq!("{model}".parse(), Ok(ProductClass::Model));
        assert_eq!("Phone".parse(), Ok(ProductClass::Fixed("Phone".to_owned())));
        assert!("".parse::<ProductClass>().is_err());
        assert!("{vendor}".parse::<ProductClass>().is_err());
        assert!("x".repeat(65).parse::<ProductClass>().is_err());
    }
}
