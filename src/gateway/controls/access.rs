//! What a phone is shown: as its files say, or as those said that it still has.

use std::sync::Arc;

use super::job::{SipAim, WebAim};
use super::settings::SipTransportChoice;
use crate::datamodel::ParameterPath;
use crate::device::{DeviceRecord, PhoneAccess};
use crate::gateway::closed::if_open;
use crate::gateway::core::Gateway;
use crate::gateway::door::GatewayError;
use crate::gateway::draft::Draft;
use crate::gateway::own_changes::Derived;
use crate::mapping::{Pack, Parameter, Template};
use crate::native::{Layers, Mac};
use crate::wire::sip::SipTransport;
use crate::wire::{Credentials, Secret};

/// The port of SIP, for phones whose file names none.
const SIP_PORT: u16 = 5060;
/// The port of HTTP, likewise.
const HTTP_PORT: u16 = 80;
/// The accounts of a phone, in the lenses for Device:1.
const PROFILES: &str = "Device.Services.VoiceService.1.VoiceProfile.";
/// Names of parameters without which nobody can tell that a phone's access has changed, in the data
/// models that trestle ties to accounts itself.
const ACCESS_NAMES: [&str; 7] = [
    "AuthPassword",
    "AuthUserName",
    "DirectoryNumber",
    "UserAgentPort",
    "UserAgentTransport",
    "AdminPassword",
    "HTTPPort",
];

impl Gateway {
    /// The lenses that know a phone's accounts, whatever data model its ACS sees.
    fn account_lenses(&self, record: &DeviceRecord) -> Result<Arc<Pack>, GatewayError> {
        if self.inner.packs.template() == Template::Device1 {
            return self.lenses(record);
        }
        let pack = self
            .inner
            .packs
            .for_accounts(&record.vendor, record.model.as_deref());
        pack.ok_or_else(|| GatewayError::MissingPack {
            vendor: record.vendor.clone(),
        })
    }

    /// What a phone's files say of how it is reached.
    fn access_in(
        &self,
        record: &DeviceRecord,
        layers: &Layers,
    ) -> Result<PhoneAccess, GatewayError> {
        let pack = self.account_lenses(record)?;
        let rows = pack.rows(layers, &record.rows);
        let parameters = pack.read_with_kept(layers, &rows, &record.kept);
        let web = pack.web_access(layers);
        let mut access = PhoneAccess {
            web_user: web.user,
            web_password: web.password.map(Secret::new),
            web_port: web.port,
            ..PhoneAccess::default()
        };
        if let Some(profile) = first_account(&parameters) {
            let value = |name: &str| {
                let path = format!("{PROFILES}{profile}.{name}");
                let found = parameters
                    .iter()
                    .find(|parameter| parameter.path.as_str() == path);
                found.map_or_else(String::new, |parameter| parameter.value.clone())
            };
            access.user = value("Line.1.DirectoryNumber");
            access.auth_user = value("Line.1.SIP.AuthUserName");
            access.password = Secret::new(value("Line.1.SIP.AuthPassword"));
            access.port = value("SIP.UserAgentPort").parse().ok();
            access.by_tcp = value("SIP.UserAgentTransport").eq_ignore_ascii_case("TCP");
            let domains = ["UserAgentDomain", "RegistrarServer", "ProxyServer"];
            let mut domains = domains
                .map(|name| value(&format!("SIP.{name}")))
                .into_iter();
            access.domain = domains
                .find(|domain| !domain.is_empty())
                .unwrap_or_default();
        }
        Ok(access)
    }

    /// What the phone lets in now: a password that was changed in its file is not its password
    /// before it has fetched that.
    pub(super) fn present_access(&self, draft: &mut Draft) -> Result<PhoneAccess, GatewayError> {
        let record = &draft.record;
        if let Some(served) = &record.delivery.served
            && let Some(held) = record.control.held_by(served.revision)
        {
            return Ok(held.clone());
        }
        let record = record.clone();
        let documents = if_open(draft.documents(self))?;
        match documents {
            Some(documents) => self.access_in(&record, &documents.layers),
            // Nobody can say; a NOTIFY without a challenge may do.
            None => Ok(PhoneAccess::default()),
        }
    }

    /// Keeps what the phone lets in until it has fetched the change that is about to be written.
    /// The stored files are still those of before.
    pub(in crate::gateway) fn keep_access(
        &self,
        draft: &mut Draft,
        derived: &Derived,
    ) -> Result<(), GatewayError> {
        let Some(before) = draft.before().cloned() else {
            return Ok(());
        };
        let is_news = draft.record.delivery.desired != before.delivery.desired;
        if !is_news || before.delivery.served.is_none() || !self.may_change_access(derived) {
            return Ok(());
        }
        let pack = self.lenses(&before)?;
        let Some(old) = if_open(self.open_documents(&before, &pack))? else {
            return Ok(());
        };
        let old = self.access_in(&before, &old.layers)?;
        let record = draft.record.clone();
        let new = self.access_in(&record, &draft.documents(self)?.layers)?;
        if old != new {
            draft.record.control.keep(before.delivery.desired, old);
        }
        Ok(())
    }

    /// Whether a change could be one of the phone's access: cheap, and yes when in doubt.
    fn may_change_access(&self, derived: &Derived) -> bool {
        if self.inner.packs.template() == Template::Vendor {
            return true;
        }
        let (before, after) = (&derived.before.values, &derived.after.values);
        has_other_access(before, after) || has_other_access(after, before)
    }

    /// Where a NOTIFY for a phone goes.
    pub(super) fn sip_aim(&self, mac: Mac, record: &DeviceRecord, access: &PhoneAccess) -> SipAim {
        let settings = &self.inner.settings.control;
        let route = settings
            .routes
            .iter()
            .find(|route| route.devices.fits(mac, record));
        let by_tcp = match settings.transport {
            SipTransportChoice::Auto => access.by_tcp,
            SipTransportChoice::Udp => false,
            SipTransportChoice::Tcp => true,
        };
        SipAim {
            user: access.user.clone(),
            domain: access.domain.clone(),
            port: access.port.filter(|port| *port != 0).unwrap_or(SIP_PORT),
            transport: match by_tcp {
                true => SipTransport::Tcp,
                false => SipTransport::Udp,
            },
            credentials: Credentials {
                // Phones take their user id where no authentication id is set.
                username: match access.auth_user.as_str() {
                    "" => access.user.clone(),
                    auth_user => auth_user.to_owned(),
                },
                password: access.password.clone(),
            },
            via: route.and_then(|route| route.via.clone()),
        }
    }

    /// What a phone's web server is shown.
    pub(super) fn web_aim(&self, mac: Mac, record: &DeviceRecord, access: &PhoneAccess) -> WebAim {
        let settings = &self.inner.settings.control;
        let mut logins = settings.logins.iter();
        let of_settings = logins.find(|login| login.devices.fits(mac, record));
        let of_files = || {
            let password = access.web_password.clone()?;
            let username = access.web_user.clone();
            (!username.is_empty()).then_some(Credentials { username, password })
        };
        WebAim {
            port: access.web_port.unwrap_or(HTTP_PORT),
            credentials: match of_settings {
                Some(login) => Some(login.credentials.clone()),
                None => of_files(),
            },
            may_show_password: settings.show_passwords,
        }
    }
}

/// Whether a value of the phone's access is not the same among the others.
fn has_other_access(
    values: &[(ParameterPath, String)],
    others: &[(ParameterPath, String)],
) -> bool {
    values.iter().any(|(path, value)| {
        let name = path.as_str().rsplit('.').next().unwrap_or_default();
        let other = others.binary_search_by(|(other, _)| other.cmp(path));
        let other = other.ok().and_then(|place| others.get(place));
        ACCESS_NAMES.contains(&name) && other.is_none_or(|(_, other)| other != value)
    })
}

/// The number of the first account that has a user, or of the first.
fn first_account(parameters: &[Parameter]) -> Option<u32> {
    let mut numbers: Vec<(bool, u32)> = parameters
        .iter()
        .filter_map(|parameter| {
            let rest = parameter.path.as_str().strip_prefix(PROFILES)?;
            let number = rest.strip_suffix(".Line.1.DirectoryNumber")?;
            Some((parameter.value.is_empty(), number.parse().ok()?))
        })
        .collect();
    numbers.sort_unstable();
    numbers.first().map(|(_, number)| *number)
}
