//! What the operator decides about making phones act.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::job::SipVia;
use crate::gateway::acs_choice::DeviceMatch;
use crate::wire::Credentials;

/// How phones are made to act.
#[derive(Debug, Clone)]
pub struct ControlSettings {
    /// Phones that are told something per second, in all.
    pub per_second: Rate,
    /// The same for one site: the /24 of an IPv4 address, the /64 of an IPv6 address.
    pub per_site: Rate,
    /// Also means of which it is only likely that phones know them.
    pub with_likely: bool,
    /// Whether a phone that does not fetch otherwise is restarted.
    pub restart_to_fetch: bool,
    /// Whether the password of a phone's web server may be sent as it is.
    pub show_passwords: bool,
    /// How long an ordered restart stands.
    pub reboot_deadline: Duration,
    /// Logins to the web servers of phones whose files say none, or another; the first that fits a
    /// phone counts.
    pub logins: Vec<WebLoginRule>,
    /// By what NOTIFYs go to phones themselves.
    pub transport: SipTransportChoice,
    /// Through which proxy they go; the first that fits a phone counts.
    pub routes: Vec<SipRoute>,
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self {
            per_second: Rate(50.0),
            per_site: Rate(10.0),
            with_likely: false,
            restart_to_fetch: false,
            show_passwords: false,
            reboot_deadline: Duration::from_secs(24 * 60 * 60),
            logins: Vec::new(),
            transport: SipTransportChoice::default(),
            routes: Vec::new(),
        }
    }
}

/// A login to the web servers of some phones.
#[derive(Debug, Clone)]
pub struct WebLoginRule {
    /// Which phones.
    pub devices: DeviceMatch,
    /// What they are shown.
    pub credentials: Credentials,
}

/// How NOTIFYs go to some phones.
#[derive(Debug, Clone)]
pub struct SipRoute {
    /// Which phones; what says nothing means all.
    pub devices: DeviceMatch,
    /// Through which proxy; `None`: to the phones themselves.
    pub via: Option<SipVia>,
}

/// By what NOTIFYs go to phones themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SipTransportChoice {
    /// By TCP where the phone's account goes by TCP, else by UDP.
    #[default]
    Auto,
    /// By UDP.
    Udp,
    /// By TCP.
    Tcp,
}

/// How often something may happen: times per second, more than 0 and at most 100,000.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(f64);

/// The number is no rate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is no rate: more than 0 and at most 100000 a second are allowed")]
pub struct RateError(pub f64);

impl Rate {
    /// That often per second.
    ///
    /// # Errors
    /// [`RateError`] for a number beyond the limits.
    pub fn new(per_second: f64) -> Result<Self, RateError> {
        if per_second > 0.0 && per_second <= 100_000.0 {
            Ok(Self(per_second))
        } else {
            Err(RateError(per_second))
        }
    }

    pub(super) fn per_second(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let per_second = f64::deserialize(deserializer)?;
        Self::new(per_second).map_err(serde::de::Error::custom)
    }
}
