//! `trestle.toml`: every key is optional, an unknown one is an error with its place.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use url::Url;

use super::acs_section::{AcsSection, problem_of_url};
use super::control_section::{ControlSection, SipSection};
use super::phones_section::PhonesSection;
use super::syslog_section::SyslogSection;
use crate::acs::{ConnectionRequestSettings, TransferSettings};
use crate::cwmp::AcsProfiles;
use crate::gateway::{FilePasswords, GatewaySettings, SpaceRules, Throttle, UnreachablePhone};
use crate::mapping::Packs;
use crate::phone::UpstreamError;
use crate::store::StoreOptions;

/// The settings of a gateway.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `[store]`
    pub store: StoreSection,
    /// `[mappings]`
    pub mappings: MappingsSection,
    /// `[phones]`
    pub phones: PhonesSection,
    /// `[control]`
    pub control: ControlSection,
    /// `[sip]`
    pub sip: SipSection,
    /// `[acs]`
    pub acs: AcsSection,
    /// `[connection_request]`
    pub connection_request: ConnectionRequestSection,
    /// `[transfers]`
    pub transfers: TransferSettings,
    /// `[syslog]`
    pub syslog: SyslogSection,
    /// `[admin]`
    pub admin: AdminSection,
}

/// Where everything is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// Folder of the store.
    pub path: PathBuf,
    /// Memory for the database's cache, in MiB.
    pub cache_mib: NonZeroU32,
    /// Free space of the disk, in MiB, below which there is an alarm.
    pub alarm_free_mib: u32,
    /// The same in percent of the disk, up to 100.
    pub alarm_free_percent: u32,
    /// How many times the size of its records the database may have, from 2 on.
    pub alarm_ratio: u32,
}

impl Default for StoreSection {
    fn default() -> Self {
        let space = SpaceRules::default();
        Self {
            path: PathBuf::from("trestle-data"),
            cache_mib: const { NonZeroU32::new(256).unwrap() },
            alarm_free_mib: space.free_mib,
            alarm_free_percent: space.free_percent,
            alarm_ratio: space.ratio,
        }
    }
}

impl StoreSection {
    /// How the store is opened.
    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            cache_bytes: u64::from(self.cache_mib.get()) << 20,
        }
    }

    fn space(&self) -> SpaceRules {
        SpaceRules {
            free_mib: self.alarm_free_mib,
            free_percent: self.alarm_free_percent,
            ratio: self.alarm_ratio,
        }
    }

    fn check(&self) -> Result<(), SettingsError> {
        for (key, value, least, most) in [
            ("store.alarm_free_percent", self.alarm_free_percent, 0, 100),
            ("store.alarm_ratio", self.alarm_ratio, 2, 1000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(SettingsError::OutOfRange {
                    key,
                    value,
                    least,
                    most,
                });
            }
        }
        Ok(())
    }
}

/// Mapping packs beside the built-in ones.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingsSection {
    /// Folder with the operator's own packs (`*.toml`); one of the same vendor takes the place of
    /// the built-in one. Empty: none.
    #[serde(deserialize_with = "empty_is_none")]
    pub path: Option<PathBuf>,
}

/// Where the ACS may wake devices.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionRequestSection {
    /// Address and port.
    pub listen: SocketAddr,
    /// Base URL under which the ACS reaches that; empty: made from `listen`.
    #[serde(deserialize_with = "empty_is_none")]
    pub url: Option<Url>,
    /// Whether the ACS has to show a device's credentials.
    pub authentication: bool,
    /// Address and port for requests over UDP, and for STUN; empty: neither.
    #[serde(deserialize_with = "empty_is_none")]
    pub udp: Option<SocketAddr>,
    /// `20/60`: at most 20 requests of one device in 60 seconds; empty: all.
    #[serde(deserialize_with = "empty_is_none")]
    pub throttle: Option<Throttle>,
    /// Whether a request for a phone that does not answer is taken: `accept` or `refuse`.
    pub unreachable: UnreachablePhone,
}

impl Default for ConnectionRequestSection {
    fn default() -> Self {
        let settings = ConnectionRequestSettings::default();
        Self {
            listen: settings.listen,
            url: None,
            authentication: settings.authentication,
            udp: settings.udp,
            throttle: settings.throttle,
            unreachable: settings.unreachable,
        }
    }
}

/// The side towards the operator.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSection {
    /// Address and port of the API that the commands use while a gateway runs.
    pub listen: SocketAddr,
}

impl Default for AdminSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
        }
    }
}

/// The settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML, or holds a key or value that is not allowed. The line itself is not
    /// shown: it may hold a password.
    #[error("{path}:{line}:{column}: {}{problem}", key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// The key that the line sets, when it sets one.
        key: Option<String>,
        /// What is wrong.
        problem: String,
    },
    /// The URL of an ACS is of no use.
    #[error(
        "{section}.url: {problem}; write http:// or https://, host and path, and put the credentials into {section}.username and {section}.password"
    )]
    AcsUrl {
        /// `acs` or `acs.also[0]`.
        section: String,
        /// What is wrong; the URL itself may hold a password.
        problem: &'static str,
    },
    /// Pins hold for certificates, and http has none.
    #[error("{section}.pin has no effect with an http URL: write https://, or leave pin out")]
    PinWithoutTls {
        /// `acs` or `acs.also[0]`.
        section: String,
    },
    /// The URL by which phones reach the gateway is of no use.
    #[error(
        "phones.url: {problem}; write http:// or https:// and the host by which phones reach the \
         gateway"
    )]
    PhonesUrl {
        /// What is wrong; the URL itself may hold a password.
        problem: &'static str,
    },
    /// The old server's URL is of no use.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The URL of connection requests is of no use to an ACS (cwmp.md C1).
    #[error(
        "connection_request.url: {problem}; write http:// and the host and port by which the ACS \
         reaches the gateway"
    )]
    ConnectionRequestUrl {
        /// What is wrong; the URL itself may hold a password.
        problem: &'static str,
    },
    /// A certificate for the ACS without its key, or the other way round.
    #[error("{section}.{missing} is missing: client_cert and client_key go together")]
    HalfCertificate {
        /// `acs` or `acs.also[0]`.
        section: String,
        /// The key that is missing.
        missing: &'static str,
    },
    /// A further ACS, or a group, that would take every device.
    #[error(
        "{section}.match is empty and would mean every phone; write at least one of vendor, model, mac_prefix and folder"
    )]
    MatchesAll {
        /// `acs.also[0]` or `phones.group[0]`.
        section: String,
    },
    /// What phones have to show makes no sense.
    #[error("{section}.proof: {problem}")]
    Proof {
        /// `phones` or `phones.group[0]`.
        section: String,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// A group without a name of its own.
    #[error("{section}.name: `{name}` is empty, or the name of another group")]
    GroupName {
        /// `phones.group[0]`.
        section: String,
        /// The name.
        name: String,
    },
    /// Two addresses of one family to send SIP from.
    #[error(
        "sip.bind: {address} is the second of its family; one of IPv4 and one of IPv6 is allowed"
    )]
    SecondSipAddress {
        /// The second.
        address: SocketAddr,
    },
    /// A name of something that is not there.
    #[error("{key} = \"{name}\": there is no {what} of that name; there are: {known}")]
    UnknownName {
        /// The key.
        key: String,
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A number is too small or too large.
    #[error("{key} = {value}: write {least} to {most}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// Its value.
        value: u32,
        /// The least that is allowed.
        least: u32,
        /// The most.
        most: u32,
    },
}

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// [`SettingsError`], with the place in the file where it has one.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
            path: path.to_owned(),
            source,
        })?;
        let settings: Self = toml::from_str(&text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |end| end + 1);
            let line = text.get(line_start..).and_then(|rest| rest.lines().next());
            SettingsError::Parse {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before.len() - line_start + 1,
                key: line.and_then(key_of).map(str::to_owned),
                problem: error.message().to_owned(),
            }
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// Whether these settings can be carried out: also after the command line has changed them.
    ///
    /// # Errors
    /// [`SettingsError`] without a place in the file.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.store.check()?;
        self.acs.check()?;
        self.phones.check()?;
        self.sip.check()?;
        if let Some(url) = &self.connection_request.url {
            let problem = match problem_of_url(url) {
                Some(problem) => Some(problem),
                None if url.scheme() != "http" => Some("connection requests come by plain HTTP"),
                None if url.query().is_some() || url.fragment().is_some() => {
                    Some("the name of a device is put behind it, so it ends with its path")
                }
                None => None,
            };
            if let Some(problem) = problem {
                return Err(SettingsError::ConnectionRequestUrl { problem });
            }
        }
        self.syslog.check()
    }

    pub(super) fn gateway(
        &self,
        profiles: &AcsProfiles,
        packs: &Packs,
    ) -> Result<GatewaySettings, SettingsError> {
        let (acs, acs_rules) = self.acs.acss(profiles, packs)?;
        Ok(GatewaySettings {
            acs,
            acs_rules,
            product_class: self.acs.product_class.clone(),
            announce_gateway: self.acs.announce_gateway,
            file_passwords: self.file_passwords(),
            phones_url: self.phones.url.clone(),
            firmware_deadline: self.transfers.deadline(),
            delivery_deadline: self.phones.delivery_deadline(),
            max_transfer_bytes: self.transfers.max_file_bytes(),
            syslog_keep_bytes: self.syslog.keep_bytes(),
            syslog_port: self.syslog.port(),
            access: self.phones.access(packs)?,
            misses: self.phones.miss_rules(),
            uploads: self.phones.uploads.clone(),
            control: self.control.settings(&self.sip, packs)?,
            space: self.store.space(),
        })
    }

    /// What encrypted files of phones are opened with.
    pub fn file_passwords(&self) -> FilePasswords {
        FilePasswords::new(self.phones.file_password.clone())
    }

    pub(super) fn connection_requests(&self) -> ConnectionRequestSettings {
        ConnectionRequestSettings {
            listen: self.connection_request.listen,
            authentication: self.connection_request.authentication,
            udp: self.connection_request.udp,
            throttle: self.connection_request.throttle,
            unreachable: self.connection_request.unreachable,
        }
    }
}

/// Whether there is a mapping pack of a vendor.
pub(super) fn check_vendor(
    key: String,
    vendor: Option<&str>,
    packs: &Packs,
) -> Result<(), SettingsError> {
    let Some(vendor) = vendor.filter(|vendor| packs.by_vendor(vendor).is_none()) else {
        return Ok(());
    };
    let known: Vec<&str> = packs.iter().map(|pack| pack.vendor()).collect();
    Err(SettingsError::UnknownName {
        key,
        what: "mapping pack",
        name: vendor.to_owned(),
        known: known.join(", "),
    })
}

/// The key that a line sets. What is no plain key is not shown: it may be part of a value.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    (!key.is_empty() && key.chars().all(is_plain)).then_some(key)
}

pub(super) fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

pub(super) fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let problem = |error: T::Err| serde::de::Error::custom(format!("`{text}`: {error}"));
    text.parse().map(Some).map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Template;

    fn read(text: &str) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trestle.toml");
        std::fs::write(&path, text).unwrap();
        Settings::read(&path)
    }

    #[test]
    fn an_empty_file_is_enough() {
        let settings = read("").unwrap();
        assert_eq!(settings.acs.url, None);
        assert_eq!(settings.acs.periodic_inform_interval.get(), 3600);
        assert_eq!(settings.connection_request.listen.port(), 7547);
        assert_eq!(settings.phones.http, "0.0.0.0:8080");
        assert!(settings.connection_request.authentication);
    }

    #[test]
    fn a_throttle_says_how_it_is_written_when_it_is_wrong() {
        let settings = read("[connection_request]\nthrottle = \"20/60\"\nudp = \"0.0.0.0:7547\"\n");
        let settings = settings.unwrap().connection_requests();
        assert_eq!(settings.udp.unwrap().port(), 7547);
        assert_eq!(settings.throttle.unwrap().seconds.get(), 60);
        let error = read("[connection_request]\nthrottle = \"20\"\n").unwrap_err();
        assert!(error.to_string().contains("20/60"), "{error}");
    }

    #[test]
    fn the_settings_of_the_deployment_example_are_accepted() {
        let text = include_str!("../../deploy/trestle.toml");
        read(text).unwrap();
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = read("[acs]\nulr = \"http://acs.example.net/\"\n").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(".toml:2:1:") && text.contains("ulr"),
            "{text}"
        );
    }

    #[test]
    fn a_password_is_not_shown_when_its_line_is_wrong() {
        for text in [
            "[acs]\npassword = hunter2\n",
            "[acs]\nurl = \"http://u:hunter2@h/\"\n",
        ] {
            let error = read(text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_password_of_files_is_for_all_phones_or_for_some() {
        let settings = read(
            "[[phones.file_password]]\npassword = \"a\"\n\
             [[phones.file_password]]\npassword = \"b\"\nmodel = \"gxp21*\"\nmac = \"00:0B:82:A1:B2:C3\"\n",
        )
        .unwrap();
        assert_eq!(settings.phones.file_password.len(), 2);
        for text in [
            "[[phones.file_password]]\npassword = 31337\n",
            "[[phones.file_password]]\npassword = \"hunter2\"\nmac = \"\"\n",
            "[[phones.file_password]]\npassword = \"\"\n",
            "[[phones.file_password]]\nmodel = \"x\"\n",
        ] {
            let error = read(text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("hunter2") && !shown.contains("31337"),
                "{shown}"
            );
        }
    }

    #[test]
    fn an_acs_url_has_a_scheme_that_can_be_spoken() {
        for url in [
            "acs.example.net:7547",
            "localhost:7547",
            "ftp://acs.example.net/",
        ] {
            assert!(read(&format!("[acs]\nurl = \"{url}\"\n")).is_err(), "{url}");
        }
    }

    #[test]
    fn a_url_that_others_are_told_is_one_that_they_can_use() {
        for (section, url) in [
            ("phones", "https://me:hunter2@prov.example.net/"),
            ("phones", "ftp://prov.example.net/"),
            ("connection_request", "https://gateway.example.net:7547"),
            (
                "connection_request",
                "http://me:hunter2@gateway.example.net:7547",
            ),
            ("connection_request", "http://gateway.example.net:7547/?x=1"),
        ] {
            let error = read(&format!("[{section}]\nurl = \"{url}\"\n")).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                error.to_string().starts_with(&format!("{section}.url: ")),
                "{error}"
            );
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        read("[connection_request]\nurl = \"http://gateway.example.net:7547\"\n").unwrap();
    }

    #[test]
    fn values_that_cannot_be_are_refused_and_not_ignored() {
        let error = read("[syslog]\nkeep_kib = 4").unwrap_err();
        assert_eq!(error.to_string(), "syslog.keep_kib = 4: write 8 to 8192");
        assert!(read("[acs]\nperiodic_inform_interval = 0").is_err());
        assert!(read("[acs]\nurl = \"not a url\"").is_err());
        let error = read("[acs]\ntemplate = \"device3\"").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`device1`, `device2` or `vendor`"),
            "{error}"
        );
        for template in Template::ALL {
            let settings = read(&format!("[acs]\ntemplate = \"{}\"", template.name()));
            assert_eq!(settings.unwrap().acs.template, template);
        }
    }
}
