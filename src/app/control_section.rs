//! `[control]` and `[sip]` of the settings file: how phones are made to act.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::settings::SettingsError;
use crate::gateway::{
    ControlSettings, DeviceMatch, Rate, SipRoute, SipTransportChoice, SipVia, WebLoginRule,
};
use crate::mapping::Packs;
use crate::phone::SipSettings;
use crate::wire::sip::SipProxy;
use crate::wire::{Credentials, Secret};

/// By which means, and how fast.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlSection {
    /// Phones that are told something per second, in all.
    pub per_second: Rate,
    /// The same for one site: a /24 of IPv4 addresses, a /64 of IPv6 addresses.
    pub per_site: Rate,
    /// Also means of which it is only likely that phones know them.
    pub likely: bool,
    /// Whether a phone that does not fetch otherwise is restarted.
    pub restart_to_fetch: bool,
    /// Whether the password of a phone's web server may be sent as it is.
    pub show_passwords: bool,
    /// Seconds after which an ordered restart is at its end though the phone has not restarted.
    pub reboot_deadline: NonZeroU32,
    /// Logins to phones' web servers: `[[control.login]]`; the first that fits a phone counts.
    pub login: Vec<LoginSection>,
}

impl Default for ControlSection {
    fn default() -> Self {
        let settings = ControlSettings::default();
        Self {
            per_second: settings.per_second,
            per_site: settings.per_site,
            likely: settings.with_likely,
            restart_to_fetch: settings.restart_to_fetch,
            show_passwords: settings.show_passwords,
            reboot_deadline: const { NonZeroU32::new(24 * 60 * 60).unwrap() },
            login: Vec::new(),
        }
    }
}

/// A login to the web servers of some phones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSection {
    /// Which phones; left out: all.
    #[serde(rename = "match", default)]
    pub devices: DeviceMatch,
    /// User name.
    pub username: String,
    /// Password.
    #[serde(deserialize_with = "super::acs_section::secret")]
    pub password: Secret,
}

/// SIP towards phones.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipSection {
    /// Local addresses and ports, at most one of IPv4 and one of IPv6; empty: the system's choice.
    pub bind: Vec<SocketAddr>,
    /// By what NOTIFYs go to phones themselves: `auto`, `udp` or `tcp`.
    pub transport: SipTransportChoice,
    /// Through which proxy they go; empty: to the phones themselves.
    #[serde(deserialize_with = "super::settings::empty_is_none")]
    pub via: Option<SipProxy>,
    /// For the proxy's challenge; empty: those of the phone's account.
    pub username: String,
    /// For the proxy's challenge.
    #[serde(deserialize_with = "super::acs_section::secret")]
    pub password: Secret,
    /// Other ways for some phones: `[[sip.route]]`; the first that fits a phone counts.
    pub route: Vec<RouteSection>,
}

/// How NOTIFYs go to some phones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSection {
    /// Which phones.
    #[serde(rename = "match")]
    pub devices: DeviceMatch,
    /// Through which proxy; empty: to the phones themselves.
    #[serde(deserialize_with = "super::settings::empty_is_none")]
    pub via: Option<SipProxy>,
    /// For its challenge; left out: those of the phone's account.
    #[serde(default)]
    pub username: String,
    /// For its challenge.
    #[serde(default, deserialize_with = "super::acs_section::secret")]
    pub password: Secret,
}

impl ControlSection {
    /// The same as the gateway knows it.
    pub(super) fn settings(
        &self,
        sip: &SipSection,
        packs: &Packs,
    ) -> Result<ControlSettings, SettingsError> {
        let logins = self.login.iter().enumerate().map(|(place, login)| {
            check_vendor(&login.devices, packs, || format!("control.login[{place}]"))?;
            Ok(WebLoginRule {
                devices: login.devices.clone(),
                credentials: Credentials {
                    username: login.username.clone(),
                    password: login.password.clone(),
                },
            })
        });
        Ok(ControlSettings {
            per_second: self.per_second,
            per_site: self.per_site,
            with_likely: self.likely,
            restart_to_fetch: self.restart_to_fetch,
            show_passwords: self.show_passwords,
            reboot_deadline: Duration::from_secs(self.reboot_deadline.get().into()),
            logins: logins.collect::<Result<_, SettingsError>>()?,
            transport: sip.transport,
            routes: sip.routes(packs)?,
        })
    }
}

impl SipSection {
    /// Whether these settings can be carried out.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for is_v4 in [true, false] {
            let mut family = self
                .bind
                .iter()
                .filter(|address| address.is_ipv4() == is_v4);
            if let (Some(_), Some(second)) = (family.next(), family.next()) {
                return Err(SettingsError::SecondSipAddress { address: *second });
            }
        }
        let mut routes = self.route.iter().enumerate();
        match routes.find(|(_, route)| route.devices.is_empty()) {
            Some((place, _)) => Err(SettingsError::MatchesAll {
                section: route_name(place),
            }),
            None => Ok(()),
        }
    }

    /// From where SIP leaves.
    pub fn sender(&self) -> SipSettings {
        SipSettings {
            bind: self.bind.clone(),
        }
    }

    fn routes(&self, packs: &Packs) -> Result<Vec<SipRoute>, SettingsError> {
        let mut routes = Vec::new();
        for (place, route) in self.route.iter().enumerate() {
            check_vendor(&route.devices, packs, || route_name(place))?;
            routes.push(SipRoute {
                devices: route.devices.clone(),
                via: via(&route.via, &route.username, &route.password),
            });
        }
        routes.push(SipRoute {
            devices: DeviceMatch::default(),
            via: via(&self.via, &self.username, &self.password),
        });
        Ok(routes)
    }
}

fn via(proxy: &Option<SipProxy>, username: &str, password: &Secret) -> Option<SipVia> {
    let credentials = (!username.is_empty()).then(|| Credentials {
        username: username.to_owned(),
        password: password.clone(),
    });
    proxy.clone().map(|proxy| SipVia { proxy, credentials })
}

fn route_name(place: usize) -> String {
    format!("sip.route[{place}]")
}

fn check_vendor(
    devices: &DeviceMatch,
    packs: &Packs,
    section: impl Fn() -> String,
) -> Result<(), SettingsError> {
    match &devices.vendor {
        Some(vendor) if packs.by_vendor(vendor).is_none() => {
            let known: Vec<&str> = packs.iter().map(|pack| pack.vendor()).collect();
            Err(SettingsError::UnknownName {
                key: format!("{}.match.vendor", section()),
                what: "mapping pack",
                name: vendor.clone(),
                known: known.join(", "),
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Settings;

    fn control(text: &str) -> Result<ControlSettings, SettingsError> {
        let settings: Settings = toml::from_str(text).unwrap();
        settings.check()?;
        let packs = Packs::embedded().unwrap();
        settings.control.settings(&settings.sip, &packs)
    }

    #[test]
    fn the_first_route_that_fits_counts_and_the_section_itself_comes_last() {
        let settings = control(
            "[sip]\nvia = \"sip:pbx.example.net;transport=tcp\"\nusername = \"trestle\"\n\
             [[sip.route]]\nmatch = { folder = \"site-b\" }\nvia = \"\"\n\
             [control]\nper_site = 0.5\nper_second = 100\n\
             [[control.login]]\nusername = \"api\"\npassword = \"x\"\n",
        )
        .unwrap();
        assert_eq!(settings.routes.len(), 2);
        assert_eq!(settings.routes[0].via, None);
        let via = settings.routes[1].via.as_ref().unwrap();
        assert_eq!(
            via.proxy.to_string(),
            "sip:pbx.example.net:5060;transport=tcp"
        );
        assert_eq!(via.credentials.as_ref().unwrap().username, "trestle");
        assert_eq!(settings.logins[0].credentials.username, "api");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "[sip]\nbind = [\"192.0.2.1:5060\", \"192.0.2.2:5060\"]\n",
            "[[sip.route]]\nmatch = {}\nvia = \"sip:pbx\"\n",
            "[[sip.route]]\nmatch = { vendor = \"nobody\" }\nvia = \"sip:pbx\"\n",
            "[[control.login]]\nmatch = { vendor = \"nobody\" }\nusername = \"a\"\npassword = \"b\"\n",
        ] {
            assert!(control(text).is_err(), "{text}");
        }
        for text in [
            "[control]\nper_site = 0\n",
            "[control]\nper_second = -1\n",
            "[control]\nreboot_deadline = 0\n",
            "[sip]\nvia = \"pbx.example.net\"\n",
            "[sip]\ntransport = \"tls\"\n",
        ] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }
}
