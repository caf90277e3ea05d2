//! What an operator may set about this door (DESIGN.md section 5).

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::trust::Pin;
use crate::gateway::{Network, Throttle, UnreachablePhone, WakingRules};

/// How connections to one ACS are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcsSettings {
    /// Sessions at once; 64 by default.
    pub max_sessions: NonZeroU16,
    /// Sessions that begin in a second; 200 by default. Those that the ACS asks for by a connection
    /// request do not wait for it.
    pub max_sessions_per_second: NonZeroU32,
    /// Local address for connections to it and to the file servers of its devices; `None` leaves
    /// the choice to the system.
    pub bind: Option<IpAddr>,
    /// PEM file with further certificate authorities beside the system's.
    pub ca_file: Option<PathBuf>,
    /// What is shown to an ACS that asks for a certificate; `None`: nothing.
    pub client: Option<ClientCertificate>,
    /// Public keys of which one must be in the chain of the ACS's certificate; empty: any.
    pub pins: Vec<Pin>,
}

/// A certificate that says who the gateway is (cwmp.md H21).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file with the certificate and those between it and its authority.
    pub cert: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
}

impl Default for AcsSettings {
    fn default() -> Self {
        Self {
            max_sessions: const { NonZeroU16::new(64).unwrap() },
            max_sessions_per_second: const { NonZeroU32::new(200).unwrap() },
            bind: None,
            ca_file: None,
            client: None,
            pins: Vec::new(),
        }
    }
}

/// Keys of `[connection_request]` about the listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionRequestSettings {
    /// Where connection requests are taken; `0.0.0.0:7547` by default.
    pub listen: SocketAddr,
    /// Whether the ACS has to show the device's credentials by Digest; true by default. A request
    /// over UDP is always signed.
    pub authentication: bool,
    /// Where connection requests over UDP are taken, and from where STUN is spoken; `""`, the
    /// default, for neither.
    #[serde(deserialize_with = "empty_is_none")]
    pub udp: Option<SocketAddr>,
    /// `"20/60"`: at most 20 requests of one device are taken in 60 seconds; `""`, the default,
    /// for all.
    #[serde(deserialize_with = "empty_is_none")]
    pub throttle: Option<Throttle>,
    /// What a request for a phone that does not answer gets; `accept` by default.
    pub unreachable: UnreachablePhone,
}

impl ConnectionRequestSettings {
    /// When an authenticated request is refused all the same.
    pub(super) fn rules(&self) -> WakingRules {
        WakingRules {
            throttle: self.throttle,
            unreachable: self.unreachable,
        }
    }
}

impl Default for ConnectionRequestSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7547)),
            authentication: true,
            udp: None,
            throttle: None,
            unreachable: UnreachablePhone::default(),
        }
    }
}

/// Keys of `[transfers]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransferSettings {
    /// Hosts and networks that Download and Upload URLs may name although private, loopback or
    /// link-local.
    pub allow: Vec<AllowedTarget>,
    /// Seconds that a phone has to run firmware, or to fetch another file, that it was given;
    /// 1800 by default.
    pub firmware_deadline: NonZeroU32,
    /// Largest file of a Download, in MiB; 64 by default. So much memory each of four transfers at
    /// once may take.
    pub max_file_mib: NonZeroU16,
}

impl Default for TransferSettings {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            firmware_deadline: const { NonZeroU32::new(1800).unwrap() },
            max_file_mib: const { NonZeroU16::new(64).unwrap() },
        }
    }
}

impl TransferSettings {
    /// How long a phone has to take a file.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.firmware_deadline.get().into())
    }

    /// Largest file of a Download.
    pub fn max_file_bytes(&self) -> u64 {
        u64::from(self.max_file_mib.get()) << 20
    }
}

/// One entry of `[transfers] allow`: `10.0.0.0/8`, `fd00::/8`, `192.0.2.7` or
/// `files.example.net`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedTarget {
    /// Every address of a network.
    Network(Network),
    /// Whatever addresses this host name has, in lower case.
    Host(String),
}

/// A text is no entry of `[transfers] allow`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names neither a network (10.0.0.0/8), an address (192.0.2.7) nor a host \
     (files.example.net)"
)]
pub struct AllowedTargetError {
    /// The text.
    pub text: String,
}

impl AllowedTarget {
    /// Whether an address that a host name stands for is allowed by this entry.
    pub(super) fn covers(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Host(name) => host.eq_ignore_ascii_case(name),
            Self::Network(network) => network.holds(address),
        }
    }
}

impl FromStr for AllowedTarget {
    type Err = AllowedTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        let is_name = !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            && text.chars().any(|c| c.is_ascii_alphabetic());
        if is_name {
            Ok(Self::Host(text.to_ascii_lowercase()))
        } else {
            Err(AllowedTargetError {
                text: text.to_owned(),
            })
        }
    }
}

impl<'de> Deserialize<'de> for AllowedTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_design() {
        let acs = AcsSettings::default();
        let limits = (acs.max_sessions.get(), acs.max_sessions_per_second.get());
        assert_eq!(limits, (64, 200));
        let settings: ConnectionRequestSettings = toml::from_str("").unwrap();
        assert_eq!(settings.listen.to_string(), "0.0.0.0:7547");
        assert!(settings.authentication);
        assert_eq!(settings.udp, None);
        assert_eq!(settings.rules(), WakingRules::default());
        let settings: ConnectionRequestSettings =
            toml::from_str("udp = \"\"\nthrottle = \"2/10\"\nunreachable = \"refuse\"").unwrap();
        assert_eq!(settings.udp, None);
        let rules = settings.rules();
        assert_eq!(rules.throttle.unwrap().requests.get(), 2);
        assert_eq!(rules.unreachable, UnreachablePhone::Refuse);
        assert!(toml::from_str::<TransferSettings>("allowed = []").is_err());
    }

    #[test]
    fn allowed_targets_are_networks_addresses_and_hosts() {
        let settings: TransferSettings = toml::from_str(
            r#"allow = ["10.0.0.0/8", "192.168.1.7", "Files.Example.net", "fd00::/8", "0.0.0.0/0"]"#,
        )
        .unwrap();
        let covers = |index: usize, host: &str, address: &str| {
            settings.allow[index].covers(host, address.parse().unwrap())
        };
        assert!(covers(0, "x", "10.255.0.1"));
        assert!(!covers(0, "x", "11.0.0.1"));
        assert!(!covers(0, "x", "::1"));
        assert!(covers(1, "x", "192.168.1.7"));
        assert!(!covers(1, "x", "192.168.1.6"));
        assert!(covers(2, "files.example.NET", "10.0.0.1"));
        assert!(!covers(2, "example.net", "10.0.0.1"));
        assert!(covers(3, "x", "fd12::1"));
        assert!(!covers(3, "x", "fe80::1"));
        assert!(covers(4, "x", "127.0.0.1"));
    }

    #[test]
    fn a_wrong_entry_is_named_in_the_error() {
        for text in ["10.0.0.0/33", "10.0.0/8", "a b", "", "10.1", "http://x"] {
            let error = text.parse::<AllowedTarget>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
