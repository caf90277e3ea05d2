//! `[acs]` of `trestle.toml`, and the further ACSs in `[[acs.also]]`.

use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use url::Url;

use super::settings::{SettingsError, check_vendor, empty_is_none, from_text};
use crate::acs::{AcsSettings, ClientCertificate, Pin};
use crate::cwmp::{AcsProfile, AcsProfiles};
use crate::gateway::{Acs, AcsRule, DeviceMatch, ProductClass};
use crate::mapping::{Packs, Template};
use crate::wire::{Credentials, Secret};

/// The side towards the ACS: one for all devices, and others for some of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcsSection {
    /// Its URL; empty: phones are served, no ACS is informed.
    #[serde(deserialize_with = "empty_is_none")]
    pub url: Option<Url>,
    /// For its challenge; `{device_id}` stands for OUI-ProductClass-SerialNumber.
    pub username: String,
    /// For its challenge.
    #[serde(deserialize_with = "secret")]
    pub password: Secret,
    /// Name of the profile: what is particular to the product.
    pub profile: String,
    /// Seconds.
    pub periodic_inform_interval: NonZeroU32,
    /// Data model that it sees: `device1`, `device2`, or `vendor` for the vendors' own trees.
    #[serde(deserialize_with = "from_text")]
    pub template: Template,
    /// `{model}`, or one text for all phones.
    #[serde(deserialize_with = "from_text")]
    pub product_class: ProductClass,
    /// Whether the gateway itself is a CPE too, with a row for every phone.
    pub announce_gateway: bool,
    /// Sessions at once.
    pub max_sessions: NonZeroU16,
    /// Sessions that begin in a second.
    pub max_sessions_per_second: NonZeroU32,
    /// Local address for connections; empty: the system's choice.
    #[serde(deserialize_with = "empty_is_none")]
    pub bind: Option<IpAddr>,
    /// PEM file with certificate authorities besides the system's.
    #[serde(deserialize_with = "empty_is_none")]
    pub ca_file: Option<PathBuf>,
    /// PEM file with the certificate that it is shown; empty: none.
    #[serde(deserialize_with = "empty_is_none")]
    pub client_cert: Option<PathBuf>,
    /// PEM file with the key of that.
    #[serde(deserialize_with = "empty_is_none")]
    pub client_key: Option<PathBuf>,
    /// Public keys of which one must be in the chain of its certificate; empty: any.
    pub pin: Vec<Pin>,
    /// Devices with another ACS: `[[acs.also]]`; the first that fits a device is its ACS.
    pub also: Vec<AlsoSection>,
}

impl Default for AcsSection {
    fn default() -> Self {
        let acs = AcsSettings::default();
        Self {
            url: None,
            username: String::new(),
            password: Secret::default(),
            profile: AcsProfile::default().name,
            periodic_inform_interval: const { NonZeroU32::new(3600).unwrap() },
            template: Template::default(),
            product_class: ProductClass::Model,
            announce_gateway: false,
            max_sessions: acs.max_sessions,
            max_sessions_per_second: acs.max_sessions_per_second,
            bind: None,
            ca_file: None,
            client_cert: None,
            client_key: None,
            pin: Vec::new(),
            also: Vec::new(),
        }
    }
}

/// An ACS of some devices. What is not given is as in `[acs]`, but for credentials, client
/// certificate and pins where the URL is given: those are of one ACS only. What is given empty is
/// none, also where `[acs]` has one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsoSection {
    /// Which devices.
    #[serde(rename = "match")]
    pub devices: DeviceMatch,
    /// Its URL; given empty: these phones are served only.
    #[serde(default, deserialize_with = "given")]
    pub url: Option<Option<Url>>,
    /// For its challenge.
    pub username: Option<String>,
    /// For its challenge.
    #[serde(default, deserialize_with = "given_secret")]
    pub password: Option<Secret>,
    /// Name of the profile.
    pub profile: Option<String>,
    /// Seconds.
    pub periodic_inform_interval: Option<NonZeroU32>,
    /// Sessions at once.
    pub max_sessions: Option<NonZeroU16>,
    /// Sessions that begin in a second.
    pub max_sessions_per_second: Option<NonZeroU32>,
    /// Local address for connections.
    #[serde(default, deserialize_with = "given")]
    pub bind: Option<Option<IpAddr>>,
    /// PEM file with certificate authorities besides the system's.
    #[serde(default, deserialize_with = "given")]
    pub ca_file: Option<Option<PathBuf>>,
    /// PEM file with the certificate that it is shown.
    #[serde(default, deserialize_with = "given")]
    pub client_cert: Option<Option<PathBuf>>,
    /// PEM file with the key of that.
    #[serde(default, deserialize_with = "given")]
    pub client_key: Option<Option<PathBuf>>,
    /// Public keys of which one must be in the chain of its certificate.
    pub pin: Option<Vec<Pin>>,
}

/// One ACS with everything that holds for it.
struct One<'a> {
    /// How its section is called in messages.
    name: String,
    url: Option<&'a Url>,
    username: &'a str,
    password: Option<&'a Secret>,
    profile: &'a str,
    periodic_inform_interval: NonZeroU32,
    max_sessions: NonZeroU16,
    max_sessions_per_second: NonZeroU32,
    bind: Option<IpAddr>,
    ca_file: Option<&'a PathBuf>,
    client_cert: Option<&'a PathBuf>,
    client_key: Option<&'a PathBuf>,
    pin: &'a [Pin],
}

impl AcsSection {
    /// Where the ACSs are, those that are anywhere.
    pub fn urls(&self) -> impl Iterator<Item = &Url> {
        self.all().filter_map(|one| one.url)
    }

    /// How each is connected to: the one of `[acs]`, then the others in their order.
    pub(super) fn connections(&self) -> Vec<AcsSettings> {
        self.all().map(|one| one.connection()).collect()
    }

    /// Whether each can be used.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for one in self.all() {
            if let Some(problem) = one.url.and_then(problem_of_url) {
                return Err(SettingsError::AcsUrl {
                    section: one.name,
                    problem,
                });
            }
            let is_plain = one.url.is_some_and(|url| url.scheme() == "http");
            if is_plain && !one.pin.is_empty() {
                return Err(SettingsError::PinWithoutTls { section: one.name });
            }
            let halves = (one.client_cert.is_some(), one.client_key.is_some());
            let missing = match halves {
                (true, false) => "client_key",
                (false, true) => "client_cert",
                _ => continue,
            };
            return Err(SettingsError::HalfCertificate {
                section: one.name,
                missing,
            });
        }
        let mut also = self.also.iter().enumerate();
        match also.find(|(_, also)| also.devices.is_empty()) {
            Some((place, _)) => Err(SettingsError::MatchesAll {
                section: also_name(place),
            }),
            None => Ok(()),
        }
    }

    /// The ACSs as the gateway knows them.
    pub(super) fn acss(
        &self,
        profiles: &AcsProfiles,
        packs: &Packs,
    ) -> Result<(Acs, Vec<AcsRule>), SettingsError> {
        let mut acss = self
            .all()
            .map(|one| one.acs(profiles))
            .collect::<Result<Vec<Acs>, SettingsError>>()?
            .into_iter();
        let first = acss.next().unwrap_or_default();
        let mut rules = Vec::new();
        for (place, (also, acs)) in self.also.iter().zip(acss).enumerate() {
            let key = format!("{}.match.vendor", also_name(place));
            check_vendor(key, also.devices.vendor.as_deref(), packs)?;
            let devices = also.devices.clone();
            rules.push(AcsRule { devices, acs });
        }
        Ok((first, rules))
    }

    fn all(&self) -> impl Iterator<Item = One<'_>> {
        let others = self.also.iter().enumerate();
        std::iter::once(self.first()).chain(others.map(|(place, also)| self.other(place, also)))
    }

    fn first(&self) -> One<'_> {
        One {
            name: "acs".to_owned(),
            url: self.url.as_ref(),
            username: &self.username,
            password: Some(&self.password),
            profile: &self.profile,
            periodic_inform_interval: self.periodic_inform_interval,
            max_sessions: self.max_sessions,
            max_sessions_per_second: self.max_sessions_per_second,
            bind: self.bind,
            ca_file: self.ca_file.as_ref(),
            client_cert: self.client_cert.as_ref(),
            client_key: self.client_key.as_ref(),
            pin: &self.pin,
        }
    }

    fn other<'a>(&'a self, place: usize, also: &'a AlsoSection) -> One<'a> {
        // What proves who we are, and who the ACS is, belongs to the ACS that it was set for.
        let same = also.url.is_none().then_some(self);
        One {
            name: also_name(place),
            url: or(&also.url, &self.url),
            username: also
                .username
                .as_deref()
                .or(same.map(|same| same.username.as_str()))
                .unwrap_or_default(),
            password: also.password.as_ref().or(same.map(|same| &same.password)),
            profile: also.profile.as_ref().unwrap_or(&self.profile),
            periodic_inform_interval: also
                .periodic_inform_interval
                .unwrap_or(self.periodic_inform_interval),
            max_sessions: also.max_sessions.unwrap_or(self.max_sessions),
            max_sessions_per_second: also
                .max_sessions_per_second
                .unwrap_or(self.max_sessions_per_second),
            bind: also.bind.unwrap_or(self.bind),
            ca_file: or(&also.ca_file, &self.ca_file),
            client_cert: match &also.client_cert {
                Some(given) => given.as_ref(),
                None => same.and_then(|same| same.client_cert.as_ref()),
            },
            client_key: match &also.client_key {
                Some(given) => given.as_ref(),
                None => same.and_then(|same| same.client_key.as_ref()),
            },
            pin: also
                .pin
                .as_deref()
                .or(same.map(|same| same.pin.as_slice()))
                .unwrap_or_default(),
        }
    }
}

impl One<'_> {
    fn connection(&self) -> AcsSettings {
        AcsSettings {
            max_sessions: self.max_sessions,
            max_sessions_per_second: self.max_sessions_per_second,
            bind: self.bind,
            ca_file: self.ca_file.cloned(),
            client: self
                .client_cert
                .zip(self.client_key)
                .map(|(cert, key)| ClientCertificate {
                    cert: cert.clone(),
                    key: key.clone(),
                }),
            pins: self.pin.to_vec(),
        }
    }

    fn acs(&self, profiles: &AcsProfiles) -> Result<Acs, SettingsError> {
        let Some(profile) = profiles.find(self.profile) else {
            let known: Vec<&str> = profiles.names().collect();
            return Err(SettingsError::UnknownName {
                key: format!("{}.profile", self.name),
                what: "ACS profile",
                name: self.profile.to_owned(),
                known: known.join(", "),
            });
        };
        Ok(Acs {
            url: self.url.cloned(),
            credentials: Credentials {
                username: self.username.to_owned(),
                password: self.password.cloned().unwrap_or_default(),
            },
            periodic_inform_interval: self.periodic_inform_interval.get(),
            max_sessions_per_second: self.max_sessions_per_second.get(),
            profile: Arc::clone(profile),
        })
    }
}

fn also_name(place: usize) -> String {
    format!("acs.also[{place}]")
}

fn or<'a, T>(given: &'a Option<Option<T>>, otherwise: &'a Option<T>) -> Option<&'a T> {
    given.as_ref().unwrap_or(otherwise).as_ref()
}

/// What is wrong with a URL at which somebody is reached.
pub(super) fn problem_of_url(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        Some("it is no http or https URL")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("it holds user information")
    } else {
        None
    }
}

fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    empty_is_none(deserializer).map(Some)
}

pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    // An error of serde's shows the value.
    Secret::deserialize(deserializer).map_err(|_| serde::de::Error::custom("a text is wanted"))
}

fn given_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    secret(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> AcsSection {
        toml::from_str(text).unwrap()
    }

    fn acss(section: &AcsSection) -> (Acs, Vec<AcsRule>) {
        let profiles = AcsProfiles::embedded().unwrap();
        section
            .acss(&profiles, &Packs::embedded().unwrap())
            .unwrap()
    }

    #[test]
    fn what_a_further_acs_does_not_give_is_as_in_the_first() {
        let section = section(
            r#"
            url = "http://first.example.net/"
            username = "fleet"
            password = "hushed"
            profile = "freeacs"
            bind = "127.0.0.1"
            max_sessions = 7
            max_sessions_per_second = 50
            client_cert = "a.pem"
            client_key = "a.key"
            [[also]]
            match = { vendor = "htek" }
            [[also]]
            match = { folder = "site-b" }
            url = "https://second.example.net/"
            username = ""
            password = "other"
            profile = "oktopus"
            bind = ""
            max_sessions = 9
            max_sessions_per_second = 30
            client_cert = ""
            client_key = ""
            pin = ["AAAAYqxZB1uIrdkxeiyCZWXvvoM0k4CFEAkhAOvkQAE="]
            [[also]]
            match = { model = "HT8*" }
            url = ""
            [[also]]
            match = { mac_prefix = "000b82" }
            url = "https://fourth.example.net/"
            "#,
        );
        section.check().unwrap();
        let (first, rules) = acss(&section);
        let of = |place: usize| &rules[place].acs;
        assert_eq!(first.profile.name, "freeacs");
        assert_eq!(of(0).url, first.url);
        assert_eq!(of(0).credentials, first.credentials);
        assert_eq!(of(0).profile.name, "freeacs");
        assert_eq!(
            of(1).url.as_ref().unwrap().host_str(),
            Some("second.example.net")
        );
        assert_eq!(of(1).credentials.username, "");
        assert_eq!(of(1).credentials.password.expose(), "other");
        assert_eq!(of(1).profile.name, "oktopus");
        assert_eq!(of(2).url, None, "given empty: none");
        let urls: Vec<&str> = section.urls().map(Url::as_str).collect();
        assert_eq!(urls.len(), 4);
        // Another ACS must not be shown what was meant for the first.
        assert_eq!(of(3).credentials, Credentials::default());
        assert_eq!(of(3).profile.name, "freeacs");

        let [own, same, other, _, fourth] = section.connections().try_into().unwrap();
        assert!(fourth.client.is_none() && fourth.bind.is_some());
        assert_eq!(own, same);
        assert!(own.client.is_some() && own.bind.is_some());
        assert!(other.client.is_none() && other.bind.is_none());
        assert_eq!((other.max_sessions.get(), other.pins.len()), (9, 1));
        let rates = [&own, &same, &other].map(|acs| acs.max_sessions_per_second.get());
        assert_eq!(rates, [50, 50, 30]);
        assert_eq!(of(1).max_sessions_per_second, 30);
    }

    #[test]
    fn a_pin_for_an_http_url_is_refused_where_it_is_given() {
        let pin = "pin = [\"AAAAYqxZB1uIrdkxeiyCZWXvvoM0k4CFEAkhAOvkQAE=\"]";
        let check = |text: &str| section(&text.replace("PIN", pin)).check();
        let also = "[[also]]\nmatch = { vendor = \"htek\" }\nurl = \"http://b.example.net/\"\n";
        assert!(check("url = \"http://a.example.net/\"\nPIN").is_err());
        assert!(check("url = \"https://a.example.net/\"\nPIN").is_ok());
        let first = "url = \"https://a.example.net/\"\n";
        assert!(check(&format!("{first}{also}PIN")).is_err());
        // It is for the first ACS only.
        assert!(check(&format!("{first}PIN\n{also}")).is_ok());
    }

    #[test]
    fn a_password_that_is_no_text_is_not_shown() {
        for text in [
            "password = 31337",
            "[[also]]\nmatch = { vendor = \"htek\" }\npassword = 31337",
        ] {
            let error = toml::from_str::<AcsSection>(text).unwrap_err();
            assert!(!error.message().contains("31337"), "{error}");
        }
    }
}
