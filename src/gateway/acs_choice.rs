//! The ACSs that the operator has named, and which of them a device belongs to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::core::Gateway;
use super::file_passwords::ModelPattern;
use super::settings::GatewaySettings;
use crate::cwmp::{AcsProfile, DeviceId};
use crate::device::{DeviceRecord, TreePath};
use crate::native::Mac;
use crate::wire::{Credentials, Secret};

/// What stands in a user name for OUI, ProductClass and SerialNumber of the device.
const DEVICE_ID: &str = "{device_id}";
/// What is escaped in the parts of that: ACSs take the hyphen for the border between them
/// (cwmp.md H22, genieacs.md 22).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_');
/// Hex digits of a MAC address.
const MAC_DIGITS: usize = 12;

/// One ACS and how devices deal with it.
#[derive(Debug, Clone)]
pub struct Acs {
    /// Where it is; `None`: its devices are served and inform nobody.
    pub url: Option<Url>,
    /// What to answer its challenge with. `{device_id}` in the user name stands for
    /// OUI-ProductClass-SerialNumber; an empty user name is that of the profile, if it has one.
    pub credentials: Credentials,
    /// Seconds between periodic Informs, for devices whose ACS has not set it. At least 1.
    pub periodic_inform_interval: u32,
    /// Sessions that it gets in a second; at least 1. What devices owe it when the gateway starts is
    /// spread accordingly.
    pub max_sessions_per_second: u32,
    /// What is particular to it.
    pub profile: Arc<AcsProfile>,
}

impl Default for Acs {
    fn default() -> Self {
        Self {
            url: None,
            credentials: Credentials {
                username: String::new(),
                password: Secret::default(),
            },
            periodic_inform_interval: 3600,
            max_sessions_per_second: 200,
            profile: Arc::default(),
        }
    }
}

impl Acs {
    /// The user name that a device shows it.
    pub(super) fn username(&self, identity: &DeviceId) -> String {
        let own = &self.credentials.username;
        let pattern = match &self.profile.username {
            Some(of_profile) if own.is_empty() => of_profile,
            _ => own,
        };
        if !pattern.contains(DEVICE_ID) {
            return pattern.clone();
        }
        let parts = [
            &identity.oui,
            &identity.product_class,
            &identity.serial_number,
        ];
        let parts = parts.map(|part| utf8_percent_encode(part, ESCAPED).to_string());
        pattern.replace(DEVICE_ID, &parts.join("-"))
    }
}

/// Which of the operator's ACSs: 0 is the one of all devices that no rule takes, then come those
/// of the rules in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AcsNumber(pub usize);

/// Some devices have an ACS of their own.
#[derive(Debug, Clone)]
pub struct AcsRule {
    /// Which devices.
    pub devices: DeviceMatch,
    /// Their ACS.
    pub acs: Acs,
}

/// Says of devices whether they are meant; all that is given has to hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceMatch {
    /// Phones of this vendor: the short name of a mapping pack.
    pub vendor: Option<String>,
    /// Phones of these models; one whose model is not known yet is none of them.
    pub model: Option<ModelPattern>,
    /// Phones whose MAC address begins so.
    pub mac_prefix: Option<MacPrefix>,
    /// Phones whose own file is in this folder of the tree or in one below it.
    pub folder: Option<TreePath>,
}

impl DeviceMatch {
    /// Whether it says nothing, and so would mean every device.
    pub fn is_empty(&self) -> bool {
        self.vendor.is_none()
            && self.model.is_none()
            && self.mac_prefix.is_none()
            && self.folder.is_none()
    }

    pub(super) fn fits(&self, mac: Mac, record: &DeviceRecord) -> bool {
        let holds = |given: Option<bool>| given.unwrap_or(true);
        let model = record.model.as_deref();
        let folder = record.own_file.folder();
        holds(self.vendor.as_ref().map(|vendor| *vendor == record.vendor))
            && holds(self.mac_prefix.as_ref().map(|prefix| prefix.begins(mac)))
            && self.is_in(folder)
            && holds(
                self.model
                    .as_ref()
                    .map(|pattern| model.is_some_and(|model| pattern.fits(model))),
            )
    }

    /// Whether a folder is the one that is given, or below it.
    pub(super) fn is_in(&self, folder: &str) -> bool {
        self.folder.as_ref().is_none_or(|wanted| {
            let below = folder.strip_prefix(wanted.as_str());
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// How a MAC address begins: 1 to 12 hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacPrefix(String);

/// The text is no beginning of a MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no beginning of a MAC address: 1 to {MAC_DIGITS} hex digits are wanted, such as \
     `000b82` or `00:0b:82`"
)]
pub struct MacPrefixError {
    /// The text that was given.
    pub text: String,
}

impl MacPrefix {
    pub(super) fn begins(&self, mac: Mac) -> bool {
        mac.to_string().starts_with(&self.0)
    }
}

impl FromStr for MacPrefix {
    type Err = MacPrefixError;

    fn from_str(text: &str) -> Result<Self, MacPrefixError> {
        let digits: String = text
            .chars()
            .filter(|character| !matches!(character, ':' | '-' | '.'))
            .map(|character| character.to_ascii_lowercase())
            .collect();
        let is_right = (1..=MAC_DIGITS).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_right {
            Ok(Self(digits))
        } else {
            Err(MacPrefixError {
                text: text.chars().take(64).collect(),
            })
        }
    }
}

impl fmt::Display for MacPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MacPrefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl GatewaySettings {
    /// The ACS of a device: that of the first rule that fits it.
    pub(super) fn acs_of(&self, mac: Mac, record: &DeviceRecord) -> (AcsNumber, &Acs) {
        let mut rules = self.acs_rules.iter().enumerate();
        match rules.find(|(_, rule)| rule.devices.fits(mac, record)) {
            Some((place, rule)) => (AcsNumber(place + 1), &rule.acs),
            None => (AcsNumber(0), &self.acs),
        }
    }
}

impl Gateway {
    /// Which of the operator's ACSs a device belongs to. An unknown device, or one whose record
    /// can't be read, belongs to the first: whoever works for it finds that out.
    pub fn acs_number(&self, mac: Mac) -> AcsNumber {
        if self.inner.settings.acs_rules.is_empty() {
            return AcsNumber::default();
        }
        match self.load(mac) {
            Ok(Some((record, _))) => self.inner.settings.acs_of(mac, &record).0,
            Ok(None) | Err(_) => AcsNumber::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::CpeState;

    const MAC: Mac = Mac::new([0x00, 0x0b, 0x82, 0xa1, 0xb2, 0xc3]);

    fn record(model: Option<&str>) -> DeviceRecord {
        let own_file = "site-b/hall/cfg000b82a1b2c3.xml".parse().unwrap();
        let cpe = CpeState::new(String::new(), Secret::default());
        DeviceRecord {
            model: model.map(str::to_owned),
            ..DeviceRecord::new("grandstream".to_owned(), own_file, cpe)
        }
    }

    fn fits(text: &str, model: Option<&str>) -> bool {
        let devices: DeviceMatch = toml::from_str(text).unwrap();
        devices.fits(MAC, &record(model))
    }

    #[test]
    fn all_that_a_rule_names_has_to_hold() {
        let model = Some("GXP2170");
        for text in [
            "vendor = \"grandstream\"",
            "model = \"gxp21*\"",
            "mac_prefix = \"00:0B:82:a\"",
            "folder = \"site-b\"",
            "folder = \"site-b/hall\"",
            "vendor = \"grandstream\"\nmodel = \"GXP2170\"\nfolder = \"site-b\"",
        ] {
            assert!(fits(text, model), "{text}");
        }
        for text in [
            "vendor = \"htek\"",
            "model = \"GXP2\"",
            "mac_prefix = \"001fc1\"",
            "folder = \"site\"",
            "folder = \"hall\"",
            "vendor = \"grandstream\"\nmodel = \"GXP1*\"",
        ] {
            assert!(!fits(text, model), "{text}");
        }
        assert!(!fits("model = \"*\"", None), "its model is not known yet");
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_refused() {
        for text in [
            "mac_prefix = \"\"",
            "mac_prefix = \"00:0b:8x\"",
            "mac_prefix = \"000b82a1b2c3d\"",
            "folder = \"../x\"",
            "vendors = \"htek\"",
        ] {
            assert!(toml::from_str::<DeviceMatch>(text).is_err(), "{text}");
        }
        assert!(toml::from_str::<DeviceMatch>("").unwrap().is_empty());
    }

    #[test]
    fn a_user_name_can_be_the_devices_own() {
        let identity = DeviceId {
            manufacturer: "Maker".to_owned(),
            oui: "000B82".to_owned(),
            product_class: "HT-812 b".to_owned(),
            serial_number: "000B82A1B2C3".to_owned(),
        };
        let mut acs = Acs::default();
        assert_eq!(acs.username(&identity), "");
        acs.credentials.username = "cpe-{device_id}".to_owned();
        let own = "000B82-HT%2D812%20b-000B82A1B2C3";
        assert_eq!(acs.username(&identity), format!("cpe-{own}"));
        acs.credentials.username = String::new();
        acs.profile = Arc::new(AcsProfile {
            username: Some(DEVICE_ID.to_owned()),
            ..AcsProfile::default()
        });
        assert_eq!(acs.username(&identity), own);
        acs.credentials.username = "fleet".to_owned();
        assert_eq!(acs.username(&identity), "fleet");
    }
}
